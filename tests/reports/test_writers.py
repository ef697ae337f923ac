"""Every writer: the same bytes twice, hostile text shown as text, nothing private in the JSON."""

import csv
import io
import json
import re
from dataclasses import replace
from html.parser import HTMLParser
from pathlib import Path

import pytest

from harness.core import registry
from harness.core.evaluation import Span
from harness.core.run_record import StudyNotes
from reports.comparison.compare import compare
from reports.writers import csv as csv_writer
from reports.writers import html as html_writer
from reports.writers import json as json_writer
from reports.writers import latex as latex_writer
from reports.writers import markdown as markdown_writer

WRITERS = ("csv", "html", "json", "latex", "markdown")
HOSTILE = '<script>alert("x")</script><img src=x onerror=alert(1)>\u202egnp.exe\u0000\u0007 {{ 7*7 }} | `rm` \\end{table}'


@pytest.mark.parametrize("name", WRITERS)
def test_a_writer_is_found_by_its_file_name(name):
    assert registry.get("report", name).__module__ == f"reports.writers.{name}"


@pytest.fixture(scope="module")
def twice(make, images):
    return [compare([make.record(data_folder=images)]) for _ in range(2)]


@pytest.mark.parametrize("name", WRITERS)
def test_the_same_run_gives_the_same_bytes(name, twice):
    one, two = map(registry.get("report", name), twice)
    assert one == two


@pytest.fixture(scope="module")
def of_the_base(make, images):
    record = make.record(data_folder=images)
    return compare([replace(record, sweeps=record.sweeps[:1])])


@pytest.mark.parametrize("name", WRITERS)
def test_a_single_checkpoint_can_be_written(name, of_the_base):
    assert registry.get("report", name)(of_the_base)


@pytest.mark.parametrize("name", WRITERS)
def test_a_text_ends_with_one_line_end_so_that_a_terminal_can_write_the_bytes_of_the_file(name, compared):
    text = registry.get("report", name)(compared)
    assert text.endswith("\n") and text == f"{text.rstrip()}\n"


@pytest.fixture(scope="module")
def five(make):
    records = [replace(make.record(f"run{n}", seed=n), config_yaml=f"beta: {n}") for n in range(5)]
    return compare(records, published=["Table 2"])


@pytest.mark.parametrize("name", WRITERS)
def test_five_runs_can_be_written(name, five):
    assert "run4" in registry.get("report", name)(five)


# ---------------------------------------------------------------- hostile text


class Tags(HTMLParser):
    def __init__(self) -> None:
        super().__init__()
        self.found: list[tuple[str, dict]] = []

    def handle_starttag(self, tag, attrs):
        self.found.append((tag, dict(attrs)))


def tags_of(page: str) -> list[tuple[str, dict]]:
    parser = Tags()
    parser.feed(page)
    return parser.found


def hostile_record(make, record):
    record = make.with_answer(record, HOSTILE)
    pair = replace(record.example_pairs[0], prompt=HOSTILE, chosen=HOSTILE, rejected=(HOSTILE[::-1],), meta={HOSTILE: HOSTILE})
    return replace(
        record, name=HOSTILE, command=HOSTILE, config_yaml=HOSTILE, notes=(HOSTILE,), example_pairs=(pair,),
        overlap={HOSTILE: HOSTILE}, versions={HOSTILE: HOSTILE},
        pairs_report={HOSTILE: {HOSTILE: HOSTILE}, "dropped": {HOSTILE: HOSTILE}},
    )  # fmt: skip


def test_hostile_text_becomes_no_markup(make, record, compared):
    calm = html_writer.write(compared)
    page = html_writer.write(compare([hostile_record(make, record)]))
    assert [t for t, _ in tags_of(page)].count("script") == [t for t, _ in tags_of(calm)].count("script") == 1
    assert not [a for _, attrs in tags_of(page) for a in attrs if a.startswith("on")]
    assert all(attrs["src"].startswith("data:image/jpeg") for tag, attrs in tags_of(page) if tag == "img")
    assert "\u202e" not in page
    assert "\u27e8U+202E\u27e9" in page  # seen, not obeyed
    assert "{{ 7*7 }}" in page


def test_a_pair_about_several_images_shows_each_of_them(make, images):
    record = make.record(data_folder=images)
    pair = record.example_pairs[0]
    shown = []
    for image in (pair.image, ("images/000.png", "images/001.png", "images/002.png")):
        page = html_writer.write(compare([replace(record, example_pairs=(replace(pair, image=image),))]))
        shown.append(page.partition('id="pairs"')[2].partition("</section>")[0].count("data:image/jpeg"))
    assert shown == [1, 3]


