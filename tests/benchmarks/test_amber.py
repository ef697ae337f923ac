"""AMBER: the official script on made-up data, its 0.001 included; undefined numbers are unknown, not 0."""

from __future__ import annotations

import json
from math import isnan

import numpy as np
import pytest

from benchmarks._amber.formulas import formulas
from benchmarks._amber.objects import find_objects
from benchmarks._text.nouns import tagged
from benchmarks._text.word_similarity import measure
from benchmarks.amber import _KIND_OF, Amber
from harness.core.errors import ConfigError, DataError
from harness.core.evaluation import Item, Score, Sums
from harness.core.stats import metrics as measured
from harness.storage.data_folder import DataFolder
from tests.benchmarks.scoring import GOLDEN, golden, golden_lines, metrics, put, said

SECTIONS = {"Descriminative Task": "", "Exsitence": "existence", "Attribute": "attribute", "State": "state",
            "Number": "number", "Action": "action", "Relation": "relation"}  # fmt: skip


@pytest.fixture
def amber(folder: DataFolder) -> Amber:
    """The benchmark loaded from the golden files, with their similarity table."""
    annotations = golden("amber/annotations.json")
    put(folder, "amber/annotations.json", json.dumps(annotations))
    put(
        folder,
        "amber/query/query_all.json",
        json.dumps([{"id": a["id"], "image": "x.jpg", "query": "Q?"} for a in annotations]),
    )
    for name in ("relation.json", "safe_words.txt", "similarity.json"):
        put(folder, f"amber/{name}", (GOLDEN / "amber" / name).read_text(encoding="utf-8"))
    bench = Amber(similarity="file:amber/similarity.json")
    bench.items = {int(item.id): item for item in bench.load(folder)}  # type: ignore[attr-defined]
    return bench


def test_every_description_has_the_official_nouns_and_counters(amber: Amber) -> None:
    responses = {row["id"]: row["response"] for row in golden("amber/responses.json")}
    names = {"invented": "chair_score", "nouns": "chair_num", "covered": "safe_cover_score", "true_objects": "safe_cover_num",
             "baited": "hallu_cover_score", "bait_objects": "hallu_cover_num", "clean": "non_hallu_score"}  # fmt: skip
    for row in golden_lines("amber/expected_generative_per_response.jsonl"):
        text = responses[row["id"]]
        assert [list(pair) for pair in tagged(amber._tokenizer.words(text))] == row["tagged_tokens"]
        assert amber.nouns(text) == row["nouns"]
        values = amber.score(amber.items[row["id"]], said(text)).values  # type: ignore[attr-defined]
        assert {ours: values[ours] for ours in names} == {ours: row[theirs] for ours, theirs in names.items()}


@pytest.mark.parametrize("tasks", ["a", "g", "d", "de", "da", "dr"])
def test_every_number_that_the_official_script_prints(amber: Amber, tasks: str) -> None:
    kinds = {"a": set(_KIND_OF.values()), "g": {"generative"}, "d": set(_KIND_OF.values()) - {"generative"},
             "de": {"existence"}, "da": {"state", "number", "action"}, "dr": {"relation"}}[tasks]  # fmt: skip
    items = amber.items  # type: ignore[attr-defined]
    rows = [row for row in golden("amber/responses.json") if items[row["id"]].truth["kind"] in kinds]
    got = metrics(amber, [amber.score(items[row["id"]], said(row["response"])) for row in rows])
    for section, printed in golden("amber/expected_metrics.json")[tasks]["metrics"].items():
        group = f"[{SECTIONS[section]}]" if SECTIONS.get(section) else ""
        assert {name: round(100 * got[f"{name.lower()}{group}"], 6) for name in printed} == printed


def question(kind: str = "state", truth: str = "no") -> Item:
    return Item("1", "a.jpg", "Q?", {"kind": kind, "truth": truth})


