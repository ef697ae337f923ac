"""A stored reward model that did not read the last token of an answer is named beside its accuracy, and in arms it trained."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
import tiny_models

from harness.config.schema import stored
from harness.core.preference import PreferencePair
from harness.results.reward_reading import arm_notes, writes_nothing_behind
from harness.results.run_records import records_of
from harness.storage.artifacts import Pairs, RewardAccuracy
from harness.storage.run_store import Store, StoredRun

CONFIG = (
    "model: {name: scripted}\nsweep: [{name: pope}]\nreward_models:\n"
    "- {name: rm, pairs: {name: random_edit}, align: {name: reward_model}}\narms:\n"
    "- {name: d, pairs: {name: random_edit}, align: {name: dpo}}\n"
    "- {name: g, pairs: {name: random_edit}, align: {name: grpo, reward: rm}}\n"
    "- {name: later, after: g, pairs: {name: random_edit}, align: {name: dpo}}\n"
    "- {name: last, after: later, pairs: {name: random_edit}, align: {name: dpo, beta: 0.3}}\n"
)
OPEN = tiny_models.TEMPLATE.replace("</s>", "")
NAMED = tiny_models.TEMPLATE.replace("</s>", "{{ eos_token }}")
SENTENCE = PreferencePair("1", "a.png", "", "q", "a", ("b",), "t", context="It is.")


def checkpoint(folder: Path, template: str, provenance: dict[str, str], eos: str | None = "</s>") -> Path:
    folder.mkdir(parents=True)
    (folder / "chat_template.jinja").write_text(template)
    (folder / "tokenizer_config.json").write_text(json.dumps({"eos_token": eos} if eos else {}))
    (folder / "alignment.json").write_text(json.dumps({"loss": "bradley_terry", **provenance}))
    return folder


@pytest.mark.parametrize(("template", "provenance", "examples", "named"), [
    (OPEN, {}, (), True),
    (OPEN, {"reward read": "behind the last token of an answer"}, (), False),
    (tiny_models.TEMPLATE, {}, (), False),
    (NAMED, {}, (), False),
    (tiny_models.TEMPLATE, {}, (SENTENCE,), True),  # nothing is written behind a sentence
    ("{{ broken", {}, (), False),  # not known
])  # fmt: skip
def test_a_reward_model_that_did_not_read_the_last_token_is_named(
    tmp_path: Path, template: str, provenance: dict[str, str], examples: tuple[PreferencePair, ...], named: bool
) -> None:
    place = tmp_path / "r-1" / "reward_models" / "rm"
    checkpoint(place / "train" / "checkpoint", template, provenance)
    (place / "alignment.json").write_text(json.dumps({"folder": "reward_models/rm/train/checkpoint", "step": 5}))
    store = Store(tmp_path / "store.sqlite")
    store.begin(StoredRun("r-1", "r", "2026-01-01", "complete", CONFIG, "", {}, "/nowhere"))
    store.put("r-1", RewardAccuracy({"rm": {"t": 0.857}}, {"t": 7}, {}, {}))
    store.put("r-1", Pairs({}, examples), "rm")
    words = "made by a version that did not read the last token of an answer"
    dpo, grpo, *behind = records_of(store, "r-1")
    assert [words in note for note in dpo.study.unlike] == [True] * named and dpo.study.unlike == grpo.study.unlike
    assert dpo.notes == () and grpo.notes == ((f"Trained by the rewards of rm, {words}.",) if named else ())
    behind_it = (f"Goes on from g, which was trained by the rewards of rm, {words}.",) if named else ()
    assert [arm.notes for arm in behind] == [behind_it] * 2 and grpo.caveats == grpo.notes


def test_an_arm_tells_of_a_half_read_reward_model_behind_its_reference(tmp_path: Path) -> None:
    d = "pairs: {name: random_edit}, align: {name: dpo, beta:"
    more = (
        f"- {{name: near, reference: g, {d} 0.4}}}}\n- {{name: far, reference: last, {d} 0.5}}}}\n"
        f"- {{name: both, after: g, reference: g, {d} 0.6}}}}\n- {{name: beside, reference: d, {d} 0.7}}}}\n"
        f"- {{name: onto, after: near, reference: d, {d} 0.8}}}}\n"
    )
    arms = stored(CONFIG + more, "r").arms
    own = {arm.name: arm_notes(arm, arms, ["rm"]) for arm in arms}
    words = "which was trained by the rewards of rm, made by a version that did not read the last token of an answer."
    assert own["near"] == (f"Has g as its reference, {words}",) and own["both"] == (f"Goes on from g, {words}",)
    assert own["far"] == own["onto"] == (f"Rests on g, with which an arm before it began or which was its reference, {words}",)
    assert own["beside"] == own["d"] == () and own["last"] == (f"Goes on from g, {words}",)


def test_an_end_token_that_the_files_do_not_name_is_not_known_to_be_missing(tmp_path: Path) -> None:
    assert not writes_nothing_behind(checkpoint(tmp_path / "named", NAMED, {}, eos=None))
    assert writes_nothing_behind(checkpoint(tmp_path / "open", OPEN, {}, eos=None))
