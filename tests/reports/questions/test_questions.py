"""The questions of a study: direct tests between arms, what they say, what they cost."""

import json
from dataclasses import replace

import numpy as np
import pytest
import yaml
from pytest import approx

from harness.core.run_record import ServerUse
from harness.core.stats import holm
from reports.comparison.compare import compare
from reports.page.costs import cost_figures, cost_note, cost_table
from reports.page.questions import compared_table
from reports.questions.words import title_of_keys
from reports.text.formatting import duration
from reports.writers import html as html_writer
from reports.writers import json as json_writer
from reports.writers import markdown as markdown_writer


def study(make, arms, *, seeds=("",), changes=None):
    """One run: an arm for each (name, habits, changed settings) and seed, as `records_of` reads it."""
    names = [(f"{name}{seed}", habits, own, n) for name, habits, own in arms for n, seed in enumerate(seeds)]
    config = yaml.safe_dump(
        {
            "name": "study", "seed": 0, "model": {"name": "transformers"}, "data": "miniworld",
            "arms": [{"name": name, "seed": n, **arm_of(own)} for name, _, own, n in names],
        },
        sort_keys=False,
    )  # fmt: skip
    times = {f"{stage} {name}": 60.0 for name, *_ in names for stage in ("pairs", "align", "sweep")}
    records = []
    for i, (name, habits, _, n) in enumerate(names):
        made = make.record(name, habits, seed=n)
        base, aligned = made.sweeps
        aligned = replace(aligned, label=name, checkpoint=replace(aligned.checkpoint, digest=f"{i:064}"))
        changed = {"run_id": "study", "config_yaml": config, "sweeps": (base, aligned), "timings": times}
        records.append(replace(made, **changed))
    return records


def arm_of(changes):
    arm = {"pairs": {"name": "bdhs", "limit": 800}, "align": {"name": "dpo", "beta": 0.5}}
    for key, value in changes.items():
        part, _, option = key.partition(".")
        arm[part] = {**arm[part], option: value}
    return arm


@pytest.fixture(scope="module")
def few(make):
    return make.Habits(0.14, 0.74, 0.10, 16)


@pytest.fixture(scope="module")
def many(make):
    return make.Habits(0.34, 0.72, 0.30, 18)


@pytest.fixture(scope="module")
def by_limit(make, few, many):
    """Three sizes; only the largest invents less."""
    return study(make, [("small", many, {"pairs.limit": 80}), ("half", many, {"pairs.limit": 400}), ("full", few, {})])


@pytest.fixture(scope="module")
def limits(by_limit):
    return compare(by_limit)


def test_of(question, key, first, second):
    return next(t for t in question.tests if (t.key, t.first, t.second) == (key, first, second))


test_of.__test__ = False


def test_arms_that_differ_in_one_setting_are_tested_against_each_other(by_limit, limits):
    (question,) = limits.questions
    assert (question.keys, question.title) == (("pairs.limit",), "Number of prompts")
    assert [level.text for level in question.levels] == ["80", "400", "800"]
    direct = test_of(question, "chair_i", 0, 2)
    swapped = compare(by_limit, baseline="small")
    row = next(r for r in swapped.rows if r.key == "chair_i")
    place = next(i for i, column in enumerate(swapped.columns) if column.label == "full")
    cell = row.cells[place].difference  # the same two checkpoints, paired by the table
    assert (direct.difference.value, direct.difference.low, direct.difference.p) == approx((cell.value, cell.low, cell.p))
    assert direct.significant == "better"


def test_holm_runs_over_the_tests_of_the_question(limits):
    (question,) = limits.questions
    assert [t.p_holm for t in question.tests] == approx(holm([t.difference.p for t in question.tests]))
    assert len(question.tests) == 3 * len(limits.short.headline)


def test_a_sentence_says_what_the_interval_leaves_out_and_what_it_contains(limits):
    (question,) = limits.questions
    d = test_of(question, "chair_i", 0, 2).difference
    found = next(
        c for c in question.claims if c.startswith("CHAIRi is lower with limit 800 than with limit 80, which is better")
    )
    assert f"leaves out 0 and every difference smaller than {abs(d.high) * 100:.2f}" in found
    still = next(c for c in question.claims if c.startswith("CHAIRi: limit 400 against limit 80"))
    assert "contains 0, so no difference is shown" in still


def test_a_single_arm_has_no_section(make, few):
    made = compare(study(make, [("only", few, {})]))
    assert made.questions == () and cost_table(made) == ([], [])
    assert "What the arms vary" not in markdown_writer.write(made)


def test_arms_without_a_configuration_have_no_section(make):
    assert compare([make.record("a"), make.record("b", seed=2)]).questions == ()


