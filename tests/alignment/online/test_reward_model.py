"""A reward model learns to tell chosen from rejected, is measured on pairs it has not seen, and loads as it was saved."""

import pytest
import torch
from safetensors.torch import load_file

from alignment.aligners.reward_model import RewardModel
from alignment.online.reward_model import BradleyTerry, JudgeReward, ModelReward, held_out, new_head, trained_on_by_none
from alignment.weights.checkpoint import HEADS
from harness.core.errors import ConfigError, TrainingError
from harness.core.evaluation import Verdict
from harness.core.preference import PreferencePair
from harness.core.run_record import Checkpoint
from tests.alignment.tiny import TinyPolicy

TRAINING = {"learning_rate": 3e-3, "batch_size": 4, "micro_batch": 2, "epochs": 8}
COLOURS = ("red", "blue", "white", "black", "green", "grey")


@pytest.fixture(scope="module")
def pairs() -> list[PreferencePair]:
    return [
        PreferencePair(c, ("wide.png", "tall.png")[i % 2], "", "Describe it.", f"a {c} cat.", (f"a {c} dog.",), "t")
        for i, c in enumerate(COLOURS)
    ]


@pytest.fixture(scope="module")
def trained(llava_next, images, pairs, tmp_path_factory):
    folder = tmp_path_factory.mktemp("reward")
    return RewardModel(held_out=0.0, training=TRAINING).align(TinyPolicy(llava_next), pairs, images, folder)


def loaded(folder) -> TinyPolicy:
    policy = TinyPolicy(folder)
    policy.checkpoint = Checkpoint("rm", str(folder), str(folder), "digest")
    return policy


def test_it_learns_which_answer_is_preferred(trained, pairs, images):
    assert trained.log[0]["loss"] == pytest.approx(0.693, abs=0.4)
    assert trained.log[-1]["rewards/accuracies"] == 1.0
    reward = ModelReward(loaded(trained.folder))
    assert reward.accuracy(pairs, images) == 1.0
    assert reward.accuracy([], images) is None
    turned = [PreferencePair(p.id, p.image, "", p.prompt, p.rejected[0], (p.chosen,), "t") for p in pairs]
    assert reward.accuracy(turned, images) == 0.0


def test_the_loss_is_bradley_terry_on_the_head_over_the_last_state(trained, pairs, images):
    rated = ModelReward(loaded(trained.folder))(pairs[0], ["a red cat.", "a red dog."], images)
    policy = loaded(trained.folder)
    prompt, vision, _ = policy.prompt(images / pairs[0].image, pairs[0].prompt)
    answer = policy.answer_ids(None, "", "a red cat.")[:-1]  # all of it but its end token
    with torch.no_grad():
        out = policy.module.model(input_ids=torch.cat([prompt, answer])[None], **vision)
        head = ModelReward(policy)._head
        assert rated[0] == pytest.approx(float(head(out.last_hidden_state[0, -1])), abs=1e-4)
    assert rated[0] > rated[1]


class Endless(TinyPolicy):
    """Behind a chat template that writes no end token."""

    def answer_ids(self, image, text, answer):
        return super().answer_ids(image, text, answer)[:-1]


def endless(folder) -> Endless:
    policy = Endless(folder)
    policy.checkpoint = Checkpoint("rm", str(folder), str(folder), "digest")
    return policy


def test_answers_that_differ_in_their_last_token_alone_are_told_apart_without_an_end_token(llava_next, images, tmp_path):
    wide = [PreferencePair(str(i), "wide.png", "", f"{i}?", "Yes", ("No",), "t") for i in range(4)]
    done = RewardModel(held_out=0.0, training=TRAINING).align(Endless(llava_next), wide, images, tmp_path)
    assert done.log[0]["grad_norm"] > 0 and done.log[-1]["rewards/accuracies"] == 1.0
    reward, policy = ModelReward(endless(done.folder)), endless(done.folder)
    prompt, vision, _ = policy.prompt(images / "wide.png", "0?")
    with torch.no_grad():  # the state behind all tokens of the answer
        own = [
            policy.module.model(input_ids=torch.cat([prompt, policy.answer_ids(None, "", text)])[None], **vision)
            for text in ("Yes", "No")
        ]
        expected = [float(reward._head(out.last_hidden_state[0, -1])) for out in own]
    assert reward(wide[0], ["Yes", "No"], images) == pytest.approx(expected, abs=1e-4)
    assert reward.accuracy(wide, images) == 1.0


def test_an_answer_without_tokens_is_rated(llava_next, images, tmp_path):
    pair = PreferencePair("1", "wide.png", "", "What?", "A cat.", ("A dog.",), "t")
    once = {**TRAINING, "epochs": 1, "learning_rate": 1e-9}
    done = RewardModel(held_out=0.0, training=once).align(Endless(llava_next), [pair], images, tmp_path)
    first, empty = ModelReward(endless(done.folder))(pair, ["A cat.", ""], images)
    assert first is not None and empty is not None and first != empty


