"""A dry run says what a study lacks and what it will cost, and leaves nothing behind."""

from __future__ import annotations

import json
from collections import Counter
from pathlib import Path
from typing import Any

import pytest
from PIL import Image
from typer.testing import CliRunner

from alignment.quality.text_probe import giveaways
from alignment.weights.workers import Workers
from harness.cli import app
from harness.config import schema as config
from harness.config import study_tables
from harness.core import registry
from harness.core.errors import ConfigError, DataError, HarnessError, TrainingError
from harness.core.plugins import NoModel
from harness.models.transformers import TransformersModel
from harness.run import pipeline
from harness.run.checks.sources import check_sources, look_at
from harness.run.estimate import Cost, estimate
from harness.storage.data_folder import DataFolder
from harness.storage.run_store import Store
from tests.alignment.scripted import write_prompts
from tests.alignment.sources.test_published_datasets import by_model
from tests.end_to_end.conftest import _BDHS, SMALL
from tests.end_to_end.test_methods import FEW, METHODS, TRAINING


def study(world: Path, tmp_path: Path, **changes) -> config.RunConfig:
    return config.parse(SMALL | {"data": str(world / "miniworld"), "output": str(tmp_path)} | changes)


def test_every_stage_is_counted_and_measured(world: Path, tmp_path: Path) -> None:
    online = {"name": "online_dpo", "judge": {"name": "annotations"}, "sampling": FEW, "training": TRAINING}
    arms = [SMALL["arms"][0], {"name": "online", "pairs": _BDHS, "align": online}]
    costs = {cost.stage: cost for cost in estimate(study(world, tmp_path, arms=arms))}
    assert list(costs) == ["sweep: pope", "sweep: chair", "sweep: mmhal_bench", "pairs: bdhs", "align: bdhs",
                           "pairs: online", "align: online"]  # fmt: skip
    assert costs["sweep: chair"].amount == "6 questions x 3 checkpoints"
    assert costs["sweep: mmhal_bench"].judge_requests == 16 * 3 and costs["sweep: pope"].judge_requests == 0
    assert costs["align: bdhs"].amount == "3 steps of 8 pairs (dpo)"
    assert costs["align: online"].amount == "2 steps of 8 pairs (online_dpo)"
    assert costs.pop("pairs: online").seconds == 0.0  # those of bdhs
    assert all(cost.seconds is not None and cost.seconds > 0 for cost in costs.values())
    assert not list(tmp_path.glob("*/arms")) and not (tmp_path / "store.sqlite").exists()


def test_an_arm_whose_training_is_refused_is_named_behind_the_table_of_all(world: Path, tmp_path: Path) -> None:
    arms = [
        {"name": name, "pairs": _BDHS, "align": {"name": "sft", "training": {"max_length": length}}}
        for name, length in (("short", 9), ("long", 5000))
    ]
    costs = list[Cost]()
    with pytest.raises(
        TrainingError, match=r"\n  arm short, with \d of its pairs: No preference pair is left .* max_length is 9"
    ):
        costs.extend(estimate(study(world, tmp_path, arms=arms, sweep=SMALL["sweep"][:1])))
    aligned = [(cost.stage, cost.seconds is None) for cost in costs if cost.stage.startswith("align")]
    assert aligned == [("align: short", True), ("align: long", False)]


def test_pairs_that_several_arms_train_on_are_counted_once(world: Path, tmp_path: Path) -> None:
    dpo = SMALL["arms"][0]
    arms = [{**dpo, "name": "a"}, {**dpo, "name": "b", "seed": 1}, {**dpo, "name": "c"}, {**dpo, "name": "d", "after": "a"}]
    costs = {cost.stage: cost for cost in estimate(study(world, tmp_path, arms=arms, sweep=SMALL["sweep"][:1]))}
    assert costs["pairs: c"].amount == "24 prompts (bdhs), shared with a" and costs["pairs: c"].seconds == 0.0
    for name in "abd":  # another seed draws others; `d` is answered by another checkpoint
        assert costs[f"pairs: {name}"].amount == "24 prompts (bdhs)" and costs[f"pairs: {name}"].seconds


