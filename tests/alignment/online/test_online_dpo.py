"""Online and mixed DPO: two answers of the policy as it is, in the annotator's order; ties and silence are counted."""

from collections.abc import Sequence
from dataclasses import replace

import pytest
import torch

from alignment.aligners.mixed_dpo import MixedDpo
from alignment.aligners.online_dpo import OnlineDpo
from alignment.batching.rows import make_rows
from alignment.online.ranked_pairs import Ranked, Sampling, _figures, _Outcome, own_row
from harness.core.digests import model_digest
from harness.core.errors import ConfigError, TrainingError
from harness.core.evaluation import Answer, Verdict
from tests.alignment.talker import FAST, Talker, whole_and_killed
from tests.alignment.tiny import TinyPolicy


class Alphabetical:
    """Prefers the answer that comes first in the alphabet; `blind` says nothing, `level` finds all alike."""

    name, version = "alphabetical", "1"

    def __init__(self, value: float | None = -1.0) -> None:
        self.value, self.seen = value, []

    def rank(self, question, answers, facts, image):
        self.seen.append((question, answers, facts, image))
        value = float(answers[1] < answers[0]) if self.value == -1.0 else self.value
        return Verdict(value, "", "", self.name, self.version)


@pytest.mark.parametrize("lora", [None, {"r": 4, "alpha": 8, "dropout": 0.1}], ids=["full", "lora"])
@pytest.mark.parametrize("aligner", [OnlineDpo, MixedDpo])
def test_a_killed_training_ends_in_the_same_bytes(llava_next, images, pairs, tmp_path, lora, aligner):
    made = aligner(Alphabetical(), training={"lora": lora, **FAST})
    whole, cut = whole_and_killed(made, lambda: Talker(llava_next), pairs, images, tmp_path)
    assert model_digest(cut.folder) == model_digest(whole.folder)


def test_the_annotator_sees_the_question_the_answers_and_the_image(llava_next, images, pairs, tmp_path):
    judge = Alphabetical()
    OnlineDpo(judge, training={**FAST, "max_steps": 1}).align(Talker(llava_next), pairs, images, tmp_path)
    question, answers, facts, image = judge.seen[0]
    assert question == "Describe it." and image.parent == images
    assert facts["gt_answer"] in {pair.chosen for pair in pairs}
    assert len(set(answers)) == 2


def test_what_the_annotator_prefers_becomes_likelier(llava_next, images, pairs, tmp_path):
    logs = []
    for value in (0.0, 1.0):  # always the first, always the second
        judge = Alphabetical(value)
        training = {**FAST, "max_steps": 1, "batch_size": 4}
        logs.append(OnlineDpo(judge, training=training).align(Talker(llava_next), pairs, images, tmp_path / str(value)).log[0])
    assert logs[0]["logps/chosen"] == pytest.approx(logs[1]["logps/rejected"], abs=1e-3)
    assert logs[0]["logps/chosen"] != pytest.approx(logs[1]["logps/chosen"], abs=1e-3)


def test_ties_are_dropped_stored_or_taken_as_they_come(llava_next, images, pairs, tmp_path):
    rows = {}
    for ties in ("drop", "stored", "first"):
        aligner = MixedDpo(Alphabetical(0.5), p=0.0, ties=ties, training={**FAST, "max_steps": 1, "batch_size": 4})
        rows[ties] = aligner.align(Talker(llava_next), pairs, images, tmp_path / ties).log[0]
    assert [row["online/ties"] for row in rows.values()] == [1, 1, 1]
    assert [row["online/stored"] for row in rows.values()] == [0, 1, 0]
    assert rows["drop"]["online/used"] == 0 and rows["stored"]["online/used"] == 1 and rows["first"]["online/used"] > 0


class Moody(Alphabetical):
    """Finds the answers to some prompts alike, by the seed of their fresh answers; prefers one of the others."""

    def rank(self, question, answers, facts, image):
        if self.level(answers):
            return Verdict(0.5, "", "", self.name, self.version)
        return super().rank(question, answers, facts, image)

    def level(self, answers):
        return len(answers[0]) + len(answers[1]) < 11


