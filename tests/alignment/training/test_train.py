"""The loop: it learns, resumes bit for bit, writes what others can load, and says what is wrong."""

import json
import random
from pathlib import Path

import pytest
import torch
from peft import PeftModel
from transformers import AutoModelForImageTextToText, AutoProcessor

from alignment.aligners.dpo import Dpo
from alignment.aligners.sft import Sft
from alignment.training import train as training
from alignment.weights import resume_state
from alignment.weights.resume_state import LOG, read_log
from alignment.weights.trainable import lora_layers, narrow_layers
from harness.core.digests import model_digest
from harness.core.errors import ConfigError, TrainingError
from harness.core.preference import PreferencePair
from tests.alignment.talker import Killed, kill_after, whole_and_killed
from tests.alignment.tiny import TinyPolicy

LORA = {"r": 4, "alpha": 8, "dropout": 0.1}
FAST = {"learning_rate": 1e-3, "batch_size": 4, "micro_batch": 2, "epochs": 2, "save_every": 1, "seed": 7}
COLOURS = ("red", "blue", "white", "black", "green", "grey")


def make_pairs() -> list[PreferencePair]:
    return [
        PreferencePair(
            str(i), ("wide.png", "tall.png")[i % 2], "", "Describe the image.", f"There is a {colour} cat near the tree.",
            (f"There is a {colour} dog.",) if i % 3 else ("There is a car.", "cat"), "test",
        )
        for i, colour in enumerate(COLOURS)
    ]  # fmt: skip


@pytest.fixture
def pairs() -> list[PreferencePair]:
    return make_pairs()


def weights(folder) -> dict[str, torch.Tensor]:
    return AutoModelForImageTextToText.from_pretrained(folder).state_dict()


@pytest.fixture(scope="module")
def finished(llava_next, images, tmp_path_factory) -> training.Alignment:
    """One full-weight training that several tests look at and none changes."""
    return Dpo(sft_weight=0.5, training=FAST).align(
        TinyPolicy(llava_next), make_pairs(), images, tmp_path_factory.mktemp("done")
    )


def without_times(log) -> list[dict]:
    return [{k: v for k, v in row.items() if not k.startswith("time/")} for row in log]


@pytest.mark.parametrize("lora", [None, LORA], ids=["full", "lora"])
def test_a_killed_training_ends_in_the_same_bytes(llava_next, images, pairs, tmp_path, lora):
    aligner = Dpo(training={**FAST, "lora": lora})
    whole, resumed = whole_and_killed(aligner, lambda: TinyPolicy(llava_next), pairs, images, tmp_path, (1, 3))
    assert model_digest(resumed.folder) == model_digest(whole.folder)
    assert without_times(resumed.log) == without_times(whole.log)
    assert whole.step == 4


def test_a_finished_training_is_not_done_again(llava_next, images, pairs, finished):
    policy, folder = TinyPolicy(llava_next), finished.folder.parent
    again = Dpo(sft_weight=0.5, training=FAST).align(policy, pairs, images, folder, progress=kill_after(1))
    assert again == finished


def test_another_training_in_the_same_folder_is_refused(llava_next, images, pairs, finished):
    with pytest.raises(TrainingError, match="other settings"):
        Dpo(beta=0.2, training=FAST).align(TinyPolicy(llava_next), pairs, images, finished.folder.parent)


def test_the_micro_batch_changes_nothing_but_speed(llava_next, images, pairs, tmp_path):
    options = {**FAST, "epochs": 1}
    one, four = (
        Dpo(training={**options, "micro_batch": n}).align(TinyPolicy(llava_next), pairs, images, tmp_path / str(n))
        for n in (1, 4)
    )
    assert [r["loss"] for r in one.log] == pytest.approx([r["loss"] for r in four.log], abs=1e-4)
    assert [r["grad_norm"] for r in one.log] == pytest.approx([r["grad_norm"] for r in four.log], rel=1e-3)


@pytest.mark.parametrize("loss", ["dpo", "slic", "ipo", "exo_pair", "bco_pair_running", "aot", "nca_pair"])
def test_every_loss_widens_the_margin(llava_next, images, pairs, tmp_path, loss):
    log = Dpo(loss=loss, training={**FAST, "max_steps": 2}).align(TinyPolicy(llava_next), pairs, images, tmp_path).log
    assert log[0]["rewards/margins"] == pytest.approx(0, abs=1e-3)
    assert log[-1]["rewards/margins"] > 0.001


