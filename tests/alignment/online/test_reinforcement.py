"""RLOO and PPO: their formulas by hand, rewarded answers become likelier, collapse stops, a kill changes nothing."""

import math
from dataclasses import replace

import pytest
import tiny_models
import torch

from alignment.aligners.grpo import Grpo
from alignment.aligners.ppo import Ppo, PpoObjective, gae
from alignment.aligners.rloo import LeaveOneOut, Rloo
from alignment.batching.collate import Row, collate, make_row, score, score_tokens, states
from alignment.batching.rows import make_rows
from alignment.losses._group.rloo import leave_one_out
from alignment.online.ranked_pairs import Sampling
from alignment.online.rollouts import Rollout, Sampler
from alignment.training.diagnosis import REWARD_RANGE
from alignment.training.objectives import Totals
from alignment.training.sample_supply import Reference
from alignment.weights.trainable import evaluating, prepare
from harness.core.digests import model_digest
from harness.core.errors import ConfigError, TrainingError
from harness.core.preference import PreferencePair
from harness.models.transformers import TransformersModel
from tests.alignment.talker import FAST, Likes, Talker, whole_and_killed
from tests.alignment.tiny import TinyPolicy


def test_the_baseline_of_an_answer_is_the_mean_of_the_others() -> None:
    rewards = torch.tensor([1.0, 2.0, 6.0, 5.0, 5.0])
    assert leave_one_out(rewards, [3, 2]).tolist() == pytest.approx([1 - 4, 2 - 3.5, 6 - 1.5, 0, 0])


def test_rloo_is_reinforce_with_the_kl_taken_off_the_reward(llava_next, images, pairs):
    policy = TinyPolicy(llava_next)
    row = make_row(policy, pairs[0], images)
    batch = collate([row], policy.pad_token_id)
    logps = score(policy, batch)
    known = {"rewards": torch.tensor([1.0, 0.0]), "reference": logps.detach() - torch.tensor([0.5, 0.0])}
    part = LeaveOneOut(beta=0.1)(policy, batch, known, Totals(0, 0, answers=2))
    advantage = 1.0 - 0.1 * 0.5  # against the other answer, whose reward and divergence are 0
    assert part.loss.item() == pytest.approx(-(advantage - advantage) / 2, abs=1e-4)  # as TRL logs it: the ratio is 1
    assert part.values["objective/kl"].tolist() == pytest.approx([0.5, 0.0], abs=1e-4)
    part.loss.backward()  # the advantage is a number: the gradient is that of the log-probabilities alone
    weight = policy.module.lm_head.weight
    got, weight.grad = weight.grad.clone(), None
    (-(advantage * (logps[0] - logps[1])) / 2).backward()
    torch.testing.assert_close(got, weight.grad, atol=1e-4, rtol=1e-3)


def test_with_lambda_one_the_advantage_is_what_is_still_earned_less_the_value() -> None:
    rewards, values = torch.tensor([0.1, -0.2, 1.0]), torch.tensor([0.5, 0.4, 0.3])
    assert gae(rewards, values, 1.0).tolist() == pytest.approx([0.9 - 0.5, 0.8 - 0.4, 1.0 - 0.3])
    assert gae(rewards, values, 0.0).tolist() == pytest.approx([0.0, -0.2 + 0.3 - 0.4, 1.0 - 0.3], abs=1e-6)


def test_ppo_clips_the_ratio_and_the_value(llava_next, images, pairs):
    policy, ppo = TinyPolicy(llava_next), PpoObjective(beta=0.1, clip_range=0.2, value_weight=0.5, gae_lambda=0.95)
    ppo.heads(policy, seed=0)
    row = make_row(policy, pairs[0], images)
    batch = collate([row], policy.pad_token_id)
    with torch.no_grad():
        now, values = ppo.forward(policy, batch)
        torch.testing.assert_close(now, score_tokens(policy, states(policy, batch), batch))
        n = len(now)
        known = {
            "old": now - math.log(1.5),  # a ratio of 1.5, beyond the clip
            "advantages": torch.ones(n),
            "returns": values + 1.0,
            "values": values,
            "scores": torch.zeros(2),
            "kl": torch.zeros(2),
        }
        part = ppo(policy, batch, known, Totals(0, 0, tokens=n))
        assert float(part.loss) == pytest.approx(-1.2 + 0.5 * 0.5, abs=1e-4)
        assert part.values["policy/clipfrac"].mean() == 1
        part = ppo(policy, batch, {**known, "advantages": -torch.ones(n)}, Totals(0, 0, tokens=n))
        assert float(part.loss) == pytest.approx(1.5 + 0.5 * 0.5, abs=1e-4)  # the worse of clipped and not
        # a value 1 above the old one counts as 0.2 above it where that is worse
        for ahead, wanted in ((3.0, 2.8**2), (-2.0, 3.0**2)):
            moved = {**known, "old": now, "values": values - 1, "returns": values - 1 + ahead}
            part = ppo(policy, batch, {**moved, "advantages": torch.zeros(n)}, Totals(0, 0, tokens=n))
            assert float(part.loss) == pytest.approx(0.5 * 0.5 * wanted, abs=1e-4)
            assert part.values["loss/value"].mean().item() == pytest.approx(0.5 * wanted, abs=1e-4)


