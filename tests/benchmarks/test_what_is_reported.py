"""Names, directions and facts of every benchmark: reports, stored runs and other people's scripts rely on them."""

from __future__ import annotations

import pytest

from benchmarks.choice.mmstar import AXES
from benchmarks.judges.keywords import Keywords
from benchmarks.yes_no.mme import TASKS
from harness.core import registry
from harness.core.evaluation import Item
from tests.benchmarks.scoring import metrics, said

# name -> better; "*" marks the headline metrics. Slices carry the same names.
METRICS = {
    "amber": {"amber*": "higher", "chair*": "lower", "cover*": "higher", "hal": "lower", "cog": "lower", "f1*": "higher",
              "accuracy": "higher", "precision": "higher", "recall": "higher"},
    "chair": {"chair_s": "lower", "chair_i*": "lower", "recall*": "higher", "precision": "higher", "f1": "higher",
              "length*": "neither"},
    "chair_open": {"unsupported*": "lower", "captions_unsupported": "lower", "uncovered": "neither", "covered": "neither",
                   "judged": "neither"},
    "gqa": {"accuracy*": "higher"},
    "llava_bench": {"relative*": "higher", "reference": "neither", "model": "higher", "judged": "neither"},
    "mmhal_bench": {"score*": "higher", "hallucination_rate*": "lower", "informativeness": "higher", "judged": "neither"},
    "mmhal_bench_v": {"score*": "higher", "hallucination_rate*": "lower", "informativeness": "higher", "judged": "neither"},
    "mmvet": {"score*": "higher", "judged": "neither"},
    "object_halbench": {"response_hall*": "lower", "object_hall*": "lower", "object_recall*": "higher", "length": "neither",
                        "chair_s": "lower", "response_correct": "higher", "object_correct": "higher", "judged": "neither"},
    "pope": {"accuracy*": "higher", "f1*": "higher", "yes_rate": "neither", "precision": "higher", "recall": "higher",
             "unclear": "neither", "ece": "lower", "brier": "lower"},
    "textvqa": {"accuracy*": "higher"},
    "beaf": {"tu*": "higher", "id*": "lower", "f1_tuid*": "higher", "ig": "lower", "sb_plus": "lower", "sb_minus": "lower",
             "accuracy": "higher", "precision": "higher", "recall": "higher", "f1": "higher", "unread": "lower",
             "without_original": "neither"},
    "dash_b": {"accuracy*": "higher", "balanced_accuracy": "higher", "tnr*": "higher", "tpr*": "higher", "harmonic_mean":
               "higher", "unread": "lower"},
    "hallucinogen": {"accuracy*": "higher", "accepted_absent": "lower", "precision": "higher", "recall": "higher", "f1":
                     "higher", "unclear": "neither"},
    "hallusionbench": {"a_acc*": "higher", "f_acc*": "higher", "q_acc*": "higher", "mean*": "higher", "unread": "lower",
                       "judged": "neither", "incomplete_figures": "neither", "incomplete_pairs": "neither"},
    "mme": {"perception*": "higher", "cognition*": "higher", "hallucination_subset*": "higher", "score": "higher", "accuracy":
            "higher", "accuracy_plus": "higher", "precision": "higher", "recall": "higher", "unread": "lower", "yes_rate":
            "neither"},
    "mmstar": {"accuracy*": "higher", "mean_of_axes": "higher", "unread": "lower"},
    "mmvp": {"pair_accuracy*": "higher", "accuracy*": "higher", "unread": "lower", "incomplete_pairs": "neither"},
    "naturalbench": {"g_acc*": "higher", "q_acc*": "higher", "i_acc*": "higher", "acc*": "higher", "unread": "lower",
                     "incomplete_groups": "neither"},
    "over_refusal": {"over_refusal*": "lower", "full_refusal": "lower", "partial_refusal": "lower", "no_answer": "lower",
                     "refusal": "neither"},
}  # fmt: skip
SLICES = {
    "amber": {"attribute", "existence", "state", "number", "action", "relation"},
    "gqa": {"verify", "query", "choose", "logical", "compare"},
    "llava_bench": {"conv", "detail", "complex"},
    "mmhal_bench": {"attribute", "adversarial", "comparison", "counting", "relation", "environment", "holistic", "other"},
    "mmvet": {"rec", "ocr", "know", "gen", "spat", "math"},
    "pope": {"random", "popular", "adversarial"},
    "hallucinogen": {"id"},
    "hallusionbench": {"VD", "VD_figure", "VD_illusion", "VD_math", "VD_ocr", "VD_video", "VS", "VS_chart", "VS_map", "VS_ocr",
                       "VS_table"},
    "naturalbench": {"multiple_choice", "yes_no"},
    "over_refusal": {"safe", "unsafe"},
    "mme": set(TASKS),
    "mmstar": {*AXES, *(axis for axes in AXES.values() for axis in axes)},
}  # fmt: skip
FACTS = {
    "amber": "lemmas, prompt suffix, tasks, tokenizer, variant, word similarity, yes/no answers",
    "chair": "image list, max_new_tokens, prompt, tokenizer, truncated last sentence, uncovered nouns, variant, vocabulary",
    "chair_open": "image list, lemmas, max_new_tokens, prompt, supported by, tokenizer, uncovered nouns, variant, vocabulary",
    "gqa": "matching, prompt suffix",
    "llava_bench": "judge, order of the answers, variant",
    "mmhal_bench": "judge, judge sees the image, variant",
    "mmhal_bench_v": "judge, judge sees the image, variant",
    "mmvet": "gradings, judge, variant",
    "object_halbench": "extractor, lemmas, noun tagger, tokenizer, vocabulary",
    "pope": "construction, flavour, labels, limit_images, prompt suffix, splits, variant",
    "textvqa": "OCR tokens in the prompt, prompt suffix",
    "beaf": "prompt style, unread answers, variant",
    "dash_b": "intervals resample, prompt style, variant",
    "hallucinogen": "prompt style, splits, tasks, variant, wording",
    "hallusionbench": "prompt style, scope, variant",
    "mme": "prompt style, unread answers, variant",
    "mmstar": "image, prompt style, variant",
    "mmvp": "prompt style, variant",
    "naturalbench": "prompt style, variant",
    "over_refusal": "prompt style, reading",
}
TOKENS = {"pope": 16, "gqa": 16, "textvqa": 16, "llava_bench": 1024} | {
    "beaf": 16,
    "dash_b": 16,
    "hallucinogen": 64,
    "hallusionbench": 128,
    "mme": 16,
    "mmstar": 16,
    "mmvp": 64,
    "naturalbench": 16,
    "over_refusal": 128,
}
NAMES = registry.names("benchmark")


