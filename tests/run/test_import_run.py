"""Another tool's answers become a run of another protocol: what is missing is missing, and nothing is guessed."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

import harness
from harness.answer_files.stated_labels import other_labels
from harness.core.errors import DataError
from harness.core.evaluation import Item
from harness.core.run_record import OTHER_LABELS
from harness.evaluation.asked_items import items_of
from harness.run.import_run import import_run
from harness.run.sample_logs import matched, read_sample_log


@pytest.fixture(scope="module")
def questions(world: Path) -> list[Any]:
    """Items of the small world's POPE."""
    from harness.config.schema import parse
    from harness.evaluation.scoring import build
    from harness.storage.data_folder import DataFolder

    spec = parse({"model": {"name": "scripted"}, "sweep": [{"name": "pope", "limit_images": 5}]}).sweep[0]
    return list(items_of(spec, build(spec, None), DataFolder(world)))


def lmms(items: list[Any], answer: str = "Yes", prompt: str = "") -> list[dict[str, Any]]:
    docs = [{"question_id": str(n), "question": i.question, "image_source": Path(i.image).stem} for n, i in enumerate(items)]
    return [
        {"doc_id": n, "doc": d, "input": prompt, "resps": [[answer]], "filtered_resps": [answer]} for n, d in enumerate(docs)
    ]


def written(path: Path, rows: list[dict[str, Any]]) -> Path:
    path.write_text("".join(json.dumps(row) + "\n" for row in rows))
    return path


CHANGES = ("sweep.pope.limit_images=5",)


def test_an_lmms_eval_log_is_scored_as_our_own_answers_are(questions: list[Any], world: Path, tmp_path: Path) -> None:
    file = written(tmp_path / "samples_pope.jsonl", lmms(questions))
    done = import_run(file, "pope", data=str(world), output=tmp_path, changes=CHANGES)
    assert (done.tool, done.answered, done.items, done.unmatched) == ("lmms-eval", len(questions), len(questions), 0)
    run = harness.open_store(tmp_path).run(done.run_id)
    scored = harness.load_benchmark("pope", data=str(world), limit_images=5).score({i.id: "Yes" for i in questions})
    ours, theirs = (r.metrics().set_index(["metric", "group"])["value"] for r in (scored, run))
    assert theirs.equals(ours) and len(harness.open_store(tmp_path).items()) == len(questions)


def test_items_that_the_log_lacks_are_missing_with_that_reason(questions: list[Any], world: Path, tmp_path: Path) -> None:
    file = written(tmp_path / "log.jsonl", lmms(questions[:-3]))
    done = import_run(file, "pope", data=str(world), output=tmp_path, changes=CHANGES)
    frame = harness.open_store(tmp_path).run(done.run_id).items()
    assert frame.missing.dropna().tolist() == ["not in the imported log"] * 3


def test_rows_that_answer_one_question_differently_are_one_error_that_names_both(
    questions: list[Any], world: Path, tmp_path: Path
) -> None:
    file = written(tmp_path / "log.jsonl", [*lmms(questions), *lmms(questions[:1], "No")])
    with pytest.raises(DataError, match=f"line {len(questions) + 1} gives another answer to .*log.jsonl, line 1 .'No', not"):
        import_run(file, "pope", data=str(world), output=tmp_path, changes=CHANGES)


def test_rows_of_a_split_that_is_not_asked_are_left_out_and_each_run_keeps_its_answers(
    questions: list[Any], world: Path, tmp_path: Path
) -> None:
    texts = {"random": "Yes", "popular": "No"}
    rows = [r | {"doc": {**r["doc"], "category": split}} for split, text in texts.items() for r in lmms(questions, text)]
    file = written(tmp_path / "log.jsonl", rows)
    changes = {split: (*CHANGES, f"sweep.pope.splits=[{split}]") for split in texts}
    runs = {s: import_run(file, "pope", data=str(world), output=tmp_path, changes=own) for s, own in changes.items()}
    assert {run.not_asked for run in runs.values()} == {len(questions)}
    store = harness.open_store(tmp_path)
    assert {split: set(store.run(run.run_id).items().answer) for split, run in runs.items()} == {
        split: {text} for split, text in texts.items()
    }
    with pytest.raises(DataError, match="All rows of .*log.jsonl are of question files of which this run asks nothing"):
        import_run(file, "pope", data=str(world), output=tmp_path, changes=[*CHANGES, "sweep.pope.splits=[adversarial]"])


