"""An OpenAI-compatible server on the loopback that misbehaves as it is told to."""

from __future__ import annotations

import json
import socket
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

CUT = "cut the connection"  # what a behaviour may return instead of a reply


@dataclass
class Said:
    """A reply of the server: JSON unless `raw` is given."""

    data: Any = None
    status: int = 200
    headers: Mapping[str, str] = field(default_factory=dict)
    raw: bytes | None = None
    wait_s: float = 0.0  # before the first byte
    drip_s: float = 0.0  # before each further byte


def reply(text: Any = "Yes.", finish: str | None = "stop", tokens: tuple[int, int, int] | None = (100, 3, 60)) -> Said:
    """A well-formed chat completion; `tokens` are prompt, completion, cached."""
    data: dict[str, Any] = {
        "choices": [{"index": 0, "message": {"role": "assistant", "content": text}, "finish_reason": finish}]
    }
    if tokens is not None:
        prompt, completion, cached = tokens
        data["usage"] = {"prompt_tokens": prompt, "completion_tokens": completion}
        data["usage"]["prompt_tokens_details"] = {"cached_tokens": cached}
    return Said(data)


def refused(status: int, message: str = "no", **headers: str) -> Said:
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    return Said({"error": {"message": message, "code": None}}, status, named)


Behaviour = Callable[[dict[str, Any], int], Said | str]  # (request body, how many came before it)


class Server(ThreadingHTTPServer):
    """Counts, remembers and answers by its behaviour."""

    daemon_threads = True
    request_queue_size = 64

    def __init__(self, behaviour: Behaviour, models: list[dict[str, Any]] | Said) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.behaviour, self.models = behaviour, models
        self.asked: list[dict[str, Any]] = []
        self.keys: list[str] = []
        self.times: list[float] = []
        self.at_once = self.most_at_once = 0
        self.lock = threading.Lock()
        self.connections: list[Any] = []

    def process_request(self, request: Any, client_address: Any) -> None:
        self.connections.append(request)
        super().process_request(request, client_address)

    def hang_up(self) -> None:
        """Connections that are kept alive outlive the server's own end."""
        for connection in self.connections:
            with suppress(OSError):
                connection.shutdown(socket.SHUT_RDWR)

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server_address[1]}/v1"

    def questions(self) -> list[str]:
        """The text of every request, in the order of arrival."""
        return [body["messages"][0]["content"][-1]["text"] for body in self.asked]

    def handle_error(self, request: Any, client_address: Any) -> None:
        """A client that went away is what some tests are about."""


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    server: Server

    def log_message(self, *_: object) -> None:
        pass

    def do_GET(self) -> None:
        models = self.server.models
        self._send(models if isinstance(models, Said) else Said({"object": "list", "data": models}))

    def do_POST(self) -> None:
        server = self.server
        body = json.loads(self.rfile.read(int(self.headers["content-length"])))
        with server.lock:
            count = len(server.asked)
            server.asked.append(body)
            server.keys.append(self.headers.get("authorization", ""))
            server.times.append(time.monotonic())
            server.at_once += 1
            server.most_at_once = max(server.most_at_once, server.at_once)
        try:
            said = server.behaviour(body, count)
            if isinstance(said, Said):
                time.sleep(said.wait_s)
        finally:
            with server.lock:
                server.at_once -= 1
        if isinstance(said, Said):
            self._send(said)
        else:
            self.close_connection = True
            self.connection.close()

    def _send(self, said: Said) -> None:
        content = said.raw if said.raw is not None else json.dumps(said.data).encode()
        self.send_response(said.status)
        for name, value in {"content-type": "application/json", **said.headers}.items():
            self.send_header(name, value)
        self.send_header("content-length", str(len(content)))
        self.end_headers()
        for part in [content[i : i + 1] for i in range(len(content))] if said.drip_s else [content]:
            self.wfile.write(part)
            self.wfile.flush()
            time.sleep(said.drip_s)


@contextmanager
def serving(behaviour: Behaviour | None = None, models: list[dict[str, Any]] | Said | None = None) -> Iterator[Server]:
    """A server for the length of a test; without a behaviour it says Yes."""
    listing = models if models is not None else [{"id": "tiny", "owned_by": "vllm", "root": "/models/tiny"}]
    server = Server(behaviour or (lambda body, count: reply()), listing)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True)
    thread.start()
    try:
        yield server
    finally:
        server.shutdown()
        server.server_close()
        server.hang_up()
        thread.join()


@contextmanager
def nobody() -> Iterator[str]:
    """An address at which nothing listens."""
    with serving() as server:
        url = server.url
    yield url
