"""A gate as JUnit XML for CI systems: a suite a checkpoint, a case a rule; inconclusive and watched rules are skipped."""

from __future__ import annotations

from xml.etree import ElementTree as xml

from reports.gate.words import difference
from reports.text.formatting import probability, row_name, shortened
from reports.values.gate import FAIL, INCONCLUSIVE, WATCHED, CheckpointGate, Gate, RuleResult


def junit(gate: Gate) -> str:
    """One document. A checkpoint that is inconclusive has a case of its own that is an error: a pipeline must not read it as
    passed, whatever it makes of skipped cases."""
    root = xml.Element("testsuites", name=_text(f"gate {gate.policy}"))
    for checkpoint in gate.checkpoints:
        suite = xml.SubElement(root, "testsuite", name=_text(checkpoint.column))
        for rule in checkpoint.rules:
            _case(suite, checkpoint, rule)
        overall = xml.SubElement(suite, "testcase", classname=_text(checkpoint.column), name="verdict")
        if checkpoint.verdict == FAIL:
            xml.SubElement(overall, "failure", message=_text(checkpoint.words), type=FAIL)
        elif checkpoint.verdict == INCONCLUSIVE:
            xml.SubElement(overall, "error", message=_text(checkpoint.words), type=INCONCLUSIVE)
        for kind, attribute in (("failure", "failures"), ("error", "errors"), ("skipped", "skipped")):
            suite.set(attribute, str(len(suite.findall(f"testcase/{kind}"))))
        suite.set("tests", str(len(suite.findall("testcase"))))
    xml.indent(root)
    return '<?xml version="1.0" encoding="UTF-8"?>\n' + xml.tostring(root, encoding="unicode") + "\n"


def _case(suite: xml.Element, checkpoint: CheckpointGate, rule: RuleResult) -> None:
    case = xml.SubElement(suite, "testcase", classname=_text(checkpoint.column), name=_text(f"{rule.key} {rule.by}"))
    found = f"{row_name(rule)}: {difference(rule)}, {rule.by}; p (met) {probability(rule.p_pass)}"
    if rule.verdict == FAIL and not rule.set_name:
        xml.SubElement(case, "failure", message=_text(found), type=FAIL).text = _text(rule.why)
    elif rule.verdict in (FAIL, INCONCLUSIVE, WATCHED):
        xml.SubElement(case, "skipped", message=_text(f"{rule.verdict}: {rule.why or found}"))
    else:
        xml.SubElement(case, "system-out").text = _text(found)


def _text(text: str) -> str:
    """Without the characters that XML cannot hold."""
    visible = shortened(text, 400)
    return "".join(c for c in visible if c in "\t\n" or "\x20" <= c <= "\ud7ff" or "\ue000" <= c <= "\ufffd" or c > "\uffff")
