"""A report lists the value that arms took of each of Appendix A's grids, and names benchmarks that are swept in part."""

from __future__ import annotations

import pytest

from harness.config import schema as config
from harness.core.evaluation import Item
from harness.core.run_record import BenchmarkResult, ProtocolRecord
from harness.results.study_notes import partial_sweep, study_notes


def notes(*changes: str, table: str = "table12") -> tuple[str, ...]:
    return study_notes(config.load_table(table, False, changes)[0], ()).open


def test_a_value_of_all_arms_stands_once_beside_the_paper_s_grid() -> None:
    assert "epochs: 3; Appendix A searched 3, 5, 7, not which a row took" in notes()
    assert "learning_rate: 5e-07; Appendix A searched 1e-07, 5e-07, 1e-06, 5e-06, not which a row took" in notes()


def test_a_number_that_yaml_reads_as_text_is_in_the_grid() -> None:
    (found,) = [line for line in notes("arms.ipo.align.training.learning_rate=1e-6") if line.startswith("learning_rate")]
    assert found.startswith("learning_rate: 5e-07 (dpo, slic); 1e-06 (ipo); Appendix A searched")


def test_values_that_differ_between_arms_are_named_with_their_arms() -> None:
    found = notes("arms.ipo.align.training.epochs=5")
    assert "epochs: 3 (dpo, slic); 5 (ipo); Appendix A searched 3, 5, 7, not which a row took" in found


def test_a_value_outside_the_grid_is_marked() -> None:
    (found,) = [line for line in notes("arms.ipo.align.beta=0.1") if line.startswith("beta of ipo")]
    assert found == "beta of ipo: 0.1, outside the paper's grid; Appendix A searched 0.8, 0.9, 1, not which a row took"


def test_online_methods_and_averaged_losses_take_the_beta_of_dpo() -> None:
    (found,) = [line for line in notes(table="table6") if line.startswith("beta")]
    assert found == "beta of dpo: 0.1; Appendix A searched 0.05, 0.1, 0.2, 0.5, not which a row took"


def test_printed_settings_of_reinforcement_are_in_no_grid() -> None:
    (found,) = [line for line in notes("arms.dpo.align.training.epochs=7", table="table8") if line.startswith("epochs")]
    assert found.startswith("epochs: 7;")  # RLOO's 2 and PPO's 3 are printed


def test_epochs_that_max_steps_may_end_are_named_with_it() -> None:
    assert "epochs: 3, at most 1 step (max_steps); Appendix A searched 3, 5, 7, not which a row took" in notes(
        *(f"arms.{arm}.align.training.max_steps=1" for arm in ("dpo", "ipo", "slic"))
    )
    (found,) = [line for line in notes("arms.ipo.align.training.max_steps=2") if line.startswith("epochs")]
    assert found.startswith("epochs: 3 (dpo, slic); 3, at most 2 steps (max_steps) (ipo); Appendix A searched")


def test_images_to_describe_are_a_part_of_object_halbench() -> None:
    sweep = [{"name": "object_halbench", "describe": 4, "extractor": "plain"}]
    made = config.parse({"model": {"name": "transformers", "path": "miniworld"}, "sweep": sweep})
    assert partial_sweep(made, {}) == ("Object HalBench over its first 4 images",)


def test_a_sweep_of_a_part_is_named_with_its_part() -> None:
    sweep = [
        {"name": "pope", "limit_images": 150},
        {"name": "chair"},
        {"name": "mmvet", "limit": 3, "judge": {"name": "keywords"}},
        {"name": "gqa", "items": ["1", "2"]},
    ]
    made = config.parse({"model": {"name": "transformers", "path": "miniworld"}, "sweep": sweep})
    assert partial_sweep(made, {}) == (
        "POPE over its first 150 images", "MM-Vet over its first 3 items", "GQA over 2 chosen items"
    )  # fmt: skip


@pytest.mark.parametrize(("number", "facts", "partial"), [
    (72, {"rows": "72"}, ()),
    (100, {"rows": "100"}, ()),
    (100, {"rows": "1,500"}, ("MMStar over its first 100 items",)),
    (100, {}, ("MMStar over its first 100 items",)),
])  # fmt: skip
def test_a_limit_that_leaves_nothing_out_is_no_part(number: int, facts: dict[str, str], partial: tuple[str, ...]) -> None:
    sweep = [{"name": "mmstar", "limit": 100}]
    made = config.parse({"model": {"name": "transformers", "path": "miniworld"}, "sweep": sweep})
    assert partial_sweep(made, {"mmstar": asked("mmstar", number, facts)}) == partial


def test_images_that_a_limit_leaves_out_are_counted_on_what_was_asked() -> None:
    sweep = [{"name": "pope", "limit_images": 150}, {"name": "chair", "limit_images": 2}, {"name": "gqa", "items": ["1"]}]
    made = config.parse({"model": {"name": "transformers", "path": "miniworld"}, "sweep": sweep})
    results = {name: asked(name, 2, {}) for name in ("pope", "chair")}
    assert partial_sweep(made, results) == ("CHAIR over its first 2 images", "GQA over 1 chosen item")


def asked(name: str, number: int, facts: dict[str, str]) -> BenchmarkResult:
    items = tuple(Item(str(n), f"{n}.jpg", "?") for n in range(number))
    return BenchmarkResult(name, ProtocolRecord(facts), items, (), (), ())
