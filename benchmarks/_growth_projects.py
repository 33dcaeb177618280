"""Make projects of any size for `growth.py`: works in an archive, models, a gallery's reports, runs."""

import contextlib
import io
import json
import random
import runpy
import shutil
import struct
import subprocess
import sys
import tarfile
import zlib
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType
from typing import Any

import yaml
from _growth_command import ROOT, environment

sys.path.insert(0, str(ROOT))
sys.modules["tests"] = ModuleType("tests")  # else a package of that name among the installed ones is found first
sys.modules["tests"].__path__ = [str(ROOT / "tests")]

from artpipe.artifacts import paths  # noqa: E402
from artpipe.artifacts.run import RunRecord, save_run  # noqa: E402
from artpipe.config.params import About  # noqa: E402
from artpipe.storage.dvc_command import hash_folder, make_listing  # noqa: E402
from artpipe.system.hashing import md5_file  # noqa: E402
from tests.browser import make_museum  # noqa: E402

SIDE = 16  # pixels
WORKS_PER_MODEL = 24
KINDS = ("classifier", "gan", "vae")
COMMITTED = 10  # models that `dvc commit` writes into dvc.lock
MODELS_PER_ROOM = 40
COPIED = ("dvc.yaml", "code.yaml", "prefect.yaml", "curation.yaml", ".dvcignore", ".gitignore")
WORKS = """\
format: 2
seed: 1
datasets:
  mine: {{medium: {medium}, source: archive, path: datasets/mine.tar, about: {{}}, ingest: {ingest}, preprocess: {preprocess}}}
models: {{}}
evaluation: {{metrics: []}}
gallery: {{sections: [rooms, dataset_card, quarantine]}}
"""
_PREPROCESS = {"picture": f"{{size: {SIDE}}}", "text": "{length: 64, merges: 200}"}


def make_works(folder: Path, medium: str, count: int, ingest: str = "{}") -> Path:
    """Write a project with an archive of small works that differ from each other."""
    shutil.rmtree(folder, ignore_errors=True)
    (folder / "datasets").mkdir(parents=True)
    (folder / "params.yaml").write_text(WORKS.format(medium=medium, ingest=ingest, preprocess=_PREPROCESS[medium]))
    shutil.copy(ROOT / "code.yaml", folder / "code.yaml")
    make, suffix = (_make_png, "png") if medium == "picture" else (_make_text, "txt")
    rng = random.Random(0)  # noqa: S311 - nothing here is secret
    with tarfile.open(folder / "datasets/mine.tar", "w") as archive:
        for number in range(count):
            data = make(rng)
            member = tarfile.TarInfo(f"{number:07}.{suffix}")
            member.size = len(data)
            archive.addfile(member, io.BytesIO(data))
            archive.members.clear()  # else tarfile remembers a million of them
    return folder


def _make_png(rng: random.Random) -> bytes:
    """Return coloured noise, encoded without Pillow."""
    rows = b"".join(b"\0" + rng.randbytes(SIDE * 3) for _ in range(SIDE))
    header = struct.pack(">IIBBBBB", SIDE, SIDE, 8, 2, 0, 0, 0)
    chunks = ((b"IHDR", header), (b"IDAT", zlib.compress(rows, 1)), (b"IEND", b""))
    body = b"".join(
        struct.pack(">I", len(data)) + name + data + struct.pack(">I", zlib.crc32(name + data)) for name, data in chunks
    )
    return b"\x89PNG\r\n\x1a\n" + body


def _make_text(rng: random.Random) -> bytes:
    """Return forty words, some frequent and many rare ones, of a vocabulary of 20,000."""
    ranks = (int(rng.paretovariate(0.8)) % 20_000 for _ in range(40))
    return " ".join(map(_spell, ranks)).encode()


