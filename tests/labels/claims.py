"""A little world of labels: forty images, a dog and a cat asked about in each, three checkpoints."""

from __future__ import annotations

from collections.abc import Mapping

from harness.core.evaluation import Item
from harness.labels.cases import Box
from harness.labels.claims import Claim, Evidence, ImageAnnotations, ImpliedLabel, Named, Witness

DOG = Box("dog", 10, 10, 300, 200)
N = 40


def evidence(
    labels: Mapping[int, str] = {}, image_annotations: Mapping[int, ImageAnnotations] = {}, **more: object
) -> Evidence:
    """Question i is about a dog in image i; even ones are labelled yes, unless `labels` says otherwise."""
    items = tuple(Item(str(i), f"coco/val2014/{i}.jpg", "Is there a dog in the image?") for i in range(N))
    claims = tuple(Claim(str(i), "label", labels.get(i, truth(i)), "dog") for i in range(N))
    found = {f"coco/val2014/{i}.jpg": image for i, image in image_annotations.items()}
    return Evidence("pope", items, claims, found, **more)  # type: ignore[arg-type]


def truth(i: int) -> str:
    return "yes" if i % 2 == 0 else "no"


def witness(name: str, wrong: tuple[int, ...] = (), nats: Mapping[int, float] | None = None) -> Witness:
    """Says the truth of every image but those in `wrong`."""
    yes = {i: (truth(i) == "yes") != (i in wrong) for i in range(N)}
    said = {(str(i), "label"): ImpliedLabel(y, nats[i] if nats else None) for i, y in yes.items()}
    return Witness(name, {str(i): "Yes." if y else "No." for i, y in yes.items()}, said)


def seen(i: int, *named: int, object_name: str = "dog", boxes: tuple[Box, ...] | None = None) -> ImageAnnotations:
    """ImageAnnotations i with five captions, of which those in `named` name the object."""
    own = boxes if boxes is not None else ((DOG,) if truth(i) == "yes" else ())
    return ImageAnnotations(own, ("a caption",) * 5, tuple(Named(n, object_name, object_name) for n in named), 640, 480)
