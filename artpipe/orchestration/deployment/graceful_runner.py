"""Prefect's runner, which waits until its runs have ended and reported."""

import os
import sys
import time
from typing import Any

from prefect.runner import Runner

from artpipe.system.processes import find_descendants

_GRACE_SECONDS = 20.0  # trainings save for 10 s, then the run reports


class GracefulRunner(Runner):
    """Waits for its runs when it is terminated.

    Prefect's own runner kills them before they can report.
    """

    def handle_sigterm(self, *_arguments: Any, **_more: Any) -> None:
        """Wait for the runs, then exit; the whole process group gets the signal."""
        deadline = time.monotonic() + _GRACE_SECONDS
        while find_descendants(os.getpid()) and time.monotonic() < deadline:
            time.sleep(0.1)
        sys.exit(0)
