"""Set Prefect's environment variables before Prefect is imported.

Only this package imports Prefect. Telemetry is off.
"""

import os
from pathlib import Path

from artpipe.system.home_folders import provide_home
from artpipe.system.project_root import find_root_or_none
from artpipe.system.sqlite_address import sqlite_url
from artpipe.system.streams import open_streams

_ROOT = find_root_or_none()

_SETTINGS = {
    # the project's own; the person's ~/.prefect stays untouched
    "PREFECT_HOME": str((_ROOT or Path.cwd()) / ".state/prefect"),
    "PREFECT_SERVER_ANALYTICS_ENABLED": "false",
    "PREFECT_SERVER_UI_V2_ENABLED": "false",  # its pages call a tracker, whatever is set here
    "DO_NOT_TRACK": "1",
    "DVC_NO_ANALYTICS": "1",
    "PREFECT_CLI_PROMPT": "false",
    # a lease in memory dies with its server, and its slot is never given back
    "PREFECT_SERVER_CONCURRENCY_LEASE_STORAGE": "prefect.server.concurrency.lease_storage.filesystem",
    "PREFECT_SERVER_EPHEMERAL_STARTUP_TIMEOUT_SECONDS": "400",  # a new home takes 40 s, many times that beside trainings
    "PREFECT_LOGGING_HANDLERS_CONSOLE_LEVEL": "CRITICAL",  # the flow prints a readable account itself
}

provide_home()
open_streams()  # for the processes that Prefect starts to run a flow

for _name, _value in _SETTINGS.items():
    os.environ.setdefault(_name, _value)

if _ROOT is not None:  # nothing is written where there is no project
    _home, _database = Path(os.environ["PREFECT_HOME"]), "PREFECT_SERVER_DATABASE_CONNECTION_URL"
    _home.parent.mkdir(parents=True, exist_ok=True)  # the home itself is made by Prefect, where it is needed
    _url = sqlite_url(_home / "prefect.db", "sqlite+aiosqlite", make_folder=False)
    if "file:" in _url and not {_database, "PREFECT_API_DATABASE_CONNECTION_URL"} & set(os.environ):
        _home.mkdir(parents=True, exist_ok=True)
        os.environ[_database] = _url  # Prefect's default address would be another one, or without locks