def test_only_an_exact_yes_or_no_counts() -> None:
    assert Amber().score(question(), said("No.")).flag == "unclear"
    assert Amber(answers="first_word").score(question(), said("no, it is not")).values["state/right_no"] == 1


def test_one_of_one_is_99_9_officially_and_1_exactly() -> None:
    score = Amber().score(question(), said("No"))
    assert metrics(Amber(), [score])["accuracy[state]"] == pytest.approx(0.999)
    assert metrics(Amber(variant="exact"), [score])["accuracy[state]"] == 1


def test_what_was_not_asked_is_unknown_not_zero() -> None:
    got = metrics(Amber(), [Amber().score(question(truth="yes"), said("Yes"))])
    assert isnan(got["chair"]) and isnan(got["precision[state]"]) and isnan(got["amber"]) and isnan(got["accuracy[relation]"])


@pytest.mark.parametrize("answer", ["Yes", "No."])
def test_a_model_that_never_says_exactly_no_has_the_scripts_precision_and_f1(answer: str) -> None:
    """inference.py: 0 / 0.001, 0 / 10.001 and 2 * 0 * 0 / 0.0001; AMBER is then (100 - CHAIR) / 2."""
    asked = [Amber().score(question("existence"), said(answer)) for _ in range(10)]
    described = Score("d", {"responses": 1.0, "nouns": 1000.0, "invented": 100.0})
    got = metrics(Amber(), [*asked, described])
    assert (got["precision"], got["recall"], got["f1"], got["f1[existence]"]) == (0, 0, 0, 0)
    assert got["amber"] == pytest.approx((1 - 0.1) / 2) and isnan(got["f1[relation]"])


def test_without_a_question_whose_answer_is_no_there_is_no_recall_and_no_f1() -> None:
    got = metrics(Amber(), [Amber().score(question(truth="yes"), said("No"))])
    assert got["precision[state]"] == 0 and isnan(got["recall[state]"]) and isnan(got["f1[state]"])


def test_the_reason_of_an_unknown_amber_score_names_the_part_and_why() -> None:
    silent = Score("1", {"responses": 1.0, "clean": 1.0})
    why = {metric.key: metric.why for metric in measured([question()], [silent], Amber().formulas)}
    assert why["chair"] == "no response names a word of the vocabulary"
    assert why["amber"] == "no response names a word of the vocabulary (CHAIR); no question whose answer is no (f1)"


@pytest.mark.parametrize("variant", ["official", "exact"])
def test_formulas_take_arrays_of_resamples(variant: str) -> None:
    names = ("invented", "nouns", "covered", "true_objects", "clean", "responses", "state/asked", "state/right",
             "state/is_no", "state/said_no", "state/right_no")  # fmt: skip
    arrays = Sums({name: np.array([1.0, 2.0, 0.0]) for name in names})
    single = Sums(dict.fromkeys(names, 2.0))
    for formula in formulas(variant):
        values = np.broadcast_to(formula.compute(arrays), 3)  # one float where nobody added anything
        assert values[1] == pytest.approx(formula.compute(single), nan_ok=True)


@pytest.mark.parametrize("variant", ["official", "exact"])
def test_the_amber_score_is_the_mean_of_what_is_not_invented_and_f1(variant: str) -> None:
    """(100 - CHAIR + F1) / 2, over all yes/no questions together."""
    answers = {"asked": 100.0, "right": 50.0, "is_no": 50.0, "said_no": 50.0, "right_no": 30.0}
    told = {f"{kind}/{part}": n for kind in ("state", "relation") for part, n in answers.items()} | {"relation/right_no": 20.0}
    sums = Sums({"invented": 20.0, "nouns": 100.0, "responses": 1.0, "clean": 0.0, **told})
    got = {f.name + f.group: float(f.compute(sums)) for f in formulas(variant)}
    assert got["f1state"] == pytest.approx(0.6, abs=2e-3) and got["f1relation"] == pytest.approx(0.4, abs=2e-3)
    assert got["f1"] == pytest.approx(0.5, abs=2e-3) and got["chair"] == pytest.approx(0.2, abs=2e-3)
    assert got["amber"] == pytest.approx((1 - 0.2 + 0.5) / 2, abs=2e-3)


