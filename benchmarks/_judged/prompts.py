"""The prompts of the shipped judge tasks, in our own words.

The published judges' prompts may not all be shipped (MMHal-Bench's sits in a GPL-3 repository, Object HalBench's under
CC BY-NC). A user who has the official text gives it as a file (`templates` of the chat judge); `JudgeTask.digest` holds the
start of its sha256 where it is known, so that a truncated or edited copy is noticed. Our own texts ask for the same kinds
of reply.

Fields: {question} {answer} {reference} {context} {objects} {first} {second}.
"""

from __future__ import annotations

from collections.abc import Mapping

from harness.core.judging import Facts

MMHAL = """You grade the answer of an assistant to a question about a picture. You do not see the picture. You know what is
in it and a correct answer, both written by people.

In the picture: {objects}
Question: {question}
Correct answer: {reference}
Answer to grade: {answer}

First say in one or two sentences whether the answer states anything that contradicts the picture's content or the
correct answer, or that is made up (a hallucination), and how much of what was asked it tells. True detail that fits the
picture is no hallucination. Then give one rating:
6 very informative with good reasoning or extra insight, no hallucination
5 very informative, no hallucination
4 somewhat informative, no hallucination
3 not informative, no hallucination
2 very informative, with hallucination
1 somewhat informative, with hallucination
0 not informative, with hallucination
End with one line of exactly this form, N a whole number from 0 to 6:
Rating: N"""

MMHAL_WITH_IMAGE = MMHAL.replace(
    "You do not see the picture. You know what is\nin it and a correct answer, both written by people.",
    "You see the picture. People have also written\ndown what is in it and a correct answer; trust your eyes where "
    "these leave something out.",
)

LLAVA_BENCH = """Two assistants answered a user's question about a picture. Sentences that describe the picture stand in for it.

[Description]
{context}

[Question]
{question}

[Assistant 1]
{first}
[End of Assistant 1]

[Assistant 2]
{second}
[End of Assistant 2]

Score both for being helpful, to the point, correct and detailed, each on its own from 1 to 10, 10 being best. The order in
which they stand must not matter. On the first line write nothing but the two scores, Assistant 1's first, with one space
between them. Explain yourself from the second line on."""

MMVET = """Grade how far an answer agrees with the correct one, as a number from 0.0 (entirely wrong) to 1.0 (entirely right) in
steps of 0.1. In the correct answer, <AND> joins parts that must all be there, <OR> parts of which one is enough.

Question: {question}
Correct answer: {reference}
Answer to grade: {answer}

Reply with the number alone."""

OBJECTS = """Below is an answer to a question about a picture. List the objects that the answer says can be seen in it: names
only, without colour, size, material or number, each as the answer words it. Leave out what the answer says is absent.

Question: {question}
Answer: {answer}

Reply with one JSON list of strings on one line, [] if there is none, and nothing else."""

# After what the study asks of its annotator (arXiv:2407.02477, table 14), in our own words
RANK = """Two assistants answered a question about the picture. Say which answer is better.

What counts most is that everything an answer claims can be seen in the picture: prefer the one with fewer claims that are
not true of it. Between two that are equally true prefer the one that helps more, is to the point and makes no idle remarks.
Details that cannot be told for sure are better left out. The order of the answers means nothing.

Question: {question}
Response 1: {first}
Response 2: {second}

On the first line write only 1, 2, or 0 if neither is better. Explain yourself from the second line on."""

# The texts that were released together. Their common digest stands in the keys of stored verdicts, so that changing one of them
# asks for all verdicts again: a new benchmark brings its text in its own file instead.
RELEASED: Mapping[str, str] = {
    "mmhal": MMHAL,
    "mmhal_with_image": MMHAL_WITH_IMAGE,
    "llava_bench": LLAVA_BENCH,
    "mmvet": MMVET,
    "objects": OBJECTS,
    "rank": RANK,
}


def fields(question: str, answer: str, facts: Facts) -> dict[str, str]:
    """The fields of all these texts; facts["swapped"] changes the places of {first} and {second}."""
    reference = str(facts.get("reference", facts.get("gt_answer", "")))
    first, second = (answer, reference) if facts.get("swapped") else (reference, answer)
    return {
        "question": question,
        "answer": answer,
        "reference": reference.replace("<AND>", " <AND> ").replace("<OR>", " <OR> "),
        "context": str(facts.get("context", "")),
        "objects": ", ".join(map(str, facts.get("image_content", ()))),
        "first": first,
        "second": second,
    }
