"""Answers have the tokens of the whole conversation, whatever tokenizer and template put around a text."""

from __future__ import annotations

import copy
import random
from collections.abc import Callable
from contextlib import nullcontext
from dataclasses import replace
from datetime import datetime
from functools import cache
from pathlib import Path
from typing import Any

import pytest
import tiny_models
import torch
from PIL import Image
from transformers.utils import chat_template_utils

from alignment.online.ranked_pairs import require_answering
from harness.core.capabilities import NOTE, OK
from harness.core.errors import ConfigError, ModelError
from harness.core.evaluation import Decoding, Request
from harness.core.final_answer import final_answer
from harness.core.plugins import in_order
from harness.models._checkpoint.prompt_builder import PromptBuilder
from harness.models._conversation import chat_template
from harness.models._conversation.template_options import with_date
from harness.models._engine.answer_logprobs import summed
from harness.models._engine.checkpoint_checks import as_trained
from harness.models.transformers import TransformersModel

# Each message's parts as LLaVA-1.5's own template writes them: images, then texts; a space behind every text and no end.
_PARTS = (
    "{% for c in m.content if c.type == 'image' %}<image>\n{% endfor %}"
    "{% for c in m.content if c.type == 'text' %}{{ c.text FILTER }}{% endfor %}"
)
_CHAT = (
    "{% for m in messages %}{% if m.role == 'user' %}ASK{% else %}SAY{% endif %}{% endfor %}"
    "{% if add_generation_prompt %}GO{% endif %}"
)


def chat(before: str, answer: str, behind: str, go: str, trimmed: bool = False) -> str:
    """A template: what stands before a question, around an answer, and at the end of a prompt."""
    parts = _PARTS.replace("FILTER", "| trim" if trimmed else "")
    return _CHAT.replace("ASK", before + parts).replace("SAY", answer + parts + behind).replace("GO", go)


TEMPLATES = {
    "vicuna": chat("USER: ", " ASSISTANT: ", " ", " ASSISTANT:"),
    "space before the end token": chat("USER: ", " ASSISTANT: ", " </s>", " ASSISTANT:"),
    "empty head": chat("USER: ", " ASSISTANT:", "</s>", " ASSISTANT:"),
    "newlines": chat("<s>user\n", "\nmodel\n", "</s>\n", "\nmodel\n"),
    "trimmed": chat("<s>user\n", "|model\n", "</s>\n", "|model\n", trimmed=True),
}
TOKENIZERS: dict[str, Callable[[], Any]] = {
    "prepend": tiny_models.sentencepiece_tokenizer,
    "metaspace first": lambda: tiny_models.sentencepiece_tokenizer(metaspace="first"),
    "metaspace always": lambda: tiny_models.sentencepiece_tokenizer(metaspace="always"),
    "byte level": tiny_models.tokenizer,
}
QUESTION = " Is there a dog in the image? "
Made = Callable[[str, str], TransformersModel]


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Made:
    """A checkpoint with one of TOKENIZERS and one of TEMPLATES (or a template's text); weights are loaded once a tokenizer."""

    @cache
    def model(tokenizer: str) -> TransformersModel:
        folder = tmp_path_factory.mktemp("model")
        return TransformersModel(str(tiny_models.save_llava(folder, words=TOKENIZERS[tokenizer]())), device="cpu")

    @cache
    def with_template(tokenizer: str, template: str) -> TransformersModel:
        own = copy.copy(model(tokenizer))
        own.processor = copy.copy(own.processor)
        own.processor.chat_template = TEMPLATES.get(template, template)
        own.prompts = PromptBuilder(own.processor, own.family, own.prompts.image_token_id)
        own.forget_features()
        return own

    return with_template


def whole(model: TransformersModel, answer: str, question: str = QUESTION) -> list[int]:
    """Tokens of a conversation about an image by the checkpoint's own template and tokenizer alone; BOS once."""
    asked = {"role": "user", "content": [{"type": "image"}, {"type": "text", "text": question}]}
    said = {"role": "assistant", "content": [{"type": "text", "text": answer}]}
    text = model.processor.apply_chat_template([asked, said], tokenize=False).replace("<image>", "<image>" * 16)
    ids: list[int] = model.processor.tokenizer(text, add_special_tokens=not text.startswith("<s>"))["input_ids"]
    return ids