def test_the_log_speaks_trl(finished):
    names = "step epoch loss grad_norm learning_rate num_tokens rewards/chosen rewards/rejected rewards/accuracies"
    assert {*names.split(), "rewards/margins", "logps/chosen", "logps/rejected", "time/step_s"} <= finished.log[0].keys()


def test_sft_makes_chosen_answers_likelier(llava_next, images, pairs, tmp_path):
    log = Sft(training={**FAST, "epochs": 2}).align(TinyPolicy(llava_next), pairs, images, tmp_path).log
    assert log[-1]["loss"] < log[0]["loss"]
    assert "rewards/margins" not in log[0]


def test_full_weights_load_anywhere_and_leave_the_tower_alone(llava_next, finished):
    before, after = weights(llava_next), weights(finished.folder)
    changed = {name for name in before if not torch.equal(before[name], after[name])}
    assert changed
    assert not any("vision_tower" in name for name in changed)
    assert any("projector" in name for name in changed)
    AutoProcessor.from_pretrained(finished.folder, backend="pil")
    assert json.loads((finished.folder / "alignment.json").read_text())["base"] == str(llava_next)


@pytest.mark.filterwarnings("ignore:.*is_gradient_checkpointing:FutureWarning")  # peft 0.21 under transformers 5
def test_an_adapter_loads_with_peft_and_gives_the_trained_numbers(llava_next, images, pairs, tmp_path):
    policy = TinyPolicy(llava_next)
    done = Dpo(training={**FAST, "lora": {"r": 4, "alpha": 8}, "projector_learning_rate": 0.0001}).align(
        policy, pairs, images, tmp_path
    )
    loaded = PeftModel.from_pretrained(AutoModelForImageTextToText.from_pretrained(llava_next), done.folder)
    inputs = {"input_ids": torch.tensor([[5, 6, 7]])}
    with torch.no_grad():
        assert torch.equal(loaded(**inputs).logits, policy.module(**inputs).logits)
    names = [n for n, _ in loaded.named_parameters() if "lora_" in n or "modules_to_save" in n]
    assert not any("vision_tower" in n for n in names)
    assert any("projector" in n for n in names)


@pytest.mark.parametrize("targets", [["query"], ["q_proj", "query"], "query", []])
def test_a_lora_target_that_matches_nothing_is_refused_by_name(llava_next, targets):
    with pytest.raises(ConfigError, match=r"('query'|none given).* matches no linear layer.*q_proj"):
        lora_layers(TinyPolicy(llava_next).module, targets)


def test_a_rank_above_the_width_of_every_layer_is_refused_and_above_that_of_some_is_known(llava_next):
    module = TinyPolicy(llava_next).module
    layers = lora_layers(module, None)
    widths = sorted(min(module.get_submodule(name).weight.shape) for name in layers)
    with pytest.raises(ConfigError, match=rf"lora.r is {widths[-1] + 1}, above the width of every .* at most {widths[-1]}"):
        narrow_layers(module, layers, widths[-1] + 1)
    assert set(narrow_layers(module, layers, widths[-1]).values()) == {w for w in widths if w < widths[-1]}
    assert narrow_layers(module, layers, widths[0]) == {}


def test_a_flipped_bit_of_a_state_is_found(llava_next, images, pairs, tmp_path):
    with pytest.raises(Killed):
        Dpo(training=FAST).align(TinyPolicy(llava_next), pairs, images, tmp_path, progress=kill_after(2))
    (path,) = (tmp_path / "state").iterdir()
    whole, chance = path.read_bytes(), random.Random(0)
    before = torch.load(path, weights_only=True)["weights"]
    found = 0
    for _ in range(40):
        flipped = bytearray(whole)
        flipped[chance.randrange(len(whole))] ^= 1 << chance.randrange(8)
        path.write_bytes(flipped)
        try:
            after = resume_state._newest(tmp_path)["weights"]
        except TrainingError as error:
            found += "cannot be read" in str(error)
        else:  # a bit that nobody reads, such as a time or padding
            assert all(torch.equal(before[name], after[name]) for name in before)
    assert found > 30


@pytest.mark.parametrize("change", ["a flipped bit", "a lost file"])
def test_a_finished_checkpoint_that_changed_since_is_not_taken_up(change, llava_next, images, pairs, tmp_path):
    dpo = Dpo(training={**FAST, "max_steps": 1, "lora": {"r": 2}})
    done = dpo.align(TinyPolicy(llava_next), pairs, images, tmp_path)
    assert dpo.align(TinyPolicy(llava_next), pairs, images, tmp_path).log == done.log
    path = done.folder / "adapter_model.safetensors"
    flipped = bytearray(path.read_bytes())
    flipped[-3] ^= 4
    path.write_bytes(flipped) if change == "a flipped bit" else (done.folder / "chat_template.jinja").unlink()
    with pytest.raises(TrainingError, match="is not what its training wrote"):
        dpo.align(TinyPolicy(llava_next), pairs, images, tmp_path)


