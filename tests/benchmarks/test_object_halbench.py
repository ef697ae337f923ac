"""Object HalBench: the official scorer on 300 answers whose extraction is given, and what an extractor may reply."""

from __future__ import annotations

import json
import shutil
from math import isnan
from pathlib import Path

import pytest

from benchmarks._coco.vocabulary import refined
from benchmarks._judged.object_list import candidates, nltk_tagger, nodes_of, object_list, official_object_list
from benchmarks.object_halbench import ObjectHalbench, score_objects
from harness.core.errors import ConfigError, DataError, JudgeError
from harness.core.evaluation import Item
from harness.storage.data_folder import DataFolder
from tests.benchmarks.scoring import (
    GOLDEN,
    Replies,
    golden,
    golden_lines,
    metrics,
    put,
    put_coco,
    said,
)

ANSWERS = golden_lines("object_halbench/answers.jsonl")
NAMES = {"chair_s": "CHAIRs", "response_hall": "CHAIRs_refine", "object_hall": "CHAIRi", "object_recall": "obj_rec",
         "length": "avg_word_len", "response_correct": "correct_rate", "object_correct": "object_correct_rate"}  # fmt: skip


@pytest.fixture(scope="module")
def items(tmp_path_factory: pytest.TempPathFactory) -> list[Item]:
    root: Path = tmp_path_factory.mktemp("halbench")
    shutil.copytree(GOLDEN / "chair" / "annotations", root / "coco" / "annotations")
    data = DataFolder(root)
    put(data, "q.jsonl", [{"image_id": row["image_id"], "question": row["question"]} for row in ANSWERS])
    return ObjectHalbench(file="q.jsonl").load(data)


def dog() -> Item:
    return Item("1", "a.jpg", "Q?", {"objects": ["dog"]})


def test_the_extracted_path_is_the_official_one(items: list[Item]) -> None:
    scores = []
    expected = golden_lines("object_halbench/expected_sentences_extracted.jsonl")
    for row, item, sentence in zip(ANSWERS, items, expected, strict=True):
        text = row["answer"].replace("Assistant:", "").strip()
        tokens = dict(zip(row["extract_objs"], row["spacy_tokens"], strict=True))
        extracted = row["extract_objs"] if len(text.split()) > 3 else []
        names = candidates(extracted, lambda name, t=tokens: [tuple(x) for x in t[name]])
        found = nodes_of(names)
        assert (text, names) == (sentence["caption"], sentence["objs"])
        assert [list(pair) for pair in found] == sentence["mscoco_generated_words"]
        assert item.truth["objects"] == sentence["mscoco_gt_words"]
        scores.append(score_objects(item, text, found))
        assert scores[-1].values["hallucinated"] == sentence["CHAIRs"]
    got, overall = metrics(ObjectHalbench(), scores), golden("object_halbench/expected_overall.json")["extracted"]
    assert {n: got[n] for n in NAMES} == pytest.approx({n: overall["overall_metrics"][o] for n, o in NAMES.items()}, abs=1e-12)


def test_the_plain_path_is_the_official_one(items: list[Item]) -> None:
    bench = ObjectHalbench(extractor="plain")
    scores = [bench.score(item, said(row["answer"])) for item, row in zip(items, ANSWERS, strict=True)]
    for row, sentence in zip(ANSWERS, golden_lines("object_halbench/expected_sentences_plain_text.jsonl"), strict=True):
        found = bench._plain(row["answer"].replace("Assistant:", "").strip())
        assert [list(pair) for pair in found] == sentence["mscoco_generated_words"]
    got, overall = metrics(bench, scores), golden("object_halbench/expected_overall.json")["plain_text"]
    assert {n: got[n] for n in NAMES} == pytest.approx({n: overall["overall_metrics"][o] for n, o in NAMES.items()}, abs=1e-12)


@pytest.mark.parametrize("case", golden("object_halbench/parse_object_list.json"), ids=lambda case: repr(case["content"][:15]))
def test_the_official_parser_of_replies(case: dict) -> None:
    if case["error"]:
        with pytest.raises(ValueError):
            official_object_list(case["content"])
    else:
        assert official_object_list(case["content"]) == case["result"]


