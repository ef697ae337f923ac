"""A training behind a template that writes no end token says that it does not teach answers to end."""

from __future__ import annotations

import torch

from alignment.aligners.grpo import Grpo
from alignment.aligners.sft import Sft
from alignment.online.reward_model import BradleyTerry, JudgeReward
from alignment.training.end_token import AHEAD, NOTE, end_token_note
from harness.config.schema import parse
from harness.core.preference import PreferencePair
from harness.run.make_aligner import ends_not_taught
from tests.alignment.tiny import TinyPolicy
from tests.end_to_end.conftest import SMALL

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


def test_a_dry_run_says_it_once_and_only_where_an_arm_trains_on_stored_answers(llava_next):
    online = {"name": "grpo", "judge": {"name": "annotations"}}
    arms = {name: SMALL["arms"][0] | {"name": name, "align": align} for name, align in (("d", {"name": "dpo"}), ("g", online))}
    arms["e"] = arms["d"] | {"name": "e"}
    model = arms["d"] | {"name": "rm", "align": {"name": "reward_model"}}

    def said(*names: str, pairs=(), policy=None):
        made = parse(SMALL | {"reward_models": [model], "arms": [arms[name] for name in names]})
        return ends_not_taught(made, dict.fromkeys(["rm", *names], pairs), policy or Ends(llava_next))

    assert said("d", "e", "g") == (AHEAD,) and said("g") == ()
    assert said("d", pairs=[SENTENCE]) == () and said("d", policy=object()) == ()
