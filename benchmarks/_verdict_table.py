"""What the benchmarks of verdicts share: which grades are alarms, how shares of them are printed and written into a page."""

from collections.abc import Mapping, Sequence
from pathlib import Path

from artpipe.numerics.intervals import share_interval
from artpipe.system.atomic_files import write_text

ALARMS = frozenset({"failed", "weak"})
ALL = "all together"
_HEADINGS = ("detector", "hits, even seeds", "false alarms, even seeds", "hits, odd seeds", "false alarms, odd seeds")


def format_share(hits: int, count: int) -> str:
    """Return hits of a number of sets with the 95 % interval of their share."""
    if not count:
        return "-"
    low, high = share_interval(hits / count, count)
    return f"{hits} of {count} ({100 * low:.0f} to {100 * high:.0f} %)"


def format_table(counts: Mapping[tuple[str, int, bool], Sequence[bool]]) -> str:
    """Return rows of hits and false alarms by detector, all of them last.

    Alarms stand by detector, half of the seeds and whether a failure was planted.
    """
    names = sorted({name for name, _, _ in counts} - {ALL})
    rows = [_HEADINGS, tuple("---" for _ in _HEADINGS)]
    for name in (*names, ALL):
        cells = [counts.get((name, half, failure), []) for half in (0, 1) for failure in (True, False)]
        if cells[0] or cells[2]:  # a detector for which nothing was planted is not in the table
            rows.append((name, *(format_share(sum(cell), len(cell)) for cell in cells)))
    return "\n".join(f"| {' | '.join(row)} |" for row in rows)


def write_table(page: Path, name: str, table: str) -> None:
    """Write a table between its two marks of a page.

    Raises:
        ValueError: the page has no such marks.
    """
    begin, end = f"<!-- {name} -->\n", f"\n<!-- end of {name} -->"
    text = page.read_text("utf-8")
    if begin not in text or end not in text:
        message = f"{page}: no `{begin.strip()}` or `{end.strip()}`"
        raise ValueError(message)
    before, rest = text.split(begin, 1)
    write_text(page, f"{before}{begin}{table}{end}{rest.split(end, 1)[1]}")
