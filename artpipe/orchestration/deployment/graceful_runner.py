"""Prefect's runner, which ends when its runs have ended and have said so."""

import os
import sys
import time
from typing import Any

from prefect.runner import Runner

from artpipe.system.processes import descendants

_GRACE_SECONDS = 20.0  # trainings save for 10 s, then the run reports


class PatientRunner(Runner):
    """Told to end, it lets the runs it started end first; Prefect's own kills them before they can report."""

    def handle_sigterm(self, *_arguments: Any, **_more: Any) -> None:
        """Wait for the runs, which whoever ends our group has told as well, and leave."""
        deadline = time.monotonic() + _GRACE_SECONDS
        while descendants(os.getpid()) and time.monotonic() < deadline:
            time.sleep(0.1)
        sys.exit(0)
