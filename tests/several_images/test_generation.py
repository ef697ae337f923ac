"""Answers to prompts about several images: BDHS, online methods, answer keys, servers, judges."""

from __future__ import annotations

import json
import shutil
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import pytest
import tiny_families

from alignment.aligners.grpo import Grpo
from alignment.aligners.online_bdhs import OnlineBdhs
from alignment.sources.bdhs import Bdhs
from alignment.sources.povid_noise import PovidNoise
from benchmarks.judges.chat import Chat
from harness.core.errors import ModelError
from harness.core.evaluation import Answer, Request
from harness.core.preference import PreferencePair, paths_of
from harness.evaluation.cached_model import CachedModel
from harness.evaluation.scoring import CachedAnnotator
from harness.models._engine.grouping import by_image, group
from harness.models._server.chat_format import content_of
from harness.models.scripted import Scripted
from harness.models.transformers import TransformersModel
from harness.storage.run_store import Store
from tests.alignment.scripted import FolderData
from tests.alignment.talker import Likes

FAST = {"learning_rate": 1e-3, "max_steps": 2, "batch_size": 2, "micro_batch": 2}


@pytest.fixture
def model(tmp_path_factory: pytest.TempPathFactory) -> TransformersModel:
    return TransformersModel(str(tiny_families.save("qwen2_5_vl", tmp_path_factory.mktemp("qwen"))), device="cpu")


class Listening(TransformersModel):
    """Keeps what it is asked."""

    asked: list[Request]

    def generate(self, requests: Sequence[Request], done: Any = None) -> Iterator[list[tuple[int, Answer]]]:
        self.asked = [*getattr(self, "asked", []), *requests]
        yield from super().generate(requests, done)


@pytest.fixture
def prompts(four: list[Path], tmp_path: Path) -> FolderData:
    """Prompts of LLaVA-Instruct's form about one image, two in front and two among the words."""
    for path in four:
        shutil.copy(path, tmp_path)
    asked = [("0.png", "<image>\nWhat?"), (["0.png", "1.png"], "<image>\n<image>\nWhich?")]
    asked += [(["1.png", "0.png"], "Is <image> like <image>?")]
    said = {"from": "gpt", "value": "A cat sits. Yes."}
    rows = [
        {"id": n, "image": image, "conversations": [{"from": "human", "value": text}, said]}
        for n, (image, text) in enumerate(asked)
    ]
    (tmp_path / "rows.json").write_text(json.dumps(rows))
    return FolderData(tmp_path)


def test_bdhs_makes_pairs_about_several_images_as_about_one(
    model: TransformersModel, prompts: FolderData, four: list[Path]
) -> None:
    options = {"prompts": "rows.json", "max_new_tokens": 4, "rho_th": 0.9}
    listening = Listening(model.checkpoint.folder, device="cpu")
    pairs = list(Bdhs(**options).pairs(prompts, listening, 0))
    assert [p.image for p in pairs] == ["0.png", ("0.png", "1.png"), ("1.png", "0.png")]
    assert [p.prompt for p in pairs] == ["What?", "Which?", "Is <image> like <image>?"]
    assert pairs[1].image_digest == (prompts.digest("0.png"), prompts.digest("1.png"))
    first, second = prompts.path("0.png"), prompts.path("1.png")
    assert {r.image for r in listening.asked} == {first, (first, second), (second, first)}
    alone = [row for row in json.loads(prompts.read_text("rows.json")) if row["id"] == 0]
    (prompts.folder / "alone.json").write_text(json.dumps(alone))
    (one,) = Bdhs(**options | {"prompts": "alone.json"}).pairs(prompts, model, 0)
    assert one == pairs[0]


def test_povid_noise_reads_all_images(model: TransformersModel, prompts: FolderData) -> None:
    pairs = list(PovidNoise(prompts="rows.json").pairs(prompts, model, 0))
    assert [len(p.images) for p in pairs] == [1, 2, 2]


def test_an_unreadable_image_among_several_costs_its_prompt_alone(model: TransformersModel, prompts: FolderData) -> None:
    (prompts.folder / "broken.png").write_bytes(b"no image")
    rows = json.loads(prompts.read_text("rows.json"))
    rows[1]["image"] = ["0.png", "broken.png"]
    (prompts.folder / "some.json").write_text(json.dumps(rows))
    for source in (Bdhs(prompts="some.json", max_new_tokens=3), PovidNoise(prompts="some.json")):
        pairs = list(source.pairs(prompts, model, 0))
        assert [p.id for p in pairs] == ["0", "2"] and source.report()["dropped"]["unreadable image"] == 1


