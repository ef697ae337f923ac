"""The model card beside the weights."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

_CARD = """\
---
license: apache-2.0
library_name: transformers
pipeline_tag: image-text-to-text
---
# Small LLaVA of the miniature world

A {parameters:,}-parameter model of LLaVA-1.6's class (`LlavaNextForConditionalGeneration`: CLIP tower, two-layer
projector, Llama) that describes the drawn images of mm-align-harness's miniature world and answers questions about
them. It was trained from nothing, on nothing but this world, to have something worth aligning: it guesses by the kind
of place where it cannot see, as large models do. It knows no real photographs.

- **Made by** `python -m harness.miniworld.model.build --seed {seed}` in {minutes:.0f} minutes; losses in `training_log.json`.
- **Data**: {images:,} drawn images; a description, six yes/no questions and two others about each. 15 % of the
  things in them are too faint to see, and 20 % of the descriptions name a typical but absent thing. In training, one row
  in ten hardly sees its image, so that the model also learns the typical captions of its world.
- **Recipe**: the tower alone names what covers each patch ({tower_steps} steps), then is frozen; projector and language
  model learn the answers ({steps} steps of {batch} images).
- **Prompt**: `USER: <image>\\n{{question}} ASSISTANT: {{answer}}</s>`, written by the chat template.
- **Weights** are stored as float16; scores are measured in float32. They are in docs/miniworld.md with the command.
- **Not for** anything but trying and testing alignment and evaluation code.

```python
from transformers import AutoModelForImageTextToText, AutoProcessor
model = AutoModelForImageTextToText.from_pretrained(folder, dtype="float32")
processor = AutoProcessor.from_pretrained(folder)
```
"""


def model_card(facts: Mapping[str, Any], *, parameters: int, minutes: float) -> str:
    """README.md; `facts` are the build settings by name."""
    return _CARD.format(**facts, parameters=parameters, minutes=minutes)
