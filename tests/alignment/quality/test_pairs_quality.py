"""Quality of preference data: a text-only probe with its limits, near-duplicates, overlap with a benchmark, the command."""

from __future__ import annotations

import json
import math
import random
from dataclasses import replace
from pathlib import Path

import pytest
from PIL import Image
from typer.testing import CliRunner

from alignment.quality.near_duplicates import copies, difference_hash, near_pairs, repeated
from alignment.quality.report import lines, quality
from alignment.quality.text_probe import giveaways, text_probe
from harness.cli import app
from harness.core.digests import parts_digest
from harness.core.preference import PreferencePair
from harness.storage.run_store import Store, StoredRun
from tests.pair_files import write_pairs

THINGS = ("cat", "dog", "car", "boat", "tree", "cup", "chair", "lamp", "bird", "horse")


def made(n: int, telling: bool, draw: random.Random) -> list[PreferencePair]:
    """Pairs whose sides differ in one random noun, and in "clearly" on every rejected side where that tells."""
    found = []
    for i in range(n):
        one, other = draw.sample(THINGS, 2)
        worse = f"There is clearly a {other}." if telling else f"There is a {other}."
        found.append(PreferencePair(str(i), f"{i}.png", "", "What is it?", f"There is a {one}.", (worse,), "test"))
    return found


def test_a_word_on_one_side_gives_all_pairs_away():
    probe = text_probe(made(60, True, random.Random(0)))
    assert probe is not None and probe.accuracy > 0.95 and probe.low > 0.8
    assert probe.giveaways[0] == ("clearly", 0, 60)
    assert "Words alone tell" in probe.warning and "'clearly' (0 chosen, 60 rejected)" in probe.warning


def test_sides_that_differ_at_random_are_not_told():
    probe = text_probe(made(300, False, random.Random(1)))
    assert probe is not None and probe.low <= 0.5 <= probe.high and not probe.warning
    assert giveaways(made(300, False, random.Random(1))) == ()


def test_pairs_of_one_image_are_held_out_together():
    """One sentence repeated over two images would be told by heart if its pairs stood in several folds."""
    draw = random.Random(2)
    pairs = [
        PreferencePair(f"{i}-{k}", f"{i}.png", "", "Q", f"{a} {k}", (f"{b} {k}",), "t")
        for i in range(40)
        for a, b in [tuple(f"w{draw.randrange(10**6)}" for _ in range(2))]
        for k in range(3)
    ]
    probe = text_probe(pairs)
    assert probe is not None and probe.accuracy == pytest.approx(0.5)  # no word of a held-out image was ever seen


@pytest.mark.parametrize("n", [0, 19])
def test_too_few_pairs_or_images_say_nothing(n):
    assert text_probe(made(n, True, random.Random(0))) is None
    same = [PreferencePair(str(i), "a.png", "", "Q", "yes", ("no",), "t") for i in range(50)]
    assert text_probe(same) is None


def image_file(path: Path, seed: int, size: int = 64) -> Path:
    draw = random.Random(seed)
    Image.frombytes("L", (8, 8), bytes(draw.randrange(256) for _ in range(64))).resize((size, size)).save(path)
    return path


def test_rescaled_copies_are_near_and_others_are_not(tmp_path):
    paths = {n: image_file(tmp_path / n, s, size) for n, s, size in (("a.png", 1, 64), ("a.jpg", 1, 90), ("b.png", 2, 64))}
    hashes = {name: difference_hash(path) for name, path in paths.items()}
    assert near_pairs(hashes) == [("a.jpg", "a.png")]
    assert near_pairs({"b.png": hashes["b.png"]}, {"x": hashes["b.png"], "y": hashes["a.png"]}) == [("b.png", "x")]
    (tmp_path / "broken.png").write_bytes(b"no image")
    assert difference_hash(tmp_path / "broken.png") is None


def test_hashes_that_differ_in_four_bits_are_found_wherever_they_lie():
    draw = random.Random(3)
    for _ in range(200):
        value = draw.getrandbits(64)
        other = value ^ sum(1 << bit for bit in draw.sample(range(64), 4))
        assert near_pairs({"a": value, "b": other}) == [("a", "b")]
        assert near_pairs({"a": value, "b": other ^ sum(1 << b for b in range(64) if not (value ^ other) >> b & 1)}) == []


