"""Validate the project before anything starts, each mistake in one line."""

import configparser
import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from artpipe.artifacts.curation import load_curation
from artpipe.artifacts.paths import CHAMPIONS, CURATION, STATE
from artpipe.artifacts.tombstones import TOMBSTONES, load_tombstones
from artpipe.code.code_yaml import record_new_plugins, require_recorded_code
from artpipe.code.stage_fingerprints import code_signature, files_signature
from artpipe.config.params import Params, load_params, read_yaml
from artpipe.config.safe_yaml import require_no_conflict
from artpipe.config.secret_scan import refuse_secrets
from artpipe.errors import UserError, did_you_mean
from artpipe.project.dvc_yaml import require_whole_graph
from artpipe.project.entry_validation import (
    check_dataset,
    check_models,
    check_plugin_names,
    check_weights_entry,
    find_own_paths,
)
from artpipe.project.forgetting.forget_plan import require_nothing_pending
from artpipe.storage.dvc_check import require_dvc, require_no_nested_dvc
from artpipe.storage.dvc_command import require_lockable
from artpipe.system.atomic_files import write_text
from artpipe.system.hashing import sha256_bytes, sha256_file
from artpipe.system.plain_text import to_printable

_FILE = "params.yaml"
_CHECKED = STATE / "checked-entries"


def check_project(root: Path = Path()) -> str:
    """Validate the project in `root` and return a sentence about what it holds.

    Raises:
        UserError: the first mistake found: place, what was found, what was expected.
    """
    params = load_params(root / _FILE)
    for name in (
        "dvc.yaml",
        "dvc.lock",
        str(CHAMPIONS),
        str(CURATION),
        str(TOMBSTONES),
        *(f"{entry.path}.dvc" for entry in params.datasets.values()),
    ):
        require_no_conflict(root / name)
    _check_folders(root)
    require_nothing_pending(root)
    _check_tombstones(params, root)
    require_no_nested_dvc(root, [entry.path for entry in params.datasets.values()])
    require_lockable(root)
    _check_secrets(root)
    if not (are_checked := _entries_are_checked(root)):
        check_models(params, root)
    check_plugin_names(params, root)
    for name, entry in params.datasets.items():
        if not are_checked or (root / entry.path).is_dir():  # what is in a folder may change without its time
            check_dataset(name, entry, root)
    if not are_checked:
        for name, weights in params.weights.items():
            check_weights_entry(name, weights, root)
        write_text(root / _CHECKED, _compute_signature(params, root))
    require_whole_graph(root)
    record_new_plugins(root)
    require_recorded_code(root)
    return f"{_FILE} is fine: {_count_noun(params.datasets, 'dataset')}, {_count_noun(params.models, 'model')}"


def explain_unused_titles(root: Path = Path()) -> str:
    """Return a line on titles in params.yaml of no model; empty where there are none.

    A title may outlive its model, so it is no mistake; a typing error in its name is told all the same.
    """
    params = load_params(root / _FILE)
    untitled = [name for name in params.models if name not in params.gallery.titles]
    unused = [
        f"`{to_printable(name[:200])}`{did_you_mean(name, untitled).rstrip('?')}"
        for name in params.gallery.titles
        if name not in params.models
    ]
    return f"{_FILE}: `gallery.titles` names what is no model: {', '.join(unused)}" if unused else ""


def _entries_are_checked(root: Path = Path()) -> bool:
    """Return whether the entries passed a check as they are.

    Then no plugin is imported, and no torch with it.
    """
    try:
        return (root / _CHECKED).read_text(encoding="utf-8") == _compute_signature(load_params(root / _FILE), root)
    except (OSError, ValueError):  # never checked, or a path of an entry is not there any more
        return False


def _compute_signature(params: Params, root: Path) -> str:
    """Return a hash of what a check of entries depends on.

    That is params.yaml, artpipe's code, and the files that entries name.
    """
    files = files_signature(root / path for path in find_own_paths(params))
    return sha256_bytes("\n".join([sha256_file(root / _FILE), code_signature(), files]).encode())


def _check_folders(root: Path) -> None:
    """Raise if the project cannot be written to."""
    if not (root / "dvc.yaml").is_file():
        raise UserError(f"{root / 'dvc.yaml'}: no such file; run artpipe in the folder that has it and params.yaml")
    if not (root / CHAMPIONS).is_file():  # DVC dies of what it cannot read
        raise UserError(
            f'{root / CHAMPIONS}: no such file; git has it, or write {{"format": 1}} into it: nobody is champion'
        )
    if not (root / CURATION).is_file():
        raise UserError(
            f"{root / CURATION}: no such file; git has it, or `artpipe upgrade` writes it: nobody chose anything"
        )
    load_curation(root)
    require_dvc(root)
    for place in _find_written_paths(root):
        if place.exists() and not place.is_dir() and place.name != "dvc.lock":
            raise UserError(f"{place}: a file stands where artpipe needs a folder")
        if place.exists() and not os.access(place, os.W_OK | (os.X_OK if place.is_dir() else 0)):
            raise UserError(f"{place if place != Path() else 'this folder'}: no write permission; artpipe works there")


def _check_tombstones(params: Params, root: Path) -> None:
    """Raise if an entry names a withdrawn work that has no tombstone (any more)."""
    keys = {tombstone.key for tombstone in load_tombstones(root)}
    for name, entry in params.datasets.items():
        if missing := next((key for key in entry.ingest.withdrawn if key not in keys), ""):
            raise UserError(
                f"{_FILE}: `datasets.{name}.ingest.withdrawn`: {TOMBSTONES} has no `{missing}`; take it out here, or bring "
                f"back that line of {TOMBSTONES} (git has it)"
            )


def _check_secrets(root: Path) -> None:
    """Raise if other files that git publishes have secrets in them."""
    for name in ("dvc.yaml", "prefect.yaml"):
        if (root / name).is_file():
            refuse_secrets(read_yaml(root / name), name)
    settings = configparser.RawConfigParser()
    settings.read(root / ".dvc/config")
    values = {section: dict(settings[section]) for section in settings.sections()}
    refuse_secrets(
        values, ".dvc/config", "git keeps it for everybody; take it out, change it, and `dvc remote modify --local` it"
    )


def _find_written_paths(root: Path) -> Iterator[Path]:
    """Yield all that a run replaces or writes to.

    Another user's run (a container's root) leaves some of it unwritable.
    """
    yield from (root, root / "data", root / "datasets", root / ".state", root / ".dvc", root / "dvc.lock")
    for pattern in ("data/*/", "data/*/*/", ".state/*/", ".dvc/tmp/", ".dvc/cache/", ".dvc/cache/files/md5/*/"):
        yield from sorted(root.glob(pattern))


def _count_noun(things: Any, noun: str) -> str:
    return f"{len(things)} {noun}{'' if len(things) == 1 else 's'}"
