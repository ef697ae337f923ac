"""Sources that read one file number its rows alike and draw the same of them."""

import json

import pytest

from alignment.data.sampling import drawn, unique
from harness.core import registry
from harness.core.errors import ConfigError
from tests.alignment.scripted import FolderData, ScriptedModel


def turns(*texts: str) -> list[dict]:
    speakers = ("human", "gpt") * len(texts)
    return [{"from": who, "value": text} for who, text in zip(speakers, texts, strict=False)]


def povid_row(name: str, *texts: str, image: str = "a.jpg") -> dict:
    worse = (*texts[:-1], f"not {texts[-1]}")
    return {"id": name, "image": image, "conversations": turns(*texts), "rejected_conversations": turns(*worse)}


def ids(folder, name: str, limit: int | None, **options) -> list[str]:
    source = registry.make("source", name, {"limit": limit, **options})
    return [pair.id for pair in source.pairs(FolderData(folder), ScriptedModel(lambda _: " lamp."), 0)]


def test_what_is_drawn_follows_from_the_ids_not_from_their_order():
    names = [str(i) for i in range(50)]
    first, second = drawn(names, 10, seed=1), drawn(names[::-1], 10, seed=1)
    assert [names[i] for i in first] == [names[::-1][i] for i in second][::-1] and len(first) == 10
    assert first != drawn(names, 10, seed=2)
    assert drawn(names, 51, seed=1) == drawn(names, None, seed=1) == list(range(50))


def test_an_id_that_another_source_lacks_changes_at_most_one_of_those_drawn():
    names = [str(i) for i in range(200)]
    for gone in names[:20]:
        fewer = [name for name in names if name != gone]
        assert len({names[i] for i in drawn(names, 50, 0)} - {fewer[i] for i in drawn(fewer, 50, 0)}) <= 1


def test_repeated_ids_are_numbered_over_all_rows():
    assert unique(["7", "8", "7", "7"]) == ["7", "8", "7#2", "7#3"]


@pytest.mark.parametrize(
    ("given", "made"),
    [
        (["7", "7", "7#2"], ["7", "7#3", "7#2"]), (["7#2", "7", "7", "7"], ["7#2", "7", "7#3", "7#4"]),
        (["7", "7", "7#2", "7#2"], ["7", "7#3", "7#2", "7#2#2"]),
    ],
)  # fmt: skip
def test_an_id_that_another_row_has_is_not_given_to_a_repeated_one(given: list[str], made: list[str]) -> None:
    assert unique(given) == made and len(set(made)) == len(made)


def test_stored_pairs_and_prompts_of_one_file_are_the_same_rows(tmp_path):
    (tmp_path / "a.jpg").write_bytes(b"image")
    rows = [povid_row(str(i // 2), "What is it?", f"Cat {i}.") for i in range(60)]  # every id twice
    (tmp_path / "rows.json").write_text(json.dumps(rows))
    (tmp_path / "nouns.txt").write_text("cat\ndog\n")
    stored = ids(tmp_path, "povid", 20, file="rows.json")
    for other in ({"name": "bdhs"}, {"name": "random_edit"}):
        assert ids(tmp_path, limit=20, prompts="rows.json", **other) == stored
    assert len(stored) == 20 and any("#2" in name for name in stored)


def test_a_row_that_a_source_leaves_out_does_not_renumber_the_others(tmp_path):
    (tmp_path / "a.jpg").write_bytes(b"image")
    rows = [povid_row("7", "Hello?", "Yes.", "What is it?", "A cat."), povid_row("7", "What is it?", "A cat.")]
    rows += [{k: v for k, v in povid_row("", "What is it?", "A dog.").items() if k != "id"}]
    (tmp_path / "rows.json").write_text(json.dumps(rows))
    assert ids(tmp_path, "povid", None, file="rows.json") == ["7#2", "row-3"]
    assert ids(tmp_path, "bdhs", None, prompts="rows.json") == ["7", "7#2", "row-3"]


def test_prompts_of_another_source_are_its_pairs_and_draw_the_same_of_them(tmp_path):
    (tmp_path / "a.jpg").write_bytes(b"image")
    rows = [povid_row(str(i // 2), "What is it?", f"Cat {i}.") for i in range(60)]
    rows[3]["rejected_conversations"] = rows[3]["conversations"]  # no pair: neither arm has it
    (tmp_path / "rows.json").write_text(json.dumps(rows))
    (tmp_path / "nouns.txt").write_text("cat\ndog\n")
    origin = {"name": "povid", "file": "rows.json"}
    stored = ids(tmp_path, "povid", 20, file="rows.json")
    for other in ("bdhs", "random_edit"):
        assert ids(tmp_path, other, 20, **{"from": origin}) == stored
        assert ids(tmp_path, other, None, **{"from": {**origin, "limit": 20}}) == stored
    source = registry.make("source", "bdhs", {"from": origin, "limit": 20})
    assert source.check(FolderData(tmp_path), 0) == 20
    assert registry.make("source", "bdhs", {"from": origin}).check(FolderData(tmp_path), 0) == 59


def test_a_source_that_asks_the_model_can_be_the_origin_too(tmp_path):
    (tmp_path / "a.jpg").write_bytes(b"image")
    (tmp_path / "rows.json").write_text(json.dumps([povid_row("1", "What is it?", "A cat.")]))
    (tmp_path / "nouns.txt").write_text("cat\ndog\n")
    inner = {"name": "bdhs", "from": {"name": "povid", "file": "rows.json"}}
    source = registry.make("source", "random_edit", {"from": inner})
    (pair,) = source.pairs(FolderData(tmp_path), ScriptedModel(lambda _: " lamp."), 0)
    assert (pair.id, pair.chosen, pair.rejected, pair.source) == ("1", "A cat.", ("A dog.",), "random_edit")
    assert source.report()["asked"] == 1 and source.report()["from"]["from"]["accepted"] == 1
    assert source.options["from"] == inner and "prompts" not in source.options


@pytest.mark.parametrize(("options", "words"), [
    ({"from": {"name": "povid"}, "image_folder": "x"}, "no place here"),
    ({"from": {"file": "x"}}, r"bdhs\.from must be a source"),
    ({"from": {"name": "povid", "flie": "x"}}, "'file'"), ({"from": "povid"}, "mapping"),
])  # fmt: skip
def test_an_origin_that_cannot_be_used_is_refused(options, words):
    with pytest.raises(ConfigError, match=words):
        registry.make("source", "bdhs", options)


def test_a_limit_is_drawn_from_the_rows_that_can_be_asked(tmp_path):
    (tmp_path / "a.jpg").write_bytes(b"image")
    rows = [povid_row(str(i), "What is it?", f"Cat {i}.", image="gone.jpg" if i % 3 == 0 else "a.jpg") for i in range(30)]
    (tmp_path / "rows.json").write_text(json.dumps(rows))
    asked, stored = ids(tmp_path, "bdhs", 10, prompts="rows.json"), ids(tmp_path, "povid", 10, file="rows.json")
    assert asked == stored and len(asked) == 10