def test_seeds_are_paired_and_their_scatter_is_in_the_interval(make, few, many):
    arms = [("plain", many, {"align.beta": 0.1}), ("strong", few, {})]
    made = compare(study(make, arms, seeds=("-seed0", "-seed1", "-seed2")))
    (question,) = made.questions
    assert [level.columns for level in question.levels] == [(1,), (2,)]
    direct = test_of(question, "chair_i", 0, 1)
    row = next(r for r in made.rows if r.key == "chair_i")
    value = {column.label: row.cells[i].value for i, column in enumerate(made.columns)}
    shifts = [value[f"strong-seed{n}"] - value[f"plain-seed{n}"] for n in range(3)]
    assert direct.difference.value == approx(np.mean(shifts)) and "seeds" in direct.difference.test


def test_groups_of_arms_are_averaged_over(make, few, many):
    arms = [(f"{beta}-{limit}", few if limit == 800 else many, {"align.beta": beta, "pairs.limit": limit})
            for beta in (0.1, 0.5) for limit in (80, 800)]  # fmt: skip
    made = compare(study(make, arms))
    question = next(q for q in made.questions if q.keys == ("pairs.limit",))
    assert question.contexts == ("beta 0.1", "beta 0.5") and len(question.tests) == len(made.short.headline)
    row = next(r for r in made.rows if r.key == "chair_i")
    value = {column.label: row.cells[i].value for i, column in enumerate(made.columns)}
    shifts = [value[f"{beta}-800"] - value[f"{beta}-80"] for beta in (0.1, 0.5)]
    direct = test_of(question, "chair_i", 0, 1)
    assert direct.contexts == 2 and direct.difference.value == approx(np.mean(shifts))


def test_more_than_three_levels_are_tested_against_one(make, few, many):
    arms = [(f"n{n}", many, {"pairs.limit": n}) for n in (80, 160, 240, 400)]
    made = compare(study(make, arms))
    (question,) = made.questions
    assert question.reference == 0 and {t.first for t in question.tests} == {0}
    (against,) = compare(study(make, arms), baseline="n240").questions
    assert against.levels[against.reference].text == "240" and {t.first for t in against.tests} == {2}


def test_an_arm_that_is_not_swept_yet_is_left_out_and_named(make, few, many):
    small, full = study(make, [("small", many, {"pairs.limit": 80}), ("full", few, {})])
    base, aligned = full.sweeps
    partial = replace(full, sweeps=(base, replace(aligned, results=aligned.results[:1])), complete=False)
    (question,) = compare([small, partial]).questions
    assert {t.benchmark for t in question.tests} == {"pope"}
    assert "Not tested: 800 against 80 on chair: not every arm was measured." in question.claims


def test_arms_measured_under_other_protocols_are_not_tested(make, few, many):
    small, full = study(make, [("small", many, {"pairs.limit": 80}), ("full", few, {})])

    def changed(result):
        return replace(result, protocol=replace(result.protocol, facts={**result.protocol.facts, "max_new_tokens": "8"}))

    made = compare([small, make.with_results(full, changed)])
    (question,) = made.questions
    assert question.tests == () and "measured under different protocols" in question.claims[0]
    assert "not tested against each other" in html_writer.write(
        made
    ) and "not tested against each other" in markdown_writer.write(made)


def test_groups_with_other_numbers_of_seeds_are_not_averaged_and_named(make, few, many):
    arms = [(f"{beta}-{limit}", many, {"align.beta": beta, "pairs.limit": limit}) for beta in (0.1, 0.5) for limit in (80, 800)]
    twice = study(make, arms[:2], seeds=("-seed0", "-seed1"))
    both = [*twice, *study(make, arms[2:])]
    tree = yaml.safe_load(twice[0].config_yaml)
    tree["arms"] += yaml.safe_load(both[-1].config_yaml)["arms"]
    made = compare([replace(r, config_yaml=yaml.safe_dump(tree, sort_keys=False)) for r in both])
    question = next(q for q in made.questions if q.keys == ("pairs.limit",))
    assert question.tests == () and "different training seeds" in question.claims[0]


def test_single_arms_of_different_seeds_are_not_tested_as_if_one_setting_differed(make, few, many):
    records = study(make, [("a", few, {"align.beta": 0.1}), ("b", many, {"align.beta": 0.5})])
    (question,) = compare(records).questions
    assert question.tests and question.keys == ("align.beta",)
    tree = yaml.safe_load(records[0].config_yaml)
    tree["arms"][1]["seed"] = 1
    (question,) = compare([replace(r, config_yaml=yaml.safe_dump(tree, sort_keys=False)) for r in records]).questions
    assert question.tests == () and "different training seeds" in question.claims[0]


def test_arms_of_a_group_that_differ_in_another_setting_are_not_tested_in_its_section(make, few, many):
    """From c to b and from c to a the source changes with its option; a and b differ in the option alone."""
    arms = [("a", few, {"pairs.rho_th": 0.9}), ("b", many, {"pairs.rho_th": 0.99}), ("c", few, {"pairs.name": "povid"})]
    made = compare(study(make, arms))
    pairs = {q.keys: {(q.levels[t.first].text, q.levels[t.second].text) for t in q.tests} for q in made.questions}
    assert pairs[("pairs.rho_th",)] == {("0.9", "0.99")}
    assert all(pair != ("a", "b") for pair in pairs[("pairs",)]) and pairs[("pairs",)]


