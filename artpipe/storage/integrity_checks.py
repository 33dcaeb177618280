"""Find damage: artifacts, DVC's objects, works, states and downloads are hashed.

With each comes what would repair it.
"""

import contextlib
import re
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path

from artpipe.artifacts.card_files import CHECKSUM_SUFFIX, list_card_files, read_verified_card
from artpipe.artifacts.champions import load_champions
from artpipe.config.safe_yaml import advise_on_merge, find_conflict_line
from artpipe.errors import ArtpipeError
from artpipe.storage.damage import DAMAGED_FOLDER, REPAIR, Damage
from artpipe.storage.dvc_cache import (
    Output,
    list_objects,
    object_md5,
    object_path,
    read_listing,
    read_run_note,
    recover_tracking_file,
)
from artpipe.storage.inventory import Inventory
from artpipe.storage.state_checks import check_downloads, check_mlflow_store, check_states
from artpipe.system.atomic_files import find_stale_temporaries, remove_path, write_text

_SHA256 = re.compile(r"[0-9a-f]{64}")
_CARD_NAMES = {
    "works.json",
    "report.json",
    "shards.json",
    "weights.json",
    "checkpoint.json",
    "run.json",
    "gallery.json",
}
_TORN = "not what DVC writes: cut short by a kill, a merge, or a path out of the project in it"


def find_damage(inventory: Inventory) -> list[Damage]:
    """Return all damage, each place once."""
    hashes = inventory.hashes
    hashes.prefetch((hashes.md5, path) for path in list_objects(inventory.cache))
    hashes.prefetch((hashes.sha256, path) for path in (inventory.root / "data").rglob("*") if path.is_file())
    damages: dict[str, Damage] = {}
    for check in (
        _check_dvc_files,
        _check_run_notes,
        _check_objects,
        _check_missing_objects,
        _check_cards,
        _check_unlisted_files,
        _check_sources,
        check_states,
        check_downloads,
        check_mlflow_store,
    ):
        for damage in check(inventory):
            damages.setdefault(damage.place, damage)
    return list(damages.values())


def _check_dvc_files(inventory: Inventory) -> Iterator[Damage]:
    """Yield dvc.lock and .dvc files that are unreadable or name the impossible."""
    faults = dict.fromkeys(inventory.torn, _TORN)
    for out in inventory.outputs:
        if inventory.is_miscounted(out):
            file = inventory.root / (out.owner if out.is_source else "dvc.lock")
            faults.setdefault(file, f"size and files of {out.path} are not those of what it names")
    for file, fault in faults.items():
        yield _describe_dvc_file(inventory, file, fault)
    try:
        load_champions(inventory.root)
    except ArtpipeError as error:
        yield Damage("champions.json", str(error), "`git checkout champions.json`: git has the last one committed")


def _describe_dvc_file(inventory: Inventory, file: Path, fault: str) -> Damage:
    name = inventory.display_name(file)
    if line := find_conflict_line(file.read_text(encoding="utf-8", errors="replace")):
        return Damage(name, f"line {line}: the marks of a merge", advise_on_merge(file.name))
    if file.name == "dvc.lock":
        mend = f"{REPAIR} puts it aside ({DAMAGED_FOLDER}), then `artpipe run` makes it again from the run cache"
        return Damage(name, fault, mend, partial(inventory.move_aside, file))
    if text := recover_tracking_file(file):
        return Damage(name, fault, f"{REPAIR} or `artpipe run` makes it again", partial(_rewrite, file, text))
    return Damage(name, fault, f"`git checkout {name}`, if git has it")


def _rewrite(file: Path, text: str) -> None:
    for temporary in find_stale_temporaries(
        file.parent
    ):  # of a repair that was killed here; all else in this folder is a person's
        if temporary.name.startswith(f"{file.name}.tmp."):
            remove_path(temporary)
    write_text(file, text)


