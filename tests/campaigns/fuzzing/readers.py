"""Fuzz targets that read one file: annotators, policies, logs, answers, exports, batches, sheets, states of a training."""

from __future__ import annotations

import csv
import io
import json
import random
import tempfile
from collections.abc import Mapping, Sequence
from functools import cache
from pathlib import Path
from typing import Any

import yaml

from tests.campaigns.fuzzing.folders import Target
from tests.campaigns.mutations import ODD, damaged, mutated, text_of


def _yaml(tree: Any, draw: random.Random) -> bytes:  # Any: a JSON value
    raw = yaml.safe_dump(json.loads(json.dumps(mutated(tree, draw))), allow_unicode=True).encode("utf-8", "replace")
    return damaged(raw, draw) if draw.random() < 0.4 else raw


def policies(draw: random.Random, folder: Path) -> None:
    from harness.config.gate_policy import DEFAULT, load_policy, read_margin

    rules = [{"metric": "chair.chair_i", "role": "improve"}, {"metric": "chair.recall", "role": "guard", "margin": "2 points"}]
    good = draw.choice([yaml.safe_load(DEFAULT.read_text()), {"name": "release", "alpha": 0.05, "rules": rules}])
    (folder / "gate.yaml").write_bytes(_yaml(good, draw))
    if draw.random() < 0.2:
        read_margin(
            draw.choice([*(x for x in ODD if isinstance(x, str | int | float)), "1e999 points", "2 %", "-1 word", "5% of base"])
        )
    load_policy(str(folder / "gate.yaml"))


def annotator_files(draw: random.Random, folder: Path) -> None:
    from harness.config.annotators import load_annotators

    good = {"data": "data", "annotators": {"7b": {"name": "keywords"}}, "pairs": {"povid": {"name": "povid", "limit": 10}}}
    (folder / "annotators.yaml").write_bytes(_yaml(good, draw))
    load_annotators(str(folder / "annotators.yaml"), False, [f"seed={draw.choice(ODD)}"] if draw.random() < 0.3 else [])


def fleets(draw: random.Random, folder: Path) -> None:
    from harness.config import schema

    tree = schema.read_tree(None) | {"fleet": mutated({"address": "a:1", "workers": 2, "gpus": 0.5}, draw, 0.6)}
    schema.parse(mutated(tree, draw, 0.01))


def stored_studies(draw: random.Random, folder: Path) -> None:
    from harness.config import schema

    text = schema.parse(schema.read_tree(None)).as_yaml().encode()
    schema.stored(damaged(text, draw).decode("utf-8", "replace"), "a stored run")


_ANSWERS = {
    "lmms": {"doc_id": 0, "doc": {"question_id": "1", "question": "Is there a dog?", "image_source": "a.jpg"}, "input": "?",
             "filtered_resps": ["Yes"], "resps": [["Yes"]]},
    "vlmeval": {"index": 1, "question": "Is there a dog?", "answer": "yes", "prediction": "Yes.", "image_path": "a.jpg"},
    "plain": {"question_id": 1, "answer": "Yes.", "question": "Is there a dog?", "image": "a.jpg", "caption": "A dog."},
}  # fmt: skip


def _table(rows: Any, draw: random.Random, mark: str) -> bytes:  # Any: a JSON value
    made = io.StringIO()
    rows = [row for row in rows if isinstance(row, Mapping)] if isinstance(rows, list) else []
    fields = [str(name) for name in rows[0]] if rows else ["x"]
    writer = csv.writer(made, delimiter=mark)
    writer.writerow(fields)
    writer.writerows([row.get(name, "") for name in fields] for row in rows)
    raw = made.getvalue().encode("utf-8", "replace")
    return damaged(raw, draw) if draw.random() < 0.4 else raw


def _answer_file(draw: random.Random, folder: Path, kinds: Sequence[str]) -> Path:
    rows = mutated([_ANSWERS[draw.choice(kinds)] for _ in range(3)], draw, 0.1)
    ending = draw.choice(["jsonl", "json", "csv", "tsv", "txt"])
    path = folder / f"answers.{ending}"
    path.write_bytes(text_of(rows, draw) if ending[0] == "j" else _table(rows, draw, "," if ending == "csv" else "\t"))
    return path


def logs(draw: random.Random, folder: Path) -> None:
    from benchmarks.pope import Pope
    from harness.core.edge.answer_form import form_of
    from harness.run.sample_logs import given, matched, read_sample_log

    found, _ = matched(_pope_items(), read_sample_log(_answer_file(draw, folder, ("lmms", "vlmeval"))).rows)
    for item in _pope_items():
        for row in found.get(item.id, ()):
            given(item, row, form_of(Pope()), "samples_pope")


