"""Prefect lives here and nowhere else; its settings are made before it is imported, and it phones nobody."""

import os
from pathlib import Path

_SETTINGS = {
    "PREFECT_HOME": str(Path(".state/prefect").absolute()),  # of the project; one's own ~/.prefect stays untouched
    "PREFECT_SERVER_ANALYTICS_ENABLED": "false",
    "PREFECT_SERVER_UI_V2_ENABLED": "false",  # its pages ask a tracker for its settings, whatever is set here
    "DO_NOT_TRACK": "1",
    "DVC_NO_ANALYTICS": "1",
    "PREFECT_CLI_PROMPT": "false",
    # a lease in memory dies with its server, and its slot is never given back
    "PREFECT_SERVER_CONCURRENCY_LEASE_STORAGE": "prefect.server.concurrency.lease_storage.filesystem",
    "PREFECT_SERVER_EPHEMERAL_STARTUP_TIMEOUT_SECONDS": "400",  # a new home takes 40 s, many times that beside trainings
    "PREFECT_LOGGING_HANDLERS_CONSOLE_LEVEL": "CRITICAL",  # the flow prints a readable account itself
}

for _name, _value in _SETTINGS.items():
    os.environ.setdefault(_name, _value)

Path(os.environ["PREFECT_HOME"]).parent.mkdir(parents=True, exist_ok=True)  # Prefect makes the last folder only
