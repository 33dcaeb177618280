"""Write models and works as JSON: what their pages say, with hashes in full."""

import json
from collections.abc import Mapping, Sequence
from typing import Any

from artpipe.contracts.gallery_work import RealWork
from artpipe.contracts.generation_facts import SOURCE_TYPES
from artpipe.contracts.section import ModelView, Room, WorkView

_RUN_FIELDS = set(
    {
        *("run_id", "started", "ended", "core_seconds", "sessions", "steps", "works", "device", "precision", "threads"),
        *("versions", "commit", "dirty", "checkpoint"),
    }
)  # what a page says of a run: neither host nor platform


def make_model_record(view: ModelView) -> bytes:
    """Return `model.json`: grade, scores, parameters, run and works of a model."""
    artist = view.artist
    report: dict[str, Any] = json.loads(artist.report.model_dump_json(exclude={"exhibits", "works", "live", "params"}))
    return _encode(
        {
            "format": 1,
            "title": artist.title,
            "collection": _describe_collection(view.room),
            "params": dict(artist.params),
            "run": json.loads(artist.run.model_dump_json(include=_RUN_FIELDS)),
            "report": report,
            "works": [f"works/{work.id}/work.json" for work in artist.works],
        }
    )


def make_work_record(view: WorkView) -> bytes:
    """Return `work.json`: what a work is, by which model and seed, from which works.

    And which real works it is near.
    """
    work, artist, run = view.work, view.artist, view.artist.run
    return _encode(
        {
            "format": 1,
            "id": work.id,
            "title": work.title,
            "kind": work.kind,
            "role": work.role,
            "file": work.media.src if work.media else None,
            "sha256": work.media.sha256 if work.media else None,
            "written": work.text or None,
            "offered": work.offered.src if work.offered else None,
            "offered_sha256": work.offered.sha256 if work.offered else None,
            "digital_source_type": f"{SOURCE_TYPES}{artist.source_type(work)}",
            "seed": work.seed,
            "recipe": work.recipe,
            "certainty": work.certainty or None,
            "model": {
                "name": artist.name,
                "kind": artist.kind,
                "grade": artist.report.verdict.grade,
                "scores": {score.name: score.value for score in artist.report.scores},
                "step": artist.step,
                "checkpoint": run.checkpoint,
                "run": run.run_id,
                "commit": run.commit,
                "dirty": run.dirty,
                "record": f"models/{artist.name}/model.json",
            },
            "other_models": [model.model_dump() for model in work.other_models],
            "collection": {**_describe_collection(view.room), "shards": artist.report.shards},
            "made_from": _describe_works(work.sources, "share", work.shares),
            "nearest": _describe_works([near.work for near in work.neighbours], "distance", [near.distance for near in work.neighbours]),
        }
    )  # fmt: skip


def summarise_models(files: Mapping[str, bytes]) -> dict[str, dict[str, Any]]:
    """Return what `gallery.json` says of models, out of their records among files."""
    paths = (path for path in files if path.startswith("models/") and path.endswith("/model.json"))
    return dict(_summarise_model(path, json.loads(files[path])) for path in paths)


def summarise_works(files: Mapping[str, bytes]) -> dict[str, dict[str, Any]]:
    """Return what `gallery.json` says of works, out of their records among files."""
    paths = (path for path in files if path.startswith("works/") and path.endswith("/work.json"))
    return dict(_summarise_work(path, json.loads(files[path])) for path in paths)


def _summarise_model(path: str, record: Mapping[str, Any]) -> tuple[str, dict[str, Any]]:
    report, run = record["report"], record["run"]
    summary = {
        "record": path,
        "page": path.replace("model.json", "index.html"),
        "title": record["title"],
        "kind": report["kind"],
        "dataset": report["dataset"],
        "grade": report["verdict"]["grade"],
        "scores": {score["name"]: score["value"] for score in report["scores"]},
        "params": record["params"],
        **{field: run[field] for field in ("run_id", "commit", "checkpoint")},
        "shards": report["shards"],
        "works": len(record["works"]),
    }
    return report["model"], summary


def _summarise_work(path: str, record: Mapping[str, Any]) -> tuple[str, dict[str, Any]]:
    facts = {field: record[field] for field in ("title", "kind", "seed", "file", "sha256")}
    page = path.replace("work.json", "index.html")
    return record["id"], {"record": path, "page": page, "model": record["model"]["name"], **facts}


def _describe_collection(room: Room) -> dict[str, Any]:
    kept = room.collection.kept if room.collection else None
    return {"name": room.name, "title": room.title, "works": kept, "licences": list(room.licences)}


def _describe_works(works: Sequence[RealWork], name: str, numbers: Sequence[float]) -> list[dict[str, Any]]:
    described: list[dict[str, Any]] = [
        {field: getattr(work, field) for field in ("digest", "title", "creator", "year", "licence", "origin")}
        for work in works
    ]
    if numbers:
        for one, number in zip(described, numbers, strict=True):
            one[name] = number
    return described


def _encode(record: Mapping[str, Any]) -> bytes:
    return (json.dumps(record, ensure_ascii=False, indent=1) + "\n").encode()