def test_hostile_text_breaks_no_table(make, record):
    comparison = compare([hostile_record(make, record)])
    assert "<script>" not in markdown_writer.write(comparison).replace("\\<script", "").split("```")[0]
    assert "\\end{table} |" not in latex_writer.write(comparison)
    assert latex_writer.write(comparison).count("\\end{table}") == 1
    rows = list(csv.DictReader(io.StringIO(csv_writer.write(comparison))))
    assert {r["run"] for r in rows} == {"base", HOSTILE}
    assert json.loads(json_writer.write(comparison))["title"] == HOSTILE


def test_a_base_is_not_among_the_rows_of_an_arm(make, record):
    evaluated = replace(record, run_id="other", name="evaluated", sweeps=record.sweeps[:1])
    rows = list(csv.DictReader(io.StringIO(csv_writer.write(compare([record, make.record("two", seed=1)])))))
    assert {(r["run"], r["column"]) for r in rows} == {("base", "base"), (record.name, record.name), ("two", "two")}
    alone = list(csv.DictReader(io.StringIO(csv_writer.write(compare([evaluated])))))
    assert {r["run"] for r in alone} == {"evaluated"}  # nothing is aligned: the run's own name


def test_images_that_were_trained_on_are_said_in_the_conclusion_of_every_form(make, record, compared):
    found, said = compared, "Trained on images of the benchmarks (the same files, by content): 1 image of aligned."
    assert said in found.verdict.sentences and json.loads(json_writer.write(found))["verdict"]["overlap"] == said
    assert said in html_writer.write(found).partition("<main>")[0] and said in latex_writer.write(found)
    page = markdown_writer.write(found)
    assert said in page.partition("| metric")[0] and "1 image of the training of aligned: images/003.png." in page
    assert "Trained on" not in markdown_writer.write(compare([replace(record, overlap={})]))


def test_images_of_a_reward_model_are_an_overlap_of_the_arms_that_it_trained(make) -> None:
    record = replace(make.record("grpo"), overlap={}, overlap_rewards={"rm": {"9f" * 32: "images/003.png"}})
    found = compare([record, replace(make.record("clean", seed=2), overlap={})])
    label = found.runs[0].column
    said = f"1 image of the reward model rm, by which {label} was trained"
    assert said in found.verdict.overlap
    report = markdown_writer.write(found)
    assert f"1 image of the training of the reward model rm, by which {label} was trained: images/003.png" in report
    assert f"None of {found.runs[1].column}." in report and f"None of {label}" not in report


def test_notes_on_the_training_of_a_reward_model_are_in_every_report(make) -> None:
    note = "Training ended at step 1: early stop"
    found = compare([replace(make.record("grpo"), reward_notes={"rm": (note,)})])
    assert f"- rm: {note}" in markdown_writer.write(found) and note in html_writer.write(found)
    assert json.loads(json_writer.write(found))["reward_notes"] == {"rm": [note]}


def test_training_that_is_not_known_is_not_said_to_share_nothing(make, record):
    theirs = replace(make.record("theirs", seed=1), overlap={}, overlap_unknown="this run trained no checkpoint that it swept")
    clean = replace(make.record("clean", seed=2), overlap={})
    of_one, of_two = compare([theirs]), compare([theirs, clean])
    for write in (html_writer.write, markdown_writer.write):
        alone, both = write(of_one), write(of_two)
        assert (
            "Not known: this run trained no checkpoint that it swept." in alone and "None." not in alone.partition("Overlap")[2]
        )
        assert "Not known of theirs: this run trained no checkpoint that it swept." in both and "None of clean." in both


def test_the_caption_of_the_latex_table_says_what_is_in_it(of_the_base, compared):
    caption = latex_writer.write(compared).partition("\\caption{")[2]
    assert "differences are paired" not in caption  # the table has none
    assert r"95 \% intervals over images; bold: significantly better than the first row" in caption
    assert r"by the difference to the first row on the same items ($p<0.05$, corrected by Holm over this table)" in caption
    alone = latex_writer.write(of_the_base).partition("\\caption{")[2]
    assert r"In brackets 95 \% intervals over images." in alone and "significantly" not in alone


def test_a_report_of_one_checkpoint_explains_no_difference(of_the_base, compared):
    page, text = html_writer.write(of_the_base).partition("<main>")[2], markdown_writer.write(of_the_base)
    assert "under it the difference" not in page and "significantly better" not in page
    assert "paired over the same items" not in page + text
    assert "under it the difference" in html_writer.write(compared)


