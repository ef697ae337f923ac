"""Online BDHS draws from the policy as it is, resumes bit for bit, and scores fresh answers under the policy as loaded."""

from dataclasses import replace

import pytest

from alignment.aligners.mixed_dpo import MixedDpo
from alignment.aligners.online_bdhs import OnlineBdhs, _figures, _Fresh
from alignment.aligners.online_dpo import OnlineDpo
from alignment.batching.rows import make_rows
from alignment.data.bdhs_drafts import Draft
from alignment.data.prompts import Prompt
from harness.core.digests import model_digest
from harness.core.errors import ConfigError
from tests.alignment.talker import FAST, Talker, whole_and_killed
from tests.alignment.tiny import TinyPolicy


@pytest.mark.parametrize("lora", [None, {"r": 4, "alpha": 8, "dropout": 0.1}], ids=["full", "lora"])
def test_a_killed_online_training_ends_in_the_same_bytes(llava_next, images, pairs, tmp_path, lora):
    aligner = OnlineBdhs(training={"lora": lora, **FAST})
    whole, cut = whole_and_killed(aligner, lambda: Talker(llava_next), pairs, images, tmp_path)
    assert model_digest(cut.folder) == model_digest(whole.folder)


@pytest.mark.parametrize("lora", [None, {"r": 4, "alpha": 8}], ids=["full", "lora"])
def test_the_reference_stays_the_policy_as_loaded(llava_next, images, pairs, tmp_path, lora):
    log = OnlineBdhs(training={"lora": lora, **FAST}).align(Talker(llava_next), pairs, images, tmp_path).log
    assert log[0]["rewards/chosen"] == pytest.approx(0, abs=1e-4)
    assert abs(log[-1]["rewards/chosen"]) > 1e-3  # a reference that moved along would keep this at 0


def test_remembered_features_are_dropped_before_every_draw(llava_next, images, pairs, tmp_path):
    policy = Talker(llava_next)
    log = OnlineBdhs(training=FAST).align(policy, pairs, images, tmp_path).log
    assert policy.forgotten == len(log) == 4
    assert log[0]["online/stored"] == 0
    assert log[0]["online/tries"] >= 1


def test_every_step_and_every_seed_draws_anew(llava_next, images, pairs, tmp_path):
    seeds = []
    for seed in (0, 1):
        policy = Talker(llava_next)
        OnlineBdhs(seed=seed, training=FAST).align(policy, pairs, images, tmp_path / str(seed))
        seeds.append(policy.asked)
    assert not seeds[0] & seeds[1]
    assert len(seeds[0]) >= 2 * len(pairs)


def test_the_stored_answer_stands_in_where_nothing_fits(llava_next, images, pairs, tmp_path):
    policy = Talker(llava_next)
    policy.silent = True
    source = {"n_tries": 1, "free_last_try": False, "guided": False}
    log = OnlineBdhs(bdhs=source, training={**FAST, "max_steps": 1}).align(policy, pairs, images, tmp_path).log
    assert log[0]["online/stored"] == 1


def test_a_process_without_a_prompt_of_a_step_draws_nothing(llava_next, images, pairs):
    policy = Talker(llava_next)
    rows, _ = make_rows(policy, pairs, images)
    samples, _ = OnlineBdhs().supply(policy, rows, images, lambda made, of_tokens: made).take(0, [])
    assert samples == []


def test_beside_the_stored_answer_avg_dpo_trains_on_both(llava_next, images, pairs, tmp_path):
    aligner = OnlineBdhs(keep_stored=True, dpo={"loss": "avg_dpo"}, training={"max_steps": 1, **FAST})
    log = aligner.align(Talker(llava_next), pairs, images, tmp_path).log
    assert log[0]["loss"] == pytest.approx(0.6931, abs=1e-3)


def test_a_policy_that_cannot_answer_and_options_of_a_file_are_refused(llava_next, images, pairs, tmp_path):
    with pytest.raises(ConfigError, match="TinyPolicy"):
        OnlineBdhs(training=FAST).align(TinyPolicy(llava_next), pairs, images, tmp_path)
    with pytest.raises(ConfigError, match=r"bdhs\.limit"):
        OnlineBdhs(bdhs={"limit": 3})
    with pytest.raises(ConfigError, match="beta"):
        OnlineBdhs(dpo={"bta": 3})


def test_avg_dpo_without_the_stored_answer_is_refused_with_the_cure_when_built():
    with pytest.raises(ConfigError, match="online_bdhs.dpo: avg_dpo needs two rejected answers.* Set keep_stored: true"):
        OnlineBdhs(dpo={"loss": "avg_dpo"})


def test_avg_dpo_on_ranked_answers_is_refused_when_built():
    for made in (OnlineDpo, MixedDpo):
        with pytest.raises(ConfigError, match="avg_dpo needs two rejected answers, but each pair has one here. Use loss: dpo"):
            made(judge=None, dpo={"loss": "avg_dpo"})


def test_what_a_step_logs_of_its_draws():
    """Of four prompts one found no answer that fits; the others took 1, 2 and 3 tries, the last one free."""
    found = _figures([(1, False), None, (2, False), (3, True)])
    assert found == {"online/stored": 0.25, "online/tries": 2.0, "online/free": pytest.approx(1 / 3)}


def test_the_stored_answer_stands_first_beside_the_fresh_one_and_alone_where_none_fitted(pairs):
    """Equation 5's gamma weighs the external answer, 1 - gamma the policy's own."""
    stored = replace(pairs[0], rejected=("a lamp", "a dog"))
    fresh = Draft(Prompt("1", "", "", None, "", "A cat."), 0, (), (), text="a car")
    beside, alone = (_Fresh(None, None, None, None, None, keep_stored, seed=0) for keep_stored in (True, False))
    assert [beside._pair(stored, draft).rejected for draft in (fresh, None)] == [("a lamp", "a car"), ("a lamp", "a dog")]
    assert [alone._pair(stored, draft).rejected for draft in (fresh, None)] == [("a car",), ("a lamp",)]
