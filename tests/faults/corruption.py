"""What a disk does to files: bits, cuts and zeros under the time they had; and where in a project there are files to spoil."""

import os
import random
from pathlib import Path

from artpipe.storage.dvc_cache import object_path, read_listing, read_outputs

_BLOCK = 512
PLACES = {
    "given works": ("datasets/*/**/*",),
    "works and their cards": ("data/works/*/*",),
    "records": ("data/record/*/*",),
    "shards": ("data/shards/*/*",),
    "checkpoints": ("data/checkpoints/*/*",),
    "run records": ("data/runs/**/*",),
    "reports": ("data/reports/**/*", "data/metrics/*", "data/plots/*/*"),
    "gallery": ("data/gallery/**/*",),
    "states of a stopped training": (".state/train/*/*/[!s]*", ".state/train/*/*/progress/*"),
    "downloads": (".state/downloads/*",),
    "MLflow's store": (".state/mlflow/mlflow.db", ".state/mlflow/vouched.json", ".state/mlflow/artifacts/**/*"),
    "dvc.lock": ("dvc.lock",),
    ".dvc files": ("datasets/*.dvc",),
    "objects of DVC's cache, read-only": (".dvc/cache/files/md5/*/*",),
    "DVC's notes of runs": (".dvc/cache/runs/*/*/*",),
    "a file and its object, both": ("data/[cprsw]*/*/*",),
    "a given work and its object, both": ("datasets/*/**/*",),
}


def damage_bytes(data: bytes, chance: random.Random) -> tuple[str, bytes]:
    """Return bytes that a disk has spoilt, and how: one bit of ten seven times, else many bits, a cut, or a block of zeros."""
    kind, spoilt = chance.choices(("one bit", "many bits", "cut", "zeros"), (7, 1, 1, 1))[0], bytearray(data)
    if kind == "cut":
        return kind, data[: chance.randrange(len(data))]
    if kind == "zeros":
        start = chance.randrange(len(data))
        spoilt[start : start + _BLOCK] = bytes(len(spoilt[start : start + _BLOCK]))
    for _ in range({"one bit": 1, "many bits": chance.randint(2, 40)}.get(kind, 0)):
        spoilt[chance.randrange(len(spoilt))] ^= 1 << chance.randrange(8)
    return (kind, bytes(spoilt)) if spoilt != data else damage_bytes(data, chance)


def damage_file(path: Path, chance: random.Random) -> str:
    """Damage a file under its time and rights; return how."""
    status = path.stat()
    how, data = damage_bytes(path.read_bytes(), chance)
    path.chmod(0o644)
    path.write_bytes(data)
    path.chmod(status.st_mode & 0o777)
    os.utime(path, ns=(status.st_atime_ns, status.st_mtime_ns))
    return how


def list_targets(root: Path, place: str) -> list[Path]:
    """Return the files of a kind of place, none of them empty."""
    paths = {path for pattern in PLACES[place] for path in root.glob(pattern) if path.is_file() and path.stat().st_size}
    return sorted(path for path in paths if path.name not in {"lock", ".gitignore"})


def find_cache_object(root: Path, file: Path) -> Path | None:
    """Return the object that DVC keeps of a file of the workspace."""
    cache, name = root / ".dvc/cache", file.relative_to(root)
    for out in read_outputs(root)[0]:
        if name == out.path:
            return object_path(cache, out.md5)
        if name.is_relative_to(out.path):
            return object_path(cache, read_listing(object_path(cache, out.md5))[str(name.relative_to(out.path))])
    return None
