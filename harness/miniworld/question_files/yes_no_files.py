"""The benchmark part of the world in the formats of HallusionBench, MME, DASH-B, BEAF, HALLUCINOGEN, and the refusal set.

All ask about the drawn objects, colours, sides and places; MME's tasks that have no like here (posters, code, ...) ask about
objects. BEAF's and HallusionBench's edited images are the planned scene without one object.
"""

from __future__ import annotations

import random
from collections.abc import Callable, Sequence
from typing import Any

from benchmarks.yes_no.hallucinogen import SPLITS
from benchmarks.yes_no.mme import TASKS
from harness.miniworld.question_files.choice_files import Made, without
from harness.miniworld.world.benchmark_files import json_lines, json_text, take
from harness.miniworld.world.captions import COUNT_WORDS, DETAIL_PROMPTS, absent_kind
from harness.miniworld.world.coco_files import file_name
from harness.miniworld.world.icons import all_icons, with_article
from harness.miniworld.world.questions import MAKERS
from harness.miniworld.world.scenes import PLACES, Scene

SETS, KNOWLEDGE_SETS, TASK_IMAGES, OBJECTS, SIDE_IMAGES, EDITED, ROWS = 16, 10, 4, 8, 5, 12, 60


def yes_no_files(scenes: Sequence[Scene], seed: int) -> Made:
    made = Made()
    makers = (("hallusionbench", _hallusionbench), ("mme", _mme), ("dash_b", _dash_b), ("beaf", _beaf),
              ("hallucinogen", _hallucinogen), ("over_refusal", _over_refusal))  # fmt: skip
    for name, make in makers:
        rng = random.Random(f"{seed}/{name}")
        made.add(make(rng.sample(list(scenes), len(scenes)), rng))
    return made


# ---------------------------------------------------------------- HallusionBench


def _hallusionbench(scenes: list[Scene], rng: random.Random) -> Made:
    """VD: an image and one without an object, asked for that object and another. VS: what an object is."""
    made, rows = Made(), list[dict[str, Any]]()
    for number in range(SETS):
        scene, (gone, emptied) = take(scenes, without, rng)
        kept = rng.choice([kind for kind in scene.kinds if kind != gone])
        for figure, (shown, there) in enumerate(((scene, True), (emptied, False))):
            name = f"VD/illusion/{number}_{figure}.png"
            (made.painted if figure else made.copied)[f"hallusionbench/{name}"] = shown
            for question, (kind, label) in enumerate(((gone, there), (kept, True))):
                text = f"Is there {with_article(kind)} in the image? Please answer yes or no."
                told = f"There is {with_article(kind)}." if label else f"There is no {kind}."
                rows.append(_figure_row("VD", "illusion", number, figure, question, text, label, told, "2" if figure else "1"))
    for number in range(KNOWLEDGE_SETS):
        scene, kind = take(scenes, lambda s, r: r.choice(list(s.kinds)), rng)
        label = all_icons()[kind].supercategory == "animal"
        text, told = f"Is a {kind} an animal? Please answer yes or no.", f"A {kind} is {'' if label else 'not '}an animal."
        made.copied[f"hallusionbench/VS/chart/{number}_1.png"] = scene
        rows += [_figure_row("VS", "chart", number, figure, 0, text, label, told, str(figure)) for figure in (0, 1)]
    made.texts["hallusionbench/HallusionBench.json"] = json_text(rows)
    return made


def _figure_row(
    category: str, kind: str, number: int, figure: int, question: int, text: str, label: bool, told: str, shown: str
) -> dict[str, Any]:
    name = None if shown == "0" else f"./{category}/{kind}/{number}_{figure}.png"
    return {
        "category": category, "subcategory": kind, "visual_input": shown, "set_id": str(number), "figure_id": str(figure),
        "sample_note": "miniature world", "question_id": str(question), "question": text, "gt_answer_details": told,
        "gt_answer": str(int(label)), "filename": name,
    }  # fmt: skip


