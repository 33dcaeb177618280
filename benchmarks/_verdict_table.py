"""What the benchmarks of verdicts share: which grades are alarms, and how a share of them is printed."""

from artpipe.numerics.intervals import share_interval

ALARMS = frozenset({"failed", "weak"})


def format_share(hits: int, count: int) -> str:
    """Return hits of a number of sets with the 95 % interval of their share."""
    if not count:
        return f"{'-':>22}"
    low, high = share_interval(hits / count, count)
    return f"{hits:4} of {count:3} ({100 * low:3.0f} to {100 * high:3.0f} %)"