@pytest.mark.parametrize(("aligner", "lora"), [(Rloo, None), (Rloo, {"r": 4, "alpha": 8, "dropout": 0.1}), (Ppo, None)])
def test_a_killed_training_ends_in_the_same_bytes(llava_next, images, pairs, tmp_path, aligner, lora):
    made = aligner(Likes(), training={"lora": lora, **FAST})
    # PPO learns twice from the same answers: 3 lies in the middle of such a series
    whole, cut = whole_and_killed(made, lambda: Talker(llava_next), pairs, images, tmp_path, (1, 3))
    assert model_digest(cut.folder) == model_digest(whole.folder)


@pytest.mark.parametrize("aligner", [Rloo, Ppo])
def test_rewarded_answers_become_likelier(llava_next, images, pairs, tmp_path, aligner):
    # 8 answers a step: with 2 PPO's gain follows the draws, and so the CPU's rounding (six seeds: -0.2 to 2.1, with 8 3.3 to 9)
    training = {**FAST, "epochs": 10, "learning_rate": 3e-3, "batch_size": 8, "micro_batch": 8, "save_every": 100}
    prompts = [replace(pair, id=f"{pair.id}-{n}") for pair in pairs for n in range(4)]
    policy = Talker(llava_next)
    before = _likes(policy, pairs, images)
    options = {"training": training, "beta": 0.001, "sampling": {"temperature": 1.0}}
    aligner(Likes(), **options).align(policy, prompts, images, tmp_path)
    assert _likes(policy, pairs, images) > before + 1


def _likes(policy, pairs, images) -> float:
    """How much likelier "dog" is than the other words."""
    rows = [
        make_row(policy, PreferencePair("", p.image, "", p.prompt, " dog.", (" car.", " boat."), ""), images) for p in pairs
    ]
    with torch.no_grad():
        logps = score(policy, collate(rows, policy.pad_token_id)).view(len(rows), 3)
    return float((logps[:, 0] - logps[:, 1:].mean(1)).mean())


def test_a_collapsed_policy_stops_and_says_so(llava_next, images, pairs, tmp_path):
    policy = Talker(llava_next)
    policy.stopped = "length"
    done = Rloo(Likes(), training={**FAST, "epochs": 5}).align(policy, pairs, images, tmp_path)
    assert done.step == 3
    assert any("collapse: 100% of the answers run into the token limit" in note for note in done.notes)
    assert Rloo(Likes(), training={**FAST, "epochs": 5}).align(policy, pairs, images, tmp_path) == done


def test_an_answer_without_an_end_loses_the_penalty(llava_next, images, pairs, tmp_path):
    scores = []
    for stopped in ("stop", "length"):
        policy = Talker(llava_next)
        policy.stopped = stopped
        made = Rloo(Likes(""), unfinished_penalty=0.25, training={**FAST, "max_steps": 1})
        scores.append(made.align(policy, pairs, images, tmp_path / stopped).log[0]["objective/scores"])
    assert scores == pytest.approx([1.0, 0.75])


def test_rollouts_are_the_sampled_tokens_where_the_template_writes_a_space_before_the_end_token(images, pairs, tmp_path):
    """The tail " </s>" is two tokens: cut off an unfinished answer it would take one of its own."""
    template = tiny_models.TEMPLATE.replace("</s>", " </s>")
    folder = tiny_models.save_llava(tmp_path, words=tiny_models.sentencepiece_tokenizer(), template=template)
    policy, said = TransformersModel(str(folder), device="cpu"), []
    policy.module.generation_config.eos_token_id = list(range(100, 180))  # a random model rarely says </s>
    plain = policy.generate
    policy.generate = lambda requests: (said.extend(part) or part for part in plain(requests))
    rows, _ = make_rows(policy, pairs, images)
    sampler = Sampler(policy, rows, images, Likes(""), Sampling(1.5, max_new_tokens=4), 8, 1.0, seed=0)
    rollouts, figures = sampler.draw(0, range(len(pairs)))
    sampled = [answer for _, answer in sorted(said, key=lambda pair: pair[0])]
    assert 0 < figures["rl/unfinished"] < 1
    assert [ids.tolist() for r in rollouts for ids in r.row.answers] == [list(a.token_ids) for a in sampled]
    assert all(len(a.token_ids) == a.n_tokens + (a.stopped == "end") for a in sampled)
    assert [float(r) for r_ in rollouts for r in r_.rewards] == [1.0 - (a.stopped == "length") for a in sampled]