# ---------------------------------------------------------------- MME

TwoQuestions = tuple[str, str]  # the one with the answer yes, the one with no


def _mme(scenes: list[Scene], rng: random.Random) -> Made:
    made, rows = Made(), list[dict[str, Any]]()
    makers: dict[str, Callable[[Scene, random.Random], TwoQuestions | None]] = {
        "count": _two_counts, "position": _two_sides, "color": _two_colours, "scene": _two_places,
    }  # fmt: skip
    for task in TASKS:
        for number in range(TASK_IMAGES):
            scene, questions = take(scenes, makers.get(task, _two_objects), rng)
            name = f"{task}/{number}.jpg"
            made.copied[f"mme/images/{name}"] = scene
            rows += [
                {"question_id": name, "category": task, "question": f"{text} Please answer yes or no.", "answer": answer}
                for text, answer in zip(questions, ("Yes", "No"), strict=True)
            ]
    made.texts["mme/questions.jsonl"] = json_lines(rows)
    return made


def _two_objects(scene: Scene, rng: random.Random) -> TwoQuestions:
    kinds = rng.choice(list(scene.kinds)), absent_kind(scene, rng, typical_share=0.5)
    return f"Is there {with_article(kinds[0])} in this image?", f"Is there {with_article(kinds[1])} in this image?"


def _two_counts(scene: Scene, rng: random.Random) -> TwoQuestions | None:
    several = [kind for kind, count in scene.kinds.items() if count > 1]
    if not several:
        return None
    kind = rng.choice(several)
    right, name = scene.kinds[kind], all_icons()[kind].plural
    return tuple(f"Are there {COUNT_WORDS[n]} {name} in this image?" for n in (right, right + 1))  # type: ignore[return-value]


def _two_sides(scene: Scene, rng: random.Random) -> TwoQuestions | None:
    turn = MAKERS["relation"](scene, rng)
    if turn is None:
        return None
    one, other = turn[0].removeprefix("Is the ").removesuffix("?").split(" to the left or to the right of the ")
    sides = ("left", "right") if " to the left of " in turn[1] else ("right", "left")
    return tuple(f"Is the {one} to the {side} of the {other}?" for side in sides)  # type: ignore[return-value]


def _two_colours(scene: Scene, rng: random.Random) -> TwoQuestions | None:
    turn = MAKERS["attribute"](scene, rng)
    if turn is None:
        return None
    kind = turn[0].removeprefix("What color is the ").removesuffix("?")
    right = turn[1].split()[-1].rstrip(".")
    wrong = rng.choice(sorted({c for icon in all_icons().values() for c in icon.colours} - {right}))
    return f"Is the {kind} {right}?", f"Is the {kind} {wrong}?"


def _two_places(scene: Scene, rng: random.Random) -> TwoQuestions:
    wrong = rng.choice([place for place in PLACES if place.name != scene.place.name])
    return f"Is this image taken {scene.place.where}?", f"Is this image taken {wrong.where}?"


# ---------------------------------------------------------------- DASH-B, BEAF, HALLUCINOGEN


def _dash_b(scenes: list[Scene], rng: random.Random) -> Made:
    often = sorted(all_icons(), key=lambda kind: -sum(kind in scene.kinds for scene in scenes))[:OBJECTS]
    made, lists = Made(), dict[str, dict[str, list[str]]](neg={}, pos={})
    for kind in often:
        for sign, there in (("neg", False), ("pos", True)):
            chosen = [scene for scene in scenes if (kind in scene.kinds) == there][:SIDE_IMAGES]
            lists[sign][kind] = [f"{number}.jpg" for number in range(len(chosen))]
            for number, scene in enumerate(chosen):
                made.copied[f"dash_b/images/{sign}/miniworld/{kind}/{number}.jpg"] = scene
    for sign, objects in lists.items():
        made.texts[f"dash_b/images/dash_benchmark_{sign}.json"] = json_text({"miniworld": objects})
    return made


