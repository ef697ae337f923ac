"""How a command ends: one message whatever happened, signals alike, and runs whose process is gone are not running."""

from __future__ import annotations

import errno
import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path

import pytest
from typer.testing import CliRunner

from harness.cli import app, explained, main
from harness.commands.run import interruptible, typed
from harness.config import schema
from harness.config.check_paths import path_faults
from harness.core.edge.signals import Interrupted, exit_code, silent_behind, stopped_by_signals
from harness.core.errors import ConfigError, StoreError
from harness.results.run_state import how_it_stopped, state_of
from harness.storage.run_folder import locked
from harness.storage.run_store import StoredRun

SECOND_OF_TWO = {"GROUP_WORLD_SIZE": "2", "GROUP_RANK": "1", "MASTER_ADDR": "10.0.0.1", "MASTER_PORT": "29500"}
RUN = StoredRun("r", "r", "now", "running", "", "python -m harness run", {}, "")


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGHUP])
def test_sigterm_and_sighup_end_a_command_as_ctrl_c_does(number: signal.Signals) -> None:
    with pytest.raises(KeyboardInterrupt) as caught, stopped_by_signals():
        os.kill(os.getpid(), number)
    assert isinstance(caught.value, Interrupted)
    assert exit_code(caught.value) == 128 + number and how_it_stopped(caught.value) == f"interrupted: {number.name}"
    assert signal.getsignal(number) is signal.SIG_DFL


def test_a_signal_that_is_ignored_stays_ignored() -> None:
    before = signal.signal(signal.SIGHUP, signal.SIG_IGN)
    try:
        with stopped_by_signals():
            os.kill(os.getpid(), signal.SIGHUP)
    finally:
        signal.signal(signal.SIGHUP, before)


def test_ctrl_c_is_interrupted_and_an_error_is_stopped() -> None:
    assert exit_code(KeyboardInterrupt()) == 130 and how_it_stopped(KeyboardInterrupt()) == "interrupted"
    assert how_it_stopped(ValueError("x")) == "stopped: ValueError"


def test_a_run_whose_process_is_gone_is_interrupted_and_a_living_one_runs(tmp_path: Path) -> None:
    assert state_of(RUN, tmp_path) == "interrupted"
    with locked(tmp_path / "r"):
        assert state_of(RUN, tmp_path) == "running"
    assert state_of(RUN, tmp_path) == "interrupted"
    assert state_of(replace(RUN, status="complete"), tmp_path) == "complete"


@pytest.mark.parametrize("name", ["lock", "run.yaml"])
def test_a_folder_where_a_file_belongs_is_named(tmp_path: Path, name: str) -> None:
    (tmp_path / "r" / name).mkdir(parents=True)
    with pytest.raises(StoreError, match=f"{name} is a folder where a file belongs"), locked(tmp_path / "r"):
        pass


@pytest.mark.parametrize(("error", "told", "code"), [
    (ConfigError("own words"), "own words", 2),
    (OSError(errno.ENOSPC, "No space"), "The disk is full", 2),
    (OSError(errno.ENOSPC, "No space", "/x/y"), "/x/y: The disk is full", 2),
    (PermissionError(errno.EACCES, "Permission denied", "/x/y"), "/x/y: Permission denied. Check the path", 2),
    (OSError(errno.EIO, "Input/output error"), "A file cannot be read or written: Input/output error. Check the disk", 2),
    (OSError(errno.EROFS, "Read-only file system", "/x"), "/x: A file cannot be read or written: Read-only file system", 2),
    (OSError(errno.EFBIG, "File too large", "/x"), "/x: A file cannot be read or written: File too large. Check the disk", 2),
    (MemoryError(), "Memory did not suffice", 2),
])  # fmt: skip
def test_every_error_is_one_message(error: Exception, told: str, code: int) -> None:
    assert explained(error)[0].startswith(told) and explained(error)[1] == code


def test_a_defect_says_where_and_how_to_report_it() -> None:
    try:
        {}["x"]
    except KeyError as error:
        told, code = explained(error)
    assert code == 70 and "Unexpected error in" in told and "--debug" in told and "\n" not in told


def test_the_version_is_shown() -> None:
    result = CliRunner().invoke(app, ["--version"])
    assert result.exit_code == 0 and result.output.startswith("mm-align-harness ") and "torch" in result.output


def test_completion_can_be_installed() -> None:
    assert "--install-completion" in CliRunner().invoke(app, ["--help"]).output


@pytest.mark.parametrize("words", [[], ["labels"]])
def test_no_summary_is_cut_off(words: list[str]) -> None:
    shown = CliRunner().invoke(app, [*words, "--help"], env={"COLUMNS": "80"}).output
    summaries = shown.partition("Commands:\n")[2].splitlines()
    assert summaries and not [line for line in summaries if line.endswith("...")]


def test_no_benchmark_between_commas_is_an_error_and_not_a_full_sweep() -> None:
    result = CliRunner().invoke(app, ["sweep", "--benchmarks", " , "])
    assert isinstance(result.exception, ConfigError) and "names no benchmark" in str(result.exception)


@pytest.mark.parametrize(
    "words",
    [
        ["sweep", "--model", "/nowhere"],
        ["run", "--model", "/nowhere"],
        ["run", "model.path=/nowhere"],
        ["run", "data=/nowhere"],
    ],
)
def test_a_path_that_leads_nowhere_is_refused_before_torch_is_imported(words: list[str], tmp_path: Path) -> None:
    code = (
        "import sys; sys.argv = ['harness', *sys.argv[1:]]\n"
        "from harness.cli import main\n"
        "try:\n    main()\nfinally:\n    print('torch' in sys.modules)"
    )
    environment = os.environ | {"PYTHONPATH": str(Path(__file__).parents[2])}
    done = subprocess.run(
        [sys.executable, "-c", code, *words], capture_output=True, text=True, cwd=tmp_path, env=environment, timeout=60
    )
    assert done.returncode == 2 and done.stdout.strip() == "False" and "/nowhere" in done.stderr