def test_rows_that_repeat_an_answer_are_one_answer(questions: list[Any], world: Path, tmp_path: Path) -> None:
    file = written(tmp_path / "log.jsonl", lmms(questions) * 3)
    done = import_run(file, "pope", data=str(world), output=tmp_path, changes=CHANGES)
    assert (done.answered, done.items, done.unmatched) == (len(questions), len(questions), 0)


@pytest.mark.parametrize("own_ids", [True, False])
def test_splits_of_pope_that_answer_one_question_differently_are_scored_apart(
    questions: list[Any], world: Path, tmp_path: Path, own_ids: bool
) -> None:
    """As sampled answers, and batches on a GPU, do: the question is asked once in each split. Ids may be the tool's own."""
    item = next(item for item in questions if len(item.truth["ids"]) == 3)
    rows = [row for row in lmms(questions) if row["doc"]["question"] != item.question or Path(item.image).stem not in str(row)]
    for split, text in (("random", "Yes"), ("popular", "Yes"), ("adversarial", "No")):
        (own,) = lmms([item], text)
        number = item.truth["ids"][split][0] if own_ids else str(9000 + len(rows))
        rows.append(own | {"doc": own["doc"] | {"question_id": number, "category": split}})
    done = import_run(written(tmp_path / "log.jsonl", rows), "pope", data=str(world), output=tmp_path, changes=CHANGES)
    assert (done.answered, done.items) == (len(questions) + 2, len(questions) + 2)
    said = {
        result_row.item: result_row.answer for result_row in harness.open_store(tmp_path).run(done.run_id).items().itertuples()
    }
    assert {key[len(item.id) + 2 :].split("/")[0]: text for key, text in said.items() if key.startswith(f"{item.id} (")} == {
        "random": "Yes", "popular": "Yes", "adversarial": "No"}  # fmt: skip


def test_another_prompt_is_another_protocol_an_unknown_one_is_not_known_and_both_keep_a_gate_open(
    questions: list[Any], world: Path, tmp_path: Path
) -> None:
    prompts = {"unknown": "", "brief": "Answer briefly.", "long": "Answer at length."}
    files = [written(tmp_path / f"{name}.jsonl", lmms(questions, prompt=text)) for name, text in prompts.items()]
    runs = [import_run(file, "pope", data=str(world), output=tmp_path, changes=CHANGES) for file in files]
    assert [run.other_prompts for run in runs] == [0, len(questions), len(questions)]
    unknown, brief, long = (run.run_id for run in runs)
    guard = {"rules": [{"metric": "pope.accuracy", "role": "guard", "margin": "50 points"}]}
    for two, facts, why in (
        ((brief, long), {"prompt (first item)"}, "measured under another protocol (prompt (first item)); protocol not known"),
        ((unknown, brief), set(), "protocol not known"),
    ):
        compared = harness.compare(*two, output=tmp_path).comparison
        assert {d.fact for d in compared.protocol_differences} == facts
        assert {"decoding", "token limit"} <= set(compared.protocol_unknown[0].facts)
        found = harness.gate(*two, output=tmp_path, policy=guard)
        assert found.verdict == "inconclusive" and found.checkpoints[0].rules[0].why.startswith(why)


def test_a_vlmevalkit_table_is_read(questions: list[Any], tmp_path: Path) -> None:
    lines = [f'{n},"{i.question}",Yes,"No, there is not.",{i.image}' for n, i in enumerate(questions)]
    file = tmp_path / "Model_POPE.csv"
    file.write_text("\n".join(["index,question,answer,prediction,image_path", *lines]), encoding="utf-8")
    log = read_sample_log(file)
    found, lost = matched(questions, log.rows)
    assert log.tool == "VLMEvalKit" and len(found) == len(questions) and not lost
    assert {row.answer for (row,) in found.values()} == {"No, there is not."}