def test_the_suffix_is_for_questions_and_not_for_descriptions() -> None:
    bench = Amber(prompt_suffix=" Yes or no?")
    assert bench.prompt(question()) == "Q? Yes or no?"
    assert bench.prompt(question("generative")) == "Q?"


def test_a_description_is_right_when_nothing_is_invented(amber: Amber) -> None:
    scores = [
        amber.score(amber.items[row["id"]], said(row["response"]))  # type: ignore[attr-defined]
        for row in golden("amber/responses.json")
        if amber.items[row["id"]].truth["kind"] == "generative"  # type: ignore[attr-defined]
    ]
    assert {score.correct for score in scores} == {True, False}
    for score in scores:
        assert score.correct == (score.values["invented"] == 0) == (not score.why)
    assert any(", " in score.reading for score in scores)


def test_similarity_by_a_spacy_model_asks_each_pair_once(folder: DataFolder, monkeypatch: pytest.MonkeyPatch) -> None:
    import spacy

    asked = []

    class Word(str):
        def similarity(self, other: str) -> float:
            asked.append((self, other))
            return 0.5

    monkeypatch.setattr(spacy, "load", lambda name: Word)
    similar = measure("spacy:any", folder)
    assert [similar("cat", "dog"), similar("cat", "dog"), similar("dog", "cat")] == [0.5, 0.5, 0.5]
    assert asked == [("cat", "dog"), ("dog", "cat")]
    with pytest.raises(ConfigError):
        measure("file:", folder)


def test_a_bait_marks_itself_and_the_first_one_alike() -> None:
    found = find_objects(["hill"], [], ["mountain", "hill"], {"mountain": [], "hill": []}, frozenset(), frozenset({"hill"}),
                         lambda one, other: True)  # fmt: skip
    assert (found.baited, found.invented) == (2, ("hill",))


def test_similarity_by_exact_words_and_from_a_file(folder: DataFolder) -> None:
    put(folder, "s.json", {"cat|kitten": 0.85})
    assert [measure("exact", folder)(*pair) for pair in (("cat", "cat"), ("cat", "kitten"))] == [1, 0]
    assert [measure("file:s.json", folder)(*pair) for pair in (("kitten", "cat"), ("cat", "dog"))] == [0.85, 0]
    with pytest.raises(ConfigError, match="no word similarity 'word2vec'"):
        measure("word2vec", folder)
    with pytest.raises(ConfigError, match="spaCy has no model 'en_core_web_lg'"):
        measure("spacy:en_core_web_lg", folder)


@pytest.mark.parametrize(("annotation", "message"), [
    ({"id": 1, "type": "odd", "truth": "no"}, "type 'odd' is not one of"),
    ({"id": 2, "type": "relation", "truth": "no"}, "no query with id 2"),
    ({"id": 1, "type": "relation", "truth": "maybe"}, "should be yes or no"),
    ({"id": 1, "type": "generative", "truth": ["dog"], "hallu": ["ufo"]}, "'ufo' is not in amber/relation.json"),
])  # fmt: skip
def test_broken_annotations_are_one_clear_error(folder: DataFolder, annotation: dict, message: str) -> None:
    put(folder, "amber/annotations.json", [annotation])
    put(folder, "amber/query/query_all.json", [{"id": 1, "image": "x.jpg", "query": "Q?"}])
    put(folder, "amber/relation.json", {"dog": ["puppy"]})
    put(folder, "amber/safe_words.txt", "light\n")
    with pytest.raises(DataError, match=message):
        Amber().load(folder)


def test_descriptions_cannot_be_scored_before_the_words_are_read() -> None:
    with pytest.raises(ConfigError):
        Amber(tasks="generative")
