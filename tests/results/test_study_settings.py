"""A report's notes on a study of the paper are of the settings that ran: what was changed is named, beside what is shipped."""

from __future__ import annotations

from functools import cache
from pathlib import Path
from typing import Any

import pytest
import yaml

from harness.config import schema as config
from harness.config import study_tables as study
from harness.config.schema import RunConfig
from harness.core.run_record import StudyNotes
from harness.results.study_notes import study_notes
from harness.results.study_settings import Compared, parts_of, shipped_parts
from reports.text.studies import merged

DECODING = "decoding of BDHS: "
DEFAULT = "temperature 1, top-p 1, 256 tokens"


@cache
def shipped(table: str, mini: bool) -> RunConfig:
    return config.load_table(table, mini)[0]  # nobody changes it: a change makes another


def notes(table: str, *changes: str, mini: bool = False) -> StudyNotes:
    return study_notes(config.load_table(table, mini, changes)[0] if changes else shipped(table, mini), ())


def line(lines: tuple[str, ...], begins: str) -> str:
    (found,) = [one for one in lines if one.startswith(begins)]
    return found.removeprefix(begins)


def test_what_nobody_changed_is_the_default_that_the_study_is_shipped_with() -> None:
    found = notes("table6")
    assert line(found.open, DECODING) == DEFAULT
    assert not any("changed here" in one for part in (found.open, found.rows, found.departures) for one in part)


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        (["arms.bdhs-attn.pairs.temperature=0.7"], "changed here: temperature 0.7 (bdhs-attn); as shipped: "),
        (["arms.bdhs-attn.pairs.temperature=1", "arms.bdhs-noise.pairs.top_p=1.0"], ""),  # given, and the same
        (["arms.external-and-bdhs-noise.pairs.second.top_p=0.9"],
         "changed here: top_p 0.9 (external-and-bdhs-noise); as shipped: "),
        (["arms.bdhs-attn-online.align.bdhs.top_p=0.9"], "changed here: top_p 0.9 (bdhs-attn-online); as shipped: "),
    ],
)  # fmt: skip
def test_a_setting_changed_on_the_command_line_is_named_with_its_arms(changes: list[str], said: str) -> None:
    assert line(notes("table6", *changes).open, DECODING) == f"{said}{DEFAULT}"


def test_a_setting_that_all_arms_have_changed_is_named_without_them() -> None:
    found = notes("table11", *(f"arms.annotator-{n}.align.sampling.temperature=0.7" for n in ("7b", "34b")))
    assert line(found.open, "online sampling: ").startswith("changed here: temperature 0.7; as shipped: two candidates")
    assert line(notes("table9", "seed=3").open, "seeds: ").startswith("changed here: seed 3; as shipped: 0 of")


def test_a_setting_changed_in_an_edited_file_is_named(tmp_path: Path) -> None:
    written = shipped("table12", False).as_yaml()
    tree = yaml.safe_load(written)
    tree["arms"][1]["align"]["training"]["schedule"] = "constant"
    (tmp_path / "own.yaml").write_text(yaml.safe_dump(tree))
    found = study_notes(config.load(tmp_path / "own.yaml"), ())
    assert line(found.open, "schedule of DPO: ").startswith("changed here: schedule constant (ipo); as shipped: cosine")
    assert line(found.rows, "ipo: ") == "IPO, POVID; changed here: align.training.schedule constant instead of cosine"


def test_an_arm_that_was_added_is_compared_with_the_others() -> None:
    tree = yaml.safe_load(shipped("table6", False).as_yaml())
    pairs = {**tree["arms"][1]["pairs"], "temperature": 0.5}
    arms = [*tree["arms"], {**tree["arms"][1], "name": "hot", "pairs": pairs}]
    found = study_notes(config.parse({**tree, "arms": arms}), ())
    assert line(found.open, DECODING) == f"changed here: temperature 0.5 (hot); as shipped: {DEFAULT}"
    assert not any(one.startswith("hot") for one in found.rows)


@pytest.mark.parametrize(
    ("change", "row"),
    [
        ("arms.ipo.align.beta=0.3", "ipo: IPO, POVID; changed here: align.beta 0.3 instead of 0.9"),
        ("arms.ipo.align.beta=9e-1", "ipo: IPO, POVID"),  # text to YAML
        ("arms.ipo.align.training.micro_batch=4", "ipo: IPO, POVID"),
        ("arms.ipo.pairs={name: rlhf_v}", "ipo: IPO, POVID; changed here: pairs.name rlhf_v instead of povid"),
        ("arms.ipo.align.training.max_steps=5", "ipo: IPO, POVID; changed here: align.training.max_steps 5 instead of not set"),
    ],
)
def test_a_row_says_what_was_changed_in_its_arm(change: str, row: str) -> None:
    assert row in notes("table12", change).rows


