"""Object HalBench's answer files: image and question (or the place in the file), the answer, and the extracted objects."""

from __future__ import annotations

from harness.core.edge.answer_form import AnswerForm, Fields, image_key
from harness.core.evaluation import Item


def _keys(row: Fields) -> list[str]:
    """By image and question; rows without image_id go by their place."""
    return [f"{key} {row.get('question', row.get('prompt', ''))}" for key in image_key(row)]


def _names(item: Item) -> list[str]:
    return [f"{key} {item.question}" for key in image_key({"image": item.image})] + [item.id]


ANSWER_FORM = AnswerForm(
    keys=_keys, names=_names, replies={"objects": ("extract_objs", "judge_reply", "reply", "content")}, repeats=True
)
