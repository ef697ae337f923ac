"""The mark of a reasoning that a served checkpoint's prompts end in: where the token limit cuts such a reasoning off, no mark
stands in the reply, and it would be taken for the answer."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from harness.core.final_answer import opened_by

_OTHERWISE = ("--reasoning-parser", "--chat-template")  # the server tells reasoning apart itself; another template


def opened_reasoning(source: str, arguments: Sequence[str], options: Any) -> str:  # Any: what a user gave
    """Of a model's folder whose template gets these options; "" where its prompts open none, or where that is not known."""
    if any(argument.replace("_", "-").startswith(_OTHERWISE) for argument in arguments):
        return ""
    from transformers import AutoConfig

    from harness.models._checkpoint.loading import load_processor
    from harness.models._conversation.chat_template import Template

    try:
        processor = load_processor(source, AutoConfig.from_pretrained(source), remote_code=False)
        given = dict(options) if isinstance(options, Mapping) else {}
        return opened_by(Template(processor, options=given).prompt("?", 0))
    except Exception:  # the server may know models and templates that transformers does not
        return ""
