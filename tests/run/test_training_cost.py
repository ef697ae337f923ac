"""What a training costs before it is begun: steps, judge requests, the time of a step."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

from alignment.aligners._base import Aligner
from alignment.settings import Settings
from alignment.training.dropped_pairs import training_lines
from alignment.training.train import Alignment
from harness.config.schema import AlignConfig, parse
from harness.core.errors import TrainingError
from harness.core.preference import PreferencePair
from harness.run import training_cost
from harness.run.make_aligner import make_aligner
from harness.run.training_cost import Counting, amount_of, counted, judge_requests, pair_seconds
from tests.end_to_end.conftest import SMALL as STUDY

JUDGE = {"name": "annotations"}
TRAINING = {"batch_size": 8, "epochs": 1.0}
PAIRS = [PreferencePair("1", "a.png", "", "q", "a", ("b",), "t"), PreferencePair("2", "a.png", "", "q", "a", ("b", "c"), "t")]


def made(name: str, **options: Any) -> Any:
    spec = AlignConfig.model_validate({"name": name, "judge": JUDGE, "training": TRAINING} | options)
    return make_aligner(spec, spec.options, stands_in=True)


@pytest.mark.parametrize(("name", "options", "steps", "requests"), [
    ("ppo", {}, 6, 23),  # two steps from each of three batches; an answer a prompt
    ("ppo", {"epochs_a_batch": 6}, 18, 23),
    ("grpo", {"num_generations": 8}, 3, 184),
    ("grpo", {"num_generations": 8, "num_iterations": 4}, 12, 184),
    ("grpo", {"training": TRAINING | {"epochs": 2.5}}, 8, 8 * (46 + 16)),  # 7.5 batches, rounded up: two epochs and 16 prompts
    ("rloo", {}, 3, 92),
    ("rloo", {"normalize_rewards": True}, 3, 92 + 58),  # 23 pairs of 2.5 stored answers
    ("online_dpo", {"candidates": 4}, 3, 138),  # six comparisons a prompt
    ("mixed_dpo", {"p": 0.5}, 3, 12),
])  # fmt: skip
def test_steps_and_judge_requests_follow_from_the_options(name: str, options: Any, steps: int, requests: int) -> None:
    aligner = made(name, **options)
    assert amount_of(aligner, 23, name) == f"{steps} steps of 8 pairs ({name})"
    assert judge_requests(aligner, 23, PAIRS) == requests


def test_a_reward_model_trains_on_the_pairs_that_are_not_held_out() -> None:
    spec = AlignConfig.model_validate({"name": "reward_model", "held_out": 0.3, "training": TRAINING})
    aligner = make_aligner(spec, spec.options, stands_in=True)
    assert amount_of(aligner, 40, "reward_model") == "4 steps of 8 pairs (reward_model)"  # 28 pairs
    with pytest.raises(TrainingError, match=r"All 1 pairs are held out .* \(held_out 0\.999, by image\)"):
        spec = AlignConfig.model_validate({"name": "reward_model", "held_out": 0.999})
        make_aligner(spec, spec.options).trained_on(PAIRS[:1])  # type: ignore[attr-defined]


def test_a_study_without_its_files_counts_the_same_steps() -> None:
    arm = {**STUDY["arms"][0], "name": "p", "align": {"name": "ppo", "judge": JUDGE, "training": {"batch_size": 32}}}
    assert ("align: p", "1,074 steps of 32 pairs (ppo)", 17184) in list(counted(parse(STUDY | {"arms": [arm]}), {"p": 17184}))


def test_a_study_without_its_files_counts_what_its_judges_are_asked() -> None:
    rloo = {"name": "rloo", "normalize_rewards": True, "judge": JUDGE, "training": TRAINING}
    arms = [{**STUDY["arms"][0], "name": n, "align": a} for n, a in (("r", rloo), ("d", {"name": "dpo", "judge": None}))]
    found = {stage: asked for stage, _, asked in counted(parse(STUDY | {"arms": arms}), {"r": 23, "d": 23})}
    assert found == {"pairs: r": 0, "align: r": 23 * 4 + 23 * 2, "pairs: d": 0, "align: d": 0}  # two stored answers a pair


@dataclass
class Slow(Aligner):
    """Draws for 4 s, then learns from the answers in 1 s a step."""

    name = "slow"
    repeats: int = 4
    settings: Settings = field(default_factory=Settings)
    seen: list[int] = field(default_factory=list)

    def align(self, policy: Any, pairs: Sequence[PreferencePair], *rest: Any, **more: Any) -> Any:
        self.seen.append(len(pairs))
        draws = [step % self.repeats == 0 for step in range(self.settings.max_steps or 0)]

        @dataclass
        class Done:
            log: list[dict[str, float]]

        return Done([{"time/step_s": 1.0 + 4.0 * drawn} for drawn in draws])


def test_the_time_of_a_step_is_the_mean_of_those_that_learn_from_one_set_of_answers(monkeypatch: pytest.MonkeyPatch) -> None:
    slow, data = Slow(), type("Data", (), {"folder": Path()})()
    monkeypatch.setattr(training_cost, "make_aligner", lambda *given: slow)
    monkeypatch.setattr(training_cost, "load_model", lambda config: None)
    config = parse(STUDY)
    assert pair_seconds(config, config.arms[0], PAIRS, None, data) == pytest.approx((5 + 1 + 1 + 1) / 4 / 2)
    assert slow.seen == [4] and slow.settings.max_steps == 8


def test_what_a_dry_run_itself_asks_is_counted() -> None:
    class Judge:
        name, version = "j", "1"

        def rate(self, *asked: Any) -> str:
            return "rated"

        def rank(self, *asked: Any) -> str:
            return "ranked"

    judge: Any = Counting(Judge())  # type: ignore[arg-type]
    assert (judge.rate("q", "a", {}, None), judge.rank("q", ("a", "b"), {}, None)) == ("rated", "ranked")
    assert judge.asked == 2 and judge.name == "j"


def test_the_few_pairs_of_a_reward_model_that_are_tried_are_all_trained_on(monkeypatch: pytest.MonkeyPatch) -> None:
    given, data = list[Any](), type("Data", (), {"folder": Path()})()
    monkeypatch.setattr(training_cost, "make_aligner", lambda spec, options, judge: given.append(options) or Slow())
    monkeypatch.setattr(training_cost, "load_model", lambda config: None)
    arm = {**STUDY["arms"][0], "align": {"name": "reward_model", "held_out": 0.3}}
    config = parse(STUDY | {"arms": [STUDY["arms"][0]], "reward_models": [arm | {"name": "rm"}]})
    pair_seconds(config, config.reward_models[0], PAIRS, None, data)
    pair_seconds(config, config.arms[0], PAIRS, None, data)
    assert given[0]["held_out"] == 0.0 and "held_out" not in given[1]


def test_a_run_says_every_note_of_a_training_once_and_names_the_list_with_its_path(tmp_path: Path) -> None:
    other, ended = "2 of 5 pairs were left out of training: too long 2, all alike.", "Training ended at step 3: collapse."
    dropped = "2 of 5 pairs were left out of training: too long 2 (ids in dropped.jsonl)."
    listed = tmp_path / "dropped.jsonl"
    listed.touch()
    done = Alignment((), tmp_path / "checkpoint", 3, (dropped, other, ended), {"too long": 2}, 5)
    assert training_lines(done) == (f"2 of 5 pairs were left out of training: too long 2 (ids in {listed}).", other, ended)
