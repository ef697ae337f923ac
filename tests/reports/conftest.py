"""Run records made of nothing: 60 drawn images, a POPE-like and a CHAIR-like benchmark, base and aligned."""

from __future__ import annotations

import random
from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import lru_cache
from pathlib import Path
from types import SimpleNamespace

import pytest

from harness.core.evaluation import Answer, Formula, Item, Score, Span, ratio
from harness.core.preference import PreferencePair
from harness.core.run_record import BenchmarkResult, Checkpoint, ProtocolRecord, RunRecord, SweepResult
from reports.comparison.compare import compare
from reports.values.comparison import Comparison
from tests.reports.in_browser import ARGS, CHROMIUM

OBJECTS = ["person", "car", "dog", "cat", "chair", "bench", "bottle", "cup"]
OBJECTS += ["kite", "boat", "horse", "sheep", "umbrella", "pizza", "clock", "vase"]
SPLITS = ("random", "popular", "adversarial")
N_IMAGES = 60


@dataclass(frozen=True)
class Habits:
    """How a made-up model answers: shares of right words. Two models with one seed share their luck."""

    says_yes_wrongly: float
    sees: float
    invents: float
    words: int


BASE = Habits(says_yes_wrongly=0.34, sees=0.72, invents=0.30, words=18)
ALIGNED = Habits(says_yes_wrongly=0.14, sees=0.74, invents=0.10, words=16)


