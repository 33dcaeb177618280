"""Accept results of earlier code that today's code makes to the byte.

An upgrade accepts them instead of making them again.

`equal_results.yaml` lists that code. `python tests/equal_results REVISION` proves an entry: it runs every stage of a small
project with the code of both and compares what they write.
"""

from collections.abc import Iterable, Iterator, Mapping
from io import StringIO
from pathlib import Path
from typing import Any

from ruamel.yaml import YAML

from artpipe.code.code_yaml import CODE_FILE, value_at
from artpipe.config.params import read_yaml
from artpipe.config.safe_yaml import parse_yaml

TABLE = Path(__file__).with_name("equal_results.yaml")
_PACKAGE = "artpipe/"


def accept_equal_results(lock: str, installed: Mapping[str, Any], table: Path = TABLE) -> tuple[str, list[str]]:
    """Return dvc.lock's text with today's code for equal results, and the stages.

    A stage is accepted as a whole: where one part of its code makes other results, its entry stays as it is. Parameters,
    data and outputs are left alone, so a stage that is stale for another reason stays stale.

    Args:
        lock: the text of dvc.lock.
        installed: what `installed_code` returns.
        table: the earlier code by verb and place, and by the files that a dvc.lock names which is older than code.yaml.
    """
    equal = read_yaml(table)
    accepted: dict[str, dict[str, Any]] = {}
    for stage, entry in (parse_yaml(lock, "dvc.lock").get("stages") or {}).items():
        recorded = (entry.get("params") or {}).get(CODE_FILE)
        if recorded is None:
            recorded = _code_of_files(stage, entry, equal["files"], installed)
            unchanged = False
        else:
            unchanged = all(value_at(installed, key) == value for key, value in recorded.items())
        today = {key: value_at(installed, key) for key in recorded}
        if (
            recorded
            and not unchanged
            and _is_equal(recorded, today, "", equal["code"].get(stage.partition("@")[0], {}))
        ):
            accepted[stage] = today
    return (_with_code(lock, accepted) if accepted else lock), list(accepted)


def accept_code(lock: str, installed: Mapping[str, Any], stages: Iterable[str]) -> str:
    """Return the text of dvc.lock with today's code for `stages`.

    Parameters, data and outputs are left alone.
    """
    content = parse_yaml(lock, "dvc.lock").get("stages") or {}
    keys = {stage: ((content[stage].get("params") or {}).get(CODE_FILE) or {}) for stage in stages}
    return _with_code(lock, {stage: {key: value_at(installed, key) for key in keys[stage]} for stage in keys})


def equal_places(table: Path = TABLE) -> Iterator[tuple[str, str, str]]:
    """Yield verb, place and fingerprint of all code with equal results.

    The verb is that of a stage, the place is one such as `models.gan`, the fingerprint is of the code there.
    """
    equal = read_yaml(table)
    for verb, places in equal["code"].items():
        yield from ((verb, place, later) for place, codes in places.items() for later in codes.values())
    for revision in equal["files"]:
        for verb, codes in revision["code"].items():
            yield from ((verb, place, later) for place, later in codes.items())


def newest_code(place: str, fingerprint: str, later: Mapping[str, Mapping[str, str]]) -> str:
    """Return the fingerprint of the newest code with equal results.

    Equal to those of `fingerprint`.
    """
    while fingerprint in later.get(place, {}):
        fingerprint = later[place][fingerprint]
    return fingerprint


def _code_of_files(
    stage: str, entry: Mapping[str, Any], revisions: list[dict[str, Any]], installed: Mapping[str, Any]
) -> dict[str, Any]:
    """Return the code with results equal to those of the files a stage read.

    The files are those of the package; empty where they are not known.
    """
    files = {dep["path"]: dep.get("md5") for dep in entry.get("deps") or () if _is_of_package(dep["path"])}
    verb = stage.partition("@")[0]
    for revision in revisions:
        for row in revision["stages"]:
            if files and row["stage"] == verb and row["files"] == files:
                codes = revision["code"].get(verb, {})
                return {key: _with_leaves(value_at(installed, key), key, codes) for key in row["keys"]}
    return {}


def _with_leaves(code: Any, place: str, fingerprints: Mapping[str, str]) -> Any:
    """Return `code` with the fingerprints of another revision.

    None stands for what that revision did not have.
    """
    if isinstance(code, Mapping):
        return {key: _with_leaves(value, f"{place}.{key}", fingerprints) for key, value in code.items()}
    return fingerprints.get(place.removeprefix("code."))


def _is_equal(recorded: Any, today: Any, place: str, later: Mapping[str, Mapping[str, str]]) -> bool:
    """Say whether all fingerprints of `recorded` lead to those of `today`."""
    if isinstance(recorded, Mapping) and isinstance(today, Mapping):
        keys = recorded.keys() == today.keys()
        return keys and all(_is_equal(recorded[key], today[key], _join_key(place, key), later) for key in recorded)
    return isinstance(recorded, str) and newest_code(place, recorded, later) == today


def _with_code(lock: str, code: Mapping[str, Mapping[str, Any]]) -> str:
    """Return the text of dvc.lock with the code of some stages set.

    The package's files are no longer among what these stages read.
    """
    yaml = YAML()
    yaml.preserve_quotes = True
    yaml.width = 1 << 20
    content = yaml.load(lock)
    for stage, places in code.items():
        entry = content["stages"][stage]
        entry.setdefault("params", {})[CODE_FILE] = dict(places)
        entry["deps"] = [dep for dep in entry.get("deps") or () if not _is_of_package(dep["path"])]
    stream = StringIO()
    yaml.dump(content, stream)
    return stream.getvalue()


def _is_of_package(path: str) -> bool:
    return path.startswith(_PACKAGE)


def _join_key(place: str, key: str) -> str:
    return f"{place}.{key}" if place else key.removeprefix("code.")
