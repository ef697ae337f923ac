"""Rows that match nothing, items without an answer, files of another form: counted and shown, or one clear error."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

import harness
from harness.api.stored import RunStore
from harness.core.errors import ConfigError, DataError
from harness.results.run_records import records_of
from harness.storage.data_folder import DataFolder
from harness.storage.run_store import open_store
from tests.benchmarks.scoring import GOLDEN, golden_lines

ROWS = golden_lines("naturalbench/answers.jsonl")


def lines(path: Path, rows: list[dict]) -> Path:
    path.write_text("".join(json.dumps(row) + "\n" for row in rows))
    return path


def test_rows_that_match_no_item_and_items_without_an_answer_are_counted(
    score, golden_data: DataFolder, tmp_path: Path
) -> None:
    stranger = {"Index": 9999, "case": "q0_i0", "answer": "Yes"}
    got = score("naturalbench", "--answers", lines(tmp_path / "a.jsonl", [*ROWS[:8], stranger]), data=golden_data)
    assert "8 of 320 items have an answer" in score.said
    assert "1 row without an item, not scored: " in score.said and "line 9 (9999/q0_i0)" in score.said
    assert "312 items without an answer, in no metric" in score.said
    assert got["incomplete_groups"] == 0


def test_the_protocol_names_the_files_by_digest_and_the_run_is_an_ordinary_one(
    score, golden_data: DataFolder, tmp_path: Path
) -> None:
    score("naturalbench", "--answers", GOLDEN / "naturalbench/answers.jsonl", "--name", "their model", data=golden_data)
    with open_store(tmp_path / "runs") as store:
        (record,) = records_of(store, "their-model")
    facts = record.sweeps[0].results[0].protocol.facts
    assert "answers.jsonl sha256" in facts["answer files"] and facts["answers scored"] == "as the files have them"
    assert record.complete and record.sweeps[0].checkpoint.id == "their-model"
    assert RunStore(tmp_path / "runs").run("their-model")


def test_answers_are_scored_as_written_unless_reasoning_is_cut(score, golden_data: DataFolder, tmp_path: Path) -> None:
    rows = [{**row, "answer": "<think>No?</think> Yes"} for row in ROWS[:4]]
    got = score("naturalbench", "--answers", lines(tmp_path / "a.jsonl", rows), data=golden_data)
    assert got["acc"] == 0.5  # the first word is No: right for two of four
    assert "4 answers with reasoning, which is scored" in score.said


@pytest.mark.parametrize("variant", ["llava", "official"])
def test_no_rule_of_pope_cuts_reasoning_off_by_itself(variant: str, score, pope: DataFolder, tmp_path: Path) -> None:
    answers = [{"question_id": n, "text": f"<think>no no no</think>\n\n{text}"} for n, text in ((1, "yes"), (2, "no"))]
    words = ("pope", "splits=[random]", f"variant={variant}", "--answers", lines(tmp_path / "random.jsonl", answers))
    assert score(*words, data=pope)["accuracy"] == 0.5  # both are read as no
    assert "2 answers with reasoning, which is scored as written" in score.said


def test_reasoning_is_cut_on_request(score, golden_data: DataFolder, tmp_path: Path) -> None:
    words = {"q0_i0": "Yes", "q0_i1": "No", "q1_i0": "No", "q1_i1": "Yes"}
    yes_no = [row for row in ROWS if row["Index"] == 0]
    rows = [{**row, "answer": f"<think>No, yes?</think> {words[row['case']]}"} for row in yes_no]
    got = score("naturalbench", "--cut-reasoning", "--answers", lines(tmp_path / "a.jsonl", rows), data=golden_data)
    assert got["acc"] == 1.0 and got["g_acc"] == 1.0


@pytest.mark.parametrize(
    ("row", "words"),
    [
        ({"Index": 0, "case": "q0_i1"}, "line 2 has no answer"),
        ({"Index": 0, "case": "q0_i1", "answer": 7}, "line 2: 'answer' should be the answer as text but is 7. Correct"),
        (
            {"Index": 0, "case": "q0_i1", "answer": None},
            "line 2: 'answer' should be .* but is null. Leave the row out, or write",
        ),
        ({"Index": 0, "case": "q0_i1", "answer": ["Yes", "No"]}, "line 2: 'answer' holds 2 different answers"),
        ({"Index": 0, "case": "q0_i0", "answer": "No"}, "line 2 gives another answer to 0/q0_i0"),
        ({"answer": "No"}, "line 2 names no item"),
        ({"Index": 0, "case": "q0_i1", "answer": "No", "question": "Is it raining?"}, "line 2 answers 'Is it raining\\?'"),
    ],
)
def test_a_bad_row_is_one_error_with_file_and_row(
    row: dict, words: str, score, golden_data: DataFolder, tmp_path: Path
) -> None:
    file = lines(tmp_path / "a.jsonl", [{"Index": 0, "case": "q0_i0", "answer": "Yes"}, row])
    with pytest.raises(DataError, match=words) as raised:
        score("naturalbench", "--answers", file, data=golden_data)
    assert "a.jsonl" in str(raised.value)


def test_a_table_with_a_tab_in_an_answer_is_named_with_its_line(score, golden_data: DataFolder, tmp_path: Path) -> None:
    (tmp_path / "existence.txt").write_text("a.jpg\tIs it?\tYes\tYes\nb.jpg\tIs it?\tNo\tNo\tindeed\n")
    with pytest.raises(DataError, match=r"existence.txt, line 2 has 5 columns"):
        score("mme", "--answers", tmp_path / "existence.txt", data=golden_data)


def test_a_row_that_names_no_question_of_mme_is_shown_with_the_names_that_items_have(
    score, golden_data: DataFolder, tmp_path: Path
) -> None:
    says = r"No row of a.jsonl answers an item of mme. The first row is .*a.jsonl \(1\); items go by names like '.+'"
    with pytest.raises(DataError, match=says):
        score("mme", "--answers", lines(tmp_path / "a.jsonl", [{"question_id": 1, "answer": "Yes"}]), data=golden_data)


def test_an_answer_to_mme_may_name_the_item_by_its_id(score, golden_data: DataFolder, tmp_path: Path) -> None:
    id = harness.load_benchmark("mme", data=golden_data.folder, output=tmp_path).items[0].id
    score("mme", "--answers", lines(tmp_path / "a.jsonl", [{"id": id, "answer": "Yes"}]), data=golden_data)
    assert "1 of " in score.said


def test_a_file_of_another_benchmark_and_a_path_that_is_not_there(score, golden_data: DataFolder, tmp_path: Path) -> None:
    with pytest.raises(DataError, match="No row of answers.json answers an item of naturalbench"):
        score(
            "naturalbench",
            "--answers",
            lines(tmp_path / "answers.json", [{"Index": 5000, "case": "q0_i0", "answer": ""}]),
            data=golden_data,
        )
    with pytest.raises(ConfigError, match="There is no file or folder"):
        score("naturalbench", "--answers", tmp_path / "nowhere.jsonl", data=golden_data)
    with pytest.raises(ConfigError, match="Nothing to score"):
        score("naturalbench", data=golden_data)


def test_reviews_that_no_judge_of_the_benchmark_reads_are_refused(score, golden_data: DataFolder) -> None:
    answers, replies = (GOLDEN / f"hallusionbench/{name}.jsonl" for name in ("answers", "judge_replies"))
    for words in (
        ("naturalbench", "--answers", GOLDEN / "naturalbench/answers.jsonl"),
        ("hallusionbench", "--answers", answers),
    ):
        with pytest.raises(ConfigError, match=f"{words[0]} asks no judge with these options.* Leave --reviews out"):
            score(*words, "--reviews", replies, data=golden_data)


def test_a_judge_beside_replies_in_the_files_is_refused(score, golden_data: DataFolder) -> None:
    answers, replies = (GOLDEN / f"hallusionbench/{name}.jsonl" for name in ("answers", "judge_replies"))
    with pytest.raises(ConfigError, match="files hold replies of a judge, and `judge` names keywords"):
        score(
            "hallusionbench", "variant=judge", "judge.name=keywords", "--answers", answers, "--reviews", replies,
            data=golden_data,
        )  # fmt: skip


def test_an_answer_of_one_text_in_a_list_is_that_text(score, golden_data: DataFolder, tmp_path: Path) -> None:
    score("naturalbench", "--answers", lines(tmp_path / "a.jsonl", [{**ROWS[0], "answer": ["Yes"]}]), data=golden_data)
    assert "1 of 320 items have an answer" in score.said


def test_ids_with_zeros_in_front_are_said_to_have_them(score, pope: DataFolder, tmp_path: Path) -> None:
    says, rows = "Without its zeros 'random/00001' would be 'random/1'", [{"question_id": "00001", "answer": "Yes"}]
    with pytest.raises(DataError, match=says):
        score("pope", "splits=[random]", "--answers", lines(tmp_path / "random.jsonl", rows), data=pope)
    rows.append({"question_id": 2, "answer": "No"})
    score("pope", "splits=[random]", "--answers", lines(tmp_path / "random.jsonl", rows), data=pope)
    assert says in score.said


@pytest.mark.parametrize(
    ("row", "tool"),
    [
        ({"index": 1, "question": "Is it raining?", "answer": "Yes", "prediction": "No"}, "VLMEvalKit's"),
        ({"doc_id": 0, "doc": {"question_id": "1"}, "resps": [["No"]], "filtered_resps": ["No"]}, "lmms-eval's"),
    ],
)
def test_a_log_of_another_tool_that_does_not_fit_is_told_its_command(
    row: dict, tool: str, score, pope: DataFolder, tmp_path: Path
) -> None:
    says = f"The rows look like {tool}, which `python -m harness import-run FILE --benchmark pope` reads"
    with pytest.raises(DataError, match=says):
        score("pope", "splits=[random]", "--answers", lines(tmp_path / "a.jsonl", [row] * 2), data=pope)


def test_rows_of_a_split_that_is_not_asked_are_left_out_though_their_question_is(
    score, pope: DataFolder, tmp_path: Path
) -> None:
    """Question 1 is the same in all splits; its image and text name it in each."""
    row = {"image": "a.jpg", "question": "Is there a dog in the image?"}
    rows = [{**row, "category": "popular", "answer": "No"}, {**row, "category": "random", "answer": "Yes"}]
    assert score("pope", "splits=[random]", "--answers", lines(tmp_path / "a.jsonl", rows), data=pope)["accuracy"] == 1.0
    assert "1 row without an item, not scored" in score.said


def test_a_limit_is_of_the_images_of_the_caption_file(score, world: Path, tmp_path: Path) -> None:
    data = DataFolder(world, tmp_path / "cache")
    rows = [{"image_id": 500001 + n, "caption": "A zebra."} for n in range(5)]
    got = score("chair", "limit=3", "--answers", lines(tmp_path / "a.jsonl", rows), data=data)
    assert got["chair_i"] == 1.0 and "3 of 3 items have an answer" in score.said
    assert "2 items beyond the limit of 3, not scored." in score.said


def test_an_option_that_goes_by_the_end_of_an_answer_is_refused(score, world: Path, tmp_path: Path) -> None:
    data = DataFolder(world, tmp_path / "cache")
    rows = [{"image_id": 500001, "caption": "A dog. A zebra and a"}]
    with pytest.raises(ConfigError, match="chair: drop_truncated=true goes by whether an answer was cut off"):
        score("chair", "drop_truncated=true", "--answers", lines(tmp_path / "a.jsonl", rows), data=data)
    with pytest.raises(ConfigError, match="drop_truncated=true goes by"):
        harness.load_benchmark("chair", data=world, output=tmp_path, drop_truncated=True).score({"500001": "A dog."})
