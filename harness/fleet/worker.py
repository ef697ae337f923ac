"""The worker process: it holds one checkpoint and works on one unit after the other."""

from __future__ import annotations

import gc
import os
import platform
import tempfile
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from harness.core import registry
from harness.core.capabilities import ChecksItself, Finding, GuessesTokens, ScoresAnswers, SharesPrefixes, TellsLogOdds
from harness.core.digests import file_digest
from harness.core.edge.plugin_modules import facts_of
from harness.core.errors import HarnessError, ModelError
from harness.core.evaluation import Answer, Request
from harness.core.plugins import KEPT, Model, WorksInWaves
from harness.core.preference import NotesSeveralImages, ShowsSeveralImages, noise_rule_of
from harness.fleet.host_checks import folder_digest, free_memory
from harness.fleet.messages import (
    CheckpointSpec,
    LoadedCheckpoint,
    RemoteError,
    Reply,
    WaveUnit,
    WorkerInfo,
    own_versions,
    remote_error,
)
from harness.startup import start


class Worker:
    """Every public method returns a `Reply`; an exception that is not a HarnessError counts as the loss of the worker."""

    def __init__(self, node: str, name: str | None = None) -> None:
        """`name`: of its host, "" where that is the driver's own and goes without saying."""
        start()
        self._info = WorkerInfo(platform.node() if name is None else name, node, os.getpid(), own_versions())
        self._model: Model | None = None
        self._kept: dict[str, Any] = {}  # what the plug-in of models keeps for the next checkpoint
        self._verified_images: set[tuple[Path, str]] = set()  # whose digest was compared

    def hello(self) -> Reply:
        return Reply(self._info)

    def load(self, spec: CheckpointSpec) -> Reply:
        """Load a checkpoint in the place of the one before; its adapters alone where both have the same base."""
        return self._reply(lambda: self._load(spec))

    def plan(self, requests: Sequence[Request]) -> Reply:
        """The waves of a request list."""
        return self._reply(lambda: self._wave_model().engine().waves(requests))

    def answer(self, unit: WaveUnit) -> Reply:
        """The answers of a wave."""
        answers: list[tuple[int, Answer]] = []

        def work() -> None:
            self._check_images(unit.images)
            for batch in self._wave_model().engine().wave(unit.requests, unit.parts, unit.done):
                answers.extend(batch)

        reply = self._reply(work)
        return Reply(None, reply.error, answers, host=self._info.host)

    def log_odds(self, requests: Sequence[Request], images: Mapping[Path, str]) -> Reply:
        def work() -> list[float]:
            self._check_images(images)
            if not isinstance(self._model, TellsLogOdds):
                raise ModelError("its backend does not score given answers")
            return self._model.yes_no_log_odds(requests)

        return self._reply(work)

    def guesses(self, requests: Sequence[Request], answers: Sequence[str], images: Mapping[Path, str]) -> Reply:
        def work() -> list[str]:
            self._check_images(images)
            if not isinstance(self._model, GuessesTokens):
                raise ModelError("The backend does not score given answers.")
            return self._model.guesses(requests, answers)

        return self._reply(work)

    def log_probs(self, requests: Sequence[Request], answers: Sequence[str], images: Mapping[Path, str]) -> Reply:
        def work() -> list[float]:
            self._check_images(images)
            if not isinstance(self._model, ScoresAnswers):
                raise ModelError("The backend does not score given answers.")
            return self._model.log_probs(requests, answers)

        return self._reply(work)

    def checks(self, images: Sequence[tuple[str, bytes]], training: bool) -> Reply:
        """The checkpoint's self-checks; the images are sent along, since they were drawn for this."""

        def work() -> list[Finding]:
            if not isinstance(self._model, ChecksItself):
                return []
            with tempfile.TemporaryDirectory() as folder:
                paths = [Path(folder) / name for name, _ in images]
                for path, (_, content) in zip(paths, images, strict=True):
                    path.write_bytes(content)
                return list(self._model.checks(paths, training))

        return self._reply(work)

    def probe(self, images: Sequence[tuple[str, bytes]], requests: Sequence[Request]) -> Reply:
        """Free memory in bytes, and the answers to requests about images that are sent along and named by their path."""

        def work() -> tuple[int, list[str]]:
            import torch

            with tempfile.TemporaryDirectory() as folder:
                for name, content in images:
                    (Path(folder) / name).write_bytes(content)
                asked = [r if r.image is None else replace(r, image=Path(folder) / str(r.image)) for r in requests]
                given = {i: answer.text for batch in self._wave_model().engine().generate(asked, {}) for i, answer in batch}
            free = torch.cuda.mem_get_info()[0] if torch.cuda.is_available() else free_memory()
            return free, [given[i] for i in range(len(requests))]

        return self._reply(work)

    def data_digest(self, folder: Path) -> Reply:
        """What lies in the data folder: names and sizes of all files, and the content of those that are no images."""
        return self._reply(lambda: folder_digest(folder))

    # ------------------------------------------------------------ internals

    def _reply(self, work: Callable[[], Any]) -> Reply:
        try:
            return Reply(work())
        except HarnessError as error:
            return Reply(None, remote_error(error, self._info.host))
        except MemoryError as error:
            words = f"memory does not suffice ({error}). Give fewer workers, or a smaller dtype."
            return Reply(None, RemoteError("ModelError", (words,), self._info.host))

    def _load(self, spec: CheckpointSpec) -> LoadedCheckpoint:
        import torch

        if Path(spec.folder).is_dir():
            os.chdir(spec.folder)  # relative paths mean the same as for the driver
        self._model = None
        gc.collect()
        torch.set_num_threads(spec.threads)  # Ray sets one; the number is a fact of every answer
        before = KEPT.set(self._kept)
        try:
            model = registry.make("model", spec.plugin, dict(spec.options))
        finally:
            KEPT.reset(before)
        if not isinstance(model, WorksInWaves):
            raise ModelError(
                f"The model {spec.plugin!r} has no waves that workers could share: a server answers in its own process. "
                "Leave `fleet` out."
            )
        self._model = model
        despite = model.despite if isinstance(model, ChecksItself) else ()
        unshared = model.unshared if isinstance(model, SharesPrefixes) else ""
        device = torch.cuda.get_device_name() if torch.cuda.is_available() else "cpu"
        one_image = model.one_image if isinstance(model, ShowsSeveralImages) else ""
        note = model.several_images_note if isinstance(model, NotesSeveralImages) else ""
        facts, rule = facts_of(model), noise_rule_of(model)
        return LoadedCheckpoint(model.checkpoint, facts, unshared, one_image, note, tuple(despite), device, rule)

    def _wave_model(self) -> WorksInWaves:
        if not isinstance(self._model, WorksInWaves):
            raise ModelError("No checkpoint is loaded.")
        return self._model

    def _check_images(self, images: Mapping[Path, str]) -> None:
        """Raises ModelError where an image that the driver reads is missing here, or is another file."""
        for path, digest in images.items():
            if (path, digest) in self._verified_images:
                continue
            try:
                own = file_digest(path)
            except OSError as error:
                raise ModelError(
                    f"{path} cannot be read ({error.strerror}), though the driver reads it. Put the data folder on storage "
                    "that all hosts see under the same path, and run the same command again; what was answered is stored."
                ) from error
            if own != digest:
                raise ModelError(f"{path} is another file than on the driver's host. Give all hosts the same data folder.")
            self._verified_images.add((path, digest))