def words(draw: random.Random) -> str:
    """A random answer: words, numbers, accents, newlines, double spaces; no white space at its beginning."""
    kinds = (
        "Yes",
        "No",
        "cat",
        "table.",
        "There",
        "is",
        "a",
        "2.5",
        "é°",
        "ASSISTANT:",
        "-",
        "\n",
        "",
        "dog,",
        "\n\n* x",
        "oven!",
    )
    return " ".join(draw.choice(kinds) for _ in range(draw.randint(1, 12))).strip() or "Yes"


@pytest.mark.parametrize("template", TEMPLATES)
@pytest.mark.parametrize("tokenizer", TOKENIZERS)
def test_prompt_and_answer_are_the_tokens_of_the_whole_conversation(
    made: Made, images: list[Path], tokenizer: str, template: str
) -> None:
    model, draw = made(tokenizer, template), random.Random(1)
    prompt, _ = model.prompt(images[0], QUESTION)
    for answer in ["Yes", "No", *(words(draw) for _ in range(10))]:
        both = torch.cat([prompt, model.answer_ids(images[0], QUESTION, answer)]).tolist()
        assert both == whole(model, answer), answer


def test_a_thousand_answers_of_a_llava_1_5_have_the_tokens_of_their_conversations(made: Made, images: list[Path]) -> None:
    model, draw = made("prepend", "vicuna"), random.Random(5)
    prompt = model.prompts.prompt_ids(images[0], QUESTION)
    for answer in (words(draw) for _ in range(1000)):
        conversation = whole(model, answer)
        assert prompt + model.prompts.whole_answer_ids(images[0], QUESTION, answer) == conversation  # DPO's target
        begun = Request(images[0], QUESTION, prefix=answer)
        given = prompt + model.prompts.prefix_ids(begun)
        assert given == conversation[: len(given)] and len(conversation) == len(given) + 1  # all but the space behind it
        assert [given[len(prompt) :]] == model.prompts.answer_ids(Request(images[0], QUESTION), [answer])
        (more,) = model.prompts.answer_ids(begun, [" Yes"])
        assert given + more == whole(model, answer + " Yes")[:-1]


@pytest.mark.parametrize("template", TEMPLATES)
@pytest.mark.parametrize("tokenizer", TOKENIZERS)
def test_log_odds_and_log_probs_are_those_of_the_conversations_forward(
    made: Made, images: list[Path], tokenizer: str, template: str
) -> None:
    model = made(tokenizer, template)
    request, values = Request(images[0], QUESTION, Decoding(1)), {}
    start = len(model.prompts.prompt_ids(images[0], QUESTION))
    vision = model.prompts.image_inputs(images[0]).tensors
    for word in ("Yes", "yes", "No", "no"):
        tail = len(whole(model, word)) - start
        ids = torch.tensor([whole(model, word)])
        with torch.inference_mode():
            logits = model.module(input_ids=ids, **vision).logits[0, start - 1 : -1].log_softmax(-1)
        behind = len(whole(model, "")) - start  # a template's tail, and a head that stands alone
        own = model.prompts.answer_ids(request, [word])[0]
        assert own == ids[0, start : start + len(own)].tolist() and tail - behind <= len(own) <= tail
        values[word] = float(logits[: len(own)].gather(1, torch.tensor(own)[:, None]).sum())
        assert model.log_probs([request], [word])[0] == pytest.approx(values[word], abs=1e-4)
    odds = torch.logsumexp(torch.tensor([values["Yes"], values["yes"]]), 0)
    odds -= torch.logsumexp(torch.tensor([values["No"], values["no"]]), 0)
    assert model.yes_no_log_odds([request])[0] == pytest.approx(float(odds), abs=1e-4)
    (answer,) = in_order((pair for batch in model.generate([request]) for pair in batch), 1)
    assert answer.yes_nats is None or answer.yes_nats == pytest.approx(float(odds), abs=1e-4)


@pytest.mark.parametrize("template", TEMPLATES)
def test_likelihoods_of_option_letters_are_those_of_the_conversations_forward(
    made: Made, images: list[Path], template: str
) -> None:
    """Letters of one prompt are scored together; each equals a forward of its own conversation."""
    model = made("prepend", template)
    request, offered = Request(images[0], QUESTION, Decoding(1)), ["A", "B", "(a)", "(b)"]
    start = len(model.prompts.prompt_ids(images[0], QUESTION))
    vision = model.prompts.image_inputs(images[0]).tensors
    expected = []
    for text in offered:
        (own,) = model.prompts.answer_ids(request, [text])
        ids = torch.tensor([model.prompts.prompt_ids(images[0], QUESTION) + own])
        with torch.inference_mode():
            logits = model.module(input_ids=ids, **vision).logits[0, start - 1 : -1].log_softmax(-1)
        expected.append(float(logits.gather(1, torch.tensor(own)[:, None]).sum()))
    assert model.log_probs([request] * len(offered), offered) == pytest.approx(expected, abs=1e-4)


