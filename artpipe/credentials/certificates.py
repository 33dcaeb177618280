"""Make the project's own certificate, below a root whose key is forgotten.

C2PA wants a signer that another certificate vouches for, so a chain of two. The root's key exists for the one signature
and is not written, so nobody, nor the owner, can make a second signer that would be taken for the project's.
"""

from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from cryptography import x509

_YEARS = 30  # without a timestamp server a signature counts no longer than its certificate
_LEEWAY = timedelta(hours=24)  # clocks of readers that are behind


def make_chain() -> tuple[bytes, bytes]:
    """Return a fresh private key and its chain, the signer's first; both PEM."""
    from cryptography.hazmat.primitives import serialization
    from cryptography.hazmat.primitives.asymmetric import ec

    root_key, key = ec.generate_private_key(ec.SECP256R1()), ec.generate_private_key(ec.SECP256R1())
    root = _make_certificate(root_key.public_key(), root_key, is_root=True)
    signer = _make_certificate(key.public_key(), root_key, is_root=False)
    chain = b"".join(one.public_bytes(serialization.Encoding.PEM) for one in (signer, root))
    private = key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
    return private, chain


def _make_certificate(public: Any, root_key: Any, *, is_root: bool) -> "x509.Certificate":
    from cryptography import x509
    from cryptography.hazmat.primitives import hashes
    from cryptography.x509.oid import ExtendedKeyUsageOID

    now = datetime.now(UTC).replace(microsecond=0)
    builder = (
        x509.CertificateBuilder()
        .subject_name(_make_name("root" if is_root else "signer"))
        .issuer_name(_make_name("root"))
        .public_key(public)
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - _LEEWAY)
        .not_valid_after(now.replace(year=now.year + _YEARS, day=1))
        .add_extension(x509.BasicConstraints(ca=is_root, path_length=None), critical=True)
        .add_extension(x509.SubjectKeyIdentifier.from_public_key(public), critical=False)
        .add_extension(x509.AuthorityKeyIdentifier.from_issuer_public_key(root_key.public_key()), critical=False)
        .add_extension(_make_usage(is_root=is_root), critical=True)
    )
    if not is_root:
        usage = x509.ExtendedKeyUsage([ExtendedKeyUsageOID.EMAIL_PROTECTION])  # one of those that C2PA accepts
        builder = builder.add_extension(usage, critical=False)
    certificate: x509.Certificate = builder.sign(root_key, hashes.SHA256())
    return certificate


def _make_usage(*, is_root: bool) -> "x509.KeyUsage":
    from cryptography import x509

    return x509.KeyUsage(
        digital_signature=not is_root,
        content_commitment=False,
        key_encipherment=False,
        data_encipherment=False,
        key_agreement=False,
        key_cert_sign=is_root,
        crl_sign=is_root,
        encipher_only=False,
        decipher_only=False,
    )


def _make_name(role: str) -> "x509.Name":
    from cryptography import x509
    from cryptography.x509.oid import NameOID

    return x509.Name(
        [
            x509.NameAttribute(NameOID.ORGANIZATION_NAME, "an artpipe project, by its own certificate"),
            x509.NameAttribute(NameOID.COMMON_NAME, f"artpipe project {role}"),
        ]
    )