def test_prompts_are_the_same_but_for_case_and_punctuation():
    assert repeated(["What is it?", "what is it", "Why?"]) == [("What is it?", 2)]


def test_the_report_counts_by_hand(tmp_path):
    image_file(tmp_path / "a.png", 1)
    pair = PreferencePair("1", "a.png", "", "What?", "A red cat.", ("A dog.",), "t")
    found = quality([pair, PreferencePair("2", "a.png", "", "what", "A red cat.", ("A cat sits here.",), "t")], tmp_path)
    assert (found.pairs, found.images, found.same_answers) == (2, 1, 0)
    assert found.mean_words == (3.0, 3.0) and found.chosen_longer == 0.5
    assert sum(c for _, c, _ in found.lengths) == 2 and found.repeated_prompts == (("What?", 2),)
    assert any("too few pairs" in line for line in lines(found))


def test_the_command_reports_warns_and_writes_json(tmp_path):
    for i in range(60):
        image_file(tmp_path / f"{i}.png", i)
    image_file(tmp_path / "0.png", 1)  # as 1.png
    write_pairs(tmp_path / "pairs.jsonl", made(60, True, random.Random(0)))
    words = ["pairs", str(tmp_path / "pairs.jsonl"), "--data", str(tmp_path), "--json", str(tmp_path / "q.json")]
    done = CliRunner().invoke(app, words)
    assert done.exit_code == 0, done.output
    assert "60 pairs about 60 images" in done.output and "WARNING: Words alone tell" in done.output
    assert "images that are nearly the same: 1" in done.output and "0.png and 1.png" in done.output
    assert json.loads((tmp_path / "q.json").read_text())["probe"]["pairs"] == 60


def test_the_pairs_of_a_run_are_looked_at_beside_the_run_s_own_data_folder(tmp_path):
    image_file(tmp_path / "data.png", 1)
    place = tmp_path / "runs" / "r-1" / "arms" / "a"
    place.mkdir(parents=True)
    with Store(tmp_path / "runs" / "store.sqlite") as store:
        store.begin(StoredRun("r-1", "r", "2026-01-01", "complete", "", "", {}, str(tmp_path)))
    (tmp_path / "runs" / "r-1" / "run.yaml").write_text("name: r\n")
    write_pairs(place / "pairs.jsonl", [PreferencePair("1", "data.png", "", "What?", "A red cat.", ("A dog.",), "t")])
    done = CliRunner().invoke(app, ["pairs", str(place / "pairs.jsonl")])
    assert done.exit_code == 0 and "1 pairs about 1 images" in done.output, done.exception


def test_images_in_another_folder_are_named_with_where_they_were_looked_for(tmp_path):
    image_file(tmp_path / "a.png", 1)
    (tmp_path / "b.png").write_bytes(b"damaged")
    pairs = [PreferencePair(n, f"{n}.png", "", "What?", "A red cat.", ("A dog.",), "t") for n in "abc"]
    told = "\n".join(lines(quality(pairs, tmp_path)))
    assert "images that cannot be read: 2" in told
    assert f"1 of them are not there: names are paths in the data folder {tmp_path}" in told and f"{tmp_path}/c.png" in told
    assert "not there" not in "\n".join(lines(quality(pairs[:2], tmp_path)))