def test_a_row_without_an_image_is_matched_only_where_one_item_asks_its_question(questions: list[Any], tmp_path: Path) -> None:
    rows = [{"question": i.question, "prediction": "Yes"} for i in questions]
    found, lost = matched(questions, read_sample_log(written(tmp_path / "x.jsonl", rows)).rows)
    asked = [i.question.lower() for i in questions]
    assert len(found) == sum(asked.count(q) == 1 for q in asked) and lost == len(questions) - len(found) > 0


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ('{"a": 1}\n', "neither lmms-eval's sample log"),
        ("[1]\n", "line 1 is not an object"),
        ("", "holds no rows"),
        ('{"resps": [["Yes", "No"]]}\n', "`resps` is not one text"),
        ('{"doc_id": 0, "resps": [["Yes"]]}\n', "has no `doc`, where lmms-eval keeps question and image; it has doc_id, resps"),
        ('{"resps": [["Yes"]], "doc": {"asked": "Is it?"}}\n', "no `doc` has one of `question`"),
        ('{"resps": [["Yes"]], "filtered_resps": [], "doc": {}}\n', "`filtered_resps` is empty although `resps` is not"),
        ('{"resps": [], "filtered_resps": [], "doc": {}}\n', "the model gave no answer"),
        ('{"resps": [["Yes"]], "doc": {"question": "Is it?", "image": "a.jpg"}}\n', "None of the 1 rows"),
    ],
)
def test_a_file_that_is_no_such_log_is_refused(text: str, message: str, world: Path, tmp_path: Path) -> None:
    (tmp_path / "log.jsonl").write_text(text)
    with pytest.raises(DataError) as refused:
        import_run(tmp_path / "log.jsonl", "pope", data=str(world), output=tmp_path, changes=CHANGES)
    assert message in str(refused.value)


@pytest.mark.parametrize("other", [0, 2])
def test_labels_of_the_log_that_differ_are_counted_in_protocol_and_reports(
    questions: list[Any], world: Path, tmp_path: Path, other: int
) -> None:
    turned = {"yes": "no", "no": "yes"}
    rows = lmms(questions)
    for n, (row, item) in enumerate(zip(rows, questions, strict=True)):
        label = next(iter(item.truth["labels"].values()))[0]
        row["target"] = (turned[label] if n < other else label).capitalize()
    done = import_run(written(tmp_path / "log.jsonl", rows), "pope", data=str(world), output=tmp_path, changes=CHANGES)
    said = f"differ from the data folder's in {other} of {len(questions)} rows"
    facts = json.loads((done.outcome.folder / "report.json").read_text())["protocols"]["pope"]
    assert facts.get(OTHER_LABELS) == (said if other else None)
    for name in ("report.md", "report.html"):
        text = (done.outcome.folder / name).read_text().replace("&#39;", "'")
        assert (f": labels of the log {said}" in text) == bool(other)


@pytest.mark.parametrize(("truth", "label", "found"), [
    ({"label": "no"}, "Yes", (1, 1)), ({"label": "no"}, "no.", (0, 1)), ({"label": "no"}, "0", (0, 0)),
    ({"label": "no"}, "A", (0, 0)), ({"label": "B"}, "(b)", (0, 1)), ({"label": "B"}, "A", (1, 1)),
    ({"answer": "B", "options": {}}, "C", (1, 1)), ({"answer": "B"}, "C", (0, 0)), ({"answer": "two dogs"}, "2", (0, 0)),
    ({"labels": {"random": ["yes"], "popular": ["no"]}}, "yes", (0, 0)), ({"label": "yes"}, ["no"], (0, 0)),
])  # fmt: skip
def test_only_yes_no_and_letters_are_compared(
    tmp_path: Path, truth: dict[str, Any], label: object, found: tuple[int, int]
) -> None:
    items = [Item("1", "a.jpg", "Q?", truth)]
    doc = {"question": "Q?", "image": "a.jpg", "answer": label}
    log = read_sample_log(written(tmp_path / "log.jsonl", [{"doc": doc, "resps": ["x"]}]))
    assert other_labels((items[0], row.label) for row in matched(items, log.rows)[0]["1"]) == found


def test_the_answers_of_a_vlmevalkit_table_are_its_labels(tmp_path: Path) -> None:
    (tmp_path / "log.csv").write_text("index,question,answer,prediction\n1,Q?,Yes,No\n")
    items = [Item("1", "a.jpg", "Q?", {"label": "no"})]
    rows = matched(items, read_sample_log(tmp_path / "log.csv").rows)[0]["1"]
    assert other_labels((items[0], row.label) for row in rows) == (1, 1)