@pytest.mark.parametrize(("data", "shown"), [("own/data", "data own/data"), ("data", "data"), ("/big/coco", "data coco")])
def test_a_data_folder_called_data_is_named_with_its_parent(record, data, shown):
    found = compare([replace(record, config_yaml=f"name: x\ndata: {data}\n")])
    assert shown in found.subtitle


def test_a_megabyte_of_text_is_cut_with_a_note(make, record):
    page = html_writer.write(compare([make.with_answer(record, "word " * 200_000)]))
    assert len(page) < 3_000_000
    assert "more characters)" in page


@pytest.mark.parametrize("sign", ["=", "+", "-", "@", "\t"])
def test_a_name_that_looks_like_a_spreadsheet_formula_stays_a_name(record, sign):
    rows = list(csv.DictReader(io.StringIO(csv_writer.write(compare([replace(record, name=f"{sign}cmd()")])))))
    assert {row["run"] for row in rows} == {"base", f"'{sign}cmd()"}
    assert any(float(row["difference"] or 0) < 0 for row in rows)  # numbers stay numbers


def test_every_special_of_latex_is_escaped(record):
    tex = latex_writer.write(compare([record], labels=["& % $ # _ { } ~ ^ \\"]))
    assert r"\& \% \$ \# \_ \{ \} \textasciitilde{} \textasciicircum{} \textbackslash{}" in tex


def test_names_with_pipes_line_breaks_and_html_leave_the_markdown_table_whole(record):
    base, aligned = record.sweeps
    odd = replace(record, sweeps=(base, replace(aligned, label="a|b\n<b>c</b>")))
    table = [line for line in markdown_writer.write(compare([odd])).splitlines() if line.startswith("|")]
    bars = [len(re.findall(r"(?<!\\)\|", line)) for line in table[:3]]
    assert bars == [bars[1]] * 3 and r"a\|b \<b\>c\</b\>" in table[0]


def test_half_a_surrogate_can_be_written(make, record):
    assert json_writer.write(compare([replace(record, name="a\ud800")])).encode()


@pytest.fixture(scope="module")
def half_surrogate(make, images):
    return compare([make.with_answer(make.record(data_folder=images), "a\ud800b")])


@pytest.mark.parametrize("name", WRITERS)
def test_a_half_surrogate_in_an_answer_can_be_written_to_a_file(name, half_surrogate):
    assert registry.get("report", name)(half_surrogate).encode()


# ---------------------------------------------------------------- html


def test_the_page_fetches_nothing(record):
    page = html_writer.write(compare([record], published=["Table 2"]))
    assert not re.findall(r"""(?:src|href)=["']?(?:https?:)?//""", page)
    assert "@import" not in page
    assert "url(" not in page


def test_spans_are_cut_out_of_the_text_and_overlaps_do_not_double_it():
    from reports.page.cards import pieces

    spans = (Span(2, 5, "found", "dog"), Span(4, 7, "invented", "gx"), Span(90, 99, "found", "past the end"))
    found = pieces("a dog x.", spans)
    assert "".join(p.text for p in found) == "a dog x."
    assert [(p.text, p.kind) for p in found if p.kind] == [("dog", "found"), (" x", "invented")]


def test_a_moved_image_is_a_placeholder(make):
    page = html_writer.write(compare([make.record(data_folder=Path("/nowhere"))]))
    assert "image not shown" in page


def test_a_broken_image_is_a_placeholder(tmp_path, make):
    from reports.page.thumbnails import Thumbnails

    (tmp_path / "a.png").write_bytes(b"\x89PNG but not really")
    assert Thumbnails([tmp_path]).get("a.png") == ""


def test_no_image_outside_the_data_folder_is_read(images):
    from reports.page.thumbnails import Thumbnails

    inside = images / "images"
    assert Thumbnails([images]).get("images/000.png").startswith("data:image/jpeg")
    assert Thumbnails([inside / "none"]).get("../000.png") == ""
    assert Thumbnails([inside]).get("a\x00b") == ""


def test_only_so_many_images_are_kept(images):
    from reports.page.thumbnails import Thumbnails

    few = Thumbnails([images], most=2)
    shown = [bool(few.get(f"images/{n:03}.png")) for n in (0, 1, 0, 2)]
    assert (shown, few.left_out) == ([True, True, True, False], 1)


# ---------------------------------------------------------------- json, csv, markdown


def test_json_keeps_timings_under_one_key(record):
    slower = replace(
        record,
        run_id="another",
        timings={"train": 999.0},
        training=tuple({**row, "time/tokens_per_s": 1.0} for row in record.training),
        pairs_report={**record.pairs_report, "seconds": 5},
    )
    one, two = (json.loads(json_writer.write(compare([r]))) for r in (record, slower))
    assert one.pop("timings") != two.pop("timings")
    assert one == two


