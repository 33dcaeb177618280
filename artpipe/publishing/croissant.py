"""A dataset as Croissant 1.0: JSON-LD of its files and the records in them.

https://docs.mlcommons.org/croissant/docs/croissant-spec.html; everything in it comes from artifacts.
"""

import json
import os
import re
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from artpipe.artifacts import paths
from artpipe.artifacts.shards import SPLITS
from artpipe.artifacts.works import Works
from artpipe.contracts.plugin_info import medium_info
from artpipe.errors import UserError
from artpipe.language.licence_addresses import licence_address
from artpipe.publishing.card_artifacts import DatasetArtifacts
from artpipe.publishing.card_tables import UNKNOWN
from artpipe.publishing.dataset_card_parts import make_citation
from artpipe.site.translation import clean_line
from artpipe.system.hashing import sha256_bytes
from artpipe.system.plain_text import hide_passwords

VERSION = "http://mlcommons.org/croissant/1.0"
_MAXIMUM_CREATORS = 100
_FORMATS = {".parquet": "application/x-parquet", ".tar": "application/x-tar"}
_TENSORS = "application/octet-stream"  # safetensors have no type of their own
_PREFIX = 8  # hex digits, by which no two of a dataset's works and tar files are alike but by intent
_ORIGINALS, _WORKS, _RECORD = "originals", "works.parquet", "record.parquet"
_SPLIT_ADDRESSES = {"train": "cr:TrainingSplit", "validation": "cr:ValidationSplit", "test": "cr:TestSplit"}
_CR_PROPERTIES = (
    *("citeAs", "column", "extract", "field", "fileProperty", "fileObject", "fileSet", "format"),
    *("includes", "isLiveDataset", "jsonPath", "key", "md5", "parentField", "path", "recordSet"),
    *("references", "regex", "repeated", "replace", "separator", "source", "subField", "transform"),
    *("equivalentProperty", "samplingRate"),
)
_CONTEXT: Mapping[str, Any] = {  # as the specification has it
    "@language": "en",
    "@vocab": "https://schema.org/",
    "cr": "http://mlcommons.org/croissant/",
    "rai": "http://mlcommons.org/croissant/RAI/",
    "dct": "http://purl.org/dc/terms/",
    "sc": "https://schema.org/",
    **{name: f"cr:{name}" for name in _CR_PROPERTIES},
    "conformsTo": "dct:conformsTo",
    "data": {"@id": "cr:data", "@type": "@json"},
    "dataType": {"@id": "cr:dataType", "@type": "@vocab"},
    "examples": {"@id": "cr:examples", "@type": "@json"},
}


def make_croissant(dataset: DatasetArtifacts, folder: Path, root: Path = Path()) -> str:
    """Return the JSON-LD of a dataset.

    Args:
        dataset: its artifacts, its works among them.
        folder: where the JSON-LD will lie; addresses of files are relative to it.
        root: of the project.

    Raises:
        UserError: its works are not at hand.
    """
    works = dataset.works
    if works is None:
        place = paths.works(dataset.name) / "works.json"
        raise UserError(f"{place}: no such file; `dvc pull` brings it, `artpipe run ingest@{dataset.name}` makes it")
    about, licences = dataset.record.about, sorted(dataset.tallies["licence"])
    fields = {
        "@context": _CONTEXT,
        "@type": "sc:Dataset",
        "conformsTo": VERSION,
        "name": clean_line(dataset.title),
        "alternateName": dataset.name,
        "description": clean_line(about.description, 4000) or f"{dataset.record.kept} works.",
        "license": [licence_address(text) or clean_line(text) or UNKNOWN for text in licences],
        "creator": [_creator(name) for name in _list_creators(dataset)],
        "citeAs": make_citation(dataset),
        "version": f"1.0.0+{works.sha256[:12]}",  # of other works the build is another
        "url": about.origin if _is_address(about.origin) else "",
        "keywords": [word for word in ("artpipe", dataset.medium) if word],
        "distribution": list(_list_files(dataset, works, Path(os.path.relpath(root.resolve(), folder.resolve())))),
        "recordSet": list(_list_record_sets(dataset)),
    }
    return json.dumps({name: value for name, value in fields.items() if value}, indent=2, ensure_ascii=False) + "\n"


def _is_address(text: str) -> bool:
    return re.fullmatch(r"https?://[^\s<>\"'`\\]+", text) is not None and hide_passwords(text) == text


def _list_creators(dataset: DatasetArtifacts) -> list[str]:
    """Return the creators, those of most works first.

    The dataset's own where none is recorded.
    """
    creators = dataset.tallies["creator"].most_common(_MAXIMUM_CREATORS)
    names = [clean_line(name) for name, _ in creators if name and name != UNKNOWN]
    return list(dict.fromkeys(names)) or [clean_line(dataset.record.about.creator) or UNKNOWN]


def _creator(name: str) -> dict[str, Any]:
    return {"@type": ["sc:Person", "sc:Organization"], "name": name}  # nobody says which of both


