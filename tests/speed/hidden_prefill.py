"""What reading a prompt costs with 99 % of its image tokens hidden: left out of the sequence, or masked in the full one.

    python tests/speed/hidden_prefill.py                         # 64 BDHS answers, about 256 sentences
    python tests/speed/hidden_prefill.py --size 336              # 576 image tokens, as LLaVA-1.5 has
    python tests/speed/hidden_prefill.py --device cuda --size 7b # LLaVA-1.5-7B's shape

The requests are those of one BDHS try: every sentence of an answer is asked for with the answer so far as its given
beginning, all sentences of an answer with one mask. From tokens to the first logits: through our engine, through the language
model on the full masked sequence one by one, and that in batches of 8. Images are encoded beforehand on all sides. Sides take
turns, a turn being 16 answers. CPU seconds in user mode of one thread (wall seconds on a GPU); how far the logits are apart.
"""

from __future__ import annotations

import argparse
import os
import tempfile
import time
from pathlib import Path
from typing import Any

os.environ.setdefault("OMP_NUM_THREADS", "1")
from bdhs import drafts
from common import save_images, save_model, user_seconds

TURN = 16
SIDES = ("left out, shared, packed", "masked, one by one", "masked, 8 at once")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--answers", type=int, default=64)
    parser.add_argument("--device", default="cpu")
    parser.add_argument("--size", default="tiny", choices=["tiny", "336", "7b"])
    parser.add_argument("--model", type=Path, help="a folder: its model is used, or written there first")
    args = parser.parse_args()
    with tempfile.TemporaryDirectory() as place:
        compare(Path(place), args)


def compare(folder: Path, args: Any) -> None:
    import torch

    from harness.models.transformers import TransformersModel

    threads = {"threads": 1} if args.device == "cpu" else {}
    place = args.model or folder / "model"
    if not (place / "config.json").is_file():
        save_model(place, args.size, args.device)
    model = TransformersModel(str(place), device=args.device, **threads)
    asked = drafts([folder / "p" / name for name in save_images(folder / "p", TURN)], args.answers)
    spent, apart, full, left = [0.0] * len(SIDES), 0.0, [], []
    with torch.inference_mode():
        _turn(model, [r for own in asked[:TURN] for r in own])  # encodes the images, and is not counted
        for start in range(0, args.answers, TURN):
            requests = [r for own in asked[start : start + TURN] for r in own]
            seconds, logits = _turn(model, requests)
            spent = [a + b for a, b in zip(spent, seconds, strict=True)]
            apart = max(apart, *(float((logits[0] - others).abs().max()) for others in logits[1:]))
            full += [len(full_row(model, r)[0]) for r in requests]
            left += [len(model.prompts.row(0, r).ids) for r in requests]
    n = len(full)
    print(f"{n} prompts, 99 % of the image tokens hidden: {sum(full) / n:.0f} tokens each in full, {sum(left) / n:.0f} left")
    for name, seconds in zip(SIDES, spent, strict=True):
        print(f"  {name:<26}{1000 * seconds / n:8.2f} ms a prompt {seconds / spent[0]:7.1f} x")
    print(f"  logits (standard deviation {float(logits[0].std()):.2f}) apart by at most {apart:.1e}, {logits[0].dtype}")


def _turn(model: Any, requests: list[Any]) -> tuple[list[float], list[Any]]:
    """Seconds and logits (R, V) of every side."""
    seconds, logits = [], []
    for side in (left_out, lambda *given: masked(*given, 1), lambda *given: masked(*given, 8)):
        began = _now(model)
        logits.append(side(model, requests))
        seconds.append(_now(model) - began)
    return seconds, logits


def _now(model: Any) -> float:
    if model.device.type != "cuda":
        return user_seconds()
    import torch

    torch.cuda.synchronize()
    return time.perf_counter()


def left_out(model: Any, requests: list[Any]) -> Any:
    """As the engine reads them: by image and mask, what is common to a group once, all in one pass."""
    import torch

    from harness.models._engine.grouping import by_image, group
    from harness.models._engine.running_batch import kv_cache_for

    parts = [[model.prompts.row(i, requests[i]) for i in part] for part in by_image(requests, range(len(requests)))]
    groups = [g for rows in parts for g in group(rows, model.prompts.image_token_id)]
    order = torch.tensor([row.index for g in groups for row in g.rows]).argsort()
    return kv_cache_for(model._language()).join(groups)[order]


def masked(model: Any, requests: list[Any], at_once: int) -> Any:
    """Full sequences, padded on the left, hidden tokens masked, positions kept."""
    import torch
    from torch.nn.functional import pad

    from harness.models._checkpoint.image_features import ImageView

    logits = []
    for start in range(0, len(requests), at_once):
        part = requests[start : start + at_once]
        rows = [full_row(model, request) for request in part]
        width = max(len(ids) for ids, _ in rows)
        ids, mask = (torch.stack([pad(row[k], (width - len(row[k]), 0)) for row in rows]).to(model.device) for k in (0, 1))
        at = ids == model.prompts.image_token_id
        embeds = model.module.get_input_embeddings()(ids)
        known = model._features.of([ImageView(r.image) for r in part])
        embeds[at] = torch.cat([known[ImageView(r.image)].embeds for r in part])
        positions = torch.arange(width, device=ids.device)[None] - torch.tensor([[width - len(i)] for i, _ in rows]).to(
            ids.device
        )
        decoder = model.module.get_decoder()
        states = decoder(inputs_embeds=embeds, attention_mask=mask, position_ids=positions.clamp(min=0), use_cache=True)
        logits.append(model.head()(states.last_hidden_state[:, -1]))
    return torch.cat(logits)


def full_row(model: Any, request: Any) -> tuple[Any, Any]:
    """Tokens (T,) of prompt and given beginning, and their mask (T,)."""
    import torch

    from harness.models._checkpoint.prompt_builder import visible_tokens

    prompts = model.prompts
    ids = torch.tensor(prompts.prompt_ids(request.image, request.text) + prompts.prefix_ids(request))
    mask, at = torch.ones_like(ids), ids == prompts.image_token_id
    mask[at] = visible_tokens(request.hidden_image, int(at.sum())).long()
    return ids, mask


if __name__ == "__main__":
    main()
