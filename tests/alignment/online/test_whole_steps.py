"""What online methods log and refuse is of the whole step: the same with one process and with several, one without a prompt."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import replace
from pathlib import Path

import pytest

from alignment.aligners._base import Aligner
from alignment.aligners.grpo import Grpo
from alignment.aligners.mixed_dpo import MixedDpo
from alignment.aligners.online_bdhs import OnlineBdhs
from alignment.aligners.online_dpo import OnlineDpo
from alignment.aligners.ppo import Ppo
from alignment.aligners.rloo import Rloo
from harness.core.errors import TrainingError
from harness.core.evaluation import Answer, Request, Verdict
from harness.core.preference import PreferencePair
from tests.alignment.online.test_online_dpo import Alphabetical
from tests.alignment.talker import FAST, Likes, Steady, Talker
from tests.alignment.threads import in_processes
from tests.alignment.training.test_train import without_times

TRAINING = {**FAST, "batch_size": 4, "epochs": 2}  # of six prompts: a step of four, then one of two
SILENT = "There is a white cat."  # the annotator and the reward say nothing about its prompt
WITH_A_MEAN = {"loss": "bco_pair_running"}  # logs the mean that its next step goes on from
COUNTED = "rl/", "online/", "frac_"


class Varied(Steady):
    """Some answers are empty, some never end, and they are of several lengths, as the request's seed decides."""

    def generate(self, requests: Sequence[Request]) -> Iterator[list[tuple[int, Answer]]]:
        for i, request in enumerate(requests):
            seed = request.decoding.seed
            text = ("", " dog.", " cup.", " boat.")[seed % 4]
            ids = tuple(self.answer_ids(request.image, request.text, text).tolist())
            yield [(i, Answer("", text, seed % 5, "length" if seed % 3 == 0 else "stop", token_ids=ids))]


class Moody:
    """As an annotator and as a reward: silent about the prompts of some answers, prefers and rewards "cup" elsewhere."""

    name, version = "moody", "1"

    def __init__(self, *silent: str) -> None:
        self.silent = silent

    def facts(self) -> dict[str, str]:
        return {}

    def rank(self, question: str, answers: Sequence[str], facts: dict[str, str], image: Path) -> Verdict:
        cups = [answer == "cup." for answer in answers]
        value = 0.5 if cups[0] == cups[1] else float(cups[1])
        return Verdict(None if facts["gt_answer"] in self.silent else value, "", "", self.name, self.version)

    def __call__(self, pair: PreferencePair, answers: Sequence[str], image_root: Path) -> list[float | None]:
        return [None if pair.chosen in self.silent else float("cup" in answer) for answer in answers]


class Patchy(Moody):
    """Says nothing about two answers that are a dog and a boat, so that some comparisons of a prompt are missing."""

    def rank(self, question: str, answers: Sequence[str], facts: dict[str, str], image: Path) -> Verdict:
        found = super().rank(question, answers, facts, image)
        return replace(found, value=None) if {"dog.", "boat."} == set(answers) else found


def methods(*silent: str) -> dict[str, Callable[[], Aligner]]:
    return {
        "grpo": lambda: Grpo(Moody(*silent), num_generations=3, num_iterations=2, training=TRAINING),
        "rloo": lambda: Rloo(Moody(*silent), k=3, training=TRAINING),
        "ppo": lambda: Ppo(Moody(*silent), training=TRAINING),
        "online_dpo": lambda: OnlineDpo(Moody(*silent), training=TRAINING),
        "online_dpo of four": lambda: OnlineDpo(Patchy(*silent), candidates=4, training=TRAINING),
        "mixed_dpo": lambda: MixedDpo(Moody(*silent), p=0.4, training=TRAINING, dpo=WITH_A_MEAN),
        "online_bdhs": lambda: OnlineBdhs(bdhs={"n_tries": 2}, training=TRAINING),
    }


@pytest.fixture
def six(pairs: list[PreferencePair]) -> list[PreferencePair]:
    more = [replace(pair, id=f"{pair.id} again", chosen=f"{pair.chosen} It sits.") for pair in pairs[:2]]
    return [*pairs, *more]


