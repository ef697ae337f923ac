"""DASH-B: images found because they make models see an object that is not there, beside images with the object.

Augustin et al. 2025, arXiv:2503.23573; scoring as in YanNeu/DASH-B src/eval_utils.py. By RePOPE's authors, as POPE's harder
successor: 1,341 images without and 1,341 with one of 70 objects. Two files of source list -> object -> file names:

    images/dash_benchmark_neg.json   {"openimages_common": {"accordion": ["123.jpg", ...], ...}, ...}     the answer is no
    images/dash_benchmark_pos.json   the same form                                                       the answer is yes

Names repeat between objects, so an image is its sign, source list, object and name together. The leaderboard's accuracy is the
mean of TNR and TPR, equal to the share of right answers on the whole set, which is balanced; both are here.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from benchmarks._files.official_files import OfficialFile
from benchmarks._files.question_rows import inside, read_json
from benchmarks._files.styles import WORD_OR_PHRASE, chosen, ending
from benchmarks._labels.one_label import OneLabel
from benchmarks._text.yes_no import doubt, repope
from harness.core import registry
from harness.core.edge.answer_form import AnswerForm, Fields
from harness.core.edge.identifiers import keys_of_file, names_of_file
from harness.core.errors import DataError
from harness.core.evaluation import Answer, Decoding, Example, Formula, Item, Number, Score, Sums, over, ratio
from harness.core.options.option import Names
from harness.core.plugins import Data
from harness.core.run_record import RESAMPLED

_REPOSITORY = "github.com/YanNeu/DASH-B"
_SIGNS = {"neg": "no", "pos": "yes"}
_CLUSTERS = {"object": "", "image": ""}


def _rate(right: str, wrong: str, said: str, which: str, role: str) -> Formula:
    """The share of images of one side that are answered rightly; `said`: the right answer of that side."""
    return ratio(
        f"{right}r",
        [right],
        [right, wrong, f"unread_{said}"],
        headline=True,
        unknown=f"no image {which} its object",
        about=f"share of images {which} the object that are answered {said}",
        role=role,
        title=f"{right}r".upper(),
    )


_TNR = _rate("tn", "fp", "no", "without", "hallucination")
_TPR = _rate("tp", "fn", "yes", "with", "helpfulness")


def _balanced(s: Sums) -> Number:
    return (_TPR.compute(s) + _TNR.compute(s)) / 2


def _harmonic(s: Sums) -> Number:
    tpr, tnr = _TPR.compute(s), _TNR.compute(s)
    return over(2 * tpr * tnr, tpr + tnr)


def _keys(row: Fields) -> list[str]:
    """By the image's path; rows with a question_id alone go by their place, which is what it counts."""
    return keys_of_file(str(row.get("image_path") or row.get("image") or ""))


