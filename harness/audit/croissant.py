"""A label revision as a data set with Croissant metadata (JSON-LD, mlcommons.org/croissant/1.0), to be cited and loaded.

Two files beside the metadata: the revision itself, and its edits as CSV, which the record set reads.

    mlcroissant.Dataset(jsonld="croissant.json").records("edits")
"""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Sequence
from dataclasses import fields
from hashlib import sha256
from typing import Any

from harness.core.evaluation import LabelEdit
from harness.storage.label_revisions import Revision, dumps

CONFORMS_TO = "http://mlcommons.org/croissant/1.0"
_ABOUT = {
    "benchmark": "benchmark whose label is edited",
    "item_id": "id of the item in the benchmark's official files",
    "field": "which label of the item",
    "old": "the published label",
    "new": "right (confirmed), flipped or removed (ambiguous)",
    "reviewer": "who judged it",
    "reason": "the reviewer's comment",
    "at": "when, ISO 8601",
    "about": "digest of the question and image that were judged; empty where it is not known",
}
_CONTEXT: dict[str, Any] = {
    "@language": "en",
    "@vocab": "https://schema.org/",
    "citeAs": "cr:citeAs",
    "column": "cr:column",
    "conformsTo": "dct:conformsTo",
    "cr": "http://mlcommons.org/croissant/",
    "data": {"@id": "cr:data", "@type": "@json"},
    "dataType": {"@id": "cr:dataType", "@type": "@vocab"},
    "dct": "http://purl.org/dc/terms/",
    "equivalentProperty": "cr:equivalentProperty",
    "examples": {"@id": "cr:examples", "@type": "@json"},
    "extract": "cr:extract",
    "field": "cr:field",
    "fileObject": "cr:fileObject",
    "fileProperty": "cr:fileProperty",
    "fileSet": "cr:fileSet",
    "format": "cr:format",
    "includes": "cr:includes",
    "isLiveDataset": "cr:isLiveDataset",
    "jsonPath": "cr:jsonPath",
    "key": "cr:key",
    "md5": "cr:md5",
    "parentField": "cr:parentField",
    "path": "cr:path",
    "rai": "http://mlcommons.org/croissant/RAI/",
    "recordSet": "cr:recordSet",
    "references": "cr:references",
    "regex": "cr:regex",
    "repeated": "cr:repeated",
    "replace": "cr:replace",
    "samplingRate": "cr:samplingRate",
    "sc": "https://schema.org/",
    "separator": "cr:separator",
    "source": "cr:source",
    "subField": "cr:subField",
    "transform": "cr:transform",
}


def files(revision: Revision, licence: str = "", url: str = "") -> dict[str, str]:
    """File name -> text: the revision, its edits as CSV, and `croissant.json`.

    `licence` and `url` (an address or an SPDX name, and where the data set lies) are left out where they are "": the
    specification recommends both.
    """
    name = revision.name
    made = {f"{name}.jsonl": dumps(revision), f"{name}.csv": _csv(revision)}
    kinds = {f"{name}.jsonl": "application/jsonlines", f"{name}.csv": "text/csv"}
    document = {
        "@context": _CONTEXT,
        "@type": "sc:Dataset",
        "name": name,
        "conformsTo": CONFORMS_TO,
        "description": _description(revision),
        "version": "1.0.0",
        "citeAs": revision.source,
        **({"license": licence} if licence else {}),
        **({"url": url} if url else {}),
        "creator": [{"@type": "sc:Person", "name": person} for person in _reviewers(revision)],
        "datePublished": max((edit.at[:10] for edit in revision.edits), default=""),
        "distribution": [_file(file, kinds[file], text) for file, text in made.items()],
        "recordSet": [_records(f"{name}.csv", _columns(revision))],
    }
    return {**made, "croissant.json": json.dumps(document, ensure_ascii=False, indent=2) + "\n"}


def _csv(revision: Revision) -> str:
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(_columns(revision))
    writer.writerows([getattr(edit, name) for name in _columns(revision)] for edit in revision.edits)
    return text.getvalue()


def _columns(revision: Revision) -> list[str]:
    """Without `about` where no edit has it, as revisions of earlier versions are written."""
    known = any(edit.about for edit in revision.edits)
    return [f.name for f in fields(LabelEdit) if known or f.name != "about"]


def _description(revision: Revision) -> str:
    benchmarks = ", ".join(dict.fromkeys(edit.benchmark for edit in revision.edits)) or "no benchmark"
    return (
        f"{len(revision.edits):,} reviewed labels of {benchmarks} as edits of the official ones: confirmed, flipped or "
        f"removed. Digest of the edits: {revision.digest}."
    )


def _reviewers(revision: Revision) -> list[str]:
    return list(dict.fromkeys(edit.reviewer for edit in revision.edits if edit.reviewer)) or ["unknown"]


def _file(name: str, kind: str, text: str) -> dict[str, str]:
    content = text.encode()
    return {
        "@type": "cr:FileObject",
        "@id": name,
        "name": name,
        "contentUrl": name,
        "contentSize": f"{len(content)} B",
        "encodingFormat": kind,
        "sha256": sha256(content).hexdigest(),
    }


def _records(file: str, columns: Sequence[str]) -> dict[str, Any]:
    return {
        "@type": "cr:RecordSet",
        "@id": "edits",
        "name": "edits",
        "field": [
            {
                "@type": "cr:Field",
                "@id": f"edits/{name}",
                "name": name,
                "description": _ABOUT[name],
                "dataType": "sc:Text",
                "source": {"fileObject": {"@id": file}, "extract": {"column": name}},
            }
            for name in columns
        ],
    }
