"""A store of two runs for the run browser: 120 items, two benchmarks, two checkpoints, every text hostile."""

from harness.core.evaluation import Answer, Item, Score, Span, Verdict
from harness.core.run_record import Checkpoint, ProtocolRecord
from harness.storage.run_store import Store, StoredResult, StoredRun
from tests.reports.web.desks import HOSTILE, draw_images

RUN = "mini-1a2b"
N = 120


def result(label, benchmark, scores, n=N):
    items = tuple(Item(f"i{i}", f"images/{i % 6}.png", f"Is there a cup in image {i}?", {"label": "yes"}) for i in range(n))
    keys = tuple(f"{label}/{i}" if i % 40 != 7 else None for i in range(n))
    scored = tuple(scores(i, item) for i, item in enumerate(items) if keys[i] is not None)
    checkpoint, protocol = Checkpoint(label, "b", "", f"digest {label}"), ProtocolRecord({})
    return StoredResult(label, benchmark, checkpoint, {"name": "pope"}, protocol, items, keys, scored)


def pope_score(label):
    def score(i, item):
        right = i % 3 != 0 if label == "base" else i % 4 != 0
        return Score(item.id, {"asked": 1.0}, "yes" if right else "no", right, "unclear" if i == 11 else "")

    return score


def judged(i, item):
    verdict = Verdict(3.0, "three", HOSTILE, "keywords", "1")
    return Score(item.id, {"score_sum": 3.0}, HOSTILE, None, "", (Span(2, 5, "invented", HOSTILE),), "why: " + HOSTILE, verdict)


def fill(output):
    """Runs under `output`: one complete, one under way with a hostile name, one whose id points outside."""
    draw_images(output / "data")
    with Store(output / "store.sqlite") as store:
        for id, name, status in (
            (RUN, "mini", "complete"),
            ("other-9", HOSTILE, "running"),
            ("../../outside", "x", "complete"),
        ):
            at, data = f"2026-01-0{len(store.runs()) + 1}", str(output / "data")
            store.begin(StoredRun(id, name, at, status, "a: 1", HOSTILE, {"python": "3"}, data))
        place = 0
        for benchmark, score in (("pope", pope_score), ("mmhal_bench", lambda label: judged)):
            for label in ("base", "dpo"):
                made = result(label, benchmark, score(label))
                store.add_result(RUN, place, made)
                n_tokens = 4 if label == "base" else -1  # as of answers from files
                store.add_answers(
                    label, {key: Answer("", f"A cat of {label} {HOSTILE}", n_tokens, "end") for key in made.answer_keys if key}
                )
                place += 1
