"""A sweep stops when its gate is decided, asks no image after that, and says how it was stopped."""

from __future__ import annotations

import json
import shutil
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

import harness
from harness.config.gate_policy import parse_policy
from harness.config.schema import RunConfig, parse
from harness.core.digests import value_digest
from harness.core.errors import ConfigError, RunLocked
from harness.models.scripted import Scripted
from harness.run import pipeline
from harness.run import until_decided as decided
from harness.run.until_decided import until_decided
from harness.storage.run_folder import locked
from harness.storage.run_store import open_store


def study(world: Path, output: Path, name: str, says: str) -> RunConfig:
    model = {"name": "scripted", "default": says}
    return parse({"name": name, "model": model, "data": str(world), "output": str(output), "sweep": [{"name": "pope"}]})


def policy(metric: str, margin: str) -> Any:
    return parse_policy({"rules": [{"metric": metric, "role": "guard", "margin": margin}]})


ONE = "COCO_val2014_000000500001.jpg Is there a remote in the image?"
RECALL = policy("pope.recall[random]", "5 points")


@pytest.fixture(scope="module")
def base(world: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """An output folder with the sweep of a base that always says yes, over 120 images."""
    output = tmp_path_factory.mktemp("until")
    pipeline.run(study(world, output, "base", "Yes."), "test")
    return output


def test_a_checkpoint_that_sees_nothing_any_more_fails_at_the_first_look(world: Path, base: Path) -> None:
    done = until_decided(study(world, base, "blind", "No."), RECALL, "base", "test")
    assert (done.gate.verdict, done.asked) == ("fail", 50) and done.planned > 2 * 50
    items = harness.open_store(base).run(done.run_id).items()
    assert items["group"].nunique() == 50 and items.missing.isna().all()
    assert "Stopped when the gate was decided, after 50 of" in done.gate.stopped


def test_a_run_that_an_older_version_began_goes_on_under_its_id(world: Path, base: Path) -> None:
    config = study(world, base, "blind", "No.")
    done = until_decided(config, RECALL, "base", "test")
    rule = "Rule(role='guard', metric='pope.recall[random]', kind='', margin=Margin(value=5.0, unit='points'), "
    rule += "need='all', better='')"
    with open_store(base) as store:
        (result,) = store.results(done.run_id)
        identity = [config.digest, result.checkpoint.digest, store.run("base").id]
    written = f"Policy(name='gate', rules=({rule},), alpha=0.05)"
    assert done.run_id == f"blind-until-decided-{value_digest([*identity, written])[:8]}"


def test_the_report_and_every_later_comparison_say_how_it_was_stopped(world: Path, base: Path) -> None:
    done = until_decided(study(world, base, "blind", "No."), RECALL, "base", "test")
    assert "Stopped early" in (done.folder / "report.html").read_text() and (done.folder / "gate.xml").is_file()
    compared = harness.compare("base", done.run_id, output=base).comparison
    assert "stopped" in {difference.fact for difference in compared.protocol_differences}
    later = harness.gate("base", done.run_id, output=base, policy={"rules": [
        {"metric": "pope.recall[random]", "role": "guard", "margin": "5 points"}]})  # fmt: skip
    assert later.verdict == "inconclusive"  # tests for a whole sweep do not hold for a stopped one


def test_a_run_that_another_process_works_in_is_refused_before_its_protocol_is_looked_at(
    world: Path, base: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    done = until_decided(study(world, base, "blind", "No."), RECALL, "base", "test")
    monkeypatch.setattr(decided, "require_same_protocol", None)  # which may start a server
    with locked(done.folder), pytest.raises(RunLocked):
        until_decided(study(world, base, "blind", "No."), RECALL, "base", "test")


def test_a_model_that_turns_out_to_answer_under_other_facts_decides_nothing(
    world: Path, base: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    facts = Scripted.facts
    monkeypatch.setattr(Scripted, "facts", lambda self: facts(self) | ({"temperature": "its own"} if self.asked else {}))
    with pytest.raises(ConfigError, match=r"temperature is 'its own', not '\(none\)'.*The base \(base-.*Sweep the base again"):
        until_decided(study(world, base, "odd", "Nothing."), RECALL, "base", "test")


def test_what_cannot_be_decided_asks_every_image_and_says_so(world: Path, base: Path) -> None:
    done = until_decided(study(world, base, "same", "Yes!"), policy("pope.accuracy", "0.1 points"), "base", "test")
    assert done.gate.verdict == "inconclusive" and done.asked == done.planned
    assert done.gate.stopped.startswith(f"Not decided with all {done.planned} images")


def test_a_base_without_the_benchmark_is_refused(world: Path, base: Path) -> None:
    other = parse({**study(world, base, "x", "Yes.").model_dump(exclude_none=True), "sweep": [{"name": "chair"}]})
    with pytest.raises(ConfigError, match="has no result of chair"):
        until_decided(other, policy("chair.recall", "5 points"), "base", "test")


@pytest.fixture
def own(base: Path, tmp_path: Path) -> Path:
    """A copy of the output folder, to be changed."""
    return Path(shutil.copytree(base, tmp_path / "own"))


def refused(
    world: Path, output: Path, against: str, match: str, name: str = "blind", rules: Any = RECALL, **spec: object
) -> None:
    """Refused in one line, before a run is begun."""
    tree = study(world, output, name, "No.").model_dump(exclude_none=True)
    config = parse({**tree, "sweep": [{**tree["sweep"][0], **spec}]})
    with open_store(output) as store:
        before = [(run.id, run.status) for run in store.runs()]
    with pytest.raises(ConfigError, match=match) as found:
        until_decided(config, rules, against, "test")
    with open_store(output) as store:
        assert [(run.id, run.status) for run in store.runs()] == before and "\n" not in str(found.value)


def test_a_base_that_itself_stopped_early_is_refused(world: Path, own: Path) -> None:
    done = until_decided(study(world, own, "blind", "No."), RECALL, "base", "test")
    refused(world, own, done.run_id, f"{done.run_id} was itself stopped early", name="third")


@pytest.mark.parametrize("status", ["running", "interrupted", "stopped: ModelError"])
def test_a_base_that_is_not_finished_is_refused(world: Path, own: Path, status: str) -> None:
    with open_store(own) as store:
        store.set_status(store.run("base").id, status)
    shown = "interrupted" if status == "running" else status
    refused(world, own, "base", rf"is not finished \({shown}\)\. Give its command again \(test\)")


def test_a_base_without_some_answers_is_refused_where_they_decide(world: Path, own: Path) -> None:
    with open_store(own) as store:
        run = store.run("base").id
        (whole,) = store.results(run)
        lacking = replace(whole, answer_keys=(None, *whole.answer_keys[1:]), scores=whole.scores[1:])
        store.add_result(run, 0, lacking)
        store.set_status(run, store.how_complete(run))
    refused(world, own, "base", "pope: of .* items of base-.* are 1 without an answer")


def test_the_base_is_the_run_that_was_named_though_its_name_is_the_new_runs_too(world: Path, own: Path) -> None:
    done = until_decided(study(world, own, "base", "No."), RECALL, "base", "until")
    report = json.loads((done.folder / "report.json").read_text())
    assert [run["command"] for run in report["runs"]] == ["test", "until"]


@pytest.mark.parametrize("chosen", [{"limit": 5}, {"items": [ONE]}], ids=str)
def test_items_that_are_chosen_and_would_not_be_followed_are_refused(
    world: Path, base: Path, chosen: dict[str, object]
) -> None:
    refused(world, base, "base", r"pope: `limit` and `items` .* choose .* leave them out", **chosen)


def test_a_limit_that_the_base_had_too_is_followed(world: Path, tmp_path: Path) -> None:
    def limited(name: str, says: str) -> RunConfig:
        tree = study(world, tmp_path, name, says).model_dump(exclude_none=True)
        return parse({**tree, "sweep": [{"name": "pope", "limit": 120}]})

    pipeline.run(limited("base", "Yes."), "test")
    done = until_decided(limited("blind", "No."), RECALL, "base", "test")
    assert len(harness.open_store(tmp_path).run(done.run_id).items()) <= 120


@pytest.mark.parametrize(
    ("spec", "match"),
    [({"style": "llava"}, r"another protocol, .* prompt"), ({"splits": ["random"]}, r"\d+ of the [\d,]+ items .* not there")],
    ids=["prompt", "splits"],
)
def test_a_gate_that_cannot_be_decided_asks_nothing(world: Path, base: Path, spec: dict[str, object], match: str) -> None:
    refused(world, base, "base", match, **spec)


@pytest.mark.parametrize(
    ("pattern", "old", "new", "fact"),
    [("COCO_val2014_000000500001.jpg", b"", b" ", "image digest"), ("coco_pope_random.json", b'"no"', b'"yes"', "item digest")],
    ids=["image", "label"],
)
def test_an_image_or_label_that_changed_since_the_base_was_asked_is_found(
    world: Path, base: Path, tmp_path: Path, pattern: str, old: bytes, new: bytes, fact: str
) -> None:
    changed = Path(shutil.copytree(world, tmp_path / "world"))
    (file,) = changed.rglob(pattern)
    file.write_bytes(file.read_bytes().replace(old, new, 1) if old else file.read_bytes() + new)
    refused(changed, base, "base", f"another protocol, .*: {fact}")


def test_a_kind_that_nothing_measures_is_told_before_anything_is_asked(world: Path, base: Path) -> None:
    rules = [{"metric": "pope.accuracy", "role": "guard", "margin": "5 points"}, {"kind": "helpfulness", "role": "improve"}]
    refused(world, base, "base", "decides on helpfulness, which no benchmark", rules=parse_policy({"rules": rules}))
