"""Checkpoints that are broken or unusual: one clear line, or an answer that says what is unusual about it."""

from __future__ import annotations

import json
import os
import resource
import shutil
from pathlib import Path

import pytest
import tiny_families
import torch
import transformers
from safetensors.torch import load_file, save_file
from tiny_models import tokenizer

from harness.core.digests import model_digest
from harness.core.errors import ModelError
from harness.core.evaluation import Decoding, Request
from harness.core.plugins import KEPT
from harness.evaluation.checkpoint_checks import require_sound
from harness.models._checkpoint import loading
from harness.models._checkpoint.loading import load, resolve
from harness.models._checkpoint.own_files import identity_ahead, identity_of, require_own_files
from harness.models._checkpoint.requirements import two_sets
from harness.models.transformers import TransformersModel

READ = (
    *("model.safetensors", "model-00001-of-00002.safetensors", "model.safetensors.index.json", "config.json"),
    *("generation_config.json", "chat_template.jinja", "chat_template.json", "processor_config.json"),
    *("preprocessor_config.json", "tokenizer.json", "tokenizer_config.json", "special_tokens_map.json", "added_tokens.json"),
    *("vocab.json", "merges.txt", "tokenizer.model", "source.spm", "vocab.bpe", "modeling_own.py", "processing_own.py"),
)
PICKLES = ("pytorch_model.bin", "consolidated.00.pth", "model.pt", "model.ckpt", "weights.pkl", "PYTORCH_MODEL.BIN")


@pytest.fixture
def folder(llava_folder: Path, tmp_path: Path) -> Path:
    """A copy to break."""
    return Path(shutil.copytree(llava_folder, tmp_path / "model"))


def test_a_checkpoint_without_a_chat_template_is_told_what_to_add(folder: Path, images: list[Path]) -> None:
    (folder / "chat_template.jinja").unlink()
    model = TransformersModel(str(folder), device="cpu")
    with pytest.raises(ModelError, match="no usable chat template.*chat_template.jinja"):
        list(model.generate([Request(images[0], "Why?")]))


def test_a_model_that_has_no_end_token_stops_at_the_limit_and_says_so(folder: Path, images: list[Path]) -> None:
    for name in ("tokenizer_config.json", "generation_config.json", "config.json"):
        text = json.loads((folder / name).read_text())
        for part in (text, text.get("text_config", {})):
            part.pop("eos_token", None)
            part["eos_token_id"] = None
        (folder / name).write_text(json.dumps(text))
    model = TransformersModel(str(folder), device="cpu")
    assert not model.end_ids()
    (((_, answer),),) = model.generate([Request(images[0], "Why?", Decoding(9, min_new_tokens=3))])
    assert (answer.n_tokens, answer.stopped) == (9, "length")


def test_weights_that_miss_a_tensor_are_refused_rather_than_drawn_at_random(folder: Path) -> None:
    weights = load_file(folder / "model.safetensors")
    del weights[next(name for name in weights if "q_proj" in name)]
    save_file(weights, folder / "model.safetensors", metadata={"format": "pt"})
    with pytest.raises(ModelError, match="not complete: 1 are missing, .*q_proj.*Copy or train"):
        TransformersModel(str(folder), device="cpu")


def test_a_folder_without_weights_is_one_line(folder: Path) -> None:
    (folder / "model.safetensors").unlink()
    with pytest.raises(ModelError, match=r"does not load: .*(safetensors|weights)") as caught:
        TransformersModel(str(folder), device="cpu")
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("name", ["model.safetensors", "tokenizer.json", "processor_config.json", "chat_template.jinja"])
@pytest.mark.parametrize("kind", ["link", "folder"])
def test_a_link_into_an_emptied_cache_and_a_folder_are_named_as_what_stands_in_the_place_of_a_file(kind, name, folder) -> None:
    (folder / name).unlink()
    (folder / name).mkdir() if kind == "folder" else (folder / name).symlink_to("../blobs/ab12")
    says = "is a folder, not a file" if kind == "folder" else "is a link to ../blobs/ab12, which is not there"
    with pytest.raises(ModelError, match=rf"{name} {says}\. Copy the checkpoint again"):
        TransformersModel(str(folder), device="cpu")


