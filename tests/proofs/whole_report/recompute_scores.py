"""Answers of the small study to sums, by other code: POPE from answers and labels, CHAIR from marked words, MMHal from ratings.

Rules as in docs/benchmarks; rows are read from the store's file with sqlite3, labels from the benchmark's own files.
"""

from __future__ import annotations

import json
import math
import re
import sqlite3
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np

from tests.proofs.whole_report.recompute import Rule, Scored

SPLITS = ("random", "popular", "adversarial")
TYPES = ("attribute", "adversarial", "comparison", "counting", "relation", "environment", "holistic", "other")
Get = Callable[[str], np.ndarray]
Sweeps = dict[str, dict[str, list[Scored]]]  # label -> benchmark -> one a question


def sweeps_of(store: Path, data: Path) -> Sweeps:
    """Every sweep of the only run of a store."""
    with sqlite3.connect(store) as db:
        found: Sweeps = {}
        rows = db.execute("SELECT label, benchmark, answer_keys, item_set FROM results ORDER BY position").fetchall()
        for label, benchmark, keys, items in rows:
            (listed,) = db.execute("SELECT items FROM item_sets WHERE digest = ?", (items,)).fetchone()
            (scores,) = db.execute(
                "SELECT scores FROM results WHERE label = ? AND benchmark = ?", (label, benchmark)
            ).fetchone()
            answers = [_answer(db, key) for key in json.loads(keys)]
            read = {"pope": _pope, "chair": _chair, "mmhal_bench": _mmhal}[benchmark]
            found.setdefault(label, {})[benchmark] = list(read(json.loads(listed), answers, json.loads(scores), data))
    return found


def _answer(db: sqlite3.Connection, key: str) -> tuple[str, float | None]:
    (text,) = db.execute("SELECT text FROM answers WHERE key = ?", (key,)).fetchone()
    sure = db.execute("SELECT yes_nats FROM log_odds WHERE key LIKE ?", (f"{key}%",)).fetchone()
    return text, sure[0] if sure else None


def _pope(items: list[Any], answers: list[Any], scores: list[Any], data: Path) -> Iterator[Scored]:
    """Labels by (image, question) from the three files; the answer by the rule of LLaVA's evaluation."""
    labels: dict[tuple[str, str], list[tuple[str, str]]] = {}
    for split in SPLITS:
        for line in (data / "pope" / f"coco_pope_{split}.json").read_text().splitlines():
            row = json.loads(line)
            labels.setdefault((row["image"], row["text"]), []).append((split, row["label"]))
    for item, (text, nats), score in zip(items, answers, scores, strict=True):
        own = labels[item["image"].rpartition("/")[2], item["question"]]
        said = "no" if {"No", "no", "not"} & set(text.strip().split(".")[0].replace(",", "").split(" ")) else "yes"
        adds: dict[str, float] = {"asked": 1.0, "unclear": float(not re.search(r"(?i)\b(yes|no|not)\b", text))}
        for split, label in own:
            cell = {"yesyes": "tp", "yesno": "fp", "nono": "tn", "noyes": "fn"}[said + label]
            adds[f"{split}/{cell}"] = adds.get(f"{split}/{cell}", 0) + 1
        truth = own[0][1] == "yes"
        nats = score["values"]["log_odds"] if nats is None else nats
        p = 1 / (1 + math.exp(-nats))
        place = f"p{min(int(10 * p), 9)}"
        adds |= {f"{place}/n": 1.0, f"{place}/p": p, f"{place}/yes": float(truth), "brier": (p - truth) ** 2}
        yield Scored(item["id"], item["image"], adds, said == own[0][1], len(text.split()), said, len(own))


def _chair(items: list[Any], answers: list[Any], scores: list[Any], data: Path) -> Iterator[Scored]:
    """Counts of the marked words, each of which must stand in the caption and be in the image or not as it says."""
    for item, (text, _), score in zip(items, answers, scores, strict=True):
        true, spans = set(item["truth"]["objects"]), score["spans"]
        found = [s["node"] for s in spans if s["kind"] == "found"]
        invented = [s["node"] for s in spans if s["kind"] == "invented"]
        assert set(found) <= true and not set(invented) & true and all(text[s["start"] : s["end"]] for s in spans)
        adds = {
            "mentions": len(found) + len(invented), "invented": len(invented), "captions": 1,
            "captions_invented": bool(invented), "true_found": len(set(found)), "true_total": len(true),
            "words": score["values"]["words"],
        }  # fmt: skip
        yield Scored(item["id"], item["image"], {k: float(v) for k, v in adds.items()}, not invented, len(text.split()), text)


def _mmhal(items: list[Any], answers: list[Any], scores: list[Any], data: Path) -> Iterator[Scored]:
    """Of the judge's rating, 0 to 6: below 3 is a hallucination; informativeness 0 to 3 within either half."""
    for item, (text, _), score in zip(items, answers, scores, strict=True):
        rating, kind = score["verdict"]["value"], item["truth"]["question_type"]
        adds = {"items": 1.0, "judged": 1.0, "score_sum": rating, "hallucinated": float(rating < 3)}
        adds |= {f"{kind}/{name}": adds[name] for name in ("judged", "score_sum", "hallucinated")}
        adds["informativeness"] = (rating % 3 if rating < 6 else 3) / 3
        yield Scored(item["id"], item["image"], adds, rating >= 3, len(text.split()), text)