def _check_run_notes(inventory: Inventory) -> Iterator[Damage]:
    """Yield entries of DVC's run cache whose content is not what their name says."""
    for path in sorted((inventory.cache / "runs").glob("??/*/*")):
        if not _SHA256.fullmatch(path.name):
            continue
        outputs = read_run_note(path)
        if outputs is None or any(map(inventory.is_miscounted, outputs)):  # the name is of all but sizes
            fault = "not what its name says" if outputs is None else "other sizes than what it names has"
            mend = f"{REPAIR} removes it; DVC notes it again when its stage has run"
            yield Damage(
                inventory.display_name(path), f"DVC's note of a run: {fault}", mend, partial(remove_path, path)
            )


def _check_objects(inventory: Inventory) -> Iterator[Damage]:
    """Yield objects whose bytes are not those of their name, read-only ones too."""
    precious = _find_irreplaceable(inventory)
    for path in list_objects(inventory.cache):
        md5 = object_md5(path)
        if inventory.is_intact(md5):
            continue
        workspace_paths = inventory.copies.get(md5, [])
        fault = f"DVC's object{f' of {inventory.display_name(workspace_paths[0])}' if workspace_paths else ''}: not the bytes that its name says"
        act: Callable[[], None] = partial(inventory.move_aside, path)
        if copy := inventory.find_copy(md5):
            mend, act = (
                f"{REPAIR} writes it again from {inventory.display_name(copy)}",
                partial(inventory.restore_object, md5),
            )
        elif md5 in precious:
            mend = f"nothing makes it again: {REPAIR} puts it aside ({DAMAGED_FOLDER}), then `dvc fetch` takes it from a remote"
            mend += f", or bring back the work ({precious[md5]})"
        elif workspace_paths:
            mend = f"{REPAIR} puts it aside, then `artpipe run` makes {inventory.expected[workspace_paths[0]][0].owner} again"
        else:
            mend = f"{REPAIR} puts it aside; nothing in the workspace needs it"
        yield Damage(inventory.display_name(path), fault, mend, act)


def _check_missing_objects(inventory: Inventory) -> Iterator[Damage]:
    """Yield objects that the workspace has and the cache lacks."""
    for path, (_, md5) in inventory.expected.items():
        object_file = object_path(inventory.cache, md5)
        if not object_file.exists() and path.exists() and inventory.find_copy(md5):
            mend = f"{REPAIR} writes it from {inventory.display_name(path)}"
            yield Damage(
                inventory.display_name(object_file),
                "missing in DVC's cache",
                mend,
                partial(inventory.restore_object, md5),
            )


def _find_irreplaceable(inventory: Inventory) -> dict[str, str]:
    """Return the MD5 of what no stage makes again, each with its owner."""
    owners: dict[str, str] = {}
    for out, rows in inventory.rows.items():
        if out.is_source:
            owners |= dict.fromkeys((out.md5, *rows.values()), out.owner)
    with contextlib.suppress(ArtpipeError):
        reigns = [reign for kinds in load_champions(inventory.root).champions.values() for reign in kinds.values()]
        for md5 in {
            md5 for reign in reigns for champion in (reign.champion, *reign.before) for md5 in champion.dvc.values()
        }:
            owners.setdefault(md5, "champions.json")
            with contextlib.suppress(OSError, ValueError):
                owners |= dict.fromkeys(read_listing(object_path(inventory.cache, md5)).values(), "champions.json")
    return owners


