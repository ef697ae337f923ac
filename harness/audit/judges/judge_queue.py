"""Stored verdicts compared with those of the rules, or of another run's judge, on the same answers. Asks no model."""

from __future__ import annotations

from collections.abc import Sequence

from harness.audit.judges.human_ratings import judge_name, judged_of, results_of
from harness.config.schema import BenchmarkConfig, JudgeConfig
from harness.core.errors import HarnessError
from harness.core.evaluation import Answer, Item, Verdict
from harness.core.plugins import Benchmark
from harness.evaluation.scoring import build, make_judge, score_answer
from harness.labels.cases import Case
from harness.labels.suspicion.judge_verdicts import Rated, contradicted_verdicts
from harness.storage.run_store import Store, StoredResult

RULES = "keywords"


def verdict_queue(store: Store, benchmark: str, runs: Sequence[str] = ()) -> tuple[Case, ...]:
    """Verdicts on answers to a benchmark that a second judge or the rules contradict; none where no judge has rated any."""
    answers: dict[tuple[str, str], tuple[Item, str, str]] = {}
    verdicts: dict[tuple[str, str], dict[str, Verdict]] = {}
    for _, name, result in results_of(store, runs, benchmark):
        if name != benchmark:  # another one's label
            continue
        rules = _rules(result)
        for item, answer, verdict in judged_of(store, result):
            key = (item.id, answer.text)
            answers.setdefault(key, (item, answer.text, result.label))
            own = verdicts.setdefault(key, {})
            own.setdefault(judge_name(verdict), verdict)
            second = _by_rules(rules, item, answer)
            if second is not None:
                own.setdefault(judge_name(second), second)
    rated = [Rated(benchmark, item, who, text, verdicts[key]) for key, (item, text, who) in answers.items()]
    return contradicted_verdicts(rated)


def _rules(result: StoredResult) -> Benchmark | None:
    """The benchmark under the judge of rules; None where it rates by another scale."""
    spec = BenchmarkConfig.model_validate(dict(result.options))
    try:
        return build(spec, make_judge(JudgeConfig(name=RULES)))
    except HarnessError:
        return None


def _by_rules(benchmark: Benchmark | None, item: Item, answer: Answer) -> Verdict | None:
    return score_answer(benchmark, item, answer).verdict if benchmark is not None else None