def test_wrong_options_are_refused():
    with pytest.raises(ConfigError, match="at least 2"):
        Rloo(Likes(), k=1)
    with pytest.raises(ConfigError, match="clip_range"):
        Ppo(Likes(), clip_range=0)
    with pytest.raises(ConfigError, match="max_kl"):
        Ppo(Likes(), collapse={"kl": 3})
    with pytest.raises(ConfigError, match="beta"):
        Rloo(Likes(), beta=0)


@pytest.mark.parametrize("aligner", [Rloo, Ppo])
def test_log_probabilities_are_those_that_were_drawn_from(llava_next, images, pairs, tmp_path, aligner):
    """At temperature 0.5 the logits count twice, for policy and reference alike."""
    policy = TinyPolicy(llava_next)
    made = aligner(Likes(), sampling={"temperature": 0.5})
    made.objective.heads(policy, 0)
    row = make_row(policy, pairs[0], images)
    batch = collate([row], policy.pad_token_id)
    with torch.no_grad():
        logits = policy.head()(states(policy, batch)).reshape(-1, 386)[batch.score_at] * 2
        wanted = logits.log_softmax(-1).gather(1, batch.targets[:, None]).squeeze(1)
        torch.testing.assert_close(score_tokens(policy, states(policy, batch), batch, 0.5), wanted)
        if aligner is Ppo:
            torch.testing.assert_close(made.objective.forward(policy, batch)[0], wanted)
        else:
            known = {"rewards": torch.zeros(2), "reference": torch.zeros(2)}
            part = made.objective(policy, batch, known, Totals(0, 0, answers=2))
            assert part.values["logps/answers"].sum().item() == pytest.approx(wanted.sum().item(), abs=1e-3)
    log = aligner(Likes(), sampling={"temperature": 0.5}, training={**FAST, "max_steps": 1}).align(
        Talker(llava_next), pairs, images, tmp_path
    )
    assert log.log[0]["objective/kl"] == pytest.approx(0, abs=1e-4)  # the reference is taken at the same temperature


def test_max_steps_counts_optimizer_steps(llava_next, images, pairs, tmp_path):
    done = Ppo(Likes(), epochs_a_batch=2, training={**FAST, "epochs": 5, "max_steps": 3}).align(
        Talker(llava_next), pairs, images, tmp_path
    )
    assert done.step == 3


def test_rewards_can_be_normalized_over_the_alignment_set(llava_next, images, pairs, tmp_path):
    class Length(Likes):
        def __call__(self, pair, answers, image_root):
            return [float(len(answer)) for answer in answers]

    lengths = torch.tensor([float(len(text)) for p in pairs for text in (p.chosen, *p.rejected)])
    policy = Talker(llava_next)
    policy.stopped = "length"
    made = Rloo(Length(), normalize_rewards=True, unfinished_penalty=0.0, training={**FAST, "max_steps": 1})
    plain = Rloo(Length(), unfinished_penalty=0.0, training={**FAST, "max_steps": 1})
    got = made.align(policy, pairs, images, tmp_path / "a").log[0]["objective/scores"]
    raw = plain.align(Talker(llava_next), pairs, images, tmp_path / "b").log[0]["objective/scores"]
    assert got == pytest.approx((raw - lengths.mean().item()) / lengths.std().item(), abs=1e-4)
    with pytest.raises(TrainingError, match="all the same number"):
        Rloo(Likes("zebra"), normalize_rewards=True, training=FAST).align(Talker(llava_next), pairs, images, tmp_path / "c")


class Never:
    def facts(self) -> dict[str, str]:
        return {}


@pytest.mark.parametrize("aligner", [Ppo, Rloo, Grpo])
def test_a_penalty_that_would_reward_answers_without_an_end_is_refused(aligner) -> None:
    aligner(Never(), unfinished_penalty=0)
    with pytest.raises(ConfigError, match=r"unfinished_penalty is -0\.5; it is taken off a reward and cannot be negative"):
        aligner(Never(), unfinished_penalty=-0.5)


