"""Files that several preference sources read, for `fetch`: names, origin, licence, target."""

from __future__ import annotations

from harness.core.capabilities import OfficialFile

_HUB = "https://huggingface.co/datasets"


def hub_file(name: str, dataset: str, licence: str, file: str = "", confirmed: bool = True) -> OfficialFile:
    """A file of a dataset on the Hugging Face hub; `file` is its name there, that of `name` by default.

    `confirmed`: whether that name was seen in use by others; docs/robustness.md lists what was looked up.
    """
    there = file or name.rsplit("/", 1)[-1]
    url = f"{_HUB}/{dataset}/resolve/main/{there}"
    how = f"copy {there}" + ("" if confirmed else "; this name is unconfirmed, see the dataset's list of files")
    return OfficialFile(name, f"{dataset} on the Hugging Face hub", licence, how, url=url)


TRAIN_IMAGES = OfficialFile(
    "coco/train2014",
    "COCO 2014 training images, 13 GB",
    "Flickr terms",
    "unpack train2014.zip in coco/",
    url="http://images.cocodataset.org/zips/train2014.zip",
    member="train2014/",
)
INSTRUCT = hub_file("instruct/llava_instruct_150k.json", "liuhaotian/LLaVA-Instruct-150K", "CC BY 4.0")
PROMPT_FILES = (INSTRUCT, TRAIN_IMAGES)  # of the sources that answer prompts; their `prompts` and `image_folder` name them