def test_a_folder_without_a_processor_is_told_where_to_take_it_from(folder: Path) -> None:
    for path in [*folder.glob("*processor*"), *folder.glob("tokenizer*")]:
        path.unlink()
    with pytest.raises(ModelError, match="processor of .* does not load.*model it was trained from"):
        TransformersModel(str(folder), device="cpu")


@pytest.mark.parametrize("name", ["gemma3", "paligemma", "llava_next, Mistral with a window"])
def test_flash_attention_is_refused_where_masks_of_its_own_are_needed(name: str, tmp_path: Path) -> None:
    config, *_ = tiny_families.CHECKPOINTS[name]()
    config.save_pretrained(tmp_path)
    says = r"flash_attention_2 cannot be used with this .* Set model\.attention=sdpa\."
    with pytest.raises(ModelError, match=says) as caught:
        TransformersModel(str(tmp_path), device="cpu", attention="flash_attention_2")
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    ("kind", "says"),
    [
        ("molmo2", "'molmo2', whose image processor .* for torchvision alone"),
        ("gemma4_unified", "for torchvision alone"),
        ("llama4", "'llama4', whose image processor .* for torchvision alone"),
        ("llavaonevision1_5", r"has no model of type 'llavaonevision1_5' .*model\.remote_code=true"),
    ],
)
def test_families_that_cannot_be_loaded_are_refused_before_their_weights_are_read(kind: str, says: str, tmp_path: Path) -> None:
    (tmp_path / "config.json").write_text(json.dumps({"model_type": kind}))
    with pytest.raises(ModelError, match=says):
        TransformersModel(str(tmp_path), device="cpu")


def test_a_class_that_holds_its_parts_without_a_model_between_is_evaluated_one_by_one(
    tmp_path: Path, images: list[Path]
) -> None:
    """BLIP-2, for one."""
    eyes = {**tiny_families.EYES, "image_size": 32, "patch_size": 8}
    asks = {**tiny_families.EYES, "encoder_hidden_size": 32, "vocab_size": 50}
    text = transformers.OPTConfig(**tiny_families.ENDS, hidden_size=48, ffn_dim=64, num_hidden_layers=2, word_embed_proj_dim=48)
    config = transformers.Blip2Config(
        vision_config=eyes, qformer_config=asks, text_config=text, num_query_tokens=4, image_token_index=3
    )
    transformers.AutoModelForImageTextToText.from_config(config).save_pretrained(tmp_path)
    words, named = tokenizer(vocabulary=380).backend_tokenizer, {"pad_token": "<pad>", "bos_token": "<s>", "eos_token": "</s>"}
    transformers.PreTrainedTokenizerFast(tokenizer_object=words, **named).save_pretrained(tmp_path)
    transformers.BlipImageProcessorPil(size={"height": 32, "width": 32}).save_pretrained(tmp_path)
    (tmp_path / "processor_config.json").write_text('{"processor_class": "Blip2Processor", "num_query_tokens": 4}')
    (tmp_path / "chat_template.jinja").write_text(tiny_families.SAY.replace("IMAGE", ""))  # the processor puts it in front
    model = TransformersModel(str(tmp_path), device="cpu")
    assert not hasattr(model.module, "model") and model.unshared.startswith("requests go one by one")
    (((_, answer),),) = model.generate([Request(images[0], "Is there a cat?", Decoding(24, min_new_tokens=24))])
    assert (answer.n_tokens, answer.stopped) == (24, "length")  # its language model's own limit is 20


