"""Format durations and sizes for people."""


def format_duration(seconds: float) -> str:
    """Return a duration as `40 s`, `12 min` or `3.5 h`."""
    if seconds < 90:  # noqa: PLR2004
        return f"{max(1, round(seconds))} s"
    return f"{seconds / 60:.0f} min" if seconds < 5400 else f"{seconds / 3600:.1f} h"  # noqa: PLR2004


def format_size(count: float, digits: int = 0) -> str:
    """Return a number of bytes as `12 MB`.

    From a kilobyte on it has so many `digits` after the point.
    """
    units = ("B", "kB", "MB", "GB", "TB")
    power = 0
    while count >= 1000 and power < len(units) - 1:  # noqa: PLR2004
        count, power = count / 1000, power + 1
    return f"{count:.{digits if power else 0}f} {units[power]}"
