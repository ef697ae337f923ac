"""AMBER's five files: one of another form is named with its key or line, and so are queries that contradict each other."""

from __future__ import annotations

import json
from typing import Any

import pytest

from benchmarks.amber import Amber
from harness.core.errors import DataError
from harness.storage.data_folder import DataFolder
from tests.benchmarks.scoring import GOLDEN, golden, put


@pytest.fixture
def amber(folder: DataFolder) -> DataFolder:
    asked = golden("amber/annotations.json")
    queries = [{"id": row["id"], "image": "x.jpg", "query": "Q?"} for row in asked]
    for name, content in (("annotations.json", asked), ("query/query_all.json", queries)):
        put(folder, f"amber/{name}", json.dumps(content))
    for name in ("relation.json", "safe_words.txt"):
        put(folder, f"amber/{name}", (GOLDEN / "amber" / name).read_text(encoding="utf-8"))
    return folder


@pytest.mark.parametrize(("relation", "message"), [
    ({"dog": "puppy"}, "relation.json: 'dog' should have a list of words, but has 'puppy'"),
    ({"dog": None}, "relation.json: 'dog' should have a list of words, but has None"),
    ({"dog": ["puppy", 1]}, r"relation.json: 'dog' should have a list of words, but has \['puppy', 1\]"),
    ({}, "relation.json should be an object of lists of words, but is {}"),
    ('["dog"]', r"relation.json should be an object of lists of words, but is \['dog'\]"),
])  # fmt: skip
def test_an_association_table_of_another_form_is_named_with_its_key(relation: Any, message: str, amber: DataFolder) -> None:
    put(amber, "amber/relation.json", relation)
    with pytest.raises(DataError, match=message):
        Amber().load(amber)


@pytest.mark.parametrize(("text", "message"), [
    ("", "safe_words.txt is empty"),
    (" \n\n", "safe_words.txt is empty"),
    ("line\n<!DOCTYPE html>\n", "safe_words.txt, line 2 is not one word: '<!DOCTYPE html>'"),
    ("orange,light,line\n", "safe_words.txt, line 1 is not one word"),
    ('["line"]', "safe_words.txt, line 1 is not one word"),
])  # fmt: skip
def test_a_safe_word_file_of_another_form_is_refused(text: str, message: str, amber: DataFolder) -> None:
    put(amber, "amber/safe_words.txt", text)
    with pytest.raises(DataError, match=message):
        Amber().load(amber)


@pytest.mark.parametrize(("table", "message"), [
    ({}, "should be an object .* but is {}"),
    ({"cat|dog": None}, "the similarity of 'cat|dog' is None, not a number from -1 to 1"),
    ({"cat|dog": 85}, "the similarity of 'cat|dog' is 85, not a number from -1 to 1"),
    ({"cat|dog": True}, "the similarity of 'cat|dog' is True"),
    ({"cat,dog": 0.9}, "the key 'cat,dog' is not two words"),
    ({"cat|dog": 0.9, "dog|cat": 0.2}, "has two similarities of cat and dog: 0.9 and 0.2"),
])  # fmt: skip
def test_a_table_of_similarities_of_another_form_is_refused(table: dict, message: str, amber: DataFolder) -> None:
    put(amber, "table.json", table)
    with pytest.raises(DataError, match=message.replace("|", r"\|")):
        Amber(similarity="file:table.json").load(amber)


@pytest.mark.parametrize("pair", ["cat|kitten", "kitten|cat"])
def test_a_table_of_similarities_has_pairs_in_either_order(pair: str, amber: DataFolder) -> None:
    put(amber, "table.json", {pair: 1.0000002})
    bench = Amber(similarity="file:table.json")
    bench.load(amber)
    assert bench._similar("cat", "kitten") and bench._similar("kitten", "cat") and not bench._similar("cat", "dog")


@pytest.mark.parametrize(("change", "message"), [
    ({"image": "other.jpg"}, "is about 1, as amber/query/query_all.json, entry 1 is, but they differ"),
    ({"query": "Is there a cat?"}, "but they differ"),
    ({"query": " "}, "'query' should be a question but is ' '"),
])  # fmt: skip
def test_two_queries_of_one_id_that_differ_are_refused(change: dict, message: str, amber: DataFolder) -> None:
    queries = json.loads(amber.read_text("amber/query/query_all.json"))
    put(amber, "amber/query/query_all.json", json.dumps([*queries, queries[0]]))
    assert Amber().load(amber)
    put(amber, "amber/query/query_all.json", json.dumps([*queries, {**queries[0], **change}]))
    with pytest.raises(DataError, match=f"entry {len(queries) + 1}.* {message}"):
        Amber().load(amber)


@pytest.mark.parametrize("truth", [None, "dog", ["dog", None]])
def test_a_description_without_a_list_of_objects_is_named(truth: Any, amber: DataFolder) -> None:
    put(amber, "amber/annotations.json", json.dumps([{"id": 1, "type": "generative", "truth": truth, "hallu": []}]))
    with pytest.raises(DataError, match="annotations.json, entry 1: 'truth' should be a list of texts but is"):
        Amber().load(amber)
