"""Reasoning blocks and answer marks are cut off; places in the answer are places in the model's text."""

from __future__ import annotations

import pytest

from harness.core.final_answer import final_answer, marks_among, opened_by, reasoning, turn_marks, without_reasoning


@pytest.mark.parametrize(
    ("text", "answer"),
    [
        ("No.", "No."),
        (" \n\n No ", "No"),
        ("\u25c1think\u25b7no\u25c1/think\u25b7Yes", "Yes"),
        ("<think>a cat? no</think>Yes", "Yes"),
        ("<thinking>\nno\n</thinking>\n\nYes, two.\n", "Yes, two."),
        ("<THINK>no</THINK>Yes", "Yes"),
        ("There is no dog.</think>\n\nYes", "Yes"),  # the template wrote the opening mark
        ("<think>no</think><answer><|begin_of_box|>Yes<|end_of_box|></answer>", "Yes"),
        ("The answer is <|begin_of_box|>No<|end_of_box|>.", "The answer is No."),
        ("<think>a</think>Yes, <think>b</think>it is.", "Yes, it is."),
        ("<think>a <think>b</think> c</think>Yes", "Yes"),
        ("<think>is there a dog? no, I", ""),
        ("<think></think>", ""),
        ("<|begin_of_thought|>no<|end_of_thought|>\n<|begin_of_solution|>Yes<|end_of_solution|>", "Yes"),
        ("<SUMMARY>a</SUMMARY><CAPTION>no dog</CAPTION><REASONING>no</REASONING><CONCLUSION> Yes </CONCLUSION>", "Yes"),
        ("I see no dog. <answer>Yes</answer>", "Yes"),
        ("<think>I say <answer>No</answer>?</think>Yes", "Yes"),
        ("<think>no</think>Yes<think>Or <answer>No</answer>?</think>", "Yes"),
        ("<answer>No</answer> or rather <answer>Yes</answer>", "Yes"),
        ("[THINK]no[/THINK]Yes", "Yes"),
        ("<seed:think>no</seed:think>Yes", "Yes"),
        ("<|think|>no<|/think|>Yes", "Yes"),
        ("<|START_THINKING|>no<|END_THINKING|>Yes", "Yes"),
        ("<scratchpad>no</scratchpad>\n<reflection>no</reflection>Yes", "Yes"),
        ("<think effort='low'>no</think >Yes", "Yes"),
        ("<|channel>thought\nno dog<channel|>Yes", "Yes"),  # Gemma 4
        ("<|channel>thought\n<channel|>Yes", "Yes"),
        ("no dog<channel|>Yes", "Yes"),
        ("<|channel>thought\nno dog, not", ""),
        ("<unused94>thought\nno dog<unused95>Yes", "Yes"),  # MedGemma
        ("<unused94>thought\nno dog, not", ""),
        ("<|START_THINKING|>no<|END_THINKING|><|START_RESPONSE|>Yes<|END_RESPONSE|>", "Yes"),  # Cohere
        ("<think>no</think>\n\n<response>\nYes\n</response>", "Yes"),  # ERNIE
        ("Here are my reasoning steps:\nno dog\n[BEGIN FINAL RESPONSE]\nYes\n[END FINAL RESPONSE]", "Yes"),  # Apriel
        ("no dog\n[BEGIN FINAL RESPONSE]Yes", "Yes"),
        ("Here are my reasoning steps:\nno dog", ""),
        ("See, here are my reasoning steps: Yes", "See, here are my reasoning steps: Yes"),
        ("<unused9> and a channel|> in <b>", "<unused9> and a channel|> in <b>"),
        ("<reasonable> and <thinker>", "<reasonable> and <thinker>"),
        ("[1] Yes", "[1] Yes"),
        ("Use <b>bold</b> and 3 < 4", "Use <b>bold</b> and 3 < 4"),
        ("", ""),
    ],
)
def test_only_the_answer_is_left(text: str, answer: str) -> None:
    assert final_answer(text).text == answer


def test_a_block_that_never_closes_is_unfinished_and_one_that_closes_is_not() -> None:
    assert not final_answer("<think>no").finished and final_answer("<think>no</think>").finished
    assert final_answer("<think>no</think>x").reasoned and not final_answer("<|begin_of_box|>x<|end_of_box|>").reasoned
    assert not final_answer("<answer>No</answer>").reasoned and final_answer("A dog? <answer>No</answer>").reasoned


