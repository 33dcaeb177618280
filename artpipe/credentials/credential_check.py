"""Verify the content credentials of a file, offline."""

import io
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal

from artpipe.credentials.content_manifest import ASSERTION
from artpipe.credentials.media_types import MEDIA_TYPES
from artpipe.credentials.native_context import make_verifying_context
from artpipe.errors import UserError, did_you_mean
from artpipe.system.plain_text import to_printable

CredentialState = Literal[
    "whole",  # as it was signed, by a trusted certificate
    "foreign",  # as it was signed, by a certificate that nobody here vouches for
    "changed",  # not as it was signed, or the signature itself is wrong
    "none",
]
_UNTRUSTED = "signingCredential.untrusted"


@dataclass(frozen=True)
class CredentialCheck:
    """What was found of one file."""

    state: CredentialState
    signer: str = ""
    source_type: str = ""  # the last part of IPTC's address
    facts: Mapping[str, Any] = field(default_factory=dict)  # what artpipe's assertion says, see `describe_generation`
    ingredients: tuple[str, ...] = ()  # titles
    faults: tuple[str, ...] = ()  # C2PA's codes of what is wrong


def check_file(path: Path, trusted: bytes) -> CredentialCheck:
    """Verify a file; `trusted` are certificates as PEM.

    Raises:
        UserError: no such file, a form that carries no credentials, or a damaged one.
    """
    shown = to_printable(str(path))
    if path.suffix.lower() not in MEDIA_TYPES:
        forms = ", ".join(suffix[1:] for suffix in MEDIA_TYPES)
        hint = did_you_mean(path.suffix.lower(), MEDIA_TYPES)
        raise UserError(f"{shown}: `{to_printable(path.suffix)}` carries no credentials; these do: {forms}{hint}")
    try:
        data = path.read_bytes()
    except OSError as error:
        raise UserError(f"{shown}: cannot be read: {error.strerror}") from None
    return check_bytes(data, path.suffix, trusted, shown)


def check_bytes(data: bytes, suffix: str, trusted: bytes, name: str) -> CredentialCheck:
    """Verify the bytes of a file; see `check_file`."""
    import c2pa

    try:
        reader = c2pa.Reader.try_create(
            MEDIA_TYPES[suffix.lower()], io.BytesIO(data), context=make_verifying_context(trusted)
        )
        if reader is None:
            return CredentialCheck("none")
        with reader:
            results, manifest = reader.get_validation_results(), reader.get_active_manifest()
    except c2pa.C2paError as error:
        reason = " ".join(str(error).split())[:120]
        raise UserError(f"{name}: no whole file of the form `{suffix[1:]}`: {to_printable(reason)}") from None
    return _read_results(results or {}, manifest or {})


def _read_results(results: Mapping[str, Any], manifest: Mapping[str, Any]) -> CredentialCheck:
    parts = [results.get("activeManifest") or {}]
    parts += [delta.get("validationDeltas") or {} for delta in results.get("ingredientDeltas") or []]
    faults = tuple(sorted({str(fault.get("code")) for part in parts for fault in part.get("failure") or []}))
    signer = manifest.get("signature_info") or {}
    assertions = {str(one.get("label")): one.get("data") or {} for one in manifest.get("assertions") or []}
    state: CredentialState = "whole"
    if faults:
        state = "foreign" if set(faults) == {_UNTRUSTED} else "changed"
    facts = assertions.get(ASSERTION, {})
    return CredentialCheck(
        state=state,
        signer=", ".join(str(signer[name]) for name in ("common_name", "issuer") if signer.get(name)),
        source_type=_find_source_type(assertions),
        facts=facts if isinstance(facts, dict) else {},
        ingredients=tuple(str(one.get("title") or "") for one in manifest.get("ingredients") or []),
        faults=faults,
    )


def _find_source_type(assertions: Mapping[str, Any]) -> str:
    actions = [
        action
        for label, data in assertions.items()
        if label.startswith("c2pa.actions") and isinstance(data, dict)
        for action in data.get("actions") or []
    ]
    return next((str(one["digitalSourceType"]).rsplit("/", 1)[-1] for one in actions if "digitalSourceType" in one), "")
