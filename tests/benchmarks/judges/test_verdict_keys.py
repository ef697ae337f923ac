"""Verdicts that the first release stored are found again: nobody pays twice for a judgement that has not changed.

The keys below were computed by the released code, with the same items, answers, model and texts.
"""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

import pytest

from benchmarks.judges.chat import Chat
from benchmarks.llava_bench import LlavaBench
from benchmarks.mmhal_bench import MmhalBench
from benchmarks.mmhal_bench_v import MmhalBenchV
from benchmarks.mmvet import Mmvet
from benchmarks.object_halbench import ObjectHalbench
from harness.core.evaluation import Item, Verdict
from harness.evaluation.cached_judge import CachedAnnotator, CachedJudge
from tests.benchmarks.judges.test_judges import Model
from tests.benchmarks.scoring import said

# judge -> its version, then keys: MMHal-Bench, MMHal-Bench-V, LLaVA-Bench in both orders, MM-Vet, Object HalBench, rank, rate
RELEASED = {
    "chat": (
        "gpt-x 0123456789ab, own texts dcf85ff022d3, temperature 0",
        "df206071622c5026fef4fb9c44ae8010666749c122997fdeec6633d20e21362d",
        "9f5ca15ad8cd8c2fc47838a3ce34fb312744508a3d954946d3cd7bd2700690da",
        "0f46b1827a96fd451b9b287cc5ad3c65c0fb830616ce3fa7b208dd5912b9c0ff",
        "9ee4788e80d40b620d336a424d3e7d42ab8015ea43b6c3811c337c54716ad8b0",
        "2ce0a491c8b3c431cf36984e3d01a1c61d307d905b8746e1305c029e83753800",
        "351289def3095cdd458cdd17fab8520aaeb19f34ab74a3b5be0ff7d261537303",
        "db5fb313e1ef5832933197d967351e94fe34b253b7982a90cc547ea2eaab6ef2",
        "03222fc47f53db9bc24c43a04336d7ea609c4c4ac40be864024f5b2b9970e0e9",
    ),
    "chat with a text": (
        "gpt-x 0123456789ab, given texts for mmhal, mmvet e33085066bd8, temperature 0",
        "3b10440ffe8acca67bd4f9cc111963ef7c093c819d95c2670811f41a7f0c4be7",
        "67c152e0f9bd0a96029e5605ebc893ef1c9b67aa4dfb8170ae5cb7404bd3e9e3",
        "35e656f800e95c5f8214d194caa5c7e272ece3c37b47d743cddbfee8e39c7c7c",
        "cb16c0a28ef31b586b1fe1b28f8bcc83d2338cf10a1ff878ff6867ee28d92ef8",
        "77d8fec462311bf9df45403185e287e8383731c9fcbba63a69170fb20746c044",
        "7dc2e22f88c8e4ff44e78f4e3fc471644cc1966f1d9711550a22486622b23d93",
        "85df67af28ec7f225442f9db1e295c58b7465f6b248e30c2bf83d50080c4dbfe",
        "142dfe0d712ea76fab754bbfe6a0f7699d6439581a8fcc0a4102413a570a154c",
    ),
}
QUESTION, ANSWER, REFERENCE = "What is it?", said("There is a dog here."), {"gt_answer": "A dog."}


class Keys:
    """A store that remembers what it was asked for and nothing else."""

    def __init__(self) -> None:
        self.asked: list[str] = []

    def verdicts(self, keys: Iterable[str]) -> dict[str, Verdict]:
        self.asked += (key for key in keys if not key.endswith("/unread"))
        return {}

    def add_verdict(self, key: str, verdict: Verdict) -> None:
        pass


def judge_named(name: str, folder: Path) -> Chat:
    text = folder / "t.txt"
    text.write_text("Given {question} {answer} {reference}")
    given = {"mmvet": str(text), "mmhal": str(text)}
    model = Model("2\nRating: 4")
    return {
        "chat": lambda: Chat(model),
        "chat with a text": lambda: Chat(model, templates=given, check_digests=False),
    }[name]()  # type: ignore[operator]


@pytest.mark.parametrize("name", RELEASED)
def test_a_verdict_that_the_first_release_stored_is_found_again(name: str, tmp_path: Path) -> None:
    version, *keys = RELEASED[name]
    judge, asked = judge_named(name, tmp_path), Keys()
    (tmp_path / "a.jpg").write_bytes(b"image")
    remembering = CachedJudge(judge, asked)  # type: ignore[arg-type]
    mmhal = {"question_type": "attribute", "image_content": ["dog"], "gt_answer": "A dog."}
    with_image = MmhalBenchV(remembering)
    with_image._folder = tmp_path
    for benchmark, truth in (
        (MmhalBench(remembering), mmhal),
        (with_image, mmhal),
        (LlavaBench(remembering, swap=True), {"category": "conv", "context": "A dog.", "reference": "A brown dog."}),
        (Mmvet(remembering), {"answer": "-1 <AND> -5", "capability": ["ocr"]}),
        (ObjectHalbench(remembering, extractor="judge"), {"objects": ["dog"]}),
    ):
        benchmark.score(Item("1", "a.jpg", QUESTION, truth), ANSWER)  # type: ignore[attr-defined]
        assert version in " ".join(benchmark.facts().values())  # type: ignore[attr-defined]
    annotator = CachedAnnotator(judge, asked)  # type: ignore[arg-type]
    annotator.rank(QUESTION, ("A dog.", "A cat."), REFERENCE, None)
    annotator.rate(QUESTION, "A cow.", REFERENCE, tmp_path / "a.jpg")
    assert asked.asked == keys