@pytest.mark.parametrize("aligner", [OnlineDpo, MixedDpo])
def test_a_step_without_a_usable_pair_leaves_weights_and_optimizer_as_they_are(llava_next, images, pairs, tmp_path, aligner):
    options = {"p": 0.0} if aligner is MixedDpo else {}
    made = aligner(Alphabetical(0.5), training={**FAST, "weight_decay": 0.1}, **options)
    done = made.align(Talker(llava_next), pairs, images, tmp_path)
    assert [row["skipped"] for row in done.log] == [1] * len(done.log) and "loss" not in done.log[0]
    assert done.log[-1]["num_tokens"] == 0 and done.step == len(done.log)
    before, after = (Talker(folder).module.state_dict() for folder in (llava_next, done.folder))
    assert all(torch.equal(after[name], value) for name, value in before.items())
    (note,) = done.notes
    assert "100.0% of the prompts" in note and "4 of 4 steps had no usable pair and were skipped" in note
    assert note.endswith("No step was made: the weights are the base's.")


def test_a_training_with_skipped_steps_that_is_killed_ends_in_the_same_bytes(llava_next, images, pairs, tmp_path):
    made = OnlineDpo(Moody(), training={**FAST, "epochs": 5})
    whole, cut = whole_and_killed(made, lambda: Talker(llava_next), pairs, images, tmp_path, stops=(1, 3, 6))
    skipped = [row.get("skipped", 0) for row in whole.log]
    assert 0 < sum(skipped) < len(skipped)
    assert model_digest(cut.folder) == model_digest(whole.folder)
    assert [row["learning_rate"] for row in cut.log] == [row["learning_rate"] for row in whole.log]


def test_a_dropped_prompt_of_mixed_dpo_does_not_learn_from_its_stored_pair(llava_next, images, pairs, tmp_path):
    made = MixedDpo(Alphabetical(0.5), p=0.5, training={**FAST, "epochs": 6})
    for row in made.align(Talker(llava_next), pairs, images, tmp_path).log:
        assert row["online/used"] == row["online/stored"]  # what its coin gave to the stored pair, and nothing else
        assert ("skipped" in row) == (row["online/used"] == 0)


@pytest.mark.parametrize(("p", "stored"), [(1.0, 1.0), (0.0, 0.0)])
def test_the_coin_decides_between_stored_and_fresh(llava_next, images, pairs, tmp_path, p, stored):
    judge = Alphabetical()
    log = MixedDpo(judge, p=p, training=FAST).align(Talker(llava_next), pairs, images, tmp_path).log
    assert {row["online/stored"] for row in log} == {stored}
    assert bool(judge.seen) == (p < 1)


def test_the_coin_is_thrown_for_each_prompt_and_step(llava_next, images, pairs, tmp_path):
    log = MixedDpo(Alphabetical(), p=0.5, training={**FAST, "epochs": 6}).align(Talker(llava_next), pairs, images, tmp_path).log
    shares = [row["online/stored"] for row in log]
    assert 0.2 < sum(shares) / len(shares) < 0.8 and len(set(shares)) > 1


def test_own_answers_are_trained_on_as_they_were_sampled_and_never_tokenised_again(llava_next, images, pairs):
    policy = Talker(llava_next)
    sampled = [Answer("", "a cat", 2, "end", token_ids=(9, 8, 2)), Answer("", "a cat", 2, "length", token_ids=(9, 8))]
    assert [ids.tolist() for ids in own_row(policy, pairs[0], images, sampled).answers] == [[9, 8, 2], [9, 8]]
    with pytest.raises(TrainingError, match="Talker does not report the tokens it sampled"):
        own_row(policy, pairs[0], images, [Answer("", "a cat", 2, "end")])