def test_what_a_source_asks_is_known_before_a_model_is_loaded(prompts: FolderData) -> None:
    about = Bdhs(prompts="rows.json").asked(prompts, 0)
    assert [len(paths_of(one.image)) if isinstance(one.image, tuple) else 1 for one in about] == [1, 2, 2]
    of_another = Bdhs(from_={"name": "random_edit", "prompts": "rows.json"}).asked(prompts, 0)
    assert [one.image for one in of_another] == [one.image for one in about]


def test_online_bdhs_and_grpo_train_on_a_step_with_none_one_and_several_images(
    model: TransformersModel, mixed: list[PreferencePair], tmp_path: Path
) -> None:
    bdhs = OnlineBdhs(bdhs={"max_new_tokens": 4}, training=FAST).align(model, mixed, Path("/"), tmp_path / "bdhs")
    assert len(bdhs.log) == 2 and bdhs.log[0]["online/stored"] < 1
    fresh = TransformersModel(model.checkpoint.folder, device="cpu")
    made = Grpo(Likes("a"), num_generations=4, sampling={"max_new_tokens": 6}, training={**FAST, "batch_size": 5})
    log = made.align(fresh, mixed, Path("/"), tmp_path / "grpo").log
    assert log[0]["sampling/sampling_logp_difference/mean"] < 1e-4


def test_questions_about_the_same_images_in_the_same_order_share_what_is_read(
    model: TransformersModel, four: list[Path]
) -> None:
    shown = (four[0], four[1])
    asked = [Request(shown, "Which is red?"), Request(shown, "Which is large?"), Request(shown[::-1], "Which is red?")]
    parts = by_image(asked, range(3))
    assert parts == [[0, 1], [2]]
    (together,) = group([model.prompts.row(i, asked[i]) for i in parts[0]], model.prompts.image_token_id)
    last = max(n for n, token in enumerate(together.rows[0].ids) if token == model.prompts.image_token_id)
    assert together.shared > last


def test_images_order_and_content_are_in_the_key_of_an_answer(store: Store, four: list[Path], tmp_path: Path) -> None:
    remembering = CachedModel(Scripted(), store)
    (tmp_path / "copy.png").write_bytes(four[0].read_bytes())
    shown = [
        (four[0], four[1]),
        (four[1], four[0]),
        (four[0], four[2]),
        (four[0], four[0]),
        four[0],
        (four[0], four[1], four[1]),
    ]
    keys = [remembering.key(Request(images, "q")) for images in shown]
    assert len(set(keys)) == len(shown)
    assert remembering.key(Request((tmp_path / "copy.png", four[1]), "q")) == keys[0]


def test_images_and_their_order_are_in_the_key_of_a_verdict(store: Store, four: list[Path]) -> None:
    asked = Scripted(default="1")
    judge = CachedAnnotator(Chat(asked), store)
    a, b, *_ = four
    for images in ((a, b), (b, a), a, (a, b), None):
        judge.rank("Which?", ("Yes.", "No."), {}, images)
    assert [request.image for request in asked.asked] == [(a, b), (b, a), a, None]


def test_a_server_gets_images_in_front_or_at_their_marks() -> None:
    assert [part["type"] for part in content_of("Which?", ["a", "b"])] == ["image_url", "image_url", "text"]
    placed = content_of("Is <image> like <image>?", ["a", "b"])
    assert [part.get("text") or part["image_url"]["url"] for part in placed] == ["Is ", "a", " like ", "b", "?"]
    assert content_of("What is <image>?", ["a"])[1]["text"] == "What is <image>?"
    with pytest.raises(ModelError, match="1 marks <image> for 2 images"):
        content_of("<image>?", ["a", "b"])


def test_a_judge_sees_all_images_and_reads_their_numbers_in_place_of_marks(four: list[Path]) -> None:
    listening = Scripted(default="1")
    Chat(listening).rank("Is <image> like <image>?", ("Yes.", "An <image>."), {}, (four[0], four[1]))
    (asked,) = listening.asked
    assert asked.image == (four[0], four[1]) and "Is [image 1] like [image 2]?" in asked.text and "<image>" not in asked.text