def _spell(number: int) -> str:
    """Return a word of its own for each number."""
    higher, place = divmod(number, 60)
    return (_spell(higher) if higher else "") + "bdfgklmnprst"[place // 5] + "aeiou"[place % 5]


def make_models(folder: Path, count: int) -> Path:
    """Write a project of so many models whose results are there already, as DVC sees it."""
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir()
    for name in COPIED:
        shutil.copy(ROOT / name, folder / name)
    shutil.copytree(ROOT / ".dvc", folder / ".dvc", ignore=shutil.ignore_patterns("cache", "tmp", "config.local"))
    (folder / "champions.json").write_text('{"format": 1, "champions": {}}\n')
    (folder / "datasets").mkdir()
    shutil.copy(ROOT / "datasets/digits.yaml", folder / "datasets/digits.yaml")
    subprocess.run(["git", "init", "-q"], cwd=folder, check=True)
    (folder / "params.yaml").write_text(_models_params(min(count, COMMITTED)))
    _write_results(folder)
    subprocess.run(["dvc", "commit", "--force", "--quiet"], cwd=folder, env=environment(folder.parent), check=True)
    if count > COMMITTED:
        (folder / "params.yaml").write_text(_models_params(count))
        _write_results(folder)
        _extend_lock(folder, count)
    return folder


def _extend_lock(folder: Path, count: int) -> None:
    """Write into dvc.lock what `dvc commit` would, which reads and writes all of it for each stage.

    A model's entries are those of a committed one of its kind, under its name and with the hashes of its files.
    """
    lock = yaml.safe_load((folder / "dvc.lock").read_text())
    stages = lock["stages"]
    for number in range(COMMITTED, count):
        name, known = f"m{number:04}", f"m{len(KINDS) + number % len(KINDS):04}"
        for verb in ("train", "evaluate"):
            stages[f"{verb}@{name}"] = json.loads(json.dumps(stages[f"{verb}@{known}"]).replace(known, name))
    stages["gallery"]["params"]["params.yaml"]["models"] = yaml.safe_load(_models_params(count))["models"]
    for stage in stages.values():
        for rows, is_output in ((stage["deps"], False), (stage.get("outs", ()), True)):
            for row in rows:
                row.update(_describe(folder / row["path"], folder / ".dvc/cache/files/md5" if is_output else None))
    (folder / "dvc.lock").write_text(yaml.safe_dump(lock, sort_keys=False))


def _describe(path: Path, cache: Path | None) -> dict[str, Any]:
    """Return what dvc.lock says of a file or folder, and put it into DVC's cache if one is named."""
    files = [file for file in path.rglob("*") if file.is_file()] if path.is_dir() else [path]
    contents = {md5_file(file): file.read_bytes() for file in files}
    hashes = {"md5": hash_folder(path), "nfiles": len(files)} if path.is_dir() else {"md5": md5_file(path)}
    if path.is_dir():
        contents[hashes["md5"]] = make_listing(path)
    for md5, data in contents.items() if cache else ():
        (cached := cache / md5[:2] / md5[2:]).parent.mkdir(parents=True, exist_ok=True)
        cached.write_bytes(data)
    return {**hashes, "size": sum(file.stat().st_size for file in files)}


def _models_params(count: int) -> str:
    entries = "".join(
        f"  m{number:04}: {{kind: {KINDS[number % len(KINDS)]}, dataset: digits, pretrained: data/shards/digits,"
        f" feature_extractor: m0000, steps: 100}}\n"
        for number in range(count)
    )
    dataset = "{medium: picture, source: package, path: datasets/digits.yaml, about: {}, ingest: {}, preprocess: {size: 28, channels: 1}}"
    return f"format: 2\nseed: 1\ndatasets:\n  digits: {dataset}\nmodels:\n{entries}evaluation: {{metrics: [kid]}}\ngallery: {{sections: [wall, rooms]}}\n"


def _write_results(folder: Path) -> None:
    """Write what the stages would, by the stand-ins of the tests, in one process."""
    with contextlib.chdir(folder), contextlib.redirect_stdout(None):
        stub = runpy.run_path(str(ROOT / "tests/pipeline/stub_artpipe.py"))  # reads params.yaml as it is loaded
        for dataset in stub["PARAMS"]["datasets"]:
            stub["ingest"](dataset)
            stub["preprocess"](dataset)
        for verb in ("train", "evaluate"):
            for model in stub["PARAMS"]["models"]:
                stub[verb](model)
        stub["gallery"]()


def make_gallery(folder: Path, count: int, side: int = 64) -> Path:
    """Write records and reports of a museum in which so many works hang, from collections of as many."""
    shutil.rmtree(folder, ignore_errors=True)
    models = -(-count // WORKS_PER_MODEL)
    rooms = [f"room{number}" for number in range(-(-models // MODELS_PER_ROOM))]
    entries = {f"m{number:04}": ("gan", rooms[number // MODELS_PER_ROOM]) for number in range(models)}
    make_museum.write_params(folder, rooms, entries)
    shutil.copy(ROOT / "code.yaml", folder / "code.yaml")
    pictures = [make_museum.png(side, 3, number) for number in range(count)]
    about = About(title="Drawn discs", creator="A script", licence="CC0-1.0")
    for number, room in enumerate(rooms):
        make_museum.write_record(folder, room, pictures[number :: len(rooms)], about)
    for number, (name, (kind, room)) in enumerate(entries.items()):
        originals = pictures[rooms.index(room) :: len(rooms)]
        samples = pictures[number * WORKS_PER_MODEL : (number + 1) * WORKS_PER_MODEL]
        make_museum.write_model(folder, name, kind, room, samples, originals)
    return folder


def make_runs(folder: Path, count: int) -> Path:
    """Write the records of so many trainings of one pipeline run, with their reports."""
    shutil.rmtree(folder, ignore_errors=True)
    names = [f"m{number:04}" for number in range(count)]
    make_museum.write_params(folder, ["room"], dict.fromkeys(names, ("gan", "room")))
    for name in names:
        add_run(folder, name)
    return folder


def add_run(folder: Path, name: str) -> None:
    """Write one training with a journal of 400 rows and two pictures."""
    picture = make_museum.png(64, 3, 1)
    make_museum.write_model(folder, name, "gan", "room", [picture], [picture], frames=[picture, picture])
    place = folder / paths.run(name)
    save_run(place, RunRecord.open(place).card.model_copy(update={"flow_run": "f" * 32}))


def read_rows(path: Path) -> Iterator[dict[str, Any]]:
    """Yield the rows that an earlier run of the benchmark left."""
    if path.exists():
        yield from map(json.loads, path.read_text().splitlines())