def test_json_holds_no_absolute_path(record):
    private = replace(
        record,
        command="python -m harness run /home/somebody/run.yaml data=/mnt/coco/",
        config_yaml="path: /home/somebody/weights\nurl: https://example.org/a/b\n",
        notes=("see '/home/somebody/notes.txt'",),
    )
    text = json_writer.write(compare([private]))
    assert "somebody" not in text
    assert "/mnt/" not in text
    assert str(record.data_folder) not in text
    assert "https://example.org/a/b" in text
    assert "\u2026/run.yaml" in text


def test_json_has_sorted_keys_and_short_floats(compared):
    text = json_writer.write(compared)
    document = json.loads(text)
    assert list(document) == sorted(document)
    assert not re.search(r"\d\.\d{11,}", text)
    assert not re.search(r"\bNaN\b|Infinity|-0\.0\b", text)


def test_csv_has_one_line_a_checkpoint_and_metric(compared):
    rows = list(csv.DictReader(io.StringIO(csv_writer.write(compared))))
    assert len(rows) == 2 * 24
    assert {r["column"] for r in rows} == {"base", "aligned"}


def test_markdown_says_when_a_run_is_incomplete_and_protocols_differ(make):
    record = make.record(complete=False)
    assert "**Incomplete:**" in markdown_writer.write(compare([record]))


@pytest.fixture(scope="module")
def arms_of_one(make):
    return compare([replace(make.record(f"arm{n}", seed=n), run_id="one") for n in range(3)])


@pytest.mark.parametrize("name", ["html", "markdown"])
def test_a_run_with_several_arms_is_reproduced_once(name, arms_of_one):
    text = registry.get("report", name)(arms_of_one)
    assert text.count("How to reproduce") == 1
    assert "arm0, arm1 and arm2" in text


def test_markdown_puts_seeds_together(make):
    text = markdown_writer.write(compare([make.record("bdhs", seed=n) for n in (1, 2, 3)]))
    (row,) = [line for line in text.split("## Scatter")[1].splitlines() if line.startswith("| bdhs | CHAIRi | 3 |")]
    assert row.count("[") == 1
    assert "## Scatter" not in markdown_writer.write(compare([make.record()]))


def test_latex_marks_only_what_is_significance(compared):
    text = latex_writer.write(compared)
    aligned = next(line for line in text.splitlines() if line.strip().startswith("aligned"))
    assert r"\textbf{6.36}" in aligned
    # words and the rate of yes changed, which is neither better nor worse; the base has nothing to be better than
    assert r"\textbf{20.8}" not in aligned
    assert text.count(r"\textbf{") == aligned.count(r"\textbf{") == 5


def test_long_tables_of_many_checkpoints_are_folded_and_short_ones_stand_open(make):
    def confusion(n):
        page = html_writer.write(
            compare([make.record(f"arm {i}", make.Habits(0.14, 0.7, 0.1 + i / 50, 16), seed=i) for i in range(n)])
        )
        return page[page.index('id="confusion-1"') :].partition("</section>")[0]

    assert "<details>" not in confusion(3)
    assert "<summary>4 slices of 6 checkpoints</summary>" in confusion(5)


def test_tables_have_names_and_headings_are_unlike(make):
    text = html_writer.write(compare([make.record("one"), make.record("two", seed=1), make.record("three", seed=2)]))
    tables, headings = re.findall("<table[^>]*>", text), re.findall("<h2>(.*?)</h2>", text)
    assert tables and all('aria-label="' in table for table in tables)
    assert "How to reproduce two" in headings and len(set(headings)) == len(headings)


@pytest.mark.parametrize("name", ["html", "markdown", "latex", "json"])
def test_a_partial_sweep_is_marked(record, compared, name):
    part = replace(record, study=StudyNotes(partial=("POPE over its first 150 images",)))
    write = registry.get("report", name)
    assert "POPE over its first 150 images" in write(compare([part])) and "artial sweep" not in write(compared)


def test_pages_say_first_what_must_be_known_of_the_numbers_and_promise_nothing_that_is_refused(make):
    told = "POPE was measured by version 1 of the benchmark; here is version 2."
    begun = replace(make.record(complete=False), notes=(told,), caveats=(told,))
    ways = [compare([replace(begun, can_continue=can)]) for can in (True, False)]
    pages = [html_writer.write(way) for way in ways]
    assert all(page.index(told) < page.index("<main>") for page in pages)
    assert ["Start the same command again" in page.partition("<main>")[0] for page in pages] == [True, False]
    texts = [markdown_writer.write(way) for way in ways]
    assert all(text.index(f"> **Note:** {told}") < text.index("| metric") for text in texts)
