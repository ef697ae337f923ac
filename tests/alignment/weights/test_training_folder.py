"""The folder of a training: what a kill leaves behind is cleared up, and two processes do not write over each other."""

from __future__ import annotations

import pytest

from alignment.aligners.dpo import Dpo
from alignment.weights import resume_state
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
