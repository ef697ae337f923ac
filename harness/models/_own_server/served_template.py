"""What the chat template of a served checkpoint does and a server does not tell.

The mark of a reasoning that its prompts end in: where the token limit cuts such a reasoning off, no mark stands in the reply,
and it would be taken for the answer. The date: a server writes that of its clock, the transformers backend always one day.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import date
from pathlib import Path
from typing import Any

from harness.core.final_answer import opened_by
from harness.models._conversation.template_options import DATED, writes_date

_OTHERWISE = ("--reasoning-parser", "--chat-template")  # the server tells reasoning apart itself; another template


def opened_reasoning(source: str, arguments: Sequence[str], options: Any) -> str:  # Any: what a user gave
    """Of a model's folder whose template gets these options; "" where its prompts open none, or where that is not known."""
    if any(argument.replace("_", "-").startswith(_OTHERWISE) for argument in arguments):
        return ""
    from harness.models._conversation.chat_template import Template

    try:
        given = dict(options) if isinstance(options, Mapping) else {}
        return opened_by(Template(_processor(source), options=given).prompt("?", 0))
    except Exception:  # the server may know models and templates that transformers does not
        return ""


def writes_todays_date(source: str, arguments: Sequence[str]) -> bool:
    """Whether the template that a server uses on a model's folder does so; False where that is not known."""
    files = [Path(argument.rpartition("=")[2]).expanduser() for argument in arguments]
    try:
        if any(argument.replace("_", "-").startswith(_OTHERWISE[1]) for argument in arguments):
            return any(writes_date(file.read_text("utf-8", "replace")) for file in files if file.is_file())
        return writes_date(_processor(source).chat_template)
    except Exception:  # as above
        return False


def today() -> dict[str, str]:
    """The fact of such a server: answers of two days are not the same."""
    return {DATED: f"{date.today().isoformat()}, by the server's clock"}


def _processor(source: str) -> Any:  # Any: transformers' own class, another for each family
    from transformers import AutoConfig

    from harness.models._checkpoint.loading import load_processor

    return load_processor(source, AutoConfig.from_pretrained(source), remote_code=False)
