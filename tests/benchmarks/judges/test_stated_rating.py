"""A rating is read only from a form that states one; a number that happens to stand in a reply is none."""

from __future__ import annotations

import time

import pytest

from benchmarks._judged.mmhal import tolerant_rating
from benchmarks._judged.object_list import object_list
from benchmarks.judges.chat import RANK
from benchmarks.llava_bench import tolerant_scores
from benchmarks.mmvet import tolerant_grade

REFUSAL = "I'm sorry, but I can't grade this answer (policy 1)."


@pytest.mark.parametrize(("reply", "grade"), [
    ('0.8', 0.8), ('**0.8**', 0.8), ('1.0', 1.0), ('1', 1.0), ('0', 0.0), ('.5', 0.5), ('0.5.', 0.5),
    ('0.4\n\nPart 2 is missing.', 0.4), ('0.7 because it misses 1 of 2', 0.7),
    ('0.9, since the rest is there', 0.9), ('Grade: 0.3', 0.3), ('The score is 0.6.', 0.6),
    ('{"score": 0.8}', 0.8), ('Correctness: 0.7/1.0', 0.7), ('**Grade:** 0.5\nReason: 1 of 2 parts', 0.5),
    ('Score = 0', 0.0), ('0,8', None), ('1/2', None), ('0.5/1.5', None), ('Part 1 is wrong.', None),
    ('1 part is wrong.', None), (REFUSAL, None), ('1. The answer is wrong.', None), ('Score: 0.2-0.4', None),
    ('Score: 0.2 to 0.4', None), ('Score: 0,8', None), ('Score: 80%', None), ('Score: 1.5', None),
    ('Score: -0.5', None), ('Score: 0.2. Final score: 0.8', None), ('0.8 0.9', None),
    ('a score 1 point lower', None), ('0 or 1', None), ('1st part right', None), ('Grade: 1st', None),
    ('half', None), ('', None), ('0.5, 0.7', None), ('0.5 - 0.7', None), ('0.5\n0.7', None), ('0.5\n0.5', 0.5),
    ('0.5 for the first, 0.9 for the second', None), ('0.5\nScore: 0.9', None), ('01', None), ('[[0.5]]', 0.5),
    ('The maximum score is 1.0, but I cannot grade this.', None), ('0.5: 1 of 2 parts', None),
    ('Score: **1**/5', None), ('Score: 1 (out of 5)', None), ('Score: 0.7~0.8', None), ('Grade: 0.4 | 0.6', None),
    ('0.5, on a scale from 0 to 5', None), ('1\n(out of 5)', None), ('Grade: `0.5`/1', 0.5),
    ('Grade: 0.7 because it misses 1 of 2', 0.7), ('0.5/1', 0.5), ('0.5 out of 1.0', 0.5), ('1/1', 1.0), ('0.5/10', None),
    ('\uff10\uff0e\uff15', 0.5), ('\u200b0.5', 0.5), ('0.5, maybe 1', None), ('0.5, or perhaps 1', None), ('0.5, or one', None),
    ('0.5: one of two parts is right', 0.5), ('0.5, or half of it, is right', 0.5),
])  # fmt: skip
def test_a_grade_of_mmvet(reply: str, grade: float | None) -> None:
    assert tolerant_grade(reply) == grade


@pytest.mark.parametrize(("reply", "rating"), [
    ('Rating: 3-4', None), ('Rating: 3 - 4', None), ('Rating: 3–4', None), ('Rating: 4 of 10', None),
    ('Rating: 4 out of 10', None), ('Rating: 3 or 4', None), ('Rating: 3, 4', None), ('Rating: 3/5', None),
    ('4 of 10', None), (REFUSAL, None), ('Rating: 3,5', None), ('Rating: N', None),
    ('On the rating scale of 0 to 6, it fails.', None), ('Rating: 4 out of 6', 4), ('Rating: 4/6.', 4),
    ('Rating 5', 5), ('rating is 2', 2), ('[Rating: 1]', 1), ('{"rating": "6"}', 6),
    ('Rating: 5, very good', 5), ('Rating: 4 1/2', None), ('Rating: 4:5', None), ('Rating: 2 -> 4', None),
    ('Rating: 4+', None), ('Score: 3 objects missing', None), ('score: 4 of the 6 objects are right', None),
    ('Rating: 2 was my first thought. I settle on 4.', None), ('The maximum score is 6', None),
    ('The highest possible rating is 6.', None), ('The minimum rating is 0. Rating: 4', 4), ('Rating: 006', None),
    ('Rating: 5 for information, 2 for hallucination', None), ('Rating: 4 points', 4), ('Rating: 4 because it is so', 4),
    ('6 is best. Rating: 2', 2), ('Rating: 5\n- 2 objects are named', 5), ('[[5]]', None), ('Rating: [[5]]', 5),
    ('Rating: 4.0', 4), ('**Rating**: 4.00/6.0', 4), ('Rating: 0.0', 0), ('Rating: 4.5', None), ('Rating: 4.01', None),
    ('Rating: 7.0', None), ('Rating: 4.0. Final rating: 4', 4),
    ('**Rating:** **5**/10', None), ('Rating: 4 (out of 10)', None), ('Rating: `5`/10', None), ('Rating: 5 \uff0f 10', None),
    ('Rating: 4, on a scale from 0 to 10', None), ('On a 10-point scale: Rating: 4', None), ('Rating: [4]/10', None),
    ('Rating: 4\n(out of 10)', None), ('{"rating": 4, "out_of": 10}', None), ('Rating: 4, out of ten', None),
    ('Rating: 3~4', None), ('**Rating:** **3** - **4**', None), ('Rating: [5] or [1]', None), ('Rating: 3\u20264', None),
    ('Rating: 3|4', None), ('Rating: 2 & 5', None), ('Rating: 3 (or 4)', None), ('Rating: 3, maybe four', None),
    ('Rating: 3\u00a0\u2012\u00a04', None), ('Rating: **3**.5', None), ('Rating: 3 (of 10)', None),
    ('**Rating:** **5**/6', 5), ('Rating: `5` (out of 6)', 5), ('Rating: 4, on a scale from 0 to 6', 4), ('Rating: _4_', 4),
    ('Rating: 4 (0\u20136)', 4), ('{"rating": 4, "reason": "2 of 3 dogs"}', 4), ('On a scale of 0-6, rating: 4', 4),
    ('Rating: 4, very good, no hallucination', 4), ('Rating: 3. The response mentions 2 dogs.', 3),
    ('Rating: 0, hallucinates a clock at 10:10', 0), ('Rating: 4. It gets the number of dogs (3) right', 4),
    ('Rating: 5: the count of 5 is right', 5), ('Rating: 3 - The answer is to one of the questions.', 3),
    ('Rating: 3. Actually 4.', None), ('Rating: 3 (but 4 would do)', None), ('Rating: 3, I mean 4', None),
    ('Rating: 5 very informative', 5), ('Rating: 3 not informative, no hallucination', 3),
    ('Rating: 6 very informative with good reasoning or extra insight, no hallucination', 6),
    ('Rating: 2 somewhat informative, or 3', None), ('Rating\uff1a\uff15', 5), ('Rating\uff1a4\uff0810\uff09', None),
    ('Rating: 4\uff05', None),
    ('Rating: 3. It is a good one on a scale of 10.', None), ('Rating: 4; Maximum: 10', None), ('Rating: 3; now 4', None),
])  # fmt: skip
def test_a_rating_of_mmhal(reply: str, rating: int | None) -> None:
    assert tolerant_rating(reply) == rating