def _check_cards(inventory: Inventory) -> Iterator[Damage]:
    """Yield cards that differ from their sidecars, and files from their cards."""
    data = inventory.root / "data"
    cards = {path.with_name(path.name.removesuffix(CHECKSUM_SUFFIX)) for path in data.rglob(f"*.json{CHECKSUM_SUFFIX}")}
    cards |= {path for path in (*data.glob("*/*.json"), *data.glob("*/*/*.json")) if path.name in _CARD_NAMES}
    for card in sorted(path for path in cards if ".tmp." not in str(path) and not inventory.is_incomplete(path)):
        value = read_verified_card(card)
        if value is None:
            pair = [card, card.with_name(card.name + CHECKSUM_SUFFIX)]
            changed = [
                path
                for path in pair
                if path in inventory.expected and inventory.hashes.md5(path) != inventory.expected[path][1]
            ]
            for path in changed or [card]:
                yield _describe_output_file(inventory, card.parent, path, "the card and its SHA-256 do not go together")
            continue
        for name, sha256 in list_card_files(value).items():
            path = card.parent / name
            if inventory.hashes.sha256(path) != sha256:
                fault = "not the bytes that its card names" if path.exists() else "missing"
                yield _describe_output_file(inventory, card.parent, path, fault)


def _check_unlisted_files(inventory: Inventory) -> Iterator[Damage]:
    """Yield output files that no card lists and that differ from dvc.lock.

    Such as journals, curves and metrics. Only where the cards of a stage's outputs are those of dvc.lock: else the stage
    was cut short, and runs again anyway.
    """
    stages: dict[str, dict[Path, str]] = {}
    for path, (out, md5) in inventory.expected.items():
        if not out.is_source and not md5.endswith(".dir") and (inventory.root / out.path).exists():
            stages.setdefault(out.owner, {})[path] = md5
    for expected in stages.values():
        cards = [path for path in expected if path.with_name(path.name + CHECKSUM_SUFFIX) in expected]
        if any(inventory.hashes.md5(card) != expected[card] for card in cards):
            continue
        listed_files = {
            card.parent / name for card in cards for name in list_card_files(read_verified_card(card) or {})
        }
        for path in sorted(expected.keys() - listed_files):
            if inventory.hashes.md5(path) != expected[path]:
                fault = "not as dvc.lock has it" if path.exists() else "missing"
                yield _describe_output_file(inventory, inventory.root / inventory.expected[path][0].path, path, fault)


def _describe_output_file(inventory: Inventory, folder: Path, path: Path, fault: str) -> Damage:
    """Describe damage of an output file: it is restored, or its stage made stale."""
    owner = "it"
    if path in inventory.expected:
        out, md5 = inventory.expected[path]
        if inventory.is_intact(md5):
            mend = f"{REPAIR} brings it back from DVC's cache"
            return Damage(inventory.display_name(path), fault, mend, partial(inventory.restore_file, path))
        folder, owner = inventory.root / out.path, out.owner
    mend = f"{REPAIR} puts {inventory.display_name(folder)} aside ({DAMAGED_FOLDER}), then `artpipe run` makes {owner} again"
    return Damage(inventory.display_name(path), fault, mend, partial(inventory.move_output_aside, folder))


def _check_sources(inventory: Inventory) -> Iterator[Damage]:
    """Yield works that differ from what DVC took in.

    What was added or removed is a person's business.
    """
    for path, (out, md5) in inventory.expected.items():
        exists = path.is_file() or path.is_symlink()  # one that leads to nothing too
        if out.is_source and not md5.endswith(".dir") and exists and inventory.hashes.md5(path) != md5:
            yield _describe_source(inventory, path, out, md5)


def _describe_source(inventory: Inventory, path: Path, out: Output, md5: str) -> Damage:
    """Describe damage of a work; it is restored only if nobody can have edited it."""
    untouched = path.lstat().st_ctime_ns < (inventory.root / out.owner).stat().st_mtime_ns
    if not inventory.is_intact(md5):
        mend = "DVC's cache has it no more: `dvc pull` from a remote, or bring the work itself"
    elif untouched:
        mend = f"nobody wrote it since: {REPAIR} brings it back from DVC's cache"
        return Damage(
            inventory.display_name(path), "not as DVC took it in", mend, partial(inventory.restore_file, path)
        )
    else:
        mend = (
            f"yours to say: `dvc checkout --force {out.owner}` brings it back, `dvc add {out.path}` takes it as it is"
        )
    return Damage(inventory.display_name(path), "not as DVC took it in: changed or damaged", mend)