def test_a_place_in_the_answer_is_a_place_in_the_text() -> None:
    text = "<think>dog</think>\n<answer>A</answer> <|begin_of_box|>cat<|end_of_box|>"
    found = final_answer(text)
    start, end = found.text.index("cat"), found.text.index("cat") + 3
    assert text[found.place(start) : found.place(end - 1) + 1] == "cat" and found.place(end) == found.place(end - 1) + 1


def test_cutting_twice_is_cutting_once() -> None:
    once = final_answer("<think>no</think> Yes ").text
    assert final_answer(once).text == once == "Yes"


def test_half_a_million_marks_take_no_time() -> None:
    assert final_answer("<think>" * 250_000 + "</think>" * 250_000 + "Yes").text == "Yes"
    assert final_answer("<think> </think>" * 250_000 + "Yes</answer>").text == "Yes"


def test_channels_of_reasoning_are_cut_and_without_a_final_one_there_is_no_answer() -> None:
    text = "<|channel|>analysis<|message|>A dog? No.<|end|><|start|>assistant<|channel|>final<|message|>No.<|return|>"
    assert final_answer(text).text == "No." and final_answer(text).reasoned
    cut_off = final_answer("<|channel|>analysis<|message|>A dog? Perhaps")
    assert cut_off.text == "" and not cut_off.finished


@pytest.mark.parametrize(
    ("prompt", "mark"),
    [
        ("USER: Why? ASSISTANT:<think>\n", "<think>\n"),
        ("Why?<|im_start|>assistant\n\u25c1think\u25b7", "\u25c1think\u25b7"),
        ("<|turn>system\n<|think|><turn|>\n<|turn>user\nWhy?<turn|>\n<|turn>model\n", ""),
        ("Why?<turn|>\n<|turn>model\n<|channel>thought\n", "<|channel>thought\n"),
        ("Why?<turn|>\n<|turn>model\n<|channel>thought\n<channel|>", ""),
        ("Why?[/INST][THINK]", "[THINK]"),
        ("<|assistant|>\nHere are my reasoning steps:\n", "Here are my reasoning steps:\n"),
        ("Why? ASSISTANT:<think></think>", ""),
        ("Why? <think> a little. ASSISTANT:", ""),
        ("Why? ASSISTANT:", ""),
    ],
)
def test_a_prompt_that_ends_in_an_opening_mark_opens_a_reasoning(prompt: str, mark: str) -> None:
    assert opened_by(prompt) == mark


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("<think>a dog?</think>Yes", "a dog?"),
        ("A dog? No.</think>\nNo", "A dog? No."),
        ("<think>still at it", "still at it"),
        ("A dog. <answer>Yes</answer>", "A dog."),
        ("<|channel>thought\na dog?<channel|>Yes", "a dog?"),
        ("Yes", None),
        ("<think></think>Yes", ""),
    ],
)
def test_reasoning_is_what_was_cut_off_without_its_marks(text: str, words: str | None) -> None:
    assert reasoning(text) == words


def test_a_text_without_reasoning_is_left_as_it_is_and_an_endless_reasoning_leaves_nothing() -> None:
    assert without_reasoning(" Yes \n") == " Yes \n" and without_reasoning("<think>a</think> Yes \n") == "Yes"
    assert without_reasoning("<think>a dog") == ""


@pytest.mark.parametrize(
    ("special", "marks"),
    [
        (["<s>", "[THINK]", "[/THINK]", "[INST]"], {"[THINK]", "[/THINK]"}),
        (["<bos>", "<|channel>", "<channel|>", "<|turn>"], {"<|channel>", "<channel|>"}),
        (["<|channel|>", "<|message|>", "<|end|>"], {"<|channel|>", "<|message|>", "<|end|>"}),
        (["<|end|>", "<|user|>"], set()),  # it says nothing of a reasoning
    ],
)
def test_special_tokens_that_are_marks_are_those_that_tell_a_reasoning_from_an_answer(
    special: list[str], marks: set[str]
) -> None:
    assert marks_among(special) == marks


def test_of_several_final_channels_the_last_one_answers() -> None:
    said = "<|channel|>final<|message|>Yes.<|channel|>analysis<|message|>I see no dog.<|channel|>final<|message|>No."
    assert final_answer(said).text == "No."


def test_ends_of_turns_are_no_marks_where_there_are_no_channels() -> None:
    ends = {"<|end|>", "<|start|>", "<|return|>"}
    assert turn_marks({*ends, "<think>", "</s>"}) == ends and turn_marks({*ends, "<|channel|>"}) == frozenset()
