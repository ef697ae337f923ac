"""Secrets among free options: what a study says is stored with every run and in its reports, so it may hold none."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

ADVICE = (
    "looks like a secret, and options are stored with every run and in its reports. Leave it out; a server's key goes into "
    "an environment variable that `api_key_env` names"
)
_NAMES = re.compile(
    r"(?:.*[_.])?(?:(?:api|access|private|secret|subscription)_?key|\w*secret|password|passwd|(?:proxy_)?authorization|cookie"
    r"|credentials?|(?:access|api|auth|bearer|hf|id|refresh|session)_?token)|token"
)
_FORMS = re.compile(
    r"(?:Bearer|Basic)\s+\S{8,}|(?:[spr]k|gsk|glpat|xai|nvapi)[-_](?=\S*\d)[\w-]{12,}|(?:hf|gh[pousr]|r8)_[A-Za-z0-9]{16,}"
    r"|AIza[\w-]{20,}|eyJ[\w-]{8,}\.[\w-]{8,}\.[\w-]*|\w+://[^/@\s]*:[^/@\s]+@\S*"  # a JSON web token; a password in an address
)


def secret_in(value: Any, place: str = "") -> str:
    """The place, `a.b.0`, of the first value in mappings and lists that is a secret by its key or its form; "" without one."""
    inside: Iterable[tuple[Any, Any]] = ()
    if isinstance(value, Mapping):
        inside = value.items()
    elif isinstance(value, Sequence) and not isinstance(value, str):
        inside = enumerate(value)
    for name, one in inside:
        at = f"{place}.{name}" if place else str(name)
        if _is_secret(str(name), one):
            return at
        if found := secret_in(one, at):
            return found
    return ""


def _is_secret(name: str, value: Any) -> bool:
    if _NAMES.fullmatch(re.sub(r"[-\s]", "_", name.lower())) and value and value is not True:
        return True
    return isinstance(value, str) and _FORMS.fullmatch(value.strip()) is not None
