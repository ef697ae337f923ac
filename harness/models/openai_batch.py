"""A provider's batch files (OpenAI's format): requests are written, submitted by you, and replies read back a day later.

Most providers charge half for them. A sweep, or its judge, writes what it would ask and lists those items as waiting; once the
provider's output file lies in the folder, the same command goes on with the replies.
"""

from __future__ import annotations

import json
import re
from collections import Counter
from collections.abc import Container, Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from harness.core import registry
from harness.core.digests import file_digest, value_digest
from harness.core.edge.images import DECODING
from harness.core.edge.text import printable
from harness.core.errors import ConfigError, DataError, ModelError, Unanswered
from harness.core.evaluation import Answer, Request
from harness.core.files import write_text_whole
from harness.core.preference import one_or_all, paths_of
from harness.core.run_record import SERVED, UNKNOWN_WEIGHTS, Checkpoint
from harness.models._server.chat_format import chat_body, content_of, data_url, read_reply
from harness.models._server.refusals import Again, Refusal, Unanswerable
from harness.models._server.thinking import Thinking
from harness.models._server.usage import OtherModels

_REQUESTS = re.compile(r"requests-(\d+)\.jsonl")
_LINES, _BYTES = 20_000, 90 << 20  # of a file; OpenAI takes 50,000 requests and 200 MB