@pytest.mark.parametrize("method", methods())
def test_the_log_is_that_of_one_process(monkeypatch, llava_next, images, six, tmp_path, method) -> None:
    def trained() -> list[Mapping[str, float]]:
        return list(methods(SILENT)[method]().align(Varied(llava_next), six, images, tmp_path / str(count)).log)

    logs = []
    for count in (1, 2, 3):
        log, *others = in_processes(monkeypatch, count, trained)
        assert [without_times(other) for other in others] == [without_times(log)] * (count - 1)
        logs.append(log)
    for one, *several in zip(*logs, strict=True):
        for name, value in one.items():
            found = [row[name] for row in several]
            if name.startswith(COUNTED):
                assert found == [value] * 2, name
            elif not name.startswith("time/") and (name, one["step"]) != ("rewards/accuracies", 1):  # the margins are 0 there
                assert found == pytest.approx([value] * 2, abs=1e-4, rel=1e-4), name


@pytest.mark.parametrize("method", ["grpo", "rloo", "ppo", "online_dpo", "mixed_dpo"])
def test_a_judge_that_stays_silent_ends_every_process(monkeypatch, llava_next, images, six, tmp_path, method) -> None:
    def trained() -> object:
        aligner = methods(*(pair.chosen for pair in six))[method]()
        aligner.settings = replace(aligner.settings, epochs=8)
        return aligner.align(Varied(llava_next), six, images, tmp_path / str(count))

    ended = list[object]()
    for count in (1, 3):
        ended += in_processes(monkeypatch, count, trained)
    assert [type(one) for one in ended] == [TrainingError] * 4 and len({str(one) for one in ended}) == 1, ended
    assert "The last saved state is kept" in str(ended[0])


def test_the_first_process_decides_when_a_training_stops(monkeypatch, llava_next, images, six, tmp_path) -> None:
    """An early stop may watch the time of a step, which is another one in each process."""
    numbers = itertools.count(1)

    def trained() -> int:
        aligner, number = methods()["online_dpo"](), next(numbers)
        aligner.rules = (lambda log: "slow" if len(log) == number else "",)
        return aligner.align(Varied(llava_next), six, images, tmp_path).step

    assert in_processes(monkeypatch, 2, trained) in ([1, 1], [2, 2])


def test_a_running_mean_is_of_all_steps_with_a_pair_and_steps_without_one_hand_it_on(llava_next, images, six, tmp_path) -> None:
    class Partial(Moody):
        """Ties one prompt, whose steps have no pair then."""

        def rank(self, question: str, answers: Sequence[str], facts: dict[str, str], image: Path) -> Verdict:
            return Verdict(0.5 if facts["gt_answer"] == six[0].chosen else 1.0, "", "", self.name, self.version)

    training = {**FAST, "batch_size": 1, "epochs": 2}
    aligner = OnlineDpo(Partial(), ties="drop", training=training, dpo=WITH_A_MEAN)
    log = aligner.align(Varied(llava_next), six, images, tmp_path).log
    used = [row for row in log if "skipped" not in row]
    assert 1 < len(used) < used[-1]["step"]  # some steps between them had no pair
    observed = [(row["rewards/chosen"] + row["rewards/rejected"]) / 2 for row in used]
    wanted = [sum(observed[: n + 1]) / (n + 1) for n in range(len(observed))]
    assert [row["bco/delta"] for row in used] == pytest.approx(wanted, abs=1e-6)
    assert [row["bco/observations"] for row in used] == list(range(1, len(used) + 1))


@pytest.mark.parametrize(("make", "drawn"), [
    (lambda training: OnlineDpo(Alphabetical(), candidates=3, training=training), 3),
    (lambda training: Rloo(Likes(), k=3, training=training), 3),
    (lambda training: Grpo(Likes(), num_generations=3, training=training), 3),
    (lambda training: Ppo(Likes(), epochs_a_batch=2, training=training), 1),
], ids=["online_dpo", "rloo", "grpo", "ppo"])  # fmt: skip
def test_every_answer_of_every_step_has_a_draw_of_its_own(llava_next, images, pairs, tmp_path, make, drawn):
    policy = Talker(llava_next)
    policy.asked = set()
    make({**FAST, "epochs": 2}).align(policy, pairs, images, tmp_path)
    assert len(policy.asked) == 2 * len(pairs) * drawn
