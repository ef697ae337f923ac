"""A model that remembers asks nothing twice and mixes up nothing."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import pytest

from harness.core.errors import ModelError
from harness.core.evaluation import Decoding, HiddenImage, NoisyImage, Request
from harness.core.plugins import in_order
from harness.evaluation.cached_model import CachedModel
from harness.models.scripted import Scripted
from harness.storage.run_store import Store


def texts(model: CachedModel, requests: list[Request]) -> list[str]:
    return [a.text for a in in_order((p for batch in model.generate(requests) for p in batch), len(requests))]


def test_a_question_asked_before_is_answered_from_the_store(store: Store) -> None:
    model = Scripted({"a": "1", "b": "2"})
    assert texts(CachedModel(model, store), [Request(None, "a")]) == ["1"]
    assert texts(CachedModel(model, store), [Request(None, "b"), Request(None, "a")]) == ["2", "1"]
    assert [r.text for r in model.asked] == ["a", "b"]


def test_equal_requests_are_asked_once(store: Store) -> None:
    model = Scripted(default="x")
    assert texts(CachedModel(model, store), [Request(None, "a")] * 3) == ["x"] * 3
    assert len(model.asked) == 1


def test_other_weights_never_get_the_old_answers(store: Store) -> None:
    old, new = Scripted({"a": "old"}), Scripted({"a": "new"})
    assert texts(CachedModel(old, store), [Request(None, "a")]) == ["old"]
    assert texts(CachedModel(new, store), [Request(None, "a")]) == ["new"]


def test_everything_that_can_move_an_answer_is_in_its_key(store: Store, images: list[Path], tmp_path: Path) -> None:
    model = CachedModel(Scripted(), store)
    requests = [
        Request(images[0], "q"),
        Request(images[1], "q"),
        Request(images[0], "r"),
        Request(images[0], "q", Decoding(max_new_tokens=3)),
        Request(images[0], "q", Decoding(temperature=1.0, seed=1)),
        Request(images[0], "q", prefix="A"),
        Request(images[0], "q", hidden_image=HiddenImage(0.99, 0)),
        Request(images[0], "q", hidden_image=HiddenImage(0.99, 1)),
    ]
    assert len({model.key(r) for r in requests}) == len(requests)
    copy = tmp_path / "elsewhere.png"
    copy.write_bytes(images[0].read_bytes())
    assert model.key(Request(copy, "q")) == model.key(requests[0])


def test_facts_that_can_move_an_answer_are_in_its_key(store: Store) -> None:
    """The number format, a chat template, versions: the same weights under others give other answers."""

    class InHalf(Scripted):
        def facts(self) -> dict[str, str]:
            return {**super().facts(), "dtype": "bfloat16"}

    one, other = CachedModel(Scripted(), store), CachedModel(InHalf(), store)
    assert one.checkpoint.digest == other.checkpoint.digest
    assert one.key(Request(None, "q")) != other.key(Request(None, "q"))


def test_the_rule_of_the_noise_is_in_the_key_of_what_is_asked_under_noise_alone(store: Store, images: list[Path]) -> None:
    class Later(Scripted):
        noise_rule = "one draw for all frames of an image"

    first, later = CachedModel(Scripted(), store), CachedModel(Later(), store)
    noisy = Request(images[0], "q", noise=NoisyImage(500, 0))
    assert first.key(noisy) != later.key(noisy)
    assert first.key(replace(noisy, noise=None)) == later.key(replace(noisy, noise=None))


def test_keys_are_made_once_for_a_list_and_anew_for_other_weights(
    store: Store, images: list[Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    inner = Scripted()
    model, requests = CachedModel(inner, store), [Request(images[0], "q"), Request(images[0], "r")] * 2
    keys = model.keys(requests)
    assert keys == [model.key(request) for request in requests]
    with monkeypatch.context() as later:
        later.setattr(model, "key", None)  # none is made again
        assert model.keys(requests[1:]) == keys[1:]
    inner.checkpoint = replace(inner.checkpoint, digest="other weights")
    assert model.keys(requests[1:]) == [model.key(request) for request in requests[1:]] != keys[1:]


class Sure(Scripted):
    """A scripted model that can tell its log-odds of yes: the length of the question; "broken" has none."""

    def __init__(self, dies_at: str = "") -> None:
        super().__init__(default="Yes.")
        self.dies_at, self.scored = dies_at, []

    def yes_no_log_odds(self, requests: Sequence[Request]) -> list[float]:
        if self.dies_at in [r.text for r in requests]:
            raise KeyboardInterrupt
        self.scored.append([r.text for r in requests])
        return [float("nan") if r.text == "broken" else float(len(r.text)) for r in requests]


def test_log_odds_are_asked_for_once_and_stand_beside_the_answer(store: Store, images: list[Path]) -> None:
    requests = [Request(images[0], text) for text in ("one", "three", "one")]
    model = Sure()
    for _ in range(2):
        asking = CachedModel(model, store)
        assert texts(asking, requests) == ["Yes."] * 3
        assert asking.yes_no_log_odds(requests) == {0: 3.0, 1: 5.0, 2: 3.0}
    assert model.scored == [["one", "three"]]
    assert store.answers([asking.key(requests[1])])[asking.key(requests[1])].yes_nats == 5.0


class Tells(Sure):
    """Tells its log-odds with its answers, but for "shy"."""

    def generate(self, requests, done=None):
        for batch in super().generate(requests, done or {}):
            yield [(i, replace(a, yes_nats=None if requests[i].text == "shy" else 1.5)) for i, a in batch]


def test_log_odds_that_came_with_the_answers_are_not_asked_for(store: Store, images: list[Path]) -> None:
    model = Tells()
    requests = [Request(images[0], "one"), Request(images[1], "shy")]
    asking = CachedModel(model, store, log_odds=True)
    assert texts(asking, requests) == ["Yes."] * 2
    assert asking.yes_no_log_odds(requests) == {0: 1.5, 1: 3.0}
    assert model.scored == [["shy"]]


def test_log_odds_that_nobody_wants_are_not_kept(store: Store, images: list[Path]) -> None:
    asking = CachedModel(Tells(), store)
    texts(asking, [Request(images[0], "one")])
    assert store.log_odds([asking.key(Request(images[0], "one"))]) == {}


def test_after_a_kill_only_the_images_in_flight_are_scored_again_and_whole(store: Store, images: list[Path]) -> None:
    requests = [Request(images[i], text) for i, text in ((0, "a"), (1, "c"), (0, "b"), (1, "d"))]
    with pytest.raises(KeyboardInterrupt):
        CachedModel(Sure(dies_at="d"), store).yes_no_log_odds(requests)
    model = Sure()
    assert CachedModel(model, store).yes_no_log_odds(requests) == dict.fromkeys(range(4), 1.0)
    assert model.scored == [["c", "d"]]


def test_an_image_is_scored_whole_though_part_of_it_is_known(store: Store, images: list[Path]) -> None:
    model = Sure()
    for texts_asked in (["a"], ["a", "b"]):
        CachedModel(model, store).yes_no_log_odds([Request(images[0], text) for text in texts_asked])
    assert model.scored == [["a"], ["a", "b"]]


def test_log_odds_that_are_no_number_are_unknown(store: Store) -> None:
    requests = [Request(None, "fine"), Request(None, "broken")]
    assert CachedModel(Sure(), store).yes_no_log_odds(requests) == {0: 4.0}


def test_a_model_that_cannot_score_answers_says_so(store: Store) -> None:
    with pytest.raises(ModelError, match="does not score"):
        CachedModel(Scripted(), store).yes_no_log_odds([Request(None, "a")])


def test_a_model_that_scores_no_given_answers_says_so(store: Store) -> None:
    with pytest.raises(ModelError, match="does not score given answers"):
        CachedModel(Scripted(), store).guesses([Request(None, "a")], ["b"])


class Scores(Scripted):
    """A scripted model that finds an answer the likelier the longer it is; the question "broken" has no value."""

    def __init__(self) -> None:
        super().__init__(default="A")
        self.scored: list[list[tuple[str, str]]] = []

    def log_probs(self, requests: Sequence[Request], answers: Sequence[str]) -> list[float]:
        self.scored.append([(r.text, answer) for r, answer in zip(requests, answers, strict=True)])
        return [
            float("-inf") if r.text == "broken" else -1.0 / len(answer) for r, answer in zip(requests, answers, strict=True)
        ]


def test_likelihoods_of_options_are_asked_for_once_and_stand_beside_the_answer(store: Store, images: list[Path]) -> None:
    requests = [Request(images[0], text) for text in ("one", "three", "one", "none")]
    offered, model = [("A", "BB"), ("A", "BB"), ("A", "BB"), ()], Scores()
    for _ in range(2):
        asking = CachedModel(model, store)
        texts(asking, requests)
        expected = {"A": -1.0, "BB": -0.5}
        assert asking.option_log_probs(requests, offered) == {0: expected, 1: expected, 2: expected}
    assert model.scored == [[("one", "A"), ("one", "BB"), ("three", "A"), ("three", "BB")]]
    assert store.answers([asking.key(requests[1])])[asking.key(requests[1])].option_nats == {"A": -1.0, "BB": -0.5}
    assert store.answers([asking.key(requests[3])])[asking.key(requests[3])].option_nats is None


def test_other_options_of_the_same_question_are_added_to_what_is_known(store: Store, images: list[Path]) -> None:
    request = [Request(images[0], "one")]
    CachedModel(Scores(), store).option_log_probs(request, [("A",)])
    asking = CachedModel(Scores(), store)
    assert asking.option_log_probs(request, [("A", "BB")]) == {0: {"A": -1.0, "BB": -0.5}}
    assert store.option_log_probs([asking.key(request[0])])[asking.key(request[0])] == {"A": -1.0, "BB": -0.5}


def test_likelihoods_that_are_not_finite_are_unknown(store: Store) -> None:
    requests = [Request(None, "fine"), Request(None, "broken")]
    assert CachedModel(Scores(), store).option_log_probs(requests, [("A",), ("A",)]) == {0: {"A": -1.0}}


def test_a_server_that_scores_no_options_says_so(store: Store) -> None:
    with pytest.raises(ModelError, match="does not score given answers"):
        CachedModel(Scripted(), store).option_log_probs([Request(None, "a")], [("A",)])
