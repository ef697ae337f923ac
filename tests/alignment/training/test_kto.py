"""KTO in the loop: the numbers of TRL's trainer, rated answers of files and of pairs, resumed and divided bit for bit."""

from __future__ import annotations

import json
import math
from dataclasses import replace
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file

from alignment.aligners.dpo import Dpo
from alignment.aligners.kto import Kto
from alignment.batching.collate import Row, collate, score_rows
from alignment.batching.logps import AnswerLogps
from alignment.batching.rows import make_rows
from alignment.data.pairs import read_pairs, read_rated, write_trl
from alignment.losses._unpaired.kto import mismatch_kl
from alignment.training.objectives import Totals
from alignment.training.unpaired import desirable, mismatched
from harness.core.digests import model_digest
from harness.core.errors import ConfigError, DataError, TrainingError
from harness.core.preference import PreferencePair
from tests.alignment.talker import whole_and_killed
from tests.alignment.tiny import GOLDEN, TinyPolicy
from tests.alignment.training.test_golden import golden_policy
from tests.alignment.training.test_golden_losses import DATA
from tests.alignment.training.test_train import FAST, LORA, make_pairs, without_times
from tests.alignment.training.test_workers import trained_together, weights
from tests.pair_files import write_pairs

MODEL = json.loads((DATA / "model.json").read_text())
CASES = [c for c in MODEL["cases"] if c["batch"] == "kto"]
SCRIPT = """
import json, sys
from pathlib import Path
from alignment.aligners.kto import Kto
from tests.alignment.training.test_train import make_pairs
from tests.alignment.tiny import TinyPolicy
model, images, folder, options = sys.argv[1:]
Kto(**json.loads(options)).align(TinyPolicy(Path(model)), make_pairs(), Path(images), Path(folder))
"""


def rated() -> list[PreferencePair]:
    """Answers without a counterpart: two good ones and two bad ones."""
    pairs = make_pairs()[:4]
    return [replace(p, rejected=()) if n % 2 else replace(p, chosen="", rejected=p.rejected[:1]) for n, p in enumerate(pairs)]


def ratings_of_trl(policy: TinyPolicy) -> tuple[list[Row], torch.Tensor, list[Row]]:
    """TRL's batch, one answer a row; the mismatched answer is that of the row before."""
    given, rows = MODEL["inputs"]["kto_rows"], list[Row]()
    for n, row in enumerate(given):
        prompt = policy.prompt_with([GOLDEN / i for i in row["images"]], row["prompt"][0]["content"])
        rows.append(Row(str(n), prompt, (policy.answer_ids(None, "", row["completion"][0]["content"]),)))
    strange = [Row(r.id, r.prompt, rows[i - 1].answers) for i, r in enumerate(rows)]
    return rows, torch.tensor([row["label"] for row in given]), strange


def test_the_divergence_estimate_is_a_mean_that_is_not_negative_and_carries_no_gradient():
    policy = torch.tensor([-1.0, -5.0], requires_grad=True)
    kl = mismatch_kl(policy, torch.tensor([-4.0, -6.0]))
    assert kl.item() == 2.0 and not kl.requires_grad
    assert mismatch_kl(policy, torch.tensor([0.0, 0.0])).item() == 0.0


@pytest.mark.parametrize("case", CASES, ids=[c["id"] for c in CASES])
def test_the_step_loss_is_that_of_trls_trainer(case):
    policy, reference = golden_policy("policy"), golden_policy("reference")
    given = {k: v for k, v in case["options"].items() if k in ("beta", "desirable_weight", "undesirable_weight")}
    made = Kto(loss=case["loss_type"][0], **given).objective
    rows, good, strange = ratings_of_trl(policy)
    with torch.no_grad():
        known = {"reference": torch.cat(score_rows(reference, rows)), "desirable": good}
        base = {"kl_reference": torch.cat(score_rows(reference, strange))}
        looked = made.look(policy, collate(strange, policy.pad_token_id), base)
    (view, _) = made.views([[looked]], 0, {})
    part = made(policy, collate(rows, policy.pad_token_id), known, Totals(0, 0, answers=len(rows), step=view))
    assert part.loss.item() == pytest.approx(case["loss"], rel=1e-5)
    for name in ("rewards/chosen", "rewards/rejected", "logps/chosen", "logps/rejected"):
        if name in case["metrics"]:
            assert part.values[name].mean().item() == pytest.approx(case["metrics"][name], rel=1e-4, abs=1e-4), name
    if case["loss_type"] == ["kto"]:
        assert part.figures["kl"] == pytest.approx(case["metrics"].get("kl", part.figures["kl"]), abs=1e-4)


