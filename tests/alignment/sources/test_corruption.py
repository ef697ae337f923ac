"""A text model, or a rule, corrupts chosen answers: what it is asked, what of its replies is used, what the rule exchanges."""

import random
import re

import pytest

from alignment.data.corruption.prompt import CORRUPT, digest, filled
from alignment.data.corruption.replies import rejected_of
from alignment.data.corruption.rule import Rule
from alignment.data.noun_counts import Vocabulary
from alignment.sources.corruption import Corruption
from harness.core import registry
from harness.core.errors import ConfigError, DataError, Unanswered
from harness.core.evaluation import Answer
from harness.evaluation.cached_model import CachedModel
from harness.models.scripted import Scripted
from harness.storage.run_store import Store
from tests.alignment.scripted import ScriptedModel, write_prompts

CAT = "A cat sleeps on a mat."
MODEL = {"name": "scripted", "default": "Rewritten answer: A dog sleeps on a mat."}


def nobody(request) -> str:
    raise AssertionError("the policy is not asked")


def build(tmp_path, answers=(CAT,), nouns="", **options):
    source = Corruption(**options)
    return list(source.pairs(write_prompts(tmp_path, answers, nouns), ScriptedModel(nobody), 0)), source.report()


def test_the_reply_of_the_text_model_is_the_rejected_answer(tmp_path):
    (pair,), report = build(tmp_path, model=MODEL)
    assert (pair.prompt, pair.chosen, pair.rejected) == ("Describe it.", CAT, ("A dog sleeps on a mat.",))
    assert pair.image == "images/a.png" and pair.source == "corruption"
    assert pair.meta == {"corrupted_by": "scripted", "prompt_digest": digest(CORRUPT)}
    assert report["corrupted_by"] == "scripted" and report["prompt_digest"] == digest(CORRUPT)


def test_the_text_model_gets_question_and_answer_and_no_image(tmp_path, monkeypatch):
    asked = []
    model = Scripted(lambda request: asked.append(request) or "A dog.")
    monkeypatch.setattr(registry, "make", lambda kind, name, options, **given: model)
    build(tmp_path, ("A {question} cat.",), model={"path": "x"}, temperature=0.5)
    (request,) = asked
    assert request.image is None and request.decoding.temperature == 0.5 and request.decoding.max_new_tokens == 1024
    assert request.text == filled(CORRUPT, "Describe it.", "A {question} cat.")
    assert request.text.endswith("Question: Describe it.\nAnswer: A {question} cat.\nRewritten answer:")


def test_a_text_of_ones_own_is_asked_with_and_known_by_its_digest(tmp_path):
    (tmp_path / "own.txt").write_text("Spoil {answer} to {question}")
    source = {"model": {**MODEL, "answers": {f"Spoil {CAT} to Describe it.": "A bus."}}, "template": str(tmp_path / "own.txt")}
    (pair,), report = build(tmp_path, **source)
    assert pair.rejected == ("A bus.",) and report["prompt_digest"] == digest("Spoil {answer} to {question}") != digest(CORRUPT)
    (tmp_path / "own.txt").write_text("Spoil {answer}")
    with pytest.raises(ConfigError, match=r"lacks \{question\}"):
        build(tmp_path, **source)


@pytest.mark.parametrize(("reply", "stopped", "text", "why"), [
    ("A dog.", "end", "A dog.", ""),
    ("<think>hm</think> A dog.", "end", "A dog.", ""),
    ("Changed response: A dog.", "end", "A dog.", ""),
    ('"A dog."', "end", "A dog.", ""),
    ('"Go" and "Stop"', "end", '"Go" and "Stop"', ""),
    ("A dog and", "length", "", "reply cut off by the token limit"),
    (" ", "end", "", "empty answer"),
    (f"{CAT}\n", "end", "", "identical answers"),
    ("I'm sorry, but I can't help with that.", "end", "", "the text model refused"),
])  # fmt: skip
def test_what_a_reply_is_worth(reply, stopped, text, why):
    assert rejected_of(Answer("", reply, 3, stopped), CAT) == (text, why)


def test_what_cannot_be_used_is_counted(tmp_path):
    replies = {filled(CORRUPT, "Describe it.", "A bus."): "Sorry, no."}
    pairs, report = build(tmp_path, (CAT, "A bus."), model={**MODEL, "answers": replies})
    assert len(pairs) == 1 and report["asked"] == 2 and report["dropped"] == {"the text model refused": 1}


