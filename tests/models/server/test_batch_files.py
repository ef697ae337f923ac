"""A provider's batch files: written once, read when they are back, written again where they failed."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from harness.core.errors import ConfigError, DataError, ModelError, Unanswered
from harness.core.evaluation import Decoding, HiddenImage, Request
from harness.core.final_answer import final_answer
from harness.models import openai_batch
from harness.models.openai_batch import OpenAIBatch
from tests.models.fake_server import reply


def ask(folder: Path, requests: list[Request]) -> tuple[dict[int, str], dict[int, str]]:
    """Texts, and the reasons of those that are missing."""
    found: dict[int, str] = {}
    try:
        for batch in OpenAIBatch(str(folder), "judge-1").generate(requests):
            found |= {i: answer.text for i, answer in batch}
    except Unanswered as error:
        return found, error.reasons
    return found, {}


def written(folder: Path) -> list[dict[str, Any]]:
    lines = [line for path in sorted(folder.glob("requests-[0-9].jsonl")) for line in path.read_text().splitlines()]
    return [json.loads(line) for line in lines]


def put_back(folder: Path, name: str, rows: dict[str, Any]) -> None:
    """An output file: a text is a good reply, a number the status of a failed one."""
    lines = []
    for custom_id, said in rows.items():
        good = {"status_code": 200, "body": reply(said).data}
        bad = {"status_code": said, "body": {"error": {"message": "too many tokens"}}}
        lines.append({"id": "b", "custom_id": custom_id, "response": good if isinstance(said, str) else bad, "error": None})
    (folder / name).write_text("".join(json.dumps(line) + "\n" for line in lines))


def test_half_a_character_in_a_reply_becomes_the_replacement_character(tmp_path: Path) -> None:
    ask(tmp_path, [Request(None, "q")])
    put_back(tmp_path, "out.jsonl", {written(tmp_path)[0]["custom_id"]: "A dog \ud83d"})
    assert ask(tmp_path, [Request(None, "q")])[0] == {0: "A dog \ufffd"}


def test_what_is_asked_is_written_in_the_form_that_providers_take(tmp_path: Path, images: list[Path]) -> None:
    asked = [Request(None, "Rate it.", Decoding(64)), Request(images[0], "Is it a cat?", Decoding(8))]
    found, why = ask(tmp_path / "batch", asked)
    assert not found and "submit requests-1.jsonl" in why[0] and "run the same command again" in why[1]
    first, second = written(tmp_path / "batch")
    assert (first["method"], first["url"]) == ("POST", "/v1/chat/completions")
    assert first["body"] == {
        "model": "judge-1",
        "messages": [{"role": "user", "content": [{"type": "text", "text": "Rate it."}]}],
        "max_tokens": 64,
        "temperature": 0.0,
    }
    assert [part["type"] for part in second["body"]["messages"][0]["content"]] == ["image_url", "text"]
    assert len(first["custom_id"]) <= 64 and first["custom_id"] != second["custom_id"]


def test_what_came_back_is_an_answer_and_the_rest_still_waits(tmp_path: Path) -> None:
    asked = [Request(None, f"q{i}") for i in range(3)]
    ask(tmp_path, asked)
    ids = [row["custom_id"] for row in written(tmp_path)]
    put_back(tmp_path, "output.jsonl", {ids[2]: "two", ids[0]: "zero"})
    found, why = ask(tmp_path, asked)
    assert found == {0: "zero", 2: "two"} and list(why) == [1] and "submit requests-2.jsonl, put" in why[1]
    for _ in range(2):
        assert "submit requests-2.jsonl, put" in ask(tmp_path, asked)[1][1]
    assert [row["custom_id"] for row in written(tmp_path)] == [*ids, f"{ids[1]}-2"], "what waits is not written twice"
    put_back(tmp_path, "output2.jsonl", {ids[1]: "one"})
    assert ask(tmp_path, asked) == ({0: "zero", 1: "one", 2: "two"}, {})


def test_of_a_file_that_came_back_in_part_only_what_is_missing_is_asked_again_however_often(tmp_path: Path) -> None:
    asked = [Request(None, f"q{i}") for i in range(4)]
    for number in range(1, 5):
        for _ in range(2):
            found, why = ask(tmp_path, asked)
            assert len(found) == number - 1 and all(f"submit requests-{number}.jsonl, put" in words for words in why.values())
        rows = [json.loads(line) for line in (tmp_path / f"requests-{number}.jsonl").read_text().splitlines()]
        assert [row["body"]["messages"][0]["content"][0]["text"] for row in rows] == [f"q{i}" for i in range(number - 1, 4)]
        put_back(tmp_path, f"output-{number}.jsonl", {rows[0]["custom_id"]: f"a{number - 1}"})
    assert ask(tmp_path, asked) == ({i: f"a{i}" for i in range(4)}, {})


def test_a_late_reply_counts_and_failures_of_the_first_file_do_not_mean_that_the_second_is_back(tmp_path: Path) -> None:
    asked = [Request(None, f"q{i}") for i in range(3)]
    ask(tmp_path, asked)
    ids = [row["custom_id"] for row in written(tmp_path)]
    put_back(tmp_path, "out.jsonl", {ids[0]: "zero"})
    put_back(tmp_path, "errors.jsonl", {ids[1]: 400, ids[2]: 400})
    for _ in range(3):
        assert "submit requests-2.jsonl" in ask(tmp_path, asked)[1][1] and len(written(tmp_path)) == 5
    put_back(tmp_path, "late.jsonl", {ids[1]: "one"})
    found, why = ask(tmp_path, asked)
    assert found == {0: "zero", 1: "one"} and "submit requests-2.jsonl" in why[2] and len(written(tmp_path)) == 5


def test_a_folder_of_an_earlier_version_has_one_id_for_a_request_in_all_files(tmp_path: Path) -> None:
    asked = [Request(None, f"q{i}") for i in range(2)]
    ask(tmp_path, asked)
    first = (tmp_path / "requests-1.jsonl").read_text()
    ids = [row["custom_id"] for row in written(tmp_path)]
    put_back(tmp_path, "out1.jsonl", {ids[0]: 400, ids[1]: 400})
    (tmp_path / "requests-2.jsonl").write_text(first)
    for _ in range(2):
        assert "submit requests-2.jsonl" in ask(tmp_path, asked)[1][0] and len(written(tmp_path)) == 4
    put_back(tmp_path, "out2.jsonl", {ids[0]: "zero", ids[1]: 401})
    found, why = ask(tmp_path, asked)
    assert found == {0: "zero"} and "submit requests-3.jsonl" in why[1] and written(tmp_path)[-1]["custom_id"] == f"{ids[1]}-3"


def test_each_item_names_its_own_file_and_what_waits_in_a_file_without_replies_is_not_written_again(tmp_path: Path) -> None:
    ask(tmp_path, [Request(None, "q0")])
    ask(tmp_path, [Request(None, "q1")])
    _, why = ask(tmp_path, [Request(None, "q0"), Request(None, "q1")])
    assert "submit requests-1.jsonl, put" in why[0] and "submit requests-2.jsonl, put" in why[1]
    put_back(tmp_path, "out.jsonl", {written(tmp_path)[0]["custom_id"]: "zero"})
    assert "submit requests-2.jsonl, put" in ask(tmp_path, [Request(None, "q1")])[1][0] and len(written(tmp_path)) == 2


@pytest.mark.parametrize("names", [("a.jsonl", "b.jsonl"), ("b.jsonl", "a.jsonl")])
def test_a_good_reply_counts_whatever_its_file_is_called(tmp_path: Path, names: tuple[str, str]) -> None:
    asked = [Request(None, "q")]
    ask(tmp_path, asked)
    name = written(tmp_path)[0]["custom_id"]
    found: list[dict[int, str]] = []
    bodies = [{"choices": []}, {**reply("GOOD").data, "created": 5}, {**reply("later").data, "created": 9}]
    for file, body in zip((*names, "c.jsonl"), bodies, strict=True):
        row = {"custom_id": name, "response": {"status_code": 200, "body": body}, "error": None}
        (tmp_path / file).write_text(json.dumps(row) + "\n")
        found.append(ask(tmp_path, asked)[0])
    assert found == [{}, {0: "GOOD"}, {0: "later"}] and len(written(tmp_path)) == 2


def test_a_reply_without_an_answer_counts_once_for_all_that_asked_the_same(tmp_path: Path) -> None:
    asked = [Request(None, "q"), Request(None, "q")]
    ask(tmp_path, asked)
    row = {"custom_id": written(tmp_path)[0]["custom_id"], "response": {"status_code": 200, "body": {"choices": []}}}
    (tmp_path / "out.jsonl").write_text(json.dumps(row) + "\n")
    for _ in range(3):
        assert "submit requests-2.jsonl" in ask(tmp_path, asked)[1][1]


def test_an_output_file_that_is_there_twice_counts_once(tmp_path: Path) -> None:
    ask(tmp_path, [Request(None, "q")])
    for file in ("out.jsonl", "copy of out.jsonl"):
        put_back(tmp_path, file, {written(tmp_path)[0]["custom_id"]: 400})
    for _ in range(3):
        assert "submit requests-2.jsonl" in ask(tmp_path, [Request(None, "q")])[1][0]


@pytest.mark.parametrize("row", [
    {"response": {"status_code": 200, "body": {**reply("Half of").data, "error": {"code": 502, "message": "upstream died"}}}},
    {"response": {"status_code": 200, "body": reply("Half of").data}, "error": {"code": "x", "message": "upstream died"}},
])  # fmt: skip
def test_an_error_beside_an_answer_is_no_answer(tmp_path: Path, row: dict[str, Any]) -> None:
    ask(tmp_path, [Request(None, "q")])
    (tmp_path / "out.jsonl").write_text(json.dumps({"custom_id": written(tmp_path)[0]["custom_id"], **row}) + "\n")
    found, why = ask(tmp_path, [Request(None, "q")])
    assert not found and "upstream died" in why[0] and "submit requests-2.jsonl" in why[0]


def test_an_output_file_may_be_called_after_its_requests_and_a_folder_is_no_file(tmp_path: Path) -> None:
    ask(tmp_path, [Request(None, "q")])
    (tmp_path / "folder.jsonl").mkdir()
    put_back(tmp_path, "requests-1_out.jsonl", {written(tmp_path)[0]["custom_id"]: "Yes."})
    assert ask(tmp_path, [Request(None, "q")]) == ({0: "Yes."}, {})


def test_what_failed_is_written_once_more_and_says_why(tmp_path: Path) -> None:
    asked = [Request(None, "q")]
    ask(tmp_path, asked)
    (first,) = written(tmp_path)
    put_back(tmp_path, "out1.jsonl", {first["custom_id"]: 400})
    for _ in range(2):
        found, why = ask(tmp_path, asked)
        assert not found and "too many tokens" in why[0] and "submit requests-2.jsonl" in why[0]
    assert len(written(tmp_path)) == 2
    put_back(tmp_path, "out2.jsonl", {first["custom_id"]: "at last"})
    assert ask(tmp_path, asked) == ({0: "at last"}, {})


def test_a_file_takes_no_more_requests_than_a_provider_does(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(openai_batch, "_LINES", 2)
    ask(tmp_path, [Request(None, f"q{i}") for i in range(5)])
    assert [len(p.read_text().splitlines()) for p in sorted(tmp_path.glob("*.jsonl"))] == [2, 2, 1]


def test_a_repeat_of_a_greedy_request_is_a_request_of_its_own(tmp_path: Path) -> None:
    first, repeat = Request(None, "q", Decoding(8)), Request(None, "q", Decoding(8, seed=1))
    ask(tmp_path, [first, repeat])
    ids = [row["custom_id"] for row in written(tmp_path)]
    assert ids[0] == "538067bb0daeaefd34d6f7db35db174f" and len(set(ids)) == 2, "old ids stay"
    put_back(tmp_path, "out.jsonl", {ids[0]: "Rating: 1", ids[1]: "Rating: 5"})
    assert ask(tmp_path, [first, repeat]) == ({0: "Rating: 1", 1: "Rating: 5"}, {})


def test_a_drawn_request_keeps_its_id_for_its_seed_stands_in_it_already(tmp_path: Path) -> None:
    ask(tmp_path, [Request(None, "q", Decoding(8, temperature=1.0, seed=3))])
    assert written(tmp_path)[0]["custom_id"] == "f2b2861543672123ccdbdeefe5410631"


def test_other_weights_settings_or_images_are_other_requests(tmp_path: Path, images: list[Path]) -> None:
    ask(tmp_path, [Request(images[0], "q"), Request(images[1], "q"), Request(images[0], "q", Decoding(9))])
    one, two = OpenAIBatch(str(tmp_path), "judge-1"), OpenAIBatch(str(tmp_path), "judge-1", revision="2")
    with pytest.raises(Unanswered):
        next(two.generate([Request(images[0], "q")]))
    assert len({row["custom_id"] for row in written(tmp_path)}) == 4
    assert one.checkpoint.digest != two.checkpoint.digest


def test_a_broken_file_and_what_a_batch_cannot_do_are_refused(tmp_path: Path, images: list[Path]) -> None:
    (tmp_path / "output.jsonl").write_text('{"custom_id": "a"}\nnonsense\n')
    with pytest.raises(DataError, match=r"output.jsonl, line 2"):
        ask(tmp_path, [Request(None, "q")])
    with pytest.raises(ModelError, match="hide image tokens"):
        ask(tmp_path, [Request(images[0], "q", hidden_image=HiddenImage(1.0, 0))])


@pytest.mark.parametrize(
    "row", [{"custom_id": "a", "response": "x"}, {"custom_id": "a", "response": [1]}, {"custom_id": 7}, ["a"], 3]
)
def test_a_line_of_another_form_is_refused_with_its_number(tmp_path: Path, row: object) -> None:
    (tmp_path / "out.jsonl").write_text(f"\n{json.dumps(row)}\n")
    with pytest.raises(DataError, match=r"out\.jsonl, line 2, is not a line of a batch file"):
        list(OpenAIBatch(str(tmp_path), "m").generate([Request(None, "What?")]))


def test_a_batch_takes_the_options_of_thinking_as_a_server_does(tmp_path: Path) -> None:
    asked = [Request(None, "Is there a dog?", Decoding(10))]
    options: dict[str, Any] = {"extra": {"chat_template_kwargs": {"a": 1}}, "enable_thinking": True, "thinking_tokens": 20}
    model = OpenAIBatch(str(tmp_path), "judge-1", **options)
    with pytest.raises(Unanswered):
        list(model.generate(asked))
    (line,) = written(tmp_path)
    assert line["body"]["max_tokens"] == 30
    assert line["body"]["chat_template_kwargs"] == {"a": 1, "enable_thinking": True}
    assert "20 at most" in model.facts()["thinking tokens"] and "enable_thinking" in model.facts()["extra"]


@pytest.mark.parametrize(("counted", "finished", "stopped"), [(20, True, "end"), (21, False, "length"), (17, True, "length")])
def test_a_batch_holds_reasoning_and_answer_each_to_its_own_limit(
    tmp_path: Path, counted: int, finished: bool, stopped: str
) -> None:
    asked, model = [Request(None, "Is there a dog?", Decoding(10))], OpenAIBatch(str(tmp_path), "judge-1", thinking_tokens=20)
    with pytest.raises(Unanswered):
        list(model.generate(asked))
    said = reply("No.", "stop", (100, 28, 0)).data
    said["choices"][0]["message"]["reasoning"] = "Hm."
    said["usage"]["completion_tokens_details"] = {"reasoning_tokens": counted}
    row = {"custom_id": written(tmp_path)[0]["custom_id"], "response": {"status_code": 200, "body": said}, "error": None}
    (tmp_path / "out.jsonl").write_text(json.dumps(row) + "\n")
    (((_, answer),),) = list(model.generate(asked))
    assert (final_answer(answer.text).finished, answer.stopped) == (finished, stopped)


def test_a_batch_with_thinking_is_another_request_than_one_without(tmp_path: Path) -> None:
    asked, choices = [Request(None, "q", Decoding(10))], (None, False, True)
    for model in [OpenAIBatch(str(tmp_path), "judge-1", enable_thinking=choice) for choice in choices]:
        with pytest.raises(Unanswered):
            list(model.generate(asked))
    assert len({row["custom_id"] for row in written(tmp_path)}) == 3


def test_a_negative_limit_of_reasoning_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="thinking_tokens is -1"):
        OpenAIBatch(str(tmp_path), "judge-1", thinking_tokens=-1)
