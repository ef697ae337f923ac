"""Rewards from which nothing can be learned: not finite, which is refused, or the same for all answers, which is told."""

from __future__ import annotations

import math
from dataclasses import replace

import pytest

from alignment.aligners.grpo import Grpo
from alignment.aligners.ppo import Ppo
from alignment.aligners.rloo import Rloo
from alignment.training.diagnosis import diagnose
from harness.core.errors import TrainingError
from tests.alignment.talker import FAST, Likes, Talker
from tests.alignment.threads import in_processes


class First(Likes):
    """Rewards the first answer of each prompt with one number, the others with 0."""

    def __init__(self, value: float) -> None:
        super().__init__()
        self.value = value

    def __call__(self, pair, answers, image_root) -> list[float | None]:
        return [self.value, *[0.0 for _ in answers[1:]]]


class Thinks(Talker):
    """Reasons before it answers."""

    def generate(self, requests):
        for batch in super().generate(requests):
            yield [(i, replace(answer, text=f"<think>a cat?</think>{answer.text}")) for i, answer in batch]


class Read(Likes):
    """Keeps what it is given."""

    def __init__(self) -> None:
        super().__init__()
        self.read: set[str] = set()

    def __call__(self, pair, answers, image_root) -> list[float | None]:
        self.read |= set(answers)
        return super().__call__(pair, answers, image_root)


def test_a_reward_reads_the_answer_and_not_the_reasoning_before_it(llava_next, images, pairs, tmp_path):
    reward = Read()
    Grpo(reward, training=FAST).align(Thinks(llava_next), pairs, images, tmp_path)
    assert reward.read and not any("cat" in text or "think" in text for text in reward.read)


@pytest.mark.parametrize("value", [math.nan, math.inf, -math.inf])
@pytest.mark.parametrize("aligner", [Ppo, Rloo, Grpo])
def test_a_reward_that_is_not_finite_is_refused_in_every_process(
    monkeypatch, llava_next, images, pairs, tmp_path, aligner, value
):
    def trained() -> object:
        return aligner(First(value), training=FAST).align(Talker(llava_next), pairs, images, tmp_path)

    ended = in_processes(monkeypatch, 2, trained)
    assert [type(one) for one in ended] == [TrainingError] * 2 and str(ended[0]) == str(ended[1])
    assert str(ended[0]).startswith(f"The reward is {value} for an answer to '") and "(step 1)" in str(ended[0])


def test_rloo_tells_that_all_answers_of_a_prompt_have_one_reward(llava_next, images, pairs, tmp_path):
    done = Rloo(Likes(""), training=FAST).align(Talker(llava_next), pairs, images, tmp_path)
    assert {row["frac_reward_zero_std"] for row in done.log} == {1.0}
    assert any("100% of the groups had answers of equal rewards and taught nothing but the KL" in note for note in done.notes)
    varied = Rloo(Likes("o"), k=6, training=FAST).align(Talker(llava_next), pairs, images, tmp_path / "o")
    assert sum(row["frac_reward_zero_std"] for row in varied.log) < len(varied.log)


@pytest.mark.parametrize("batch", [4, 1])
def test_ppo_tells_that_all_answers_have_one_reward(llava_next, images, pairs, tmp_path, batch):
    training = {**FAST, "batch_size": batch}
    done = Ppo(Likes(""), unfinished_penalty=0, training=training).align(Talker(llava_next), pairs, images, tmp_path)
    (reward,) = {row["objective/scores"] for row in done.log}
    assert {row.get("rl/reward_range") for row in done.log} == {0.0 if batch > 1 else None}  # one answer has no range
    (note,) = [note for note in done.notes if "reward" in note]
    assert note.startswith(f"All answers had the reward {reward:g}, and taught nothing but the KL penalty")


def test_ppo_counts_the_steps_whose_answers_have_one_reward() -> None:
    ranges = [0.0, 0.5, 0.25, 0.0]
    rows = [{"rl/reward_range": width, "objective/scores": n} for n, width in enumerate(ranges)]
    (note,) = diagnose(rows)
    assert note.startswith("In 50% of the steps all answers had the same reward, and taught nothing but")
    assert diagnose(rows[1:3]) == ()
    alone = [{"loss/value": 0.1, "objective/scores": n} for n in range(4)]  # one answer a step
    assert diagnose(alone) == () and diagnose([alone[2], alone[2]])[0].startswith("All answers had the reward 2, and")
    assert diagnose([*rows[1:3], *alone]) == ()  # the last batch of an epoch may have one prompt


def test_ppo_logs_no_range_of_rewards_for_a_step_of_one_answer(llava_next, images, pairs, tmp_path):
    training = {**FAST, "batch_size": 3, "epochs": 1}  # of 4 prompts
    done = Ppo(Likes("o"), epochs_a_batch=1, training=training).align(Talker(llava_next), pairs[:4], images, tmp_path)
    assert ["rl/reward_range" in row for row in done.log] == [True, False]


def test_a_gradient_of_0_in_every_step_is_told():
    (note,) = diagnose([{"loss": 0.0, "grad_norm": 0.0}, {"skipped": 1.0}, {"loss": 0.0, "grad_norm": 0.0}])
    assert note.startswith("The gradient was 0 in every step that was made")
    assert diagnose([{"loss": 0.0, "grad_norm": 0.0}, {"loss": 0.1, "grad_norm": 0.2}]) == ()
    assert diagnose([{"skipped": 1.0}]) == ()
