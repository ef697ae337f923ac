"""POVID-style distortion: one noisy teacher-forced pass a prompt, its words the rejected answer."""

import pytest

from alignment.sources.povid_noise import PovidNoise
from harness.core.errors import ConfigError
from tests.alignment.scripted import ScriptedModel, break_image_of, write_prompts

CAT = "A cat sleeps on a mat."


class Guesser(ScriptedModel):
    def __init__(self, say) -> None:
        super().__init__(say)
        self.forced = []

    def guesses(self, requests, answers):
        self.forced += list(zip(requests, answers))
        return [self.say(answer) for answer in answers]


def test_the_guesses_along_the_chosen_answer_are_the_rejected_one(tmp_path):
    model, source = Guesser(lambda a: a.replace("cat", "dog")), PovidNoise(noise_steps=300)
    data = write_prompts(tmp_path, (CAT, "Two boats.", "A cat."))
    pairs = list(source.pairs(data, model, seed=0))
    assert [p.rejected for p in pairs] == [("A dog sleeps on a mat.",), ("A dog.",)]
    assert source.report()["dropped"] == {"identical answers": 1}
    requests = [request for request, _ in model.forced]
    assert {r.noise.steps for r in requests} == {300}
    assert len({r.noise.seed for r in requests}) == 3
    assert [answer for _, answer in model.forced] == [CAT, "Two boats.", "A cat."]


def test_the_mark_of_a_reasoning_is_no_word_of_a_rejected_answer(tmp_path):
    model = Guesser(lambda answer: answer.replace("A cat", "<think> dog"))
    (pair,) = PovidNoise().pairs(write_prompts(tmp_path, (CAT,)), model, seed=0)
    assert pair.rejected == ("dog sleeps on a mat.",)


def test_an_unreadable_image_costs_its_own_prompts(tmp_path):
    class Looking(Guesser):
        def guesses(self, requests, answers):
            return [self.say(request) for request in requests]

    data, source = write_prompts(tmp_path, (CAT, CAT)), PovidNoise()
    model = Looking(break_image_of(data, "0", lambda request: "A dog."))
    assert [p.id for p in source.pairs(data, model, seed=0)] == ["1"]
    assert source.report()["dropped"] == {"unreadable image": 1}


def test_a_model_that_cannot_score_a_given_answer_is_refused(tmp_path):
    with pytest.raises(ConfigError, match="scores given answers"):
        list(PovidNoise().pairs(write_prompts(tmp_path, (CAT,)), ScriptedModel(str), 0))


@pytest.mark.parametrize("steps", [0, 1001])
def test_steps_outside_the_schedule_are_refused(steps):
    with pytest.raises(ConfigError, match="1 to 1000"):
        PovidNoise(noise_steps=steps)