@registry.model
class OpenAIBatch:
    """A model that answers through batch files.

    Args:
        folder: where request files (requests-1.jsonl, ..) are written and the provider's output files are put, under any
            other name that ends in .jsonl (requests-1_output.jsonl as well).
        model: the provider's name for the model.
        revision: which weights these are, in your words; part of the identity under which answers are stored.
        limit_name: what the provider calls the token limit: max_tokens, or max_completion_tokens.
        extra: further keys of each request's body.
        enable_thinking: given to the provider's chat template; None leaves its own default.
        thinking_tokens: tokens of reasoning at most, besides a benchmark's limit for the answer; 0: one limit over both.
    Raises ConfigError for a folder that is a file and for a negative limit.
    """

    one_image = ""

    def __init__(
        self,
        folder: str,
        model: str,
        revision: str = "",
        limit_name: str = "max_tokens",
        extra: Mapping[str, Any] | None = None,
        enable_thinking: bool | None = None,
        thinking_tokens: int = 0,
    ) -> None:
        self._thinking = Thinking(enable_thinking, thinking_tokens)
        self._folder, self._model, self._revision = Path(folder).expanduser(), model, str(revision)
        if self._folder.exists() and not self._folder.is_dir():
            raise ConfigError(f"The batch folder {self._folder} is a file; choose another `folder`.")
        if limit_name not in ("max_tokens", "max_completion_tokens"):
            raise ConfigError(f"`limit_name` is {limit_name!r}; choose max_tokens or max_completion_tokens.")
        self._limit, self._extra, self._others = limit_name, self._thinking.extra(extra or {}), OtherModels()
        self.checkpoint = Checkpoint(model, model, "", value_digest(["batch", model, self._revision]))

    def facts(self) -> dict[str, str]:
        """What can move an answer, as far as it is known here."""
        facts = {
            "model class": "provider batch (OpenAI format)",
            "image decoding": DECODING,
            SERVED: self._model,
            "weights": f"{UNKNOWN_WEIGHTS}; revision {self._revision or 'not given'}",
            **self._thinking.facts(),
        }
        return {**facts, "extra": json.dumps(self._extra, sort_keys=True)} if self._extra else facts

    def generate(self, requests: Sequence[Request], done: Container[int] = ()) -> Iterator[list[tuple[int, Answer]]]:
        """Answers that the folder has; the other requests are written.

        Raises Unanswered with what to do for each of them; DataError for a file of the folder that is not JSON lines.
        """
        wanted = {i: self._body(request) for i, request in enumerate(requests) if i not in done}
        ids = {i: self._id(requests[i], body) for i, body in wanted.items()}
        replies, failed, replied = self._replies()
        answers: list[tuple[int, Answer]] = []
        lost: dict[int, str] = {}
        one_of = {name: requests[i] for i, name in ids.items()}
        read = {name: self._answer(replies.get(name, ()), one, failed.setdefault(name, [])) for name, one in one_of.items()}
        for i, name in ids.items():
            if (answer := read[name]) is not None:
                answers.append((i, answer))
                self._others.look(f"The batch in {self._folder}", self._model, answer.model)
            else:
                lost[i] = failed[name][-1] if failed[name] else ""
        if answers:
            yield answers
        if lost:
            where = self._write({ids[i]: (requests[i], wanted[i]) for i in lost}, replied)
            raise Unanswered({i: self._waits(where[ids[i]], why) for i, why in sorted(lost.items())})

    def _answer(self, bodies: Sequence[Any], request: Request, failed: list[str]) -> Answer | None:
        """Of the first reply that can be read; `failed` gets the reasons of those before it."""
        for body in bodies:
            try:
                return self._read(body, request)
            except (Again, Unanswerable) as error:
                failed.append(str(error))
        return None

    def _waits(self, file: str, why: str) -> str:
        waits = f"waits for a batch: submit {file}, put the output file into {self._folder} and run the same command again"
        return f"the batch failed ({why}); it {waits}" if why else waits

    def _read(self, body: Any, request: Request) -> Answer:  # Any: what a provider wrote
        return read_reply(body, request.decoding, 0.0, self._thinking.tokens).answer

    # ------------------------------------------------------------ files

    def _body(self, request: Request) -> dict[str, Any]:
        """Without the image's bytes: those are put in when it is written."""
        if request.hidden_image is not None or request.noise is not None or request.prefix or request.decoding.min_new_tokens:
            raise ModelError(
                "A provider's batch can neither hide image tokens, add noise, continue a given beginning nor keep to a least "
                "length. Give a checkpoint in a folder (model.name: transformers)."
            )
        return {**chat_body(self._thinking.asked(request), [], self._model, self._limit), **self._extra}

    def _id(self, request: Request, body: Mapping[str, Any]) -> str:
        if request.decoding.temperature > 0:
            body = {"top_p": 1.0, **body}  # as earlier versions sent it: the id stays
        asked: list[object] = [self._revision, body, one_or_all(map(file_digest, paths_of(request.image)))]
        if request.decoding.seed and "seed" not in body:  # greedy: a repeat would read the first asking's reply again
            asked.append(request.decoding.seed)
        return value_digest(asked)[:32]

    def _replies(self) -> tuple[dict[str, list[Any]], dict[str, list[str]], Counter[str]]:
        """Bodies of replies, newest first, and the reasons of failed ones, by request; and how many replies of any kind there
        are, by their own ids. A line that is there twice counts once."""
        good: dict[str, list[Any]] = {}
        failed: dict[str, list[str]] = {}
        seen, replied = set[int](), Counter[str]()
        for path in sorted(p for p in self._folder.glob("*.jsonl") if p.is_file() and not _number(p)):
            for row in _rows(path):
                if (line := hash(json.dumps(row, sort_keys=True))) in seen:
                    continue
                seen.add(line)
                replied[row["custom_id"]] += 1
                if why := _refusal(row):
                    failed.setdefault(_request_of(row["custom_id"]), []).append(why)
                else:
                    good.setdefault(_request_of(row["custom_id"]), []).insert(0, row["response"]["body"])
        return {name: sorted(bodies, key=_made_at, reverse=True) for name, bodies in good.items()}, failed, replied

    def _write(self, missing: Mapping[str, tuple[Request, dict[str, Any]]], replied: Counter[str]) -> dict[str, str]:
        """Write what waits in no file: what was never written, and what has no usable reply where its last file, or others of
        that file, have one. The name of each request's file. `replied`: see `_replies`."""
        paths = sorted(filter(_number, self._folder.glob("*.jsonl")), key=_number)
        rows = [(path.name, row["custom_id"]) for path in paths for row in _rows(path)]
        files, alike = dict[str, list[str]](), Counter[str]()
        back = set[str]()
        for file, own in rows:
            files.setdefault(_request_of(own), []).append(file)
            # Earlier versions gave a request one id in all files: its first reply is of the first.
            if alike[own] < replied[own]:
                back.add(file)
            alike[own] += 1
        fresh = [name for name in missing if name not in files or files[name][-1] in back]
        where = {name: files[name][-1] for name in missing if name in files}
        self._folder.mkdir(parents=True, exist_ok=True)
        lines = ((name, self._line(_id_in_file(name, len(files.get(name, ()))), *missing[name])) for name in fresh)
        for number, part in enumerate(_parts(lines), max(map(_number, paths), default=0) + 1):
            path = self._folder / f"requests-{number}.jsonl"
            write_text_whole(path, "".join(line for _, line in part))
            where |= {name: path.name for name, _ in part}
        return where

    def _line(self, name: str, request: Request, body: dict[str, Any]) -> str:
        if request.image is not None:
            (message,) = body["messages"]
            content = content_of(request.text, [data_url(path) for path in paths_of(request.image)])
            body = {**body, "messages": [{**message, "content": content}]}
        return json.dumps({"custom_id": name, "method": "POST", "url": "/v1/chat/completions", "body": body}) + "\n"


