"""What BDHS generation costs beside the plain way: masked full-length `generate`, sentence by sentence.

    python tests/speed/bdhs.py                   # 256 guided answers; the plain way on every eighth sentence

Tiny LLaVA of random weights (256 image tokens), 99 % of them hidden, answers of three to five sentences, greedy, at most 24
tokens a completion. Both sides get the same prefixes, in turns of 64 answers; the texts of both are compared. CPU seconds in
user mode, one thread.
"""

from __future__ import annotations

import argparse
import os
import random
import tempfile
from dataclasses import replace
from pathlib import Path
from typing import Any

os.environ.setdefault("OMP_NUM_THREADS", "1")
from common import QUESTION, save_images, save_model, sentences, user_seconds

TURN, TOKENS = 64, 24


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--answers", type=int, default=256)
    parser.add_argument("--every", type=int, default=8, help="the plain way answers each so manieth sentence")
    args = parser.parse_args()
    with tempfile.TemporaryDirectory() as place:
        compare(Path(place), args.answers, args.every)


def compare(folder: Path, n: int, every: int) -> None:
    from harness.core.plugins import in_order
    from harness.models.transformers import TransformersModel

    model = TransformersModel(str(save_model(folder / "model")), device="cpu", threads=1)
    images = [folder / "p" / name for name in save_images(folder / "p", 64)]
    requests = drafts(images, n)
    ours = plain = 0.0
    sentences_ours = sentences_plain = same = 0
    for start in range(0, n, TURN):
        own = [r for i in range(start, min(start + TURN, n)) for r in requests[i]]
        began = user_seconds()
        answers = in_order((pair for batch in model.generate(own) for pair in batch), len(own))
        ours, sentences_ours = ours + user_seconds() - began, sentences_ours + len(own)
        for request, answer in list(zip(own, answers, strict=True))[::every]:
            began = user_seconds()
            text = generate(model, request)
            plain, sentences_plain = plain + user_seconds() - began, sentences_plain + 1
            same += text == answer.text
    each, theirs = ours / sentences_ours, plain / sentences_plain
    print(f"{n} guided answers, {sentences_ours} sentences, 99 % of 256 image tokens hidden, {TOKENS} tokens a completion")
    print(f"  ours                          {1000 * each:7.1f} ms of CPU a sentence, {ours:.1f} s in all")
    print(f"  masked generate, one by one   {1000 * theirs:7.1f} ms of CPU a sentence (on {sentences_plain} of them)")
    print(f"  {theirs / each:.1f} x; the same text in {same} of {sentences_plain}")


def drafts(images: list[Path], n: int) -> list[list[Any]]:
    """The requests of one BDHS try for n answers."""
    from alignment.data.bdhs_drafts import Rules, new_draft, requests_of
    from alignment.data.prompts import Prompt
    from harness.core.evaluation import Decoding

    draw = random.Random(3)
    rules = Rules(decoding=Decoding(max_new_tokens=TOKENS))
    made = []
    for i in range(n):
        path = images[i % len(images)]
        prompt = Prompt(str(i), path.name, "", path, f"{QUESTION} {i}", sentences(draw, draw.randint(3, 5)))
        made.append(requests_of(new_draft(prompt, 0, rules), rules, seed=0))
    return made


def generate(model: Any, request: Any) -> str:
    """The whole sequence with the hidden tokens masked, through `generate`, positions kept."""
    import torch

    from harness.models._checkpoint.prompt_builder import visible_tokens
    from harness.models._engine.decoding import cut_after_stop

    prompts = model.prompts
    row = prompts.row(0, replace(request, hidden_image=None))
    tokens = torch.tensor([row.ids])
    mask, at = torch.ones_like(tokens), tokens == prompts.image_token_id
    mask[at] = visible_tokens(request.hidden_image, int(at.sum())).long()
    vision = prompts.image_inputs(request.image).tensors
    with torch.inference_mode():
        out = model.module.generate(
            input_ids=tokens, attention_mask=mask, position_ids=torch.arange(tokens.shape[1])[None], max_new_tokens=TOKENS,
            do_sample=False, stop_strings=["."], tokenizer=prompts.tokenizer, **vision,
        )  # fmt: skip
    said = [i for i in out[0, tokens.shape[1] :].tolist() if i != prompts.tokenizer.eos_token_id]
    text: str = prompts.answer_text(row.context, said, row.head)
    return cut_after_stop(text, request.decoding.stop)


if __name__ == "__main__":
    main()