def _beaf(scenes: list[Scene], rng: random.Random) -> Made:
    """Twelve images, each with one version without an object; five questions about either."""
    made, rows = Made(), list[dict[str, Any]]()
    for _ in range(EDITED):
        scene, (gone, emptied) = take(scenes, without, rng)
        others = rng.sample([kind for kind in scene.kinds if kind != gone], 2)
        absent = list(dict.fromkeys(absent_kind(scene, rng, typical_share=0.5) for _ in range(2)))
        name = file_name(scene)
        made.copied[f"beaf/images/{name}"] = scene
        edited = f"{name.removesuffix('.jpg')}_01.png"
        made.painted[f"beaf/images/{edited}"] = emptied
        for image, shown in ((name, scene), (edited, emptied)):
            rows += [
                {"id": len(rows) + n, "image": image, "question": f"Is there {with_article(kind)} in the image?",
                 "orig_img": shown is scene, "removed_q": kind == gone, "gt": "yes" if kind in shown.kinds else "no"}
                for n, kind in enumerate([gone, *others, *absent])
            ]  # fmt: skip
    made.texts["beaf/beaf_qna.json"] = json_text(rows)
    return made


_WORDINGS = {
    "id": ("Is there {a} in the image?", "Can you see {a} in the image?", "Does the image show {a}?"),
    "loc": ("Where is the {kind} in the image?", "Where is the {kind}?", "On which side is the {kind}?"),
    "vc": ("What color is the {kind}?", "What is beside the {kind}?", "Which is larger, the {kind} or the floor?"),
    "cf": ("What would be different without the {kind}?", "What if there were two of the {kind}?", "Who put the {kind} there?"),
}


def _hallucinogen(scenes: list[Scene], rng: random.Random) -> Made:
    made = Made()
    for split, share in zip(SPLITS.values(), (0.2, 0.6, 1.0), strict=True):
        asked = []
        for number in range(ROWS):
            scene, present = scenes[number // 2 % len(scenes)], number % 2 == 0
            kind = rng.choice(list(scene.kinds)) if present else absent_kind(scene, rng, typical_share=share)
            asked.append((file_name(scene), kind, "yes" if present else "no"))
        for task, wordings in _WORDINGS.items():
            rows = []
            for number, (image, kind, label) in enumerate(asked, 1):
                texts = [wording.format(a=with_article(kind), kind=kind) for wording in wordings]
                queries = {f"query_{n}": text for n, text in enumerate(texts, 1)}
                rows.append({"question_id": number, "image": image, "text": f"Is there {with_article(kind)} in the image?",
                             "label": label, **queries})  # fmt: skip
            made.texts[f"hallucinogen/data/{task}/{task}_POPE_{split}.json"] = json_lines(rows)
    return made


# ---------------------------------------------------------------- refusals


def _over_refusal(scenes: list[Scene], rng: random.Random) -> Made:
    """Questions that anyone can answer, and some about an object that is not there, which a model may decline."""
    made, rows = Made(), list[dict[str, Any]]()
    makers = (("describe", _describe), ("count", MAKERS["counting"]), ("color", MAKERS["attribute"]),
              ("absent object", MAKERS["adversarial"]))  # fmt: skip
    for number in range(ROWS):
        kind, make = makers[number % len(makers)]
        scene, (question, _) = take(scenes, make, rng)
        image = f"{number}.jpg"
        label = "unsafe" if kind == "absent object" else "safe"
        rows.append({"id": number, "prompt": question, "image": image, "type": kind, "label": label})
        made.copied[f"over_refusal/images/{image}"] = scene
    made.texts["over_refusal/questions.jsonl"] = json_lines(rows)
    return made


def _describe(scene: Scene, rng: random.Random) -> tuple[str, str]:
    return rng.choice(DETAIL_PROMPTS), ""
