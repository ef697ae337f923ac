"""`judges check`: pairs in both orders, bad rows named, and the result in the protocol of what the judge measured."""

from __future__ import annotations

import json
from dataclasses import replace
from importlib import import_module
from pathlib import Path

import pytest
from typer.testing import CliRunner

import harness.cli  # noqa: F401  # registers the commands
from harness.audit.judges.judge_check import RankedPair, pairs_of, rated, recorded, rewarded
from harness.commands._app import app
from harness.commands._terminal import Display
from harness.core import registry
from harness.core.errors import ConfigError, DataError
from harness.core.evaluation import Verdict
from harness.core.judging import Facts, Unreached, Withheld
from harness.core.preference import Images
from harness.core.run_record import JUDGE_CHECK, ProtocolRecord, judge_named
from harness.labels.estimates.judge_fitness import Judgement, fitness
from harness.results.judge_results import FILE, keep, kept, reward_key, training_checks, with_judge_check
from tests.benchmarks.scoring import GOLDEN
from tests.models.fake_server import Said, reply, serving

ROW = {"id": "RLHF-V-1", "query": "What is it?", "response": ["A cat.", "A dog."], "human_ranking": [1, 0], "image": ""}


def both(word: str) -> list[Judgement]:
    return [Judgement(word, swapped) for swapped in (False, True)]


def test_recorded_replies_give_the_official_numbers_through_the_command(tmp_path: Path) -> None:
    words = [str(GOLDEN / "vl_rewardbench/questions.jsonl"), "--replies", str(GOLDEN / "vl_rewardbench/judge_replies.jsonl")]
    said = CliRunner().invoke(app, ["judges", "check", *words, "--output", str(tmp_path)]).output
    assert "overall       68.18%" in said and "macro         69.17%" in said and "26.7% of 120 undecided" in said


@pytest.mark.parametrize("order", [{}, {"random_number": "1"}, {"random_number": None}], ids=str)
def test_a_reply_whose_order_is_not_known_is_refused(order: dict) -> None:
    reply = {"id": ROW["id"], "judge_reply": "Overall Judgment: Answer 1 is better.", **order}
    with pytest.raises(DataError, match="row 7: .* random_number 0 or 1: 1 where the answers were shown swapped"):
        recorded(pairs_of([("row 1", ROW)]), [("row 7", reply)])


def test_a_recorded_judge_is_asked_in_both_orders(tmp_path: Path) -> None:
    (tmp_path / "pairs.jsonl").write_text(json.dumps(ROW) + "\n")
    replies = [
        {"question": "What is it?", "answer": answer, "raw": "x", "value": value}
        for answer, value in (("A cat.", 1), ("A dog.", 4))
    ]
    (tmp_path / "replies.jsonl").write_text("".join(json.dumps(row) + "\n" for row in replies))
    words = [str(tmp_path / "pairs.jsonl"), "--judge", "recorded", f"judge.file={tmp_path / 'replies.jsonl'}"]
    said = CliRunner().invoke(app, ["judges", "check", *words, "--output", str(tmp_path / "runs")]).output
    assert "hallucination 100.00%" in said and "100.0% judged alike in both orders" in said


@pytest.mark.parametrize("terminal", [True, False])
def test_progress_is_shown_on_a_terminal_only(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, terminal: bool) -> None:
    monkeypatch.setenv("FORCE_COLOR", "1" if terminal else "")  # rich then takes any output for a terminal
    (tmp_path / "pairs.jsonl").write_text("".join(json.dumps({**ROW, "id": name}) + "\n" for name in "abc"))
    (tmp_path / "replies.jsonl").write_text(json.dumps({"question": "other", "answer": "", "raw": "x", "value": 1}) + "\n")
    words = [str(tmp_path / "pairs.jsonl"), "--judge", "recorded", f"judge.file={tmp_path / 'replies.jsonl'}"]
    shown, progress = list[tuple[str, int, int]](), Display.progress

    def noted(self: Display, what: str, done: int, total: int) -> None:
        shown.append((what, done, total))
        progress(self, what, done, total)

    monkeypatch.setattr(Display, "progress", noted)
    said = CliRunner().invoke(app, ["judges", "check", *words, "--output", str(tmp_path / "runs")]).output
    assert ("judge recorded: pairs" in said) == terminal
    assert shown == [("judge recorded: pairs", done, 3) for done in range(4)]


