"""Keys of a preference row that no form reads: what must not be lost without a word."""

from __future__ import annotations

import re
from collections.abc import Mapping
from pathlib import PurePosixPath
from typing import Any

from harness.core.edge.files import IMAGE_SUFFIXES
from harness.core.edge.text import shown

IMAGE_KEYS = ("image", "images", "image_path")
_TEXTS = ("id", "prompt", "question", "instruction", "input", "chosen", "rejected", "rejected_response", "completion")
_IMAGE_NAME = re.compile(r"(?:^|[^A-Za-z]|(?<=[a-z])(?=[A-Z]))(?:[Ii]mg|IMG|[Ii]mage|IMAGE)s?(?![a-z])")  # img_path, inputImage


def require_no_unread_image(row: Mapping[str, Any]) -> None:
    """Raise ValueError where a row without images has one under a key that is not read: it would be a text-only pair."""
    key = next((str(key) for key, value in row.items() if value and _is_image(str(key), value)), None)
    if key is not None:
        raise ValueError(
            f"no image under a key that is read, but {shown(key, 40)} is {shown(row[key], 60)}. Rename it to 'image', or "
            f"read the file with the source `dataset` and `image_key: {key[:40]}`"
        )


def require_one_image_key(row: Mapping[str, Any]) -> None:
    """Raise ValueError where `image` and `images` both name images, and others: one of them would be lost."""
    one, several = row.get("image"), row.get("images")
    if one and several and listed(one) != listed(several):
        raise ValueError("'image' and 'images' name images both; give one image, or a list")


def listed(value: Any) -> list[Any]:  # Any: a JSON value
    """A list as it is, another value as the only one of a list."""
    return value if isinstance(value, list) else [value]


def _is_image(key: str, value: Any) -> bool:  # Any: a JSON value
    """Whether a key is called like an image, or holds what is: the name of an image file, or a list of them."""
    if key in _TEXTS:
        return False
    first = listed(value)[0]
    is_file = isinstance(first, str) and "\n" not in first and PurePosixPath(first[-300:]).suffix.lower() in IMAGE_SUFFIXES
    return is_file or _IMAGE_NAME.search(key) is not None
