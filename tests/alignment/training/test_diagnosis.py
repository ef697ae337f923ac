"""What a log says beyond its numbers."""

import pytest

from alignment.aligners._preference import _terms
from alignment.online.reward_model import BradleyTerry
from alignment.training.diagnosis import diagnose, dropped_note
from alignment.training.objectives import Rewards, rewards_of
from alignment.training.preference import Preference, Sync

DPO = Rewards(beta=0.1)


def log(chosen: float, margin: float, accuracy: float, steps: int = 12) -> list[dict[str, float]]:
    """Rewards that grow linearly to `chosen` and `margin`."""
    return [
        {"rewards/chosen": chosen * i / steps, "rewards/margins": margin * i / steps, "rewards/accuracies": accuracy}
        for i in range(steps)
    ]


def test_a_healthy_training_has_no_notes():
    assert diagnose(log(0.5, 1.0, 0.8)) == ()


def test_a_falling_chosen_reward_under_a_growing_margin_is_said():
    (note,) = diagnose(log(-0.5, 1.0, 0.8))
    assert "chosen reward fell" in note


def test_accuracy_one_from_the_start_is_said():
    (note,) = diagnose(log(0.5, 1.0, 1.0))
    assert "ranked every pair correctly" in " ".join(note.split())


def falling(chosen: tuple[float, float], margin: tuple[float, float]) -> list[dict[str, float]]:
    """Rewards that go from the first value to the second in the middle of the training."""
    return [{"rewards/chosen": c, "rewards/margins": m} for c, m in zip(chosen, margin, strict=True) for _ in range(6)]


def test_a_margin_that_fell_is_not_said_to_have_grown():
    (note,) = diagnose(falling((-3.0, -5.0), (5.7, 3.2)))
    assert "fell from -3 to -5" in note and "the margin from 5.7 to 3.2" in note and "by more than the rejected" in note


def test_a_loss_that_lowers_chosen_answers_is_not_advised_against():
    (note,) = diagnose(log(-0.5, 1.0, 0.8), Preference(_terms([{"name": "apo_down"}], None)).rewards)
    assert note.endswith("The loss is meant to.")


def test_a_margin_that_never_moved_is_reported():
    (note,) = diagnose(log(0.001, 0.001, 0.5), DPO)
    assert "hardly changed" in note
    (note,) = diagnose(log(-0.5, 0.001, 0.5), DPO)[1:]
    assert "prefers the chosen answers no more than before, though it changed" in note


@pytest.mark.parametrize(
    ("loss", "beta"), [("sppo_hard", 0.001), ("nca_pair", 0.01), ("simpo", 2.5), ("dpo", 0.1)], ids=lambda v: str(v)
)
def test_whether_a_policy_changed_is_read_from_log_ratios(loss, beta):
    made = Preference(_terms([{"name": loss}], beta)).rewards
    assert diagnose(log(8 * beta, 8 * beta, 0.8), made) == ()  # 8 nats an answer
    assert len(diagnose(log(0.05 * beta, 0.05 * beta, 0.8), made)) == (loss != "simpo")  # its margin does not begin at 0


def test_rewards_that_are_no_likelihoods_say_nothing_of_answers():
    assert rewards_of(BradleyTerry(), has_other_reference=False) is None
    assert diagnose(falling((-3.0, -5.0), (0.001, 0.002)), None) == ()


def test_rewards_beside_another_reference_do_not_count_from_the_beginning():
    made = Preference(_terms([{"name": "dpo"}], 0.1))
    assert rewards_of(made, has_other_reference=False) == DPO and rewards_of(made, has_other_reference=True) == Rewards()


def test_a_reference_that_follows_the_policy_does_not_tell_whether_it_changed():
    assert Preference(_terms([{"name": "dpo"}], 0.1), sync=Sync()).rewards == Rewards()


def test_a_short_log_or_one_without_rewards_says_nothing():
    assert diagnose(log(-0.5, 1.0, 1.0, steps=4)) == diagnose([{"loss": 1.0}] * 20) == diagnose([]) == ()


def test_dropped_pairs_are_one_sentence():
    assert dropped_note({}, 5) == ()
    assert dropped_note({"too long": 2}, 5) == ("2 of 5 pairs were left out of training: too long 2.",)
    assert dropped_note({"too long": 2}, 5, "a.jsonl")[0].endswith("too long 2 (ids in a.jsonl).")


def test_a_divergence_that_explodes_is_told_with_its_step():
    rows = [{"step": i + 1, "objective/kl": kl} for i, kl in enumerate([0, 1, 2, 5, 9, 14, 26, 60])]
    (note,) = diagnose(rows)
    assert "60 nats" in note and "from step 7 on" in note
    assert diagnose(rows[:6] * 2) == ()
    assert diagnose(rows[-3:]) == ()


def test_steps_without_a_usable_fresh_pair_are_counted():
    steps = [row | {"online/used": 0.5} for row in log(0.5, 1.0, 0.8)]
    steps[2] = steps[5] = {"skipped": 1.0, "online/used": 0.0}
    (note,) = diagnose(steps)
    assert note.startswith("58.3% of the prompts of a step were left out")  # 1 - 10 * 0.5 / 12
    assert "2 of 12 steps had no usable pair and were skipped" in note
    assert diagnose([row | {"online/used": 1.0} for row in log(0.5, 1.0, 0.8)]) == ()


def test_a_skipped_first_or_last_step_hides_no_other_note():
    skipped = {"skipped": 1.0}
    (note,) = diagnose([skipped, *log(0.001, 0.001, 0.5), skipped], DPO)
    assert "hardly changed" in note