def test_yes_is_one_token_behind_a_llava_1_5_prompt(made: Made, images: list[Path]) -> None:
    """Tokenised alone " Yes" would be "▁", "▁Yes"."""
    model = made("prepend", "vicuna")
    (ids,) = model.prompts.answer_ids(Request(images[0], QUESTION), ["Yes"])
    assert model.prompts.tokenizer.convert_ids_to_tokens(ids) == ["▁Yes"]
    (answer,) = in_order((p for b in model.generate([Request(images[0], QUESTION, Decoding(1))]) for p in b), 1)
    assert answer.yes_nats is not None


def test_a_question_is_rendered_by_the_template_itself(made: Made, images: list[Path]) -> None:
    model = made("byte level", "trimmed")
    assert model.prompts.text(images[0], "  Why?\n") == "<s>user\n<image>\nWhy?|model\n"


def test_questions_rendered_together_have_the_prompts_that_each_has_alone(
    made: Made, images: list[Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    looks = "{% if 'cow' in c.text %}{{ raise_exception('no cows') }}{% endif %}{{ c.text.split('|')[-1] | trim }}"
    model = made("byte level", TEMPLATES["vicuna"].replace("{{ c.text  }}", looks))
    questions = {" A dog? ": "A dog?", "x|A </s>": "A < /s>", "A dog?": "A dog?", "": ""}
    expected = {asked: f"USER: <image>\n{written} ASSISTANT:" for asked, written in questions.items()}
    assert {text: model.prompts.text(images[0], text) for text in questions} == expected
    model.prompts.ahead([Request(images[0], text) for text in questions])
    with monkeypatch.context() as later:
        later.setattr(model.processor, "apply_chat_template", None)  # nothing is rendered again
        assert {text: model.prompts.text(images[0], text) for text in questions} == expected
    model.prompts.ahead([Request(images[0], text) for text in (*questions, "A cow?")])  # which the template refuses
    assert {text: model.prompts.text(images[0], text) for text in questions} == expected
    with pytest.raises(ModelError, match="no cows"):
        model.prompts.text(images[0], "A cow?")


def test_the_questions_about_an_image_are_rendered_under_one_limit(
    made: Made, images: list[Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    model = made("byte level", "vicuna")

    def limits(questions: int) -> int:
        asked = [Request(images[0], f"Are there {n} dogs in this image? Yes or no?", Decoding(1)) for n in range(questions)]
        with monkeypatch.context() as here:
            here.setattr(chat_template, "limited", lambda seconds, mib: found.append((seconds, mib)) or nullcontext())
            found: list[tuple[float, int]] = []
            list(model.generate(asked))
        assert set(found) == {(1.0, 512)}
        return len(found)

    limits(1)  # from then on the template is known to work
    assert limits(2) == limits(6)


def test_an_answer_that_merges_with_its_prompt_keeps_the_prompts_tokens_and_is_counted(made: Made, images: list[Path]) -> None:
    """A prompt that ends in a space: the conversation has "▁Yes", the model is led to "▁" and has to say "Yes"."""
    model = made("prepend", chat("USER: ", " ASSISTANT: ", "</s>", " ASSISTANT: "))
    prompt = model.prompts.prompt_ids(images[0], QUESTION)
    ids = model.prompts.whole_answer_ids(images[0], QUESTION, "Yes it is")
    assert model.prompts.tokens.merged == 1
    tokens = model.prompts.tokenizer.convert_ids_to_tokens([*prompt[-1:], *ids])
    assert tokens[0] == "▁" and tokens[-1] == "</s>" and "".join(tokens[1:-1]) == "Yes▁it▁is" and tokens[1] != "▁"


def test_an_end_that_the_tokenizer_adds_to_every_text_is_not_part_of_a_prompt(images: list[Path], tmp_path: Path) -> None:
    from tokenizers import processors

    words = tiny_models.sentencepiece_tokenizer()
    words.backend_tokenizer.post_processor = processors.TemplateProcessing(
        single="<s> $A </s>", special_tokens=[("<s>", 1), ("</s>", 2)]
    )
    model = TransformersModel(str(tiny_models.save_llava(tmp_path, words=words, template=TEMPLATES["vicuna"])), device="cpu")
    ids = model.prompts.prompt_ids(images[0], QUESTION)
    assert ids[0] == 1 and 2 not in ids


def test_a_generated_text_keeps_its_spaces_and_loses_the_head(made: Made, images: list[Path]) -> None:
    for name in TOKENIZERS:
        model = made(name, "vicuna")
        row = model.prompts.row(0, Request(images[0], QUESTION))
        (ids,) = model.prompts.answer_ids(row.request, ["Yes, there is."])
        assert model.prompts.answer_text(row.context, ids, row.head) == "Yes, there is."
        begun = model.prompts.row(0, Request(images[0], QUESTION, prefix="A cat"))
        (ids,) = model.prompts.answer_ids(begun.request, [" sits."])
        assert model.prompts.answer_text(begun.context, ids, begun.head) == " sits."


def test_a_template_that_writes_content_as_one_text_is_refused_by_name(images: list[Path], tmp_path: Path) -> None:
    text = (
        "{% for m in messages %}{{ m.role }}: {{ m.content }}\n{% endfor %}{% if add_generation_prompt %}assistant:{% endif %}"
    )
    model = TransformersModel(str(tiny_models.save_llava(tmp_path, template=text)), device="cpu")
    for request in (Request(images[0], "Why?"), Request(None, "Why?")):
        with pytest.raises(ModelError, match=r"chat_template\.jinja writes a message's content as one text"):
            list(model.generate([request]))
        with pytest.raises(ModelError, match="as one text"):
            model.log_probs([request], ["Yes"])
        with pytest.raises(ModelError, match="as one text"):
            model.prompt(request.image, request.text)


@pytest.mark.parametrize(("mark", "number"), [("", 0), ("<image><image>", 2)])
def test_a_template_that_writes_no_image_mark_or_two_is_refused(
    images: list[Path], tmp_path: Path, mark: str, number: int
) -> None:
    text = TEMPLATES["vicuna"].replace("<image>\n", mark)
    model = TransformersModel(str(tiny_models.save_llava(tmp_path, template=text)), device="cpu")
    with pytest.raises(ModelError, match=rf"chat_template\.jinja writes {number} image marks \(<image>\) for 1 images"):
        list(model.generate([Request(images[0], "Why?")]))
    with pytest.raises(ModelError, match="image marks"):
        model.prompt(images[0], "Why?")
    list(model.generate([Request(None, "Why?", Decoding(1))]))


CLOSED = "{% if enable_thinking is defined and not enable_thinking %}<think></think>{% endif %}"
OPEN = "{% if enable_thinking is defined %}{{ '<think>' if enable_thinking else '<think></think>' }}{% endif %}"
THINKING = chat("USER: ", " ASSISTANT:" + CLOSED, "</s>", " ASSISTANT:" + OPEN)


def test_a_template_that_opens_a_reasoning_generates_behind_it_and_goes_on_with_no_beginning(
    images: list[Path], tmp_path: Path
) -> None:
    """With thinking on the prompt ends in <think>, which no finished conversation has there; switched off it is closed."""
    folder = str(tiny_models.save_llava(tmp_path, template=THINKING))
    request = Request(images[0], "Why?", Decoding(3))
    model = TransformersModel(folder, device="cpu", enable_thinking=True)
    assert model.prompts.text(images[0], "Why?").endswith(" ASSISTANT:<think>")
    (answer,) = in_order((pair for batch in model.generate([request]) for pair in batch), 1)
    assert answer.n_tokens == 3 and answer.yes_nats is None
    assert answer.text.startswith("<think>") and not final_answer(answer.text).finished  # no answer, rather than a wrong one
    with pytest.raises(
        ModelError, match="changes the prompt once an answer follows it: .* cannot go on with a given beginning"
    ):
        list(model.generate([replace(request, prefix="Yes")]))
    off = TransformersModel(folder, device="cpu", enable_thinking=False)
    assert off.prompts.text(images[0], "Why?").endswith("<think></think>") and off.log_probs([request], ["Yes"])[0] < 0
    assert model.facts()["enable_thinking"] == "True" and off.facts()["enable_thinking"] == "False"
    assert "enable_thinking" not in TransformersModel(folder, device="cpu").facts()


@pytest.mark.parametrize("enable", [True, False])
def test_a_template_without_the_switch_is_not_given_one_and_that_is_said_once(
    tmp_path: Path, images: list[Path], caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch, enable: bool
) -> None:
    template = "{# no enable_thinking #}{% set of = 'this test' %}" + TEMPLATES["vicuna"]
    folder = str(tiny_models.save_llava(tmp_path, template=template))
    for _ in range(2):
        model = TransformersModel(folder, device="cpu", enable_thinking=enable)
    write, given = model.processor.apply_chat_template, list[dict[str, Any]]()
    monkeypatch.setattr(model.processor, "apply_chat_template", lambda *a, **o: given.append(o) or write(*a, **o))
    assert model.prompts.text(images[0], "Why?")
    assert given and not any("enable_thinking" in options for options in given)
    (said,) = [record.message for record in caplog.records if record.name == "harness"]
    assert said.endswith(f"has no switch enable_thinking: model.enable_thinking={str(enable).lower()} changes nothing.")
    assert "chat_template.jinja" in said


YEAR = "{% macro year() %}{{ strftime_now('%Y') }}{% endmacro %}{{ year() }} "
DATED = "{%- set today = strftime_now('%d %b %Y') %}Today is {{ today }}. " + YEAR


class AnotherDay(datetime):
    """What transformers' templates take for the clock."""

    @classmethod
    def now(cls, tz: Any = None) -> datetime:
        return datetime(2031, 1, 2)


def test_a_template_that_writes_todays_date_writes_one_day_on_all_days(
    images: list[Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder, request = str(tiny_models.save_llava(tmp_path, template=DATED + TEMPLATES["vicuna"])), Request(images[0], "Why?")

    def asked(**options: Any) -> tuple[str, list[float], list[float], list[int], dict[str, str]]:
        model = TransformersModel(folder, device="cpu", **options)
        text, odds, trained = (
            model.prompts.text(images[0], "Why?"),
            model.yes_no_log_odds([request]),
            model.prompt(images[0], "Why?")[0],
        )
        return text, odds, model.log_probs([request], ["Yes"]), trained.tolist(), model.facts()

    today = asked()
    monkeypatch.setattr("transformers.utils.chat_template_utils.datetime", AnotherDay)
    assert asked() == today and today[0].startswith("Today is 26 Jul 2024. 2024 USER: ")
    assert today[-1]["template date"] == "2024-07-26, whatever day it is"
    other = asked(template_date="2025-03-04")
    assert other[0].startswith("Today is 04 Mar 2025. 2025 USER: ") and other[-1]["template date"].startswith("2025-03-04")
    assert all(a != b for a, b in zip(other, today, strict=True))


def test_a_template_without_a_date_is_rendered_as_it_is_and_adds_no_fact(
    images: list[Path], tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    folder = str(tiny_models.save_llava(tmp_path, template="{# strftime_now #}" + TEMPLATES["vicuna"]))
    model = TransformersModel(folder, device="cpu", template_date="2025-03-04")
    assert "template date" not in model.facts() and model.prompts.text(images[0], "Why?").startswith("USER: ")
    (said,) = [record.message for record in caplog.records if record.name == "harness"]
    assert said.endswith("chat_template.jinja writes no date: model.template_date=2025-03-04 changes nothing.")


@pytest.mark.parametrize("code", ["%Y-%m-%d", "%d %B %Y", "%A, %-d. %b %y", "%H:%M:%S", "%%Y %j %p", "%c %x %X %D"])
def test_a_fixed_day_is_written_in_every_format_as_python_writes_it(code: str) -> None:
    written = with_date(f"  {{% if true %}}\n\n {{{{ strftime_now('{code}') }}}}{{% endif %}}\n x", "2025-03-04")
    found = chat_template_utils.render_jinja_template([[]], **written)[0][0]
    assert found == f"\n {datetime(2025, 3, 4).strftime(code)} x"


@pytest.mark.parametrize("day", ["today", "2025-02-30", "04.03.2025"])
def test_a_date_that_is_no_day_is_refused_before_a_checkpoint_is_opened(day: str) -> None:
    with pytest.raises(ConfigError, match=rf"model.template_date is '{day}'; give a day as YYYY-MM-DD, e.g. 2024-07-26"):
        TransformersModel.check_options({"template_date": day})


def test_behind_a_template_that_changes_its_prompt_given_answers_stand_as_in_the_finished_conversation(
    images: list[Path], tmp_path: Path
) -> None:
    """The prompt ends in <think>; with an answer the template writes none. Scores are those of a plain forward pass over the
    finished conversation, alone and in a batch, by the engine, one by one and in training."""
    folder = str(tiny_models.save_llava(tmp_path, template=THINKING))
    model, image = TransformersModel(folder, device="cpu", enable_thinking=True), images[0]
    requests, answers = (
        [Request(image, "Why?"), Request(image, "Is it a dog?"), Request(None, "Why?")],
        ["Yes it is.", "No", "Yes"],
    )
    assert model.prompts.given.text(image, "Why?") == "USER: <image>\nWhy? ASSISTANT:"
    assert model.facts()["given answers"].startswith("behind the prompt that the template writes in front of an answer")
    expected = []
    for request, answer in zip(requests, answers, strict=True):
        before = f"USER: {'<image>' + chr(10) if request.image else ''}{request.text} ASSISTANT:"
        shown = {"images": [Image.open(image).convert("RGB")]} if request.image else {}
        plain, whole = (model.processor(text=[t], return_tensors="pt", **shown) for t in (before, f"{before}{answer}"))
        n = plain["input_ids"].shape[1]
        with torch.no_grad():
            logits = model.module(**whole).logits[0, n - 1 : -1].log_softmax(-1)
        expected.append(float(logits.gather(1, whole["input_ids"][0, n:, None]).sum()))
    assert model.log_probs(requests, answers) == pytest.approx(expected, abs=1e-4)
    assert summed(model.one_by_one(given=True).forced(requests, answers), 3) == pytest.approx(expected, abs=1e-4)
    trained = [as_trained(model, request, answer) for request, answer in zip(requests, answers, strict=True)]
    assert trained == pytest.approx(expected, abs=1e-4)
    assert model.answer_ids(image, "Why?", "No").tolist()[-1] == model.prompts.tokenizer.eos_token_id
    states = {finding.what: finding.state for finding in model.checks(images, training=True)}
    assert states == {**dict.fromkeys(states, OK), "tokenisation": NOTE}


def test_an_answer_that_the_template_changes_is_refused_where_the_prompt_is_changed_too(
    images: list[Path], tmp_path: Path
) -> None:
    """A template that leaves the reasoning of a given answer out would score another answer than the one given."""
    drops = THINKING.replace("{{ c.text  }}", "{{ c.text.split('</think>')[-1] }}")
    assert drops != THINKING
    folder = str(tiny_models.save_llava(tmp_path, template=drops))
    model = TransformersModel(folder, device="cpu", enable_thinking=True)
    assert model.log_probs([Request(images[0], "Why?")], ["Yes"])[0] < 0
    with pytest.raises(ModelError, match="changes the answer '<think>a dog</think>Yes'"):
        model.log_probs([Request(images[0], "Why?")], ["<think>a dog</think>Yes"])


def test_a_model_that_answers_behind_another_prompt_does_not_learn_from_its_own_answers(tmp_path: Path) -> None:
    folder = str(tiny_models.save_llava(tmp_path, template=THINKING))
    with pytest.raises(ConfigError, match="grpo trains on the model's own answers, but .* Set model.enable_thinking=false"):
        require_answering(TransformersModel(folder, device="cpu", enable_thinking=True), "grpo")
    require_answering(TransformersModel(folder, device="cpu", enable_thinking=False), "grpo")


@pytest.mark.parametrize(("thinking", "n"), [(True, 6), (False, 2)])
def test_reasoning_and_answer_have_limits_of_their_own_in_both_engines(
    images: list[Path], tmp_path: Path, thinking: bool, n: int
) -> None:
    """Random weights never close what the prompt opened: six tokens of reasoning; without one the answer's two."""
    folder = str(tiny_models.save_llava(tmp_path, template=THINKING))
    model = TransformersModel(folder, device="cpu", enable_thinking=thinking, thinking_tokens=6)
    requests = [Request(images[0], question, Decoding(2, min_new_tokens=8)) for question in ("Why?", "Where?")]
    fast = in_order((pair for batch in model.generate(requests) for pair in batch), 2)
    slow = in_order((pair for batch in model.one_by_one().generate(requests) for pair in batch), 2)
    assert [answer.n_tokens for answer in fast] == [n, n] and [a.text for a in fast] == [a.text for a in slow]
    assert model.facts()["thinking tokens"] == "6 at most" and ("reasoning" in model.facts()) == thinking
    with pytest.raises(ConfigError, match="model.thinking_tokens is -1"):
        TransformersModel(folder, device="cpu", thinking_tokens=-1)


def test_a_placeholder_in_an_answer_is_text(made: Made, images: list[Path]) -> None:
    model = made("byte level", "vicuna")
    ids = model.answer_ids(images[0], "Why?", "An <image> is here").tolist()
    assert model.prompts.image_token_id not in ids
