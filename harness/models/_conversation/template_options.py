"""What a chat template is given beside the messages: its switch for reasoning, and the day it takes for today.

Some templates write today's date into the system turn (`strftime_now`: Llama 3.x, Mistral Small, gpt-oss). Prompts would
differ from day to day, and answers of one day would be compared with those of another. They are given one fixed day instead.
"""

from __future__ import annotations

import logging
import re
from datetime import datetime
from typing import Any

from harness.core.errors import ConfigError

TEMPLATE_DATE = "2024-07-26"  # the day that Llama 3.x's own template writes where it is not told today's
DATED = "template date"  # a fact of templates that write one
_JINJA_COMMENT = re.compile(r"\{#.*?#\}", re.DOTALL)
_CLOCK = "strftime_now"  # transformers gives templates a function of this name: today in a given format
_CODES = tuple(f"%{flag}{letter}" for flag in ("", "-") for letter in "aAbBcCdDeFgGhHIjklmMpPrRSTuUVwWxXyYfzZ")
_said = set[tuple[str, str]]()  # templates and the line that was written about them: a base's and its checkpoints' are one
_log = logging.getLogger("harness")


def thinking_switch(template: Any, name: str, enable: bool | None) -> dict[str, bool]:  # Any: a text, or texts by name
    """What a chat template is given of `model.enable_thinking`: nothing, with a warning, where it has no such switch."""
    if enable is None:
        return {}
    if _names(template, "enable_thinking"):
        return {"enable_thinking": enable}
    _say_once(template, f"{name} has no switch enable_thinking: model.enable_thinking={str(enable).lower()} changes nothing.")
    return {}


def writes_date(template: Any) -> bool:  # Any: a text, or texts by name
    """Whether a chat template asks for today's date."""
    return _names(template, _CLOCK)


def checked_date(date: str, template: Any = _CLOCK, name: str = "") -> str:  # Any: a text, or texts by name
    """`model.template_date`, with a warning where this template writes no date. Raises ConfigError for anything but a day."""
    try:
        given = datetime.strptime(date, "%Y-%m-%d").strftime("%Y-%m-%d")
    except (TypeError, ValueError):
        raise ConfigError(f"model.template_date is {date!r}; give a day as YYYY-MM-DD, e.g. {TEMPLATE_DATE}.") from None
    if given != TEMPLATE_DATE and not writes_date(template):
        _say_once(template, f"{name} writes no date: model.template_date={given} changes nothing.")
    return given


def with_date(template: Any, date: str) -> dict[str, str]:  # Any: a text, or texts by name
    """The template to render in place of one that writes today's date, which takes this day for today; {} for others.

    A macro of its own stands in for the function: what a template is handed are plain values, no functions.
    """
    if not writes_date(template):
        return {}
    text = template if isinstance(template, str) else dict(template).get("default", "")
    day = datetime.strptime(date, "%Y-%m-%d")
    filled = "".join(f"|replace({code!r}, {day.strftime(code)!r})" for code in _CODES)
    macro = f"{{% macro {_CLOCK}(format) %}}{{{{ format|replace('%%', '\\0'){filled}|replace('\\0', '%') }}}}{{% endmacro %}}"
    return {"chat_template": f"{macro}\n{text}"}  # a newline behind a block is not written


def _names(template: Any, word: str) -> bool:  # Any: a text, or texts by name
    return re.search(rf"\b{word}\b", _JINJA_COMMENT.sub("", str(template or ""))) is not None


def _say_once(template: Any, line: str) -> None:  # Any: a text, or texts by name
    if (str(template), line) not in _said:
        _said.add((str(template), line))
        _log.warning("%s", line)
