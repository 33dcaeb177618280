"""Find damage below `.state`: stopped trainings, downloads and MLflow's store.

Resume states are checked by their hashes, without torch.
"""

import contextlib
import json
import re
import sqlite3
from collections.abc import Iterator
from functools import partial
from pathlib import Path

from artpipe.artifacts import paths
from artpipe.artifacts.integrity_note import NOTE_FILE, find_damaged_files
from artpipe.artifacts.run import RunStart
from artpipe.errors import BusyError, CorruptError
from artpipe.storage.damage import REPAIR, Damage
from artpipe.storage.inventory import Inventory
from artpipe.system.atomic_files import is_inside, remove_path
from artpipe.system.hashing import sha256_bytes, sha256_prefix
from artpipe.system.locks import hold_lock

_SHA256 = re.compile(r"[0-9a-f]{64}")
_STOPPED = "of a stopped training: not the bytes that were saved"


def check_states(inventory: Inventory) -> Iterator[Damage]:
    """Yield damaged states of stopped trainings; running ones are left alone."""
    mend = f"{REPAIR} puts its states aside; the training goes on from the state before, or begins again"
    state = inventory.root / paths.STATE
    for folder in sorted(path for path in state.glob("train/*/*") if path.is_dir() and is_inside(path, state)):
        with contextlib.suppress(BusyError), hold_lock(folder.parent / "lock", wait_seconds=0.0):
            broken_by: dict[Path, list[Path]] = {}  # the states that rest on a file
            for card in sorted(folder.glob("[0-9]*-*.json")):
                if file := _find_broken_file(inventory, card):
                    broken_by.setdefault(file, []).append(card)
            for file, cards in broken_by.items():
                yield Damage(
                    inventory.display_name(file), _STOPPED, mend, partial(_move_states_aside, inventory, folder, cards)
                )
            yield from _check_state_files(inventory, folder)


def _move_states_aside(inventory: Inventory, folder: Path, cards: list[Path]) -> None:
    for card in cards:
        inventory.move_aside(card, *folder.glob(f"{card.stem[:6]}.safetensors"))
    (folder / "LATEST").unlink(missing_ok=True)  # without it the newest counts


def _check_state_files(inventory: Inventory, folder: Path) -> Iterator[Damage]:
    pointer, start = folder / "LATEST", folder / "run-live.json"
    cards = {card.stem for card in folder.glob("[0-9]*-*.json")}
    if pointer.exists() and pointer.read_text(encoding="utf-8", errors="replace").strip() not in cards:
        mend = f"{REPAIR} removes it; the training goes on from the newest state"
        yield Damage(
            inventory.display_name(pointer), f"{_STOPPED}, it names no state", mend, partial(remove_path, pointer)
        )
    with contextlib.suppress(OSError):
        try:
            RunStart.model_validate_json(start.read_bytes())
        except ValueError:
            mend = f"{REPAIR} removes it; the training has another id in MLflow from there on"
            yield Damage(inventory.display_name(start), _STOPPED, mend, partial(remove_path, start))


def check_downloads(inventory: Inventory) -> Iterator[Damage]:
    """Yield downloads that are not the bytes that their name says."""
    for path in sorted((inventory.root / paths.STATE / "downloads").glob("*")):
        if _SHA256.fullmatch(path.name) and inventory.hashes.sha256(path) != path.name:
            mend = f"{REPAIR} removes it; what needs it next fetches it again"
            yield Damage(
                inventory.display_name(path),
                "a download: not the bytes that its name says",
                mend,
                partial(remove_path, path),
            )


def check_mlflow_store(inventory: Inventory) -> Iterator[Damage]:
    """Yield damage of MLflow's store, all of which can be made again."""
    folder = inventory.root / paths.STATE / "mlflow"
    mend = f"{REPAIR} puts all of {inventory.display_name(folder)} aside; `artpipe sync` makes it again, but for notes typed there"
    try:
        faults = [
            (path, "not as the last `artpipe sync` left it, and nobody wrote it since")
            for path in find_damaged_files(folder)
        ]
    except CorruptError:
        faults = [(folder / NOTE_FILE, "what `artpipe sync` noted of the store: not what was written")]
    if fault := _check_database(folder / "mlflow.db"):
        faults.append((folder / "mlflow.db", fault))
    for path, problem in faults:
        yield Damage(
            inventory.display_name(path),
            f"MLflow's store: {problem}",
            mend,
            partial(inventory.move_output_aside, folder),
        )


def _check_database(database: Path) -> str:
    """Return what SQLite finds wrong with a database, empty if nothing."""
    if not database.exists():
        return ""
    try:
        with contextlib.closing(sqlite3.connect(f"{database.absolute().as_uri()}?mode=ro", uri=True)) as connection:
            answer = str(connection.execute("PRAGMA integrity_check(1)").fetchone()[0])
    except sqlite3.OperationalError:
        return ""
    except sqlite3.DatabaseError as error:
        answer = str(error)
    return "" if answer == "ok" else answer.splitlines()[-1]


def _find_broken_file(inventory: Inventory, card: Path) -> Path | None:
    """Return the first file of a state that is not what was saved."""
    data = card.read_bytes()
    if not card.stem.endswith(sha256_bytes(data)[:16]):
        return card
    content = json.loads(data)
    for name, (size, sha256) in content.get("beside", {}).items():
        if sha256_prefix(card.parent / name, size) != sha256:
            return card.parent / str(name)
    file, sha256 = content["tensors"]
    return None if inventory.hashes.sha256(card.parent / str(file)) == str(sha256) else card.parent / str(file)
