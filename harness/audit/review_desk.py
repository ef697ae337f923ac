"""From the run store to the review desk: the queue, captions to be marked, images, votes."""

from __future__ import annotations

import random
from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timezone
from pathlib import Path
from typing import TYPE_CHECKING

from harness.audit.caption_votes import spanned_captions
from harness.audit.queue import Tell, queue, untold
from harness.audit.review_sheet import APART, Refused, Shown, queue_text, votes_of
from harness.audit.vote_files.earlier_votes import place_votes
from harness.audit.vote_files.known_labels import edited_label
from harness.core.errors import ConfigError
from harness.core.plugins import Progress, no_progress
from harness.labels.cases import CAPTION, Case, Key, about, caption_field
from harness.labels.next_review import advice
from harness.storage.run_store import Store, StoredResult
from harness.storage.vote_store import Reviews
from reports.text.formatting import title_of

if TYPE_CHECKING:
    from reports.web.review.desk import Desk, Tables
    from reports.web.shelf import Shelf


@dataclass(frozen=True, slots=True)
class ReviewScope:
    """What is reviewed: the `most` suspicious labels, `sample` labels and `captions` captions drawn at random."""

    benchmark: str
    runs: Sequence[str] = ()
    most: int = 1000
    sample: int = 0
    captions: int = 0
    seed: int = 0


def open_desk(
    store: Store,
    reviews: Reviews,
    scope: ReviewScope,
    reviewer: str = "",
    progress: Progress = no_progress,
    tell: Tell = untold,
) -> Desk:
    """The desk of one audit. `tell` is given what its reviewers should know.

    Raises ConfigError where these runs have no labels of that benchmark.
    """
    from reports.web.review.desk import Desk, mixed

    drawn = {"sample": scope.sample, "seed": scope.seed}
    cases = list(queue(store, scope.benchmark, scope.runs, **drawn, progress=progress, tell=tell))
    boxes = {case.image: case.boxes for case in cases}
    captions = caption_cases(store, scope) if scope.captions else []
    if warning := place_votes(store, reviews):
        tell(warning)
    marked = [replace(case, boxes=boxes.get(case.image, ())) for case in captions]
    chosen = mixed([*cases, *marked], scope.most)
    shelf = shelf_of(store, scope.runs, chosen)
    return Desk(title_of(scope.benchmark), chosen, reviews, shelf, _now, reviewer, tables(chosen, reviews))


def shelf_of(store: Store, names: Sequence[str], cases: Sequence[Case]) -> Shelf:
    """The cases' images, in the newest of these runs' data folders that still is there."""
    from reports.web.shelf import Shelf

    runs = [store.run(run) for run in names] or store.runs()
    folder = next((Path(run.data_folder) for run in reversed(runs) if Path(run.data_folder).is_dir()), Path("missing"))
    return Shelf((case.image for case in cases), folder)


def tables(cases: Sequence[Case], reviews: Reviews) -> Tables:
    """The queue as a sheet, and votes from one. Captions are not on it: their marks need the page."""
    from reports.web.review.desk import Tables

    labels = [case for case in cases if not case.caption]
    known = {case.key for case in labels}
    by_label = {case.key[:4]: case for case in labels}
    by_field = {case.key[:3]: case.label for case in labels}

    def write(reviewer: str) -> str:
        ballots = reviews.ballots()
        standing = {key: ballots.of(key).votes.get(reviewer) for key in known}
        own = {key: vote for key, vote in standing.items() if vote is not None}
        return queue_text(labels, own=own, needs=advice(labels, ballots).needs)

    def place(key: Key, shown: Shown) -> Key | Refused:
        if (case := by_label.get(key[:4])) is not None:
            return case.key if shown.is_of(case.question, case.image) else APART
        if key[:3] in by_field:
            return edited_label(key[3], by_field[key[:3]])
        return Refused("judges a label that is not in this queue.", "Export the sheet again.")

    def read(raw: bytes, reviewer: str) -> str:
        filled = votes_of(raw, "The table", reviewer, _now(), place)
        return reviews.take(filled.votes).summary + filled.left

    return Tables(write, read)


def caption_cases(store: Store, scope: ReviewScope) -> list[Case]:
    """Captions drawn at random from all checkpoints' answers, each with the scorer's marks; one a text that is marked alike.

    Raises ConfigError where the benchmark does not mark objects in its answers.
    """
    runs = [store.run(run) for run in scope.runs] or store.runs()
    results = [r for run in runs for r in store.results(run.id) if r.options["name"] == scope.benchmark]
    found = {case.key: case for result in results for case in _captions(store, result)}
    if not found:
        raise ConfigError(f"{scope.benchmark} does not mark objects in answers, so there are no captions to review.")
    draw = random.Random(f"{scope.seed}/captions/{scope.benchmark}")
    return draw.sample(sorted(found.values(), key=lambda case: case.key), min(scope.captions, len(found)))


def _captions(store: Store, result: StoredResult) -> list[Case]:
    return [
        Case(
            benchmark=str(result.options["name"]),
            item_id=item.id,
            field=caption_field(text, spans),
            label="",
            image=item.image,
            question=item.question or "Which objects of this caption are not in the image?",
            suspicion=0.0,
            control=True,
            caption=text,
            spans=spans,
            about=about(item, CAPTION, free_text=True),
        )
        for item, text, spans in spanned_captions(store, result)
    ]


def _now() -> str:
    return datetime.now(timezone.utc).isoformat(timespec="milliseconds")
