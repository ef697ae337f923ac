"""A training's folder goes on with the images and rows that it began with, or says that they are others."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest
import torch

from alignment.aligners.dpo import Dpo
from alignment.data.pairs import pairs_digest
from alignment.training import train as training
from alignment.training.identity import with_digests
from alignment.weights.resume_state import Identity
from harness.core.digests import file_digest, model_digest, parts_digest
from harness.core.edge.versions import code_digest
from harness.core.errors import TrainingError
from harness.core.preference import PreferencePair
from tests.alignment.talker import Killed, kill_after
from tests.alignment.threads import in_processes
from tests.alignment.tiny import TinyPolicy
from tests.alignment.training.test_train import FAST, make_pairs

Align = Callable[..., training.Alignment]


@pytest.fixture
def own(images: Path, tmp_path: Path) -> Path:
    """Images that a test may change."""
    return Path(shutil.copytree(images, tmp_path / "images"))


@pytest.fixture
def align(llava_next: Path, own: Path, tmp_path: Path) -> Align:
    def run(pairs: list[PreferencePair], kill: int | None = None, folder: str = "t") -> training.Alignment:
        options = {} if kill is None else {"progress": kill_after(kill)}
        return Dpo(training=FAST).align(TinyPolicy(llava_next), pairs, own, tmp_path / folder, **options)

    return run


def digested(root: Path) -> list[PreferencePair]:
    return [replace(pair, image_digest=file_digest(root / str(pair.image))) for pair in make_pairs()]


def swap(root: Path) -> None:
    (root / "wide.png").write_bytes((root / "tall.png").read_bytes())


@pytest.mark.parametrize("begun", [False, True], ids=["start", "resume"])
def test_an_image_that_is_not_the_one_of_its_pair_is_refused_by_name(align: Align, own: Path, begun: bool) -> None:
    pairs = digested(own)
    if begun:
        with pytest.raises(Killed):
            align(pairs, kill=1)
    swap(own)
    with pytest.raises(TrainingError, match=r"1 of 2 images are not those that the pairs were made with: .* of 'wide\.png' "):
        align(pairs)


@pytest.mark.parametrize("kill", [1, None], ids=["killed", "finished"])
def test_images_without_a_digest_are_known_by_their_content(align: Align, own: Path, kill: int | None) -> None:
    if kill is None:
        align(make_pairs())
    else:
        with pytest.raises(Killed):
            align(make_pairs(), kill=kill)
    swap(own)
    with pytest.raises(TrainingError, match="other settings, pairs, images or base weights"):
        align(make_pairs())


@pytest.mark.parametrize(("kept", "named"), [("same", ""), ('[[0, "abc"]]', "code abc"), (None, "kept no digest of its code")])
def test_a_training_that_another_version_made_is_refused_with_that_as_the_cause(
    tmp_path: Path, kept: str | None, named: str
) -> None:
    if kept is not None:
        (tmp_path / "code.json").write_text(kept if named else json.dumps([[0, code_digest()]]))
    with pytest.raises(TrainingError) as refused:
        Identity("now", "before").require_same(tmp_path, {"fingerprint": "other"})
    assert ("Another version of this package made it" in str(refused.value)) == bool(named) and named in str(refused.value)


def test_reference_values_of_other_images_under_the_same_names_are_not_taken(llava_next, own, tmp_path) -> None:
    def first(folder: str, cache: str) -> list[float]:
        made = Dpo(training={**FAST, "max_steps": 1})
        row = made.align(TinyPolicy(llava_next), make_pairs(), own, tmp_path / folder, cache=tmp_path / cache).log[0]
        return [row["loss"], row["rewards/chosen"]]

    first("before", "shared")
    swap(own)
    assert first("after", "shared") == first("alone", "own")


def test_several_images_of_a_pair_are_each_compared(own: Path) -> None:
    digests = tuple(file_digest(own / name) for name in ("wide.png", "tall.png"))
    pair = PreferencePair("1", ("wide.png", "tall.png"), "", "<image> or <image>?", "One.", ("Two.",), "t")
    for given in ("", (digests[0], ""), digests):
        assert with_digests([replace(pair, image_digest=given)], own)[0].image_digest == digests
    with pytest.raises(TrainingError, match=r"of 'wide\.png', 'tall\.png' is not"):
        with_digests([replace(pair, image_digest=digests[::-1])], own)
    assert with_digests([replace(pair, image="", image_digest="")], own)[0].image_digest == ""


def test_processes_that_read_other_files_under_one_name_all_end(monkeypatch, own: Path, tmp_path: Path) -> None:
    other = Path(shutil.copytree(own, tmp_path / "other"))
    swap(other)
    roots = iter([own, other])
    ended = in_processes(monkeypatch, 2, lambda: with_digests(make_pairs(), next(roots)))
    assert [type(one) for one in ended] == [TrainingError] * 2 and "wide.png" in str(ended[0])


def test_rows_that_were_left_out_when_it_began_do_not_come_back_on_the_way(align: Align, own: Path, monkeypatch) -> None:
    """The same pairs and digests: a disk that could not be read for a while."""
    pairs = digested(own)
    real = TinyPolicy.prompt

    def unreadable(self: TinyPolicy, image: Path, text: str) -> object:
        if image.name == "wide.png":
            raise OSError(5, "Input/output error")
        return real(self, image, text)

    with monkeypatch.context() as patch, pytest.raises(Killed):
        patch.setattr(TinyPolicy, "prompt", unreadable)
        align(pairs, kill=1)
    with pytest.raises(TrainingError, match="a training on other rows of the same pairs"):
        align(pairs)


@pytest.mark.parametrize("with_digest", [True, False])
def test_what_the_released_version_left_half_done_goes_on(align: Align, own, tmp_path, llava_next, with_digest) -> None:
    """It kept no digest of rows, and knew images without a digest by name."""
    pairs = digested(own) if with_digest else make_pairs()
    whole = align(pairs, folder="whole")
    with pytest.raises(Killed):
        align(pairs, kill=2)
    (path,) = (tmp_path / "t" / "state").iterdir()
    state = torch.load(path, weights_only=True)
    made, policy = {**Dpo().objective.facts(), **Dpo(training=FAST).settings.facts()}, TinyPolicy(llava_next)
    state["fingerprint"] = parts_digest(made, pairs_digest(pairs), policy.checkpoint.digest, sorted(policy.facts().items()))
    del state["rows"]
    torch.save(state, path)
    assert model_digest(align(pairs).folder) == model_digest(whole.folder)
    done = json.loads((tmp_path / "t" / "done.json").read_text())
    done["fingerprint"] = state["fingerprint"]
    del done["rows"]
    (tmp_path / "t" / "done.json").write_text(json.dumps(done))
    assert align(pairs, kill=1).step == 4
