"""The language data comes with the installation: nothing is looked up in NLTK's data folders."""

from __future__ import annotations

import subprocess
import sys

from benchmarks._text.language_data import perceptron_tagger, read_member
from benchmarks._text.nouns import NounGuess
from harness.core.edge.nltk_import import punkt_parameters


def test_punkts_parameters_are_those_of_the_wall_street_journal_model() -> None:
    parameters = punkt_parameters()
    assert len(parameters.abbrev_types) == 156 and len(parameters.sent_starters) == 39
    assert {"dr", "p.m", "u.s.a"} <= parameters.abbrev_types and len(parameters.ortho_context) == 20_366


def test_the_tagger_gives_the_tags_of_its_own_documentation() -> None:
    assert perceptron_tagger().tag(["The", "red", "cat"]) == [("The", "DT"), ("red", "JJ"), ("cat", "NN")]


def test_the_nouns_are_those_of_wordnet_3_1_and_the_verbs_those_of_3_0() -> None:
    nouns, verbs = (read_member("wordnet.zip", f"lemmas.{name}").split() for name in ("noun", "verb"))
    assert len(nouns) == 117_951 and len(verbs) == 11_529 and "biker" in nouns


def test_every_archive_carries_its_licence() -> None:
    assert "Princeton University" in read_member("wordnet.zip", "LICENSE")
    assert "Matthew Honnibal" in read_member("perceptron_tagger_eng.zip", "LICENSE")


def test_no_data_folder_of_nltk_is_searched() -> None:
    code = (
        "import nltk.data\n"
        "def refuse(*names, **options): raise AssertionError(names)\n"
        "nltk.data.find = nltk.data.load = refuse\n"
        "from benchmarks._text.nouns import NounGuess, lemmas\n"
        "from benchmarks._text.tokenizer import Tokenizer\n"
        "words = Tokenizer().words('Mr. Fox saw two geese. They sat.')\n"
        "assert lemmas(words)[4] == 'goose' and NounGuess().among(['dogs', 'is']) == [0]\n"
    )
    subprocess.run([sys.executable, "-c", code], check=True)


def test_usual_verbs_of_descriptions_are_not_marked_as_nouns() -> None:
    words = ["the", "image", "shows", "a", "kitchen", "where", "a", "woman", "stands", "and", "holds", "a", "lantern"]
    assert [words[i] for i in NounGuess().among(words)] == ["kitchen", "woman", "lantern"]