def test_a_value_loss_that_would_be_made_larger_is_refused() -> None:
    with pytest.raises(ConfigError, match="value_weight of at least 0"):
        Ppo(Never(), value_weight=-1)


@pytest.mark.parametrize("aligner", [Ppo, Rloo, Grpo])
def test_the_limits_of_a_collapse_are_those_that_were_given(aligner) -> None:
    rows = [{"objective/kl": 5.0}] * 2
    (given,), (usual,) = aligner(Never(), collapse={"max_kl": 4.0, "steps": 2}).rules, aligner(Never()).rules
    assert "5.0 nats" in given(rows) and usual(rows * 2) == ""


def test_the_logged_rewards_of_rloo_add_up(llava_next, images, pairs):
    policy = TinyPolicy(llava_next)
    row = make_row(policy, pairs[0], images)
    batch = collate([row], policy.pad_token_id)
    logps = score(policy, batch).detach()
    known = {"rewards": torch.tensor([1.0, 0.5]), "reference": logps - torch.tensor([4.0, -2.0])}
    found = LeaveOneOut(beta=0.25)(policy, batch, known, Totals(0, 0, answers=2)).values
    assert found["objective/non_score_reward"].tolist() == pytest.approx([-1.0, 0.5], abs=1e-3)
    assert found["objective/rlhf_reward"].tolist() == pytest.approx([0.0, 1.0], abs=1e-3)


def test_a_token_of_ppo_costs_its_divergence_and_the_last_one_earns_the_reward(llava_next, images, pairs):
    """By hand from the log-probabilities and the values of the policy: gamma 1, lambda 0.5, beta 0.1."""
    policy = Talker(llava_next)
    row = make_row(policy, replace(pairs[0], rejected=()), images)
    made = Ppo(Never(), beta=0.1, gae_lambda=0.5)
    made.objective.heads(policy, 0)
    with torch.no_grad():
        old, values = made.objective.forward(policy, collate([row], policy.pad_token_id))
    rows, _ = make_rows(policy, pairs, images)
    cost = torch.arange(len(old)) * 0.5 - 1
    known = made.supply(policy, rows, images, None)._sample(Rollout(row, torch.tensor([3.0])), old - cost).known
    ahead, wanted = 0.0, list[float]()
    for t in range(len(old) - 1, -1, -1):
        earned = -0.1 * float(cost[t]) + (3.0 if t == len(old) - 1 else float(values[t + 1]))
        ahead = earned - float(values[t]) + 0.5 * ahead
        wanted.insert(0, ahead)
    assert known["advantages"].tolist() == pytest.approx(wanted, abs=1e-4)
    assert known["returns"].tolist() == pytest.approx([a + float(v) for a, v in zip(wanted, values, strict=True)], abs=1e-4)
    assert known["kl"].tolist() == pytest.approx([float(cost.sum())], abs=1e-4) and known["scores"].tolist() == [3.0]


def test_ppo_learns_from_whitened_advantages_and_the_old_policy_without_dropout(llava_next, images, pairs):
    policy, lora = Talker(llava_next), {"r": 4, "alpha": 64, "dropout": 0.5}
    made = Ppo(Never(), training={"lora": lora})
    rows, _ = make_rows(policy, pairs, images)
    trained = prepare(policy.module, made.settings, made.objective.heads(policy, 0))
    for weight in trained.weights.values():
        weight.data += 0.1 * torch.randn(weight.shape, generator=torch.Generator().manual_seed(0))
    reference = Reference(policy, made.settings).of(trained)
    given = [Rollout(Row(r.id, r.prompt, r.answers[:1]), torch.tensor([n + 1.0])) for n, r in enumerate((rows[0], rows[1]))]
    samples, figures = made.supply(policy, rows, images, reference).learned(given, {})
    with torch.no_grad(), evaluating(policy.module):
        wanted = [made.objective.forward(policy, collate([r.row], policy.pad_token_id))[0] for r in given]
    torch.testing.assert_close(torch.cat([s.known["old"] for s in samples]), torch.cat(wanted), atol=1e-4, rtol=0)
    gains = torch.cat([s.known["advantages"] for s in samples])
    assert float(gains.mean()) == pytest.approx(0, abs=1e-5) and float(gains.square().mean()) == pytest.approx(1, abs=1e-4)
    assert figures[REWARD_RANGE] == 1.0
