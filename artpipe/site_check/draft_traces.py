"""Look for what is not finished.

Pages of a run under way, models that do not hang yet.
"""

import re
from collections.abc import Iterator

from artpipe.site_check.published_site import Fault, PublishedSite

_TEMPORARY = re.compile(r"\.tmp\.\d+$|~$|\.sw[op]$|(?:^|/)\.DS_Store$")


def check_drafts(site: PublishedSite) -> Iterator[Fault]:
    """Yield files and pages that are not finished."""
    for path in site.files:
        if _TEMPORARY.search(path):
            yield Fault(path, "a temporary file")
    for path, page in site.pages.items():
        if page.is_early:
            yield Fault(path, "made while a run was under way; `artpipe run` builds the final one")
        elif page.empty_frames:
            yield Fault(path, f"{page.empty_frames} empty frames of models that do not hang yet")
