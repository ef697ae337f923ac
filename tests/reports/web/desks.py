"""A small desk for the tests of the review page: drawn images, six labels, a caption; votes in memory or in a store."""

import re
from pathlib import Path

import httpx
from fastapi.testclient import TestClient
from PIL import Image, ImageDraw

from harness.core.evaluation import Span
from harness.labels.cases import Box, Case, Vote, caption_field
from harness.labels.votes import Ballots, checked
from reports.web.guard import Access
from reports.web.review.app import UPLOADS, review_site
from reports.web.review.desk import Desk
from reports.web.shelf import Shelf

PORT = 8765
ADDRESS = f"http://127.0.0.1:{PORT}"
CAPTION = "A cat sits on a red sofa beside a lamp."
HOSTILE = "<script>alert(1)</script><img src=x onerror=alert(2)>\u202e"


class Memory:
    """Votes in a list, with the interface of `harness.storage.vote_store.Reviews`."""

    def __init__(self) -> None:
        self.votes: list[Vote] = []
        self.tokens: set[str] = set()

    def add(self, vote: Vote, token: str = "") -> bool:
        if token in self.tokens:
            return False
        self.tokens.add(token)
        self.votes.append(checked(vote))
        return True

    def ballots(self) -> Ballots:
        return Ballots(self.votes)


def draw_images(folder: Path, n: int = 6) -> None:
    (folder / "images").mkdir(parents=True, exist_ok=True)
    for i in range(n):
        drawn = Image.new("RGB", (320, 240), (225 - 12 * i, 232, 240))
        draw = ImageDraw.Draw(drawn)
        draw.rectangle((0, 170, 320, 240), fill=(150, 120 + 10 * i, 90))
        draw.ellipse((60 + 10 * i, 90, 130 + 10 * i, 190), fill=(200, 90, 60 + 20 * i), outline="black")
        draw.rectangle((200, 110, 270, 200), fill=(70, 110, 160), outline="black")
        drawn.save(folder / "images" / f"{i}.png")


def label_case(i: int, **more: object) -> Case:
    fields: dict = {
        "benchmark": "pope",
        "item_id": f"item {i}",
        "field": "label",
        "label": "yes" if i % 2 else "no",
        "image": f"images/{i % 6}.png",
        "question": "Is there a cup in the image?",
        "suspicion": 1 - i / 100,
        "reasons": ("none of the 5 reference captions names it",),
        "model_evidence": ("3 of 3 checkpoints say no",),
        "answers": {"base": "No, there is no cup.", "dpo": "No, there is no cup.", "rloo": "Yes."},
        "boxes": (Box("cup", 60, 90, 70, 100), Box("book", 200, 110, 70, 90, crowd=True)),
    }
    return Case(**{**fields, **more})


SPANS = (Span(2, 5, "found", "cat"), Span(20, 24, "invented", "couch"), Span(34, 38, "uncovered"))


def caption_case() -> Case:
    field = caption_field(CAPTION, SPANS)
    return label_case(
        6, benchmark="chair", field=field, label="", question="Describe the image.", caption=CAPTION, spans=SPANS, boxes=(),
    )  # fmt: skip


def new_desk(folder: Path, votes=None, cases=None, **more) -> Desk:
    cases = [*(label_case(i) for i in range(6)), caption_case()] if cases is None else cases
    shelf = Shelf((case.image for case in cases), folder)
    clock = iter(range(10_000))
    return Desk("POPE", cases, votes or Memory(), shelf, lambda: f"2026-01-01T00:00:{next(clock):05}", **more)


def new_site(desk: Desk, **access):
    return review_site(desk, Access(PORT, uploads=UPLOADS, **access))


def new_client(desk: Desk, **access) -> TestClient:
    """A browser with a session of its own on the review page of a desk."""
    return TestClient(new_site(desk, **access), base_url=ADDRESS)


def secret_of(client: TestClient | httpx.Client, path: str = "/") -> str:
    """The secret that the page gave this browser: every form must bring it back."""
    return re.search(r'name="secret" value="(\w+)"', client.get(path).text)[1]