def test_a_fresh_pair_has_the_sampled_tokens_of_its_answers(llava_next, images, pairs):
    policy = Talker(llava_next)
    policy.stopped = "length"
    rows, _ = make_rows(policy, pairs, images)
    ranked = Ranked(policy, rows, images, _no_reference, Alphabetical(), Sampling(), p_stored=0.0, ties="drop", seed=1)
    samples, figures = ranked.take(0, range(len(pairs)))
    assert figures["online/stored"] == 0 and samples
    assert all(policy.tokenizer.eos_token_id not in ids for sample in samples for ids in sample.row.answers)


def _no_reference(rows, of_tokens):
    return [torch.zeros(len(row.answers)) for row in rows]


def test_wrong_options_and_a_policy_that_cannot_answer_are_refused(llava_next, images, pairs, tmp_path):
    with pytest.raises(ConfigError, match="TinyPolicy"):
        OnlineDpo(Alphabetical(), training=FAST).align(TinyPolicy(llava_next), pairs, images, tmp_path)
    with pytest.raises(ConfigError, match="0 to 1"):
        MixedDpo(Alphabetical(), p=1.5)
    with pytest.raises(ConfigError, match="ties"):
        OnlineDpo(Alphabetical(), ties="coin")
    with pytest.raises(ConfigError, match="temperature"):
        OnlineDpo(Alphabetical(), sampling={"temperature": 0})
    with pytest.raises(ConfigError, match="max_new_tokens"):
        OnlineDpo(Alphabetical(), sampling={"max_tokens": 3})


class Places:
    """An annotator that knows a table: which of two texts is better, None where it says nothing."""

    name, version = "places", "1"

    def __init__(self, better: dict[tuple[str, str], float | None]) -> None:
        self.better = better

    def rank(self, question, answers, facts, image):
        return Verdict(self.better[answers], "", "", self.name, self.version)


def trained_on(pair, better, candidates: Sequence[str], ties: str = "drop") -> tuple[tuple[str, str] | None, int]:
    """Chosen and rejected of the pair that candidates give, and how many comparisons had no verdict."""
    ranked = Ranked(None, None, None, None, Places(better), Sampling(), 0.0, ties, 0, candidates=len(candidates))
    made = ranked._compared(pair, [Answer("", text, 1, "end") for text in candidates], None)
    return made.trained and (made.trained.pair.chosen, *made.trained.pair.rejected), made.unjudged


@pytest.mark.parametrize(("better", "picked"), [
    ({("a", "b"): 1.0, ("a", "c"): 1.0, ("b", "c"): 0.0}, ("b", "a")),  # b beats both, a loses twice
    ({("a", "b"): 0.5, ("a", "c"): 0.0, ("b", "c"): 0.0}, ("a", "c")),  # a and b have 1.5 each: the first
    ({("a", "b"): 0.5, ("a", "c"): 0.5, ("b", "c"): 0.5}, None),  # a tie
    ({("a", "b"): 0.0, ("a", "c"): 1.0, ("b", "c"): 0.0}, None),  # a circle is a tie
    ({("a", "b"): None, ("a", "c"): None, ("b", "c"): None}, None),  # unjudged
])  # fmt: skip
def test_of_several_candidates_the_best_stands_against_the_worst(pairs, better, picked):
    assert trained_on(pairs[0], better, "abc")[0] == picked


@pytest.mark.parametrize(("better", "picked"), [
    ({("a", "b"): None, ("a", "c"): None, ("b", "c"): 0.0}, (("b", "c"), 2)),  # a was never judged
    ({("a", "b"): None, ("a", "c"): None, ("b", "c"): 1.0}, (("c", "b"), 2)),
    ({("a", "b"): None, ("a", "c"): 0.5, ("b", "c"): 0.0}, (("b", "c"), 1)),  # only c is judged whole: a verdict of its own
    ({("a", "b"): None, ("a", "c"): 0.5, ("b", "c"): 0.5}, (None, 1)),
])  # fmt: skip
def test_an_answer_with_a_missing_verdict_is_preferred_to_none_but_by_a_verdict_on_the_two(pairs, better, picked):
    assert trained_on(pairs[0], better, "abc") == picked