@pytest.mark.parametrize("lora", [None, LORA], ids=["full", "lora"])
def test_a_killed_training_ends_in_the_same_bytes(llava_next, images, tmp_path, lora):
    aligner = Kto(training={**FAST, "lora": lora})
    whole, cut = whole_and_killed(aligner, lambda: TinyPolicy(llava_next), make_pairs(), images, tmp_path)
    assert model_digest(cut.folder) == model_digest(whole.folder)
    assert without_times(cut.log) == without_times(whole.log)


def test_stored_pairs_and_ratings_train(llava_next, images, tmp_path):
    for n, pairs in enumerate((make_pairs(), rated())):
        log = Kto(training={**FAST, "epochs": 4}).align(TinyPolicy(llava_next), pairs, images, tmp_path / str(n)).log
        assert log[0]["loss"] == pytest.approx(0.5, abs=1e-4)  # policy equals reference: 1 - sigmoid(0)
        assert log[0]["kl"] == pytest.approx(0.0, abs=1e-3)
        assert log[-1]["rewards/margins"] > 0.001


def test_the_micro_batch_changes_nothing_but_speed(llava_next, images, tmp_path):
    one, four = (
        Kto(training={**FAST, "micro_batch": n}).align(TinyPolicy(llava_next), make_pairs(), images, tmp_path / str(n))
        for n in (1, 4)
    )
    for name in ("loss", "kl", "rewards/margins"):
        assert [r[name] for r in one.log] == pytest.approx([r[name] for r in four.log], abs=1e-4), name


@pytest.mark.slow
def test_two_processes_give_the_losses_and_weights_of_one(llava_next, images, tmp_path):
    options = {"training": {**FAST, "batch_size": 5}}
    alone = Kto(**options).align(TinyPolicy(llava_next), make_pairs(), images, tmp_path / "one")
    log = trained_together(SCRIPT, llava_next, images, tmp_path, options)
    for name in ("loss", "kl", "rewards/margins", "logps/chosen"):
        assert [row[name] for row in log] == pytest.approx([row[name] for row in alone.log], abs=1e-5, rel=1e-4), name
    one, two = weights(alone.folder), weights(tmp_path / "two" / "checkpoint")
    assert all(torch.allclose(one[name], two[name], atol=1e-4) for name in one)


def test_the_mismatched_answer_belongs_to_another_prompt(llava_next, images):
    policy = TinyPolicy(llava_next)
    rows, _ = make_rows(policy, make_pairs(), images)
    strange = mismatched(rows)
    for i, pair in enumerate(strange.pairs):
        added = strange[i].answers[-1].tolist()
        assert len(strange[i].answers) == 1 + len(pair.answers)
        other = strange.pairs[i - 1]
        assert added in [policy.answer_ids(None, "", text).tolist() for text in other.answers]


def test_two_rows_of_one_prompt_take_the_answer_of_a_third(llava_next, images):
    policy, pair = TinyPolicy(llava_next), make_pairs()[0]
    third = PreferencePair("z", "tall.png", "", "What is it?", "A boat.", ("A tree.",), "test")
    rows, _ = make_rows(policy, [third, pair, replace(pair, id="twin", chosen="It is a cat.")], images)
    boat, tree = (policy.answer_ids(None, "", text).tolist() for text in third.answers)
    assert [mismatched(rows)[i].answers[-1].tolist() for i in (1, 2)] == [tree, boat]


def test_rows_of_one_prompt_have_no_mismatched_answers(llava_next, images):
    pairs = [replace(make_pairs()[0], id=str(n), chosen=f"It is cat {n}.") for n in range(3)]
    rows, _ = make_rows(TinyPolicy(llava_next), pairs, images)
    with pytest.raises(TrainingError, match="KTO needs at least two prompts"):
        mismatched(rows)
    assert len(mismatched(rows, "apo_zero_unpaired")) == 3  # it takes no such answers


