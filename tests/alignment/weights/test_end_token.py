"""A training behind a template that writes no end token says that it does not teach answers to end."""

from __future__ import annotations

import torch

from alignment.aligners.grpo import Grpo
from alignment.aligners.sft import Sft
from alignment.online.reward_model import BradleyTerry, JudgeReward
from alignment.training.end_token import NOTE, end_token_note
from harness.core.preference import PreferencePair
from tests.alignment.tiny import TinyPolicy

PAIR = PreferencePair("1", "wide.png", "", "Describe it.", "a red cat.", ("a dog.",), "t")
SENTENCE = PreferencePair("1", "wide.png", "", "Describe it.", "a red cat.", ("a dog.",), "t", context="It is.")


class Ends(TinyPolicy):
    """Tells what ends an answer; whether the template writes it is `writes`."""

    writes = False

    def end_ids(self) -> frozenset[int]:
        return frozenset({int(self.tokenizer.eos_token_id)})

    def answer_ids(self, image, text, answer) -> torch.Tensor:
        ids = super().answer_ids(image, text, answer)
        return ids if self.writes else ids[:-1]


def test_a_training_notes_that_answers_have_no_end_token(llava_next, images, tmp_path):
    once = {"max_steps": 1, "trackers": []}
    done = Sft(training=once).align(Ends(llava_next), [PAIR], images, tmp_path / "without")
    assert NOTE in done.notes and Sft(training=once).align(Ends(llava_next), [PAIR], images, tmp_path / "without") == done
    written = Ends(llava_next)
    written.writes = True
    assert NOTE not in Sft(training=once).align(written, [PAIR], images, tmp_path / "with").notes


def test_it_says_nothing_where_there_is_no_end_to_teach(llava_next):
    policy, sft = Ends(llava_next), Sft().objective
    assert end_token_note(policy, sft, [PAIR], None) == (NOTE,)
    assert end_token_note(policy, sft, [SENTENCE], None) == ()  # a sentence ends no answer
    assert end_token_note(policy, sft, [SENTENCE, PAIR], None) == (NOTE,)
    assert end_token_note(policy, BradleyTerry(), [PAIR], None) == ()
    drawn = Grpo(JudgeReward(None))  # type: ignore[arg-type]
    assert end_token_note(policy, drawn.objective, [PAIR], drawn) == ()
    assert end_token_note(TinyPolicy(llava_next), sft, [PAIR], None) == ()  # which ends there are is not known
