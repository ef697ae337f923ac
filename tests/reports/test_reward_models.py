"""The study's table 7 in a report: accuracy of reward models, how many pairs stand behind it, the printed values beside."""

from __future__ import annotations

import json
from dataclasses import replace

import pytest

from harness.commands._terminal import show_comparison
from harness.core.run_record import RunRecord
from reports.comparison.compare import compare
from reports.page.side_tables import REWARD_TOLD, reward_view
from reports.text.formatting import UNKNOWN
from reports.writers import html, markdown
from reports.writers import json as as_json

ACCURACY = {"povid": {"povid": 0.9, "bdhs": 0.25}, "bdhs": {"povid": 0.5, "bdhs": None}}


@pytest.fixture
def rated(record: RunRecord) -> RunRecord:
    return replace(record, reward_accuracy=ACCURACY, reward_pairs={"povid": 80, "bdhs": 0})


def test_published_values_stand_under_the_pairs_of_their_name_and_the_rest_come_last(rated: RunRecord) -> None:
    header, rows = reward_view(compare([rated], published=["Table 7"]))
    wanted = ["reward model", "pairs of povid (n = 80)", "pairs of bdhs (n = 0)", "pairs of RLHF-V", "pairs of VLFeedback"]
    assert header == wanted
    assert rows[:2] == [["povid", "90.0 [81.4, 94.8]", "25.0", "", ""], ["bdhs", "50.0 [39.2, 60.8]", UNKNOWN, "", ""]]
    assert rows[6] == ["published, Table 7: LLaVA-1.6-7B, POVID", "99.0", "", "34.0", "59.0"]
    assert len(rows) == 2 + 7


def test_without_the_table_nothing_published_is_shown_and_an_old_run_shows_no_number_of_pairs(rated: RunRecord) -> None:
    header, rows = reward_view(compare([replace(rated, reward_pairs={})], published=["Table 2"]))
    assert header == ["reward model", "pairs of povid", "pairs of bdhs"] and len(rows) == 2


def test_models_of_equal_names_in_two_runs_are_not_put_in_one_place(rated: RunRecord) -> None:
    other = replace(rated, run_id="other", reward_accuracy={"povid": {"povid": 0.1}}, reward_pairs={"povid": 7})
    for labels, names in ((None, (rated.run_id, "other")), (["a", "b"], ("a", "b"))):
        found = compare([rated, other], labels=labels)
        first, second = names
        assert found.reward_accuracy[f"{first}: povid"] == {f"{first}: povid": 0.9, f"{first}: bdhs": 0.25}
        assert found.reward_accuracy[f"{second}: povid"] == {f"{second}: povid": 0.1}
        assert found.reward_pairs == {f"{first}: povid": 80, f"{first}: bdhs": 0, f"{second}: povid": 7}


def test_held_out_pairs_that_a_model_was_trained_on_are_counted_beside_the_others(rated: RunRecord) -> None:
    header, _ = reward_view(compare([replace(rated, reward_pairs_left_out={"povid": 1_100})]))
    assert header[1] == "pairs of povid (n = 80; 1,100 left out, a reward model was trained on their images)"


def test_arms_of_one_run_share_their_reward_models(rated: RunRecord) -> None:
    assert compare([rated, replace(rated, name="second arm")]).reward_accuracy == ACCURACY


def test_every_writer_and_the_terminal_show_them(rated: RunRecord, capsys: pytest.CaptureFixture[str]) -> None:
    found = compare([rated], published=["Table 7"])
    show_comparison(found)
    said = capsys.readouterr().out
    page, text = html.write(found), markdown.write(found)
    for shown in (said, page, text):
        assert "LLaVA-1.5-7B, RLHF-V" in shown and "n = 80" in shown and "86.0" in shown
    document = json.loads(as_json.write(found))
    assert document["reward_accuracy"] == ACCURACY and document["reward_pairs"]["povid"] == 80
    assert document["published_rewards"][1]["values"]["RLHF-V"] == 0.86


def test_shares_of_few_pairs_have_the_interval_of_a_share_and_none_below_five(rated: RunRecord) -> None:
    """4 of 4 has none; 5 of 5 is Clopper and Pearson's for 0 of 5 wrong: 1 - 0.025^(1/5) = 52.2 %."""
    few = replace(rated, reward_accuracy={"povid": {"povid": 1.0, "bdhs": 1.0}}, reward_pairs={"povid": 4, "bdhs": 5})
    comparison = compare([few])
    assert reward_view(comparison)[1] == [["povid", "100.0", "100.0 [47.8, 100.0]"]]
    assert "fewer than five have none" in REWARD_TOLD and REWARD_TOLD in markdown.write(comparison)