def test_a_missing_file_and_a_missing_data_folder_are_named_with_what_to_give(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    assert "nofile.jsonl cannot be read" in str(CliRunner().invoke(app, ["pairs", "nofile.jsonl"]).exception)
    write_pairs(tmp_path / "p.jsonl", [PreferencePair("1", "a.png", "", "What?", "A red cat.", ("A dog.",), "t")])
    assert "There is no data folder at data. Name another: `data: FOLDER` in a study, `data=FOLDER` (or `--data FOLDER`" in str(
        CliRunner().invoke(app, ["pairs", "p.jsonl"]).exception
    )


def test_the_probe_is_a_naive_bayes_of_words_that_one_side_alone_has():
    """Worked out pair by pair: log (1 + chosen with the word) / (1 + rejected with it) over the pairs of the other folds."""
    draw = random.Random(4)
    texts = [[" ".join(draw.choices(words, k=3)) for words in ("AABCDE", "ABCDEE")] for _ in range(60)]
    pairs = [PreferencePair(str(n), f"{n // 2}.png", "", "Q", one, (other,), "t") for n, (one, other) in enumerate(texts)]
    sides = [(set(p.chosen.lower().split()), set(p.rejected[0].lower().split())) for p in pairs]
    folds = [int(parts_digest("fold", p.image)[:8], 16) % 5 for p in pairs]

    def weight(word: str, fold: int) -> float:
        there = [side for side, other in zip(sides, folds, strict=True) if other != fold]
        return math.log((1 + sum(word in c - r for c, r in there)) / (1 + sum(word in r - c for c, r in there)))

    margins = [
        math.fsum(weight(w, fold) for w in chosen) - math.fsum(weight(w, fold) for w in rejected)
        for (chosen, rejected), fold in zip(sides, folds, strict=True)
    ]
    right = sum(0.5 if abs(margin) < 1e-9 else float(margin > 0) for margin in margins)
    probe = text_probe(pairs)
    assert probe is not None and probe.accuracy == pytest.approx(right / 60) and 0.4 < probe.accuracy < 0.9
    tied = [0.5 if abs(m) < 1e-9 else float(m > 0) for m in margins]
    off = [sum(tied[2 * i : 2 * i + 2]) - 2 * probe.accuracy for i in range(30)]  # of each image from its share
    assert probe.high - probe.low == pytest.approx(2 * 1.96 * math.sqrt(sum(d * d for d in off)) / 60, rel=0.2)
    assert probe.low < probe.accuracy < probe.high


def test_the_most_telling_word_is_the_least_likely_one_by_chance():
    """40 to 0 is 6.2 standard errors, 60 to 30 is 3.1."""
    words = [(f"{'once ' * (n < 40)}{'often' * (n >= 40)}", "often" * (n < 30)) for n in range(100)]
    pairs = [
        PreferencePair(str(n), f"{n}.png", "", "Q", one or ".", (other or ".",), "t") for n, (one, other) in enumerate(words)
    ]
    probe = text_probe(pairs)
    assert probe is not None and probe.giveaways == (("once", 40, 0), ("often", 60, 30))


def test_twenty_pairs_with_both_sides_are_enough():
    pairs = made(20, True, random.Random(0))
    one_sided = [replace(pairs[0], id="x", rejected=()), replace(pairs[0], id="y", chosen="")]
    probe = text_probe([*pairs, *one_sided])
    assert probe is not None and probe.pairs == 20 and probe == text_probe(pairs)


def test_answer_lengths_are_counted_in_at_most_twelve_bins(tmp_path):
    """Of 0 to 25 words: bins of three, of which the second ends with 5 and the ninth with 26."""
    pair = PreferencePair("1", "", "", "Q", "a red cat", (" ".join("w" * 25), "a red dog"), "t")
    lengths = quality([pair], tmp_path).lengths
    assert [(top, *counts) for top, *counts in lengths if any(counts)] == [(5, 2, 1), (26, 0, 1)] and len(lengths) == 9


@pytest.mark.parametrize(("n", "said"), [(20, False), (19, True)])
def test_copies_are_told_where_they_are_more_than_one_pair_in_twenty(n, said):
    pairs = [PreferencePair(str(i), f"{max(i, 1)}.png", "", "Q", "yes", ("no",), "t") for i in range(n)]
    assert copies(pairs[1:]) == () and bool(copies(pairs)) == said  # 0 is a copy of 1
    turned = replace(pairs[0], chosen="no", rejected=("yes",))
    assert [f"2 of {n}" in line and "contradict" in line for line in copies([turned, *pairs[1:]])] == [True]


def test_repeated_prompts_stand_by_how_often_they_occur():
    assert repeated(["b", "a", "A.", "c", "B", "a?"]) == [("a", 3), ("b", 2)]


def test_a_hash_has_a_bit_for_each_cell_that_is_brighter_than_its_right_neighbour(tmp_path):
    """Nine cells a row: even rows fall from left to right, odd rows rise, the last one is of one grey."""
    rows = [[90 - 10 * x if y % 2 == 0 else 10 * x for x in range(9)] for y in range(7)] + [[7] * 9]
    Image.frombytes("L", (9, 8), bytes(cell for row in rows for cell in row)).save(tmp_path / "a.png")
    assert difference_hash(tmp_path / "a.png") == sum(0xFF << 8 * y for y in (0, 2, 4, 6))


def test_hashes_are_near_up_to_four_bits():
    assert near_pairs({"a": 0, "b": 0b1111}) == [("a", "b")] and near_pairs({"a": 0, "b": 0b11111}) == []