def test_paths_of_a_study_are_told_together(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    changes = ["model.path=/nowhere", "data=/none", f"output={tmp_path / 'file'}"]
    faults = path_faults(schema.load(None, changes))
    assert [fault.split(":")[0] for fault in faults] == ["model.path", "data", "output"]
    assert not path_faults(schema.load(None, [f"output={tmp_path / 'new' / 'er'}"]))


@pytest.mark.parametrize(
    ("env", "command"),
    [
        ({}, "python -m harness run 'my study.yaml'"),
        ({"WORLD_SIZE": "2", "LOCAL_WORLD_SIZE": "2"}, "torchrun --nproc-per-node 2 -m harness run 'my study.yaml'"),
        (
            {"WORLD_SIZE": "4", "LOCAL_WORLD_SIZE": "2"} | SECOND_OF_TWO,
            "torchrun --nnodes 2 --node-rank 1 --master-addr 10.0.0.1 --master-port 29500 --nproc-per-node 2 "
            "-m harness run 'my study.yaml'",
        ),
        (
            {"WORLD_SIZE": "2", "ACCELERATE_MIXED_PRECISION": "no"},
            "accelerate launch --multi_gpu --num_processes 2 -m harness run 'my study.yaml'",
        ),
        (
            {"WORLD_SIZE": "16", "ACCELERATE_MIXED_PRECISION": "no"} | SECOND_OF_TWO,
            "accelerate launch --multi_gpu --num_machines 2 --machine_rank 1 --main_process_ip 10.0.0.1 "
            "--main_process_port 29500 --num_processes 16 -m harness run 'my study.yaml'",
        ),
        (
            {"WORLD_SIZE": "8", "ACCELERATE_USE_FSDP": "true"},
            "accelerate launch --use_fsdp --fsdp_version 2 --num_processes 8 -m harness run 'my study.yaml'",
        ),
        (
            {"WORLD_SIZE": "2", "ACCELERATE_USE_DEEPSPEED": "true", "ACCELERATE_DEEPSPEED_ZERO_STAGE": "1"},
            "accelerate launch --use_deepspeed --zero_stage 1 --num_processes 2 -m harness run 'my study.yaml'",
        ),
    ],
)
def test_the_command_that_continues_a_run_has_its_launcher(
    monkeypatch: pytest.MonkeyPatch, env: dict[str, str], command: str
) -> None:
    for name, value in env.items():
        monkeypatch.setenv(name, value)
    assert typed(["run", "my study.yaml"]) == command


def test_of_several_processes_the_first_alone_speaks(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    for rank, count in (("0", "2"), ("1", "2"), ("3", "1")):  # the last is left from elsewhere: one process alone
        monkeypatch.setenv("RANK", rank)
        monkeypatch.setenv("WORLD_SIZE", count)
        interruptible("a study", lambda command, display: display.say(f"rank {rank}"))
    said = capsys.readouterr().out
    assert "rank 0" in said and "rank 3" in said and "rank 1" not in said


def test_a_second_ctrl_c_on_the_way_out_shows_no_traceback(tmp_path: Path) -> None:
    code = (
        "import atexit, os, signal, sys, time; sys.argv = ['harness', 'list', 'runs']\n"
        "signal.signal(signal.SIGINT, signal.default_int_handler)  # tests that a shell started in the background ignore it\n"
        "atexit.register(lambda: (os.kill(os.getpid(), signal.SIGINT), time.sleep(30)))\n"
        "from harness.cli import main\n"
        "main()"
    )
    environment = os.environ | {"PYTHONPATH": str(Path(__file__).parents[2])}
    words = [sys.executable, "-c", code]
    done = subprocess.run(words, capture_output=True, text=True, cwd=tmp_path, env=environment, timeout=60)
    assert done.returncode == -signal.SIGINT and "Traceback" not in done.stderr and "no run store" in done.stderr


@pytest.fixture
def pythons_ctrl_c() -> Iterator[None]:
    """Ctrl-C raises KeyboardInterrupt, as Python has it; behind the test it does what it did."""
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    yield
    signal.signal(signal.SIGINT, before)


@pytest.mark.usefixtures("pythons_ctrl_c")
def test_ctrl_c_that_the_parent_ignores_stays_ignored() -> None:
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    with silent_behind():
        pass
    assert signal.getsignal(signal.SIGINT) is signal.SIG_IGN


@pytest.mark.usefixtures("pythons_ctrl_c")
def test_a_second_command_in_one_process_is_interrupted_as_the_first_one(monkeypatch: pytest.MonkeyPatch) -> None:
    for _ in range(2):
        with silent_behind():
            assert signal.getsignal(signal.SIGINT) is signal.default_int_handler
        assert signal.getsignal(signal.SIGINT) is signal.SIG_DFL
    monkeypatch.setattr("sys.ps1", ">>> ", raising=False)  # a notebook, which goes on
    with silent_behind():
        pass
    assert signal.getsignal(signal.SIGINT) is signal.default_int_handler


@pytest.mark.usefixtures("pythons_ctrl_c")
def test_a_command_in_another_thread_ends_with_its_own_status(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("sys.argv", ["harness", "no-such-command"])
    with ThreadPoolExecutor(1) as pool, pytest.raises(SystemExit) as ended:
        pool.submit(main).result()
    assert ended.value.code == 2
