"""On which side of its bound a finding's number is wanted."""

from typing import Literal

from artpipe.artifacts.report import Finding


def wanted_side(finding: Finding) -> Literal["least", "most", ""]:
    """Return whether the bound is the least or the most that is asked for.

    Told from the verdict and the side on which the number is; empty where both are the same number.
    """
    if finding.value == finding.bound:
        return ""
    is_healthy, is_above = finding.verdict == "healthy", finding.value > finding.bound
    return "least" if is_healthy == is_above else "most"
