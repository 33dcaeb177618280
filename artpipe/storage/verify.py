"""`artpipe verify`: everything that was written is read, and what is damaged is named, with what mends it."""

import contextlib
import json
import sys
import time
from collections.abc import Iterator
from functools import partial
from pathlib import Path

from rich.markup import escape

from artpipe.config.params import Frozen, load_params
from artpipe.errors import ArtpipeError, UserError
from artpipe.storage.dvc_cache import refuse_at_work
from artpipe.storage.dvc_check import nested_dvc_folders
from artpipe.storage.dvc_command import ask_dvc
from artpipe.storage.dvc_config import is_lost_cache_link
from artpipe.storage.dvc_lock import hold_dvc_lock
from artpipe.storage.integrity_checks import REPAIR, Damage, find
from artpipe.storage.inventory import Hashes, Holdings
from artpipe.system.file_tree import walk_tree
from artpipe.system.units import format_size


class Told(Frozen):
    """One damaged thing, for people and programs."""

    place: str
    what: str
    mend: str
    mended: bool = False


class Verdict(Frozen):
    """What a look at everything found."""

    whole: bool  # after the repair, where there was one
    files: int  # read, of the workspace and of DVC's cache
    bytes: int
    seconds: float
    damaged: tuple[Told, ...]


def verify(root: Path = Path(), *, repair: bool = False) -> Verdict:
    """Read everything and say what is damaged; with `repair` mend what can be mended, and look again.

    Raises:
        UserError: there is no project here.
        BusyError: a stage is at work, whose files are on their way.
    """
    if not (root / ".dvc").is_dir():
        raise UserError(f"{root / '.dvc'}: no such folder; run artpipe in the folder of the project")
    cache, began, hashes = root / ask_dvc(root, "cache", "dir").strip(), time.monotonic(), Hashes()
    with hold_dvc_lock(root, doing="reading all that DVC keeps"):
        refuse_at_work(root)
        found = _find(Holdings(root, cache, hashes))
        files, count = hashes.files, hashes.bytes
        seen, left = {one.place: one for one in found}, found
        while repair and any(one.act for one in left):
            before, left = left, _mended(root, cache, hashes, left)
            for one in left:  # a listing that is whole again shows what its files lack
                seen.setdefault(one.place, one)
            if {one.place for one in before} == {one.place for one in left}:
                break
    after = {one.place for one in left}
    damaged = [_told(one, mended=place not in after) for place, one in seen.items()]
    return Verdict(
        whole=not left, files=files, bytes=count, seconds=round(time.monotonic() - began, 2), damaged=tuple(damaged)
    )


def _mended(root: Path, cache: Path, hashes: Hashes, found: list[Damage]) -> list[Damage]:
    """Mend what can be mended; return what is left, seen with fresh eyes."""
    for one in found:
        if one.act:
            with contextlib.suppress(FileNotFoundError):  # an earlier one has put its folder aside
                one.act()
    return _find(Holdings(root, cache, hashes))


def _find(held: Holdings) -> list[Damage]:
    """Return all that is damaged, and what has DVC look past a part of the project."""
    datasets: list[str] = []
    with contextlib.suppress(ArtpipeError):  # `artpipe check` says what is wrong with params.yaml
        datasets = [entry.path for entry in load_params(held.root / "params.yaml").datasets.values()]
    nested = []
    for place, what in nested_dvc_folders(held.root, datasets):
        consequence, _, remedy = what.partition("; ")
        act = None if (place / "config").is_file() else partial(held.put_aside, place)
        nested.append(Damage(held.name(place), consequence, remedy if act is None else f"{REPAIR} puts it aside", act))
    return [*_lost_links(held), *find(held), *nested]


def _lost_links(held: Holdings) -> Iterator[Damage]:
    """Yield outputs whose links into DVC's cache lead to nothing: its disk is away, or it was emptied."""
    for out in held.outputs:
        if count := sum(path.is_symlink() and is_lost_cache_link(path) for path in walk_tree(held.root / out.path)):
            mend = f"bring back the disk of {held.cache}, else `dvc pull {out.path}` from a remote"
            yield Damage(str(out.path), f"{count:,} links into DVC's cache lead to nothing", mend)


def _told(one: Damage, *, mended: bool = False) -> Told:
    return Told(place=one.place, what=one.what, mend=one.mend, mended=mended)


def tell_verdict(*, repair: bool = False, as_json: bool = False) -> bool:
    """Print what was found as a table, or as JSON; return whether all is whole.

    Raises:
        UserError, BusyError: see `verify`.
    """
    verdict = verify(repair=repair)
    if as_json:
        sys.stdout.write(json.dumps(verdict.model_dump(mode="json"), indent=2) + "\n")
        return verdict.whole
    from rich.table import Table

    from artpipe.system.terminal import PlainConsole

    console = PlainConsole(highlight=False)
    if not console.is_terminal:
        console.width = 2000  # a line for each, whoever reads it
    if verdict.damaged:
        table = Table(box=None, header_style="dim", padding=(0, 2, 0, 0))
        table.add_column("place", overflow="fold")
        table.add_column("what")
        table.add_column("how to mend")
        for one in verdict.damaged:
            table.add_row(escape(one.place), escape(one.what), _mending(one))
        console.print(table)
    console.print(_sentence(verdict), soft_wrap=True)
    return verdict.whole


def _mending(one: Told) -> str:
    if one.mended:
        return f"[green]mended[/]: {escape(one.mend.removeprefix(REPAIR).strip())}"
    return escape(one.mend.replace(REPAIR, "`--repair`"))


def _sentence(verdict: Verdict) -> str:
    mended = sum(one.mended for one in verdict.damaged)
    left = len(verdict.damaged) - mended
    found = "everything is whole" if verdict.whole else f"{left} damaged"
    mends = f", {mended} mended" if mended else ""
    mendable = sum(REPAIR in one.mend for one in verdict.damaged if not one.mended)
    advice = f"; {REPAIR} mends {mendable} of them" if mendable and not mended else ""
    return f"{found}{mends}: {verdict.files:,} files, {format_size(verdict.bytes)}, read in {verdict.seconds:.1f} s{advice}"
