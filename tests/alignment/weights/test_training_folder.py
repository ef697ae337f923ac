"""The folder of a training: what a kill or a lost log leaves behind is cleared up, and two processes do not write over each
other."""

from __future__ import annotations

import pytest
import torch

from alignment.aligners.dpo import Dpo
from alignment.weights import resume_state
from alignment.weights.resume_state import LOG
from alignment.weights.single_writer import WRITER
from harness.core.digests import model_digest
from harness.core.errors import TrainingError
from tests.alignment.talker import Killed, kill_after
from tests.alignment.tiny import TinyPolicy
from tests.alignment.training.test_train import FAST, make_pairs, without_times


def states(folder) -> list[str]:
    return sorted(path.name for path in (folder / "state").iterdir())


def test_a_kill_before_the_older_state_was_removed_leaves_none_too_many(llava_next, images, tmp_path, monkeypatch):
    made = Dpo(training=FAST)
    with monkeypatch.context() as patch, pytest.raises(Killed):
        patch.setattr(resume_state, "remove_older_states", lambda *_: None)
        made.align(TinyPolicy(llava_next), make_pairs(), images, tmp_path, progress=kill_after(3))
    assert len(states(tmp_path)) == 3
    assert made.align(TinyPolicy(llava_next), make_pairs(), images, tmp_path).step == 4  # the last step saves none
    assert states(tmp_path) == ["step-00000003.pt"]


def test_of_two_processes_in_one_folder_the_one_that_began_last_goes_on(llava_next, images, tmp_path):
    made, other = (Dpo(training=FAST) for _ in range(2))
    done = []

    def second(what: str, step: int, total: int) -> None:
        if what.startswith("training") and step == 2 and not done:
            done.append(True)
            with pytest.raises(Killed):  # it is in the middle of its training while the first one goes on
                other.align(TinyPolicy(llava_next), make_pairs(), images, tmp_path / "a", progress=kill_after(3))
            (tmp_path / "a" / WRITER).write_text("process 17 on elsewhere\nx\n")

    with pytest.raises(TrainingError, match="Process 17 on elsewhere began to train in .*a while this one did; this one ends"):
        made.align(TinyPolicy(llava_next), make_pairs(), images, tmp_path / "a", progress=second)
    whole, after = (made.align(TinyPolicy(llava_next), make_pairs(), images, tmp_path / name) for name in "ba")
    assert model_digest(whole.folder) == model_digest(after.folder)
    assert without_times(whole.log) == without_times(after.log)
    assert not (tmp_path / "a" / WRITER).exists()


RUNNING = Dpo(loss="mpo_internvl", training=FAST)


@pytest.fixture
def killed(llava_next, images, tmp_path):
    """Behind its third step; the loss has a running mean."""
    with pytest.raises(Killed):
        RUNNING.align(TinyPolicy(llava_next), make_pairs(), images, tmp_path / "cut", progress=kill_after(3))
    return tmp_path / "cut"


def cut_log(folder) -> None:
    (folder / LOG).write_text((folder / LOG).read_text().splitlines(keepends=True)[0])


def as_before_logs_were_kept(folder) -> None:
    (path,) = (folder / "state").iterdir()
    state = torch.load(path, weights_only=True)
    del state["log"]
    torch.save(state, path)


def test_a_log_that_lost_rows_is_written_again_from_the_state(llava_next, images, tmp_path, killed):
    cut_log(killed)
    whole, after = (RUNNING.align(TinyPolicy(llava_next), make_pairs(), images, tmp_path / name) for name in ("whole", "cut"))
    assert model_digest(whole.folder) == model_digest(after.folder)
    assert without_times(whole.log) == without_times(after.log)


def test_a_state_of_an_older_version_goes_on_with_its_log_and_not_without(llava_next, images, killed):
    as_before_logs_were_kept(killed)
    rows = (killed / LOG).read_bytes()
    cut_log(killed)
    with pytest.raises(TrainingError, match=r"log\.jsonl has 1 rows .* state is that of step 3.*Put the file back, or remove"):
        RUNNING.align(TinyPolicy(llava_next), make_pairs(), images, killed)
    (killed / LOG).write_bytes(rows)
    assert [row["bco/observations"] for row in RUNNING.align(TinyPolicy(llava_next), make_pairs(), images, killed).log][-1] == 4


def test_a_finished_training_says_that_its_log_lost_rows(llava_next, images, killed):
    RUNNING.align(TinyPolicy(llava_next), make_pairs(), images, killed)
    cut_log(killed)
    notes = RUNNING.align(TinyPolicy(llava_next), make_pairs(), images, killed).notes
    assert any("log.jsonl has 1 of 4 rows that can be read" in note for note in notes)
