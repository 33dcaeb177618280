"""Verify the content credentials of a file, offline."""

import io
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, Literal

from artpipe.credentials.content_manifest import ASSERTION
from artpipe.credentials.media_types import MEDIA_TYPES
from artpipe.credentials.native_context import make_verifying_context
from artpipe.errors import UserError, did_you_mean
from artpipe.system.plain_text import to_printable

CredentialState = Literal[
    "whole",  # as it was signed, by a trusted certificate
    "foreign",  # as it was signed, by a certificate that nobody here vouches for or that counts no more
    "changed",  # not as it was signed, or the signature itself is wrong
    "none",
]
_MOST_BYTES = 1 << 30
_SIGNED, _TRUSTED = (
    "claimSignature.validated",
    "signingCredential.trusted",
)  # codes of C2PA without which nothing is whole
_OF_SIGNER = (
    "signingCredential.",
    "timeStamp.",
    "claimSignature.outsideValidity",
)  # what does not concern the file itself


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
    """Verify a file; `trusted` are certificates as PEM, the signer's first.

    Raises:
        UserError: no such file, a form that carries no credentials, or a damaged one.
    """
    shown = to_printable(str(path))
    if path.suffix.lower() not in MEDIA_TYPES:
        forms = ", ".join(suffix[1:] for suffix in MEDIA_TYPES)
        hint = did_you_mean(path.suffix.lower(), MEDIA_TYPES)
        raise UserError(f"{shown}: `{to_printable(path.suffix)}` carries no credentials; these do: {forms}{hint}")
    try:
        if not path.is_file() or path.stat().st_size > _MOST_BYTES:
            raise UserError(f"{shown}: a file of at most {_MOST_BYTES >> 20} MiB is expected")
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
    if not results or not manifest:
        raise UserError(f"{name}: its credentials cannot be read")
    check = _read_results(results, manifest)
    if check.state == "whole" and str((manifest.get("signature_info") or {}).get("cert_serial_number")) != _read_serial(
        trusted
    ):
        return replace(check, state="foreign")
    return check


def _read_serial(trusted: bytes) -> str:
    """Return the number of the signer's certificate, the first.

    Its issuer vouches for strangers too.
    """
    from cryptography.x509 import load_pem_x509_certificates

    return str(load_pem_x509_certificates(trusted)[0].serial_number)


def _read_results(results: Mapping[str, Any], manifest: Mapping[str, Any]) -> CredentialCheck:
    parts = [results.get("activeManifest") or {}]
    parts += [delta.get("validationDeltas") or {} for delta in results.get("ingredientDeltas") or []]
    faults = tuple(sorted(_collect_codes(parts, "failure")))
    signer = manifest.get("signature_info") or {}
    assertions = {str(one.get("label")): one.get("data") or {} for one in manifest.get("assertions") or []}
    state: CredentialState = "changed"
    successes = _collect_codes(parts[:1], "success")
    if not faults and successes >= {_SIGNED, _TRUSTED}:
        state = "whole"
    elif faults and all(fault.startswith(_OF_SIGNER) for fault in faults):
        state = "foreign"
    facts = assertions.get(ASSERTION, {})
    return CredentialCheck(
        state=state,
        signer=", ".join(str(signer[name]) for name in ("common_name", "issuer") if signer.get(name)),
        source_type=_find_source_type(assertions),
        facts=facts if isinstance(facts, dict) else {},
        ingredients=tuple(str(one.get("title") or "") for one in manifest.get("ingredients") or []),
        faults=faults,
    )


def _collect_codes(parts: Sequence[Mapping[str, Any]], kind: str) -> set[str]:
    return {str(one.get("code")) for part in parts for one in part.get(kind) or []}


def _find_source_type(assertions: Mapping[str, Any]) -> str:
    actions = [
        action
        for label, data in assertions.items()
        if label.startswith("c2pa.actions") and isinstance(data, dict)
        for action in data.get("actions") or []
    ]
    return next((str(one["digitalSourceType"]).rsplit("/", 1)[-1] for one in actions if "digitalSourceType" in one), "")
