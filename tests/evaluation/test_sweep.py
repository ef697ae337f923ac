"""A sweep without training: what can be answered is, what cannot is listed with its reason and asked again."""

from __future__ import annotations

import json
import shutil
import sys
from collections.abc import Container, Iterator, Sequence
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
import yaml
from typer.testing import CliRunner, Result

from benchmarks.pope import Pope
from harness.cli import app
from harness.config import schema as config
from harness.config.check_plugins import check_plugins
from harness.config.schema import RunConfig
from harness.config.sweep_only import evaluation
from harness.core.edge.images import open_image
from harness.core.errors import ConfigError, DataError
from harness.core.evaluation import Answer, Request
from harness.evaluation import server_cost
from harness.evaluation.asked_items import requests_of
from harness.models._server import client as _server
from harness.models.scripted import Scripted
from harness.run import pipeline
from harness.storage.artifacts import ServerCost
from harness.storage.data_folder import DataFolder
from harness.storage.run_store import Store, StoredResult
from reports.text.missing_items import missing_lines
from tests.models.fake_server import CUT, Said, refused, reply, serving

POPE = {"name": "pope", "splits": ["random"], "limit": 40}
MMHAL = {"name": "mmhal_bench", "variant": "official", "limit": 4}


@pytest.fixture
def data(world: Path, tmp_path: Path) -> Path:
    """The small world, to be damaged."""
    return Path(shutil.copytree(world, tmp_path / "data"))


@pytest.fixture(autouse=True)
def impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(_server, "FIRST_WAIT_S", 0.01)


def study(data: Path, output: Path, model: dict[str, Any], *sweep: dict[str, Any]) -> RunConfig:
    tree = {"name": "only", "model": model, "sweep": list(sweep), "data": str(data), "output": str(output / "runs")}
    return config.parse(tree)


def result_of(done: Any, place: int = 0) -> tuple[str, StoredResult]:
    with Store(done.folder.parent / "store.sqlite") as store:
        return store.run(done.run_id).status, store.results(done.run_id)[place]


def sweep_words(*words: str) -> Result:
    return CliRunner().invoke(app, ["sweep", *words])


# ------------------------------------------------------------ images


def looking(self: Scripted, requests: Sequence[Request], done: Container[int] = ()) -> Iterator[list[tuple[int, Answer]]]:
    """A model that opens the images it is asked about, three requests a batch."""
    for start in range(0, len(requests), 3):
        batch = [i for i in range(start, min(start + 3, len(requests))) if i not in done]
        for i in batch:
            open_image(requests[i].image)  # type: ignore[arg-type]
        self.asked += [requests[i] for i in batch]
        yield [(i, Answer("", "Yes.", 1, "end")) for i in batch]