@pytest.mark.parametrize("text", ["", "{}", "[]", "half {", '{"fingerprint": "x"}'])
def test_a_damaged_last_file_of_a_training_is_refused_by_name(text, llava_next, images, pairs, tmp_path):
    (tmp_path / "checkpoint").mkdir()
    (tmp_path / "done.json").write_text(text)
    with pytest.raises(TrainingError, match=r"done\.json is damaged\. Put it back, or remove .* to train again"):
        Dpo(training=FAST).align(TinyPolicy(llava_next), pairs, images, tmp_path)


def test_gradient_checkpointing_gives_the_same_step(llava_next, images, pairs, tmp_path):
    logs = [
        Dpo(training={**FAST, "gradient_checkpointing": on, "max_steps": 1})
        .align(TinyPolicy(llava_next), pairs, images, tmp_path / str(on))
        .log
        for on in (False, True)
    ]
    assert logs[0][0]["grad_norm"] == pytest.approx(logs[1][0]["grad_norm"], rel=1e-4)


def test_a_loss_that_is_not_finite_stops_and_names_the_pairs(llava_next, images, pairs, tmp_path):
    policy = TinyPolicy(llava_next)
    real = policy.hidden_states
    policy.hidden_states = lambda *a: real(*a) * (float("nan") if torch.is_grad_enabled() else 1.0)
    with pytest.raises(TrainingError, match=r"Pairs of the batch: \d, \d"):
        Dpo(training=FAST).align(policy, pairs, images, tmp_path)


@pytest.mark.parametrize("lora", [None, {"r": 2, "alpha": 4}])
def test_a_last_step_that_leaves_weights_that_are_not_finite_writes_no_checkpoint(llava_next, images, pairs, tmp_path, lora):
    """The loss of a step is that of the weights before it."""
    training = {**FAST, "learning_rate": 1e99, "max_steps": 1, "lora": lora}
    with pytest.raises(
        TrainingError, match=r"weights are not finite after step 1 .*no checkpoint is written. Lower learning_rate"
    ):
        Dpo(training=training).align(TinyPolicy(llava_next), pairs, images, tmp_path)
    assert not (tmp_path / "checkpoint").exists()


def test_pairs_that_cannot_train_are_counted_never_cut(llava_next, images, pairs, tmp_path):
    def changed(number: int, **fields) -> PreferencePair:
        return PreferencePair(**{**{f: getattr(pairs[number], f) for f in pairs[0].__slots__}, **fields})

    bad = [
        changed(0, id="gone", image="gone.png"),
        changed(0, id="empty", chosen=" "),
        changed(1, id="same", rejected=(pairs[1].chosen,)),
        changed(1, id="long", chosen=pairs[1].chosen * 30),
        changed(1, id="broken", image="broken.png"),
    ]
    (images / "broken.png").write_bytes(b"\x89PNG\r\n\x1a\nrubbish")
    done = Dpo(training={**FAST, "max_length": 300}).align(TinyPolicy(llava_next), [*pairs, *bad], images, tmp_path)
    assert done.dropped == {"missing image": 1, "empty answer": 1, "identical answers": 1, "too long": 1, "unreadable image": 1}
    assert done.notes[0].startswith("5 of 11 pairs were left out of training: ") and done.asked == 11
    rows = [json.loads(line) for line in (tmp_path / "dropped.jsonl").read_text().splitlines()]
    assert [row["id"] for row in rows] == ["gone", "empty", "same", "long", "broken"]
    assert rows[0] == {"id": "gone", "images": ["gone.png"], "reason": "missing image", "what": "gone.png"}
    assert rows[4]["reason"] == "unreadable image" and rows[4]["what"].startswith("broken.png")


def test_where_no_image_can_be_read_nothing_is_trained(llava_next, pairs, tmp_path):
    for name in ("wide.png", "tall.png"):
        (tmp_path / name).write_bytes(b"not an image")
    with pytest.raises(TrainingError, match=r"No preference pair is left to train on \(unreadable image: 6\)"):
        Dpo(training=FAST).align(TinyPolicy(llava_next), pairs, tmp_path, tmp_path / "t")


