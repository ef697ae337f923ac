"""NLTK comes without SciPy and scikit-learn, which stay importable."""

from __future__ import annotations

import subprocess
import sys

CODE = """
import sys
{before}
from harness.core.edge.nltk_import import import_nltk
import_nltk()
print(sorted({{name.partition(".")[0] for name in sys.modules}} & {{"nltk", "scipy", "sklearn"}}))
import scipy.stats
from nltk.tag.perceptron import PerceptronTagger
from nltk.tokenize import NLTKWordTokenizer
print(round(float(scipy.stats.norm.cdf(0.0)), 3), NLTKWordTokenizer().tokenize("A dog's tail."))
"""


def said(before: str) -> list[str]:
    done = subprocess.run([sys.executable, "-c", CODE.format(before=before)], capture_output=True, text=True, check=True)
    return done.stdout.splitlines()


def test_nltk_is_imported_without_what_it_can_do_without() -> None:
    assert said("") == ["['nltk']", "0.5 ['A', 'dog', \"'s\", 'tail', '.']"]


def test_what_is_imported_already_stays() -> None:
    assert said("import scipy")[0] == "['nltk', 'scipy']"
