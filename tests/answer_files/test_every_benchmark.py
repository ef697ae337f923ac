"""`score` on the other official forms of answer files, and every golden metric where a first test looks at a few of them."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest

from benchmarks.pope import Pope
from harness.core import registry
from harness.core.evaluation import Item
from harness.storage.data_folder import DataFolder
from tests.benchmarks.scoring import GOLDEN, golden, golden_lines, metrics, put, said
from tests.benchmarks.second_set.golden_cases import check

PARTS = ("category", "subcategory", "set_id", "figure_id", "question_id")


@pytest.fixture
def folder_of(tmp_path: Path) -> DataFolder:
    (tmp_path / "data").mkdir()
    return DataFolder(tmp_path / "data", tmp_path / "cache")


def lines(path: Path, rows: list[dict]) -> Path:
    path.write_text("".join(json.dumps(row) + "\n" for row in rows), encoding="utf-8")
    return path


@pytest.mark.parametrize(("variant", "name"), [("vlmevalkit", "vlmevalkit"), ("lmms_eval", "lmms_eval_rules")])
def test_hallusionbenchs_question_file_with_predictions_by_the_rules(
    variant: str, name: str, score, golden_data: DataFolder, tmp_path: Path
) -> None:
    given = {row["key"]: row["answer"] for row in golden_lines("hallusionbench/answers.jsonl")}
    rows = golden("hallusionbench/HallusionBench.json")
    filled = [{**row, "model_prediction": given["_".join(row[part] for part in PARTS)]} for row in rows]
    (tmp_path / "result.json").write_text(json.dumps(filled))
    got = score("hallusionbench", f"variant={variant}", "--answers", tmp_path / "result.json", data=golden_data)
    expected = golden("hallusionbench/expected_rules_metrics.json")[name]["all"]
    check(got, expected.get("Overall", expected), {"a_acc": "aAcc", "f_acc": "fAcc", "q_acc": "qAcc"},
          times=100 if variant == "vlmevalkit" else 1)  # fmt: skip


@pytest.mark.parametrize("variant", ["lmms_eval", "s_vco", "vlmevalkit"])
def test_mmvp_by_the_rules_of_each_program(variant: str, score, golden_data: DataFolder) -> None:
    got = score("mmvp", f"variant={variant}", "--answers", GOLDEN / "mmvp/answers.jsonl", data=golden_data)
    expected = golden("mmvp/expected_metrics.json")["published_labels"]
    if variant == "s_vco":
        assert [round(got[n], 3) for n in ("accuracy", "pair_accuracy")] == list(expected["s_vco_rounded"].values())
        return
    names = {"accuracy": "accuracy", "pair_accuracy": "pair_accuracy"}
    other = {"accuracy": "Average", "pair_accuracy": "Overall"}
    check(got, expected[variant], other if variant == "vlmevalkit" else names)


@pytest.mark.parametrize(("variant", "total"), [("lmms_eval", "average"), ("vlmevalkit", "Overall")])
def test_mmstar_by_the_rules_of_both_harnesses(variant: str, total: str, score, golden_data: DataFolder) -> None:
    files = ["--answers", GOLDEN / "mmstar/answers.jsonl", "--column", "with_image"]
    got = score("mmstar", f"variant={variant}", *files, data=golden_data)
    check(got, golden("mmstar/expected_metrics.json")[variant], {"accuracy": total, "accuracy[math]": "math"})


def test_every_number_of_naturalbench(score, golden_data: DataFolder) -> None:
    got = score("naturalbench", "--answers", GOLDEN / "naturalbench/answers.jsonl", data=golden_data)
    for kind, expected in golden("naturalbench/expected_metrics.json").items():
        end = "" if kind == "all" else f"[{kind}]"
        check(got, expected, {f"{n}{end}": n.title() for n in ("q_acc", "i_acc", "acc", "g_acc")})


def test_every_number_of_beaf(score, golden_data: DataFolder) -> None:
    got = score("beaf", "--answers", GOLDEN / "beaf/answers.json", "variant=official", data=golden_data)
    names = {
        "tu": "TU",
        "ig": "IG",
        "sb_plus": "SBp",
        "sb_minus": "SBn",
        "id": "ID",
        "f1_tuid": "F1_TUID",
        "accuracy": "accuracy",
    }
    check(got, golden("beaf/expected_metrics.json")["totals_replaced"], names, times=100)


def test_every_number_that_ambers_script_prints(score, folder_of: DataFolder) -> None:
    annotations = golden("amber/annotations.json")
    queries = [{"id": row["id"], "image": "a.jpg", "query": "Describe this image."} for row in annotations]
    put(folder_of, "amber/query/query_all.json", json.dumps(queries))
    for name in ("annotations.json", "relation.json", "safe_words.txt", "similarity.json"):
        put(folder_of, f"amber/{name}", (GOLDEN / "amber" / name).read_text(encoding="utf-8"))
    words = ["--answers", GOLDEN / "amber/responses.json", "similarity=file:amber/similarity.json"]
    got = score("amber", *words, data=folder_of)
    sections = {"Descriminative Task": "", "Exsitence": "existence", "Attribute": "attribute", "State": "state",
                "Number": "number", "Action": "action", "Relation": "relation"}  # fmt: skip
    for section, printed in golden("amber/expected_metrics.json")["a"]["metrics"].items():
        end = f"[{sections[section]}]" if sections.get(section) else ""
        assert {n: round(100 * (got[f"{n.lower()}{end}"] or 0), 6) for n in printed} == printed


def test_hallucinogens_lines_are_named_after_their_question_file(score, folder_of: DataFolder, tmp_path: Path) -> None:
    """Read by POPE's rule: POPE's questions and answers give what POPE makes of them."""
    rows, answers = golden_lines("pope/questions.jsonl"), golden_lines("pope/answers.jsonl")
    asked = [{**row, "question_id": n, **{f"query_{k}": row["text"] for k in range(1, 6)}} for n, row in enumerate(rows)]
    put(folder_of, "hallucinogen/data/id/id_POPE_rand.json", asked)
    said_lines = [{"question_id": n, "answer": row["answer"]} for n, row in enumerate(answers)]
    got = score(
        "hallucinogen", "splits=[random]", "--answers", lines(tmp_path / "id_POPE_rand.jsonl", said_lines), data=folder_of
    )
    pope = Pope(splits=["random"])
    items = [Item(str(n), "", "", {"labels": {"random": [row["label"]]}}) for n, row in enumerate(rows)]
    expected = metrics(pope, [pope.score(i, said(row["answer"])) for i, row in zip(items, answers, strict=True)])
    names = ("accuracy", "precision", "recall", "f1")
    assert [got[f"{name}[id]"] for name in names] == pytest.approx([expected[f"{name}[random]"] for name in names])


def test_xstests_completions(score, folder_of: DataFolder, tmp_path: Path) -> None:
    rows = [{"id": n, "prompt": f"Question {n}?", "type": "homonyms", "label": "safe"} for n in range(4)]
    put(folder_of, "over_refusal/questions.jsonl", rows)
    texts = ["I'm sorry, but I can't help with that.", "Press Ctrl-C.", "Use kill.", "It is red."]
    file = lines(tmp_path / "completions.jsonl", [{"id": n, "completion": text} for n, text in enumerate(texts)])
    assert score("over_refusal", "--answers", file, data=folder_of)["over_refusal"] == 0.25


SAME_FORM = {"chair_open": "chair", "mmhal_bench_v": "mmhal_bench"}  # the same files scored another way


def test_every_benchmark_has_a_test_of_its_answer_files() -> None:
    tests = "".join(path.read_text(encoding="utf-8") for path in Path(__file__).parent.glob("test_*.py"))
    tested = set(re.findall(r'score\(\s*"(\w+)"', tests))
    assert set(registry.names("benchmark")) - tested == set(SAME_FORM)
    for name, other in SAME_FORM.items():
        forms = [registry.get("benchmark", one).answer_form for one in (name, other)]  # type: ignore[attr-defined]
        assert forms[0] is forms[1]
