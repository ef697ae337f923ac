"""A model that remembers asks nothing twice and mixes up nothing."""

from __future__ import annotations

from pathlib import Path

from harness.contract import Decoding, HiddenImage, Request, in_order
from harness.generate import RememberingModel
from harness.models.scripted import Scripted
from harness.store import Store


def texts(model: RememberingModel, requests: list[Request]) -> list[str]:
    return [a.text for a in in_order((p for batch in model.generate(requests) for p in batch), len(requests))]


def test_a_question_asked_before_is_answered_from_the_store(store: Store) -> None:
    model = Scripted({"a": "1", "b": "2"})
    assert texts(RememberingModel(model, store), [Request(None, "a")]) == ["1"]
    assert texts(RememberingModel(model, store), [Request(None, "b"), Request(None, "a")]) == ["2", "1"]
    assert [r.text for r in model.asked] == ["a", "b"]


def test_equal_requests_are_asked_once(store: Store) -> None:
    model = Scripted(default="x")
    assert texts(RememberingModel(model, store), [Request(None, "a")] * 3) == ["x"] * 3
    assert len(model.asked) == 1


def test_other_weights_never_get_the_old_answers(store: Store) -> None:
    old, new = Scripted({"a": "old"}), Scripted({"a": "new"})
    assert texts(RememberingModel(old, store), [Request(None, "a")]) == ["old"]
    assert texts(RememberingModel(new, store), [Request(None, "a")]) == ["new"]


def test_everything_that_can_move_an_answer_is_in_its_key(store: Store, pictures: list[Path], tmp_path: Path) -> None:
    model = RememberingModel(Scripted(), store)
    requests = [
        Request(pictures[0], "q"),
        Request(pictures[1], "q"),
        Request(pictures[0], "r"),
        Request(pictures[0], "q", Decoding(max_new_tokens=3)),
        Request(pictures[0], "q", Decoding(temperature=1.0, seed=1)),
        Request(pictures[0], "q", prefix="A"),
        Request(pictures[0], "q", hidden_image=HiddenImage(0.99, 0)),
        Request(pictures[0], "q", hidden_image=HiddenImage(0.99, 1)),
    ]
    assert len({model.key(r) for r in requests}) == len(requests)
    copy = tmp_path / "elsewhere.png"
    copy.write_bytes(pictures[0].read_bytes())
    assert model.key(Request(copy, "q")) == model.key(requests[0])
