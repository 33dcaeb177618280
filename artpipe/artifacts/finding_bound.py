"""On which side of its bound a finding's number is wanted."""

from typing import Literal

from artpipe.artifacts.report import Finding


def wanted_side(finding: Finding) -> Literal["least", "most", ""]:
    """Return whether the bound is the least or the most that is asked for.

    Where the finding does not say, it is told from the grade and the side on which the number is; empty where both are the
    same number.
    """
    if finding.wanted or finding.value == finding.bound:
        return finding.wanted
    return "least" if finding.is_passing == (finding.value > finding.bound) else "most"
