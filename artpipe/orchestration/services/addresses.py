"""Where this project is being served, as `artpipe serve` has written it down, for whoever runs beside it."""

import json
import os
import tomllib
from collections.abc import Mapping
from pathlib import Path

from artpipe.artifacts.paths import STATE
from artpipe.system.atomic_files import write_json
from artpipe.system.processes import process

FOLDER = STATE / "serve"
_FILE = FOLDER / "addresses.json"


def write_addresses(addresses: Mapping[str, str]) -> None:
    """Say that this process serves at these addresses, by part."""
    own = process(os.getpid())
    write_json(_FILE, {"pid": os.getpid(), "started": own.started if own else 0, "addresses": dict(addresses)})


def remove_addresses() -> None:
    """Say so no more."""
    _FILE.unlink(missing_ok=True)


def addresses() -> Mapping[str, str]:
    """Return the addresses at which this project is being served, by part; none where it is not."""
    try:
        known = json.loads(_FILE.read_text(encoding="utf-8"))
        server = process(known["pid"])
    except (OSError, ValueError, KeyError, TypeError):
        return {}
    return known["addresses"] if server and server.started == known["started"] else {}


def prefect_named() -> bool:
    """Return whether some Prefect server is named: in the environment or the chosen profile. It does not import Prefect, which takes seconds."""
    if os.environ.get("PREFECT_API_URL"):
        return True
    home = Path(os.environ.get("PREFECT_HOME") or Path.home() / ".prefect")
    files = [
        Path(os.environ.get("PREFECT_PROFILES_PATH") or home / "profiles.toml"),
        Path("prefect.toml"),
        Path(".env"),
    ]
    try:
        kept = tomllib.loads(files[0].read_text(encoding="utf-8"))
        profile = kept["profiles"][os.environ.get("PREFECT_PROFILE") or kept["active"]]
    except (OSError, ValueError, KeyError, TypeError):
        profile = {}
    return bool(profile.get("PREFECT_API_URL")) or any(
        file.exists() for file in files[1:]
    )  # who has these, means something


def prefect_beside() -> dict[str, str]:
    """Return what names the Prefect server that is being served here, for the environment; nothing where one is named."""
    if os.environ.get("PREFECT_API_URL") or not (flows := addresses().get("flows")):
        return {}
    return {"PREFECT_API_URL": f"{flows}/api", **auth()}


def auth() -> dict[str, str]:
    """Return what lets us into a Prefect server that asks for a password, for the environment: the password it was given."""
    given = os.environ.get("PREFECT_SERVER_API_AUTH_STRING")
    return {"PREFECT_API_AUTH_STRING": given} if given and not os.environ.get("PREFECT_API_AUTH_STRING") else {}