@registry.benchmark
class DashB(OneLabel):
    """Yes/no questions about one object an image."""

    title = "DASH-B"
    version = 1
    answer_form = AnswerForm(
        texts=("response", "prediction", "text"),
        keys=_keys,
        names=lambda item: names_of_file(item.id, "images"),
        apart="Rows with `image_path` go by it.",
    )
    styles: Mapping[str, str] = {"official": " Please answer only with yes or no.", "llava": WORD_OR_PHRASE}
    files = (
        OfficialFile("dash_b/images/dash_benchmark_neg.json", _REPOSITORY, "none stated", "copy the folder images/ to dash_b/"),
        OfficialFile("dash_b/images/dash_benchmark_pos.json", _REPOSITORY, "none stated", "the same folder"),
        OfficialFile("dash_b/images", f"{_REPOSITORY}, its image archives", "none stated", "unpack them in dash_b/images"),
    )
    examples = (
        Example(Item("1", "a.jpg", "", {"label": "no", "object": "harp"}), "No.", {"n": 1.0, "right": 1.0, "tn": 1.0}),
        Example(
            Item("2", "a.jpg", "", {"label": "no", "object": "harp"}),
            "I see strings.",
            {"n": 1.0, "right": 0.0, "unread_no": 1.0, "unread": 1.0},
        ),
    )
    formulas = (
        ratio("accuracy", ["right"], ["n"], headline=True, unknown="no answers", about="share of all answers that are right"),
        Formula(
            "balanced_accuracy",
            _balanced,
            unknown="no image of one side",
            about="mean of TNR and TPR: for parts of the set",
            parts=(_TPR, _TNR),
        ),
        _TNR,
        _TPR,
        Formula("harmonic_mean", _harmonic, unknown="TPR and TNR are both 0, or one of them is unknown", parts=(_TPR, _TNR)),
        ratio("unread", ["unread"], ["n"], better="lower", unknown="no answers", about="neither yes nor no in it: wrong"),
    )

    def __init__(
        self,
        style: str = "official",  # prompt style: official or llava
        folder: str = "dash_b",  # the files' folder in the data folder
        cluster: str = "object",  # what the intervals resample: object (strict) or image
        objects: Names = (),  # only these objects; empty: all
        max_new_tokens: int = 16,  # longest answer, in tokens
    ) -> None:
        self.style, self.cluster = style, chosen(cluster, _CLUSTERS, "DASH-B", "cluster")
        self._ending = ending(style, self.styles, "DASH-B")
        self.folder, self.max_new_tokens, self.objects = folder.rstrip("/"), max_new_tokens, tuple(objects)
        self._loaded: dict[str, str] = {}

    def load(self, data: Data) -> list[Item]:
        """All images without their object, then all with it, in the order of the files."""
        self._loaded = {}
        items: list[Item] = []
        for sign, label in _SIGNS.items():
            name = f"{self.folder}/images/dash_benchmark_{sign}.json"
            found = [self._item(sign, label, *place) for place in _entries(read_json(data, name), name)]
            items += [item for item in found if not self.objects or item.truth["object"] in self.objects]
            self._loaded[f"sha256 of {name}"] = data.digest(name)
        ids = [item.id for item in items]
        if repeated := next((i for i in ids if ids.count(i) > 1), "") if len(set(ids)) < len(ids) else "":
            raise DataError(f"{self.folder}/images: {repeated} is listed twice. Remove one of them.")
        return items

    def _item(self, sign: str, label: str, source: str, thing: str, file: str) -> Item:
        key = f"{sign}/{source}/{thing}/{file}"
        image = f"{self.folder}/images/{inside(key, f'{self.folder}/images/dash_benchmark_{sign}.json')}"
        truth = {"label": label, "object": thing, "slices": [source]}
        group = thing if self.cluster == "object" else key
        return Item(key, image, f"Can you see a {thing} in this image?", truth, group=group)

    def prompt(self, item: Item) -> str:
        return item.question + self._ending

    def decoding(self) -> Decoding:
        return Decoding(max_new_tokens=self.max_new_tokens)

    def score(self, item: Item, answer: Answer) -> Score:
        """Addends of the confusion; "unread_yes" and "unread_no": unread answers by label."""
        said, label = repope(answer.text), item.truth["label"]
        right = said == label
        cell = f"{'t' if right else 'f'}{'p' if said == 'yes' else 'n'}" if said else f"unread_{label}"
        values = {"n": 1.0, "right": float(right), cell: 1.0} | ({} if said else {"unread": 1.0})
        return Score(item.id, values, said or "neither", right, doubt(answer.text, said))

    def asked_object(self, item: Item) -> str:
        return str(item.truth["object"])

    subject = asked_object

    def labels_by_slice(self, item: Item) -> Sequence[tuple[str, str]]:
        return [("", item.truth["label"])]

    def reference(self, item: Item) -> str:
        return str(item.truth["label"])

    def claimed(self, item: Item) -> str:
        return str(item.truth["object"])

    def facts(self) -> dict[str, str]:
        resampled = f"{self.cluster}s"
        return {"variant": "official", "prompt style": self.style, RESAMPLED: resampled, **self._loaded}

    def facts_of(self, items: Sequence[Item]) -> dict[str, str]:
        without = sum(item.truth["label"] == "no" for item in items)
        return {"images": f"{without:,} without the object, {len(items):,} in all"}


def _entries(content: Any, name: str) -> Iterator[tuple[str, str, str]]:
    """(source list, object, file name) of one file. Raises DataError for what is not of that form."""
    for source, objects in _table(content, name).items():
        for thing, files in _table(objects, f"{name}, {source}").items():
            if not isinstance(files, list) or not all(isinstance(file, str) and file for file in files):
                raise DataError(f"{name}, {source}, {thing}: it should be a list of file names. Fetch the file again.")
            yield from ((source, thing, file) for file in files)


def _table(value: Any, where: str) -> Mapping[str, Any]:
    if not isinstance(value, dict) or not value:
        raise DataError(f"{where} is not an object of named values. Fetch the file again.")
    return value
