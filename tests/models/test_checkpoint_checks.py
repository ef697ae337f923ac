"""A checkpoint whose tokens, placeholders or numbers are not what they should be is found before it is swept or trained."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
import tiny_families
import tiny_models
import torch

from harness.core.capabilities import NOTE, OK, WRONG, Finding
from harness.core.errors import ModelError
from harness.core.evaluation import Request
from harness.evaluation.checkpoint_checks import require_sound
from harness.evaluation.doctor import examine
from harness.models.transformers import TransformersModel

NO_END = tiny_models.TEMPLATE.replace("</s>", " ")
INSIDE_A_TOKEN = tiny_models.TEMPLATE.replace("ASSISTANT:{% endif %}", "ASSISTANT: {% endif %}")
ONE_TEXT = (
    "{% for m in messages %}{{ m.role }}: {{ m.content }}\n{% endfor %}{% if add_generation_prompt %}assistant:{% endif %}"
)
NO_ANSWER = tiny_models.TEMPLATE.replace("{{ c.text }}{% endfor %}</s>", "{% endfor %}</s>")
RETHINKS = tiny_models.TEMPLATE.replace("ASSISTANT:{% endif %}", "ASSISTANT:<think>{% endif %}")


def checked(model: TransformersModel, images: list[Path], training: bool = True) -> dict[str, Finding]:
    return {finding.what: finding for finding in model.checks(images, training)}


@pytest.fixture
def made(tmp_path: Path) -> Callable[..., TransformersModel]:
    def make(template: str, **options: object) -> TransformersModel:
        words = tiny_models.sentencepiece_tokenizer()
        folder = tiny_models.save_llava(tmp_path / "model", words=words, template=template)
        return TransformersModel(str(folder), device="cpu", **options)  # type: ignore[arg-type]

    return make


@pytest.mark.parametrize("folder", ["llava_folder", "llava_next_folder"])
def test_a_sound_checkpoint_says_so_in_one_line_a_check(
    request: pytest.FixtureRequest, folder: str, images: list[Path]
) -> None:
    found = checked(TransformersModel(str(request.getfixturevalue(folder)), device="cpu"), images)
    assert [f.state for f in found.values()] == [OK] * 5, found
    assert list(found) == ["tokenisation", "image placeholders", "log-probs", "precision", "end token"]
    assert found["tokenisation"].words == "6 of 6 answers have the tokens of their whole conversation"
    assert "nats a token in float32" in found["log-probs"].words


def test_a_prompt_that_ends_inside_a_token_stops_a_sweep_unless_forced_by_name(
    made: Callable[..., TransformersModel], images: list[Path]
) -> None:
    model, said = made(INSIDE_A_TOKEN), list[str]()
    assert checked(model, images)["tokenisation"].state == WRONG
    with pytest.raises(
        ModelError, match=r"base: .* check of its tokenisation: 6 of 6 answers .* model\.despite=\[tokenisation\]"
    ):
        require_sound("base", model, said.append)
    forced = made(INSIDE_A_TOKEN, despite=["tokenisation"])
    require_sound("base", forced, said.append)
    assert said == [line for line in said if line.startswith("base: the checkpoint fails the check of its tokenisation")]
    assert len(said) == 1 and forced.facts()["checks that may fail"] == "tokenisation"
    with pytest.raises(ModelError, match="no check 'tokens'"):
        made(INSIDE_A_TOKEN, despite="tokens")


def test_a_template_without_an_end_token_is_worth_a_note(made: Callable[..., TransformersModel], images: list[Path]) -> None:
    found, said = checked(made(NO_END), images), list[str]()
    assert found["end token"].state == NOTE and "no end token" in found["end token"].words
    assert [f.state for f in found.values()][:-1] == [OK] * 4
    require_sound("dpo", made(NO_END), said.append, training=True)
    assert not said  # a training notes it itself, where it is true of it


@pytest.mark.parametrize(("template", "again"), [
    (NO_ANSWER, ["image placeholders", "log-probs", "precision"]),  # nothing of an end token: what ends an answer is not known
    (ONE_TEXT, ["image placeholders", "log-probs", "precision", "end token", "model"]),
])  # fmt: skip
def test_doctor_says_no_sentence_twice(
    made: Callable[..., TransformersModel], images: list[Path], template: str, again: list[str]
) -> None:
    found = [f for f in examine(lambda: made(template), images[0].parent) if f.state != OK]
    assert [f.what for f in found if "chat_template.jinja" in f.words] == ["tokenisation"]
    assert [f.what for f in found if f.words == "see tokenisation"] == again


def test_a_pass_that_fails_is_told_with_its_kind_and_what_to_compare(llava_folder: Path, images: list[Path]) -> None:
    model = TransformersModel(str(llava_folder), device="cpu")
    model.module.config.vision_feature_layer = -70
    found = checked(model, images)["log-probs"]
    assert found.state == WRONG and found.words.startswith("a pass of the model fails (")
    assert found.words.endswith(
        "Compare config.json and the processor's files with those of the checkpoint that this one was made from"
    )
    with pytest.raises(ModelError, match="base: the checkpoint cannot be asked: a pass of the model fails") as told:
        require_sound("base", model, lambda text: None)
    assert "despite" not in str(told.value), "it would not help"


def test_a_template_that_shows_no_image_fails_by_name(made: Callable[..., TransformersModel], images: list[Path]) -> None:
    model = made(ONE_TEXT)
    assert all(f.state == WRONG and "chat_template.jinja writes" in f.words for f in checked(model, images, False).values())
    with pytest.raises(ModelError, match=r"chat_template\.jinja"):
        require_sound("base", model, lambda text: None)


@pytest.mark.parametrize(("family", "mark"), [("gemma3", "<start_of_image>"), ("aya_vision", "<image>")])
def test_a_template_that_leaves_the_image_out_is_refused_in_families_of_their_own_way(
    images: list[Path], tmp_path: Path, family: str, mark: str
) -> None:
    folder = tiny_families.save(family, tmp_path)
    template = folder / "chat_template.jinja"
    template.write_text(template.read_text().replace(mark, ""))
    model = TransformersModel(str(folder), device="cpu")
    with pytest.raises(ModelError, match=r"chat_template\.jinja( writes 0 image marks|: The total number of <image>)"):
        list(model.generate([Request(images[0], "Why?")]))
    assert checked(model, images, training=False)["image placeholders"].state == WRONG


def test_a_template_that_rewrites_its_prompt_generates_and_scores_behind_the_rewritten_one(
    made: Callable[..., TransformersModel], images: list[Path]
) -> None:
    found = checked(made(RETHINKS), images)
    assert {name for name, f in found.items() if f.state != OK} == {"tokenisation"} and found["tokenisation"].state == NOTE
    assert "writes another prompt to generate from" in found["tokenisation"].words


def test_scores_that_are_not_the_forwards_are_found(
    llava_folder: Path, images: list[Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    model = TransformersModel(str(llava_folder), device="cpu")
    honest = model.log_probs
    monkeypatch.setattr(model, "log_probs", lambda requests, answers: [v - 1 for v in honest(requests, answers)])
    found = checked(model, images)
    assert found["log-probs"].state == found["precision"].state == WRONG
    monkeypatch.setattr(model, "log_probs", lambda requests, answers: [honest(requests[:1], answers[:1])[0]] * len(answers))
    assert checked(model, images[:1])["log-probs"].state == WRONG, "one question's is given for that beside it"
    monkeypatch.setattr(model, "log_probs", lambda requests, answers: [honest([r], [a])[0] for r, a in zip(requests, answers)])
    assert checked(model, images[:1])["log-probs"].state == OK


def test_an_image_that_moves_nothing_is_found(llava_folder: Path, images: list[Path]) -> None:
    model = TransformersModel(str(llava_folder), device="cpu")
    with torch.no_grad():
        model.module.model.multi_modal_projector.linear_2.weight.zero_()
        model.module.model.multi_modal_projector.linear_2.bias.zero_()
    found = checked(model, images)
    assert found["log-probs"].state == WRONG and "images are not seen" in found["log-probs"].words


def test_weights_that_give_no_numbers_are_found(llava_folder: Path, images: list[Path]) -> None:
    model = TransformersModel(str(llava_folder), device="cpu")
    with torch.no_grad():
        model.module.lm_head.weight[5] = float("nan")
    assert checked(model, images[:1], training=False)["log-probs"].state == WRONG


def test_a_failed_check_whose_words_end_a_sentence_is_one_sentence() -> None:
    class Broken:
        despite = ()

        def checks(self, images: list[Path], training: bool) -> list[Finding]:
            return [Finding("log-probs", WRONG, "Copy it again.")]

    with pytest.raises(ModelError, match=r"its log-probs: Copy it again\. Its numbers cannot be believed\. Fix it"):
        require_sound("base", Broken(), lambda text: None)