def test_points_of_a_grid_that_was_asked_for_stand_for_their_row() -> None:
    rows = notes("table12", "arms.dpo.grid={align.beta: [0.05, 0.1]}").rows
    assert rows[:2] == (
        "dpo-beta0.05: DPO, POVID; changed here: align.beta 0.05 instead of 0.1", "dpo-beta0.1: DPO, POVID"
    )  # fmt: skip


def test_a_row_whose_arm_was_taken_out_is_not_run() -> None:
    tree = yaml.safe_load(shipped("table12", False).as_yaml())
    found = study_notes(config.parse({**tree, "arms": tree["arms"][:2]}), ())
    assert "SLiC, POVID (slic): left out of this run" in found.not_run and not any(one.startswith("slic") for one in found.rows)


def test_another_base_checkpoint_is_named_and_a_copy_of_the_same_is_not() -> None:
    assert notes("table12", "model.path=/models/llava-v1.6-vicuna-7b-hf").rows == notes("table12").rows
    first, *rest = notes("table12", "model.path=/models/own").rows
    assert first == "changed here: the base checkpoint is /models/own, that of the study llava-hf/llava-v1.6-vicuna-7b-hf"
    assert tuple(rest) == notes("table12").rows


def test_table_7_on_the_other_backbone_has_the_rows_of_that_backbone() -> None:
    found = notes("table7", "model.path=llava-hf/llava-1.5-7b-hf")
    assert "rlhf-v: LLaVA-1.5-7B, RLHF-V" in found.rows and "povid: LLaVA-1.5-7B, POVID" in found.rows
    assert all(one.startswith("LLaVA-1.6-7B, ") and one.endswith("model.path=llava-hf/llava-v1.6-vicuna-7b-hf")
               for one in found.not_run) and len(found.not_run) == 3  # fmt: skip
    assert len(notes("table7").not_run) == 4


def test_notes_on_what_no_arm_has_are_left_out() -> None:
    assert not any(one.startswith((DECODING, "online sampling", "text model")) for one in notes("table12").open)
    assert not notes("table12").departures  # its judges are those of the sweep
    assert notes("table11").departures == ("prompt of the annotator: a paraphrase of table 14",)


def test_the_word_boundary_of_the_yes_no_rule_is_a_departure_until_the_printed_rule_is_taken() -> None:
    said = "an opening yes or no is turned round only where it is a whole word; the printed expression has no word boundary"
    assert line(notes("finding-rho").departures, "yes/no rule of Algorithm 1 (lines 11-13): ").startswith(said)
    assert line(notes("finding-rho", mini=True).departures, "yes/no rule of Algorithm 1 (lines 11-13): ").startswith(said)
    found = notes("finding-rho", "arms.bdhs.pairs.yes_no_rule=printed").departures
    assert line(found, "yes/no rule of Algorithm 1 (lines 11-13): ").startswith(
        "changed here: yes_no_rule printed; as shipped: an"
    )


def test_table_8_lists_what_the_paper_does_not_print_of_rloo_and_ppo_as_it_ran() -> None:
    rloo = line(notes("table8").open, "RLOO besides its printed settings: ")
    assert rloo.startswith("unfinished_penalty 1, top_p 1, max_new_tokens 256, warmup_ratio 0.03, schedule cosine")
    assert "beta 0.05, clip_range 0.2, value_weight 0.1" in line(notes("table8").open, "PPO besides its printed settings: ")
    changed = notes("table8", "arms.rloo-povid.align.unfinished_penalty=0").open
    assert line(changed, "RLOO besides its printed settings: ").startswith(
        "unfinished_penalty 0 (changed here from 1) in rloo-povid, 1 in rloo-vlfeedback, top_p 1"
    )
    small = line(notes("table8", mini=True).open, "RLOO besides its printed settings: ")
    assert "max_new_tokens 80" in small  # the miniature's own


def test_a_finding_s_seeds_are_three() -> None:
    assert line(notes("finding-rho").open, "seeds: ").startswith("0, 1 and 2 of every arm")
    assert line(notes("finding-rho", mini=True).open, "seeds: ").startswith("0, 1 and 2 of every arm")


