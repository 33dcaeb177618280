"""The machine's time zone by name, as schedules want it, found by what its clock does rather than by what it is called.

A container may have the host's /etc/localtime mounted over a link of another name, a copy of it, TZ in any of the forms
of POSIX, or none of these; `time.localtime` follows all of them.
"""

import importlib.resources
import os
import re
import time
import zoneinfo
from collections.abc import Callable, Iterable, Iterator
from datetime import UTC, datetime, timedelta
from functools import cache
from pathlib import Path

from artpipe.errors import UserError, did_you_mean
from artpipe.system.plain_text import plain

_RULE = re.compile(r"(<[^>]+>|[A-Za-z]{3,})[-+]?\d")  # POSIX: `CST-8`, `CET-1CEST,M3.5.0,M10.5.0/3`
_HALF_MONTH = 15 * 86_400
_YEARS_BACK, _YEARS_AHEAD = 50, 5
_NONE = timedelta()
_LOCALTIME, _TIMEZONE = Path("/etc/localtime"), Path("/etc/timezone")


def local_timezone() -> str:
    """Return the name of this machine's time zone, such as `Europe/Vienna`; UTC where nothing was set.

    Raises:
        UserError: TZ names no zone, or the clock follows rules of no zone.
    """
    given = os.environ.get("TZ", "").removeprefix(":")
    if given and not (is_zone(given) or given.startswith("/") or _RULE.match(given)):
        raise UserError(
            f"TZ: there is no time zone `{plain(given)}`{did_you_mean(given, zoneinfo.available_timezones())}"
        )
    named = list(_names(given))
    if "TZ" not in os.environ and not _LOCALTIME.exists():  # a slim image: its clock says UTC, whatever it was told
        return next((name for name in named if is_zone(name)), "UTC")
    now = int(time.time())
    for years in (_YEARS_BACK, 0):  # the same past too, if there is one such: Shanghai and Manila agree on today
        moments = range(now - years * 365 * 86_400, now + _YEARS_AHEAD * 365 * 86_400, _HALF_MONTH)
        clock = [time.localtime(moment).tm_gmtoff for moment in moments]
        for name in (*named, *_known()):
            if is_zone(name) and _follows(name, moments, clock):
                return name
    raise UserError("this machine's clock follows no time zone that is known; TZ=Continent/City names one")


def require_zone(name: str, place: str) -> None:
    """Refuse what is no time zone.

    Raises:
        UserError: the place and the nearest name.
    """
    if not is_zone(name):
        near = did_you_mean(name, zoneinfo.available_timezones()) or ", such as `Europe/Vienna`"
        raise UserError(f"{place}: there is no time zone `{plain(name)}`{near}")


def is_zone(name: str) -> bool:
    """Return whether a time zone has this name."""
    return _offsets(name) is not None


def _names(given: str) -> Iterator[str]:
    """Yield what the machine calls its zone, the surest first."""
    linked = str((Path(given) if given.startswith("/") else _LOCALTIME).resolve())
    yield from (given, linked.partition("zoneinfo/")[2])
    try:
        yield _TIMEZONE.read_text(encoding="ascii").strip()
    except (OSError, UnicodeDecodeError):
        return


def _known() -> Iterable[str]:
    """Return all zones: fixed offsets, then those that cover the most countries, at the end the old names of others."""
    table = importlib.resources.files("tzdata").joinpath("zoneinfo/zone1970.tab").read_text(encoding="utf-8")
    rows = [line.split("\t") for line in table.splitlines() if not line.startswith("#")]
    places = [row[2] for row in sorted(rows, key=lambda row: -len(row[0]))]
    fixed = ["Etc/UTC", *(f"Etc/GMT{hours:+d}" for hours in range(-14, 13) if hours)]
    return [*fixed, *places, *sorted(zoneinfo.available_timezones())]


def _follows(name: str, moments: Iterable[int], clock: list[int]) -> bool:
    offset = _offsets(name)
    return offset is not None and all(offset(at) == here for at, here in zip(moments, clock, strict=True))


@cache
def _offsets(name: str) -> Callable[[int], int] | None:
    """Return a zone's seconds east of Greenwich at a moment, by the package tzdata: the system's files may be mounted over."""
    if not re.fullmatch(r"[A-Za-z0-9_+/-]+", name) or name.startswith(("/", "posix", "right")):
        return None
    try:
        with importlib.resources.files("tzdata").joinpath("zoneinfo", *name.split("/")).open("rb") as stream:
            zone = zoneinfo.ZoneInfo.from_file(stream, key=name)
    except (OSError, ValueError):
        return None
    return lambda at: int((datetime.fromtimestamp(at, UTC).astimezone(zone).utcoffset() or _NONE).total_seconds())
