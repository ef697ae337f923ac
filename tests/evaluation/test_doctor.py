"""doctor says when answers depend on what they should not depend on."""

from __future__ import annotations

from collections.abc import Callable, Container, Iterator, Sequence
from pathlib import Path
from typing import Any

import pytest
import torch
from typer.testing import CliRunner

from harness.cli import app
from harness.core.capabilities import NOTE, OK, WRONG, Finding
from harness.core.errors import ConfigError, ModelError
from harness.core.evaluation import Answer, Request
from harness.evaluation import doctor
from harness.evaluation.checkpoint_checks import drawn_images
from harness.evaluation.doctor import examine, verdict
from harness.models._engine.scheduler import ImageFirstEngine
from harness.models._server.chat_format import data_url
from harness.models.openai import OpenAIModel
from harness.models.scripted import Scripted
from harness.models.transformers import TransformersModel
from tests.models.fake_server import Said, refused, reply, serving
from tests.models.own_server.stand_in import noting_server


@pytest.fixture(autouse=True)
def brief(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(doctor, "_TOKENS", 4)
    monkeypatch.setattr(doctor, "QUESTIONS", doctor.QUESTIONS[:2])


def states(load: Callable[[], Any], folder: Path) -> dict[str, Finding]:
    return {finding.what: finding for finding in examine(load, folder)}


@pytest.fixture(scope="module")
def model(llava_next_folder: Path) -> TransformersModel:
    return TransformersModel(str(llava_next_folder), device="cpu")


def test_a_healthy_checkpoint_agrees_with_itself_and_with_its_own_generate(model: TransformersModel, tmp_path: Path) -> None:
    found = states(lambda: model, tmp_path)
    for what in ("one alone = one of a batch", "shared prefix = the model's own generate"):
        assert (found[what].state, found[what].words) == (OK, "6 of 6 answers are the same")
    assert "GiB are loaded" in found["memory"].words and "torch" in found["versions"].words
    assert not any(finding.state == WRONG for finding in found.values())


def test_an_engine_that_answers_otherwise_in_a_batch_is_wrong(
    model: TransformersModel, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    honest = ImageFirstEngine.generate

    def careless(
        self: ImageFirstEngine, requests: Sequence[Request], done: Container[int] = ()
    ) -> Iterator[list[tuple[int, Answer]]]:
        for batch in honest(self, requests, done):
            yield [(i, Answer("", a.text + "cat" * (len(requests) > 1), a.n_tokens, a.stopped)) for i, a in batch]

    monkeypatch.setattr(ImageFirstEngine, "generate", careless)
    found = states(lambda: model, tmp_path)
    assert found["one alone = one of a batch"].state == WRONG
    assert "6 of 6 answers differ" in found["one alone = one of a batch"].words
    assert found["shared prefix = the model's own generate"].state == WRONG
    assert verdict(list(found.values())).startswith("Something is wrong: one alone = one of a batch")


class Wavering(Scripted):
    """Two texts of nearly the same likelihood, one alone and another in a batch."""

    def __init__(self, gap: float) -> None:
        super().__init__()
        self.gap = gap
        self.module, self.device = torch.nn.Linear(1, 1), torch.device("cpu")
        del self.module

    def generate(self, requests: Sequence[Request], done: Container[int] = ()) -> Iterator[list[tuple[int, Answer]]]:
        yield [(i, Answer("", f"in {len(requests) > 1}", 2, "end")) for i in range(len(requests))]

    def log_probs(self, requests: Sequence[Request], answers: Sequence[str]) -> list[float]:
        return [0.0 if answer == "in True" else self.gap for answer in answers]


@pytest.mark.parametrize(("gap", "state"), [(0.01, NOTE), (3.0, WRONG)])
def test_rounding_between_equally_likely_words_is_told_from_a_fault(gap: float, state: str, tmp_path: Path) -> None:
    assert states(lambda: Wavering(gap), tmp_path)["one alone = one of a batch"].state == state


def test_a_model_that_says_nothing_is_wrong_and_one_that_never_ends_is_worth_a_note(tmp_path: Path) -> None:
    assert states(Scripted, tmp_path)["answers"].state == WRONG

    class Endless(Wavering):
        def generate(self, requests: Sequence[Request], done: Container[int] = ()) -> Iterator[list[tuple[int, Answer]]]:
            yield [(i, Answer("", "a a", 4, "length")) for i in range(len(requests))]

    assert "does the model emit its end token?" in states(lambda: Endless(0), tmp_path)["end of an answer"].words


def test_a_checkpoint_that_does_not_load_is_one_finding(tmp_path: Path) -> None:
    def load() -> Any:
        raise ModelError("There is no model folder at /nowhere.")

    found = states(load, tmp_path)
    assert found["model"] == Finding("model", WRONG, "There is no model folder at /nowhere.")
    assert verdict(list(found.values())) == "Something is wrong: model. The checks of the model could not be made."
    late = [Finding("model", OK, "tiny"), found["model"]]
    assert verdict(late).endswith("Numbers measured like this cannot be believed.")
    assert "versions" in found and "disk" in found


def test_the_command_asks_a_server_and_fails_where_something_is_wrong(tmp_path: Path) -> None:
    with serving() as server:
        healthy = CliRunner().invoke(app, ["doctor", "--model", server.url, "--output", str(tmp_path)])
    gone = CliRunner().invoke(app, ["doctor", "--model", server.url, "--output", str(tmp_path)])
    assert healthy.exit_code == 0 and "raise model.revision" in healthy.output, healthy.output
    assert gone.exit_code == 1 and "No server answers at" in gone.output


def test_weights_that_are_known_by_content_need_no_revision(
    llava_folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("STAND_IN_SAYS", "Yes.")
    noting_server(tmp_path, monkeypatch)
    found = states(lambda: OpenAIModel(path=str(llava_folder), serve="vllm", start_s=60.0), tmp_path)
    assert "weights: known by content" in found["backend"].words and "server" in found
    assert "identity" not in found and not any(finding.state == WRONG for finding in found.values())


def test_a_server_that_turns_out_to_refuse_a_temperature_is_worth_a_note(tmp_path: Path) -> None:
    def behave(body: dict[str, Any], count: int) -> Said:
        if not any(part["type"] == "image_url" for part in body["messages"][0]["content"]):
            return refused(503, "loading")
        return refused(400, "no temperature here") if "temperature" in body else reply()

    with serving(behave, models=[{"id": "gpt"}]) as server:
        found = states(lambda: OpenAIModel(server.url, retries=0), tmp_path)
    assert found["facts"].state == NOTE and "it refuses one" in found["facts"].words
    assert found["one alone = one of a batch"].state == OK


def served_answers(model: TransformersModel, folder: Path, spoilt: int = 0) -> Callable[[dict[str, Any], int], Said]:
    """A server that gives the model's own greedy answers, the first `spoilt` of them replaced."""
    requests = doctor._questions_about(drawn_images(folder))
    texts = [answer.text for answer in doctor._asked(model, requests)]
    known = {
        (data_url(r.image), r.text): "Zebra zebra zebra zebra" if n < spoilt else f" {text} "
        for n, (r, text) in enumerate(zip(requests, texts, strict=True))
        if r.image is not None
    }

    def say(body: dict[str, Any], count: int) -> Said:
        parts = body["messages"][-1]["content"]
        if isinstance(parts, str):
            return reply("Hi")
        image = next(part["image_url"]["url"] for part in parts if part["type"] == "image_url")
        return reply(known[image, next(part["text"] for part in parts if part["type"] == "text")])

    return say


@pytest.mark.parametrize(
    ("spoilt", "state", "words"), [(0, OK, "6 of 6 answers are the same"), (2, WRONG, "2 of 6 answers differ")]
)
def test_a_server_s_answers_are_compared_with_those_of_the_folder_it_serves(
    model: TransformersModel, tmp_path: Path, spoilt: int, state: str, words: str
) -> None:
    with serving(served_answers(model, tmp_path, spoilt)) as server:
        found = {f.what: f for f in examine(lambda: OpenAIModel(server.url), tmp_path, lambda: model)}
    finding = found[f"answers = those of {model.checkpoint.base}"]
    assert finding.state == state and finding.words.startswith(words)
    assert state == OK or finding.words.endswith("more than rounding explains")


def test_the_command_compares_beside_a_folder_and_not_on_a_fleet(llava_next_folder: Path, tmp_path: Path) -> None:
    with serving() as server:
        words = ["doctor", "--model", server.url, "--beside", str(llava_next_folder), "--output", str(tmp_path)]
        done = CliRunner().invoke(app, words)
        assert f"answers = those of {llava_next_folder}" in done.output.replace("\n", "") and done.exit_code == 1
        refused = CliRunner().invoke(app, [*words, "--fleet", "ray", "data=data"])
    assert refused.exit_code != 0 and "--beside" in str(refused.output) + str(refused.exception)


def test_a_folder_beside_that_is_not_there_is_named_as_the_option_that_it_came_by(tmp_path: Path) -> None:
    words = ["doctor", "--beside", "/nonexistent", "--output", str(tmp_path)]
    with pytest.raises(ConfigError, match=r"1 fault in the options:\n  - --beside: there is no model folder at /nonexistent"):
        CliRunner().invoke(app, words, catch_exceptions=False)


def test_an_output_that_is_no_folder_is_wrong(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("x")
    (tmp_path / "loop").symlink_to("loop")
    for name in ("file", "loop"):
        found = states(lambda: Scripted({}, default="x"), tmp_path / name)["disk"]
        assert found.state == WRONG and found.words.startswith(f"{tmp_path / name} is a")
    assert states(lambda: Scripted({}, default="x"), tmp_path / "new")["disk"].state != WRONG


@pytest.mark.parametrize("threads", [0, -1, 1025, 100_000])
def test_threads_that_no_machine_has_are_refused_before_torch_takes_them(threads: int, llava_next_folder: Path) -> None:
    before = torch.get_num_threads()
    with pytest.raises(ModelError, match=rf"model.threads is {threads:,}; give 1 to 1,024"):
        TransformersModel(str(llava_next_folder), device="cpu", threads=threads)
    assert torch.get_num_threads() == before


@pytest.mark.parametrize("rows", [0, -5])
def test_no_rows_at_work_are_refused(rows: int, llava_next_folder: Path) -> None:
    with pytest.raises(ConfigError, match=f"model.rows is {rows}; give how many answers may be in work at once"):
        TransformersModel(str(llava_next_folder), device="cpu", rows=rows)