@pytest.mark.parametrize("words", [0, 100])
def test_the_highest_rating_of_the_scale_is_not_the_answers_however_long_the_reply_is(words: int) -> None:
    assert tolerant_rating("The maximum rating: 6\n" + "It names a dog. " * words + "\nRating: 4") == 4


@pytest.mark.parametrize("reply", ["Rating: 5" + "\n" * 300_000, "0.5 - " + "scale " * 50_000, "Rating: 5 " + "/" * 300_000])
def test_a_long_reply_is_read_in_no_time(reply: str) -> None:
    start = time.perf_counter()
    tolerant_rating(reply), tolerant_grade(reply)
    assert time.perf_counter() - start < 10


@pytest.mark.parametrize(("reply", "scores"), [
    ('On a scale from 1 to 10...\n8 9', (8, 9)), ('On a scale from 1 to 10, both are good.', None),
    ('8 9\n7 9', None), ('**8** **9**', (8, 9)), ('8 and 9', (8, 9)), ('8/10, 9/10', (8, 9)),
    ('8 out of 10; 9 out of 10', (8, 9)), ('8,9', (8, 9)), ('7,5 8', None), ('7-8 9', None),
    ('8/5 9/5', None), ('Response 1 is better than response 2', None), ('8 9 10', None),
    ('Assistant 1: 8, Assistant 2: 9', (8, 9)), ('I give 8 and 9', None), ('1. 2.', None), (REFUSAL, None),
    ('Assistant 2: 9, Assistant 1: 8', None), ('8\uff0c9', (8, 9)), ('8\u30019', (8, 9)), ('\uff18 \uff19', (8, 9)),
])  # fmt: skip
def test_the_scores_of_llava_bench(reply: str, scores: tuple[float, float] | None) -> None:
    assert tolerant_scores(reply) == scores


@pytest.mark.parametrize(("reply", "value"), [
    ('1', 0.0), ('2\nbecause', 1.0), ('**0**', 0.5), ('Response 2', 1.0), ('Answer 1 is better.', 0.0),
    ('The better response is 2.', 1.0), ('There is 1 dog', None), ('1 is better in 2 respects', None),
    ('Both name 2 dogs', None), ('12', None), ('', None), ('-1', None), ('2\n1', None), ('2\n\n2', 1.0),
    ('1 or 2', None), ('The worse response is 2.', None),
])  # fmt: skip
def test_the_choice_between_two_answers(reply: str, value: float | None) -> None:
    assert RANK.read(reply) == value


@pytest.mark.parametrize(("reply", "names"), [
    ('["dog", "cat"]', ["dog", "cat"]), ('```json\n["dog"]\n```', ["dog"]), ('()', []), ('[]', []),
    ('{"objects": ["dog"]}', ["dog"]), ('Caption [0] names: ["dog"]', ["dog"]), ('In caption [1] there is nothing.', None),
    ('[1, 2]', None), ('["dog"]\n["cat"]', ["cat"]), ('["dog"] or ["cat"]?', None), ('[{"object": "dog"}]', None),
    ('[["dog"]]', None), ('["dog"]\nAgain: ["dog"]', ["dog"]), ('no list', None),
])  # fmt: skip
def test_the_objects_of_an_extractor(reply: str, names: list[str] | None) -> None:
    """Of lists on lines of their own the last one counts, as in the authors' script."""
    assert object_list(reply, "tolerant") == names
