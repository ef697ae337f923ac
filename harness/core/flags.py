"""Flags of scores: what a reader must know of an answer before trusting its score. Reports count and list them.

A benchmark may use words of its own beside these.
"""

from __future__ import annotations

UNCLEAR = "unclear"  # neither of the expected words stands in the answer; what the rule reads is a guess
CONTRADICTED = "contradicted"  # the answer's own clear word is not what the rule reads
SEVERAL = "several options named"  # the answer names two or more of the offered answers; the rule reads one of them or none
SAME_IMAGE = "same image"  # two images that must differ are the same file, so that labels of its group contradict each other
UNJUDGED = "unjudged"  # the judge gave no verdict that could be read
UNREAD_VERDICT = "verdict not read"  # its reply states no value for sure; an official rule counts it all the same
TRUNCATED = "truncated"  # the token limit ended the answer
EMPTY = "empty"  # no text
UNFINISHED = "unfinished reasoning"  # the token limit ended the reasoning; there is no answer

JOINT = "joint/"  # begins the names of addends that are of several items together, on the score of one of them
