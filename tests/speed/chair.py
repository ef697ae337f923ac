"""How many captions does CHAIR score in a second of CPU, and what does the second start on official-size COCO cost?

    python tests/speed/chair.py              5,000 captions of about 70 tokens
    python tests/speed/chair.py --coco       also annotations of official size (897k instances, 616k captions; minutes)

The official scorer needs 2.9 ms of CPU a caption on a machine of its own (../shared/specs/benchmarks.md). Machines differ,
and a shared one differs from minute to minute; so its way of working is measured here too, in turns with ours: NLTK's own
`word_tokenize`, the singulariser's rules anew for every token, and the set of the vocabulary built anew twice for every word
(its profile is told in the same place). Ours starts with nothing remembered. Captions are made from a seed: sentences over
the vocabulary and some three thousand other words, so that little repeats but words do, as in real ones.
"""

from __future__ import annotations

import argparse
import json
import random
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

ROOT = Path(__file__).parents[2]
sys.path.insert(0, str(ROOT))
OFFICIAL_MS = 2.9
CAPTIONS = 5000


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--coco", action="store_true", help="also annotations of official size; minutes")
    args = parser.parse_args()
    from benchmarks._coco import vocabulary as _vocabulary
    from benchmarks.chair import Chair
    from harness.core.evaluation import Answer, Item

    words = sorted(_vocabulary.chair().node_of)
    captions = make_captions(words, CAPTIONS, seed=0)
    items = [Item(str(i), "", "", {"objects": objects}) for i, (_, objects) in enumerate(captions)]
    answers = [Answer("", text, 0, "end") for text, _ in captions]
    Chair().facts()  # imports and Punkt, which the official figure leaves out as well
    in_turns(Chair(), items, answers, words)  # first: nothing is remembered yet
    lemma, start = Chair(variant="lemma"), time.process_time()
    for item, answer in zip(items, answers, strict=True):
        lemma.score(item, answer)
    print(f"variant lemma: {1000 * (time.process_time() - start) / CAPTIONS:.3f} ms of CPU a caption")
    if args.coco:
        second_start(words)


def in_turns(chair: Any, items: list[Any], answers: list[Any], vocabulary: list[str], turn: int = 100) -> None:
    """Ours and the official way on the same captions, a hundred at a time; both must give the same words."""
    ours, theirs, tokens = 0.0, 0.0, 0.0
    for start in range(0, len(items), turn):
        part = slice(start, start + turn)
        began = time.process_time()
        scores = [chair.score(item, answer) for item, answer in zip(items[part], answers[part], strict=True)]
        ours += time.process_time() - began
        tokens += sum(score.values["words"] for score in scores)
        if start % (10 * turn) == 0:  # every tenth turn is enough of the slow one
            began = time.process_time()
            words = [official_way(answer.text, vocabulary) for answer in answers[part]]
            theirs += (time.process_time() - began) * 10
            assert words == [chair._words(chair._tokenizer.words(answer.text.lower())) for answer in answers[part]]
    each, slow = 1000 * ours / len(items), 1000 * theirs / len(items)
    print(f"ours, cold: {1000 / each:,.0f} captions per CPU second, {each:.3f} ms each ({tokens / len(items):.1f} words)")
    print(f"the official way, in turns: {slow:.3f} ms, {slow / each:.1f} x; {OFFICIAL_MS / each:.1f} x by its {OFFICIAL_MS} ms")


def official_way(text: str, vocabulary: list[str]) -> list[str]:
    """Singular words of a caption, without memory; and the vocabulary's set made anew for every question to it."""
    from nltk.tokenize import word_tokenize

    from benchmarks._text.singular import singularize

    words = [singularize.__wrapped__(token) for token in word_tokenize(text.lower())]
    known = [word for word in words if word in set(vocabulary)]
    assert len(known) == len([word for word in words if word in set(vocabulary)])
    return words


def make_captions(words: list[str], number: int, seed: int) -> list[tuple[str, list[str]]]:
    """(caption, true objects) pairs: five sentences of about 14 tokens, with plurals, commas and names."""
    draw = random.Random(seed)
    letters = "bcdfglmnprst"
    other = ["".join(draw.choice(letters) + draw.choice("aeiou") for _ in range(draw.randint(1, 3))) + draw.choice(letters)
             for _ in range(3000)]  # fmt: skip
    forms = ("There is a {} near the {}, and {} {} can be seen in the {}.", "The {}'s {} stands on the {} of a {} {}.",
             "In the {}, two {}s are {} beside a {}.", "Additionally, a {} with {} {} is {} to the {} of the {}.",
             "It isn't clear if the {} is {}, but {} {}s seem {}.")  # fmt: skip
    captions = []
    for _ in range(number):
        sentences = []
        for form in draw.choices(forms, k=5):
            fill = [draw.choice(words if draw.random() < 0.25 else other) for _ in range(form.count("{}"))]
            sentences.append(form.format(*fill))
        captions.append((" ".join(sentences), ["person", "dog", "car"]))
    return captions


def second_start(words: list[str]) -> None:
    """First and second load of annotations as large as COCO 2014's."""
    from benchmarks.chair import Chair
    from harness.storage.data_folder import DataFolder

    with tempfile.TemporaryDirectory() as folder:
        write_coco(Path(folder), words)
        for name in ("first", "second"):
            data, start = DataFolder(Path(folder)), time.process_time()
            items = Chair(limit_images=500).load(data)
            print(f"{name} start on official-size annotations: {time.process_time() - start:.2f} s of CPU, {len(items)} images")


def write_coco(folder: Path, words: list[str]) -> None:
    """instances_ and captions_{train,val}2014.json of official counts; outlines are short, so files are smaller."""
    draw, nodes = random.Random(1), sorted({w for w in words if w in _NODES})
    categories = [{"id": i, "name": name} for i, name in enumerate(nodes)]
    texts = [text for text, _ in make_captions(words, 20_000, seed=2)]
    (folder / "coco/annotations").mkdir(parents=True)
    for split, images, boxes, captions in (("train", 82_783, 605_000, 414_113), ("val", 40_504, 292_000, 202_654)):
        base = 1_000_000 if split == "train" else 0
        listed = [{"id": base + i, "file_name": f"COCO_{split}2014_{base + i:012d}.jpg"} for i in range(images)]
        found = [{"id": i, "image_id": base + i % images, "category_id": draw.randrange(len(nodes)), "iscrowd": 0,
                  "bbox": [1.5, 2.5, 30.25, 40.5], "area": 1225.1, "segmentation": [[1.5, 2.5, 30.25, 2.5, 30.25, 40.5]]}
                 for i in range(boxes)]  # fmt: skip
        said = [{"id": i, "image_id": base + i % images, "caption": draw.choice(texts).split(". ")[i % 5 - 5] + "."}
                for i in range(captions)]  # fmt: skip
        for kind, content in (("instances", {"images": listed, "annotations": found, "categories": categories}),
                              ("captions", {"images": listed, "annotations": said})):  # fmt: skip
            (folder / f"coco/annotations/{kind}_{split}2014.json").write_text(json.dumps(content), encoding="utf-8")


_NODES = {"person", "dog", "cat", "car", "bus", "chair", "dining table", "cup", "tv", "bed", "bird", "boat"}

if __name__ == "__main__":
    main()
