"""Sentence-level pairs: made from the policy, and trained behind their context as in the whole answer."""

from __future__ import annotations

import json
from dataclasses import replace

import pytest
import torch

from alignment.aligners.dpo import Dpo
from alignment.aligners.grpo import Grpo
from alignment.batching.collate import Row, make_row, score_rows, score_tokens, states
from alignment.batching.collate import collate as collated
from alignment.data.forms.object_annotations import read_objects
from alignment.data.forms.trl_rows import to_trl
from alignment.data.pairs import pairs_digest, read_pairs
from alignment.data.prompts import PROMPTS
from alignment.sources.sentences import Sentences
from harness.core.errors import ConfigError, DataError, TrainingError
from harness.core.preference import PreferencePair
from harness.models.transformers import TransformersModel
from harness.storage.data_folder import DataFolder
from tests.alignment.scripted import ScriptedModel, write_prompts
from tests.alignment.talker import FAST, Likes, Talker
from tests.alignment.tiny import TinyPolicy
from tests.alignment.training.test_train import make_pairs
from tests.pair_files import write_pairs


def world(folder, texts=("A cat.",)):
    data = write_prompts(folder, texts)
    (folder / "nouns.txt").write_text("cat, kitten\ndog\ncar\n")
    rows = json.loads(next(folder.glob("**/*.json")).read_text())
    names = [row["image"].rpartition("/")[2] for row in rows]
    instances = {
        "images": [{"id": i, "file_name": name} for i, name in enumerate(names)],
        "annotations": [{"image_id": i, "category_id": 1} for i in range(len(names))],
        "categories": [{"id": 1, "name": "cat"}, {"id": 2, "name": "dog"}],
    }
    (folder / "objects_train.json").write_text(json.dumps(instances))
    return data


def test_invented_sentences_are_set_against_true_ones_behind_a_clean_context(tmp_path):
    def say(request):
        return ("A cat sits.", "There is a dog.", "It is nice.")[request.decoding.seed % 3]

    model, made = ScriptedModel(say), Sentences(annotations="objects_train.json", n_samples=12, n_sentences=3)
    pairs = list(made.pairs(world(tmp_path), model, seed=0))
    assert {(p.chosen, p.rejected) for p in pairs} == {("A cat sits.", ("There is a dog.",))}
    assert [p.context for p in pairs] == ["", "A cat sits.", "A cat sits. A cat sits."]
    assert [r.prefix for call in model.calls for r in call[:1]] == [p.context for p in pairs]
    assert len({r.decoding.seed for call in model.calls for r in call}) == 36


def test_the_yield_counts_contexts_so_that_no_more_pairs_are_accepted_than_were_asked_for(tmp_path):
    def say(request):  # both sides behind nothing, then only sentences without an object
        return "It is nice." if request.prefix else ("A cat sits.", "A dog.")[request.decoding.seed % 2]

    data = world(tmp_path)
    (row,) = json.loads((tmp_path / PROMPTS).read_text())
    rows = [row, {**row, "id": "no image", "image": "nowhere.jpg"}, {**row, "id": "again"}]
    (tmp_path / PROMPTS).write_text(json.dumps(rows))
    made = Sentences(annotations="objects_train.json", n_samples=12, n_sentences=3)
    assert len(list(made.pairs(data, ScriptedModel(say), seed=0))) == 2
    report = made.report()
    assert (report["asked"], report["accepted"]) == (1 + 2 * 3, 2)
    assert report["dropped"] == {"missing image": 1, "no sentence with a counterpart": 2 * 2}


def test_a_reasoning_is_no_sentence_and_an_answer_behind_one_is(tmp_path):
    def say(request):
        return ("<think>no dog</think>A cat sits.", "There is a dog.", "<think>Is it a cat.")[request.decoding.seed % 3]

    data, made = world(tmp_path), Sentences(annotations="objects_train.json", n_samples=12, n_sentences=1)
    (pair,) = made.pairs(data, ScriptedModel(say), seed=0)
    assert (pair.chosen, pair.rejected) == ("A cat sits.", ("There is a dog.",))
    thinks = ScriptedModel(lambda request: "<think>There is a dog.")
    assert list(made.pairs(data, thinks, seed=0)) == []
    assert made.report()["dropped"] == {"the model reasons instead of answering (set model.enable_thinking=false)": 1}


def test_an_answer_that_only_invents_makes_no_pair_and_stops(tmp_path):
    model, made = ScriptedModel(lambda r: "A dog."), Sentences(annotations="objects_train.json")
    assert list(made.pairs(world(tmp_path), model, seed=0)) == []
    assert made.report()["dropped"] == {"no sentence with a counterpart": 1}
    assert len(model.calls) == 1


