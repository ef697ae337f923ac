"""The singulariser of CHAIR: what pattern.en.singularize answers, right or wrong, for every word.

CHAIR's vocabulary is matched against these forms, mistakes included ("bus" -> "bu", "glass" -> "glas"), so a better
singulariser would be another metric. The rule data is that of clips/pattern 3.6 (BSD-3), which took it from Bermi
Ferrer Martinez' Inflector (MIT-like); attribution in benchmarks/data/README.md. Order is part of the data.

1. "x's owner" forms: a final apostrophe becomes "'s" after the singular of the rest; "mothers-in-law" inflects its head.
2. A word that *ends* one of the unchanged words ("s" ends "series") is returned as it is.
3. A word that ends in a protected -ies form is returned as it is, lower-cased ("doggies" stays plural).
4. The first irregular ending, then the first rule that matches; else unchanged.
"""

from __future__ import annotations

import re
from functools import lru_cache
from string import ascii_lowercase


def _listed(*lines: str) -> list[str]:
    return " ".join(lines).split()


_UNCHANGED = _listed(
    "bison bream breeches britches carp chassis christmas clippers cod contretemps corps debris diabetes djinn eland elk",
    "flounder gallows georgia graffiti headquarters herpes high-jinks homework innings jackanapes mackerel measles mews",
    "mumps news pincers pliers proceedings rabies salmon scissors series shears species swine swiss trout tuna whiting",
    "wildebeest",
    "advice bread butter cheese electricity equipment fruit furniture garbage gravel happiness information ketchup",
    "knowledge love luggage mathematics mayonnaise meat mustard progress research rice sand software understanding water",
)

# "^pie" and "^tie" stand in a plain suffix test: "ties" -> "ty", only "^ties" is kept.
_KEEP_IES = tuple(
    word + "s"
    for word in _listed(
        "alergie auntie beanie birdie bogie bombie collie cookie cutie doggie eyrie freebie goonie groupie hankie hippie",
        "hoagie hottie indie junkie laddie laramie lingerie meanie newbie nightie oldie pixie quickie reverie rookie",
        "softie sortie stoolie sweetie techie toughie valkyrie veggie weenie yuppie zombie ^pie ^tie",
    )
)

# ending -> ending, tried in this order
_IRREGULAR = tuple(
    tuple(pair.split(">"))
    for pair in _listed(
        "atlantes>atlas atlases>atlas axes>axe beeves>beef brethren>brother children>child corpora>corpus corpuses>corpus",
        "ephemerides>ephemeris feet>foot ganglia>ganglion geese>goose genera>genus genii>genie graffiti>graffito",
        "helves>helve kine>cow leaves>leaf loaves>loaf men>man mongooses>mongoose monies>money moves>move mythoi>mythos",
        "numena>numen occipita>occiput octopodes>octopus opera>opus opuses>opus our>my oxen>ox penes>penis penises>penis",
        "people>person sexes>sex soliloquies>soliloquy teeth>tooth testes>testis trilbys>trilby turves>turf zoa>zoon",
    )
)

# (what must stand before, ending, new ending), tried in this order; the first that matches is applied
_RULES = (
    (".", "ae", "a"),
    (".", "itis", "itis"),
    (".", "eaux", "eau"),
    ("quiz", "zes", ""),
    ("matr", "ices", "ix"),
    ("ap|vert|ind", "ices", "ex"),
    ("^ox", "en(.*)", r"\2"),  # not only at the end: "oxenford" -> "oxford"
    ("alias|status", "es", ""),
    ("[octp|vir]", "i", "us"),  # meant "octop" or "vir", is a character class
    ("cris|ax|test", "es", "is"),
    ("shoe", "s", ""),
    ("o", "es", ""),
    ("bus", "es", ""),
    ("[m|l]", "ice", "ouse"),  # so "slice" -> "slouse"
    ("x|ch|ss|sh", "es", ""),
    ("m", "ovies", "ovie"),
    (".", "ombies", "ombie"),
    ("s", "eries", "eries"),
    ("[^aeiouy]|qu", "ies", "y"),
    ("(?-i:[aeo]l)", "(?-i:ves)", "f"),
    ("(?-i:[^d]ea)", "(?-i:ves)", "f"),
    ("", "(?-i:arves)", "arf"),
    ("", "(?-i:erves)", "erve"),
    ("(?-i:[nlw]i)", "(?-i:ves)", "fe"),
    ("[lr]", "ves", "f"),
    ("(?-i:[aeo])", "(?-i:ves)", "ve"),
    ("sive|tive|hive", "s", ""),
    ("[^f]", "ves", "fe"),
    ("^analy", "ses", "sis"),
    ("(a)naly", "ses", r"\2sis"),  # the inner group is pasted in again: "psychoanalyses" -> "psychoanalyasis"
    ("ba|diagno|parenthe|progno|synop|the", "ses", "sis"),
    (".", "opses", "opsis"),
    (".", "yses", "ysis"),
    ("h|d|r|o|n|b|cl|p", "oses", "ose"),
    ("fruct|gluc|galact|lact|ket|malt|rib|sacchar|cellul", "ose", "ose"),
    (".", "oses", "osis"),
    ("[ti]", "a", "um"),
    ("n", "ews", "ews"),
    ("", "s", ""),
)

_PREPOSITIONS = frozenset(
    _listed(
        "about above across after among around at athwart before behind below beneath beside besides between betwixt",
        "beyond but by during except for from in into near of off on onto out over since till to under until unto upon with",
    )
)

_ENDS_OF_UNCHANGED = frozenset(word[i:] for word in _UNCHANGED for i in range(len(word) + 1))
_COMPILED = tuple((re.compile(f"({before}){ending}$", re.IGNORECASE), r"\1" + new) for before, ending, new in _RULES)


def _fitting(letter: str) -> tuple[tuple[tuple[str, str], ...], tuple[tuple[re.Pattern[str], str], ...]]:
    """The irregular endings and the rules, in order, that can match a word whose last letter this is."""
    irregular = tuple((ending, new) for ending, new in _IRREGULAR if ending[-1] == letter)
    open_ended = ".*)"
    rules = (
        compiled
        for compiled, (_, ending, _) in zip(_COMPILED, _RULES, strict=True)
        if ending.endswith(open_ended) or ending.rstrip(")")[-1] == letter
    )
    return irregular, tuple(rules)


# Only a handful of letters end any rule. Letters beyond a-z try all of them: "\u017f" is an "s" to a pattern without case.
_FITTING = {letter: _fitting(letter) for letter in ascii_lowercase}


@lru_cache(maxsize=100_000)
def singularize(word: str) -> str:
    """The singular of `word` as pattern 3.6 gives it, its mistakes included. Pure; remembered per word."""
    head, *rest = word.split("-")
    if rest and rest[0] in _PREPOSITIONS:
        return "-".join([singularize(head), *rest])
    if word.endswith("'"):
        return singularize(word[:-1]) + "'s"
    lowered = word.lower()
    if lowered in _ENDS_OF_UNCHANGED:
        return word
    if lowered.endswith(_KEEP_IES):
        return lowered
    irregular, rules = _FITTING.get(lowered[-1:], (_IRREGULAR, _COMPILED))
    for ending, new in irregular:
        if lowered.endswith(ending):
            return re.sub(f"(?i){ending}$", new, word)
    for rule, new in rules:
        if rule.search(word):
            return rule.sub(new, word)
    return word
