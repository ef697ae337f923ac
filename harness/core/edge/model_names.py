"""Names of served models: is the model that a reply names plainly another one than was asked for?

    gpt-4o              gpt-4o-2024-08-06        the same: a dated version
    openai/gpt-4o       gpt-4o                   the same: the provider's prefix
    gpt-4o              gpt-4o-mini              another
    gpt-4o-2024-05-13   gpt-4o-2024-08-06        another version than the one that was asked for

An alias (a deployment's own name) is another name, so who reads the remark must say which it is.
"""

from __future__ import annotations

import re

# What ends a name and says which version it is: 2024-08-06, 20241022, 2407, 0613, 002, latest, preview.
_VERSION = re.compile(r"-(?:(\d{4}-\d{2}-\d{2}|\d{6,8}|\d{3,4})|latest|preview|stable|exp)$")


def is_another(asked: str, replied: str) -> bool:
    """Whether a reply that names `replied` is of another model than `asked`; False where either is unknown ("")."""
    if not asked or not replied or asked == replied:
        return False
    (one, tag, version), (other, other_tag, other_version) = _parts(asked), _parts(replied)
    same_version = not version or not other_version or version.endswith(other_version) or other_version.endswith(version)
    return one != other or not same_version or bool(tag and other_tag and tag != other_tag)


def _parts(name: str) -> tuple[str, str, str]:
    """Name without provider and version, what stands behind a colon (llama3:8b), and the digits of the version."""
    last = name.rstrip("/").rpartition("/")[2].casefold()
    stem, _, tag = last.partition(":")
    stem, versions = stem.replace("@", "-").replace("_", "-"), list[str]()
    while found := _VERSION.search(stem):
        stem = stem[: found.start()]
        versions += [found[1].replace("-", "")] if found[1] else []
    return stem.replace(".", "-"), tag, versions[0] if versions else ""
