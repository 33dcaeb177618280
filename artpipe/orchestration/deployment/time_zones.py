"""Find the name of the machine's time zone, as Prefect's schedules need it.

It is found by what the clock does, not by what the zone is called: a container may have the host's /etc/localtime
mounted over a link of another name, a copy of it, TZ in any of the forms of POSIX, or none of these;
`time.localtime` follows all of them.
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
from artpipe.system.plain_text import to_printable

_POSIX_RULE = re.compile(r"(<[^>]+>|[A-Za-z]{3,})[-+]?\d")  # POSIX: `CST-8`, `CET-1CEST,M3.5.0,M10.5.0/3`
_HALF_MONTH = 15 * 86_400
_YEARS_BACK, _YEARS_AHEAD = 50, 5
_ZERO = timedelta()
_LOCALTIME, _TIMEZONE = Path("/etc/localtime"), Path("/etc/timezone")


def find_local_timezone() -> str:
    """Return this machine's time zone, such as `Europe/Vienna`; UTC where none is set.

    Raises:
        UserError: TZ names no zone, or the clock follows rules of no zone.
    """
    tz = os.environ.get("TZ", "").removeprefix(":")
    if tz and not (is_zone(tz) or tz.startswith("/") or _POSIX_RULE.match(tz)):
        raise UserError(
            f"TZ: there is no time zone `{to_printable(tz)}`{did_you_mean(tz, zoneinfo.available_timezones())}"
        )
    candidates = list(_candidate_names(tz))
    if "TZ" not in os.environ and not _LOCALTIME.exists():  # a slim image: its clock is at UTC, whatever is configured
        return next((name for name in candidates if is_zone(name)), "UTC")
    now = int(time.time())
    for years in (_YEARS_BACK, 0):  # the same past too, if there is one such: Shanghai and Manila agree on today
        moments = range(now - years * 365 * 86_400, now + _YEARS_AHEAD * 365 * 86_400, _HALF_MONTH)
        clock = [time.localtime(moment).tm_gmtoff for moment in moments]
        for name in (*candidates, *_all_names()):
            if is_zone(name) and _follows(name, moments, clock):
                return name
    raise UserError("this machine's clock follows no time zone that is known; TZ=Continent/City names one")


def require_zone(name: str, place: str) -> None:
    """Raise unless `name` is a time zone.

    Raises:
        UserError: with the place and the nearest name.
    """
    if not is_zone(name):
        near = did_you_mean(name, zoneinfo.available_timezones()) or ", such as `Europe/Vienna`"
        raise UserError(f"{place}: there is no time zone `{to_printable(name)}`{near}")


def is_zone(name: str) -> bool:
    """Return whether a time zone has this name."""
    return _find_offsets(name) is not None


def _candidate_names(tz: str) -> Iterator[str]:
    """Yield the names that the machine's settings give its zone, the surest first."""
    linked = str((Path(tz) if tz.startswith("/") else _LOCALTIME).resolve())
    yield from (tz, linked.partition("zoneinfo/")[2])
    try:
        yield _TIMEZONE.read_text(encoding="ascii").strip()
    except (OSError, UnicodeDecodeError):
        return


def _all_names() -> Iterable[str]:
    """Return the names of all zones, the likeliest first.

    Fixed offsets, then the zones that cover the most countries, then the old names.
    """
    table = importlib.resources.files("tzdata").joinpath("zoneinfo/zone1970.tab").read_text(encoding="utf-8")
    rows = [line.split("\t") for line in table.splitlines() if not line.startswith("#")]
    places = [row[2] for row in sorted(rows, key=lambda row: -len(row[0]))]
    fixed = ["Etc/UTC", *(f"Etc/GMT{hours:+d}" for hours in range(-14, 13) if hours)]
    return [*fixed, *places, *sorted(zoneinfo.available_timezones())]


def _follows(name: str, moments: Iterable[int], clock: list[int]) -> bool:
    offset = _find_offsets(name)
    return offset is not None and all(
        offset(moment) == clock_offset for moment, clock_offset in zip(moments, clock, strict=True)
    )


@cache
def _find_offsets(name: str) -> Callable[[int], int] | None:
    """Return a zone's offset from UTC in seconds, as a function of the POSIX time.

    By the package tzdata, because the system's files may be mounted over. None if there is no such zone.
    """
    if not re.fullmatch(r"[A-Za-z0-9_+/-]+", name) or name.startswith(("/", "posix", "right")):
        return None
    try:
        with importlib.resources.files("tzdata").joinpath("zoneinfo", *name.split("/")).open("rb") as stream:
            zone = zoneinfo.ZoneInfo.from_file(stream, key=name)
    except (OSError, ValueError):
        return None
    return lambda at: int((datetime.fromtimestamp(at, UTC).astimezone(zone).utcoffset() or _ZERO).total_seconds())
