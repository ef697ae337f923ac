"""Pair files: what is written is read, faults are named by line, TRL's format goes both ways."""

import json

import pytest

from alignment.data.forms.trl_rows import to_trl
from alignment.data.invalid_pairs import validate
from alignment.data.pairs import pairs_digest, read_pairs, read_trl, write_trl
from harness.core.errors import DataError
from harness.core.preference import PreferencePair
from tests.alignment.tiny import GOLDEN
from tests.pair_files import write_pairs


def pair(name: str = "a", **fields) -> PreferencePair:
    values = {"image": "x.png", "image_digest": "d", "prompt": "What?", "chosen": "A cat.", "rejected": ("A dog.",)}
    return PreferencePair(id=name, source="test", meta={"tries": 2}, **{**values, **fields})


def write(path, *rows) -> None:
    path.write_text("\n".join(r if isinstance(r, str) else json.dumps(r) for r in rows))


def test_what_is_written_is_read(tmp_path):
    pairs = [pair(), pair("b", rejected=("A dog.", "Zwölf Hühner.")), pair("c", image="", image_digest="")]
    write_pairs(tmp_path / "p.jsonl", pairs)
    assert read_pairs(tmp_path / "p.jsonl") == pairs


def test_numbered_answers_of_a_pair_in_trl_s_form_do_not_take_another_pair_s_id(tmp_path):
    write_trl(tmp_path / "p", [pair("a", rejected=("A dog.", "A bus.", "A van.")), pair("a#2"), pair("b")])
    assert [p.id for p in read_trl(tmp_path / "p")] == ["a#0", "a#1", "a#2", "a#2#2", "b"]


def test_all_faults_are_named_by_line(tmp_path):
    good = {"id": "a", "prompt": "What?", "chosen": "A cat.", "rejected": "A dog."}
    write(
        tmp_path / "p", good, "{", {**good, "id": "b", "chosen": 3}, {"id": "c"}, {**good, "id": "d", "chsen": ""}, good, "[]"
    )
    with pytest.raises(DataError) as raised:
        read_pairs(tmp_path / "p")
    text = str(raised.value)
    assert "6 faulty lines" in text
    for part in (
        "line 2",
        "line 3: 'chosen' must be a text",
        "line 4",
        "unknown key chsen",
        "already used in line 1",
        "line 7",
    ):
        assert part in text


def test_rows_as_trl_writes_them_are_told_from_our_own(tmp_path):
    said = [{"role": "assistant", "content": "A dog."}]
    write(tmp_path / "p", {"id": "a", "prompt": "What?", "chosen": said, "rejected": said})
    with pytest.raises(
        DataError, match="line 1: 'rejected' is a list of messages, as TRL writes them: give the source `form: trl`"
    ):
        read_pairs(tmp_path / "p")


def test_a_fault_of_many_lines_is_told_once_with_their_numbers(tmp_path):
    said = [{"role": "assistant", "content": "A dog."}]
    trl = {"id": "a", "prompt": "What?", "chosen": said, "rejected": said}
    write(tmp_path / "p", *[trl] * 7, {"id": "b", "prompt": "What?", "chosen": 1, "rejected": "B"})
    with pytest.raises(DataError) as caught:
        read_pairs(tmp_path / "p")
    head, first, second = str(caught.value).split("\n")
    assert head.endswith("p has 8 faulty lines among its pairs; correct or remove them:")
    assert first.startswith("  lines 1, 2, 3, 4, 5 and 2 more: 'rejected' is a list of messages") and "pairs.jsonl" in first
    assert second == "  line 8: 'chosen' must be a text"


@pytest.mark.parametrize(
    ("row", "says"),
    [
        ({"question": "?", "chosen": "A", "rejected": "B"}, "question: the question stands under `prompt`, or let the source"),
        ({"question": "?", "good": "A", "bad": "B"}, "bad, good, question: a row has `prompt`, `chosen`, `rejected`"),
        ({"conversations": [], "chosen": "A", "rejected": "B"}, "conversations: let the source `dataset` read the file"),
        ({"prompt": "?", "completion": "A", "label": "up"}, "completion, label: rated answers are read with `form: rated`"),
    ],
)
def test_a_row_of_another_form_is_told_what_reads_it(tmp_path, row, says):
    write(tmp_path / "p", row)
    with pytest.raises(DataError, match=f"unknown key {says}"):
        read_pairs(tmp_path / "p")