def answer_files(draw: random.Random, folder: Path) -> None:
    from benchmarks.pope import Pope
    from harness.answer_files.matching import match
    from harness.answer_files.rows import rows_of
    from harness.core.edge.answer_form import form_of

    rows = rows_of(_answer_file(draw, folder, ("plain", "lmms")))
    match(_pope_items(), form_of(Pope()), rows, rows if draw.random() < 0.5 else [], ["mmhal"])


@cache
def _pope_items() -> tuple[Any, ...]:
    from harness.core.evaluation import Item

    return tuple(
        Item(str(i), "a.jpg", "Is there a dog?", {"labels": {"random": ["no"]}, "ids": {"random": [str(i)]}}) for i in (1, 2, 3)
    )


def batches(draw: random.Random, folder: Path) -> None:
    from harness.core.evaluation import Request
    from harness.models.openai_batch import OpenAIBatch

    with tempfile.TemporaryDirectory() as place:
        model, request = OpenAIBatch(place, "m"), Request(None, "What?")
        name = model._id(request, model._body(request))
        reply = {"choices": [{"finish_reason": "stop", "message": {"content": "Yes"}}], "usage": {"prompt_tokens": 3}}
        row = {"custom_id": name, "response": {"status_code": 200, "body": reply}, "error": None}
        (Path(place) / "out.jsonl").write_bytes(text_of(mutated([row], draw), draw))
        list(model.generate([request]))


def label_studio(draw: random.Random, folder: Path) -> None:
    from harness.audit.label_studio import votes_from

    result = {"from_name": "judgement", "to_name": "question", "type": "choices", "value": {"choices": ["right"]}}
    note = {"completed_by": {"email": "a@b.c"}, "created_at": "2026-11-25T10:00:00Z", "result": [result]}
    task = {"data": {"benchmark": "pope", "item_id": "1", "field": "label", "label": "yes"}, "annotations": [note]}
    votes_from(text_of(mutated([task, task], draw), draw).decode("utf-8", "replace"), "export.json")


def ratings(draw: random.Random, folder: Path) -> None:
    from harness.audit.vote_files.read_ratings import read_ratings

    row = {"benchmark": "mmvet", "item_id": "1", "answer_id": "x", "question": "q", "answer": "a", "rating": "0,5"}
    (folder / "ratings.csv").write_bytes(_table(mutated([row, row], draw, 0.1), draw, ","))
    read_ratings([folder / "ratings.csv"])


def recorded(draw: random.Random, folder: Path) -> None:
    from benchmarks.judges.recorded import Recorded

    row = {"question": "q", "answer": "a", "raw": "5", "value": 5, "reading": "5"}
    (folder / "replies.jsonl").write_bytes(text_of(mutated([row, row], draw), draw))
    Recorded(str(folder / "replies.jsonl")).rate("q", "a", {}, None)


def label_files(draw: random.Random, folder: Path) -> None:
    from harness.audit.label_files import import_labels
    from harness.storage.data_folder import DataFolder

    row = {"question_id": 1, "image": "a.jpg", "text": "Is there a dog?", "label": "yes"}
    (folder / "pope").mkdir(exist_ok=True)
    for split in ("random", "popular", "adversarial"):
        (folder / f"pope/coco_pope_{split}.json").write_text("\n".join(json.dumps({**row, "question_id": i}) for i in (1, 2)))
    files = draw.sample(["coco_pope_random.json", "coco_repope_popular.json", "x.json"], 2)
    raw = [text_of(mutated([{**row, "label": "no"}], draw), draw) for _ in files]
    import_labels(
        "r", "pope", {n: r.decode("utf-8", "replace") for n, r in zip(files, raw, strict=True)}, DataFolder(folder), "s", "now"
    )


def training_states(draw: random.Random, folder: Path) -> None:
    from alignment.weights.resume_state import LOG, STATES, _newest, read_log

    (folder / STATES).mkdir(exist_ok=True)
    for old in (folder / STATES).iterdir():
        old.unlink()
    (folder / STATES / "step-1.pt").write_bytes(damaged(_state(), draw))
    (folder / LOG).write_bytes(damaged(b'{"step": 1, "loss": 0.5}\n{"step": 2, "loss": 0.4}\n', draw))
    read_log(folder, 2)
    _newest(folder)


@cache
def _state() -> bytes:
    import torch

    made = io.BytesIO()
    torch.save({"step": 1, "weights": {"a": torch.ones(30)}}, made)
    return made.getvalue()


def reader_targets() -> dict[str, Target]:
    plain = (policies, annotator_files, fleets, stored_studies, logs, answer_files, batches, label_studio, ratings, recorded,
             label_files, training_states)  # fmt: skip
    return {f.__name__: f for f in plain}
