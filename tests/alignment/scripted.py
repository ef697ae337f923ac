"""A model that says what a test tells it to, and a data folder in a temporary directory."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

from harness.core.errors import DataError, ImageError
from harness.core.evaluation import Answer, Request
from harness.core.run_record import Checkpoint

Say = Callable[[Request], str]


class ScriptedModel:
    """Answers each request with `say(request)`, in batches of `at_once`, last request first; keeps the requests."""

    def __init__(self, say: Say, at_once: int = 3) -> None:
        self.say, self.at_once = say, at_once
        self.calls: list[list[Request]] = []
        self.checkpoint = Checkpoint("scripted", "", "", "scripted")

    def facts(self) -> dict[str, str]:
        return {}

    def generate(self, requests: Sequence[Request]) -> Iterator[list[tuple[int, Answer]]]:
        self.calls.append(list(requests))
        order = list(reversed(range(len(requests))))
        for start in range(0, len(order), self.at_once):
            yield [(i, self._answer(requests[i])) for i in order[start : start + self.at_once]]

    def _answer(self, request: Request) -> Answer:
        text = self.say(request)
        return Answer("", text, len(text.split()), "stop" if text.endswith(request.decoding.stop or ()) else "end")


class FolderData:
    """contract.Data over a folder; folders are no files of it, as in the real one."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def has(self, name: str) -> bool:
        return (self.folder / name).is_file()

    def path(self, name: str) -> Path:
        if not self.has(name):
            raise DataError(f"{name} is not in the data folder {self.folder}.")
        return self.folder / name

    def read_text(self, name: str) -> str:
        return (self.folder / name).read_text()

    def digest(self, name: str) -> str:
        return hashlib.sha256((self.folder / name).read_bytes()).hexdigest()

    def cached(self, key: str, make: Callable[[], Any]) -> Any:
        return make()


def break_image_of(data: FolderData, prompt: str, say: Callable[[Any], str]) -> Callable[[Any], str]:
    """Give one prompt an image of its own that no model can read; `say` with the error that a model raises at it."""
    file, broken = data.folder / "instruct/preference_prompts.json", data.folder / "images/broken.png"
    broken.write_bytes(b"rubbish")
    rows = json.loads(file.read_text())
    file.write_text(json.dumps([row | {"image": "images/broken.png"} if row["id"] == prompt else row for row in rows]))

    def looking(request: Request) -> str:
        if request.image == broken:
            raise ImageError(broken, "cannot be read (rubbish). Fetch it again or leave it out.")
        return say(request)

    return looking


def write_prompts(folder: Path, answers: Sequence[str], nouns: str = "") -> FolderData:
    """A data folder with one image and a LLaVA-Instruct file that has one row an answer."""
    (folder / "images").mkdir(parents=True, exist_ok=True)
    (folder / "images" / "a.png").write_bytes(b"not looked at")
    (folder / "instruct").mkdir(exist_ok=True)
    turns = [[{"from": "human", "value": "<image>\nDescribe it."}, {"from": "gpt", "value": answer}] for answer in answers]
    rows = [{"id": str(i), "image": "images/a.png", "conversations": turn} for i, turn in enumerate(turns)]
    (folder / "instruct" / "preference_prompts.json").write_text(json.dumps(rows))
    if nouns:
        (folder / "nouns.txt").write_text(nouns)
    return FolderData(folder)
