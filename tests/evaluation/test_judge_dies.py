"""A judge that dies on the way: it is asked no more, the reason is kept, and no score is shown without how many were judged."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

from benchmarks.judges.chat import Chat
from harness.cli import app
from harness.core.evaluation import Verdict
from harness.core.judging import JudgeTask
from harness.evaluation.cached_judge import CachedJudge
from harness.models.openai import OpenAIModel
from harness.storage.run_store import Store
from tests.models.fake_server import Said, refused, reply, serving

JUDGED = 5


def dying(status: int) -> Any:
    def judge(body: dict[str, Any], count: int) -> Said:
        return reply(f"Fine.\nRating: {count % 4 + 2}") if count < JUDGED else refused(status, "the account is closed")

    return judge


@pytest.mark.parametrize("status", [401, 402, 404])  # 403, once answered: one prompt that a moderation refuses
def test_a_judge_that_is_locked_out_is_asked_no_more_and_the_score_says_how_many_were_judged(
    status: int, world: Path, tmp_path: Path
) -> None:
    with serving(dying(status)) as server:
        judge = (
            f"sweep.mmhal_bench.judge={{name: chat, model: {{name: openai, url: '{server.url}', retries: 0, concurrency: 2}}}}"
        )
        words = ["model={name: scripted, default: 'A dog.'}", "--benchmarks", "mmhal_bench", "--limit", "20"]
        done = CliRunner().invoke(app, ["sweep", *words, judge, "--data", str(world), "--output", str(tmp_path)])
        assert JUDGED < len(server.asked) <= JUDGED + 2
    assert done.exit_code == 1, done.output
    (folder,) = (path for path in tmp_path.iterdir() if (path / "report.html").is_file())
    reports = [(folder / name).read_text() for name in ("report.html", "report.md", "table.tex")]
    for text in (done.output, *reports):
        assert "(5 of 20 judged)" in text.replace("\\", ""), text[-3000:]
    reason = "refuses the key" if status == 401 else "the account is closed"
    assert all(reason in text for text in [done.output, *reports[:2]]) and ",20," in (folder / "metrics.csv").read_text()
    with Store(tmp_path / "store.sqlite") as store:
        (run,) = store.runs()
        (result,) = store.results(run.id)
    assert run.status == "complete but for 15 items without a verdict"
    lost = [score for score in result.scores if score.flag == "unjudged"]
    assert len(lost) == 15 and all(score.verdict and reason in score.verdict.reading and reason in score.why for score in lost)


@pytest.mark.parametrize(("said", "reason"), [
    (Said({"error": {"message": "Your credit balance is too low"}}, 400), "is used up: Your credit balance is too low"),
    (Said({"error": {"message": "Over your quota", "type": "insufficient_quota"}}, 429), "is used up: Over your quota"),
    (Said({"error": {"message": "No credits left", "code": 402}}), "is used up: No credits left"),
    (Said({"error": {"message": "No such key", "code": "401"}}), "refuses the key"),
], ids=["400", "429 for good", "402 in a reply", "401 in a reply"])  # fmt: skip
def test_an_account_that_is_used_up_is_asked_no_more_however_the_server_says_it(said: Said, reason: str) -> None:
    with serving(lambda body, count: said) as server:
        judge = Chat(OpenAIModel(server.url, retries=3, concurrency=1))
        task = JudgeTask("t", "Good?", read=lambda text: 1.0, fields=lambda *given: {"question": ""})
        verdicts = [judge.judge(task, "q", str(n), {}, None) for n in range(3)]
        assert len(server.asked) == 1
    assert all(verdict.value is None and reason in verdict.reading for verdict in verdicts)


@pytest.mark.parametrize(("said", "reason"), [
    (Said({"error": {"message": "model overloaded"}}), "HTTP 500: model overloaded"),
    (Said({"error": "out of memory"}), "HTTP 500: out of memory"),
    (reply(""), "the model's answer is empty"),
    (reply("<think>hm</think>"), "the model's answer is empty, or all of it is reasoning"),
    (Said(raw=b"<html>gateway</html>"), "the reply is not JSON"),
    (Said({"choices": []}), "the reply holds no answer"),
], ids=["error", "text", "empty", "reasoning", "html", "no choice"])  # fmt: skip
def test_a_reply_without_a_judgement_is_stored_with_the_reason(said: Said, reason: str) -> None:
    with serving(lambda body, count: said) as server:
        judge = Chat(OpenAIModel(server.url, retries=0, concurrency=1))
        task = JudgeTask("t", "Good?", read=lambda text: 1.0, fields=lambda *given: {"question": ""})
        verdict = judge.judge(task, "q", "a", {}, None)
    assert verdict.value is None and reason in verdict.reading


def test_a_stored_reply_that_is_no_longer_read_is_asked_for_again(store: Store) -> None:
    class Judge:
        name, version = "j", "1"

        def __init__(self, text: str) -> None:
            self.text = text

        def judge(self, task: JudgeTask, question: str, answer: str, facts: Any, image: Any) -> Verdict:
            return Verdict(1.0, "", self.text, "j", "1")

    lenient, strict = (
        JudgeTask("t", "", read=lambda text: 1.0),
        JudgeTask("t", "", read=lambda text: 1.0 if "Rating" in text else None),
    )
    assert CachedJudge(Judge("Part 1"), store).judge(lenient, "q", "a", {}, None).raw == "Part 1"
    second = CachedJudge(Judge("Rating: 1"), store)
    assert second.judge(lenient, "q", "a", {}, None).raw == "Part 1"
    assert second.judge(strict, "q", "a", {}, None).raw == "Rating: 1"