@pytest.mark.parametrize(("reply", "official", "tolerant"), [
    ("()", None, []),                                   # what the template asks for, which its parser cannot read
    ('Sure: ["dog"]', None, ["dog"]),
    ('```json\n["dog"]\n```', None, ["dog"]),
    ('{"objects": ["dog"]}', ["objects"], ["dog"]),     # the script iterates over what it has parsed
    ('{"dog": 1, "cat": 2}', ["dog", "cat"], None),
    ('["dog"]\nThat is all.', None, ["dog"]),
    ("no objects", None, None),
    ('"dog"', ["d", "o", "g"], None),
    ("{}", [], None),
    ("3", None, None),                                  # nor can the script go through a number
    ("null", None, None),
])  # fmt: skip
def test_what_the_default_parser_reads_beyond_the_official_one(reply: str, official: object, tolerant: object) -> None:
    assert (object_list(reply, "official"), object_list(reply, "tolerant")) == (official, tolerant)


def test_an_unreadable_extraction_is_unjudged() -> None:
    bench = ObjectHalbench(Replies("no objects"), extractor="judge")
    score = bench.score(dog(), said("A dog and a cat sit."))
    assert score.flag == "unjudged" and isnan(metrics(bench, [score])["response_hall"])


@pytest.mark.parametrize(("answer", "right", "why"), [
    ("Two dogs run past.", True, ""),
    ("Two dogs run past a cat and a bus.", False, "invented: cat, bus"),
    ("Nothing at all stands there.", True, ""),
])  # fmt: skip
def test_an_answer_is_right_when_nothing_is_invented(answer: str, right: bool, why: str) -> None:
    score = ObjectHalbench(extractor="plain").score(dog(), said(answer))
    assert (score.correct, score.why) == (right, why)


@pytest.mark.parametrize(("names", "nodes"), [
    (["toilet", "seat"], ["toilet"]),
    (["seat"], ["chair"]),
    (["toilet"], ["toilet"]),
])  # fmt: skip
def test_a_seat_beside_a_toilet_is_no_chair(names: list[str], nodes: list[str]) -> None:
    assert [node for _, node in nodes_of(names)] == nodes


def test_double_words_are_taken_from_the_left_and_alone() -> None:
    tags = {"hot dog stand dog": [("hot", "JJ"), ("dog", "NN"), ("stand", "NN"), ("dog", "NN")],
            "brown dog bowl": [("brown", "JJ"), ("dog", "NN"), ("bowl", "NN")], "cell phone traffic light":
            [("cell", "NN"), ("phone", "NN"), ("traffic", "NN"), ("light", "NN")]}  # fmt: skip
    assert candidates(tags, tags.__getitem__) == ["hot dog", "dog bowl", "cell phone", "traffic light"]


def test_the_judge_is_asked_for_objects_and_its_rows_are_counted(folder: DataFolder) -> None:
    put_coco(folder, {7: ["dog"]}, {})
    put(folder, "q.jsonl", [{"image_id": 7, "prompt": "What is it?"}])
    judge = Replies('["dog"]')
    bench = ObjectHalbench(judge, file="q.jsonl", extractor="judge")
    (item,) = bench.load(folder)
    bench.score(item, said("There is a dog here."))
    assert judge.asked == [("What is it?", "There is a dog here.", {"task": "objects"}, None)]
    assert bench.facts()["rows"] == "1" and bench.facts()["extractor"] == "judge replies 1"


def test_a_short_answer_never_reaches_the_extractor() -> None:
    assert ObjectHalbench(Replies(), extractor="judge").score(dog(), said("A dog sleeps.")).values["mentions"] == 0


def test_synonyms_count_as_mentions_of_their_own() -> None:
    bench = ObjectHalbench(Replies('["man", "woman", "dogs"]'), extractor="judge")
    values = bench.score(dog(), said("A man and a woman with dogs.")).values
    assert (values["mentions"], values["invented"], values["true_found"]) == (3, 2, 1)


def test_the_offline_extractor_reads_nouns() -> None:
    assert ObjectHalbench().score(dog(), said("Two dogs run past a fire hydrant.")).reading == "dog, fire hydrant (invented)"