def test_a_full_disk_under_the_state_keeps_the_one_before(llava_next, images, pairs, tmp_path, monkeypatch):
    with pytest.raises(Killed):
        Dpo(training=FAST).align(TinyPolicy(llava_next), pairs, images, tmp_path, progress=kill_after(2))
    (state,) = (tmp_path / "state").iterdir()
    before = state.read_bytes()

    def full(_state: object, path: Path) -> None:
        path.write_bytes(b"half")
        raise RuntimeError("unexpected pos 64 vs 0")

    monkeypatch.setattr(torch, "save", full)
    with pytest.raises(TrainingError, match="could not be written .*: the disk took no more .* free disk space"):
        Dpo(training=FAST).align(TinyPolicy(llava_next), pairs, images, tmp_path)
    assert [path.read_bytes() for path in (tmp_path / "state").iterdir()] == [before]


def test_a_damaged_state_is_passed_over_for_the_one_before_it(llava_next, images, pairs, tmp_path):
    options = {**FAST, "keep_states": 2}
    whole = Dpo(training=options).align(TinyPolicy(llava_next), pairs, images, tmp_path / "whole")
    for keep, name in ((2, "two"), (1, "one")):
        with pytest.raises(Killed):
            Dpo(training={**options, "keep_states": keep}).align(
                TinyPolicy(llava_next), pairs, images, tmp_path / name, progress=kill_after(3)
            )
        states = sorted((tmp_path / name / "state").iterdir())
        assert [path.name for path in states] == [f"step-{n:08d}.pt" for n in (2, 3)][-keep:]
        states[-1].write_bytes(b"damaged")
    again = Dpo(training=options).align(TinyPolicy(llava_next), pairs, images, tmp_path / "two")
    assert model_digest(again.folder) == model_digest(whole.folder)
    with pytest.raises(TrainingError, match=r"step-00000003\.pt cannot be read"):
        Dpo(training=options).align(TinyPolicy(llava_next), pairs, images, tmp_path / "one")


def test_where_all_pairs_are_too_long_the_shortest_is_told(llava_next, images, pairs, tmp_path):
    says = r"\(too long: 6\): max_length is 9 and the shortest of those that are too long has \d+ tokens\. Raise max_length"
    with pytest.raises(TrainingError, match=says):
        Dpo(training={**FAST, "max_length": 9}).align(TinyPolicy(llava_next), pairs, images, tmp_path)


def test_no_pair_left_says_why(llava_next, images, pairs, tmp_path):
    with pytest.raises(TrainingError, match="missing image: 6"):
        Dpo(training=FAST).align(TinyPolicy(llava_next), pairs, tmp_path, tmp_path / "t")


@pytest.mark.parametrize(
    "wrong",
    [
        {"beta": 0},
        {"beta": -0.1},
        {"training": {"learning_rate": 0}},
        {"training": {"schedule": "cosin"}},
        {"training": {"lora": {"rank": 8}}},
        {"sft_weight": -1},
        {"training": {"learnig_rate": 1e-6}},
        {"training": {"keep_states": 0}},
    ],
)
def test_wrong_settings_are_refused_before_anything_is_loaded(wrong):
    with pytest.raises(ConfigError):
        Dpo(**wrong)


def test_a_half_written_log_line_is_forgotten(llava_next, images, pairs, tmp_path):
    with pytest.raises(Killed):
        Dpo(training=FAST).align(TinyPolicy(llava_next), pairs, images, tmp_path, progress=kill_after(3))
    with (tmp_path / LOG).open("a") as file:
        file.write('{"step": 4, "lo')
    done = Dpo(training=FAST).align(TinyPolicy(llava_next), pairs, images, tmp_path)
    assert [row["step"] for row in done.log] == [1, 2, 3, 4]


def test_a_disk_that_fills_up_keeps_the_last_state(llava_next, images, pairs, tmp_path, monkeypatch):
    def full(*_: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("alignment.weights.checkpoint._copy_companions", full)
    with pytest.raises(TrainingError, match=r"state of the training is kept\. .*: The disk is full\. Free some space and run"):
        Dpo(training=FAST).align(TinyPolicy(llava_next), pairs, images, tmp_path)
    assert not (tmp_path / training.CHECKPOINT).exists()
    monkeypatch.undo()
    assert Dpo(training=FAST).align(TinyPolicy(llava_next), pairs, images, tmp_path).step == 4


@pytest.mark.parametrize("damage", [b'{"loss": 0.', b"\xff\xfe\x00", b"5\n", b"[" * 100_000])
def test_a_damaged_log_is_read_up_to_the_damage(tmp_path: Path, damage: bytes) -> None:
    good = b'{"loss": 0.5}\n'
    (tmp_path / LOG).write_bytes(good + damage + b"\n" + good)
    assert read_log(tmp_path, 3) == [{"loss": 0.5}]
