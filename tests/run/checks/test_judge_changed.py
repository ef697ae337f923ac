"""A run that is given again is refused where its judge has become another one, as the server of its address serves it."""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import Any

import pytest

from harness.config import schema as config
from harness.core.errors import DataError, HarnessError
from harness.models._server import client as _client
from harness.run import pipeline
from harness.storage.run_store import Store
from tests.models.fake_server import Said, Server, refused, reply, serving

MODEL = {"name": "scripted", "default": "A dog on a red sofa."}
X, Y = ([{"id": name, "owned_by": "vllm", "root": f"/models/{name}"}] for name in ("x", "y"))


@pytest.fixture(autouse=True)
def impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(_client, "FIRST_WAIT_S", 0.001)


def run(world: Path, output: Path, judge: dict[str, Any], *names: str, said: list[str] | None = None) -> Any:
    sweep = [{"name": name, "limit": 4, "judge": judge} for name in names or ("mmhal_bench",)]
    made = config.parse({"name": "only", "model": MODEL, "sweep": sweep, "data": str(world), "output": str(output)})
    return pipeline.run(made, "test", say=(said if said is not None else []).append)


def at(server: Server, **options: Any) -> dict[str, Any]:
    return {"name": "chat", "model": {"name": "openai", "url": server.url, "retries": 0, **options}}


def judged(body: dict[str, Any], n: int) -> Said:
    return reply("Fine.\nRating: 4" if "Rating" in str(body) else '["dog"]')


def test_a_finished_run_whose_address_serves_another_model_is_refused_and_asks_nothing(world: Path, tmp_path: Path) -> None:
    with serving(judged, list(X)) as server:
        before = run(world, tmp_path, at(server))
        asked = len(server.asked)
        server.models = Y
        with pytest.raises(DataError, match=r"mmhal_bench was judged by chat x [0-9a-f]{12}, own texts .*; .* now chat y "):
            run(world, tmp_path, at(server))
        server.models = [{**X[0], "root": "/models/another"}]
        with pytest.raises(DataError, match="mmhal_bench was judged by chat x"):
            run(world, tmp_path, at(server))
        server.models = X
        assert run(world, tmp_path, at(server)).run_id == before.run_id and len(server.asked) == asked
        with Store(tmp_path / "store.sqlite") as store:
            assert store.run(before.run_id).status == "complete"


def test_no_run_ends_with_benchmarks_of_two_judges(world: Path, tmp_path: Path) -> None:
    """Two benchmarks, the second of which has no verdict yet."""

    def silent(body: dict[str, Any], n: int) -> Said:
        return judged(body, n) if "Rating" in str(body) else refused(500)

    names = ("mmhal_bench", "llava_bench")
    with serving(silent, list(X)) as server:
        done = run(world, tmp_path, at(server), *names)
        server.models = Y
        with pytest.raises(DataError, match="mmhal_bench was judged by chat x.*\n.*llava_bench was judged by chat x"):
            run(world, tmp_path, at(server), *names)
        with Store(tmp_path / "store.sqlite") as store:
            assert store.how_complete(done.run_id) == "complete but for 4 items without a verdict"


def test_another_name_measures_with_the_judge_that_is_there_now(world: Path, tmp_path: Path) -> None:
    with serving(judged, list(X)) as server:
        first = run(world, tmp_path, at(server))
        server.models = Y
        sweep = [{"name": "mmhal_bench", "limit": 4, "judge": at(server)}]
        tree = {"name": "other", "model": MODEL, "sweep": sweep, "data": str(world), "output": str(tmp_path)}
        assert pipeline.run(config.parse(tree), "test").run_id != first.run_id and len(server.asked) == 8


def test_a_judge_that_does_not_answer_is_said_and_the_finished_run_is_shown(world: Path, tmp_path: Path) -> None:
    with serving(judged) as server:
        judge = at(server)
        before = run(world, tmp_path, judge)
    said = list[str]()
    assert run(world, tmp_path, judge, said=said).run_id == before.run_id
    (line,) = (line for line in said if line.startswith("the judge of mmhal_bench cannot be compared"))
    assert "No server answers at" in line


def test_a_server_that_is_asked_for_a_temperature_first_is_not_asked_for_the_comparison(world: Path, tmp_path: Path) -> None:
    with serving(judged, [{"id": "x", "owned_by": "me"}]) as server:
        run(world, tmp_path, at(server))
        asked = len(server.asked)
        run(world, tmp_path, at(server))
        assert len(server.asked) == asked


def test_recorded_replies_that_were_exchanged_are_refused(world: Path, tmp_path: Path) -> None:
    file = tmp_path / "replies.jsonl"
    file.write_text(json.dumps({"question": "Q?", "answer": "A.", "raw": "Rating: 3"}) + "\n")
    judge = {"name": "recorded", "file": str(file)}
    run(world, tmp_path / "out", judge)
    run(world, tmp_path / "out", judge)
    file.write_text(json.dumps({"question": "Q?", "answer": "A.", "raw": "Rating: 4"}) + "\n")
    with pytest.raises(DataError, match="mmhal_bench was judged by recorded [0-9a-f]{16}; the judge is now recorded "):
        run(world, tmp_path / "out", judge)


def test_a_folder_with_other_weights_is_refused_while_something_is_left_to_judge(
    world: Path, tmp_path: Path, llava_folder: Path
) -> None:
    """Its digest is that of the folder: the judge is not loaded for the comparison."""
    folder = tmp_path / "judge"
    shutil.copytree(llava_folder, folder)
    judge = {"name": "chat", "max_new_tokens": 2, "model": {"path": str(folder), "device": "cpu", "dtype": "float32"}}
    run(world, tmp_path / "out", judge)  # tiny random weights: no reply can be read
    (folder / "generation_config.json").write_text('{"max_length": 9}')
    with pytest.raises(HarnessError, match="mmhal_bench was judged by chat [0-9a-f]{12} .*; the judge is now chat "):
        run(world, tmp_path / "out", judge)