@pytest.mark.parametrize(("text", "reading"), [
    ("A puppy sits near a locomotive.", "puppy, locomotive (invented)"),  # adjectives to NLTK
    ("It is a remote area, and the street is pedestrian.", ""),           # and here they are
    ("There is a remote, sandy beach here.", ""),
    ("A small brown dog sits there.", "dog"),                             # "brown" is a noun to NLTK
    ("An orange and white dog sits there.", "dog"),
    ("An orange lies on the grass.", "orange (invented)"),
])  # fmt: skip
def test_words_that_nltk_takes_for_another_part_of_speech(text: str, reading: str) -> None:
    assert ObjectHalbench().score(dog(), said(text)).reading == reading


ADJECTIVES = ["puppy", "remote", "pedestrian", "locomotive", "urinal", "pelican"]


@pytest.mark.parametrize("before", ["", "white ", "small brown ", "orange and white "])
@pytest.mark.parametrize("name", ADJECTIVES)
def test_a_judges_objects_are_nouns_whatever_nltk_takes_them_for(before: str, name: str) -> None:
    bench = ObjectHalbench(Replies(json.dumps([before + name])), extractor="judge")
    assert bench.score(dog(), said("A long answer of some words.")).values["mentions"] == 1


def test_every_word_of_the_vocabulary_is_found_alone() -> None:
    """But for "sports ball", whose lemma is another word to spaCy, too, and "iPhone", which is in lower case here."""
    words = refined().node_of
    assert [word for word in words if not nodes_of(candidates([word], nltk_tagger))] == ["sports ball", "iPhone"]


def test_it_runs_without_the_official_questions_when_asked_to(folder: DataFolder) -> None:
    put_coco(folder, {1: ["dog"], 2: ["cat"]}, {1: ["a cat"]})
    (item,) = ObjectHalbench(describe=1).load(folder)
    assert item.truth["objects"] == ["cat", "dog"] and item.image == "coco/val2014/COCO_val2014_000000000001.jpg"


def test_a_question_about_an_unknown_image_is_an_error(folder: DataFolder) -> None:
    put_coco(folder, {1: ["dog"]}, {})
    put(folder, "q.jsonl", [{"image_id": 7, "question": "Q?"}])
    with pytest.raises(DataError, match="line 1: image 7 is not in the COCO annotations"):
        ObjectHalbench(file="q.jsonl").load(folder)


def test_a_judge_that_is_not_there_is_said_at_once() -> None:
    with pytest.raises(JudgeError, match="needs a judge"):
        ObjectHalbench(extractor="judge")


def test_a_spacy_model_that_is_not_installed_is_said() -> None:
    with pytest.raises(ConfigError, match="spaCy has no model 'en_core_web_trf'"):
        ObjectHalbench(tagger="en_core_web_trf").score(dog(), said("A dog sits near a cat."))


@pytest.mark.parametrize(("options", "says"), [
    ({"describe": 0}, "describe is 0; give a number of images above 0"),
    ({"describe": -3}, "describe is -3"),
    ({"prompt": "What is there?"}, "prompt is asked with describe only"),
])  # fmt: skip
def test_options_that_would_do_nothing_are_errors(options: dict[str, object], says: str) -> None:
    with pytest.raises(ConfigError, match=says):
        ObjectHalbench(**options)  # type: ignore[arg-type]


@pytest.mark.parametrize(("options", "says"), [
    ({"describe": 1, "file": "own.jsonl"}, "file has no effect with describe"),
    ({"extractor": "plain", "tagger": "en_core_web_sm"}, "tagger has no effect with extractor: plain"),
    ({"variant": "official"}, "variant has no effect with extractor: nouns"),
])  # fmt: skip
def test_options_without_effect_are_refused_where_questions_are_loaded(
    folder: DataFolder, options: dict[str, object], says: str
) -> None:
    """Not where a benchmark is made: a finished run of an earlier version opens with the options that it was given."""
    put_coco(folder, {1: ["dog"]}, {})
    with pytest.raises(ConfigError, match=says):
        ObjectHalbench(**options).load(folder)  # type: ignore[arg-type]


@pytest.mark.parametrize(("extractor", "stated"), [
    ("plain", set()), ("nouns", {"noun tagger"}), ("judge", {"noun tagger", "extractor parser"}),
])  # fmt: skip
def test_the_protocol_states_what_an_extractor_uses(extractor: str, stated: set[str]) -> None:
    facts = ObjectHalbench(Replies(), extractor=extractor).facts()
    assert facts.keys() & {"noun tagger", "extractor parser"} == stated
