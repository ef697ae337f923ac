"""A judge that cannot be loaded is named by its keys in the study."""

from __future__ import annotations

from pathlib import Path

from harness.config import schema as config
from harness.evaluation.scoring import judge_faults


def test_a_judge_that_several_benchmarks_share_is_one_fault_with_all_its_keys(tmp_path: Path) -> None:
    lost = {"name": "chat", "model": {"path": str(tmp_path / "nowhere")}}
    fine = {"name": "keywords"}
    sweep = [{"name": "mmhal_bench", "judge": lost}, {"name": "mmvet", "judge": lost}, {"name": "llava_bench", "judge": fine}]
    model = {"name": "transformers", "path": "miniworld"}
    (fault,) = judge_faults(config.parse({"model": model, "sweep": sweep}), None)
    assert fault.startswith("sweep.mmhal_bench.judge, sweep.mmvet.judge: There is no model folder at")
    arm = {"name": "on", "pairs": {"name": "random_edit"}, "align": {"name": "online_dpo", "judge": lost}}
    (fault,) = judge_faults(config.parse({"model": model, "sweep": sweep[2:], "arms": [arm]}), None)
    assert fault.startswith("arms.on.align.judge: ")


def test_options_that_a_benchmarks_judge_cannot_serve_are_named_before_anything_is_asked(tmp_path: Path) -> None:
    (tmp_path / "r.jsonl").write_text('{"question": "Q?", "answer": "a", "raw": "9 2"}\n')
    sweep = [{"name": "llava_bench", "swap": True, "judge": {"name": "recorded", "file": str(tmp_path / "r.jsonl")}}]
    (fault,) = judge_faults(config.parse({"model": {"name": "transformers", "path": "miniworld"}, "sweep": sweep}), None)
    assert fault.startswith("sweep.llava_bench.judge: LLaVA-Bench: swap asks the judge for both orders")
