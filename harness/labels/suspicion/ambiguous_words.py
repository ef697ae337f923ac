"""Words that CHAIR-like vocabularies are known to misread; the reading, not the label, may be wrong."""

from __future__ import annotations

import re

import numpy as np

from harness.labels.suspicion.claim_table import Finding, Table

TRAPPED = 1.5  # nats: not the image but the reading may be at fault
_TRAPS: tuple[tuple[str, str, str], ...] = (  # object, pattern in the answer, what it means there
    ("orange", r"\borange(?!s\b)[ -](?!juice\b|slices?\b)[a-z]{3,}", "a colour"),
    ("wine glass", r"\b(?:drinking |water )?glass(?:es)?\b", "a glass without wine, spectacles or a pane"),
    ("mouse", r"\b(?:mouse|mice)\b", "the animal or the device"),
    ("chair", r"\b(?:toilet|car|bicycle|bike) seats?\b", "a part of something else"),
    ("dining table", r"\b(?:desk|coffee table|side table|table tennis)\b", "another table than one for dining"),
    ("train", r"\btrain(?:ed|ing|ers?)\b|\btrain tracks?\b", "no train"),
    ("tie", r"\bbow\b|\btied?\b", "a knot or a verb"),
    ("boat", r"\bvessels?\b|\bliners?\b", "a dish or a lining"),
    ("sandwich", r"\bsub\b", "a prefix or a submarine"),
    ("baseball bat", r"\bbats?\b", "the animal"),
    ("bear", r"\bbear(?:ing|s)? (?:in mind|witness|down)\b", "a verb"),
    ("sheep", r"\brams?\b", "a verb or a memory"),
    ("remote", r"\bremote (?:area|location|place|setting|village|island|beach)\b", "far away"),
    ("book", r"\bbook(?:ed|ing)\b", "a reservation"),
    ("keyboard", r"\b(?:piano|musical) keyboards?\b", "an instrument"),
    ("clock", r"\bo'?clock\b", "a time of day"),
    ("person", r"\b(?:stop|pedestrian) (?:sign|crossing)\b", "a crossing"),
    ("donut", r"\bbagels?\b", "another pastry"),
    ("tv", r"\b(?:computer )?monitors?\b", "a computer's screen"),
)
_PATTERNS = {object_name: (re.compile(pattern, re.IGNORECASE), meaning) for object_name, pattern, meaning in _TRAPS}


def ambiguous_word_evidence(table: Table) -> Finding:
    """Nats where an answer's word for the object is one that the vocabulary is known to misread. Descriptions only."""
    nats = np.zeros(len(table))
    reasons: dict[int, str] = {}
    if not table.evidence.free_text:
        return Finding(nats, reasons)
    for row, claim in enumerate(table.claims):
        if claim.object_name not in _PATTERNS or claim.label == "yes":
            continue
        pattern, meaning = _PATTERNS[claim.object_name]
        texts = (witness.answers.get(claim.item_id, "") for witness in table.witnesses)
        found = next((match for text in texts if (match := pattern.search(text))), None)
        if found:
            nats[row] = TRAPPED
            reasons[row] = f"known trap of the vocabulary: \u201c{found[0][:40]}\u201d may be {meaning}"
    return Finding(nats, reasons, model_evidence=True)
