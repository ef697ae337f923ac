"""`<image>` in a data set's texts: where its authors' own model takes the image. One rule for all sources.

The chat template says where the image stands, so the mark is taken out of a prompt, with the line break beside it. In an
answer it has no meaning (usually two rows were run together): such a pair is left out and counted.
"""

from __future__ import annotations

MARK = "<image>"


def strip_image(text: str) -> str:
    """A prompt without its image mark, wherever it stands; a text without one stays as it is."""
    if MARK not in text:
        return text
    return text.replace(f"{MARK}\n", "").replace(f"\n{MARK}", "").replace(MARK, "").strip()