def test_an_empty_side_is_named(tmp_path):
    pairs = [
        PreferencePair("1", "", "", "What?", "", ("A dog.",), "t"),
        PreferencePair("2", "", "", "What?", "A cat.", (), "t"),
    ]
    _, dropped = validate(pairs, lambda name: True)
    assert [one.reason.partition(" (")[0] for one in dropped] == ["`chosen` is empty", "`rejected` is empty"]


def test_an_empty_or_missing_file_is_an_error(tmp_path):
    (tmp_path / "p").write_text("\n")
    with pytest.raises(DataError, match="at least one"):
        read_pairs(tmp_path / "p")
    with pytest.raises(DataError, match="cannot be read"):
        read_pairs(tmp_path / "q")


def test_the_digest_sees_what_training_sees():
    base = pairs_digest([pair()])
    assert base == pairs_digest([pair("other id", image="moved.png")])  # same image, same texts
    assert (
        len({base, *(pairs_digest([pair(**c)]) for c in ({"chosen": "B"}, {"rejected": ("B",)}, {"image_digest": "e"}))}) == 4
    )


def test_the_golden_pairs_of_trl_are_read(tmp_path):
    pairs = read_trl(GOLDEN / "pairs.jsonl")
    assert [p.id for p in pairs] == ["p0", "p1", "p2", "p4"]
    assert pairs[1].image == ("images/p1_0.png", "images/p1_1.png") and pairs[3].rejected == ("cat",)


def test_what_is_written_for_trl_is_read_back_one_row_a_rejected_answer(tmp_path):
    write_trl(tmp_path / "p", [pair(rejected=("A dog.", "A bus."))])
    pairs = read_trl(tmp_path / "p")
    assert [(p.id, p.rejected) for p in pairs] == [("a#0", ("A dog.",)), ("a#1", ("A bus.",))]
    assert to_trl(pair())[0]["prompt"] == [{"role": "user", "content": "What?"}]


def test_content_blocks_and_a_single_image_are_read(tmp_path):
    blocks = [{"type": "image"}, {"type": "text", "text": "What?"}]
    row = {
        "image": "x.png",
        "prompt": [{"role": "user", "content": blocks}],
        "chosen": [{"role": "assistant", "content": "A cat."}],
        "rejected": [{"role": "assistant", "content": "A dog."}],
    }
    write(tmp_path / "p", row)
    (got,) = read_trl(tmp_path / "p")
    assert (got.prompt, got.image, got.id) == ("What?", "x.png", "row-1")


def test_a_second_turn_in_a_trl_row_is_a_fault(tmp_path):
    turns = [{"role": "user", "content": "a"}, {"role": "assistant", "content": "b"}, {"role": "user", "content": "c"}]
    write(tmp_path / "p", {"prompt": turns, "chosen": [], "rejected": []})
    with pytest.raises(DataError, match="one turn"):
        read_trl(tmp_path / "p")


@pytest.mark.parametrize("meta", [[1], "x", 3, [["a", 1]]], ids=str)
def test_a_row_whose_meta_is_no_object_is_a_fault(tmp_path, meta):
    write(tmp_path / "p", {"prompt": "What?", "chosen": "A cat.", "rejected": "A dog.", "meta": meta})
    with pytest.raises(DataError, match="line 1: 'meta' must be an object"):
        read_pairs(tmp_path / "p")


@pytest.mark.parametrize("text", ["[]", "\n [\n{}\n]", '[{"prompt": "What?"}]'])
def test_a_list_in_the_place_of_lines_says_how_to_write_it(tmp_path, text):
    (tmp_path / "p").write_text(text)
    for read in (read_pairs, read_trl):
        with pytest.raises(
            DataError, match=r"p is a JSON list; .* as one JSON object a line\. Write each on a line of its own"
        ):
            read(tmp_path / "p")


@pytest.mark.parametrize("meta", [{"w": float("nan")}, {"w": [1, {"x": float("-inf")}]}], ids=str)
def test_a_number_in_meta_that_json_does_not_have_is_a_fault(tmp_path, meta):
    write(tmp_path / "p", {"id": "a", "prompt": "?", "chosen": "A.", "rejected": "B.", "meta": meta})
    with pytest.raises(DataError, match=r"line 1: 'meta' has 'w' that is not a finite number; write null"):
        read_pairs(tmp_path / "p")