def test_a_miniature_world_that_is_not_drawn_is_counted_and_measured_without_drawing_it(tmp_path: Path) -> None:
    few = [{"name": "pope", "limit_images": 2}, {"name": "chair", "limit": 2}]
    costs = {cost.stage: cost for cost in estimate(config.parse(SMALL | {"output": str(tmp_path / "out"), "sweep": few}))}
    assert costs["sweep: chair"].amount == "2 questions x 2 checkpoints" and costs["pairs: bdhs"].seconds is not None
    assert list(tmp_path.iterdir()) == []


def test_several_processes_are_refused_once(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    made = config.parse(SMALL | {"output": str(tmp_path)})
    monkeypatch.setattr("harness.run.estimate.workers", lambda: Workers(1, 2))
    assert list(estimate(made)) == []
    monkeypatch.setattr("harness.run.estimate.workers", lambda: Workers(0, 2))
    with pytest.raises(ConfigError, match=r"one process, and 2 were started\. .* python -m harness run STUDY --dry-run"):
        list(estimate(made))


def test_what_needs_a_reward_model_first_is_unknown(world: Path, tmp_path: Path) -> None:
    changes = {"reward_models": METHODS["reward_models"], "arms": METHODS["arms"][1:2], "sweep": METHODS["sweep"]}
    costs = {cost.stage: cost for cost in estimate(study(world, tmp_path, **changes))}
    assert costs["align: rloo"].seconds is None and "reward model" in costs["align: rloo"].amount
    assert costs["align: rm"].seconds is not None


def test_everything_that_is_missing_is_told_at_once(world: Path, tmp_path: Path) -> None:
    arms = [
        {"name": "povid", "pairs": {"name": "povid"}, "align": {"name": "dpo"}},
        {"name": "bdhs", "pairs": {"name": "bdhs", "prompts": "nowhere.json"}, "align": {"name": "dpo"}},
    ]
    sweep = [{"name": "pope", "flavour": "aokvqa"}, {"name": "chair", "year": "2017"}, {"name": "gqa"}]
    with pytest.raises(DataError) as caught:
        list(estimate(study(world, tmp_path, arms=arms, sweep=sweep)))
    text = str(caught.value)
    assert "This study lacks:" in text
    for told in ("pope: pope/aokvqa_pope_random.json", "chair: ", "pairs of povid: ", "pairs of bdhs: nowhere.json"):
        assert f"\n  {told}" in text
    assert "gqa" not in text  # that one is there


def test_the_command_prints_a_line_a_stage_and_the_sum(world: Path, tmp_path: Path) -> None:
    path = tmp_path / "small.yaml"
    made = study(world, tmp_path, arms=[], sweep=[{"name": "pope", "limit_images": 3}])
    path.write_text(made.as_yaml())
    result = CliRunner().invoke(app, ["run", str(path), f"output={tmp_path}", "--dry-run"])
    assert result.exit_code == 0, result.output
    assert "questions x 1 checkpoint\n" in result.output and "all stages: about" in result.output
    assert "0 judge requests" in result.output


@pytest.mark.parametrize("name", [*study_tables.names(), "finding-mixing", "ablation-embedder"])
def test_a_table_without_its_data_is_counted_and_what_is_missing_is_named(tmp_path: Path, name: str) -> None:
    made, _ = config.load_table(name, False, [f"data={tmp_path / 'nowhere'}", f"output={tmp_path}"])
    costs = list[Cost]()
    with pytest.raises(DataError, match=r"This study lacks:(.|\n)*nowhere") as caught:
        costs.extend(estimate(made))
    assert str(caught.value).count(f"there is no folder {tmp_path / 'nowhere'}") == 1
    assert "There is no data folder" not in str(caught.value), "the same fault twice"
    trained = [arm.name for arm in (*made.reward_models, *made.arms)]
    assert [cost.stage for cost in costs] == [f"{part}: {arm}" for arm in trained for part in ("pairs", "align")]
    assert not any("unknown" in cost.amount for cost in costs) and all(cost.seconds is None for cost in costs)


def test_counts_without_data_follow_from_the_limit_or_the_published_size(tmp_path: Path) -> None:
    made, _ = config.load_table("table6", False, [f"data={tmp_path / 'nowhere'}", "arms.bdhs-attn.pairs.limit=null"])
    amounts = dict[str, str]()
    with pytest.raises(DataError):
        amounts.update((cost.stage, cost.amount) for cost in estimate(made))
    full, _ = config.load_table("table12", False, [f"data={tmp_path / 'nowhere'}"])
    with pytest.raises(DataError):
        amounts.update((cost.stage, cost.amount) for cost in estimate(full))
    assert amounts["align: external-and-bdhs-attn"] == "471 steps of 32 pairs (dpo)"  # 3 epochs of ceil(5000 / 32) = 157
    assert amounts["align: ipo"] == "1,611 steps of 32 pairs (dpo)"  # 3 epochs of ceil(17184 / 32) = 537
    assert amounts["pairs: bdhs-attn"] == "17,184 prompts (bdhs)"  # those of the set whose prompts it takes
    table2, _ = config.load_table("table2", False, [f"data={tmp_path / 'nowhere'}", "arms.bdhs-vlfeedback.pairs.limit=null"])
    with pytest.raises(DataError):
        amounts.update((cost.stage, cost.amount) for cost in estimate(table2))
    table7, _ = config.load_table("table7", False, [f"data={tmp_path / 'nowhere'}"])
    with pytest.raises(DataError):
        amounts.update((cost.stage, cost.amount) for cost in estimate(table7))
    assert amounts["pairs: povid-and-rlhf-v"] == "22,917 prompts (joined)"  # 17,184 + 5,733
    assert amounts["pairs: bdhs-vlfeedback"] == "an unknown number of prompts (bdhs)"


def test_the_sums_stand_before_what_is_missing(tmp_path: Path) -> None:
    words = ["run", "study:table11", f"data={tmp_path / 'nowhere'}", f"output={tmp_path}", "--dry-run"]
    result = CliRunner().invoke(app, words)
    assert "4 stages, none measured, since something is missing" in result.output
    assert isinstance(result.exception, DataError) and "This study lacks" in str(result.exception)


@pytest.mark.parametrize("name", [name for name in study_tables.names() if name != "table5"])
def test_the_prompts_of_every_miniature_row_are_counted_without_a_model(world: Path, name: str) -> None:
    made, _ = config.load_table(name, True)
    data = DataFolder(world / "miniworld", world / ".cache")
    assert all(look_at(made, arm, data).number > 0 for arm in (*made.reward_models, *made.arms))


def test_the_corrupted_rows_of_table_5_are_counted_from_the_file_and_a_missing_key_is_named(
    tmp_path: Path, monkeypatch
) -> None:
    monkeypatch.delenv("OPENAI_API_KEY", raising=False)
    (tmp_path / "vlfeedback").mkdir()
    (tmp_path / "a.jpg").write_bytes(b"image")
    best = ("GPT-4V", "llava-v1.5-7b", "qwen")  # whose answer is rated best, a row each; the second is not LLaVA's prompt
    prompts = (("llava-1", best[0]), ("svit-2", best[1]), ("llava-3", best[1]), ("llava-4", best[2]))
    rows = [by_model(name, "x", model, "y") for name, model in prompts]
    (tmp_path / "vlfeedback" / "vlfeedback_80k.jsonl").write_text("\n".join(map(json.dumps, rows)))
    made, _ = config.load_table("table5", False, [f"data={tmp_path}", f"output={tmp_path / 'runs'}"])
    amounts = dict[str, str]()
    with pytest.raises(DataError, match="pairs of corrupted: The environment variable"):
        amounts.update((cost.stage, cost.amount) for cost in estimate(made))
    counted = {arm.name: amounts[f"pairs: {arm.name}"].split(" prompt")[0] for arm in made.arms}
    assert counted == {"ranked": "4", "corrupted": "4", "llava-prompts": "3", "gpt-4v-responses": "1", "llava-responses": "1"}


def test_the_corrupting_row_of_table_5_is_measured_on_the_miniature_world(world: Path, tmp_path: Path) -> None:
    changes = [f"data={world / 'miniworld'}", f"output={tmp_path}", "sweep=[{name: pope, limit_images: 2}]"]
    made, left_out = config.load_table("table5", True, changes)
    costs = {cost.stage: cost for cost in estimate(made)}
    assert list(costs) == ["sweep: pope", "pairs: corrupted", "align: corrupted"]
    assert costs["pairs: corrupted"].amount == "240 prompts (corruption)" and costs["align: corrupted"].seconds is not None
    names = [row.partition(":")[0].rpartition("(")[2].rstrip(")") for row in left_out]
    assert names == ["ranked", "llava-prompts", "gpt-4v-responses", "llava-responses"]


THUMBS = [{"image": "a.png", "prompt": f"What is at {n}?", "completion": "A cat.", "label": True} for n in range(3)]
CONTRAST = ("mdpo", "chip", "vdpo", "symmpo")
SEVERAL = [
    {"image": "a.png", "prompt": "What?", "chosen": "A cat.", "rejected": ["A dog."]},
    {"images": ["a.png", "a.png"], "prompt": "Which?", "chosen": "A cat.", "rejected": ["A dog."]},
]
BLIND = [{"image": image, "prompt": "What?", "chosen": "A cat.", "rejected": ["A dog."]} for image in ("a.png", "")]
ALIKE = [{"image": "a.png", "prompt": "What?", "chosen": "A cat.", "rejected": ["A dog.", *more]} for more in ([], ["A cow."])]


@pytest.mark.parametrize(
    ("rows", "form", "align", "says"),
    [
        *(
            (BLIND, "own", name, f"1 of 2 pairs have no image .*{name} contrasts")
            for name in ("mdpo", "chip", "vdpo", "symmpo")
        ),
        (SEVERAL, "own", "symmpo", "1 of 2 pairs are about several images .*symmpo puts the image of another"),
        (SEVERAL, "own", "mdpo, other", "1 of 2 pairs are about several images .*mdpo puts the image of another"),
        (SEVERAL, "own", "dpo", "1 of 2 rows are about several images .the first: 'row-2'., and this model takes one image"),
        (SEVERAL, "own", "grpo, annotations", r"1 of 2 rows (.|\n)*, and the judge annotations takes one image a prompt"),
        (THUMBS, "rated", "kto", "All 3 answers are desirable; learning from ratings needs both kinds"),
        (ALIKE, "own", "kto", "KTO needs at least two prompts"),
        (ALIKE, "own", "dpo, loss", "avg_dpo needs exactly two rejected answers in every pair, but 1 of 2 have 1"),
        (THUMBS, "rated", "dpo", r"No preference pair is left .*`rejected` is empty .*the aligner kto trains on\): 3"),
    ],
    ids=lambda value: value if isinstance(value, str) and " " not in value else "",
)
def test_pairs_that_an_aligner_cannot_train_on_are_refused_before_anything_is_asked(tmp_path, rows, form, align, says):
    (tmp_path / "a.png").write_bytes(b"image")
    (tmp_path / "rows.jsonl").write_text("\n".join(map(json.dumps, rows)))
    source = {"name": "jsonl", "file": "rows.jsonl", "form": form}
    name, _, more = align.partition(", ")
    option = {"other": {"damage": "other"}, "loss": {"loss": [{"name": "avg_dpo"}]}, "": {}}.get(
        more, {"judge": {"name": more}}
    )
    arm = {"name": "one", "pairs": source, "align": {"name": name, **option}}
    made = config.parse(SMALL | {"data": str(tmp_path), "output": str(tmp_path / "out"), "arms": [arm]})
    with pytest.raises(DataError, match=rf"Preference pairs cannot be made:\n  pairs of one: {says}"):
        check_sources(made, lambda arm: False, DataFolder(tmp_path), NoModel())


@pytest.mark.parametrize("source", [{"name": "random_edit"}, {"name": "bdhs"}, {"name": "bdhs", "n_rejected": 2}])
def test_a_source_of_one_rejected_answer_a_pair_is_refused_for_a_loss_of_two(tmp_path, source):
    data = write_prompts(tmp_path, ("A cat.", "A dog."))
    arm = {"name": "one", "pairs": source, "align": {"name": "dpo", "loss": "avg_dpo"}}
    made = config.parse(SMALL | {"data": str(tmp_path), "output": str(tmp_path / "out"), "arms": [arm]})
    if "n_rejected" in source:
        assert look_at(made, made.arms[0], data).number == 2
        return
    with pytest.raises(TrainingError, match="avg_dpo needs exactly two rejected answers in every pair, but 2 of 2 have 1"):
        look_at(made, made.arms[0], data)


def test_pairs_whose_words_alone_tell_are_warned_of_ahead_with_the_numbers_of_the_run(tmp_path):
    rows = [
        {
            "image": f"{n}.png",
            "prompt": "What?",
            "chosen": f"A cat {'' if n % 7 else 'not'}",
            "rejected": [f"Dog, not {n}."],
        }
        for n in range(24)
    ]
    for n, row in enumerate(rows):
        Image.new("L", (4, 4), n // 2 * 2 if n < 6 else n).save(tmp_path / row["image"])  # three images under two names
    (tmp_path / "rows.jsonl").write_text("\n".join(map(json.dumps, rows)))
    arm = {"name": "one", "pairs": FILES, "align": {"name": "dpo"}}
    made = config.parse(SMALL | {"data": str(tmp_path), "output": str(tmp_path / "out"), "arms": [arm, arm | {"name": "two"}]})
    data = DataFolder(tmp_path)
    (said,) = check_sources(made, lambda arm: False, data, NoModel())
    pairs = list(registry.make("source", "jsonl", {"file": "rows.jsonl"}).pairs(data, NoModel(), 0))
    assert said.startswith("Words alone tell") and (said,) == giveaways(pairs)
    told = list[str]()
    with pytest.raises(DataError, match="This study lacks"):
        list(estimate(made, told.append))
    assert told == [f"WARNING: {said}"]


def said_of(tmp_path, rows, source=None, align="dpo"):
    """(warnings of a run before its first sweep, those of a dry run, what each refuses) for an arm on these rows."""
    (tmp_path / "rows.jsonl").write_text("\n".join(map(json.dumps, rows)))
    made = config.parse(
        SMALL
        | {"data": str(tmp_path), "output": str(tmp_path / "out"), "sweep": [{"name": "pope"}]}
        | {"arms": [{"name": "one", "pairs": source or FILES, "align": {"name": align}}]}
    )
    told, refused = list[str](), ""
    try:
        notes = check_sources(made, lambda arm: False, DataFolder(tmp_path), NoModel())
    except DataError as error:
        notes, refused = (), str(error).partition("made:\n")[2]
    with pytest.raises(DataError) as caught:  # there is no file of POPE
        list(estimate(made, told.append))
    assert not refused or refused in str(caught.value)
    assert told == [f"WARNING: {note}" for note in notes]
    return notes, refused


def row(n, image="a.png", rejected="A dog."):
    return {"image": image, "prompt": f"What is at {n}?", "chosen": "A cat.", "rejected": [rejected]}


def test_rows_that_are_left_out_are_counted_before_the_run_with_the_first_images(tmp_path):
    Image.new("L", (4, 4)).save(tmp_path / "a.png")
    lost = [row(n, f"{n}.png") for n in (1, 2, 3, 4)]
    notes, _ = said_of(tmp_path, [*map(row, range(5, 10)), *lost, row(10, rejected="A cat.")])
    assert notes == (
        "rows.jsonl: 5 of 10 rows are left out: missing image 4 ('1.png', '2.png', '3.png' and 1 more), identical answers 1.",
    )


def test_rows_that_are_copies_are_counted_before_the_run(tmp_path):
    Image.new("L", (4, 4)).save(tmp_path / "a.png")
    notes, _ = said_of(tmp_path, [row(0), row(0), row(0), row(1)])
    assert notes == (
        "2 of 4 pairs are copies of another one (image, prompt and all answers): training counts each again. Remove them from "
        "the file if that is not meant.",
    )
    assert said_of(tmp_path, [*map(row, range(19)), row(0)])[0] == (), "one in twenty"


def test_answers_that_are_repeated_or_contradicted_are_counted_before_the_run(tmp_path):
    Image.new("L", (4, 4)).save(tmp_path / "a.png")
    twice = row(0) | {"rejected": ["A dog.", "A bird.", "A dog. "]}
    against = row(1) | {"chosen": "A dog.", "rejected": ["A cat."]}
    assert said_of(tmp_path, [twice, row(1), against])[0] == (
        "1 of 3 pairs list a rejected answer more than once: training counts it each time. Remove it from the file if that is "
        "not meant.",
        "2 of 3 pairs contradict another one (of the same two answers, each is chosen once and rejected once): nothing can "
        "be learned from both. Look at where the pairs come from.",
    )
    assert said_of(tmp_path, [*map(row, range(2, 60)), row(1), against])[0] == (), "one in twenty"


def test_pairs_without_a_partner_are_counted_before_a_run_of_symmpo(tmp_path):
    for name in "ab":
        Image.new("L", (4, 4)).save(tmp_path / f"{name}.png")
    rows = [row(0), row(0, "b.png"), row(1), row(1), row(2, "b.png")]
    noted = [note for note in said_of(tmp_path, rows, align="symmpo")[0] if note.startswith("symmpo")]
    assert len(noted) == 1 and noted[0].startswith("symmpo: the question of 3 of 5 pairs is asked about no other image.")
    assert said_of(tmp_path, rows[:2], align="symmpo")[0] == ()


def test_prompts_without_words_are_counted_before_the_run(tmp_path):
    Image.new("L", (4, 4)).save(tmp_path / "a.png")
    (note,) = said_of(tmp_path, [row(0) | {"prompt": " "}, row(1) | {"prompt": "<image>\n"}, row(2)])[0]
    assert note.startswith("2 of 3 pairs have no words in their prompt: their answers are learned behind the image alone.")


def test_images_that_cannot_be_read_are_noticed_before_the_run(tmp_path):
    for n in range(40):
        (tmp_path / f"{n}.png").write_text("version https://git-lfs.github.com/spec/v1")
    rows = [row(n, f"{n}.png") for n in range(40)]
    _, refused = said_of(tmp_path, rows)
    assert "pairs of one: none of 8 images that were looked at can be read. The image" in refused and "0.png" in refused
    Image.new("L", (4, 4)).save(tmp_path / "0.png")
    (note,) = said_of(tmp_path, rows)[0]
    assert note.startswith("7 of 8 images that were looked at cannot be read; rows about such images are left out. The image")


def test_a_gate_that_fits_no_benchmark_is_missing_in_a_dry_run_as_a_run_refuses_it(tmp_path):
    gates = {"rules": [{"metric": "pope.flying", "role": "improve"}]}
    made = config.parse(SMALL | {"data": str(tmp_path), "output": str(tmp_path / "out"), "gates": gates})
    with pytest.raises(DataError, match=r"lacks:\n(?:  .*\n)*  The policy 'gate' does not fit this run:\n    - pope.flying"):
        list(estimate(made))


class CountsReads(DataFolder):
    """Counts how often each file is opened."""

    def __init__(self, folder):
        super().__init__(folder)
        self.opened = Counter()

    def path(self, name):
        self.opened[name] += 1
        return super().path(name)


FILES = {"name": "jsonl", "file": "rows.jsonl"}
PROMPTS = {"name": "random_edit", "prompts": "prompts.jsonl"}


@pytest.mark.parametrize(
    "source",
    [
        FILES,
        PROMPTS,
        {"name": "random_edit", "from": FILES},
        {"name": "joined", "first": FILES, "second": PROMPTS},
        {
            "name": "union",
            "first": FILES,
            "second": {"name": "random_edit", "from": {"name": "joined", "first": FILES, "second": PROMPTS}},
        },
    ],
    ids=lambda source: source["name"],
)
def test_files_are_read_once_to_count_their_rows_and_to_look_for_several_images(tmp_path, source):
    (tmp_path / "a.png").write_bytes(b"image")
    (tmp_path / "rows.jsonl").write_text("\n".join(map(json.dumps, SEVERAL)))
    turns = [{"from": "human", "value": "What?"}, {"from": "gpt", "value": "A cat."}]
    (tmp_path / "prompts.jsonl").write_text(json.dumps({"id": "one", "images": ["a.png", "a.png"], "conversations": turns}))
    arm = {"name": "one", "pairs": source, "align": {"name": "dpo"}}
    made = config.parse(SMALL | {"data": str(tmp_path), "output": str(tmp_path / "out"), "arms": [arm]})
    data = CountsReads(tmp_path)
    with pytest.raises(DataError, match="rows are about several images .the first: '.*'., and this model takes one image"):
        check_sources(made, lambda arm: False, data, NoModel())
    parts = 2 if source["name"] == "union" else 1  # the file is named twice in it
    assert set(data.opened.values()) <= {parts, 1} and data.opened, data.opened


@pytest.mark.parametrize(
    "source",
    [
        {"name": "joined", "first": FILES, "second": FILES},
        {"name": "union", "first": FILES, "second": FILES},
        {"name": "random_edit", "from": FILES},
    ],
    ids=lambda source: source["name"],
)
def test_rows_that_a_source_inside_another_leaves_out_are_counted_before_the_run(tmp_path, source):
    Image.new("L", (4, 4)).save(tmp_path / "a.png")
    notes, _ = said_of(tmp_path, [*map(row, range(3)), row(3, "gone.png")], source)
    assert notes == ("rows.jsonl: 1 of 4 rows are left out: missing image 1 ('gone.png').",)


def test_the_lines_of_one_fault_stand_further_in_than_the_faults(tmp_path):
    (tmp_path / "rows.jsonl").write_text("no JSON\n{}\n")
    arms = [{"name": name, "pairs": FILES, "align": {"name": "dpo"}} for name in ("one", "two")]
    made = config.parse(SMALL | {"data": str(tmp_path), "output": str(tmp_path / "out"), "arms": arms})
    with pytest.raises(DataError) as caught:
        check_sources(made, lambda arm: False, DataFolder(tmp_path), NoModel())
    lines = str(caught.value).splitlines()
    assert [len(line) - len(line.lstrip()) for line in lines] == [0, 2, 4, 4, 2, 4, 4]
    assert lines[2] == "    line 1: it is not JSON (Expecting value at column 1)."


@pytest.mark.parametrize(("lora", "says"), [
    ({"r": 4, "targets": ["q_porj"]}, "lora.targets: 'q_porj' matches no linear layer. Names in the language model: q_proj"),
    ({"r": 4096}, "lora.r is 4096, above the width of every layer that it adapts"),
])  # fmt: skip
def test_adapters_for_layers_that_only_the_loaded_base_tells_are_refused_before_its_sweep(
    world: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, lora: dict[str, Any], says: str
) -> None:
    """See `tests/run/test_trained_ahead.py` for those that its configuration tells."""
    monkeypatch.setattr(TransformersModel, "outline_of", staticmethod(lambda options: None))
    align = {"name": "dpo", "training": TRAINING | {"lora": {"alpha": 8, **lora}}}
    made = study(world, tmp_path, arms=[{"name": "a", "pairs": _BDHS, "align": align}])
    says = f"arm a: {says}"
    with pytest.raises(ConfigError, match=says):
        pipeline.run(made, "test")
    with Store(tmp_path / "store.sqlite") as store:
        assert not store.results(store.runs()[0].id)
    with pytest.raises(HarnessError, match=says):
        list(estimate(made))