def test_an_image_that_turns_out_broken_leaves_its_items_missing_and_the_rest_goes_on(
    data: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(Scripted, "generate", looking)
    chosen = study(data, tmp_path, {"name": "scripted"}, POPE)
    first_image = json.loads((data / "pope/coco_pope_random.json").read_text().splitlines()[7])["image"]
    broken = next(data.rglob(first_image))
    whole = broken.read_bytes()
    broken.write_bytes(whole[: len(whole) // 2])
    done = pipeline.run(chosen, "test")
    status, result = result_of(done)
    lost = [item.id for item, key in zip(result.items, result.answer_keys, strict=True) if key is None]
    assert lost == [item.id for item in result.items if item.image.endswith(first_image)] and 0 < len(lost) < 40
    assert status == f"complete but for {len(lost)} items without an answer"
    (why,) = {why for f in done.comparison.failures for why in f.missing_why}
    assert f"{first_image} cannot be read" in why and str(data) not in why
    for name in ("report.md", "report.html"):
        assert "cannot be read" in (done.folder / name).read_text()

    broken.write_bytes(whole)
    model = Scripted()
    monkeypatch.setattr(pipeline, "load_model", lambda *_: model)
    again = pipeline.run(chosen, "test")
    assert result_of(again)[0] == "complete" and len(model.asked) == len({r.text for r in model.asked}) <= len(lost)


# ------------------------------------------------------------ facts that turn out to be others


def test_answers_of_a_server_that_refuses_a_temperature_are_never_kept_as_greedy_ones(world: Path, tmp_path: Path) -> None:
    takes = False

    def behave(body: dict[str, Any], count: int) -> Said:
        about_image = any(part["type"] == "image_url" for part in body["messages"][0]["content"])
        if not about_image or (takes and body.get("temperature") != 0):
            return refused(503, "loading")
        if "temperature" in body:
            return reply("No, greedy.") if takes else refused(400, "'temperature' does not support 0 with this model")
        return reply("Yes, drawn.")

    said: list[str] = []
    with serving(behave, models=[{"id": "gpt", "owned_by": "acme"}]) as server:
        model = {"name": "openai", "url": server.url, "retries": 0}
        drawn = pipeline.run(study(world, tmp_path, model, POPE), "test", say=said.append)
        takes = True
        greedy = pipeline.run(config.parse({**study(world, tmp_path, model, POPE).model_dump(), "name": "two"}), "test")
    for done, words, states in ((drawn, "Yes, drawn.", True), (greedy, "No, greedy.", False)):
        status, result = result_of(done)
        with Store(done.folder.parent / "store.sqlite") as store:
            texts = {answer.text for answer in store.answers([key for key in result.answer_keys if key]).values()}
        assert (texts, "temperature" in result.protocol.facts, status) == ({words}, states, "complete")
    (again,) = [line for line in said if "The model answers under other facts" in line]
    assert "temperature is \"the server's own" in again


# ------------------------------------------------------------ log-odds of yes


def sweep_of_pope(world: Path, tmp_path: Path, said: list[str], **options: Any) -> StoredResult:
    chosen = study(world, tmp_path, {"name": "scripted"}, POPE | {"limit": 6} | options)
    return result_of(pipeline.run(chosen, "sweep", say=said.append))[1]


def test_how_sure_a_model_is_stands_with_its_scores(world: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Scripted, "yes_no_log_odds", lambda self, requests: [2.0] * len(requests), raising=False)
    assert all(score.values["log_odds"] == 2.0 for score in sweep_of_pope(world, tmp_path, []).scores)


def test_a_backend_that_cannot_tell_costs_the_calibration_only_and_says_so(world: Path, tmp_path: Path) -> None:
    said: list[str] = []
    result = sweep_of_pope(world, tmp_path, said)
    assert len(result.scores) == 6 and not any("log_odds" in score.values for score in result.scores)
    assert [line for line in said if "no log-odds of yes, so no calibration" in line] != []


def test_turned_off_log_odds_are_not_asked_for(world: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Scripted, "yes_no_log_odds", lambda self, requests: pytest.fail("asked"), raising=False)
    said: list[str] = []
    assert len(sweep_of_pope(world, tmp_path, said, log_odds=False).scores) == 6
    assert not any("log-odds" in line for line in said)


def test_the_letter_that_was_written_and_the_likeliest_one_are_both_reported(
    world: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The scripted model writes one answer to all, and likes the letter B best."""

    class LikesB(Scripted):
        def log_probs(self, requests: Sequence[Request], answers: Sequence[str]) -> list[float]:
            return [-float(answer != "B") for answer in answers]

    monkeypatch.setattr(pipeline, "load_model", lambda *_: LikesB())
    spec = {"name": "mmstar", "limit": 4, "likelihoods": True}
    status, result = result_of(pipeline.run(study(world, tmp_path, {"name": "scripted"}, spec), "sweep"))
    right = [float(item.truth["answer"] == "B") for item in result.items]
    assert status == "complete" and [score.values["likelihood/right"] for score in result.scores] == right
    assert all(score.why.startswith("likeliest option B") for score in result.scores)


def test_a_backend_without_likelihoods_costs_their_metrics_only_and_says_so(world: Path, tmp_path: Path) -> None:
    said: list[str] = []
    spec = {"name": "mmstar", "limit": 4, "likelihoods": True}
    chosen = study(world, tmp_path, {"name": "scripted"}, spec)
    status, result = result_of(pipeline.run(chosen, "sweep", say=said.append))
    assert status == "complete" and not any("likelihood/n" in score.values for score in result.scores)
    assert [line for line in said if "no likelihoods of the options: its backend does not score" in line] != []


# ------------------------------------------------------------ images and servers that fail


def test_an_image_that_is_not_there_is_told_before_the_first_question(data: Path, tmp_path: Path) -> None:
    image = json.loads((data / "pope/coco_pope_random.json").read_text().splitlines()[0])["image"]
    next(data.rglob(image)).unlink()
    with pytest.raises(DataError, match=f"the first is .*{image} .item"):
        pipeline.run(study(data, tmp_path, {"name": "scripted"}, POPE), "test")


def test_an_image_is_looked_for_once_and_not_for_each_question(world: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    folder, looked = DataFolder(world), []
    items = Pope(splits=["random"]).load(folder)
    monkeypatch.setattr("harness.storage.data_folder.is_file", lambda path: looked.append(path) or True)
    requests = requests_of("pope", Pope(splits=["random"]), items, folder)
    shown = {world / item.image for item in items}
    assert [request.image for request in requests] == [world / item.image for item in items]
    assert set(looked) == shown and len(looked) == 2 * len(shown) < len(items)  # whether it is there, and where


# ------------------------------------------------------------ servers


def test_what_a_server_gave_up_is_missing_and_only_that_is_asked_by_the_next_run(world: Path, tmp_path: Path) -> None:
    trouble = {"on": True}

    def hit(text: str) -> bool:
        return len(text) % 3 == 0

    def moody(body: dict[str, Any], count: int) -> Said | str:
        return CUT if trouble["on"] and hit(body["messages"][0]["content"][-1]["text"]) else reply("Yes.")

    with serving(moody) as server:
        chosen = study(world, tmp_path, {"name": "openai", "url": server.url, "retries": 1}, POPE)
        status, result = result_of(pipeline.run(chosen, "test"))
        lost = result.answer_keys.count(None)
        assert 0 < lost < 40 and status == f"complete but for {lost} items without an answer"
        before, trouble["on"] = len(server.asked), False
        status, result = result_of(pipeline.run(chosen, "test"))
        assert status == "complete" and None not in result.answer_keys
        again = server.questions()[before:]
        assert again and all(hit(text) for text in again)
        before = len(server.asked)
        pipeline.run(chosen, "test")
        assert len(server.asked) == before


def test_a_judge_behind_a_server_leaves_items_unjudged_and_is_asked_again(world: Path, tmp_path: Path) -> None:
    ready = {"on": False}

    def judge(body: dict[str, Any], count: int) -> Said:
        return reply("Fine.\nRating: 4") if ready["on"] else refused(500, "overloaded")

    with serving(judge) as server:
        spec = {**MMHAL, "judge": {"name": "chat", "model": {"name": "openai", "url": server.url, "retries": 0}}}
        chosen = study(world, tmp_path, {"name": "scripted", "default": "A dog."}, spec)
        _, result = result_of(pipeline.run(chosen, "test"))
        assert [score.flag for score in result.scores] == ["unjudged"] * 4 and None not in result.answer_keys
        ready["on"] = True
        _, result = result_of(pipeline.run(chosen, "test"))
        assert [score.verdict.value for score in result.scores if score.verdict] == [4.0] * 4
        before = len(server.asked)
        pipeline.run(chosen, "test")
        assert len(server.asked) == before


def test_what_servers_were_asked_and_cost_is_kept_over_all_attempts(world: Path, tmp_path: Path) -> None:
    with serving() as server:
        model = {"name": "openai", "url": server.url, "price_in": 1.0, "price_out": 2.0}
        done = pipeline.run(study(world, tmp_path, model, POPE), "test")
    with Store(done.folder.parent / "store.sqlite") as store:
        spent = store.get(ServerCost, done.run_id, "base", "pope").answers
    n = len(server.asked)
    assert spent["requests"] == n and spent["tokens_in"] == 100 * n
    assert spent["cost"] == pytest.approx((100 * n + 2 * 3 * n) / 1e6)


def test_what_a_killed_attempt_paid_is_kept(world: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    class Killed(BaseException):
        pass

    def killed(what: str, done: int, total: int) -> None:
        if done == 5:
            raise Killed

    with serving() as server:
        chosen = study(world, tmp_path, {"name": "openai", "url": server.url, "concurrency": 1}, POPE)
        with monkeypatch.context() as patch, pytest.raises(Killed):
            patch.setattr(server_cost.GrowingCost, "__exit__", lambda self, *_: None)  # SIGKILL leaves no time for it
            pipeline.run(chosen, "test", killed)
        before = len(server.asked)
        done = pipeline.run(chosen, "test")
    with Store(done.folder.parent / "store.sqlite") as store:
        spent = store.get(ServerCost, done.run_id, "base", "pope").answers
    assert 0 < before < len(server.asked) == spent["requests"]


def test_the_key_is_in_no_file_of_a_run(world: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SWEEP_KEY", "sk-very-secret-123")
    with serving(lambda body, count: refused(400, "bad key sk-very-secret-123")) as server:
        pipeline.run(study(world, tmp_path, {"name": "openai", "url": server.url, "api_key_env": "SWEEP_KEY"}, POPE), "test")
    files = [path for path in (tmp_path / "runs").rglob("*") if path.is_file()]
    assert files and not [path for path in files if b"sk-very-secret-123" in path.read_bytes()]


SERVED = {"name": "openai", "url": "http://127.0.0.1:9/v1"}


@pytest.mark.parametrize(("options", "says"), [
    ({"api_key_env": "sk_live_abcdef"}, "environment variable that `api_key_env` names is not set"),
    ({"url": "http://me:sk_live_abcdef@127.0.0.1:9/v1"}, "must hold no user, password, query"),
    ({"retries": -1}, "retries of 0 or more"),
    ({"max_cost": 1.0}, "`max_cost` needs"),
])  # fmt: skip
@pytest.mark.parametrize("place", ["judge", "annotator"])
def test_a_key_in_the_place_of_its_variable_is_refused_before_anything_is_written(
    world: Path, tmp_path: Path, place: str, options: dict[str, Any], says: str
) -> None:
    judge = {"name": "chat", "model": {**SERVED, **options}}
    tree: dict[str, Any] = {"name": "t", "data": str(world), "output": str(tmp_path / "runs"), "sweep": [POPE]}
    if place == "judge":
        tree |= {"model": {"name": "scripted"}, "sweep": [{**MMHAL, "judge": judge}]}
    else:
        arm = {"name": "a", "pairs": {"name": "bdhs"}, "align": {"name": "online_dpo", "judge": judge}}
        tree |= {"model": {"name": "transformers", "path": "miniworld"}, "arms": [arm]}
    with pytest.raises(ConfigError, match=says) as caught:
        pipeline.run(config.parse(tree), "test")
    assert "judge.model: " in str(caught.value) and "sk_live" not in str(caught.value)
    assert not (tmp_path / "runs").exists()


def test_a_finished_run_needs_no_key_of_its_judge(world: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SWEEP_KEY", "sk-very-secret-123")
    with serving(lambda body, count: reply("Fine.\nRating: 4")) as server:
        model = {"name": "openai", "url": server.url, "api_key_env": "SWEEP_KEY"}
        spec = {**MMHAL, "judge": {"name": "chat", "model": model}}
        chosen = study(world, tmp_path, {"name": "scripted", "default": "A dog."}, spec)
        first = pipeline.run(chosen, "test")
        monkeypatch.delenv("SWEEP_KEY")
        assert pipeline.run(chosen, "test") == first


def test_a_served_model_cannot_be_trained_and_says_so_before_anything_starts() -> None:
    arm = {"name": "a", "pairs": {"name": "bdhs"}, "align": {"name": "dpo"}}
    tree = {"model": {"name": "openai", "url": "http://localhost:1/v1"}, "arms": [arm], "sweep": [{"name": "pope"}]}
    with pytest.raises(ConfigError, match="the model openai only answers; arms need one that can be trained"):
        check_plugins(config.parse(tree))


def test_what_training_would_refuse_hours_later_is_refused_before_anything_starts(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "wandb", None)
    arm = {"name": "a", "pairs": {"name": "bdhs"}, "align": {"name": "dpo", "training": {"trackers": ["wandb"]}}}
    half = {"model": {"name": "transformers", "path": "x", "dtype": "float16"}, "sweep": [{"name": "pope"}]}
    with pytest.raises(ConfigError, match="training in float16 loses small gradients"):
        check_plugins(config.parse({**half, "arms": [arm]}))
    with pytest.raises(ConfigError, match="arm a: .*wandb is not installed"):
        check_plugins(config.parse({**half, "model": {"name": "transformers", "path": "x"}, "arms": [arm]}))
    check_plugins(config.parse({**half, "arms": []}))


# ------------------------------------------------------------ the command's words


def test_an_address_is_a_server_and_anything_else_a_checkpoint() -> None:
    served, folder = evaluation("http://localhost:8000/v1", ["pope"]), evaluation("/models/llava 1.5", ["pope"], data="/d")
    assert served.model.model_dump() == {"name": "openai", "url": "http://localhost:8000/v1"}
    assert folder.model.model_dump() == {"name": "transformers", "path": "/models/llava 1.5"}
    assert (served.name, folder.name, folder.data, folder.arms) == ("localhost-8000-v1", "llava-1.5", "/d", [])


def test_without_words_it_is_the_built_in_study_without_its_arms() -> None:
    built_in, chosen = config.load(None), evaluation()
    assert chosen.sweep == built_in.sweep and chosen.model == built_in.model and not chosen.arms


def test_a_study_lends_its_benchmarks_with_their_options_and_none_of_its_arms(tmp_path: Path) -> None:
    path = tmp_path / "study.yaml"
    path.write_text(yaml.safe_dump(config.load(None).model_dump(exclude_none=True)))
    chosen = evaluation("/m", ["pope", "amber"], study=path, limit=7)
    assert [spec.model_dump(exclude_none=True) for spec in chosen.sweep] == [
        {"name": "pope", "limit_images": 150, "limit": 7},
        {"name": "amber", "limit": 7},
    ]
    assert not chosen.arms


def test_options_are_changes_that_reach_a_benchmark_by_its_name() -> None:
    chosen = evaluation(benchmarks=["pope", "chair"], changes=["sweep.chair.max_new_tokens=64", "model.dtype=float32"])
    assert chosen.sweep[1].options == {"max_new_tokens": 64} and chosen.model.options["dtype"] == "float32"


def test_foreign_data_without_benchmarks_is_asked_for_them() -> None:
    with pytest.raises(ConfigError, match=r"Name the benchmarks, e\.g\. --benchmarks pope,chair"):
        evaluation("/m", data="/d")


def words_for(world: Path, tmp_path: Path, url: str) -> list[str]:
    return ["--model", url, "--data", str(world), "--output", str(tmp_path)]


def test_the_command_shows_the_table_and_a_single_item_in_full(world: Path, tmp_path: Path) -> None:
    one = next(iter(Pope().load(DataFolder(world, tmp_path / "cache")))).id
    with serving() as server:
        words = words_for(world, tmp_path, server.url)
        table = sweep_words(*words, "--benchmarks", "pope", "--limit", "30")
        item = sweep_words(*words, "--benchmarks", "pope", "--sample-id", one)
        wrong = sweep_words(*words, "--benchmarks", "pope", "--sample-id", one + "?")
    assert table.exit_code == 0 and "POPE accuracy" in table.output and "30 of 30 items answered" in table.output
    assert item.exit_code == 0 and f"pope, item {one}" in item.output and "answer: Yes. (3 tokens" in item.output
    assert isinstance(wrong.exception, DataError) and "Its ids look like" in str(wrong.exception)
    shown = CliRunner().invoke(app, ["show", "127.0.0.1", "--output", str(tmp_path)])
    listed = CliRunner().invoke(app, ["list", "runs", "--output", str(tmp_path)])
    assert listed.exit_code == 0 and "complete" in listed.output and shown.exit_code in (0, 1)


def test_items_without_an_answer_are_told_at_the_end_with_exit_code_1(world: Path, tmp_path: Path) -> None:
    def filtered(body: dict[str, Any], count: int) -> Said:
        return reply("x", "content_filter") if count == 0 else reply()

    with serving(filtered) as server:
        done = sweep_words(*words_for(world, tmp_path, server.url), "--benchmarks", "pope", "--limit", "5")
    assert done.exit_code == 1
    assert "content filter withheld the answer" in done.output and "run the same command again" in done.output


def test_a_benchmark_that_needs_a_judge_says_how_to_give_one(world: Path, tmp_path: Path) -> None:
    with serving() as server:
        done = sweep_words(*words_for(world, tmp_path, server.url), "--benchmarks", "mmhal_bench")
    assert isinstance(done.exception, ConfigError)
    assert "sweep.mmhal_bench.judge.name=" in str(done.exception)


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (("--until", "maybe"), "--until 'maybe' is unknown; the one value is `decided`."),
        (("--until", "decided"), "`--until decided` goes with `--against RUN`"),
        (("--against", "base"), "`--until decided` goes with `--against RUN`"),
    ],
)
def test_stopping_early_takes_its_one_value_and_a_run_of_the_base(words: tuple[str, str], said: str) -> None:
    done = sweep_words("--model", "miniworld", "--benchmarks", "pope", *words)
    assert isinstance(done.exception, ConfigError) and said in str(done.exception)


def test_the_reason_of_a_missing_item_is_not_pushed_away_by_a_long_id() -> None:
    failed = SimpleNamespace(
        benchmark="pope", column="base", missing_why={"too long": ("x" * 500,)}, unjudged_why={}, answered=0
    )
    (line,) = missing_lines(SimpleNamespace(failures=[failed]))  # type: ignore[arg-type]
    assert len(line) < 200 and line.endswith("): too long")
