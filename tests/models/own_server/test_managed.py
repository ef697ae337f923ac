"""A server that the harness starts itself: on the folder's weights, waited for, and never left behind."""

from __future__ import annotations

import gc
import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import peft
import pytest
from transformers import AutoModelForImageTextToText

from harness.config import check_paths, schema
from harness.config.check_paths import path_faults
from harness.core.digests import model_digest
from harness.core.errors import ConfigError, ModelError
from harness.core.evaluation import Answer, Request
from harness.models._own_server import arguments, managed, process
from harness.models.openai import OpenAIModel
from tests.models.own_server.stand_in import HANDLER, runs

pytestmark = pytest.mark.filterwarnings("ignore::UserWarning", "ignore::FutureWarning")  # peft's own, of the adapters made here

_SERVER = (
    HANDLER
    + """
def after(flag):
    return args[args.index(flag) + 1] if flag in args else ""
child = subprocess.Popen(["sleep", "60"])
with open(os.environ["STAND_IN"], "w") as file:
    json.dump({"args": args, "pids": [os.getpid(), child.pid]}, file)
names = [after("--served-model-name"), after("--lora-modules").partition("=")[0]]
class Handler(Says):
    def do_GET(self):
        pages = {"/health": {}, "/version": {"version": "9.9"}}
        models = [{"id": name, "owned_by": "vllm", "root": args[1]} for name in names if name]
        self.say(pages.get(self.path, {"data": models}))
    def do_POST(self):
        body = json.loads(self.rfile.read(int(self.headers["content-length"])))
        message = {"role": "assistant", "content": "Yes from " + body["model"]}
        self.say({"choices": [{"index": 0, "message": message, "finish_reason": "stop"}], "model": body["model"]})
ThreadingHTTPServer((after("--host"), int(after("--port"))), Handler).serve_forever()
"""
)
_DIES = "import sys; print('CUDA out of memory \\x1b[31m', file=sys.stderr); sys.exit(3)"
_SILENT = (
    "import json, os, time\nprint('loading', flush=True)\n"
    "json.dump({'pids': [os.getpid()]}, open(os.environ['STAND_IN'], 'w'))\ntime.sleep(60)"
)


class StandIn:
    """An executable of the test's own in place of a server."""

    def __init__(self, folder: Path) -> None:
        self.folder, self._said = folder, folder / "said.json"
        os.environ["STAND_IN"] = str(self._said)

    def is_now(self, code: str, name: str = "vllm") -> None:
        file = self.folder / name
        file.write_text(f"#!{sys.executable}\n{code}")
        file.chmod(0o755)

    def said(self) -> dict[str, Any]:
        data: dict[str, Any] = json.loads(self._said.read_text())
        return data

    def is_gone(self) -> bool:
        """Whether every process of it ended, within ten seconds."""
        until = time.monotonic() + 10
        while any(runs(pid) for pid in self.said()["pids"]):
            if time.monotonic() > until:
                return False
            time.sleep(0.05)
        return True


