"""Stand-ins for a server's executable: what their scripts have in common, and one that notes each of its starts."""

from __future__ import annotations

import json
import os
import sys
from pathlib import Path
from typing import Any

import pytest

HANDLER = """
import json, os, subprocess, sys
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
args = sys.argv[1:]
class Says(BaseHTTPRequestHandler):
    def log_message(self, *_): pass
    def say(self, data):
        content = json.dumps(data).encode()
        self.send_response(200)
        self.send_header("content-length", str(len(content)))
        self.end_headers()
        self.wfile.write(content)
"""

# Each does STAND_IN_FIRST, notes its pid, GPUs and requests, and answers with its port; a question "die" ends it.
_NOTING = (
    HANDLER
    + """
port = args[args.index("--port") + 1]
exec(os.environ.get("STAND_IN_FIRST", ""))
with open(os.path.join(os.environ["STAND_IN"], port + ".json"), "w") as file:
    json.dump({"args": args, "pid": os.getpid(), "gpus": os.environ.get("CUDA_VISIBLE_DEVICES")}, file)
class Handler(Says):
    def do_GET(self):
        models = [{"id": args[args.index("--served-model-name") + 1], "owned_by": "vllm", "root": args[1]}]
        self.say({"/health": {}, "/version": {"version": "9.9"}}.get(self.path, {"data": models}))
    def do_POST(self):
        body = self.rfile.read(int(self.headers["content-length"])).decode()
        if "die" in body:
            print("CUDA error", flush=True)
            os._exit(4)
        asked = json.loads(body)
        with open(os.path.join(os.environ["STAND_IN"], port + ".asked"), "a") as file:
            file.write(body + "\\n")
        message = {"role": "assistant", "content": os.environ.get("STAND_IN_SAYS", port)}
        self.say({"choices": [{"index": 0, "message": message, "finish_reason": "stop"}], "model": asked["model"]})
ThreadingHTTPServer(("127.0.0.1", int(port)), Handler).serve_forever()
"""
)


def noting_server(folder: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Puts one into the folder and onto PATH as vllm; returns where the starts are noted."""
    (folder / "vllm").write_text(f"#!{sys.executable}\n{_NOTING}")
    (folder / "vllm").chmod(0o755)
    (folder / "said").mkdir()
    monkeypatch.setenv("PATH", f"{folder}{os.pathsep}/usr/bin{os.pathsep}/bin")
    monkeypatch.setenv("STAND_IN", str(folder / "said"))
    return folder / "said"


def noted(starts: Path) -> dict[str, dict[str, Any]]:
    """Of each start, by its port: arguments, pid and GPUs."""
    return {path.stem: json.loads(path.read_text()) for path in starts.glob("*.json")}


def asked(starts: Path) -> list[dict[str, Any]]:
    """The requests to all of them."""
    return [json.loads(line) for path in sorted(starts.glob("*.asked")) for line in path.read_text().splitlines()]


def runs(pid: int) -> bool:
    """Whether the process is there and no zombie."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except OSError:
        return False
