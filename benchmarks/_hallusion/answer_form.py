"""HallusionBench's result files: the question file with `model_prediction`, and the judge's verdicts as stored."""

from __future__ import annotations

from benchmarks._hallusion.tasks import SAME, TASK
from harness.core.edge.answer_form import AnswerForm, Fields, as_key, by_id

_PARTS = ("category", "subcategory", "set_id", "figure_id", "question_id")
_CODES = {"0": "incorrect", "1": "correct", "2": "unclear"}  # as the authors' code keeps a verdict
_SAME = {"0": "different", "1": "same"}


def _keys(row: Fields) -> list[str]:
    return ["_".join(map(_part, (row[part] for part in _PARTS)))] if all(part in row for part in _PARTS) else by_id(row)


def _part(value: object) -> str:
    """A word, or a number without leading zeros, as the questions go by them."""
    text = as_key(value)
    return text.lstrip("0") or "0" if text.isdigit() else text


def _correctness(row: Fields) -> str | None:
    """A reply in words, or the code under "..._gpt_check"."""
    if isinstance(row.get("correctness_reply"), str):
        return str(row["correctness_reply"])
    code = next((row[name] for name in row if name.endswith("gpt_check")), None)
    return None if code is None else _CODES.get(str(code))


def _same(row: Fields) -> str | None:
    if isinstance(row.get("same_reply"), str):
        return str(row["same_reply"])
    return _SAME.get(str(row["same"])) if "same" in row else None


ANSWER_FORM = AnswerForm(
    texts=("model_prediction", "prediction", "answer", "response", "text"),
    keys=_keys,
    replies={TASK.name: _correctness, SAME.name: _same},
)
