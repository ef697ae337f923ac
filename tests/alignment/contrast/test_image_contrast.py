"""Methods that contrast images in the loop: one pass an image, the numbers of plain rows, resumed and divided bit for bit."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest
import tiny_families
import torch

from alignment.aligners.contrast.chip import Chip
from alignment.aligners.contrast.mdpo import Mdpo
from alignment.aligners.contrast.symmpo import Symmpo
from alignment.aligners.contrast.vdpo import Vdpo
from alignment.aligners.dpo import Dpo
from alignment.batching.collate import (
    Row,
    View,
    answer_tokens,
    collate,
    make_row,
    predictors,
    prompt_of,
    score,
    score_rows,
    score_tokens,
    states,
)
from alignment.batching.logps import ImageLogps
from alignment.batching.rows import make_rows
from alignment.contrast.damage import strangers
from alignment.contrast.objective import ImageContrast
from alignment.training.objectives import Totals
from harness.core.digests import model_digest
from harness.core.edge.images import open_image
from harness.core.errors import ConfigError, TrainingError
from harness.core.evaluation import Decoding, HiddenImage, NoisyImage, Request
from harness.core.preference import PreferencePair
from harness.models.transformers import TransformersModel
from tests.alignment.talker import whole_and_killed
from tests.alignment.tiny import TinyPolicy
from tests.alignment.training.test_train import FAST, LORA, make_pairs, without_times
from tests.alignment.training.test_workers import trained_together, weights

SCRIPT = """
import json, sys
from pathlib import Path
from alignment.aligners.contrast.mdpo import Mdpo
from tests.alignment.training.test_train import make_pairs
from tests.alignment.tiny import TinyPolicy
model, images, folder, options = sys.argv[1:]
Mdpo(**json.loads(options)).align(TinyPolicy(Path(model)), make_pairs(), Path(images), Path(folder))
"""
ALIGNERS = {
    "mdpo": Mdpo,
    "chip": lambda **o: Chip(damage="crop", **o),
    "chip without tokens": lambda **o: Chip(damage="crop", tok_beta=0, token_weight=1, **o),
    "symmpo": Symmpo,
    "vdpo": lambda **o: Vdpo(damage="crop", **o),
}


@pytest.fixture(scope="module")
def model(llava_next) -> TransformersModel:
    return TransformersModel(str(llava_next), device="cpu")


def rows_of(aligner, policy, pairs, images, folder) -> list[Row]:
    extras = aligner.objective.extras(pairs, images, folder)
    rows, dropped = make_rows(policy, pairs, images, extras=extras)
    assert not dropped
    return [rows[i] for i in range(len(rows))]


@pytest.mark.parametrize("damage", ["crop", "hidden", "noise", "other"])
def test_shared_rows_give_the_numbers_of_separate_plain_rows(model, images, tmp_path, damage):
    rows = rows_of(Mdpo(damage=damage), model, make_pairs(), images, tmp_path)
    with torch.no_grad():
        together = torch.cat(score_rows(model, rows))
        lines = [line for row in rows for line in (row, *row.others)]
        apart = torch.cat([score_rows(model, [Row("", line.prompt, (a,))])[0] for line in lines for a in line.answers])
    assert len(together) == sum(len(p.answers) + 1 for p in make_pairs())
    assert float((together - apart).abs().max()) < 1e-4


@pytest.mark.parametrize("family", ["llava", "qwen2_5_vl", "qwen3_vl", "gemma3"])
def test_a_damaged_prompt_is_what_the_engine_shows_the_model(images, tmp_path, family):
    model = TransformersModel(str(tiny_families.save(family, tmp_path)), device="cpu")
    path, text, answer = images / "tall.png", "What is this?", "A cat."
    for hidden, noise in ((HiddenImage(0.7, 3), None), (None, NoisyImage(500, 3))):
        wanted = model.log_probs([Request(path, text, Decoding(), hidden_image=hidden, noise=noise)], [answer])[0]
        prompt = prompt_of(model, path, text, View("tall.png", (), hidden, noise))
        said = model.answer_ids(path, text, answer)[:-1]  # the engine scores no end token
        with torch.no_grad():
            (got,) = score_rows(model, [Row("", prompt, (said,))])
        assert float(got) == pytest.approx(wanted, abs=1e-4), (hidden, noise)


def test_hidden_tokens_take_no_room_and_change_the_numbers(model, images):
    pair = make_pairs()[0]
    plain, hidden = (
        make_row(model, pair, images),
        prompt_of(model, images / pair.image, pair.prompt, View("", (), HiddenImage(0.99, 1))),
    )
    line = Row("", hidden, plain.answers)
    assert line.length < plain.length - 10
    with torch.no_grad():
        assert float((score(model, collate([line], 0)) - score(model, collate([plain], 0))).abs().min()) > 1e-4


def test_each_image_goes_through_the_tower_once(model, images, tmp_path, monkeypatch):
    rows = rows_of(Mdpo(), model, make_pairs()[:2], images, tmp_path)
    seen, real = [], model.module.model.get_image_features

    def counting(**vision):
        seen.append(len(vision["pixel_values"]))
        return real(**vision)

    monkeypatch.setattr(model.module.model, "get_image_features", counting)
    with torch.no_grad():
        score_rows(model, rows)
    assert seen == [4]  # two pairs, the original and the damaged image of each, in one call


@pytest.mark.parametrize("name", ALIGNERS)
def test_training_widens_both_margins(llava_next, images, tmp_path, name):
    made = ALIGNERS[name](training={**FAST, "epochs": 4})
    log = made.align(TinyPolicy(llava_next), make_pairs(), images, tmp_path).log
    assert log[0]["loss"] == pytest.approx({"mdpo": 3, "symmpo": 4}.get(name, 1) * 0.6931472, abs=1e-3)
    assert log[-1]["loss"] < log[0]["loss"]
    assert log[-1]["rewards/margins"] > 0.001
    if name != "symmpo":  # which raises both images' answers
        assert log[-1]["rewards/chosen"] > log[-1]["rewards/chosen_elsewhere"]


def test_a_row_with_two_rejected_answers_is_two_pairs(llava_next, images, tmp_path):
    pair = make_pairs()[0]
    apart = [replace(pair, id=f"{n}", rejected=(r,)) for n, r in enumerate(pair.rejected)]
    for made in (Mdpo(damage="other"), Symmpo(), Vdpo(damage="other")):
        losses = []
        for number, some in enumerate(([pair], apart)):
            policy, other = TinyPolicy(llava_next), make_pairs()[1]
            rows = rows_of(made, policy, [*some, other], images, tmp_path / str(number))[:-1]
            known = {"reference": torch.cat([torch.full((len(r.all_answers),), -20.0) for r in rows])}
            batch = collate(rows, policy.pad_token_id)
            losses.append(made.objective(policy, batch, known, made.objective.totals(rows)).loss.item())
        assert losses[0] == pytest.approx(losses[1], abs=1e-4)


@pytest.mark.parametrize("name", ["mdpo", "chip"])
@pytest.mark.parametrize("lora", [None, LORA], ids=["full", "lora"])
def test_a_killed_training_ends_in_the_same_bytes(llava_next, images, tmp_path, lora, name):
    aligner = ALIGNERS[name](training={**FAST, "lora": lora})
    whole, cut = whole_and_killed(aligner, lambda: TinyPolicy(llava_next), make_pairs(), images, tmp_path)
    assert model_digest(cut.folder) == model_digest(whole.folder)
    assert without_times(cut.log) == without_times(whole.log)


@pytest.mark.slow
def test_two_processes_give_the_losses_and_weights_of_one(llava_next, images, tmp_path):
    options = {"training": {**FAST, "batch_size": 5}}
    alone = Mdpo(**options).align(TinyPolicy(llava_next), make_pairs(), images, tmp_path / "one")
    log = trained_together(SCRIPT, llava_next, images, tmp_path, options)
    for name in ("loss", "rewards/margins", "rewards/chosen_elsewhere"):
        assert [row[name] for row in log] == pytest.approx([row[name] for row in alone.log], abs=1e-5, rel=1e-4), name
    one, two = weights(alone.folder), weights(tmp_path / "two" / "checkpoint")
    assert all(torch.allclose(one[name], two[name], atol=1e-4) for name in one)


def test_the_divergence_of_tokens_is_that_of_whole_distributions(llava_next, images, tmp_path):
    policy, reference = TinyPolicy(llava_next), TinyPolicy(llava_next)
    with torch.no_grad():
        for weight in (policy.module.lm_head.weight, policy.module.model.language_model.norm.weight):
            weight += 0.1 * torch.randn(weight.shape, generator=torch.Generator().manual_seed(1))
    made = Chip(damage="other", token_weight=1).objective
    rows = rows_of(Chip(damage="other"), policy, make_pairs()[:2], images, tmp_path)
    batch = collate(rows, policy.pad_token_id)
    made.keep_head(reference)
    with torch.no_grad():
        known = {
            "reference": score_tokens(reference, states(reference, batch), batch),
            "reference_states": predictors(states(reference, batch), batch),
        }
        now, _, terms = made._scored(policy, batch, known)
        logits = [m.head()(predictors(states(m, batch), batch)).log_softmax(-1) for m in (policy, reference)]
        per_token = torch.nn.functional.kl_div(*logits, reduction="none", log_target=True).sum(-1)
    by_answer = [part.sum().item() for part in torch.split(per_token, answer_tokens(batch).tolist())]
    places = made.places(batch.answers_of_row)
    assert terms["chosen_kl"].tolist() == pytest.approx([by_answer[c] for c, *_ in places], rel=1e-4)
    assert terms["rejected_kl"].tolist() == pytest.approx([by_answer[r] for _, r, _ in places], rel=1e-4)
    assert now.chosen.tolist() == pytest.approx([score(policy, batch)[c].item() for c, *_ in places], abs=1e-4)


def test_reference_values_of_another_damage_are_not_taken(llava_next, images, tmp_path):
    for made in (Mdpo(training=FAST), Mdpo(damage={"name": "crop", "most": 0.1}, training=FAST), Mdpo(training=FAST, seed=1)):
        made.align(TinyPolicy(llava_next), make_pairs(), images, tmp_path / str(id(made)), cache=tmp_path / "cache")
    Dpo(training=FAST).align(TinyPolicy(llava_next), make_pairs(), images, tmp_path / "dpo", cache=tmp_path / "cache")
    assert len(list((tmp_path / "cache" / "reference").iterdir())) == 4


def test_a_crop_is_drawn_once_for_each_pair_and_has_the_image_s_size(images, tmp_path):
    pairs, made = make_pairs(), Mdpo()
    first, second = (made.objective.extras(pairs, images, tmp_path) for _ in range(2))
    assert first == second and len({e.views[0].image for e in first}) == len(pairs)
    for pair, extra in zip(pairs, first, strict=True):
        crop, whole = (open_image(Path(p)) for p in (extra.views[0].image, images / pair.image))
        assert crop.size == whole.size and crop.tobytes() != whole.tobytes()


def test_the_partner_asks_the_same_about_another_image():
    def pair(name: str, image: str, prompt: str) -> PreferencePair:
        return PreferencePair(name, image, "", prompt, "a", ("b",), "t")

    pairs = [pair("0", "x", "Q"), pair("1", "x", "Q"), pair("2", "y", "R"), pair("3", "y", "Q"), pair("4", "x", "R")]
    assert strangers(pairs, same_question=True) == [3, 3, 4, 0, 2]
    assert strangers(pairs) == [2, 2, 4, 4, 2]
    with pytest.raises(TrainingError, match="same image"):
        strangers(pairs[:2])


@pytest.mark.parametrize("name", ALIGNERS)
def test_pairs_without_an_image_are_refused(llava_next, images, tmp_path, name):
    pairs = [*make_pairs(), replace(make_pairs()[0], id="text", image="")]
    with pytest.raises(TrainingError, match="1 of 7 pairs have no image .*'text'"):
        ALIGNERS[name](training=FAST).align(TinyPolicy(llava_next), pairs, images, tmp_path)


def test_hidden_tokens_need_a_policy_that_can_hide_them(llava_next, images, tmp_path):
    with pytest.raises(ConfigError, match="TinyPolicy cannot hide image tokens"):
        Mdpo(damage="hidden", training=FAST).align(TinyPolicy(llava_next), make_pairs(), images, tmp_path)


@pytest.mark.parametrize(
    ("damage", "says"),
    [
        ("corp", "Did you mean 'crop'"),
        ({"name": "crop", "share": 0.5}, "crop takes no share"),
        ({"name": "crop", "least": 0.5}, "least <= most"),
        ({"name": "hidden", "share": 0}, "share in"),
        ({"name": "noise", "steps": 2000}, "steps from 1"),
        ({"name": "crop", "mots": 0.5}, "mots"),
    ],
)
def test_wrong_damages_are_refused_before_anything_is_loaded(damage, says):
    with pytest.raises(ConfigError, match=says):
        Mdpo(damage=damage)


def test_mdpo_with_both_weights_0_is_refused():
    with pytest.raises(ConfigError, match="both weights 0 is plain dpo"):
        Mdpo(conditional_weight=0, anchor_weight=0.0)
    Mdpo(conditional_weight=0, anchor_weight=0.1)


def test_the_accuracy_of_images_compares_rewards_without_chips_divergence(monkeypatch):
    """A chosen answer that became less likely than behind the damaged image is wrong, however large the divergence is."""
    policy, image = (torch.tensor([-5.1, -5.0]), torch.tensor([-6.0, -6.0]))
    now = ImageLogps(policy, policy - 1, image)
    base = ImageLogps(torch.tensor([-5.0, -5.1]), policy - 1, image)  # log-ratios -0.1 and 0.1; 0 behind the damaged image
    terms = {"chosen_kl": torch.tensor([9.0, 9.0]), "rejected_kl": torch.zeros(2)}
    monkeypatch.setattr(ImageContrast, "_scored", lambda *given: (now, base, terms))
    made = Chip(damage="crop", tok_beta=0.3).objective
    found = made(None, None, {}, Totals(2, 0)).values["rewards/image_accuracies"]  # type: ignore[arg-type]
    assert found.tolist() == [0.0, 1.0]


def test_a_pair_is_ranked_rightly_where_its_chosen_answer_has_the_higher_reward(monkeypatch):
    chosen, rejected, zero = torch.tensor([0.5, -0.5, 0.0]), torch.tensor([-0.5, 0.5, 0.0]), torch.zeros(3)
    monkeypatch.setattr(
        ImageContrast, "_scored", lambda *given: (ImageLogps(chosen, rejected, zero - 0.1), ImageLogps(zero, zero, zero), {})
    )
    found = Mdpo(beta=0.2).objective(None, None, {}, Totals(3, 0)).values  # type: ignore[arg-type]
    assert found["rewards/accuracies"].tolist() == [1.0, 0.0, 0.0]
    assert found["rewards/margins"].tolist() == pytest.approx([0.2, -0.2, 0.0])
    assert found["rewards/chosen_elsewhere"].tolist() == pytest.approx([-0.02] * 3)
    assert found["rewards/image_accuracies"].tolist() == [1.0, 0.0, 1.0]