def _parts(lines: Iterable[tuple[str, str]]) -> Iterator[list[tuple[str, str]]]:
    """As many (id, line) a file as a provider takes."""
    part: list[tuple[str, str]] = []
    size = 0
    for name, line in lines:
        if part and (len(part) == _LINES or size + len(line) > _BYTES):
            yield part
            part, size = [], 0
        part.append((name, line))
        size += len(line)
    if part:
        yield part


def _id_in_file(request: str, before: int) -> str:
    """The id of a request's line in a file; `before`: files that have one already. Replies then tell which asking they are to,
    so that a file of which some came back is known from one that waits."""
    return f"{request}-{before + 1}" if before else request


def _request_of(custom_id: str) -> str:
    return custom_id.partition("-")[0]


def _number(path: Path) -> int:
    """N of a request file requests-N.jsonl; 0 for any other name."""
    found = _REQUESTS.fullmatch(path.name)
    return int(found[1]) if found else 0


def _refusal(row: Mapping[str, Any]) -> str:
    """Why a row of an output file is no answer, as far as its status and errors say; "" where nothing is wrong with it."""
    response, error = row.get("response") or {}, row.get("error")
    body = response.get("body")
    if error or response.get("status_code") != 200 or not isinstance(body, dict):
        return printable(json.dumps(error or body))[:200]
    refusal = Refusal.of_body(body)  # also beside a part of an answer
    return f"HTTP {refusal.status}: {printable(refusal.words)[:200]}" if refusal is not None else ""


def _made_at(body: Mapping[str, Any]) -> float:
    """When a reply was made, in seconds, as it says."""
    made = body.get("created")
    return made if isinstance(made, (int, float)) else 0.0


def _rows(path: Path) -> Iterable[dict[str, Any]]:
    """The objects of a file of JSON lines that name a request."""
    with path.open(encoding="utf-8", errors="replace") as file:
        for number, line in enumerate(file, 1):
            if not line.strip():
                continue
            try:
                row = json.loads(line)
                if not isinstance(row["custom_id"], str) or not isinstance(row.get("response") or {}, dict):
                    raise ValueError
            except (ValueError, TypeError, KeyError, RecursionError):
                raise DataError(f"{path}, line {number}, is not a line of a batch file. Fetch it again or remove it.") from None
            yield row
