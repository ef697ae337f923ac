"""An annotator that knows: it reads the objects of *training* images from their own annotations.

For the miniature world and other data with instance annotations, as the stand-in for the study's stronger model that
ranks answers in online DPO (arXiv:2407.02477, appendix D: fewer hallucinations first, then helpfulness). It never reads the
split that the benchmarks ask about.

- A question that the reference answers with yes or no: 1 for the same word, else 0.
- Anything else: the share of the image's objects that the answer names, less 1 for each object it invents.
"""

from __future__ import annotations

from functools import cached_property
from pathlib import Path

from benchmarks._coco import vocabulary as _vocabulary
from benchmarks._coco.annotations import Truth, read_truth
from benchmarks._coco.asserted_objects import assertions
from benchmarks._text.yes_no import READERS
from benchmarks.chair import Chair
from benchmarks.judges._ranking import RanksByRating
from harness.core import registry
from harness.core.errors import ConfigError, JudgeError
from harness.core.evaluation import Verdict
from harness.core.final_answer import final_answer
from harness.core.judging import Facts
from harness.core.plugins import Data
from harness.core.preference import Images


@registry.judge
class Annotations(RanksByRating):
    """Rates by the annotated objects of the image; its version names the files."""

    one_image = "It cannot tell which of several images an answer names the objects of."

    name = "annotations"

    def __init__(
        self,
        data: Data | None,
        folder: str = "coco/annotations",  # folder of COCO's annotations in the data folder
        year: str = "2014",  # of the annotation files
        split: str = "train",  # train: an annotator never reads the split that is asked about
    ) -> None:
        if split != "train":
            raise ConfigError(f"annotations.split is {split!r}: an annotator may read the training split only.")
        if data is None:
            raise ConfigError(
                "The annotations judge reads COCO's annotations in the data folder of a study; here there is none."
            )
        self._data, self._folder, self._year, self._split = data, folder, year, split
        self.version = "rules 4, " + ", ".join(f"{name} {digest[:12]}" for name, digest in sorted(self._truth.sources.items()))

    def rate(self, question: str, answer: str, facts: Facts, image: Images) -> Verdict:
        """Raises JudgeError for an image that the training annotations do not have."""
        read = READERS["llava"]
        reference = str(facts.get("gt_answer", ""))
        if reference.split(",", maxsplit=1)[0].strip(" .").lower() in ("yes", "no"):
            right = read(final_answer(answer).text) == read(reference)
            return Verdict(float(right), "right" if right else "wrong", "", self.name, self.version)
        if isinstance(image, tuple):
            raise JudgeError(f"The annotations judge rates answers about one image. {self.one_image}")
        objects = self._objects(image)
        said = assertions(answer).present
        invented = [node for node in said if node not in objects]
        share = len(objects.intersection(said)) / len(objects) if objects else 0.0
        why = f"invented {', '.join(invented) or 'nothing'}; names {share:.0%} of the objects"
        return Verdict(share - len(invented), why, why, self.name, self.version)

    def _objects(self, image: Path | None) -> frozenset[str]:
        number = self._truth.id_of_file(image.as_posix()) if image is not None else None
        folder = f"{self._split}{self._year}"
        if number is None or not self._truth.files[number].startswith(self._split):
            raise JudgeError(
                f"The annotations judge does not know the image {image}: it is not in {folder}. Annotated images lie in a "
                f"folder {folder}, or in the folders that the annotations name; COCO's names may lie anywhere."
            )
        return frozenset(self._truth.objects.get(number, ()))

    @cached_property
    def _truth(self) -> Truth:
        chair, nodes, rules = Chair(), _vocabulary.chair().node_of, "annotations judge"

        def said(caption: str) -> list[str]:
            return [mention.node for mention in chair.mentions(caption)]

        return read_truth(self._data, self._folder, self._year, self._split, nodes, said, rules, alone=True)
