"""The checks that a gallery passes before it is published."""

from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from typing import NamedTuple

from artpipe.site_check.broken_links import check_links
from artpipe.site_check.draft_traces import check_drafts
from artpipe.site_check.private_traces import PrivateTexts, check_traces
from artpipe.site_check.published_site import Fault, PublishedSite
from artpipe.site_check.site_weight import check_weight
from artpipe.site_check.stated_licences import check_licences
from artpipe.site_check.work_labels import check_labels

CHECKS: Mapping[str, Callable[[PublishedSite], Iterator[Fault]]] = {
    "links": check_links,
    "drafts": check_drafts,
    "licences": check_licences,
    "labels": check_labels,
    "weight": check_weight,
}
CHECK_NAMES = ("private", *CHECKS)
_HINTS = frozenset({"weight"})  # checks that stop nothing: a USB stick bears more than a web server


class CheckResult(NamedTuple):
    """What stops a gallery, and what is told without stopping it."""

    faults: Sequence[Fault]
    hints: Sequence[Fault]


def check_site(site: PublishedSite, private: PrivateTexts, accepted: Collection[str] = ()) -> CheckResult:
    """Return what every check says; what `accepted` checks say stops nothing."""
    checks = {"private": lambda site: check_traces(site, private), **CHECKS}
    found = {name: list(check(site)) for name, check in checks.items()}
    told = _HINTS | set(accepted)
    faults = [fault for name, ones in found.items() if name not in told for fault in ones]
    return CheckResult(faults, [fault for name, ones in found.items() if name in told for fault in ones])
