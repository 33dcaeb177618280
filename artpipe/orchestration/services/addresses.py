"""The addresses at which `artpipe serve` serves this project, kept in a file."""

import json
import os
import tomllib
from collections.abc import Mapping
from pathlib import Path

from artpipe.artifacts.paths import STATE
from artpipe.system.atomic_files import write_json
from artpipe.system.processes import find_process

FOLDER = STATE / "serve"
_FILE = FOLDER / "addresses.json"


def write_addresses(addresses: Mapping[str, str]) -> None:
    """Record that this process serves at these addresses, by part."""
    own_process = find_process(os.getpid())
    write_json(
        _FILE, {"pid": os.getpid(), "started": own_process.started if own_process else 0, "addresses": dict(addresses)}
    )


def remove_addresses() -> None:
    """Remove the record of `write_addresses`."""
    _FILE.unlink(missing_ok=True)


def read_addresses() -> Mapping[str, str]:
    """Return the addresses at which this project is served now, by part."""
    try:
        record = json.loads(_FILE.read_text(encoding="utf-8"))
        server = find_process(record["pid"])
    except (OSError, ValueError, KeyError, TypeError):
        return {}
    return record["addresses"] if server and server.started == record["started"] else {}


def is_prefect_named() -> bool:
    """Return whether a Prefect server is named, in the environment or the profile.

    It does not import Prefect, which takes seconds.
    """
    if os.environ.get("PREFECT_API_URL"):
        return True
    home = Path(os.environ.get("PREFECT_HOME") or Path.home() / ".prefect")
    files = [
        Path(os.environ.get("PREFECT_PROFILES_PATH") or home / "profiles.toml"),
        Path("prefect.toml"),
        Path(".env"),
    ]
    try:
        profiles = tomllib.loads(files[0].read_text(encoding="utf-8"))
        profile = profiles["profiles"][os.environ.get("PREFECT_PROFILE") or profiles["active"]]
    except (OSError, ValueError, KeyError, TypeError):
        profile = {}
    return bool(profile.get("PREFECT_API_URL")) or any(
        file.exists() for file in files[1:]
    )  # who has these, means something


def local_prefect_variables() -> dict[str, str]:
    """Return environment variables that name the Prefect server served here.

    None where the environment names a server already.
    """
    if os.environ.get("PREFECT_API_URL") or not (flows := read_addresses().get("flows")):
        return {}
    return {"PREFECT_API_URL": f"{flows}/api", **auth_variables()}


def auth_variables() -> dict[str, str]:
    """Return environment variables with the Prefect server's password, if it has one."""
    auth_string = os.environ.get("PREFECT_SERVER_API_AUTH_STRING")
    return (
        {"PREFECT_API_AUTH_STRING": auth_string}
        if auth_string and not os.environ.get("PREFECT_API_AUTH_STRING")
        else {}
    )
