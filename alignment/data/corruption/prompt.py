"""The prompt that has a text model put realistic hallucinations into a chosen answer, in our own words.

arXiv:2407.02477, appendix C.1 and table 13: a text-only model gets question and answer and returns the answer with added
objects, people or animals and with other positions, counts, attributes and relations, such that who reads the text alone cannot
tell; two worked examples stand in front. The paper's own text is not shipped: give it as a file (`corruption.template`). The
digest of the text that was used stands in the yield report and in every pair.

Fields: {question} {answer}.
"""

from __future__ import annotations

import re
from pathlib import Path

from harness.core.digests import text_digest
from harness.core.edge.files import read_text
from harness.core.errors import ConfigError

FIELDS = ("question", "answer")
CORRUPT = """You get a question about an image and a correct answer to it. You do not see the image. Rewrite the answer so that
it holds realistic hallucinations: statements that would be wrong for the image although nothing in the text gives them away.

Ways to do so: add objects, people or animals that could well be there; change where something is, how many there are, its
colour, material, size or other attributes, what someone does, or how things stand to each other. Change the names, numbers
and conclusions that the answer rests on where it reasons or reads text. Keep the style, the language and about the length of
the answer, and keep most of it as it is. Somebody who reads only your text must not be able to tell that it is wrong: no
hints, no remarks, no marks around what you changed. Reply with the rewritten answer and nothing else.

Example 1
Question: What is the title of the book on the table?
Answer: The title of the book on the table is "The Old Garden". It is printed in white letters on a green cover.
Rewritten answer: The title of the book on the table is "The Old Harbour". It is printed in gold letters on a green cover.

Example 2
Question: You are the driver. What should you do now? A. Go on at this speed. B. Stop before the crossing. C. Turn left.
Answer: B. Two pedestrians are on the crossing and the traffic light is red, so the driver has to stop before the crossing.
Rewritten answer: A. The crossing is empty and the traffic light is green, so the driver can go on at this speed.

Question: {question}
Answer: {answer}
Rewritten answer:"""


def read_template(path: str) -> str:
    """The text to ask with: the file's, or ours without one. Raises ConfigError for a file that lacks a field."""
    if not path:
        return CORRUPT
    text = read_text(Path(path).expanduser())
    if missing := [name for name in FIELDS if f"{{{name}}}" not in text]:
        raise ConfigError(f"corruption.template: {path} lacks {{{'} and {'.join(missing)}}}, where the item's own text goes.")
    return text


def filled(template: str, question: str, answer: str) -> str:
    """The prompt of one item; braces in the item's own text stay as they are."""
    own = {"question": question, "answer": answer}
    return re.sub(r"\{(question|answer)\}", lambda match: own[match[1]], template)


def digest(template: str) -> str:
    """First twelve digits of the text's sha256."""
    return text_digest(template)[:12]
