"""Object HalBench, step by step: read the extractor's list, cut it into object names, match them to COCO.

Yu et al. 2023 (RLHF-V), arXiv:2312.00849; rules as in RLHF-V/RLHF-V eval/eval_gpt_obj_halbench.py.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterable, Sequence
from dataclasses import replace
from functools import partial
from typing import Any, TypeGuard

from benchmarks._coco import vocabulary as _vocabulary
from benchmarks._coco.asserted_objects import assertions
from benchmarks._judged import prompts
from benchmarks._judged.unjudged import official_flag
from benchmarks._text.colours import COLOURS, joins_a_colour
from benchmarks._text.nouns import is_usual_verb, tagged
from benchmarks._text.wordnet import lemma
from harness.core.edge.nltk_import import import_nltk
from harness.core.judging import Facts, JudgeTask, Reply

Tagged = Sequence[tuple[str, str]]  # (lemma, Penn tag) of each word
_NOUN_TAGS = ("NN", "NNS", "NNP", "NNPS")
_BEFORE_NOUNS = ("DT", "CD", "PRP$", "POS")  # Penn tags of words that begin a noun phrase


def official_object_list(reply: str) -> Any:  # Any: a JSON value
    """The authors' parser: the whole reply as JSON, or its last line where '["' occurs. Raises ValueError.

    A known flaw: the template asks for "()" where there is nothing, which is not JSON, so the script repeats the
    item without end.
    """
    try:
        return json.loads(reply)
    except json.JSONDecodeError:
        if '["' not in reply:
            raise
        return json.loads(reply.strip().split("\n")[-1])


def object_list(reply: str, variant: str) -> list[str] | None:
    """Names from an extractor's reply; None where it cannot be read (the item is then unjudged).

    Variant "tolerant" departs from the official parser where that can only fail: "()" is an empty list, and the one list of
    texts inside other text or a code fence is taken. Lists of anything else ("caption [0]", objects of JSON) name nothing.
    "official" goes through what was parsed, as the script does: the keys of an object, the letters of a text.
    """
    try:
        found = official_object_list(reply)
    except (ValueError, RecursionError):
        found = _embedded_list(reply) if variant == "tolerant" else None
    if variant == "tolerant":
        if isinstance(found, dict) and len(found) == 1:
            (found,) = found.values()  # {"objects": [...]}; the official code would take the keys for objects
        return found if _are_texts(found) else None
    return [str(name) for name in found] if isinstance(found, list | dict | str) else None


def _embedded_list(reply: str) -> list[str] | None:
    """The list of texts inside a reply; None where there is none, or several differ."""
    if reply.strip() in ("()", "( )"):
        return []
    found = list[list[str]]()
    for start in (place.start() for place in re.finditer(r"\[\s*[\"\]]", reply)):
        try:
            value = json.JSONDecoder().raw_decode(reply, start)[0]
        except (ValueError, RecursionError):
            continue
        found += [value] if _are_texts(value) and value not in found else []
    return found[0] if len(found) == 1 else None


def _are_texts(value: Any) -> TypeGuard[list[str]]:  # Any: a JSON value
    return isinstance(value, list) and all(isinstance(name, str) for name in value)


def unread_flag(reply: str, variant: str) -> str:
    """The flag of a score by a reply's list."""
    return official_flag(object_list(reply, variant), object_list(reply, "tolerant"))


def _value(reply: str) -> float | None:
    names = object_list(reply, "tolerant") if reply else None
    return None if names is None else float(len(names))


def list_objects(question: str, answer: str, facts: Facts) -> Reply:
    """The judges' rule without a model: the COCO objects that the answer asserts; what it denies is left out."""
    present = list(assertions(answer).present)
    return Reply(float(len(present)), "", json.dumps(present))


TASK = JudgeTask(
    "objects",
    prompts.OBJECTS,
    read=_value,
    rule=list_objects,
    digest="9d732f9b73a3cc96",
    fields=prompts.fields,
    texts=prompts.RELEASED,
)
TASKS = {"tolerant": TASK, "official": replace(TASK, counted=partial(object_list, variant="official"))}


def candidates(names: Iterable[str], tag: Callable[[str], Tagged]) -> list[str]:
    """Distinct object names, in order. `tag` parses "a <name>" (without the "a"): lemmas and tags.

    If the lemmas hold a double word, only double words are taken, else each unbroken run of nouns is one name.
    """
    found: dict[str, None] = {}
    for name in names:
        words = [("a", "DT"), *tag(name)]
        found |= dict.fromkeys(_double_words([word for word, _ in words]) or _noun_runs(words))
    return list(found)


def nodes_of(names: Sequence[str]) -> list[tuple[str, str]]:
    """(name, node) of the names in the refined vocabulary; "seat" is dropped beside "toilet"."""
    nodes = _vocabulary.refined().node_of
    toilet_seat = "toilet" in names and "seat" in names
    return [(name, nodes[name]) for name in names if name in nodes and not (toilet_seat and name == "seat")]


def _double_words(words: Sequence[str]) -> list[str]:
    doubles, found, i = _vocabulary.refined().doubles, [], 0
    while i < len(words):
        double = doubles.get(" ".join(words[i : i + 2]))
        found += [double] if double else []
        i += 2 if double else 1
    return found


def _noun_runs(words: Tagged) -> list[str]:
    runs: list[list[str]] = [[]]
    for word, tag in words:
        if tag in _NOUN_TAGS:
            runs[-1].append(word)
        elif runs[-1]:
            runs.append([])
    return [" ".join(run).strip() for run in runs if run]


def nouns_of(tokens: Sequence[str]) -> list[str]:
    """Runs of nouns of an answer in lower case, as an extractor would list them."""
    words = [(word, "VBZ" if is_usual_verb(word) else tag) for word, tag in tagged(tokens)]
    words = _without_colours(words)
    return _noun_runs([(word, "NN" if _ends_phrase(words, i) else tag) for i, (word, tag) in enumerate(words)])


def _ends_phrase(words: Tagged, i: int) -> bool:
    """A word of the vocabulary that NLTK takes for an adjective, though no noun follows it ("a white puppy sits")."""
    word, tag = words[i]
    if tag != "JJ" or not _is_named(word):
        return False
    before = next((tag for _, tag in reversed(words[:i]) if tag != "JJ"), "")
    after = next((tag for _, tag in words[i + 1 :] if tag not in (",", "CC")), "")
    return before in _BEFORE_NOUNS and not after.startswith(("JJ", "NN"))


def _without_colours(words: Tagged) -> list[tuple[str, str]]:
    """Colours before a noun or another colour are adjectives: NLTK takes them for nouns ("a small brown dog")."""
    tokens, made = [word for word, _ in words], list(words)
    for i in reversed(range(len(words))):
        before_noun = i + 1 < len(words) and words[i + 1][1] in _NOUN_TAGS
        if tokens[i] in COLOURS and (before_noun or joins_a_colour(tokens, i)):
            made[i] = (tokens[i], "JJ")
    return made


def _is_named(word: str) -> bool:
    return lemma(word) in _vocabulary.refined().node_of


def nltk_tagger(name: str) -> Tagged:
    """Replacement for spaCy's en_core_web_trf: NLTK's tagger over "a <name>", WordNet noun lemmas.

    The last word is a noun where the vocabulary has it: NLTK takes puppy, remote and four more for adjectives.
    """
    import_nltk()
    from nltk.tokenize import NLTKWordTokenizer

    *words, (last, tag) = tagged(NLTKWordTokenizer().tokenize(f"a {name.lower()}"))
    words = _without_colours([*words, (last, "NN" if _is_named(last) and tag not in _NOUN_TAGS else tag)])
    return [(lemma(word) if tag.startswith("NN") else word, tag) for word, tag in words[1:]]


def spacy_tagger(model: str) -> Callable[[str], Tagged]:
    """The official parse with a spaCy model that is installed, such as en_core_web_trf. Raises OSError where it is not."""
    import spacy

    pipeline = spacy.load(model)
    return lambda name: [(token.lemma_, token.tag_) for token in pipeline(f"a {name}")][1:]
