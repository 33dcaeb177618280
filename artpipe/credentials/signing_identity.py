"""The key and the certificates a project signs with.

They are its own, or those that the environment names.
"""

import os
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

from artpipe.credentials.certificates import make_chain
from artpipe.errors import UserError
from artpipe.system.atomic_files import write_file
from artpipe.system.locks import hold_lock
from artpipe.system.plain_text import to_printable

if TYPE_CHECKING:
    from cryptography import x509

FOLDER = Path(".state/credentials")  # no output: neither git nor DVC knows it
KEY_VARIABLE, CHAIN_VARIABLE = "ARTPIPE_SIGNING_KEY", "ARTPIPE_SIGNING_CERTIFICATES"
_WAIT_SECONDS = 30.0  # for another command that makes the key
_CURVES = {"secp256r1": "es256", "secp384r1": "es384", "secp521r1": "es512"}


@dataclass(frozen=True)
class SigningIdentity:
    """A private key with its certificates, checked against each other."""

    algorithm: str  # as C2PA calls it: es256, ps256 ...
    key: bytes = field(repr=False)  # PEM
    chain: bytes  # PEM, the signer's certificate first
    is_own: bool  # made by artpipe, so nobody else vouches for it
    fingerprint: str  # SHA-256 of the signer's certificate, in hexadecimal
    subject: str
    until: str  # the last day it counts, as 2056-11-01


def load_identity(root: Path, environment: Mapping[str, str] = os.environ) -> SigningIdentity:
    """Return what the project signs with; its own key is made at the first time.

    Raises:
        UserError: a file is missing, unreadable, no key, no certificates, expired, or they do not belong together.
    """
    key_file, chain_file = environment.get(KEY_VARIABLE, ""), environment.get(CHAIN_VARIABLE, "")
    if bool(key_file) != bool(chain_file):
        missing = CHAIN_VARIABLE if key_file else KEY_VARIABLE
        raise UserError(f"{missing} is not set; key and certificates are named together, each a PEM file")
    if key_file:
        return read_identity(Path(key_file), Path(chain_file), is_own=False)
    own_key, own_chain = own_files(root)
    with hold_lock(root / FOLDER / "lock", wait_seconds=_WAIT_SECONDS, doing="making a key"):
        if not (own_key.exists() and own_chain.exists()):  # one alone is what an interrupted making left
            key, chain = make_chain()
            _write_private(own_key, key)
            _write_private(own_chain, chain)
    return read_identity(own_key, own_chain, is_own=True)


def own_files(root: Path) -> tuple[Path, Path]:
    """Return where the project's own key and certificates are."""
    return root / FOLDER / "key.pem", root / FOLDER / "certificates.pem"


def find_certificates(root: Path, environment: Mapping[str, str] = os.environ) -> bytes:
    """Return the certificates a project signs with, empty where there are none yet.

    Raises:
        UserError: those that the environment names cannot be read.
    """
    if named := environment.get(CHAIN_VARIABLE):
        return _read(Path(named))
    own = own_files(root)[1]
    return _read(own) if own.exists() else b""


def read_identity(key_file: Path, chain_file: Path, *, is_own: bool) -> SigningIdentity:
    """Return the identity of two PEM files; see `load_identity`."""
    from cryptography.hazmat.primitives import hashes, serialization

    key, chain = _read(key_file), _read(chain_file)
    certificates = parse_certificates(chain, chain_file)
    signer = certificates[0]
    private = _parse_key(key, key_file)
    encoding = serialization.Encoding.DER, serialization.PublicFormat.SubjectPublicKeyInfo
    if private.public_key().public_bytes(*encoding) != signer.public_key().public_bytes(*encoding):
        raise UserError(f"{_show(key_file)}: not the key of the first certificate in {_show(chain_file)}")
    now = datetime.now(UTC)
    if not signer.not_valid_before_utc <= now <= signer.not_valid_after_utc:
        word = "expired on" if now > signer.not_valid_after_utc else "is not valid before"
        day = signer.not_valid_after_utc if now > signer.not_valid_after_utc else signer.not_valid_before_utc
        hint = "; remove it and its key, and new ones are made" if is_own else ""
        raise UserError(f"{_show(chain_file)}: the certificate {word} {day:%Y-%m-%d}{hint}")
    return SigningIdentity(
        algorithm=_name_algorithm(private, key_file),
        key=key,
        chain=chain,
        is_own=is_own,
        fingerprint=signer.fingerprint(hashes.SHA256()).hex(),
        subject=", ".join(str(attribute.value) for attribute in signer.subject),
        until=f"{signer.not_valid_after_utc:%Y-%m-%d}",
    )


def parse_certificates(data: bytes, path: Path) -> "list[x509.Certificate]":
    """Return the certificates of a PEM file, at least one.

    Raises:
        UserError: there are none.
    """
    from cryptography import x509

    try:
        return x509.load_pem_x509_certificates(data)
    except ValueError:
        raise UserError(f"{_show(path)}: no certificates; PEM is expected, the signer's first") from None


def _parse_key(data: bytes, path: Path) -> Any:
    from cryptography.exceptions import UnsupportedAlgorithm
    from cryptography.hazmat.primitives.serialization import load_pem_private_key

    try:
        return load_pem_private_key(data, password=None)
    except TypeError:
        raise UserError(f"{_show(path)}: the key has a password; one without is expected") from None
    except (ValueError, UnsupportedAlgorithm):
        raise UserError(f"{_show(path)}: no private key; PEM is expected") from None


def _name_algorithm(private: Any, path: Path) -> str:
    from cryptography.hazmat.primitives.asymmetric import ec, ed25519, rsa

    if isinstance(private, ec.EllipticCurvePrivateKey) and private.curve.name in _CURVES:
        return _CURVES[private.curve.name]
    if isinstance(private, rsa.RSAPrivateKey):
        return "ps256"
    if isinstance(private, ed25519.Ed25519PrivateKey):
        return "ed25519"
    raise UserError(f"{_show(path)}: C2PA signs with EC (P-256, P-384, P-521), RSA or Ed25519 keys")


def _read(path: Path) -> bytes:
    try:
        return path.read_bytes()
    except OSError as error:
        raise UserError(f"{_show(path)}: cannot be read: {error.strerror}") from None


def _write_private(path: Path, data: bytes) -> None:
    """Write a file that nobody else may read, not even while it is written."""
    path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
    with write_file(path) as temporary:
        temporary.touch(mode=0o600)
        temporary.write_bytes(data)


def _show(path: Path) -> str:
    return to_printable(str(path))