def test_a_benchmark_that_the_miniature_leaves_out_may_be_swept() -> None:
    assert line(notes("table12", mini=True).open, "MMHal-V: ") == "not swept, since no judge here sees images"
    tree = yaml.safe_load(shipped("table12", True).as_yaml())
    judge = {"name": "chat", "model": {"path": "x"}}
    swept = config.parse({**tree, "sweep": [*tree["sweep"], {"name": "mmhal_bench_v", "judge": judge}]})
    said = line(study_notes(swept, ()).open, "MMHal-V: ")
    assert said == "changed here: mmhal_bench_v is swept; as shipped: not swept, since no judge here sees images"


def test_a_run_of_a_version_before_reads_as_it_did_and_says_that_nothing_was_compared() -> None:
    tree = yaml.safe_load(shipped("table12", False).as_yaml())
    kept = ("rows", "same_prompts", "not_run", "finding", "open", "grids")
    old = config.stored(yaml.safe_dump({**tree, "table": {key: tree["table"][key] for key in kept}}), "here")
    found = study_notes(old, ())
    assert found.rows[0].startswith("The settings of this run are not compared") and found.rows[1:] == notes("table12").rows
    assert "seeds: 0 of subsamples" in " ".join(found.open)


def test_a_broken_or_unknown_part_of_what_is_shipped_costs_no_report() -> None:
    made = shipped("table12", False)
    table = made.table.model_copy(
        update={"shipped": {"arms.dpo": "{", "arms.ipo": "[]", "arms.slic": '{"pairs": {"name": "x"}}'}}
    )
    assert len(study_notes(made.model_copy(update={"table": table}), ()).rows) == 3


def test_what_a_study_keeps_of_itself_is_no_part_of_its_identity() -> None:
    made = shipped("table6", True)
    bare = made.model_copy(update={"table": made.table.model_copy(update={"shipped": {}, "settings": {}, "departures": {}})})
    assert made.digest == bare.digest == made.model_copy(update={"table": None}).digest


CLAIMED: dict[str, dict[str, Any]] = {  # what the texts say -> the values that run
    "schedule of DPO": {"training.schedule": "cosine", "training.warmup_ratio": 0.03, "training.weight_decay": 0},
    "other settings of DPO's training": {"training.clip": 1, "training.max_length": None, "training.dtype": "as_loaded"},
    "cut of a sentence": {"cut_unit": "word", "splitter": "stop_and_space"},
    "decoding of BDHS": {"temperature": 1, "top_p": 1, "max_new_tokens": 256},
    "hidden image tokens": {"hidden_positions": "kept", "newline_tokens": "counted"},
    "online sampling": {"candidates": 2, "ties": "drop", "sampling.temperature": 0.9, "sampling.top_p": 1,
                        "sampling.max_new_tokens": 256},
    "pair of four ranked answers of VLFeedback": {"choice": "best_worst"},
    "POPE": {"splits": ["random", "popular", "adversarial"]},
    "object recall": {"extractor": "judge"},
    "seeds": {"seed": 0},
    "yes/no rule of Algorithm 1 (lines 11-13)": {"yes_no_rule": "word"},
    "similarity of answers without guidance": {"n_tries": 5, "epsilon_s": 0.97, "embedder": "all-mpnet-base-v2"},
}  # fmt: skip


@pytest.mark.parametrize("what", CLAIMED)
def test_the_values_in_a_note_s_text_are_those_that_run(what: str) -> None:
    assert values_that_run(what, mini=False) == CLAIMED[what]


def values_that_run(what: str, mini: bool) -> dict[str, Any]:
    """Setting -> value of all settings that a note speaks of, which all tables must have alike."""
    found: dict[str, Any] = {}
    for table in study.names():
        made = shipped(table, mini)
        assert made.table is not None
        keys = made.table.settings.get(what, [])
        settings = [s for part in parts_of(made).values() for s in part]
        for s in (s for s in settings if any(f"{s.of}.{s.name}".strip(".").startswith(key) for key in keys)):
            assert found.setdefault(s.name, s.value) == s.value
    return found