@pytest.mark.parametrize("side", ["chosen", "rejected"])
def test_only_one_kind_of_label_is_refused(llava_next, images, tmp_path, side):
    pairs = [replace(p, rejected=()) if side == "chosen" else replace(p, chosen="") for p in make_pairs()]
    kind = "desirable" if side == "chosen" else "undesirable"
    with pytest.raises(TrainingError, match=f"answers are {kind}; learning from ratings needs both kinds"):
        Kto(training=FAST).align(TinyPolicy(llava_next), pairs, images, tmp_path)


def test_ratings_without_a_counterpart_are_not_for_dpo(llava_next, images, tmp_path):
    with pytest.raises(
        TrainingError, match=r"`chosen` is empty \(a rated answer .* kto trains on\): 2, `rejected` is empty \(.*\): 2"
    ):
        Dpo(training=FAST).align(TinyPolicy(llava_next), rated(), images, tmp_path)


def test_thumbs_are_read_as_texts_and_as_messages(tmp_path):
    rows = [
        {"image": "a.png", "prompt": "What?", "completion": "A cat.", "label": "up"},
        {"id": "x", "images": ["b.png"], "prompt": [{"role": "user", "content": "What?"}],
         "completion": [{"role": "assistant", "content": "A dog."}], "label": False},
    ]  # fmt: skip
    path = tmp_path / "thumbs.jsonl"
    path.write_text("\n".join(map(json.dumps, rows)))
    up, down = read_rated(path)
    assert (up.image, up.chosen, up.rejected) == ("a.png", "A cat.", ())
    assert (down.id, down.chosen, down.rejected) == ("x", "", ("A dog.",))
    write_pairs(tmp_path / "own.jsonl", [up, down])
    assert read_pairs(tmp_path / "own.jsonl") == [up, down]
    write_trl(tmp_path / "trl.jsonl", [up, down])
    assert [(p.chosen, p.rejected) for p in read_rated(tmp_path / "trl.jsonl")] == [("A cat.", ()), ("", ("A dog.",))]


@pytest.mark.parametrize(
    ("change", "says"),
    [
        ({"label": "maybe"}, "true or false, up or down"),
        ({"label": None}, "true or false, up or down"),
        ({"completion": " "}, "'completion' is empty"),
        ({"image": None, "images": ["a", 3]}, "each image must be given as a path"),
    ],
)
def test_what_is_no_rating_is_named_by_line(tmp_path, change, says):
    row = {"image": "a.png", "prompt": "What?", "completion": "A cat.", "label": True}
    (tmp_path / "p").write_text(json.dumps(row | change))
    with pytest.raises(DataError, match=f"line 1: .*{says}"):
        read_rated(tmp_path / "p")


@pytest.mark.parametrize("options", [{"loss": "kot"}, {"desirable_weight": 0}, {"beta": 0}])
def test_wrong_options_are_refused(options):
    with pytest.raises(ConfigError):
        Kto(**options)


def test_the_labels_of_a_row_follow_its_answers(pairs):
    assert desirable(pairs[0]).tolist() == [True, False]
    assert desirable(replace(pairs[0], chosen="")).tolist() == [False]


def test_the_official_batch_is_the_one_compared():
    """TRL's own collator put the same mismatched answers beside the same prompts."""
    batch, policy = load_file(Path(DATA) / "model_kto_batch.safetensors"), golden_policy("policy")
    _, _, strange = ratings_of_trl(policy)
    with torch.no_grad():
        assert torch.allclose(torch.cat(score_rows(policy, strange)), batch["policy_KL_logps"], atol=1e-3)


@pytest.mark.parametrize(("loss", "z"), [("kto", 0.5), ("apo_zero_unpaired", 0.0)])
def test_beta_and_both_weights_reach_the_loss(loss, z):
    """By hand: D (1 - s(b (r - z))) of a good answer, U (1 - s(b (z - r))) of a bad one, s the sigmoid; apo: z is 0."""
    made = Kto(loss=loss, beta=0.4, desirable_weight=3.0, undesirable_weight=2.0).objective
    good = torch.tensor([True, False])
    policy, reference = AnswerLogps(torch.tensor([-4.0, -6.0]), good), AnswerLogps(torch.tensor([-6.0, -7.0]), good)
    losses, _ = made.losses(policy, reference, torch.tensor(z) if loss == "kto" else None)
    wanted = [3 * (1 - 1 / (1 + math.exp(-0.4 * (2 - z)))), 2 * (1 - 1 / (1 + math.exp(-0.4 * (z - 1))))]
    assert losses.tolist() == pytest.approx(wanted)