@pytest.fixture(scope="session")
def images(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A data folder with 60 small drawn images."""
    from PIL import Image, ImageDraw

    folder = tmp_path_factory.mktemp("data")
    (folder / "images").mkdir()
    for i in range(N_IMAGES):
        rng = random.Random(i)
        sky, ground = (tuple(rng.randint(lo, hi) for _ in range(3)) for lo, hi in ((170, 235), (70, 150)))
        image = Image.new("RGB", (160, 120), sky)
        draw = ImageDraw.Draw(image)
        draw.rectangle((0, 75, 160, 120), fill=ground)
        for _ in range(rng.randint(2, 4)):
            x, y, r = rng.randint(15, 140), rng.randint(40, 100), rng.randint(8, 22)
            shape = rng.choice((draw.ellipse, draw.rectangle))
            shape((x - r, y - r, x + r, y + r), fill=tuple(rng.randint(20, 240) for _ in range(3)), outline="black")
        image.save(folder / "images" / f"{i:03}.png")
    return folder


@pytest.fixture
def record(images: Path) -> RunRecord:
    return make_record(data_folder=images)


@pytest.fixture(scope="session")
def compared(images: Path) -> Comparison:
    """The comparison of `record`, made once for all tests that read it; frozen."""
    return compare([make_record(data_folder=images)])


@pytest.fixture(scope="session")
def make() -> SimpleNamespace:
    """The factory's parts, for tests that need more than one record."""
    return SimpleNamespace(record=make_record, Habits=Habits, with_answer=with_answer, with_results=with_results)


@lru_cache(maxsize=32)  # frozen, so tests can share them
def make_record(
    name: str = "bdhs-matched",
    aligned: Habits = ALIGNED,
    n_images: int = N_IMAGES,
    seed: int = 0,
    data_folder: Path = Path(),
    complete: bool = True,
) -> RunRecord:
    """A run whose base is always the same and whose aligned model has these habits."""
    sweeps = (
        sweep("base", Checkpoint("tiny-llava", "tiny-llava", "", "b" * 64), BASE, n_images, 0),
        sweep(
            "aligned",
            Checkpoint(f"{name}-step-120", "tiny-llava", "", f"{seed:x}a" * 32, "b" * 64, "dpo", 120),
            aligned,
            n_images,
            seed,
        ),
    )
    return RunRecord(
        run_id=f"20260101-{name}-{seed}",
        name=name,
        complete=complete,
        config_yaml=f"name: {name}\nseed: {seed}\nmodel: miniworld\nsource:\n  name: bdhs\n  invents: {aligned.invents}\n",
        command=f"python -m harness run {name}.yaml seed={seed}",
        sweeps=sweeps,
        training=training_log(),
        pairs_report=PAIRS_REPORT,
        example_pairs=example_pairs(),
        overlap={"9f" * 32: "images/003.png"},
        versions={"python": "3.11.2", "torch": "2.13.0+cpu", "transformers": "5.23.0", "mm-align-harness": "0.1.0"},
        timings={"pairs": 31.2, "train": 64.8, "sweep": 41.0},
        notes=("Pairs were made by the checkpoint under alignment itself.",),
        data_folder=data_folder,
    )


def sweep(label: str, checkpoint: Checkpoint, habits: Habits, n_images: int, seed: int) -> SweepResult:
    return SweepResult(label, checkpoint, (pope(habits, n_images, seed), chair(habits, n_images, seed)))


# ---------------------------------------------------------------- POPE-like


def pope_formulas() -> tuple[Formula, ...]:
    found = []
    for group in ("", *SPLITS):
        tp, fp, tn, fn = (f"{group}/{k}" if group else k for k in ("tp", "fp", "tn", "fn"))
        whole = group == ""
        found += [
            ratio("accuracy", [tp, tn], [tp, fp, tn, fn], group=group, headline=whole, about="right answers"),
            ratio("f1", [tp, tp], [tp, tp, fp, fn], group=group, headline=group == "adversarial"),
            ratio("precision", [tp], [tp, fp], group=group, unknown="the model never said yes"),
            ratio("recall", [tp], [tp, fn], group=group),
            ratio("yes_rate", [tp, fp], [tp, fp, tn, fn], group=group, better="neither", headline=whole),
        ]
    return tuple(found)


def pope(habits: Habits, n_images: int, seed: int) -> BenchmarkResult:
    items, answers, scores = [], [], []
    for i in range(n_images):
        rng = random.Random(i)
        there = rng.sample(OBJECTS, 5)
        absent = [o for o in OBJECTS if o not in there]
        luck = random.Random(f"{i} {seed}")
        tired = 0.25 * (luck.random() - 0.5)  # some images are harder: questions of one image hang together
        for split in SPLITS:
            for k in range(6):
                thing = there[k // 2] if k % 2 == 0 else rng.choice(absent)
                label = "yes" if k % 2 == 0 else "no"
                rate = 0.88 if label == "yes" else habits.says_yes_wrongly + tired
                own = random.Random(f"{i} {split} {k} {habits}")  # one answer in six is not shared luck
                yes = (own if own.random() < 1 / 6 else luck).random() < rate
                item = Item(
                    f"{split}/{i * 6 + k}", f"images/{i:03}.png", f"Is there a {thing} in the image?",
                    {"label": label, "object": thing, "split": split},
                )  # fmt: skip
                items.append(item)
                answers.append(Answer(item.id, "Yes, there is." if yes else "No, there is not.", 5, "end", 0.01))
                scores.append(pope_score(item, yes, split, label))
    facts = {"benchmark": "pope, version 1", "rows": str(len(items)), "prompt": "{question}", "max_new_tokens": "16"}
    return BenchmarkResult(
        "pope", ProtocolRecord(facts), tuple(items), tuple(answers), tuple(scores), pope_formulas(),
        subject=lambda item: item.truth["object"], asked_object=lambda item: item.truth["object"],
        reference=lambda item: item.truth["label"],
        labels_by_slice=labels_by_slice,
    )  # fmt: skip


def labels_by_slice(item: Item) -> list[tuple[str, str]]:
    label = item.truth["label"]
    return [(group, label) for group in ("", item.truth["split"]) if label in ("yes", "no")]


def pope_score(item: Item, yes: bool, split: str, label: str) -> Score:
    right = yes == (label == "yes")
    cell = ("tp" if yes else "tn") if right else ("fp" if yes else "fn")
    values = {cell: 1.0, f"{split}/{cell}": 1.0}
    return Score(item.id, values, reading="yes" if yes else "no", correct=right, why=f"read as {'yes' if yes else 'no'}")


# ---------------------------------------------------------------- CHAIR-like


def chair_formulas() -> tuple[Formula, ...]:
    return (
        ratio("chair_i", ["invented"], ["mentions"], better="lower", headline=True, unknown="no object was mentioned",
              role="hallucination", title="CHAIRi"),
        ratio("chair_s", ["has_invented"], ["captions"], better="lower", headline=True, title="CHAIRs"),
        ratio("recall", ["found"], ["truths"], headline=True, role="helpfulness"),
        ratio("words", ["words"], ["captions"], better="neither", unit="words", headline=True),
    )  # fmt: skip


def chair(habits: Habits, n_images: int, seed: int) -> BenchmarkResult:
    items, answers, scores = [], [], []
    for i in range(n_images):
        there = random.Random(i).sample(OBJECTS, 5)
        luck = random.Random(f"{i} {seed} chair")
        named = [(o, "found") for o in there if luck.random() < habits.sees]
        named += [(o, "invented") for o in OBJECTS if o not in there and luck.random() < habits.invents / 4]
        luck.shuffle(named)
        text, spans = tell(named, habits.words)
        item = Item(f"{i}", f"images/{i:03}.png", "Describe this image.", {"objects": there})
        items.append(item)
        answers.append(Answer(item.id, text, len(text.split()), "end" if i % 20 else "length", 0.1))
        scores.append(chair_score(item, spans, len(there), len(text.split())))
    facts = {"benchmark": "chair, version 1", "rows": str(len(items)), "variant": "official", "max_new_tokens": "64"}
    return BenchmarkResult("chair", ProtocolRecord(facts), tuple(items), tuple(answers), tuple(scores), chair_formulas())


def tell(named: list[tuple[str, str]], words: int) -> tuple[str, tuple[Span, ...]]:
    text, spans = "The image shows", []
    for n, (thing, kind) in enumerate(named):
        text += " and a " if n else " a "
        spans.append(Span(len(text), len(text) + len(thing), kind, thing))
        text += thing
    text += ". There is a "
    spans.append(Span(len(text), len(text) + 7, "uncovered", ""))
    text += "lantern behind" + " them" * (words % 7) + "."
    return text, tuple(spans)


def chair_score(item: Item, spans: tuple[Span, ...], truths: int, words: int) -> Score:
    found = sum(s.kind == "found" for s in spans)
    invented = sum(s.kind == "invented" for s in spans)
    values = {
        "mentions": found + invented, "invented": invented, "has_invented": float(invented > 0), "captions": 1.0,
        "found": found, "truths": truths, "words": words,
    }  # fmt: skip
    return Score(item.id, values, spans=spans)


# ---------------------------------------------------------------- the rest of a record


def training_log() -> tuple[dict[str, float], ...]:
    rng = random.Random(7)
    rows = []
    for step in range(0, 121, 4):
        share = step / 120
        wobble = rng.gauss(0, 0.012)
        rows.append(
            {
                "step": step, "loss": 0.6931 - 0.33 * share + wobble, "rewards/margins": 1.4 * share + 3 * wobble,
                "rewards/accuracies": min(1.0, 0.5 + 0.4 * share**0.5 + wobble),
                "rewards/chosen": 0.35 * share + wobble, "rewards/rejected": -1.05 * share - 2 * wobble,
                "learning_rate": 3e-5 * min(1.0, step / 12) * (1 - 0.9 * share), "grad_norm": 1.2 + 30 * abs(wobble),
                "time/tokens_per_s": 5100 + 900 * wobble,
            }
        )  # fmt: skip
    return tuple(rows)


PAIRS_REPORT = {
    "asked": 240,
    "kept": 212,
    "free_last_tries": 9,
    "rho_th": 0.99,
    "similarity_threshold": 0.97,
    "tries": [[1, 171], [2, 30], [3, 14], [4, 8], [5, 17]],
    "similarity_histogram": [
        [0.5, 6],
        [0.55, 14],
        [0.6, 22],
        [0.65, 30],
        [0.7, 41],
        [0.75, 44],
        [0.8, 31],
        [0.85, 16],
        [0.9, 8],
    ],
    "mentions": {"chosen": {"mean": 4.6, "sd": 1.1}, "rejected": {"mean": 4.5, "sd": 1.2}},
    "words": {"chosen": {"mean": 17.8, "sd": 3.0}, "rejected": {"mean": 17.4, "sd": 3.3}},
}


def example_pairs() -> tuple[PreferencePair, ...]:
    pairs = []
    for i in range(10):
        there = random.Random(i).sample(OBJECTS, 6)
        chosen = f"A {there[0]} stands near a {there[1]}. There is a {there[2]} on the left. In the back I see a {there[3]}."
        rejected = chosen.replace(there[2], there[4]).replace(there[3], there[5])
        pairs.append(
            PreferencePair(f"p{i}", f"images/{i:03}.png", "0" * 64, "Describe this image.", chosen, (rejected,), "bdhs",
                           {"tries": 1 + i % 3, "similarity": 0.71 + i / 50})
        )  # fmt: skip
    return tuple(pairs)


def with_answer(record: RunRecord, text: str) -> RunRecord:
    """The same run, whose aligned model said `text` everywhere (and was scored as before)."""

    def said(result: BenchmarkResult) -> BenchmarkResult:
        return replace(result, answers=tuple(replace(answer, text=text) for answer in result.answers))

    return with_results(record, said)


def with_results(record: RunRecord, change: Callable[[BenchmarkResult], BenchmarkResult]) -> RunRecord:
    """The same run with its aligned results changed."""
    base, aligned = record.sweeps
    return replace(record, sweeps=(base, replace(aligned, results=tuple(map(change, aligned.results)))))


@pytest.fixture(scope="module")
def browser():
    playwright = pytest.importorskip("playwright.sync_api", reason="playwright is not installed")
    with playwright.sync_playwright() as running:
        chromium = running.chromium.launch(executable_path=str(CHROMIUM), args=ARGS)
        yield chromium
        chromium.close()