def test_every_setting_that_a_note_speaks_of_is_one_of_some_study() -> None:
    keys, known = set[str](), set[str]()
    for name in (*study.names(), *study.findings()):
        for mini in (False, True):
            if (name, mini) == ("ablation-embedder", True):  # nothing is left of it
                continue
            made = shipped(name, mini)
            assert made.table is not None
            compared = Compared(parts_of(made), shipped_parts(made.table))
            keys |= {key for own in made.table.settings.values() for key in own}
            known |= {key for key in keys - known if compared.said("x", [key])}
            assert not [change for part in compared.mine for change in compared.changes(part)]
    assert keys == known and len(keys) > 40


def test_notes_of_two_runs_that_differ_name_their_runs() -> None:
    one, other = notes("table12"), notes("table12", "arms.ipo.align.beta=0.8")
    found = merged([("a", one), ("b", other), ("c", StudyNotes())])
    assert "dpo: DPO, POVID" in found.rows and "ipo: IPO, POVID (run a)" in found.rows
    assert "ipo: IPO, POVID; changed here: align.beta 0.8 instead of 0.9 (run b)" in found.rows
    assert merged([("a", one), ("a", one)]) == one


OF_THE_MINIATURE: dict[str, dict[str, Any]] = {  # what its texts say -> the values that run
    "decoding of BDHS": {"temperature": 1, "top_p": 1, "max_new_tokens": 40},
    "online sampling": {"candidates": 2, "ties": "drop", "sampling.temperature": 0.9, "sampling.top_p": 1,
                        "sampling.max_new_tokens": 80},
    "cut of a sentence": {"cut_unit": "word", "splitter": "stop_and_space"},
    "weights that are trained": {"training.lora": None, "training.projector_learning_rate": None},
    "judges of benchmarks": {"judge.name": "keywords"},
    "text model that corrupts": {"model": None},
}  # fmt: skip


@pytest.mark.parametrize("what", OF_THE_MINIATURE)
def test_the_values_in_a_note_on_the_miniature_are_those_that_run(what: str) -> None:
    found = values_that_run(what, mini=True)
    assert {name: found[name] for name in OF_THE_MINIATURE[what]} == OF_THE_MINIATURE[what]


def test_a_report_on_the_miniature_lists_what_the_paper_leaves_open() -> None:
    names = {one.partition(": ")[0] for one in notes("table9", mini=True).open}
    wanted = {"online sampling", "schedule of DPO", "POPE", "object recall", "versions of the judges", "seeds", "learning_rate"}
    assert wanted <= names
    assert {one.partition(": ")[0] for one in notes("table9").open} <= names | {"projector_learning_rate"} | {
        "pair of four ranked answers of VLFeedback"
    }
    assert {"cut of a sentence", "hidden image tokens", "policy of online BDHS"} <= {
        one.partition(": ")[0] for one in notes("table6", mini=True).open
    }


def test_a_report_on_the_miniature_names_what_stands_for_the_paper_s_models_and_answers() -> None:
    found = notes("table11", mini=True).departures
    assert "annotations" in line(found, "annotator of online DPO: ") and "keywords" in line(
        found, "weak annotator of online DPO: "
    )
    assert "GPT-4V" in line(found, "external rejected answers: ") and "LLaVA-1.6-7B" in line(found, "base checkpoint: ")
    assert not any(one.startswith("corrupted answers") for one in found)


def test_changes_of_the_model_and_of_what_is_swept_are_named() -> None:
    changes = ("model.dtype=bfloat16", "sweep.pope.prompt_suffix=X", "sweep.pope.limit_images=10")
    assert notes("table12", *changes, mini=True).rows[:3] == (
        "changed here: model.dtype bfloat16 instead of float32",
        "changed here: sweep.pope.prompt_suffix X instead of not set",
        "changed here: sweep.pope.limit_images 10 instead of 150",
    )
    rows = notes("table12", "sweep=[{name: pope, limit_images: 150}, {name: mmstar}]", mini=True).rows
    assert "changed here: mmstar is swept" in rows and "changed here: gqa is not swept" in rows
    assert not any("pope" in row for row in rows)


def test_held_out_pairs_are_the_same_for_all_models_only_as_shipped() -> None:
    said = "one in ten images of every set, the same for all models"
    assert line(notes("table7").open, "held-out pairs: ") == said
    found = line(notes("table7", "reward_models.povid.align.held_out=0.5").open, "held-out pairs: ")
    assert found == f"changed here: held_out 0.5 (povid); as shipped: {said}"
    found = line(notes("table8", "reward_models.reward-povid.seed=3").open, "held-out pairs of the reward models: ")
    assert found == f"changed here: seed 3 (reward-povid); as shipped: {said}"
