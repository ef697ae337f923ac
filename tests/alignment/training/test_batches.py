"""Rows that share a prompt score each answer as if it stood alone, whatever stands beside it."""

import pytest
import torch

from alignment.batching import logps
from alignment.batching.collate import Row, answer_tokens, collate, make_row, pair_logps, score, stack_vision
from alignment.batching.policy import PromptInputs
from alignment.losses.margin.dpo import dpo
from harness.core.errors import TrainingError
from harness.core.preference import PreferencePair
from harness.models._checkpoint.packed_attention import dense_mask
from tests.alignment.tiny import plain_rows

REJECTED = ("There is a blue cat.", "There is a red dog near the tree. There is a cup.", "cat", "There is a car.")


def pair(image: str, rejected: tuple[str, ...] = REJECTED[:1], chosen: str = "There is a white dog.") -> PreferencePair:
    return PreferencePair(image, image, "", "Describe the image.", chosen, rejected, "test")


def alone(policy, row: Row) -> torch.Tensor:
    """The answers' log-probabilities, each computed in a batch of its own."""
    return torch.cat([score(policy, collate([plain], policy.pad_token_id)) for plain in plain_rows(row)])


def test_a_llava_next_row_scores_like_its_answers_alone(policy, images):
    rows = [make_row(policy, pair("wide.png"), images), make_row(policy, pair("tall.png", REJECTED[1:3]), images)]
    with torch.no_grad():
        together = score(policy, collate(rows, policy.pad_token_id))
        apart = torch.cat([alone(policy, row) for row in rows])
    assert torch.allclose(together, apart, atol=1e-3)


def test_rows_without_an_image_mix_with_rows_that_have_one(policy, images):
    rows = [make_row(policy, pair(""), images), make_row(policy, pair("tall.png"), images)]
    with torch.no_grad():
        together = score(policy, collate(rows, policy.pad_token_id))
        assert torch.allclose(together, torch.cat([alone(policy, r) for r in rows]), atol=1e-3)


def test_a_part_of_the_model_that_is_called_alone_after_a_pass_takes_all_rows(policy, images):
    with torch.no_grad():
        score(policy, collate([make_row(policy, pair("wide.png"), images)], policy.pad_token_id))
        mlp = policy.module.model.language_model.layers[-1].mlp
        states = torch.randn(64, mlp.gate_proj.in_features)
        assert torch.equal(mlp(states), mlp.forward(states))


@pytest.mark.parametrize("k", [1, 2, 3, 4])
def test_k_rejected_answers_in_one_row_equal_k_pairs(policy, images, k):
    def loss_and_gradient(rows: list[Row]) -> tuple[torch.Tensor, dict[str, torch.Tensor]]:
        policy.module.zero_grad()
        batch = collate(rows, policy.pad_token_id)
        got = pair_logps(score(policy, batch), answer_tokens(batch), batch.answers_of_row)
        reference = got._replace(chosen=got.chosen.detach() + 1, rejected=got.rejected.detach() - 2)
        loss = dpo(got, reference, beta=0.1).loss
        loss.mean().backward()
        return loss.detach(), {n: p.grad.clone() for n, p in policy.module.named_parameters() if p.grad is not None}

    one, one_grad = loss_and_gradient([make_row(policy, pair("wide.png", REJECTED[:k]), images)])
    many, many_grad = loss_and_gradient([make_row(policy, pair("wide.png", (r,)), images) for r in REJECTED[:k]])
    assert torch.allclose(one, many, atol=1e-4)
    assert max(float((one_grad[n] - g).abs().max()) for n, g in many_grad.items()) < 1e-5


def test_the_layout_is_the_one_drawn_in_the_docstring():
    prompt = PromptInputs(torch.tensor([7, 7, 7, 7]), {})
    row = Row("r", prompt, (torch.tensor([1, 2, 9]), torch.tensor([3, 4, 5, 9])))
    batch = collate([row], pad_token_id=0)
    assert batch.input_ids.tolist() == [[7, 7, 7, 7, 1, 2, 3, 4, 5]]
    assert batch.position_ids.tolist() == [[0, 1, 2, 3, 4, 5, 4, 5, 6]]
    assert batch.segment.tolist() == [[0, 0, 0, 0, 1, 1, 2, 2, 2]]
    assert batch.score_at.tolist() == [3, 4, 5, 3, 6, 7, 8]
    assert batch.targets.tolist() == [1, 2, 9, 3, 4, 5, 9]


def test_a_shorter_row_is_padded_on_the_right():
    prompt = PromptInputs(torch.tensor([7]), {})
    long, short = Row("a", prompt, (torch.tensor([1, 2, 9]),)), Row("b", prompt, (torch.tensor([9]),))
    batch = collate([long, short], pad_token_id=0)
    assert batch.input_ids.tolist() == [[7, 1, 2], [7, 0, 0]]
    assert batch.score_at.tolist() == [0, 1, 2, 3]


def test_answers_do_not_see_each_other():
    mask = dense_mask(torch.tensor([[0, 1, 2, -1]]), torch.float32)[0, 0] == 0
    assert mask.tolist() == [
        [True, False, False, False],
        [True, True, False, False],
        [True, False, True, False],
        [False, False, False, True],
    ]


def test_a_row_of_three_answers_becomes_two_pairs_with_ranks():
    got = pair_logps(torch.tensor([-1.0, -2.0, -3.0, -4.0, -5.0]), torch.arange(5), (3, 2))
    assert got.chosen.tolist() == [-1, -1, -4] and got.rejected.tolist() == [-2, -3, -5]
    assert got.rank.tolist() == [0, 1, 0]


def test_images_with_fewer_tiles_are_padded():
    parts = [{"pixel_values": torch.ones(1, 2, 3)}, {"pixel_values": torch.ones(1, 4, 3)}]
    stacked = stack_vision(parts)["pixel_values"]
    assert stacked.shape == (2, 4, 3) and stacked[0, 2:].sum() == 0


def test_small_chunks_give_the_same_numbers_and_gradients(policy, images, monkeypatch):
    row = make_row(policy, pair("wide.png"), images)

    def gradient() -> tuple[torch.Tensor, torch.Tensor]:
        policy.module.zero_grad()
        got = score(policy, collate([row], policy.pad_token_id))
        got.sum().backward()
        return got.detach(), policy.module.lm_head.weight.grad.clone()

    whole = gradient()
    monkeypatch.setattr(logps, "LOGITS_AT_ONCE", 386 * 3)  # three positions at a time
    chunked = gradient()
    assert torch.allclose(whole[0], chunked[0], atol=1e-4) and torch.allclose(whole[1], chunked[1], atol=1e-5)


def test_an_answer_without_tokens_is_refused_by_name(policy, images, monkeypatch):
    monkeypatch.setattr(policy, "answer_ids", lambda image, text, answer: torch.tensor([], dtype=torch.long))
    with pytest.raises(TrainingError, match=r"wide\.png"):
        make_row(policy, pair("wide.png"), images)