@pytest.mark.parametrize(("part", "name"), [("AutoModelForImageTextToText", "checkpoint"), ("AutoProcessor", "processor")])
def test_a_library_that_is_not_installed_is_named_without_advice_on_files(
    part: str, name: str, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(*_: object, **__: object) -> None:
        raise ImportError("TimmWrapperModel requires the timm library but it was not found in your environment.")

    monkeypatch.setattr(getattr(transformers, part), "from_pretrained", refuse)
    monkeypatch.setattr(loading, "_processor_class", lambda *_: None)
    with pytest.raises(ModelError, match=rf"{name} .*does not load: TimmWrapperModel requires .* environment\.$"):
        TransformersModel(str(folder), device="cpu")


def test_an_attention_that_is_not_installed_is_one_line(folder: Path) -> None:
    with pytest.raises(ModelError, match="does not load: .*flash_attn|does not load: .*FlashAttention2") as caught:
        TransformersModel(str(folder), device="cpu", attention="flash_attention_2")
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("written", ['{"base_model_name_or_path": "/gone/base"}', "{}", "{half"])
def test_an_adapter_without_its_base_is_named(tmp_path: Path, written: str) -> None:
    (tmp_path / "adapter_config.json").write_text(written)
    with pytest.raises(ModelError, match=r"adapter .*cannot find its base model|does not name the base model"):
        TransformersModel(str(tmp_path), device="cpu")


def test_a_processor_of_another_model_is_told_from_the_number_of_features(folder: Path, images: list[Path]) -> None:
    settings = json.loads((folder / "processor_config.json").read_text()) | {"patch_size": 16}
    (folder / "processor_config.json").write_text(json.dumps(settings))
    with pytest.raises(ModelError, match="Processor and weights do not belong together"):
        list(TransformersModel(str(folder), device="cpu").generate([Request(images[0], "Why?")]))


def test_a_configuration_with_another_number_of_the_image_token_is_told_so(folder: Path, images: list[Path]) -> None:
    config = json.loads((folder / "config.json").read_text())
    write(folder / "config.json", config | {"image_token_index": config["image_token_index"] + 1})
    model = TransformersModel(str(folder), device="cpu")
    with pytest.raises(ModelError, match=r"config.json gives 4 as the number of the image token, but .* writes <image> as 3\."):
        list(model.one_by_one().generate([Request(images[0], "Is there a cat?", Decoding(2))]))


# ---------------------------------------------------------------- what a base model is computed from


def write(path: Path, value: object) -> None:
    path.write_text(json.dumps(value), encoding="utf-8")


@pytest.mark.parametrize("name", READ)
def test_a_file_that_is_read_and_overwritten_makes_another_checkpoint(name: str, tmp_path: Path) -> None:
    (tmp_path / name).write_text("one")
    before = model_digest(tmp_path)
    (tmp_path / name).write_text("two")
    assert model_digest(tmp_path) != before


def test_an_adapters_configuration_that_is_overwritten_makes_another_checkpoint(tmp_path: Path) -> None:
    write(tmp_path / "adapter_config.json", {"lora_alpha": 8})
    before = model_digest(tmp_path)
    write(tmp_path / "adapter_config.json", {"lora_alpha": 16})
    assert model_digest(tmp_path) != before


@pytest.mark.parametrize("name", PICKLES)
def test_a_model_that_has_only_pickled_weights_is_refused(name: str, folder: Path) -> None:
    (folder / "model.safetensors").rename(folder / name)
    with pytest.raises(ModelError, match=rf"it has only {name}, .*safetensors only.*save_pretrained"):
        resolve(str(folder))


def test_pickled_weights_beside_safetensors_are_named_and_never_read(folder: Path) -> None:
    before = TransformersModel(str(folder), device="cpu")
    for name in PICKLES:
        (folder / name).write_bytes(b"rubbish that no unpickler would accept")
    after = TransformersModel(str(folder), device="cpu")
    found = next(iter(after.checks((), training=False)))
    assert (found.what, found.state) == ("weights", "note")
    assert all(name in found.words for name in PICKLES)
    assert after.checkpoint.digest == before.checkpoint.digest
    assert all(a.equal(b) for a, b in zip(after.module.parameters(), before.module.parameters(), strict=True))


@pytest.mark.parametrize(
    "name", ["../other/model.safetensors", "sub/model.safetensors", "/tmp/model.safetensors", "weights.bin"]
)
def test_weights_named_outside_the_folder_or_as_a_pickle_are_refused(name: str, folder: Path) -> None:
    write(folder / "model.safetensors.index.json", {"weight_map": {"a": name}})
    with pytest.raises(ModelError, match=rf"index\.json names {name}; only \*\.safetensors"):
        resolve(str(folder))
    (folder / "model.safetensors.index.json").unlink()
    config = json.loads((folder / "config.json").read_text())
    write(folder / "config.json", config | {"transformers_weights": name})
    with pytest.raises(ModelError, match=rf"config\.json names {name}; only \*\.safetensors"):
        resolve(str(folder))


@pytest.mark.parametrize("index", ["[]", "{", '{"weight_map": ["a"]}', "{}"])
def test_both_readers_of_a_damaged_index_of_weights_name_it(index: str, folder: Path) -> None:
    (folder / "model.safetensors.index.json").write_text(index)
    for read in (require_own_files, two_sets):
        with pytest.raises(ModelError, match=r"model\.safetensors\.index\.json is not .*Copy the checkpoint again\."):
            read(folder)


def test_code_of_another_repository_is_refused_where_remote_code_is_allowed(folder: Path) -> None:
    config = json.loads((folder / "config.json").read_text())
    write(folder / "config.json", config | {"auto_map": {"AutoModel": "owner/name--modeling_own.Model"}})
    with pytest.raises(ModelError, match="names code outside its folder .owner/name--modeling_own"):
        load(str(folder), (), torch.float32, "sdpa", remote_code=True)
    TransformersModel(str(folder), device="cpu")  # refused code is never run, so it changes nothing


@pytest.mark.parametrize("device", ["cuda", "cuda:3"])
def test_a_gpu_that_is_not_there_is_one_line(folder: Path, device: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("torch.cuda.is_available", lambda: False)
    with pytest.raises(ModelError, match=f"model.device is {device}, .*sees no GPU here. Set model.device=auto"):
        TransformersModel(str(folder), device=device)


def test_a_device_that_does_not_exist_is_one_line(folder: Path) -> None:
    with pytest.raises(ModelError, match="There is no device 'gpu'. Set model.device"):
        TransformersModel(str(folder), device="gpu")


def test_a_processor_without_a_patch_size_is_told_which_one(folder: Path) -> None:
    text = json.loads((folder / "processor_config.json").read_text())
    its = text.pop("patch_size")
    (folder / "processor_config.json").write_text(json.dumps(text))
    with pytest.raises(ModelError, match=f'has no patch_size.*Add "patch_size": {its} to its processor_config.json'):
        TransformersModel(str(folder), device="cpu")


def test_a_tokenizer_with_more_tokens_than_the_model_has_embeddings_is_refused(folder: Path) -> None:
    config, weights = json.loads((folder / "config.json").read_text()), load_file(folder / "model.safetensors")
    size = config["text_config"]["vocab_size"]
    config["text_config"]["vocab_size"] = size - 60
    whole = {name: w[: size - 60].clone() if len(w) == size else w for name, w in weights.items()}
    save_file(whole, folder / "model.safetensors", metadata={"format": "pt"})
    (folder / "config.json").write_text(json.dumps(config))
    with pytest.raises(ModelError, match=f"tokens? without an embedding .*the model has {size - 60} embeddings"):
        TransformersModel(str(folder), device="cpu")


def test_a_template_that_refuses_a_conversation_says_its_reason(folder: Path, images: list[Path]) -> None:
    (folder / "chat_template.jinja").write_text("{{ raise_exception('only users may speak') }}")
    model = TransformersModel(str(folder), device="cpu")
    with pytest.raises(ModelError, match="chat_template.jinja fails .TemplateError: only users may speak"):
        list(model.generate([Request(images[0], "Why?")]))


def test_a_template_that_would_fill_the_memory_is_refused_before_it_is_rendered(folder: Path) -> None:
    (folder / "chat_template.jinja").write_text("{{ 'x' * 9999999999 }}")
    with pytest.raises(ModelError, match="repeats a text more than 10,000 times in line 1"):
        TransformersModel(str(folder), device="cpu")


@pytest.mark.parametrize("template", [
    "{% for a in range(90000) %}{% for b in range(90000) %}{% for c in range(90000) %}{% endfor %}{% endfor %}{% endfor %}",
    "{% set n = namespace(x='ab') %}{% for i in range(60) %}{% set n.x = n.x ~ n.x %}{% endfor %}{{ n.x }}",
    "{{ 'x'|center(100000000000) }}",
    "{% macro f() %}{{ f() }}{% endmacro %}{{ f() }}",
    "{{ messages[0].nothing.at_all }}",
])  # fmt: skip
def test_a_template_has_a_second_and_half_a_gib(folder: Path, images: list[Path], template: str) -> None:
    (folder / "chat_template.jinja").write_text(template)
    model = TransformersModel(str(folder), device="cpu")
    with pytest.raises(ModelError, match="chat_template.jinja fails"):
        list(model.generate([Request(images[0], "Why?")]))


def test_more_layers_than_any_model_has_are_refused_before_they_are_built(folder: Path) -> None:
    config = json.loads((folder / "config.json").read_text())
    config["text_config"]["num_hidden_layers"] = 2_000_000
    (folder / "config.json").write_text(json.dumps(config))
    with pytest.raises(ModelError, match="num_hidden_layers = 2,000,000; at most 1,000"):
        TransformersModel(str(folder), device="cpu")


def test_an_end_token_that_is_not_an_integer_is_named(folder: Path) -> None:
    path = folder / "generation_config.json"
    path.write_text(json.dumps({**json.loads(path.read_text()), "eos_token_id": [2, {"id": 3}]}))
    with pytest.raises(ModelError, match="names {'id': 3} as an end token"):
        list(TransformersModel(str(folder), device="cpu").generate([Request(None, "Hello?", Decoding(2))]))


def test_a_config_of_a_larger_model_than_its_weights_is_refused_before_it_is_built(folder: Path) -> None:
    """Without its text model a LLaVA's config stands for one of 7 billion parameters: 26 GiB of random numbers."""
    path = folder / "config.json"
    config = json.loads(path.read_text())
    del config["text_config"]
    path.write_text(json.dumps(config))
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    with pytest.raises(
        ModelError, match=r"config.json describes a model of 6,[\d,]+ parameters, and the weights beside it hold"
    ):
        load(str(folder), (), torch.float32, "sdpa", remote_code=False)
    assert resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before < 1 << 20  # KiB


@pytest.mark.parametrize("part", ["text_config", "vision_config"])
def test_layers_that_are_stored_and_not_computed_stop_a_sweep(part: str, folder: Path) -> None:
    config = json.loads((folder / "config.json").read_text())
    config[part]["num_hidden_layers"] = 1
    write(folder / "config.json", config)
    with pytest.raises(ModelError, match=r"check of its weights: \d+ stored tensors have no place in the model"):
        require_sound("base", TransformersModel(str(folder), device="cpu"), print)
    require_sound("base", TransformersModel(str(folder), device="cpu", despite=["weights"]), print)


def test_other_weights_in_shards_beside_the_single_file_stop_a_sweep(folder: Path) -> None:
    """As `save_pretrained` leaves them that writes shards into a folder with a single file."""
    weights = load_file(folder / "model.safetensors")
    name = next(iter(weights))
    places = dict.fromkeys(weights, "model-00001-of-00002.safetensors") | {name: "model-00002-of-00002.safetensors"}
    save_file({k: v for k, v in weights.items() if k != name}, folder / "model-00001-of-00002.safetensors")
    save_file({name: weights[name]}, folder / "model-00002-of-00002.safetensors")
    write(folder / "model.safetensors.index.json", {"weight_map": places})
    require_sound("base", TransformersModel(str(folder), device="cpu"), print)  # the same weights twice do no harm
    save_file({name: weights[name] + 1}, folder / "model-00002-of-00002.safetensors")
    with pytest.raises(ModelError, match=rf"holds weights twice, and they differ \({name} the first\)"):
        require_sound("base", TransformersModel(str(folder), device="cpu"), print)
    save_file({"other": weights[name]}, folder / "model-00002-of-00002.safetensors")  # not what the index says
    with pytest.raises(ModelError, match=rf"holds weights twice, and they differ \({name} the first\)"):
        require_sound("base", TransformersModel(str(folder), device="cpu"), print)
    (folder / "model-00001-of-00002.safetensors").unlink()  # an index that leads nowhere
    require_sound("base", TransformersModel(str(folder), device="cpu"), print)


def test_a_processor_class_of_another_family_is_a_failing_pass_and_no_error_of_ours(folder: Path) -> None:
    config = json.loads((folder / "processor_config.json").read_text())
    write(folder / "processor_config.json", {**config, "processor_class": "Qwen2VLProcessor"})
    with pytest.raises(ModelError, match=r"a pass of the model fails \(AttributeError: .*Compare config.json and"):
        require_sound("base", TransformersModel(str(folder), device="cpu"), print)


def test_a_configuration_with_a_byte_order_mark_is_told_to_be_saved_without(folder: Path) -> None:
    (folder / "config.json").write_text((folder / "config.json").read_text(), encoding="utf-8-sig")
    with pytest.raises(ModelError, match=r"config.json begins with a byte order mark.* Save it as UTF-8 without"):
        TransformersModel(str(folder), device="cpu")


def test_a_loop_of_links_is_called_one(folder: Path) -> None:
    (folder / "tokenizer.json").unlink()
    (folder / "tokenizer.json").symlink_to("other.json")
    (folder / "other.json").symlink_to("tokenizer.json")
    with pytest.raises(ModelError, match=r"is a loop of links\. Copy the checkpoint again"):
        TransformersModel(str(folder), device="cpu")


def test_a_shard_that_is_missing_is_named(folder: Path) -> None:
    names = list(load_file(folder / "model.safetensors"))
    (folder / "model.safetensors").rename(folder / "model-00001-of-00002.safetensors")
    places = {name: f"model-0000{1 + (n > 3)}-of-00002.safetensors" for n, name in enumerate(names)}
    write(folder / "model.safetensors.index.json", {"weight_map": places})
    says = r"model.safetensors.index.json names model-00002-of-00002.safetensors, which is not there. Copy that file too\."
    with pytest.raises(ModelError, match=says):
        TransformersModel(str(folder), device="cpu")


def test_weights_of_another_size_than_the_configuration_says_are_named_with_both(folder: Path) -> None:
    config = json.loads((folder / "config.json").read_text())
    rows = config["text_config"]["vocab_size"]
    write(folder / "config.json", {**config, "text_config": {**config["text_config"], "vocab_size": rows - 10}})
    says = (
        rf"do not fit its config.json: lm_head.weight is \[{rows}, \d+\] in the files and \[{rows - 10}, \d+\] by config.json"
    )
    with pytest.raises(ModelError, match=says):
        TransformersModel(str(folder), device="cpu")


def test_buffers_that_older_versions_stored_are_nothing_lost(folder: Path) -> None:
    weights = load_file(folder / "model.safetensors")
    weights["model.language_model.layers.0.self_attn.rotary_emb.inv_freq"] = torch.ones(6)
    save_file(weights, folder / "model.safetensors", metadata={"format": "pt"})
    require_sound("base", TransformersModel(str(folder), device="cpu"), print)


@pytest.mark.parametrize("name", ["generation_config.json", "processor_config.json", "config.json"])
@pytest.mark.parametrize("text", ['{"eos_token_id": 2', "[]"])
def test_a_damaged_configuration_is_named_and_not_left_out(name: str, text: str, folder: Path) -> None:
    (folder / name).write_text(text)
    with pytest.raises(ModelError, match=f"{name} is not (JSON|a JSON object).*Copy the checkpoint again"):
        TransformersModel(str(folder), device="cpu")


def test_a_setting_of_generation_config_that_transformers_refuses_is_named(folder: Path, images: list[Path]) -> None:
    write(folder / "generation_config.json", {"repetition_penalty": 0, "eos_token_id": 2})
    model = TransformersModel(str(folder), device="cpu")
    with pytest.raises(
        ModelError, match=r"generation_config .*\(repetition_penalty=0\) cannot be applied: .*strictly positive"
    ):
        list(model.generate([Request(images[0], "Why?")]))


def test_log_probabilities_that_are_not_numbers_are_refused(folder: Path, images: list[Path]) -> None:
    weights = load_file(folder / "model.safetensors")
    weights[next(name for name in weights if "vision" in name and "q_proj.weight" in name)][0] = torch.nan
    save_file(weights, folder / "model.safetensors", metadata={"format": "pt"})
    model = TransformersModel(str(folder), device="cpu")
    with pytest.raises(ModelError, match="logits are not finite"):
        model.log_probs([Request(images[0], "Why?")], ["Yes"])


def test_the_identity_that_a_thread_computes_is_the_one_of_this_and_so_are_its_errors(folder: Path, tmp_path: Path) -> None:
    ahead = identity_ahead(str(folder), str(folder), ())
    assert ahead.result() == identity_of(str(folder), str(folder), ())
    (folder / "more.txt").symlink_to(tmp_path / "gone")
    with pytest.raises(FileNotFoundError, match="more.txt"):
        identity_ahead(str(folder), str(folder), ()).result()


def test_a_digest_that_a_worker_keeps_is_not_that_of_files_changed_in_place_at_their_old_time(folder: Path) -> None:
    before, file, token = identity_of(str(folder), str(folder), ()), folder / "config.json", KEPT.set({})
    try:
        assert identity_of(str(folder), str(folder), ()) == before
        time = file.stat().st_mtime_ns
        file.write_text(file.read_text().swapcase())
        os.utime(file, ns=(time, time))
        assert identity_of(str(folder), str(folder), ()).checkpoint.digest == model_digest(folder) != before.checkpoint.digest
    finally:
        KEPT.reset(token)
