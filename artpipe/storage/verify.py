"""`artpipe verify`: read everything that was written, and report damage.

With each damage comes what repairs it.
"""

import contextlib
import time
from collections.abc import Iterator
from functools import partial
from pathlib import Path
from typing import Any

from rich.markup import escape

from artpipe.config.params import Frozen, load_params
from artpipe.errors import ArtpipeError, UserError
from artpipe.storage.damage import REPAIR, Damage
from artpipe.storage.dvc_check import find_nested_dvc_folders
from artpipe.storage.dvc_command import read_dvc_output
from artpipe.storage.dvc_config import is_lost_cache_link
from artpipe.storage.dvc_lock import hold_dvc_lock
from artpipe.storage.integrity_checks import find_damage
from artpipe.storage.inventory import HashCache, Inventory
from artpipe.storage.running_work import RunningWork, find_running_work, require_no_running_work
from artpipe.system.file_tree import walk_tree
from artpipe.system.units import format_size


class DamageReport(Frozen):
    """One damaged thing, for people and programs."""

    place: str
    what: str
    mend: str
    mended: bool = False


class VerifyReport(Frozen):
    """The result of `artpipe verify`."""

    whole: bool  # after the repair, where there was one
    files: int  # read, of the workspace and of DVC's cache
    bytes: int
    seconds: float
    damaged: tuple[DamageReport, ...]
    at_work: str = ""  # a run, whose outputs were left out
    left_out: tuple[str, ...] = ()  # outputs that it was making

    def print_text(self) -> None:
        """Print the damage as a table, and a summary."""
        _print_table(self)

    def to_json(self) -> dict[str, Any]:
        """Return the same for programs."""
        return self.model_dump(mode="json")


def verify(root: Path = Path(), *, repair: bool = False) -> VerifyReport:
    """Read everything and report damage; with `repair` repair it, and look again.

    Raises:
        UserError: there is no project here.
        BusyError: a run is at work, beside which nothing can be repaired.
    """
    if not (root / ".dvc").is_dir():
        raise UserError(f"{root / '.dvc'}: no such folder; run artpipe in the folder of the project")
    if repair:
        require_no_running_work(root, "nothing was repaired: try again when it has ended")
    cache, start, hashes = root / read_dvc_output(root, "cache", "dir").strip(), time.monotonic(), HashCache()
    with hold_dvc_lock(root, doing="reading all that DVC keeps"):
        work = find_running_work(root)  # its outputs cannot be completed before DVC's lock is free again
        if work and repair:
            require_no_running_work(root, "nothing was repaired: try again when it has ended")
        first_damages = _find_all_damage(Inventory(root, cache, hashes, work.outputs if work else ()))
        files, count = hashes.files, hashes.bytes
        damage_by_place, remaining = {damage.place: damage for damage in first_damages}, first_damages
        while repair and any(damage.act for damage in remaining):
            previous, remaining = remaining, _repair(root, cache, hashes, remaining)
            for damage in remaining:  # a restored listing shows which of its files are damaged
                damage_by_place.setdefault(damage.place, damage)
            if {damage.place for damage in previous} == {damage.place for damage in remaining}:
                break
    remaining_places = {damage.place for damage in remaining}
    damaged = [
        _make_damage_report(damage, mended=place not in remaining_places) for place, damage in damage_by_place.items()
    ]
    return VerifyReport(
        whole=not remaining,
        files=files,
        bytes=count,
        seconds=round(time.monotonic() - start, 2),
        damaged=tuple(damaged),
        at_work=work.describe() if work else "",
        left_out=_list_left_out(work),
    )


def _list_left_out(work: RunningWork | None) -> tuple[str, ...]:
    return tuple(sorted(map(str, work.outputs))) if work else ()


def _repair(root: Path, cache: Path, hashes: HashCache, damages: list[Damage]) -> list[Damage]:
    """Repair what can be repaired; return the damage that is left, found anew."""
    for damage in damages:
        if damage.act:
            with contextlib.suppress(FileNotFoundError):  # an earlier repair has moved its folder aside
                damage.act()
    return _find_all_damage(Inventory(root, cache, hashes))


def _find_all_damage(inventory: Inventory) -> list[Damage]:
    """Return all damage, and what makes DVC skip a part of the project."""
    datasets: list[str] = []
    with contextlib.suppress(ArtpipeError):  # `artpipe check` reports mistakes in params.yaml
        datasets = [entry.path for entry in load_params(inventory.root / "params.yaml").datasets.values()]
    nested = []
    for dvc_folder, explanation in find_nested_dvc_folders(inventory.root, datasets):
        consequence, _, remedy = explanation.partition("; ")
        repair = None if (dvc_folder / "config").is_file() else partial(inventory.move_aside, dvc_folder)
        nested.append(
            Damage(
                inventory.display_name(dvc_folder),
                consequence,
                remedy if repair is None else f"{REPAIR} puts it aside",
                repair,
            )
        )
    return [*_check_lost_links(inventory), *find_damage(inventory), *nested]


def _check_lost_links(inventory: Inventory) -> Iterator[Damage]:
    """Yield outputs whose links into DVC's cache lead to nothing.

    The disk of the cache is away, or the cache was emptied.
    """
    for out in inventory.outputs:
        if count := sum(
            path.is_symlink() and is_lost_cache_link(path) for path in walk_tree(inventory.root / out.path)
        ):
            mend = f"bring back the disk of {inventory.cache}, else `dvc pull {out.path}` from a remote"
            yield Damage(str(out.path), f"{count:,} links into DVC's cache lead to nothing", mend)


def _make_damage_report(damage: Damage, *, mended: bool = False) -> DamageReport:
    return DamageReport(place=damage.place, what=damage.what, mend=damage.mend, mended=mended)


def _print_table(report: VerifyReport) -> None:
    from rich.table import Table

    from artpipe.system.terminal import PlainConsole

    console = PlainConsole(highlight=False)
    if not console.is_terminal:
        console.width = 2000  # one line each, in files and pipes
    if report.damaged:
        table = Table(box=None, header_style="dim", padding=(0, 2, 0, 0))
        table.add_column("place", overflow="fold")
        table.add_column("what")
        table.add_column("how to mend")
        for damage in report.damaged:
            table.add_row(escape(damage.place), escape(damage.what), _format_repair(damage))
        console.print(table)
    console.print(_format_summary(report), soft_wrap=True)


def _format_repair(damage: DamageReport) -> str:
    if damage.mended:
        return f"[green]mended[/]: {escape(damage.mend.removeprefix(REPAIR).strip())}"
    return escape(damage.mend.replace(REPAIR, "`--repair`"))


def _format_summary(report: VerifyReport) -> str:
    mended_count = sum(damage.mended for damage in report.damaged)
    damaged_count = len(report.damaged) - mended_count
    result = "everything is whole" if report.whole else f"{damaged_count} damaged"
    mended_text = f", {mended_count} mended" if mended_count else ""
    mendable_count = sum(REPAIR in damage.mend for damage in report.damaged if not damage.mended)
    left_out = f"; {report.at_work}: what it makes was left out" if report.at_work else ""
    advice = f"; {REPAIR} mends {mendable_count} of them" if mendable_count and not mended_count else ""
    return f"{result}{mended_text}: {report.files:,} files, {format_size(report.bytes)}, read in {report.seconds:.1f} s{advice}{left_out}"