def _list_files(dataset: DatasetArtifacts, works: Works, root: Path) -> Iterator[dict[str, Any]]:
    """Yield the files with their SHA-256, and the originals in the tar files."""
    folder, tars = root / paths.works(dataset.name), [name for name in works.card.files if name.endswith(".tar")]
    for name, sha256 in works.card.files.items():
        yield _file(name, folder, sha256, _FORMATS[Path(name).suffix])
    yield _file(_RECORD, root / paths.record(dataset.name), dataset.record.files[_RECORD], _FORMATS[".parquet"])
    formats = medium_info(dataset.medium).media_types if dataset.medium else ()
    yield {
        "@type": "cr:FileSet",
        "@id": _ORIGINALS,
        "name": _ORIGINALS,
        "description": "The original file of each work, byte for byte; its name is the SHA-256 of its bytes.",
        "containedIn": [{"@id": name} for name in tars],
        "encodingFormat": list(formats) or [_TENSORS],
        "includes": list(_match_all_but(sha256_bytes((folder / name).as_posix().encode()) for name in tars)),
    }
    if dataset.shards is not None:
        for split in SPLITS:
            for name, sha256 in dataset.shards.files[split].items():
                description = f"Tensors of the {split} split, as models read them (safetensors)."
                yield {**_file(name, root / paths.shards(dataset.name), sha256, _TENSORS), "description": description}


def _file(name: str, folder: Path, sha256: str, encoding_format: str) -> dict[str, Any]:
    return {
        "@type": "cr:FileObject",
        "@id": name,
        "name": name,
        "contentUrl": (folder / name).as_posix(),
        "encodingFormat": encoding_format,
        "sha256": sha256,
    }


def _match_all_but(hashes: Iterator[str]) -> Iterator[str]:
    """Yield patterns of all names that begin otherwise than these hashes.

    mlcroissant unpacks an archive into a folder whose name is the SHA-256 of its address, and with `*` takes that folder
    for one of the works, which are named by a SHA-256 too.
    """
    followers: dict[str, set[str]] = {}
    for sha256 in hashes:
        for length in range(_PREFIX):
            followers.setdefault(sha256[:length], set()).add(sha256[length])
    for prefix, letters in sorted(followers.items()):
        yield f"{prefix}[!{''.join(sorted(letters))}]*"


def _list_record_sets(dataset: DatasetArtifacts) -> Iterator[dict[str, Any]]:
    """Yield the works with originals, labels and splits, and their record.

    The key of both is the SHA-256.
    """
    file_name = {"fileSet": {"@id": _ORIGINALS}, "extract": {"fileProperty": "filename"}}
    content = {"fileSet": {"@id": _ORIGINALS}, "extract": {"fileProperty": "content"}}
    work_type = medium_info(dataset.medium).work_type if dataset.medium else ""
    labels = sorted(dataset.record.labels)
    works = [
        ("sha256", "sc:Text", {"source": file_name, "references": _column(_WORKS, "sha256")}),
        *([("work", work_type, {"source": content})] if work_type else []),
        ("label", ["sc:Text", "cr:Label"], {"source": _column(_WORKS, "label")}),
        ("split", ["sc:Text", "cr:Split"], {"source": _column(_WORKS, "split")}),
        ("width", "sc:Integer", {"source": _column(_WORKS, "width")}),
        ("height", "sc:Integer", {"source": _column(_WORKS, "height")}),
    ]
    yield _record_set("works", "One record per work: its original, label and official split.", works)
    columns = ("sha256", "name", "title", "caption", "creator", "year", "licence", "origin")
    record = [(column, "sc:Text", {"source": _column(_RECORD, column)}) for column in columns]
    yield _record_set("record", "One record per work: what is known of it.", record)
    if labels:
        yield _enumeration("labels", "sc:Enumeration", [{"labels/name": clean_line(label)} for label in labels])
    if dataset.record.splits:
        names = [split for split in SPLITS if split in dataset.record.splits]
        rows = [{"splits/name": name, "splits/url": _SPLIT_ADDRESSES[name]} for name in names]
        yield _enumeration("splits", "cr:Split", rows)


def _record_set(name: str, description: str, fields: list[tuple[str, Any, dict[str, Any]]]) -> dict[str, Any]:
    return {
        "@type": "cr:RecordSet",
        "@id": name,
        "name": name,
        "description": description,
        "key": {"@id": f"{name}/sha256"},
        "field": [
            {"@type": "cr:Field", "@id": f"{name}/{field}", "name": field, "dataType": data_type, **source}
            for field, data_type, source in fields
        ],
    }


def _enumeration(name: str, data_type: str, rows: list[dict[str, str]]) -> dict[str, Any]:
    fields = list(rows[0])
    return {
        "@type": "cr:RecordSet",
        "@id": name,
        "name": name,
        "dataType": data_type,
        "key": {"@id": f"{name}/name"},
        "field": [
            {"@type": "cr:Field", "@id": field, "name": field.partition("/")[2], "dataType": "sc:Text"}
            for field in fields
        ],
        "data": rows,
    }


def _column(file: str, column: str) -> dict[str, Any]:
    return {"fileObject": {"@id": file}, "extract": {"column": column}}