def test_json_and_markdown_carry_the_same_tests_as_the_page(limits):
    made = limits
    (question,) = made.questions
    document = json.loads(json_writer.write(made))
    assert len(document["questions"][0]["tests"]) == len(question.tests)
    assert [cost["column"] for cost in document["timings"]["costs"]] == ["base", "small", "half", "full"]
    page, text = html_writer.write(made), markdown_writer.write(made)
    header, _ = compared_table(question, made.short)
    assert header == ["", "limit 400 \u2212 limit 80", "limit 800 \u2212 limit 80", "limit 800 \u2212 limit 400"]
    for claim in question.claims:
        assert claim.replace("<", "&lt;") in page
        assert claim.replace("[", "\\[").replace("]", "\\]").replace("<", "\\<") in text


def test_cost_is_a_mean_over_seeds_and_unknown_where_nothing_was_recorded(make, few, many):
    arms = [("plain", many, {"align.beta": 0.1}), ("strong", few, {})]
    records = study(make, arms, seeds=("-seed0", "-seed1"))
    times = {**records[0].timings, "align plain-seed0": 30.0, "align plain-seed1": 90.0}
    del times["align strong-seed1"]
    made = compare([replace(r, timings=times) for r in records])
    base, plain, strong = made.costs
    assert (base.seconds, plain.training_seconds, strong.training_seconds) == (0.0, 60.0, None)
    assert plain.pairs == 212 and plain.seconds == 120.0 and strong.seconds is None


def test_money_is_unknown_where_one_server_gave_no_price(make, few, many):
    records = study(make, [("a", many, {"align.beta": 0.1}), ("b", few, {})])
    use = {"a": {"judge": ServerUse(60, 0.5)}, "b": {"judge": ServerUse(60, None), "answers": ServerUse(10, 0.1)}}
    made = compare([replace(r, served={r.name: use[r.name]}) for r in records])
    _, a, b = made.costs
    assert (a.judge_requests, a.answer_requests, a.dollars) == (60, 0, 0.5)
    assert (b.judge_requests, b.answer_requests, b.dollars) == (60, 10, None)
    header, rows = cost_table(made)
    assert "US dollars" in header and rows[2][header.index("US dollars")] == "\u2013" and len(cost_figures(made)) == 2


def test_one_arm_whose_annotator_was_paid_has_its_cost_and_reward_models_have_theirs(make, few):
    (record,) = study(make, [("a", few, {})])
    assert cost_table(compare([record])) == ([], [])
    use = {"a": {"training": ServerUse(60, 0.5), "pairs": ServerUse(10, 0.25)}, "rm": {"pairs": ServerUse(1234, None)}}
    made = compare([replace(record, served=use)])
    header, rows = cost_table(made)
    found = dict(zip(header, rows[1], strict=True))
    assert (found["pair requests"], found["annotator requests"], found["US dollars"]) == ("10", "60", "0.75")
    assert "Reward model rm: 1,234 requests for its pairs; cost unknown." in cost_note(made)


def test_what_was_not_asked_is_0_what_is_unknown_is_a_dash_and_a_little_money_is_not_none(make, few, many):
    records = study(make, [("a", many, {"align.beta": 0.1}), ("b", few, {})])
    use = {"a": {"judge": ServerUse(31, 0.004)}, "b": {"judge": ServerUse(None, None)}}
    made = compare([replace(r, served={r.name: use[r.name]}) for r in records])
    header, rows = cost_table(made)
    judged, dollars = header.index("judge requests"), header.index("US dollars")
    assert [(row[judged], row[dollars]) for row in rows] == [("0", "0"), ("31", "< 0.01"), ("\u2013", "\u2013")]
    half = replace(made, costs=(*made.costs[:2], replace(made.costs[2], judge_requests=15.5)))  # of two seeds
    assert cost_table(half)[1][2][judged] == "15.5"


def test_servers_that_an_older_version_did_not_count_are_unknown_and_named(make, few):
    (record,) = study(make, [("a", few, {})])
    made = compare([replace(record, served={"a": {"judge": ServerUse(60, 0.5), "training": ServerUse(None, None)}})])
    assert made.costs[1].annotator_requests is None and made.costs[1].dollars is None
    assert "not counted by the version that made a." in cost_note(made)


def test_durations_read_as_people_say_them():
    assert [duration(s) for s in (None, 37.4, 700, 5400)] == ["", "37 s", "12 min", "1.5 h"]


@pytest.mark.parametrize(
    ("keys", "title"),
    [
        (["align"], "Aligner"),
        (["pairs", "pairs.limit"], "Source of the preference pairs and number of prompts"),
        (["pairs", "align.dpo.loss", "align.keep_stored"], "Source of the preference pairs and 2 more settings"),
        (["pairs.a", "pairs.b", "pairs.c"], "Settings of the pairs"),
    ],
)
def test_a_title_fits_a_line_whatever_varies(keys: list[str], title: str) -> None:
    assert title_of_keys(keys) == title