def test_a_reward_model_shows_progress_too(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    shown = list[int]()
    monkeypatch.setattr(Display, "progress", lambda self, what, done, total: shown.append(done))
    module = import_module("harness.run.make_aligner")
    monkeypatch.setattr(module, "trained_reward", lambda folder, name, options: TrainedReward())
    monkeypatch.setattr(module, "rate_of", lambda reward: lambda pair, answers, images: (1.0, 0.0))
    (tmp_path / "pairs.jsonl").write_text(json.dumps(ROW) + "\n")
    words = [str(tmp_path / "pairs.jsonl"), "--reward-model", str(tmp_path), "--output", str(tmp_path / "runs")]
    assert CliRunner().invoke(app, ["judges", "check", *words]).exit_code == 0
    assert shown == [0, 1]


class TrainedReward:
    digest = "ab"


def test_the_result_stands_beside_what_the_judge_measured(tmp_path: Path) -> None:
    protocol = ProtocolRecord({"judge": "chat gpt-x 1234, own texts abc, temperature 0"})
    assert with_judge_check(protocol, tmp_path).facts[JUDGE_CHECK].startswith("not checked")
    keep(tmp_path, "chat gpt-x 1234, own texts def, temperature 0", fitness({"a": both("agree")}))
    assert "agrees with people on 100.0%" in with_judge_check(protocol, tmp_path).facts[JUDGE_CHECK]
    assert JUDGE_CHECK not in with_judge_check(ProtocolRecord({"variant": "x"}), tmp_path).facts


CHAT = "chat gpt-x 1234, own texts abc, temperature "


def stated(output: Path, judge: str) -> str:
    return with_judge_check(ProtocolRecord({"judge": judge}), output).facts[JUDGE_CHECK]


def test_a_result_is_of_a_judge_with_these_settings(tmp_path: Path) -> None:
    keep(tmp_path, f"{CHAT}0", fitness({"a": both("agree")}))
    keep(tmp_path, f"{CHAT}1, max_new_tokens 64", fitness({"a": both("reject")}))
    assert "on 100.0%" in stated(tmp_path, f"{CHAT}0") and "on 0.0%" in stated(tmp_path, f"{CHAT}1, max_new_tokens 64")
    assert "on 100.0%" in stated(tmp_path, f"{CHAT}0, task version 2"), "a task's version is no setting of the judge"
    assert "on 100.0%" in stated(tmp_path, "chat gpt-x 1234, given texts for mmhal, rank 5e, temperature 0")
    found = stated(tmp_path, f"{CHAT}0.5")
    assert found.startswith(
        "not checked with these settings, only with temperature 0; temperature 1, max_new_tokens 64: python"
    )
    assert stated(tmp_path, "chat gpt-x 9999, own texts abc, temperature 0").startswith("not checked: python")


def test_an_older_file_opens_and_its_result_is_of_no_judge_with_settings(tmp_path: Path) -> None:
    old = {"chat gpt-x 1234": {"pairs": 80, "words": "agrees"}, "keywords 3": {"pairs": 8, "words": "agrees too"}}
    (tmp_path / FILE).write_text(json.dumps(old))
    assert stated(tmp_path, f"{CHAT}0").startswith("not checked with these settings, only with settings that were not kept:")
    assert stated(tmp_path, "keywords 3") == "agrees too", "rules have no settings"
    assert not keep(tmp_path, f"{CHAT}0", fitness({"a": both("agree")})), "the older result on 80 pairs is another judge's"
    assert "on 100.0%" in stated(tmp_path, f"{CHAT}0") and kept(tmp_path)["chat gpt-x 1234"] == old["chat gpt-x 1234"]


def test_a_result_on_more_pairs_stays(tmp_path: Path) -> None:
    keep(tmp_path, f"{CHAT}0", fitness({name: both("agree") for name in "abc"}))
    stays = keep(tmp_path, f"{CHAT}0", fitness({"a": both("reject")}))
    assert stays.startswith("Not kept: the result on 3 pairs stays, and this one is on 1.") and FILE in stays
    assert "on 100.0%" in stated(tmp_path, f"{CHAT}0")
    assert not keep(tmp_path, f"{CHAT}0", fitness({name: both("reject") for name in "abc"}))
    assert "on 0.0%" in stated(tmp_path, f"{CHAT}0")


@pytest.mark.parametrize("fact", ["extractor", "supported by"])
def test_the_judge_that_a_benchmark_names_by_its_role_is_stated_too(fact: str, tmp_path: Path) -> None:
    keep(tmp_path, f"{CHAT}0", fitness({"a": both("agree")}))
    protocol = ProtocolRecord({fact: f"judge {CHAT}0"})
    assert "on 100.0%" in with_judge_check(protocol, tmp_path).facts[JUDGE_CHECK]
    for nobody in ("nouns", "the references' words", "judge answer files 12"):
        assert JUDGE_CHECK not in with_judge_check(ProtocolRecord({fact: nobody}), tmp_path).facts


@pytest.mark.parametrize(
    ("name", "options"),
    [
        ("mmhal_bench", {}),
        ("mmhal_bench_v", {}),
        ("llava_bench", {}),
        ("mmvet", {}),
        ("object_halbench", {"extractor": "judge"}),
        ("chair_open", {}),
        ("hallusionbench", {"variant": "judge"}),
        ("mmvp", {"variant": "official"}),
    ],
)
def test_every_benchmark_names_the_judge_that_it_asks(name: str, options: dict) -> None:
    judge = registry.make("judge", "keywords", {})
    benchmark = registry.make("benchmark", name, options, judge=judge)
    assert judge_named(benchmark.facts()).startswith(f"keywords {judge.version}")


class Fails:
    """A judge that prefers "A dog.", whose server answers the first `reached` questions."""

    name, version = "chat", "gpt-x 1234, own texts abc, temperature 0"

    def __init__(self, reached: int, other: Verdict) -> None:
        self._left, self._other = reached, other

    def rank(self, question: str, answers: tuple[str, str], facts: Facts, image: Images) -> Verdict:
        self._left -= 1
        return Verdict(float(answers[1] == "A dog."), "", "2", "chat", "1") if self._left >= 0 else self._other

    def rate(self, question: str, answer: str, facts: Facts, image: Images) -> Verdict:
        raise AssertionError


GONE = Unreached(None, "no reply: the server refuses the key.", "", "chat", "1")


def check(output: Path, monkeypatch: pytest.MonkeyPatch, reached: int, other: Verdict = GONE) -> tuple[int, str]:
    module = import_module("harness.commands.answers.judges")
    monkeypatch.setattr(module, "_judge", lambda *given: Fails(reached, other))
    (output / "pairs.jsonl").write_text("".join(json.dumps({**ROW, "id": name}) + "\n" for name in "abc"))
    words = ["judges", "check", str(output / "pairs.jsonl"), "--judge", "chat", "--output", str(output)]
    done = CliRunner().invoke(app, words)
    return done.exit_code, done.output


def test_a_judge_behind_a_server_is_asked_about_many_pairs_at_a_time(tmp_path: Path) -> None:
    rows = [{**ROW, "id": f"RLHF-{n}", "query": f"What is {n}?"} for n in range(12)]
    (tmp_path / "pairs.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))

    def behave(body: dict, count: int) -> Said:
        return replace(reply("1" if "Response 1: A dog." in str(body) else "2"), wait_s=0.05)

    with serving(behave) as server:
        words = [str(tmp_path / "pairs.jsonl"), "--judge", "chat", "judge.model.name=openai", f"judge.model.url={server.url}"]
        for _ in range(2):  # all verdicts are remembered the second time
            said = CliRunner().invoke(app, ["judges", "check", *words, "--output", str(tmp_path / "runs")]).output
            assert "hallucination 100.00%" in said and "100.0% judged alike in both orders" in said
            assert len(server.asked) == 24
        assert server.most_at_once > 4


def test_of_pairs_asked_together_those_that_a_filter_withholds_are_left_out(tmp_path: Path) -> None:
    rows = [{**ROW, "id": f"RLHF-{n}", "query": f"What is {n}?"} for n in range(6)]
    (tmp_path / "pairs.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))

    def behave(body: dict, count: int) -> Said:
        return reply("", finish="content_filter") if "What is 3?" in str(body) else reply("1")

    with serving(behave) as server:
        words = [str(tmp_path / "pairs.jsonl"), "--judge", "chat", "judge.model.name=openai", f"judge.model.url={server.url}"]
        said = CliRunner().invoke(app, ["judges", "check", *words, "--output", str(tmp_path)])
    assert said.exit_code == 0 and "1 of 6 pairs are left out" in said.output
    (result,) = kept(tmp_path).values()
    assert result["pairs"] == 5


@pytest.mark.parametrize("reached", [0, 4])
def test_without_a_reply_to_every_question_there_is_no_result(
    reached: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert check(tmp_path, monkeypatch, 6)[0] == 0
    before = kept(tmp_path)
    code, said = check(tmp_path, monkeypatch, reached)
    assert code == 1 and f"{6 - reached} of 6 questions got no reply (the server refuses the key ({6 - reached}))" in said
    assert "decided pair" not in said.replace("undecided pair", "") and kept(tmp_path) == before


HELD = Withheld(None, "no reply: the server's content filter withheld the answer (safety)", "", "chat", "1")


def test_a_pair_that_a_filter_withholds_is_left_out_and_counted(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    code, said = check(tmp_path, monkeypatch, 5, HELD)  # the last pair in its second order
    assert code == 0 and "1 of 3 pairs are left out, since the server withholds a reply to them: the server's" in said
    (result,) = kept(tmp_path).values()
    assert result["pairs"] == 2


def test_where_every_pair_is_withheld_there_is_no_result(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    code, said = check(tmp_path, monkeypatch, 0, HELD)
    assert code == 1 and "No result of the judge" in said and not kept(tmp_path)


def test_replies_that_nothing_can_be_read_from_are_counted_and_the_result_is_kept(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    code, said = check(tmp_path, monkeypatch, 4, Verdict(None, "unreadable", "Both are nice.", "chat", "1"))
    assert code == 0 and "33.3% of 3 undecided" in said
    assert "Nothing could be read from 2 of 6 replies: unreadable (2)." in said and kept(tmp_path)


def test_a_judge_that_never_says_a_word_has_no_result_whatever_it_calls_that(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    code, said = check(tmp_path, monkeypatch, 0, Verdict(None, "no reply: the model's answer is empty", "", "chat", "1"))
    assert code == 1 and "6 of 6 questions got no reply (the model's answer is empty (6))" in said and not kept(tmp_path)


@pytest.mark.parametrize(
    ("change", "words"),
    [({"response": ["one"]}, "list of two texts"), ({"human_ranking": [1, 1]}, "human_ranking is"), ({"id": ""}, "the id ''")],
)
def test_a_bad_row_is_named(change: dict, words: str) -> None:
    with pytest.raises(DataError, match=f"file, line 7: .*{words}"):
        pairs_of([("file, line 7", {**ROW, **change})])


def test_a_reward_model_is_measured_by_its_scores_of_both_answers(tmp_path: Path) -> None:
    pairs = [
        {"id": f"hallucination_pair-{n}", "query": "q", "response": ["a", "b"], "human_ranking": ranking}
        for n, ranking in enumerate(([0, 1], [1, 0], [0, 1], [0, 1]))
    ]
    scores = [[2.5, -1.0], [0.1, 0.2], [1, 3], [0.5, 0.5]]  # right, right, wrong, undecided
    rows = [{"id": pair["id"], "scores": own} for pair, own in zip(pairs, scores, strict=True)]
    for name, content in (("pairs.jsonl", pairs), ("scores.jsonl", [*rows, {"id": "stranger", "scores": [1, 2]}])):
        (tmp_path / name).write_text("".join(json.dumps(row) + "\n" for row in content))
    files = [str(tmp_path / "pairs.jsonl"), "--scores", str(tmp_path / "scores.jsonl")]
    said = CliRunner().invoke(app, ["judges", "check", *files]).output
    assert "overall       66.67%" in said and "1 rows name no pair" in said, said
    (tmp_path / "scores.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows[:2]))
    part = CliRunner().invoke(app, ["judges", "check", *files])
    assert part.exit_code == 1 and "2 of 4 pairs have no row in" in part.output and "50.0% of 4 undecided" in part.output


@pytest.mark.parametrize("scores", [None, [1.0], [1.0, float("nan")], [True, 1], ["2", 1], [1, 2, 3]])
def test_scores_that_are_not_two_numbers_are_named(scores: object) -> None:
    pairs = pairs_of([("row 1", {"id": "x", "query": "q", "response": ["a", "b"], "human_ranking": [0, 1]})])
    with pytest.raises(DataError, match=r"row 7: scores should be two finite numbers"):
        rewarded(pairs, [("row 7", {"id": "x", "scores": scores})])


def pair(number: int, first_is_better: bool, image: str = "") -> RankedPair:
    return RankedPair(f"RLHF-{number}", "q", ("good" if first_is_better else "bad", "fair"), first_is_better, image)


def test_a_reward_model_is_asked_in_both_orders_and_a_lean_to_one_place_is_seen(tmp_path: Path) -> None:
    rewards = {"good": 2.0, "fair": 1.0, "bad": 0.0}
    by_text, _ = rated(lambda p, answers, images: [rewards[a] for a in answers], [pair(1, True), pair(2, False)], tmp_path)
    assert (by_text.overall, by_text.undecided, by_text.consistent) == (1.0, 0.0, 1.0)
    by_place, _ = rated(lambda p, answers, images: [2.0, 1.0], [pair(1, True), pair(2, False)], tmp_path)
    assert (by_place.overall, by_place.undecided, by_place.consistent) == (None, 1.0, 0.0)


@pytest.mark.parametrize("rewards", [(1.0, 1.0), (float("nan"), 1.0), (None, 1.0)])
def test_rewards_that_decide_nothing_are_undecided(rewards: tuple, tmp_path: Path) -> None:
    found, _ = rated(lambda p, answers, images: rewards, [pair(1, True)], tmp_path)
    assert (found.overall, found.undecided) == (None, 1.0)


def test_a_missing_image_is_not_shown_and_counted(tmp_path: Path) -> None:
    (tmp_path / "there.png").write_bytes(b"x")
    seen = list[str]()
    asked = [pair(1, True, "there.png"), pair(2, True, "gone.png"), pair(3, True)]
    _, blind = rated(lambda p, answers, images: seen.append(p.image) or (1.0, 0.0), asked, tmp_path)
    assert seen == ["there.png", "there.png", "", "", "", ""] and blind == 1


def test_what_rated_answers_in_training_is_stated_with_its_agreement_or_how_to_get_it(tmp_path: Path) -> None:
    raters = {"rloo": {"reward": "rm", "reward digest": "ab"}, "online": {"annotator": "chat gpt-x, own texts 1"}, "dpo": {}}
    raters["ppo"] = {"reward": "judge chat gpt-y 12"}
    before = training_checks(tmp_path / "r-1", {"rm": "ab", "other": "cd"}, raters)
    assert list(before) == ["rm", "other", "chat gpt-x, own texts 1 in online", "chat gpt-y 12 in ppo"]
    assert set(before.values()) == {"not checked: python -m harness judges check PAIRS --run r-1"}
    keep(tmp_path, reward_key("ab"), fitness({"a": both("agree")}))
    keep(tmp_path, "chat gpt-x, own texts 2", fitness({"a": both("reject")}))
    after = training_checks(tmp_path / "r-1", {"rm": "ab", "other": "cd"}, raters)
    assert "100.0%" in after["rm"] and "not checked" in after["other"]
    assert "on 0.0%" in after["chat gpt-x, own texts 1 in online"]
    assert "100.0%" in training_checks(tmp_path / "r-1", {}, raters)["rm"], "by the arm's own provenance in older runs"


def test_a_folder_without_a_reward_model_and_two_ways_at_once_are_refused(tmp_path: Path) -> None:
    (tmp_path / "pairs.jsonl").write_text(json.dumps(ROW) + "\n")
    words = ["judges", "check", str(tmp_path / "pairs.jsonl"), "--reward-model", str(tmp_path)]
    assert "is not a reward model: it has no heads.safetensors" in str(CliRunner().invoke(app, words).exception)
    assert "Give one of --judge NAME, --reward-model" in str(CliRunner().invoke(app, [*words, "--judge", "chat"]).exception)


def test_a_judge_that_needs_a_data_folder_is_refused_in_words_and_so_is_a_file_without_rows(tmp_path: Path) -> None:
    (tmp_path / "pairs.jsonl").write_text(json.dumps(ROW) + "\n")
    (tmp_path / "empty.jsonl").write_text("")
    words = ["--judge", "annotations", "--output", str(tmp_path / "runs")]
    why = [
        str(CliRunner().invoke(app, ["judges", "check", str(tmp_path / name), *words]).exception)
        for name in ("pairs.jsonl", "empty.jsonl")
    ]
    assert why[0].startswith("The annotations judge reads COCO's annotations in the data folder of a study")
    assert "holds no rows. Give a file with one JSON object a line" in why[1]


@pytest.mark.parametrize(
    ("words", "says"),
    [
        (["--judge", "keywords", "limit=3"], "'limit=3': nothing here reads that; options of it are given as judge.key=value"),
        (["--judge", "keywords", "foo"], "'foo': nothing here reads that"),
        (["--judge", "keywords", "judge.x=3"], r"options of keywords:\n  - judge: the judge 'keywords' has no option 'x'"),
        (["--judge", "nobody"], r"options of nobody:\n  - judge: There is no judge named 'nobody'"),
        (
            ["--judge", "chat", "judge.model=3"],
            r"options of chat:\n  - judge.model: write a mapping, such as {path: ...}, not 3",
        ),
        (["--reward-model", ".", "judge.x=3"], "'judge.x=3': .* options of it are given as model.key=value"),
        (["--run", "x", "judge.x=3"], "'judge.x=3': nothing here reads that; it takes no key=value"),
        (["--replies", "x", "--limit", "3", "--images", "."], "--images and --limit: replies and scores that exist are all"),
        (["--judge", "keywords", "--images", "nowhere"], "--images: there is no folder nowhere"),
    ],
    ids=lambda value: " ".join(value) if isinstance(value, list) else "",
)
def test_what_would_be_passed_over_is_refused_in_the_words_of_the_command(words: list[str], says: str, tmp_path: Path) -> None:
    (tmp_path / "pairs.jsonl").write_text(json.dumps(ROW) + "\n")
    with pytest.raises(ConfigError, match=says):
        CliRunner().invoke(
            app, ["judges", "check", str(tmp_path / "pairs.jsonl"), *words, "--output", str(tmp_path)], catch_exceptions=False
        )


@pytest.mark.parametrize("row", [{"query": None}, {"query": " "}, {"query": 3}], ids=str)
def test_a_pair_without_its_question_is_named(row: dict) -> None:
    with pytest.raises(DataError, match="row 1: query should be the text of the question"):
        pairs_of([("row 1", ROW | row)])
    with pytest.raises(DataError, match="row 1: query"):
        pairs_of([("row 1", {key: value for key, value in ROW.items() if key != "query"})])


@pytest.mark.parametrize("image", [["a.png", "b.png"], {"bytes": "x"}, 7], ids=str)
def test_a_pair_whose_image_is_no_name_is_not_judged_without_it(image: object) -> None:
    with pytest.raises(DataError, match="row 1: image should be the name of one file"):
        pairs_of([("row 1", ROW | {"image": image})])
