"""Sources that ask no model: pair files and random edits."""

import random

import pytest

from alignment.data.noun_counts import Vocabulary
from alignment.data.pairs import write_trl
from alignment.data.prompts import Prompt
from alignment.data.stored_pairs import nouns
from alignment.sources.jsonl import Jsonl
from alignment.sources.random_edit import RandomEdit, edited
from harness.core.errors import ConfigError, DataError
from harness.core.preference import PreferencePair
from harness.storage.data_folder import DataFolder
from tests.alignment.scripted import ScriptedModel, write_prompts
from tests.pair_files import write_pairs

NOUNS = "cat\ndog, dogs\nmat\napple\nteddy bear\nbus\n"


def silent(_request) -> str:
    raise AssertionError("no model is asked")


def edits(chosen: str, share: float = 1.0, n: int = 60) -> set[str]:
    vocabulary = Vocabulary.parse(NOUNS, "nouns.txt")
    return {edited(Prompt("p", "", "", None, "?", chosen), vocabulary, share, random.Random(seed)) for seed in range(n)}


def test_a_noun_is_swapped_with_its_article_and_number():
    assert edits("A cat sleeps.") == {f"{new} sleeps." for new in ("A dog", "A mat", "An apple", "A teddy bear", "A bus")}
    assert edits("Two dogs sleep.") == {f"Two {new} sleep." for new in ("cats", "mats", "apples", "teddy bears", "buses")}


def test_half_of_the_mentions_are_swapped_rounded_up():
    assert all(text.count("cat") + text.count("dog") == 1 for text in edits("A cat and a dog.", share=0.5))
    assert all(("cat" in text) + ("dog" in text) + ("mat" in text) == 1 for text in edits("A cat, a dog, a mat.", share=0.5))


def test_a_yes_becomes_a_no_and_keeps_its_nouns():
    assert edits("Yes, there is a cat.") == {"No, there is a cat."}


def test_random_edits_follow_from_the_seed_and_ask_no_model(tmp_path):
    data = write_prompts(tmp_path, ("A cat and a dog.", "It is late."), NOUNS)
    source = RandomEdit()
    (pair,) = source.pairs(data, ScriptedModel(silent), 3)
    assert [pair] == list(RandomEdit().pairs(data, ScriptedModel(silent), 3))
    assert source.report()["dropped"] == {"no noun to swap": 1}
    assert source.report()["sides"]["mentions"] == {"chosen": 2, "rejected": 2, "share_equal": 1}


def test_random_edits_need_a_vocabulary(tmp_path):
    with pytest.raises(DataError, match=r"nouns\.txt"):
        list(RandomEdit().pairs(write_prompts(tmp_path, ("A cat.",)), ScriptedModel(silent), 0))


@pytest.mark.parametrize(("form", "write"), [("own", write_pairs), ("trl", write_trl)])
def test_a_pair_file_is_read_placed_and_digested(tmp_path, form, write):
    data = write_prompts(tmp_path, ("A cat.",))
    rows = [PreferencePair(str(i), "a.png", "", "?", "A cat.", ("A dog.",), "test") for i in range(5)]
    write(tmp_path / "pairs.jsonl", [*rows, PreferencePair("gone", "b.png", "", "?", "A cat.", ("A dog.",), "test")])
    source = Jsonl(form=form, image_folder="images", limit=3)
    pairs = list(source.pairs(data, ScriptedModel(silent), 0))
    assert len(pairs) == 3
    assert {(p.image, p.image_digest) for p in pairs} == {("images/a.png", data.digest("images/a.png"))}
    assert source.report()["dropped"] == {"missing image": 1}


@pytest.mark.parametrize("make", [lambda: Jsonl(form="csv"), lambda: RandomEdit(share=0)])
def test_wrong_options_are_refused(make):
    with pytest.raises(ConfigError):
        make()


def test_an_empty_name_of_a_vocabulary_is_refused_by_its_name(tmp_path) -> None:
    with pytest.raises(ConfigError, match="`vocabulary` is empty. Name a file of nouns"):
        nouns(DataFolder(tmp_path, tmp_path), "")