# ---------------------------------------------------------------- metrics


def _ratio(up: tuple[str, ...], down: tuple[str, ...]) -> tuple[Callable[[Get], np.ndarray], tuple[str, ...]]:
    def compute(s: Get) -> np.ndarray:
        return sum(s(n) for n in up) / _positive(sum(s(n) for n in down))

    return compute, tuple(dict.fromkeys((*up, *down)))


def _positive(denominator: np.ndarray) -> np.ndarray:
    return np.where(denominator == 0, np.nan, denominator)


def _of_split(metric: str, split: str) -> tuple[Callable[[Get], np.ndarray], tuple[str, ...]]:
    tp, fp, tn, fn = (f"{split}/{c}" for c in ("tp", "fp", "tn", "fn"))
    if metric == "f1":
        return lambda s: np.where(s(tp) > 0, 2 * s(tp) / (2 * s(tp) + s(fp) + s(fn)), np.nan), (tp, fp, fn)
    up, down = {
        "accuracy": ((tp, tn), (tp, fp, tn, fn)),
        "precision": ((tp,), (tp, fp)),
        "recall": ((tp,), (tp, fn)),
        "yes_rate": ((tp, fp), (tp, fp, tn, fn)),
    }[metric]
    return _ratio(up, down)


def _over_splits(metric: str) -> tuple[Callable[[Get], np.ndarray], tuple[str, ...]]:
    parts = [_of_split(metric, split) for split in SPLITS]
    reads = tuple(dict.fromkeys(name for _, names in parts for name in names))
    return lambda s: sum(compute(s) for compute, _ in parts) / len(parts), reads


def _ece() -> tuple[Callable[[Get], np.ndarray], tuple[str, ...]]:
    def compute(s: Get) -> np.ndarray:
        return sum(abs(s(f"p{b}/p") - s(f"p{b}/yes")) for b in range(10)) / _positive(sum(s(f"p{b}/n") for b in range(10)))

    return compute, tuple(f"p{b}/{k}" for b in range(10) for k in ("n", "p", "yes"))


def _brier() -> tuple[Callable[[Get], np.ndarray], tuple[str, ...]]:
    names = tuple(f"p{b}/n" for b in range(10))
    return lambda s: s("brier") / _positive(sum(s(n) for n in names)), ("brier", *names)


def rules() -> list[Rule]:
    """Every metric of the three benchmarks, in the order of the report."""
    made = [
        Rule("pope", "accuracy", "", *_over_splits("accuracy"), headline=True, names="POPE accuracy"),
        Rule("pope", "f1", "", *_over_splits("f1"), headline=True, names="POPE F1"),
        Rule("pope", "yes_rate", "", *_over_splits("yes_rate"), better="neither"),
    ]
    for split in SPLITS:
        for metric in ("accuracy", "precision", "recall", "f1", "yes_rate"):
            better = "neither" if metric == "yes_rate" else "higher"
            made.append(Rule("pope", metric, split, *_of_split(metric, split), better=better))
    made += [
        Rule("pope", "unclear", "", *_ratio(("unclear",), ("asked",)), better="neither"),
        Rule("pope", "ece", "", *_ece(), better="lower"),
        Rule("pope", "brier", "", *_brier(), better="lower"),
        Rule("chair", "chair_s", "", *_ratio(("captions_invented",), ("captions",)), better="lower", names="CHAIRs"),
        Rule("chair", "chair_i", "", *_ratio(("invented",), ("mentions",)), better="lower", headline=True, names="CHAIRi"),
        Rule("chair", "recall", "", *_ratio(("true_found",), ("true_total",)), headline=True, names="CHAIR recall"),
        Rule("chair", "precision", "", lambda s: 1 - s("invented") / _positive(s("mentions")), ("invented", "mentions")),
        Rule("chair", "f1", "", _chair_f1, ("invented", "mentions", "true_found", "true_total")),
        Rule("chair", "length", "", *_ratio(("words",), ("captions",)), better="neither", unit="words", headline=True,
             names="CHAIR length"),
        Rule("mmhal_bench", "score", "", *_ratio(("score_sum",), ("judged",)), unit="points", headline=True,
             names="MMHal-Bench score"),
        Rule("mmhal_bench", "hallucination_rate", "", *_ratio(("hallucinated",), ("judged",)), better="lower", headline=True,
             names="MMHal-Bench hallucination rate"),
        Rule("mmhal_bench", "informativeness", "", *_ratio(("informativeness",), ("judged",))),
        Rule("mmhal_bench", "judged", "", *_ratio(("judged",), ("items",)), better="neither"),
    ]  # fmt: skip
    for kind in TYPES:
        made.append(Rule("mmhal_bench", "score", kind, *_ratio((f"{kind}/score_sum",), (f"{kind}/judged",)), unit="points"))
    for kind in TYPES:
        ratio = _ratio((f"{kind}/hallucinated",), (f"{kind}/judged",))
        made.append(Rule("mmhal_bench", "hallucination_rate", kind, *ratio, better="lower"))
    return made


def _chair_f1(s: Get) -> np.ndarray:
    precision, recall = 1 - s("invented") / _positive(s("mentions")), s("true_found") / _positive(s("true_total"))
    return 2 * precision * recall / _positive(precision + recall)