class Silent(Scripted):
    def generate(self, requests, done=()):
        yield from super().generate(requests[:1], done)
        raise Unanswered({1: "the server hung up"})


def test_a_server_that_gives_up_stops_the_source_unless_its_prompts_may_be_skipped(tmp_path, monkeypatch):
    monkeypatch.setattr(registry, "make", lambda kind, name, options, **given: Silent(default="A dog."))
    with pytest.raises(Unanswered, match="the same command asks for the rest"):
        build(tmp_path, (CAT, CAT), model={"path": "x"})
    pairs, report = build(tmp_path, (CAT, CAT), model={"path": "x"}, skip_unanswered=True)
    assert len(pairs) == 1 and report["dropped"] == {"no reply": 1}


def test_replies_are_remembered_beside_the_policys_answers(tmp_path, monkeypatch):
    text, data = Scripted(default="A dog."), write_prompts(tmp_path, (CAT,))
    monkeypatch.setattr(registry, "make", lambda kind, name, options, **given: text)
    with Store(tmp_path / "store.sqlite") as store:
        for _ in range(2):
            policy = CachedModel(Scripted(), store)
            assert len(list(Corruption(model={"path": "x"}).pairs(data, policy, 0))) == 1
    assert len(text.asked) == 1


def test_the_rule_needs_nouns_or_a_model_must_be_named(tmp_path):
    with pytest.raises(DataError, match="Name a text model"):
        build(tmp_path)


def rule(*answers: str, share: float = 1.0) -> Rule:
    return Rule(Vocabulary.parse("cat\ndog\nmat\nboat\nsail\nharbour\nkite\ncup", "here"), answers, share)


def test_an_object_gives_way_to_one_that_the_set_mentions_beside_the_others():
    made = {rule("A boat.", "A boat with a sail.").corrupted("A boat.", random.Random(n)) for n in range(20)}
    assert made == {"A sail."}
    alone = {rule("A boat.").corrupted("A boat.", random.Random(n)) for n in range(40)}
    assert alone == {
        "A cat.",
        "A dog.",
        "A mat.",
        "A sail.",
        "A harbour.",
        "A kite.",
        "A cup.",
    }  # nothing stands beside it: any


@pytest.mark.parametrize(("answer", "made"), [
    ("To the left of it.", {"To the right of it."}),
    ("Two are in front of it.", {"Three are behind it."}),
    ("There are three.", {"There are two.", "There are four."}),
    ("Yes, it is left.", {"No, it is left."}),
    ("It rains.", {"It rains."}),
])  # fmt: skip
def test_numbers_positions_and_yes_or_no_change_too(answer, made):
    assert {rule().corrupted(answer, random.Random(n)) for n in range(30)} == made


def test_a_share_of_the_places_is_exchanged_rounded_up():
    answer = "A cat, a dog, a mat and two boats to the left."  # six places
    for share, n in ((0.01, 1), (0.25, 2), (0.5, 3)):
        made = rule(share=share).corrupted(answer, random.Random(5))
        words, old = re.findall(r"\w+", made), re.findall(r"\w+", answer)
        assert sum(a != b for a, b in zip(words, old, strict=True)) == n


def test_the_rule_makes_pairs_without_any_model(tmp_path):
    pairs, report = build(tmp_path, (CAT, "It rains.", "No."), "cat\ndog\nmat\nbird", share=0.1)
    assert [p.id for p in pairs] == ["0", "2"] and pairs[1].rejected == ("Yes.",)
    assert report["dropped"] == {"identical answers": 1} and report["corrupted_by"] == "rule"
    with pytest.raises(ConfigError, match="share"):
        Corruption(share=0)


def test_a_text_model_is_checked_before_anything_is_loaded(tmp_path):
    from harness.config.option_faults import option_faults

    pairs = {"name": "corruption", "from": {"name": "vlfeedback", "onyl": 1}, "model": {"name": "openai", "ulr": "x"}}
    faults = option_faults({"arms": [{"name": "a", "pairs": pairs, "align": {"name": "dpo"}}]})
    assert any("arms.0.pairs.model" in fault and "'ulr'" in fault for fault in faults)
    assert any("arms.0.pairs.from" in fault and "'onyl'" in fault for fault in faults)
