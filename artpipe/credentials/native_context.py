"""Settings of the C2PA library: whom it trusts; nothing is fetched."""

from functools import lru_cache
from importlib.util import find_spec
from typing import Any

_OFFLINE = {"ocsp_fetch": False, "remote_manifest_fetch": False}


def is_installed() -> bool:
    """Return whether the libraries are there that sign and verify."""
    return find_spec("c2pa") is not None and find_spec("cryptography") is not None


@lru_cache(maxsize=8)
def make_signing_context() -> Any:
    """Return the settings to sign with: no thumbnail; we verify afterwards."""
    import c2pa

    return c2pa.Context.from_dict(
        {"verify": {**_OFFLINE, "verify_after_sign": False}, "builder": {"thumbnail": {"enabled": False}}}
    )


@lru_cache(maxsize=8)
def make_verifying_context(trusted: bytes) -> Any:
    """Return the settings to verify with; `trusted` are certificates as PEM."""
    import c2pa

    settings: dict[str, Any] = {"verify": {**_OFFLINE, "verify_trust": True}}
    if trusted:
        settings["trust"] = {"trust_anchors": trusted.decode()}
    return c2pa.Context.from_dict(settings)