@pytest.fixture
def vllm(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> StandIn:
    monkeypatch.setenv("PATH", f"{tmp_path}{os.pathsep}/usr/bin{os.pathsep}/bin")
    monkeypatch.setenv("STAND_IN", "")
    stand_in = StandIn(tmp_path)
    stand_in.is_now(_SERVER)
    return stand_in


def served(folder: Path, **options: Any) -> OpenAIModel:
    model = OpenAIModel(**{"path": str(folder), "serve": "vllm", "start_s": 60.0, **options})
    model.start()
    return model


def answers_of(model: OpenAIModel) -> dict[int, Answer]:
    return dict(answer for batch in model.generate([Request(None, "q")]) for answer in batch)


def saved_adapter(base: Path, folder: Path, **config: Any) -> Path:
    module = AutoModelForImageTextToText.from_pretrained(base)
    options = {"r": 12, "target_modules": r".*language_model.*q_proj", **config}
    peft.get_peft_model(module, peft.LoraConfig(**options)).save_pretrained(folder)
    return folder


def test_a_checkpoint_folder_is_served_asked_and_the_whole_server_ended_with_the_model(
    vllm: StandIn, llava_folder: Path
) -> None:
    model = served(llava_folder, serve_args=["--max-model-len", "512"])
    args = vllm.said()["args"]
    assert answers_of(model)[0].text.startswith(f"Yes from {llava_folder.name}-")
    assert args[:4] == ["serve", str(llava_folder), "--host", "127.0.0.1"] and args[-2:] == ["--max-model-len", "512"]
    assert all(runs(pid) for pid in vllm.said()["pids"])
    del model
    gc.collect()
    assert vllm.is_gone()


def test_its_weights_are_known_by_content_and_name_and_arguments_stand_in_the_protocol(
    vllm: StandIn, llava_folder: Path
) -> None:
    (vllm.folder / "t.jinja").write_text("{{ messages }}")
    model = served(llava_folder, model="mine", serve_args=["--seed", "1", "--chat-template", str(vllm.folder / "t.jinja")])
    facts = model.facts()
    assert model.checkpoint.digest == model_digest(llava_folder)
    assert facts["served model"] == "mine" and facts["server"] == "vllm 9.9, started here" and "address" not in facts
    # sha256 of "{{ messages }}" would move with the file's content
    assert facts["server arguments"].startswith("--seed 1 --chat-template ") and facts["server arguments"].endswith(")")
    assert "not known" not in facts["weights"]


def test_a_server_that_ends_at_its_start_is_reported_with_the_end_of_its_log(vllm: StandIn, llava_folder: Path) -> None:
    vllm.is_now(_DIES)
    with pytest.raises(ModelError, match=r"exit code 3.*\nCUDA out of memory") as error:
        served(llava_folder)
    assert "\x1b" not in str(error.value)


def test_a_server_that_never_answers_is_ended_at_the_limit(vllm: StandIn, llava_folder: Path) -> None:
    vllm.is_now(_SILENT)
    with pytest.raises(ModelError, match=r"did not answer within 1 s.*\nloading"):
        served(llava_folder, start_s=1.0)
    assert vllm.is_gone()


def test_ctrl_c_while_it_starts_ends_the_server(vllm: StandIn, llava_folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def interrupted(self: managed.ManagedServer) -> bool:
        if not (vllm.folder / "said.json").is_file() or not (vllm.folder / "said.json").read_text().endswith("}"):
            return False
        raise KeyboardInterrupt

    monkeypatch.setattr(managed.ManagedServer, "_answers", interrupted)
    with pytest.raises(KeyboardInterrupt) as held:  # with its frames, so that nothing is collected
        served(llava_folder)
    assert vllm.is_gone() and held.tb is not None


def test_a_driver_that_is_killed_leaves_no_server_behind(vllm: StandIn) -> None:
    code = (
        "import os, signal, sys, tempfile, time\n"
        "from pathlib import Path\n"
        "from harness.models._own_server.process import start\n"
        "kept = start([sys.argv[1]], tempfile.TemporaryFile('a+b'))\n"
        "while not Path(os.environ['STAND_IN']).is_file() or not Path(os.environ['STAND_IN']).read_text().endswith('}'):\n"
        "    time.sleep(0.05)\n"
        "os.kill(os.getpid(), signal.SIGKILL)\n"
    )
    vllm.is_now(_SILENT)
    environment = os.environ | {"PYTHONPATH": str(Path(__file__).parents[3])}
    done = subprocess.run([sys.executable, "-c", code, str(vllm.folder / "vllm")], env=environment, timeout=60)
    assert done.returncode == -signal.SIGKILL and vllm.is_gone()


def test_a_lora_adapter_is_passed_on_and_asked_for_by_name(vllm: StandIn, llava_folder: Path) -> None:
    adapter = saved_adapter(llava_folder, vllm.folder / "tuned")
    model = served(adapter)
    args = vllm.said()["args"]
    lora = args.index("--enable-lora")
    assert args[1] == str(llava_folder)
    asked_as = args[lora + 4].partition("=")[0]
    assert args[lora : lora + 5] == ["--enable-lora", "--max-lora-rank", "16", "--lora-modules", f"{asked_as}={adapter}"]
    assert args[args.index("--served-model-name") + 1] == f"{asked_as}-base" and asked_as.startswith("tuned-")
    assert answers_of(model)[0].text == f"Yes from {asked_as}" and model.checkpoint.parent == model_digest(llava_folder)


@pytest.mark.parametrize(
    ("config", "why"),
    [
        ({"use_dora": True}, "use_dora"),
        ({"rank_pattern": {"q_proj": 3}}, "rank_pattern"),
        ({"target_modules": r".*vision_tower.*q_proj"}, "more than the language model's layers"),
        ({"target_modules": r".*lm_head"}, "more than the language model's layers"),
    ],
)
def test_an_adapter_that_vllm_would_serve_in_part_is_refused(
    vllm: StandIn, llava_folder: Path, config: dict[str, Any], why: str
) -> None:
    with pytest.raises(ModelError, match=why):
        served(saved_adapter(llava_folder, vllm.folder / "tuned", **config))
    assert not (vllm.folder / "said.json").exists()


def test_sglang_is_given_no_adapter(vllm: StandIn, llava_folder: Path) -> None:
    vllm.is_now(_SERVER, "sglang")
    with pytest.raises(ModelError, match="cannot be served by sglang"):
        served(saved_adapter(llava_folder, vllm.folder / "tuned"), serve="sglang")


def test_sglang_is_started_by_its_own_words(vllm: StandIn, llava_folder: Path) -> None:
    vllm.is_now(_SERVER, "sglang")
    model = served(llava_folder, serve="sglang")
    assert vllm.said()["args"][:3] == ["serve", "--model-path", str(llava_folder)]
    assert model.facts()["server"] == "sglang 9.9, started here"


@pytest.mark.parametrize(
    ("options", "why"),
    [
        ({"serve": "sglang"}, "'sglang', which is not on PATH"),
        ({"serve": "vlm"}, "'vlm'.*vllm or sglang"),
        ({"serve": None}, "go with `serve"),
        ({"path": None}, "give it `path`"),
        ({"url": "http://127.0.0.1:9"}, "no `url`"),
        ({"revision": "2"}, "known by content"),
        ({"serve_args": ["--port=80"]}, "--port, which the harness sets"),
        ({"serve_args": ["--api_key", "x"]}, "--api-key, which could"),
        ({"serve_args": ["--hf-token=x"]}, "--hf-token, which could"),
        ({"serve_args": ["--tokeniz", "x"]}, "--tokeniz, which could"),
        ({"serve_args": ["--chat-template", "/usr"]}, "folder /usr"),
        ({"serve_args": ["--generation-config", "auto"]}, "--generation-config, which the harness sets"),
        ({"start_s": 0.0}, "above 0"),
    ],
)
def test_options_that_cannot_be_are_refused_before_anything_starts(vllm: StandIn, options: dict[str, Any], why: str) -> None:
    with pytest.raises(ConfigError, match=why):
        served(**{"folder": Path("/nowhere"), **options})
    assert not (vllm.folder / "said.json").exists()


@pytest.mark.parametrize(
    ("options", "why"),
    [
        ("path: PATH, serve: sglang", "model.serve: the executable 'sglang' is not on PATH"),
        ("path: PATH, serve: tgi", "model.serve: 'tgi' is unknown. Choose vllm or sglang"),
        ("path: /nowhere, serve: vllm", "model.path: there is no model folder"),
        ("concurrency: 2", "model: give `url`"),
    ],
)
def test_a_study_that_could_not_start_its_server_is_refused_at_once(
    vllm: StandIn, llava_folder: Path, options: str, why: str
) -> None:
    study = vllm.folder / "study.yaml"
    model = f"{{name: openai, {options.replace('PATH', str(llava_folder))}}}"
    study.write_text(f"name: s\ndata: {vllm.folder}\noutput: {vllm.folder / 'runs'}\nmodel: {model}\nsweep: [{{name: pope}}]\n")
    (fault,) = path_faults(schema.load(study, []))
    assert fault.startswith(why)


@pytest.mark.parametrize(
    ("code", "how"),
    [
        (None, ""),
        (3, "ended with exit code 3"),
        (128 + 9, "was ended by SIGKILL (out of memory?)"),  # the server
        (-9, "was ended by SIGKILL (out of memory?)"),  # the process between
        (255, "ended with exit code 255"),
    ],
)
def test_a_signal_that_ended_it_is_named(code: int | None, how: str) -> None:
    assert process.end_of(SimpleNamespace(poll=lambda: code)) == how  # type: ignore[arg-type]


def test_the_check_of_a_study_knows_the_servers_that_the_backend_starts() -> None:
    assert check_paths.OWN_SERVERS is arguments.OWN_SERVERS == ("vllm", "sglang")
