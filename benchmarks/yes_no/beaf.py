"""BEAF: COCO images with an object painted out. Does the answer change when it should, and only then?

Ye-Bin et al. 2024, arXiv:2407.13442; scoring as in postech-ami/BEAF beaf_metric.py. 26,064 questions about 2,224 images
(version 1; the published script asks for the 26,118 of version 0 and stops).

    {"id": 7, "image": "COCO_val2014_000000260993_01.png", "question": "Is there a car in the image?", "orig_img": false,
     "removed_q": true, "gt": "no"}

Of the questions about an object that this version lacks (label yes on the original, no here): TU (true understanding) TP -> TN,
IG (ignorance) FN -> FP, SB+ (stubborn yes) TP -> FP, SB- (stubborn no) FN -> TN. ID (indecision) is the share of the other
questions about edited images whose rightness changed. F1 is the harmonic mean of TU and 1 - ID.

Variants differ in an answer without yes and no: "strict" (default) counts it as wrong (accuracy, recall, TU, ID), but neither
as a yes nor as a no (precision, IG, SB+, SB-); "official" keeps the previous question's answer, as the script does by an
oversight. Departures: totals are counted, not 1,727; an unknown metric stops nothing.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence

from benchmarks._coco.image_evidence import coco_image_annotations
from benchmarks._files.official_files import OfficialFile
from benchmarks._files.question_rows import Row, by_key, check_unique, each, read_rows, repeated
from benchmarks._files.styles import WORD_OR_PHRASE, chosen, ending
from benchmarks._labels.one_label import OneLabel
from benchmarks._text.asked_object import asked_object
from benchmarks._text.yes_no import doubt, repope
from benchmarks._together import same_images
from benchmarks._together.groups import PREFIX, with_addends
from harness.core import registry
from harness.core.errors import DataError
from harness.core.evaluation import Answer, Decoding, Example, Formula, Item, Number, Score, Sums, over, ratio
from harness.core.plugins import Data
from harness.labels.claims import ImageAnnotations

_FILE = "beaf/beaf_qna.json"
_REPOSITORY = "github.com/postech-ami/BEAF"
VARIANTS = {"strict": "unread is wrong, and neither yes nor no", "official": "unread keeps the previous question's answer"}
_EDITED = re.compile(r"(.+)_\d\d\.png")
_UNREAD = "unread"  # the cell of an answer that said neither
# cell on the original -> cell now -> what it is called
_CHANGES = {("tp", "tn"): "tu", ("fn", "fp"): "ig", ("tp", "fp"): "sb_plus", ("fn", "tn"): "sb_minus"}


def _count(s: Sums, *cells: str) -> Number:
    return sum(s[cell] + s[f"{PREFIX}{cell}"] for cell in cells)


def _f1(s: Sums) -> Number:
    tp = _count(s, "tp")
    return over(2 * tp, (2 * tp + _count(s, "fp", "fn")) * (tp > 0))


def _tu(s: Sums) -> Number:
    return over(s[f"{PREFIX}tu"], s[f"{PREFIX}removed"])


def _f1_tuid(s: Sums) -> Number:
    tu, kept = _tu(s), 1 - over(s[f"{PREFIX}changed"], s[f"{PREFIX}others"])
    return over(2 * tu * kept, tu + kept)


def _of_removed(name: str, about: str, **more: object) -> Formula:
    unknown = "no question about a removed object with an answer on both images"
    better = "higher" if name == "tu" else "lower"
    return ratio(name, [PREFIX + name], [f"{PREFIX}removed"], **{"better": better, "unknown": unknown, "about": about, **more})


_TUID = (
    _of_removed("tu", "the object was seen, and its absence too", headline=True, role="helpfulness", title="TU"),
    ratio(
        "id",
        [f"{PREFIX}changed"],
        [f"{PREFIX}others"],
        better="lower",
        headline=True,
        unknown="no other question with an answer on both images",
        about="share of the other questions whose rightness changed",
        title="ID",
    ),
)


@registry.benchmark
class Beaf(OneLabel):
    """Yes/no questions about original images and their versions without an object."""

    title = "BEAF"
    version = 2  # 2: strict counts an unread answer as wrong, no longer as a yes
    styles: Mapping[str, str] = {"official": "", "llava": WORD_OR_PHRASE}
    files = (
        OfficialFile(_FILE, f"{_REPOSITORY}, version 1 by its link", "none stated", "copy it to beaf/"),
        OfficialFile("beaf/images", f"{_REPOSITORY}, images by its link", "COCO: Flickr terms", "unpack them in beaf/images"),
    )
    examples = (
        Example(Item("1", "a.jpg", "", {"label": "no"}), "No.", {"n": 1.0, "tn": 1.0}),
        Example(Item("2", "a.jpg", "", {"label": "yes"}), "A dog.", {"n": 1.0, "unread": 1.0, "fn": 1.0}),
    )
    formulas = (
        *_TUID,
        Formula(
            "f1_tuid",
            _f1_tuid,
            headline=True,
            unknown="TU is 0 where ID is 100 %, or one of them is unknown",
            title="F1_TUID",
            parts=_TUID,
        ),
        _of_removed("ig", "no on the original, yes on the image without the object", title="IG"),
        _of_removed("sb_plus", "yes on both images", role="hallucination", title="SB+"),
        _of_removed("sb_minus", "no on both images", title="SB-"),
        Formula("accuracy", lambda s: over(_count(s, "tp", "tn"), s["n"]), unknown="no answers"),
        Formula("precision", lambda s: over(_count(s, "tp"), _count(s, "tp", "fp")), unknown="the model never said yes"),
        Formula("recall", lambda s: over(_count(s, "tp"), _count(s, "tp", "fn")), unknown="no question with the label yes"),
        Formula("f1", _f1, unknown="no true positive"),
        ratio("unread", ["unread"], ["n"], better="lower", unknown="no answers", about="neither yes nor no in it"),
        ratio(
            "without_original",
            [f"{PREFIX}alone"],
            [f"{PREFIX}alone", f"{PREFIX}removed", f"{PREFIX}others"],
            better="neither",
            unknown="no answers about edited images",
            about="questions about edited images that are not answered on the original: in no metric of change",
        ),
    )

    def __init__(
        self,
        variant: str = "strict",  # what an unread answer is: strict or official
        style: str = "official",  # prompt style: official or llava
        file: str = _FILE,  # question file in the data folder
        image_folder: str = "beaf/images",  # image folder in the data folder
        max_new_tokens: int = 16,  # longest answer, in tokens
    ) -> None:
        self.variant, self.style = chosen(variant, VARIANTS, "BEAF"), style
        self._ending = ending(style, self.styles, "BEAF")
        self.file, self.image_folder, self.max_new_tokens = file, image_folder.rstrip("/"), max_new_tokens
        self._loaded: dict[str, str] = {}

    def load(self, data: Data) -> list[Item]:
        rows = read_rows(data, self.file)
        check_unique(rows, "id")
        items = same_images.marked(data, each(rows, self._item))
        by_key(rows, _asked, lambda row: row.text("gt").strip().lower())  # raises where labels contradict each other
        self._loaded = {f"sha256 of {self.file}": data.digest(self.file), "rows": f"{len(rows):,}"}
        self._loaded |= same_images.facts(items) | repeated((item.image, item.question) for item in items)
        return items

    def _item(self, row: Row) -> Item:
        image, label = row.file_name("image"), row.text("gt").strip().lower()
        if label not in ("yes", "no"):
            raise DataError(f"{row.where}: the label is {row['gt']!r}; BEAF's labels are yes and no. Correct that line.")
        if not all(isinstance(row[key], bool) for key in ("orig_img", "removed_q")):
            raise DataError(f"{row.where}: orig_img and removed_q must be true or false. Correct that line.")
        edited = _EDITED.fullmatch(image)
        if bool(row["orig_img"]) != (edited is None):
            expected = "an edited image, named ..._NN.png" if edited is None else "an original image, not ..._NN.png"
            raise DataError(f"{row.where}: {image!r} should be {expected}. Fetch the file again.")
        original = image if row["orig_img"] or edited is None else f"{edited[1]}.jpg"
        truth = {"label": label, "original": original, "edited": not row["orig_img"], "removed": row["removed_q"]}
        return Item(row.identifier("id"), f"{self.image_folder}/{image}", row.question("question"), truth, group=original)

    def prompt(self, item: Item) -> str:
        return item.question + self._ending

    def decoding(self) -> Decoding:
        return Decoding(max_new_tokens=self.max_new_tokens)

    def score(self, item: Item, answer: Answer) -> Score:
        """The cell of this answer alone. Under "official" an unread answer has none until `together` knows the previous one."""
        said, label = repope(answer.text), item.truth["label"]
        values = {"n": 1.0} | ({} if said else {"unread": 1.0})
        right = said == label
        if said or (self.variant == "strict" and label == "yes"):  # a yes that was not said is missing in recall
            values[_cell(said, label)] = 1.0
        return same_images.flagged(Score(item.id, values, said or "neither", right, doubt(answer.text, said)), item)

    def together(self, items: Sequence[Item], scores: Sequence[Score], answers: Mapping[str, Answer]) -> list[Score]:
        """What changed from each original to its edited versions; under "official" first what unread answers count as."""
        cells, added = self._cells(items, scores)
        originals = {(i.image, i.question): cell for i, cell in zip(items, cells, strict=True) if not i.truth["edited"]}
        labels = {(i.image, i.question): i.truth["label"] for i in items if not i.truth["edited"]}
        for place, item in enumerate(items):
            if not item.truth["edited"]:
                continue
            key = (f"{self.image_folder}/{item.truth['original']}", item.question)
            kinds = _kinds(originals.get(key, ""), labels.get(key, ""), cells[place], item)
            added.setdefault(place, {}).update({PREFIX + kind: 1.0 for kind in kinds})
        return with_addends(scores, added)

    def _cells(self, items: Sequence[Item], scores: Sequence[Score]) -> tuple[list[str], dict[int, dict[str, float]]]:
        """The cell of every answer, and the addends of those that `score` could not tell."""
        cells, added, previous = [], dict[int, dict[str, float]](), ""
        for place, (item, score) in enumerate(zip(items, scores, strict=True)):
            read = score.reading if score.reading in ("yes", "no") else ""
            previous = read or (previous if self.variant == "official" else "")
            cells.append(_cell(previous, item.truth["label"]) if previous or self.variant == "official" else _UNREAD)
            if not read and self.variant == "official":
                added[place] = {PREFIX + cells[-1]: 1.0}
        return cells, added

    def asked_object(self, item: Item) -> str:
        return asked_object(item.question)

    subject = asked_object

    def labels_by_slice(self, item: Item) -> Sequence[tuple[str, str]]:
        return [("", item.truth["label"])]

    def reference(self, item: Item) -> str:
        return str(item.truth["label"])

    def claimed(self, item: Item) -> str:
        return asked_object(item.question)

    def image_annotations(self, data: Data, items: Sequence[Item]) -> Mapping[str, ImageAnnotations]:
        """Those of COCO, of the original images where they lie in a COCO folder."""
        return coco_image_annotations(data, [item for item in items if not item.truth["edited"]])

    def facts(self) -> dict[str, str]:
        unread = VARIANTS[self.variant]
        return {"variant": self.variant, "unread answers": unread, "prompt style": self.style, **self._loaded}


def _asked(row: Row) -> str:
    return f"{row.file_name('image')} with {row.question('question')!r}"


def _cell(said: str, label: str) -> str:
    """tp, fp, tn or fn; an answer that says neither is the wrong one of its label."""
    if said == label:
        return "tp" if label == "yes" else "tn"
    return "fn" if label == "yes" else "fp"


def _kinds(before: str, label_before: str, now: str, item: Item) -> list[str]:
    if not before:
        return ["alone"]
    if not item.truth["removed"]:
        return ["others"] + (["changed"] if (before in ("tp", "tn")) != (now in ("tp", "tn")) else [])
    if (label_before, item.truth["label"]) != ("yes", "no"):
        return []  # the object is removed in another version of the image
    return ["removed"] + ([_CHANGES[before, now]] if (before, now) in _CHANGES else [])