def test_of_four_candidates_those_that_were_judged_whole_are_placed(pairs):
    better = {("a", "b"): None, ("a", "c"): 0.0, ("a", "d"): 0.0, ("b", "c"): 0.0, ("b", "d"): 1.0, ("c", "d"): 1.0}
    assert trained_on(pairs[0], better, "abcd") == (("d", "c"), 1)  # 2 points and none; a has two victories, and a gap


def test_a_tie_that_is_trained_on_is_one_that_was_judged(pairs):
    better = {("a", "b"): None, ("a", "c"): None, ("b", "c"): 0.5}
    assert trained_on(pairs[0], better, "abc", ties="first") == (("b", "c"), 2)


def test_comparisons_without_a_verdict_are_a_share_of_all_of_the_fresh_prompts():
    fresh = [_Outcome(True, 0.0, 1, True, False), _Outcome(True, None, 3, False, False)]
    assert _figures([*fresh, _Outcome(False, None, 0, True, True)], comparisons=3)["online/unjudged"] == 4 / 6


def test_answers_are_compared_without_their_reasoning_and_one_that_never_ends_is_empty(pairs):
    made, _ = trained_on(pairs[0], {("a", "b"): 1.0}, ("<think>b</think>a", "b"))
    assert made == ("b", "a")
    assert trained_on(pairs[0], {("", "b"): 1.0}, ("<think>a", "b")) == (None, 0)


def test_as_many_candidates_are_drawn_as_asked_for(llava_next, images, pairs, tmp_path):
    judge = Alphabetical()
    made = OnlineDpo(judge, training=FAST | {"max_steps": 1}, candidates=3)
    made.align(Talker(llava_next), pairs, images, tmp_path)
    assert 0 < len(judge.seen) <= 2 * 3 and made.facts()["candidates"] == 3  # two prompts a step, three comparisons each
    assert "candidates" not in OnlineDpo(judge).facts()
    with pytest.raises(ConfigError, match="at least 2"):
        OnlineDpo(judge, candidates=1)


def test_the_coin_is_thrown_anew_for_each_prompt_in_each_step(llava_next, images, pairs):
    """Equation 4 of the study: alpha ~ Bernoulli(p) for every sample."""
    policy = Talker(llava_next)
    rows, _ = make_rows(policy, pairs, images)
    supply = MixedDpo(Alphabetical(), p=0.25, seed=1).supply(policy, rows, images, None)
    thrown = [[supply._coin(step, f"{n}") < supply.p_stored for n in range(60)] for step in range(60)]
    assert 0.22 < sum(map(sum, thrown)) / 3600 < 0.28  # p, within four standard errors
    for line in (*thrown, *zip(*thrown, strict=True)):  # of a step, of a prompt
        assert 2 <= sum(line) <= 30


@pytest.mark.parametrize("p", [0.0, 0.5, 1.0])
def test_before_the_first_step_policy_and_reference_are_equal(llava_next, images, pairs, tmp_path, p):
    made = MixedDpo(Alphabetical(), p=p, ties="stored", training={**FAST, "batch_size": len(pairs), "max_steps": 1})
    row = made.align(Talker(llava_next), pairs, images, tmp_path).log[0]
    assert row["loss"] == pytest.approx(0.6931472, abs=1e-4)
    assert row["rewards/chosen"] == pytest.approx(0, abs=1e-4) and row["rewards/rejected"] == pytest.approx(0, abs=1e-4)


def test_mixed_dpo_tells_that_several_stored_answers_weigh_more_than_p_says(pairs):
    several = [replace(pairs[0], rejected=("a lamp", "a dog")), *pairs[1:]]
    assert MixedDpo.notes_on(pairs) == OnlineDpo.notes_on(several) == ()
    assert "1 of 4 pairs have several rejected answers" in MixedDpo.notes_on(several)[0]