def test_annotations_of_benchmark_images_are_refused(tmp_path):
    data = world(tmp_path)
    with pytest.raises(ConfigError, match="training images only"):
        list(Sentences(annotations="coco/annotations/instances_val2014.json").pairs(data, ScriptedModel(str), 0))
    (tmp_path / "objects_train.json").write_text('{"images": 3}')
    with pytest.raises(DataError, match="not in COCO's instances format"):
        list(Sentences(annotations="objects_train.json").pairs(data, ScriptedModel(str), 0))


def annotated(folder, files, of=(), kinds=("cat", "dog")):
    """`files`: id and name; `of`: image id and category id."""
    value = {
        "images": [{"id": own, "file_name": name} for own, name in files],
        "annotations": [{"image_id": own, "category_id": kind} for own, kind in of],
        "categories": [{"id": n, "name": kind} for n, kind in enumerate(kinds)],
    }
    (folder / "objects_train.json").write_text(json.dumps(value))
    return read_objects(DataFolder(folder), "objects_train.json")


def test_images_of_one_name_in_two_folders_keep_their_own_objects(tmp_path):
    objects = annotated(tmp_path, [(1, "a/001.jpg"), ("2", "b/001.jpg")], [("1", 0), (2.0, "1")])
    asked = ["a/001.jpg", "img/b/001.jpg", "c/001.jpg", "001.jpg"]
    assert list(objects.of(asked).values()) == [{"cat"}, {"dog"}, None, None]


def test_files_of_one_name_have_no_objects_where_the_annotations_name_no_folder(tmp_path):
    objects = annotated(tmp_path, [(1, "001.jpg"), (9, "COCO_train2014_000000000009.jpg")], [(1, 0), (9, 1)])
    assert objects.of(["a/001.jpg"]) == {"a/001.jpg": {"cat"}}
    assert set(objects.of(["a/001.jpg", "b/001.jpg"]).values()) == {None}
    coco = ["coco/train2014/COCO_train2014_000000000009.jpg", "coco/train2017/000000000009.jpg", "vg/9.jpg"]
    assert list(objects.of(coco).values()) == [{"dog"}, {"dog"}, None]


def test_annotations_that_leave_open_whose_objects_they_are_are_refused(tmp_path):
    with pytest.raises(DataError, match=r"the images x.jpg and y.jpg have the same id 1"):
        annotated(tmp_path, [(1, "x.jpg"), ("1", "y.jpg")])
    with pytest.raises(DataError, match="an annotation is of image 2, which the file does not list"):
        annotated(tmp_path, [(1, "x.jpg")], [(2, 0)])
    with pytest.raises(DataError, match="has no annotation: every object would count as invented"):
        annotated(tmp_path, [(n, f"{n}.jpg") for n in range(9)])


@pytest.mark.parametrize("policy", ["tiny", "transformers"])
def test_a_sentence_has_the_log_probability_of_its_place_in_the_whole_answer(llava_next, images, policy):
    policy = TinyPolicy(llava_next) if policy == "tiny" else TransformersModel(str(llava_next), device="cpu")
    context, pair = "There is a white cup near the car.", make_pairs()[0]
    pair = replace(pair, chosen="There is a red cat.", rejected=("There is a dog.",), context=context)
    with torch.no_grad():
        (got,) = score_rows(policy, [make_row(policy, pair, images)])
        for value, text in zip(got, pair.answers, strict=True):
            whole = policy.answer_ids(images / pair.image, pair.prompt, f"{context} {text}")
            row = make_row(policy, replace(pair, context=""), images)
            batch = collated([Row("", row.prompt, (whole,))], policy.pad_token_id)
            tokens = score_tokens(policy, states(policy, batch), batch)
            begun = len(policy.answer_ids(images / pair.image, pair.prompt, context)) - 1
            assert float(value) == pytest.approx(float(tokens[begun:-1].sum()), abs=1e-4)  # no end token


def test_pairs_with_a_context_train_and_online_methods_refuse_them(llava_next, images, tmp_path):
    pairs = [replace(p, context="It is an image.") for p in make_pairs()]
    log = Dpo(training={**FAST, "epochs": 4}).align(TinyPolicy(llava_next), pairs, images, tmp_path / "a").log
    assert log[0]["loss"] == pytest.approx(0.6931, abs=1e-3) and log[-1]["rewards/margins"] > 0.001
    with pytest.raises(TrainingError, match="6 pairs give the beginning"):
        Grpo(Likes(), training=FAST).align(Talker(llava_next), pairs, images, tmp_path / "b")


def test_a_context_is_stored_digested_and_written_for_trl(tmp_path):
    pair = PreferencePair("a", "", "", "Q?", "Yes.", ("No.",), "t", {}, "Well.")
    plain = replace(pair, context="")
    write_pairs(tmp_path / "p", [pair])
    assert read_pairs(tmp_path / "p") == [pair]
    write_pairs(tmp_path / "q", [plain])
    assert "context" not in (tmp_path / "q").read_text()
    assert pairs_digest([pair]) != pairs_digest([plain])
    assert to_trl(pair)[0]["prompt"][-1] == {"role": "assistant", "content": "Well."}
