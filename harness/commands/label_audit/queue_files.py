"""The review queue as files: a sheet, tasks for Label Studio, or a COCO file of its boxes."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from harness.commands._app import echo
from harness.config.check_paths import check_file_to_write
from harness.core.edge.files import is_file
from harness.core.edge.launch import command_line
from harness.core.edge.text import count
from harness.core.errors import ConfigError, DataError
from harness.core.files import write_text_whole
from harness.storage.spreadsheets import read_sheet

if TYPE_CHECKING:
    from harness.labels.cases import Case, Key
    from harness.labels.votes import Ballots


ENDINGS = {".csv": "a sheet", ".json": "tasks for Label Studio, or with `--as coco` its boxes"}


def require_ending(to: Path, endings: Mapping[str, str]) -> None:
    """Raises ConfigError for a file whose ending names a form that is not written: a program would not open it."""
    if to.suffix.lower() not in endings:
        known = "; ".join(f"{ending} is {what}" for ending, what in endings.items())
        has = f"ends in {to.suffix!r}" if to.suffix else "has no ending"
        raise ConfigError(f"--to {to} {has}; what can be written: {known}. Spreadsheet programs open .csv.")


def require_unfilled(to: Path, column: str) -> None:
    """Raises ConfigError for a sheet in which somebody has filled in the column, and for what is no such sheet: neither is
    written over."""
    if not is_file(to):
        return
    try:
        filled = sum(bool(line.cells[column].strip()) for line in read_sheet(to, [column]))
    except DataError as error:
        raise ConfigError(f"--to {to} already exists and is not a sheet of this command: {error} Give another file.") from error
    if filled:
        raise ConfigError(
            f"--to {to} is there already, with {count(filled, 'row')} filled in, which would be lost. Give another file, or "
            "move this one away."
        )


def check_form(to: Path | None, form: str, answers: bool = False) -> None:
    """Raises ConfigError where the file cannot be written, or not in that form ("" or "coco"), or has no place for answers."""
    if form not in ("", "coco") or (form and (to is None or to.suffix.lower() != ".json")):
        raise ConfigError(
            "`--as coco` writes a COCO file: give `--to FILE.json` with it. Without `--as`, .csv is a sheet and .json is for "
            "Label Studio."
        )
    if to is not None:
        require_ending(to, ENDINGS)
        check_file_to_write(to, "--to")
        if answers and to.suffix.lower() != ".csv":
            raise ConfigError(f"--answers: {to} has no place for answers. A sheet has: give `--to FILE.csv`, or leave it out.")
        if to.suffix.lower() == ".csv":
            require_unfilled(to, "judgement")


def write_queue(
    chosen: Sequence[Case], number: int, ballots: Ballots, needs: Mapping[Key, str], to: Path, form: str, answers: bool,
    runs: Sequence[str], output: Path,
) -> None:  # fmt: skip
    """The list as a sheet, as tasks of Label Studio, or its boxes as a COCO file."""
    from harness.audit.review_sheet import queue_text

    if form == "coco":
        _to_coco(chosen, ballots, to, runs, output)
    elif to.suffix.lower() == ".json":
        _to_label_studio(chosen, ballots, to, output)
    else:
        write_text_whole(to, queue_text(chosen, answers, needs=needs))
        echo(f"{to}: {len(chosen):,} of {number:,} labels. Fill in the column `judgement` and save it as CSV, then:")
        echo(command_line("labels", "votes", to, "--reviewer", "NAME", "--output", output))


def _to_coco(cases: Sequence[Case], ballots: Ballots, to: Path, runs: Sequence[str], output: Path) -> None:
    from harness.audit.coco_boxes import coco_text
    from harness.audit.review_desk import shelf_of
    from harness.storage.run_store import open_store

    with open_store(output) as store:
        text, unread = coco_text(cases, ballots, shelf_of(store, runs, cases).size)
    write_text_whole(to, text)
    left_out = f" {unread:,} images cannot be read and are left out." if unread else ""
    echo(f"{to}: the boxes of {len({case.image for case in cases}) - unread:,} images.{left_out}")


def _to_label_studio(cases: Sequence[Case], ballots: Ballots, to: Path, output: Path) -> None:
    from harness.audit.label_studio import CONFIG, tasks_text

    cast = [vote for case in cases for vote in ballots.of(case.key).votes.values()]
    write_text_whole(to, tasks_text(cases, cast))
    echo(f"{to}: {len(cases):,} tasks. Labelling configuration for the project:\n{CONFIG}")
    echo(
        "Images: start Label Studio with LABEL_STUDIO_LOCAL_FILES_SERVING_ENABLED=true and "
        "LABEL_STUDIO_LOCAL_FILES_DOCUMENT_ROOT=(the data folder of these runs), and add the folder of the images below it to "
        "the project as a storage of local files."
    )
    echo(f"Export the annotations as JSON, then: {command_line('labels', 'votes', 'EXPORT.json', '--output', output)}")
