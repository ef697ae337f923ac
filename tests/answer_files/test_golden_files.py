"""`python -m harness score` on the golden answer files gives the official numbers, in each published format."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import pytest

from benchmarks.mmvet import Mmvet
from harness.core.errors import DataError
from harness.results.run_records import records_of
from harness.storage.data_folder import DataFolder
from harness.storage.run_store import open_store
from tests.benchmarks.scoring import GOLDEN, golden, golden_lines, put, put_coco
from tests.benchmarks.second_set.golden_cases import check
from tests.benchmarks.test_identifiers import FROM_ZERO, own_coco


def write(path: Path, rows: object) -> Path:
    lines = isinstance(rows, list) and path.suffix == ".jsonl"
    path.write_text("".join(json.dumps(row) + "\n" for row in rows) if lines else json.dumps(rows), encoding="utf-8")
    return path


def test_mmes_folder_of_tables_and_its_lines(score, golden_data: DataFolder, tmp_path: Path) -> None:
    expected = golden("mme/expected_metrics.json")
    totals = {name: name for name in ("perception", "cognition", "hallucination_subset")}
    check(score("mme", "--answers", GOLDEN / "mme/results", data=golden_data), expected["official"], totals)


@pytest.mark.parametrize(
    ("name", "words"),
    [
        ("no newline at the end of a file", ""),
        ("odd number of lines", "1 item without an answer"),
        ("a task file is missing", "24 items without an answer"),
        ("no fourth column in one line", "existence.txt, line 2 has 3 columns"),
        ("a tab in an answer", "existence.txt, line 2 has 5 columns"),
    ],
)
def test_a_spoilt_folder_of_mme(name: str, words: str, score, golden_data: DataFolder, tmp_path: Path) -> None:
    """Each file that the official program was given: read all the same, counted, or named with its line where it stopped."""
    (case,) = [c for c in golden("mme/degenerate.json") if c["name"] == name]
    shutil.copytree(GOLDEN / "mme/results", folder := tmp_path / "spoilt")
    file = folder / "existence.txt"
    rows = file.read_text(encoding="utf-8").removesuffix("\n").split("\n")
    spoil = {"no fourth column in one line": rows[1].rsplit("\t", 1)[0], "a tab in an answer": rows[1] + "\tx"}
    rows[1] = spoil.get(name, rows[1])
    file.write_text("\n".join(rows[: len(rows) - (name == "odd number of lines")]), encoding="utf-8")
    if name == "a task file is missing":
        file.unlink()
    if name in spoil:
        with pytest.raises(DataError, match=words):
            score("mme", "--answers", folder, data=golden_data)
        return
    got = score("mme", "--answers", folder, data=golden_data)
    if case["official"]["totals"]:
        assert [got["perception"], got["cognition"]] == pytest.approx(case["official"]["totals"])
    assert words in score.said
    assert (got["perception"] is None) == (name == "a task file is missing")


def test_mmes_lines_under_another_reader(score, golden_data: DataFolder) -> None:
    got = score("mme", "--answers", GOLDEN / "mme/answers.jsonl", "variant=vlmevalkit", data=golden_data)
    check(got, golden("mme/expected_metrics.json")["vlmevalkit"], {"perception": "perception", "cognition": "reasoning"})


@pytest.mark.parametrize("beginning", ["", "<image>\n"])
def test_mmes_lines_by_llavas_prompt(beginning: str, score, golden_data: DataFolder, tmp_path: Path) -> None:
    ending = "\nAnswer the question using a single word or phrase."
    rows = [
        {"question_id": row["question_id"], "text": row["answer"],
         "prompt": beginning + row["question"].removesuffix(" Please answer yes or no.") + ending}
        for row in golden_lines("mme/answers.jsonl")
    ]  # fmt: skip
    got = score("mme", "variant=vlmevalkit", "--answers", write(tmp_path / "a.jsonl", rows[::-1]), data=golden_data)
    check(got, golden("mme/expected_metrics.json")["vlmevalkit"], {"perception": "perception", "cognition": "reasoning"})


def test_hallusionbench_by_rules_and_by_the_judges_replies(score, golden_data: DataFolder) -> None:
    answers, replies = GOLDEN / "hallusionbench/answers.jsonl", GOLDEN / "hallusionbench/judge_replies.jsonl"
    got = score("hallusionbench", "variant=judge", "--answers", answers, "--reviews", replies, data=golden_data)
    table = golden("hallusionbench/expected_judge_metrics.json")["printed"]
    names = {"q_acc": "(qAcc)", "f_acc": "(fAcc)", "easy": "(easy aAcc)", "hard": "(hard aAcc)", "a_acc": "question (aAcc)"}
    printed = {ours: next(v for k, v in table["leaderboard"].items() if k.endswith(end)) for ours, end in names.items()}
    assert {ours: round(100 * got[ours], 4) for ours in names} == printed
    causes = {"language_errors": "LH", "visual_errors": "VI", "mixed_errors": "Mixed"}
    assert {o: round(100 * got[o], 4) for o in causes} == {o: table["tests"][t] for o, t in causes.items()}


def test_mmstar_reads_the_column_that_is_named(score, golden_data: DataFolder) -> None:
    got = score("mmstar", "--answers", GOLDEN / "mmstar/answers.jsonl", "--column", "with_image", data=golden_data)
    expected = golden("mmstar/expected_metrics.json")
    assert got["accuracy"] == pytest.approx(sum(expected["official_hits"].values()) / 360)


def test_mmvp_and_its_graders_replies(score, golden_data: DataFolder) -> None:
    files = ["--answers", GOLDEN / "mmvp/answers.jsonl", "--reviews", GOLDEN / "mmvp/grader_replies.jsonl"]
    got = score("mmvp", "variant=official", *files, data=golden_data)
    assert got["pair_accuracy"] == pytest.approx(golden("mmvp/expected_metrics.json")["official_grader"]["pair_accuracy"])


def test_naturalbench_dash_b_and_beaf(score, golden_data: DataFolder, tmp_path: Path) -> None:
    got = score("naturalbench", "--answers", GOLDEN / "naturalbench/answers.jsonl", data=golden_data)
    check(got, golden("naturalbench/expected_metrics.json")["all"], {"q_acc": "Q_Acc", "g_acc": "G_Acc", "acc": "Acc"})


def test_dash_bs_lines(score, golden_data: DataFolder) -> None:
    got = score("dash_b", "--answers", GOLDEN / "dash_b/answers.jsonl", data=golden_data)
    check(
        got, golden("dash_b/expected_metrics.json")["all"], {"accuracy": "ACC", "tnr": "TNR", "harmonic_mean": "Harmonic Mean"}
    )


@pytest.mark.parametrize("folder", ["/data/DASH-B/images/", "./images/", "", "dash_b/images/"])
def test_dash_bs_images_go_by_the_end_of_their_path(folder: str, score, golden_data: DataFolder, tmp_path: Path) -> None:
    rows = [
        {"image": folder + row["image_path"].removeprefix("images/"), "response": row["response"]}
        for row in golden_lines("dash_b/answers.jsonl")
    ]
    got = score("dash_b", "--answers", write(tmp_path / "a.jsonl", rows[::-1]), data=golden_data)
    check(got, golden("dash_b/expected_metrics.json")["all"], {"accuracy": "ACC", "tnr": "TNR"})


def test_beafs_list(score, golden_data: DataFolder) -> None:
    got = score("beaf", "--answers", GOLDEN / "beaf/answers.json", "variant=official", data=golden_data)
    check(got, golden("beaf/expected_metrics.json")["totals_replaced"], {"tu": "TU", "id": "ID", "f1": "f1"}, times=100)


def test_popes_lines_also_where_one_question_is_answered_twice_differently(score, folder_of: DataFolder) -> None:
    rows = golden_lines("pope/questions.jsonl")
    assert len({(r["image"], r["text"]) for r in rows}) < len(rows)
    put(folder_of, "pope/coco_pope_random.json", rows)
    got = score("pope", "--answers", GOLDEN / "pope/answers.jsonl", "splits=[random]", "variant=official", data=folder_of)
    names = {f"{n}[random]": n for n in ("accuracy", "precision", "recall", "f1")}
    check(got, golden("pope/expected_metrics.json")["all"], names)


def test_popes_lines_without_ids_go_by_their_place(score, folder_of: DataFolder, tmp_path: Path) -> None:
    rows, answers = golden_lines("pope/questions.jsonl"), golden_lines("pope/answers.jsonl")
    put(folder_of, "pope/coco_pope_random.json", rows)
    file = write(tmp_path / "a.jsonl", [{"question": row["question"], "answer": row["answer"]} for row in answers])
    got = score("pope", "--answers", file, "splits=[random]", "variant=official", data=folder_of)
    check(got, golden("pope/expected_metrics.json")["all"], {"f1[random]": "f1"})


def test_chairs_captions_choose_the_images_and_an_image_may_have_several(score, tmp_path: Path) -> None:
    folder = tmp_path / "data"
    (folder / "coco").mkdir(parents=True)
    (folder / "coco/annotations").symlink_to(GOLDEN / "chair/annotations")
    data = DataFolder(folder, tmp_path / "cache")
    captions = golden_lines("chair/captions.jsonl")
    val = {i["id"] for i in golden("chair/annotations/captions_val2014.json")["images"]}
    chosen = [row for row in captions if row["image_id"] in val][:60]
    expected = {row["caption_id"]: row for row in golden_lines("chair/expected_captions.jsonl")}
    file = write(tmp_path / "captions.jsonl", chosen)
    got = score("chair", "--answers", file, data=data)
    kept = [expected[row["caption_id"]] for row in chosen]
    words = sum(len(row["mscoco_generated_words"]) for row in kept)
    invented = sum(len(row["mscoco_hallucinated_words"]) for row in kept)
    assert "items have several answers, and each is scored" in score.said
    assert got["chair_i"] == pytest.approx(invented / words)
    assert got["chair_s"] == pytest.approx(sum(row["CHAIRs"] for row in kept) / len(kept))


def chair_folder(root: Path, *splits: str) -> DataFolder:
    (root / "data").mkdir()
    for name in (f"coco/annotations/{kind}_{split}2014.json" for kind in ("instances", "captions") for split in splits):
        put(DataFolder(root / "data"), name, (GOLDEN / name.replace("coco", "chair")).read_text(encoding="utf-8"))
    return DataFolder(root / "data", root / "cache")


@pytest.mark.parametrize(
    ("variant", "expected"), [("official", "expected_overall"), ("lemma", "expected_overall_lemma_variant")]
)
def test_a_caption_file_of_both_splits_is_scored_whole(variant: str, expected: str, score, tmp_path: Path) -> None:
    """All 664 captions, of train2014 and val2014, as the official script scores them."""
    got = score(
        "chair", "--answers", GOLDEN / "chair/captions.jsonl", f"variant={variant}", data=chair_folder(tmp_path, "val", "train")
    )
    official = golden(f"chair/{expected}.json")
    names = {"chair_i": "CHAIRi", "chair_s": "CHAIRs", "recall": "Recall", "length": "mean_len_words"}
    check(got, official, {ours: theirs for ours, theirs in names.items() if theirs in official})
    assert "664 of 664 items have an answer" in score.said and score.code == 0
    with open_store(tmp_path / "runs") as store:
        (record,) = records_of(store, "captions")
    facts = record.sweeps[0].results[0].protocol.facts
    assert facts["image list"] == "of the caption file: 100 of train2014, 200 of val2014" and facts["images"] == "300"


def test_captions_of_images_without_annotations_are_left_out_with_a_reason_and_exit_code_1(score, tmp_path: Path) -> None:
    score("chair", "--answers", GOLDEN / "chair/captions.jsonl", data=chair_folder(tmp_path, "val"))
    assert "437 of 437 items" in score.said and "227 rows without an item, not scored" in score.said
    assert "The data folder has no truth for them" in score.said and "counted otherwise" not in score.said
    assert score.code == 1


def test_names_of_images_without_cocos_zeros_are_said_to_lack_them(score, tmp_path: Path) -> None:
    file = write(tmp_path / "captions.jsonl", [{"image": f"{n}.jpg", "caption": "A cup."} for n in (199365, 145158)])
    with pytest.raises(DataError, match="COCO's names have 12 digits: if '199365.jpg' is the image 000000199365"):
        score("chair", "--answers", file, data=chair_folder(tmp_path, "val", "train"))


def test_a_split_that_is_named_is_scored_alone_and_the_reason_names_the_option(score, tmp_path: Path) -> None:
    score("chair", "--answers", GOLDEN / "chair/captions.jsonl", "split=train", data=chair_folder(tmp_path, "val", "train"))
    assert "227 of 227 items" in score.said and "437 rows without an item" in score.said and score.code == 0
    assert "They are left out by split=train." in score.said


def test_ambers_responses(score, folder_of: DataFolder, tmp_path: Path) -> None:
    annotations = golden("amber/annotations.json")
    queries = [{"id": row["id"], "image": "a.jpg", "query": "Describe this image."} for row in annotations]
    put(folder_of, "amber/query/query_all.json", json.dumps(queries))
    for name in ("annotations.json", "relation.json", "safe_words.txt"):
        put(folder_of, f"amber/{name}", (GOLDEN / "amber" / name).read_text())
    put(folder_of, "similarity.json", golden("amber/similarity.json"))
    got = score("amber", "--answers", GOLDEN / "amber/responses.json", "similarity=file:similarity.json", data=folder_of)
    expected = golden("amber/expected_metrics.json")["a"]
    assert round(100 * got["chair"], 1) == next(v for k, v in _flat(expected).items() if k.endswith("CHAIR"))


def _flat(value: dict, path: str = "") -> dict[str, float]:
    found = {}
    for key, inner in value.items():
        found |= _flat(inner, f"{path}/{key}") if isinstance(inner, dict) else {f"{path}/{key}": inner}
    return found


def test_mmhals_reviews_alone_are_enough(score, folder_of: DataFolder, tmp_path: Path) -> None:
    types = ("attribute", "adversarial", "comparison", "counting", "relation", "environment", "holistic", "other")
    rows = [{"question_type": types[n % 8], "image_content": ["dog"], "image_src": f"x/{n}.jpg", "question": f"What is {n}?",
             "gt_answer": "A dog."} for n in range(96)]  # fmt: skip
    put(folder_of, "mmhal/mmhal_bench.json", json.dumps(rows))
    run = golden("mmhal_bench/runs.json")[0]
    reviews = write(tmp_path / "reviews.json", run["judge_responses"])
    got = score("mmhal_bench", "--reviews", reviews, "variant=official", data=folder_of)
    assert got["score"] == pytest.approx(run["expected"]["average_score"])
    assert got["hallucination_rate"] == pytest.approx(run["expected"]["hallucination_rate"])


def test_llava_benchs_reviews(score, folder_of: DataFolder, tmp_path: Path) -> None:
    run = golden("llava_bench/runs.json")[0]
    questions = [
        {"question_id": r["question_id"], "image": "1.jpg", "text": "?", "category": r["category"]} for r in run["reviews"]
    ]
    put(folder_of, "llava_bench/questions.jsonl", questions)
    put(folder_of, "llava_bench/context.jsonl", [{"image": "1.jpg", "caption": "A dog."}])
    put(
        folder_of,
        "llava_bench/answers_gpt4.jsonl",
        [{"question_id": r["question_id"], "text": "A dog."} for r in run["reviews"]],
    )
    got = score("llava_bench", "--reviews", write(tmp_path / "r.jsonl", run["reviews"]), "variant=official", data=folder_of)
    expected = _flat(run["expected_llava_official"])
    assert round(100 * got["relative"], 1) == next(v for k, v in expected.items() if k.startswith("/all") and "relative" in k)


def test_mm_vets_results_and_gradings(score, folder_of: DataFolder, tmp_path: Path) -> None:
    question = {"imagename": "a.jpg", "question": "?", "answer": "x", "capability": ["ocr"]}
    put(folder_of, "mmvet/mm-vet.json", {f"v1_{n}": question for n in range(4)})
    answers = write(tmp_path / "results.json", {f"v1_{n}": "x" for n in range(4)})
    grades = {f"v1_{n}": {"model": "gpt-4", "content": ["0.5"], "score": [n / 4, n / 4]} for n in range(4)}
    got = score("mmvet", "--answers", answers, "--reviews", write(tmp_path / "grades.json", grades), data=folder_of)
    assert got["score"] == pytest.approx((0 + 0.25 + 0.5 + 0.75) / 4)
    with open_store(tmp_path / "runs") as store:
        facts = store.results(store.runs()[0].id)[0].protocol.facts
    assert facts["gradings"] == "as the files have them"


@pytest.mark.parametrize(
    ("row", "reply"),
    [
        ({"score": 0.5}, "0.5"),
        ({"score": ["0.5", 1]}, "0.75"),
        ({"score": [0, 1.5]}, "0, 1.5"),  # not 0.75
        ({"score": [True]}, None),
        ({"score": [], "content": ["0.6"]}, "0.6"),
        ({"answer": "x", "score": 0.9}, None),  # of whom, is not known
    ],
)
def test_the_forms_of_a_grade_of_mm_vet(row: dict, reply: str | None) -> None:
    assert Mmvet.answer_form.reply(row, "mmvet", True) == reply


def test_reviews_of_which_no_row_holds_a_reply_are_refused(score, folder_of: DataFolder, tmp_path: Path) -> None:
    question = {"imagename": "a.jpg", "question": "?", "answer": "x", "capability": ["ocr"]}
    put(folder_of, "mmvet/mm-vet.json", {"v1_0": question})
    answers, grades = write(tmp_path / "results.json", {"v1_0": "x"}), write(tmp_path / "grades.json", {"v1_0": 0.5})
    with pytest.raises(DataError, match="entry v1_0 holds no reply of the judge in a form that is read"):
        score("mmvet", "--answers", answers, "--reviews", grades, data=folder_of)


def test_textvqa_and_gqa_as_llava_writes_them(score, folder_of: DataFolder, tmp_path: Path) -> None:
    data = [{"question_id": n, "image_id": "ab", "question": f"What is {n}?", "answers": [str(n)] * 10} for n in range(3)]
    put(folder_of, "textvqa/TextVQA_0.5.1_val.json", {"data": data})
    ending = "\nReference OCR token: x\nAnswer the question using a single word or phrase."
    rows = [{"question_id": "ab", "prompt": f"What is {n}?{ending}", "text": str(n % 2)} for n in range(3)]
    assert score("textvqa", "--answers", write(tmp_path / "a.jsonl", rows), data=folder_of)["accuracy"] == pytest.approx(2 / 3)


def test_gqas_submission(score, folder_of: DataFolder, tmp_path: Path) -> None:
    questions = {
        f"0{n}": {"question": "?", "answer": "dog", "imageId": "1", "types": {"structural": "query"}} for n in range(2)
    }
    put(folder_of, "gqa/testdev_balanced_questions.json", questions)
    rows = [{"questionId": "00", "prediction": "dog"}, {"questionId": "01", "prediction": "a dog"}]
    assert score("gqa", "--answers", write(tmp_path / "a.json", rows), data=folder_of)["accuracy"] == 0.5


def test_object_halbench_with_the_extracted_lists(score, tmp_path: Path) -> None:
    folder = DataFolder(tmp_path)
    put_coco(folder, {1: ["dog"], 2: ["cat"]}, {})
    rows = [{"image_id": 1, "question": "Describe it."}, {"image_id": 2, "question": "Describe it."}]
    put(folder, "object_halbench/obj_halbench_300_with_image.jsonl", rows)
    answers = [{**row, "answer": "There is a big dog here.", "extract_objs": ["dog"]} for row in rows]
    file = write(tmp_path / "a.jsonl", answers)
    got = score("object_halbench", "--answers", file, "extractor=judge", "tagger=nltk", data=folder)
    assert got["response_hall"] == 0.5 and got["object_recall"] == 0.5


@pytest.mark.parametrize(("name", "words"), [("chair", []), ("object_halbench", ["extractor=plain"])])
@pytest.mark.parametrize("place", ["", "coco/val2014/", "VG_100K/"])
def test_answers_go_by_the_file_of_their_image_and_not_by_the_numbers_in_its_name(
    score, folder_of: DataFolder, tmp_path: Path, name: str, words: list[str], place: str
) -> None:
    own_coco(folder_of, "val", FROM_ZERO)
    question = "Please describe this image in detail."
    asked = [{"image": file, "image_id": own, "question": question} for own, file in FROM_ZERO.items()]
    put(folder_of, "object_halbench/obj_halbench_300_with_image.jsonl", asked)
    said = zip(FROM_ZERO.values(), ("cat", "dog", "car"), strict=True)
    rows = [{"image": f"{place}{file}", "question": question, "text": f"There is a {o} here."} for file, o in said]
    rows[1]["image"] = "photo_2.png"
    score(name, "--answers", write(folder_of.folder / "a.jsonl", rows), *words, data=folder_of)
    with open_store(tmp_path / "runs") as store:
        (record,) = records_of(store, "a")
    values = [one.values for one in record.sweeps[0].results[0].scores if one.values.get("mentions")]
    assert values and all(v["true_found"] == v["true_total"] == 1 and not v["invented"] for v in values)
    assert ("2 rows without an item" in score.said) == (place == "VG_100K/")
    listed = f"A file of this name is listed as 'coco/val2014/{FROM_ZERO[0]}', in another folder."
    assert (listed in score.said) == (place == "VG_100K/")


@pytest.fixture
def folder_of(tmp_path: Path) -> DataFolder:
    (tmp_path / "data").mkdir()
    return DataFolder(tmp_path / "data", tmp_path / "cache")
