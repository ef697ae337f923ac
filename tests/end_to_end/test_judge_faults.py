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