def made(name: str, **options):
    return registry.make("benchmark", name, options, judge=Keywords())


@pytest.mark.parametrize("name", NAMES)
def test_metrics_have_these_names_and_directions(name: str) -> None:
    formulas = made(name).formulas
    headline = {f.name for f in formulas if f.headline}
    assert {f.name + "*" * (f.name in headline): f.better for f in formulas} == METRICS[name]
    assert {f.group for f in formulas} - {""} == SLICES.get(name.removesuffix("_v"), set())


@pytest.mark.parametrize("name", NAMES)
def test_the_protocol_names_what_can_move_a_score(name: str) -> None:
    benchmark = made(name)
    facts = benchmark.facts()
    assert ", ".join(sorted(facts)) == FACTS[name]
    assert all(isinstance(value, str) for value in facts.values())
    assert benchmark.decoding().max_new_tokens == TOKENS.get(name, 512)


@pytest.mark.parametrize(("name", "options", "fact", "value"), [
    ("chair", {"variant": "lemma"}, "lemmas", "WordNet 3.0, nouns 3.1"),
    ("mmhal_bench", {"variant": "official"}, "variant", "official"),
    ("mmhal_bench_v", {}, "judge sees the image", "yes"),
    ("mmhal_bench", {}, "judge sees the image", "no"),
    ("llava_bench", {"swap": True}, "order of the answers", "both, averaged"),
    ("object_halbench", {"extractor": "plain"}, "extractor", "plain"),
    ("object_halbench", {"extractor": "judge"}, "extractor", f"judge keywords {Keywords().version}"),
    ("amber", {"tasks": ["existence", "attribute"]}, "tasks", "existence, attribute"),
    ("gqa", {"prompt_suffix": " Short."}, "prompt suffix", " Short."),
    ("textvqa", {}, "OCR tokens in the prompt", "no"),
    ("mmvet", {}, "judge", f"keywords {Keywords().version}"),
    ("pope", {}, "labels", "as published"),
    ("pope", {"labels": "repope"}, "labels", "repope"),
    ("mmvp", {"variant": "official"}, "judge", f"keywords {Keywords().version}"),
])  # fmt: skip
def test_an_option_shows_in_the_protocol(name: str, options: dict, fact: str, value: str) -> None:
    assert made(name, **options).facts()[fact] == value


EXISTENCE = {"label": "yes", "task": "existence", "category": "VD", "subcategory": "ocr", "groups": {}, "object": "dog"}
OPTIONS = {"options": {"A": "x", "B": "y", "C": "z", "D": "w"}, "category": "math", "axis": "geometry", "groups": {}}


@pytest.mark.parametrize(("name", "truth", "answers", "expected"), [
    ("mme", EXISTENCE, ["Yes", "Yes.", "No", "Perhaps", "Maybe"], {"yes_rate": 0.4, "unread": 0.4, "unread[existence]": 0.4}),
    ("dash_b", EXISTENCE, ["Yes", "No", "Perhaps", "Maybe"], {"unread": 0.5}),
    ("beaf", EXISTENCE, ["Yes", "No", "Perhaps", "Maybe"], {"unread": 0.5}),
    ("hallusionbench", EXISTENCE, ["Yes", "No", "Perhaps", "Maybe"], {"unread": 0.5}),
    ("hallucinogen", {**EXISTENCE, "task": "id"}, ["Yes", "No", "Perhaps", "Maybe"], {"unclear": 0.5}),
    ("naturalbench", {**EXISTENCE, "kind": "yes_no"}, ["Yes", "No", "Perhaps", "Maybe"], {"unread": 0.5}),
    ("mmvp", {**OPTIONS, "label": "A"}, ["(a)", "(b)", "?", "!"], {"unread": 0.5}),
    ("mmstar", {**OPTIONS, "answer": "A"}, ["A", "B", "?", "!"], {"unread": 0.5}),
    ("pope", {"labels": {"random": ["yes"]}}, ["Yes", "No", "Perhaps", "Maybe"], {"unclear": 0.5, "yes_rate[random]": 0.75}),
])  # fmt: skip
def test_the_share_of_answers_that_could_not_be_read(name: str, truth: dict, answers: list[str], expected: dict) -> None:
    """Of the answers here two are neither yes nor no, or none of the letters. POPE's rule reads these as yes."""
    options = {"hallusionbench": {"variant": "vlmevalkit"}}.get(name, {})
    benchmark = made(name, **options)
    scores = [benchmark.score(Item(str(n), f"{n}.jpg", "Q?", truth), said(answer)) for n, answer in enumerate(answers)]
    got = metrics(benchmark, scores)
    assert {key: got[key] for key in expected} == expected