def test_the_last_token_of_a_sentence_behind_a_context_is_read(llava_next, images, tmp_path):
    sentences = [
        PreferencePair(str(i), "wide.png", "", f"{i}?", "A cat", ("A dog",), "t", context="It is so.") for i in range(4)
    ]
    done = RewardModel(held_out=0.0, training=TRAINING).align(TinyPolicy(llava_next), sentences, images, tmp_path)
    assert done.log[-1]["rewards/accuracies"] == 1.0 and done.log[-1]["loss"] < 0.5
    assert ModelReward(loaded(done.folder)).accuracy(sentences, images) == 1.0


def test_a_reward_model_of_a_version_that_did_not_read_the_last_token_is_refused(trained):
    with pytest.raises(TrainingError, match="did not read the last token of an answer"):
        ModelReward(endless(trained.folder))


def test_equal_rewards_are_right_by_half(trained, pairs, images):
    reward = ModelReward(loaded(trained.folder))
    reward.of = lambda rows: [torch.tensor([-0.69083530, -0.69083542]), torch.tensor([1.0, 0.0])]  # rounding, and a margin
    assert reward.accuracy(pairs[:2], images) == 0.75


def test_a_checkpoint_without_a_head_is_refused(llava_next):
    with pytest.raises(TrainingError, match=r"heads\.safetensors"):
        ModelReward(TinyPolicy(llava_next))


def test_held_out_pairs_are_a_fixed_share_and_share_no_image():
    many = [PreferencePair(str(i), "a.png", f"image {i // 2}", "q", "a", ("b",), "t") for i in range(400)]
    train, test = held_out(many, 0.25, seed=0)
    assert 60 < len(test) < 140 and len(train) + len(test) == 400
    assert not {p.image_digest for p in train} & {p.image_digest for p in test}
    assert held_out(many[::-1], 0.25, seed=0)[1] == test[::-1]
    assert held_out(many, 0.25, seed=1)[1] != test
    assert RewardModel(held_out=0.25).tested_on(many) == test


def test_equal_answers_have_equal_rewards_whatever_stands_beside_them(trained, pairs, images):
    """Rows of a batch differ in the last bit, so that a prompt with one answer three times seemed to have three rewards."""
    rate = ModelReward(loaded(trained.folder))
    rate.of = lambda rows: [torch.arange(float(len(rows[0].answers)))]  # each place of a batch has its own error
    assert rate(pairs[0], ["a red cat.", "a red dog.", "a red cat."], images) == [0.0, 1.0, 0.0]
    assert rate(pairs[0], ["a red cat."] * 3, images) == [0.0] * 3


def test_pairs_about_an_image_that_any_of_the_models_trained_on_test_none_of_them():
    def about(name: str, *images: str) -> PreferencePair:
        return PreferencePair(name, images[0] if len(images) == 1 else images, "", "q", "a", ("b",), "t")

    first, second = [about("1", "x"), about("2", "y")], [about("3", "y"), about("4", "z"), about("5", "w")]
    left = trained_on_by_none({"rma": first, "rmb": second}, [about("6", "y", "z")])
    assert {name: [p.id for p in pairs] for name, pairs in left.items()} == {"rma": ["1"], "rmb": ["5"]}


def test_a_judge_can_be_the_reward(images, pairs):
    class Judge:
        name, version = "j", "1"

        def rate(self, question, answer, facts, image):
            return Verdict(None if "dog" in answer else 3.0, "", "", "j", "1")

    reward = JudgeReward(Judge())
    assert reward(pairs[0], ["a cat", "a dog"], images) == [3.0, None]
    assert reward.facts() == {"reward": "judge j 1"}


def test_wrong_shares_are_refused():
    with pytest.raises(ConfigError, match="share"):
        RewardModel(held_out=1.0)
    assert BradleyTerry().facts() == {"loss": "bradley_terry"}


def test_the_head_that_rates_is_the_trained_one(trained):
    """The body learns beside it: with the head of before the training pairs are still told apart, and rated otherwise."""
    policy, written = loaded(trained.folder), load_file(trained.folder / HEADS)
    head, first = ModelReward(policy)._head, new_head(policy, 0)
    assert {name: value.tolist() for name, value in head.state_dict().items()} == {
        name.removeprefix("reward_head."): value.tolist() for name, value in written.items()
    }
    assert float((head.weight - first.weight).detach().abs().max()) > 1e-3


def test_every_rejected_answer_counts_in_the_accuracy(trained, pairs, images):
    reward = ModelReward(loaded(trained.folder))
    reward.of = lambda rows: [torch.tensor([1.0, 0.0, 2.0, 3.0])]
    assert reward.accuracy(pairs[:1], images) == pytest.approx(1 / 3)
