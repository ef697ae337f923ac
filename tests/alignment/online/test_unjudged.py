"""Answers without a verdict: left out of their step and counted; several in a row end the training, which goes on later."""

from __future__ import annotations

from collections.abc import Sequence

import pytest

from alignment.aligners.grpo import Grpo
from alignment.aligners.online_dpo import OnlineDpo
from alignment.aligners.ppo import Ppo
from alignment.aligners.rloo import Rloo
from alignment.online.unjudged import MOST, Unjudged
from alignment.training.diagnosis import diagnose
from harness.core.digests import model_digest
from harness.core.errors import TrainingError
from harness.core.evaluation import Verdict
from harness.core.judging import read_rank
from tests.alignment.talker import FAST, Likes, Talker, whole_and_killed

ONE = {**FAST, "batch_size": 1}


class Judge:
    """Prefers the first in the alphabet; its replies about some prompts, by their chosen answer, cannot be read."""

    name, version = "judge", "1"

    def __init__(self, *unread: str) -> None:
        self.unread, self.asked = unread, 0

    def rank(self, question, answers, facts, image) -> Verdict:
        self.asked += 1
        value = None if facts["gt_answer"] in self.unread else float(answers[1] < answers[0])
        return Verdict(value, "", "", self.name, self.version)


class Partly(Likes):
    """Rates no answer to some prompts, or the first one not."""

    def __init__(self, *unread: str, first: bool = False) -> None:
        super().__init__()
        self.unread, self.first = unread, first

    def __call__(self, pair, answers, image_root) -> list[float | None]:
        if self.first:
            return [None, *map(float, range(1, len(answers)))]
        return [None if pair.chosen in self.unread else float(sum(map(ord, answer)) % 7) for answer in answers]


def test_a_step_whose_one_comparison_has_no_verdict_is_skipped_and_a_kill_changes_nothing(llava_next, images, pairs, tmp_path):
    made = OnlineDpo(Judge(pairs[0].chosen), training={**ONE, "epochs": 3})
    whole, cut = whole_and_killed(made, lambda: Talker(llava_next), pairs, images, tmp_path, stops=(2, 5))
    unread = [row for row in whole.log if row["online/unjudged"] == 1]
    assert unread and all(row["skipped"] == 1 for row in unread)
    assert len(whole.log) == len(cut.log) == 12 and model_digest(whole.folder) == model_digest(cut.folder)


@pytest.mark.parametrize("aligner", [Ppo, Rloo, Grpo])
def test_a_step_whose_one_prompt_is_unrated_is_skipped_and_told(llava_next, images, pairs, tmp_path, aligner):
    options = {"k": 2} if aligner is Rloo else {"num_generations": 2} if aligner is Grpo else {}
    done = aligner(Partly(pairs[0].chosen), training={**ONE, "epochs": 1}, **options).align(
        Talker(llava_next), pairs, images, tmp_path
    )
    unrated = [row for row in done.log if row["rl/unrated"] == 1]
    assert unrated and all(row["skipped"] == 1 for row in unrated)
    assert any("prompts of a step were left out on average, since the reward could not rate their" in n for n in done.notes)


def test_a_reward_that_leaves_one_answer_of_each_prompt_out_is_told_and_ends_nothing(llava_next, images, pairs, tmp_path):
    done = Rloo(Partly(first=True), training={**FAST, "epochs": 5}).align(Talker(llava_next), pairs, images, tmp_path)
    assert all("skipped" in row for row in done.log) and len(done.log) == 10
    (note,) = [note for note in done.notes if "could not rate" in note]
    assert note.startswith("2.0 prompts of a step") and note.endswith("No step was made: the weights are the base's.")


def test_an_annotator_that_stays_silent_ends_the_training_which_goes_on_when_it_is_back(llava_next, images, pairs, tmp_path):
    def trained(judge: Judge, folder: str):
        made = OnlineDpo(judge, training={**FAST, "epochs": 8, "batch_size": 4})
        return made.align(Talker(llava_next), pairs, images, tmp_path / folder)

    silent = Judge(*(pair.chosen for pair in pairs))
    with pytest.raises(TrainingError, match=r"annotator judge judged none of the last \d+ comparisons \(up to step [23]\)"):
        trained(silent, "a")
    assert MOST <= silent.asked < MOST + 4
    assert model_digest(trained(Judge(), "a").folder) == model_digest(trained(Judge(), "b").folder)


class Graded(Judge):
    """Returns how much better the second answer is, in place of which one is."""

    def rank(self, question, answers, facts, image) -> Verdict:
        return Verdict(0.3, "graded", "", self.name, self.version)


def test_a_value_that_is_no_ranking_is_not_a_preference_and_the_message_tells_it(llava_next, images, pairs, tmp_path):
    with pytest.raises(TrainingError, match=r"none of the last \d+ .*; one of them: the annotator's value is 0.3; it must be"):
        OnlineDpo(Graded(), training={**FAST, "epochs": 8}).align(Talker(llava_next), pairs, images, tmp_path)


@pytest.mark.parametrize("value", [0.0, 0.5, 1.0, 0, 1, True, None])
def test_rankings_as_they_may_be_stay_as_they_are(value):
    given = Verdict(value, "read", "raw", "judge", "1")
    assert read_rank(given, "judge") is given


@pytest.mark.parametrize("value", [0.3, -1, 2, float("nan"), "0"])
def test_other_values_of_a_ranking_are_unjudged_with_the_value_as_their_reason(value):
    found = read_rank(Verdict(value, "read", "raw", "judge", "1"), "judge")
    assert (found.value, found.raw) == (None, "raw")
    assert found.reading.startswith(f"the annotator's value is {value!r}; it must be 0")
    assert read_rank(0.3, "judge") == Verdict(None, "the annotator returned 0.3, which is not a Verdict", "", "judge", "")


def test_a_reward_that_rates_nothing_ends_the_training(llava_next, images, pairs, tmp_path):
    with pytest.raises(TrainingError, match="The reward rated none of the last 8 answers .up to step 1"):
        Rloo(Likes(known=False), training=FAST).align(Talker(llava_next), pairs, images, tmp_path)


def counted(steps: Sequence[tuple[int, int]]) -> int:
    """The count after steps of so many verdicts and so many missing ones."""
    found = Unjudged()
    for step, (judged, unjudged) in enumerate(steps):
        found.add(judged, unjudged, "none of {n}", step)
    return found.count


def test_one_verdict_begins_the_count_anew():
    assert counted([(0, 3), (0, 4)]) == 7 and counted([(0, 7), (1, 30), (0, 2)]) == 2
    assert counted([(0, 7), (0, 0)]) == 7  # a step of stored pairs, or of equal answers, says nothing of the judge
    with pytest.raises(TrainingError, match="none of 8 .up to step 2"):
        counted([(0, 3), (0, 5)])


def test_unrated_prompts_are_told():
    assert diagnose([{"rl/unrated": 0.0, "loss": 1.0}] * 9) == ()
    (note,) = diagnose([{"rl/unrated": 1.0, "loss": 1.0}, {"rl/unrated": 0.0, "loss": 1.0}])
    assert note == "0.5 prompts of a step were left out on average, since the reward could not rate their answers."
