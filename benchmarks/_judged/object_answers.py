"""Object HalBench's answer files: image and question (or the place in the file), the answer, and the extracted objects."""

from __future__ import annotations

from collections.abc import Mapping

from benchmarks._coco.image_list import names_of_image
from harness.core.edge.answer_form import AnswerForm, Fields, image_keys
from harness.core.evaluation import Item


def _keys(row: Fields) -> list[str]:
    """By image and question; rows without image_id go by their place."""
    return [f"{key} {row.get('question', row.get('prompt', ''))}" for key in image_keys(row)]


def answer_form(images: Mapping[str, str]) -> AnswerForm:
    """The form for items about these images: item id -> the image's id in the annotations."""

    def names(item: Item) -> list[str]:
        image = [images[item.id]] if item.id in images else []
        return [f"{name} {item.question}" for name in (*image, *names_of_image(item.image))] + [item.id]

    replies = {"objects": ("extract_objs", "judge_reply", "reply", "content")}
    apart = "Rows with `image_id` and `question` go by these."
    return AnswerForm(keys=_keys, names=names, replies=replies, apart=apart, repeats=True)
