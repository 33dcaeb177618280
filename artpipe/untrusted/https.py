"""A file from an HTTPS address, by its checksum: only public hosts, each redirect judged like the first address."""

import http.client
import ipaddress
import socket
import ssl
import time
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Self
from urllib.parse import SplitResult, urljoin, urlsplit

from artpipe.errors import ArtpipeError, CorruptError, UnreachableError, UserError
from artpipe.system.atomic_files import write_file
from artpipe.system.hashing import sha256_file

REDIRECTS = 5
_SECONDS = 30.0  # without a byte
_WHOLE_SECONDS = 6 * 3600.0
_CHUNK = 1 << 20
_MOVED = frozenset({301, 302, 303, 307, 308})
_LATER = frozenset({408, 425, 429})  # and every 5xx: the same question may be answered later
Resolve = Callable[[str, int], Iterable[str]]


def resolved(host: str, port: int) -> list[str]:
    """Return the addresses of a host."""
    return [str(found[4][0]) for found in socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)]


def is_public(address: str) -> bool:
    """Return whether an address is on the public network: not loopback, private, link-local, multicast or reserved.

    >>> [is_public(one) for one in ("127.0.0.1", "10.1.2.3", "169.254.169.254", "::ffff:10.0.0.1", "8.8.8.8")]
    [False, False, False, False, True]
    """
    found = ipaddress.ip_address(address.partition("%")[0])
    mapped = found.ipv4_mapped if isinstance(found, ipaddress.IPv6Address) else None
    judged = mapped or found
    return judged.is_global and not judged.is_multicast


def download(
    url: str,
    sha256: str,
    path: Path,
    *,
    most_bytes: int,
    resolve: Resolve = resolved,
    public: Callable[[str], bool] = is_public,
    context: ssl.SSLContext | None = None,
) -> None:
    """Write the file at `url` to `path`, whole and verified, or not at all.

    A connection goes to an address that was judged, so a name that resolves to another one a moment later gains nothing.

    Raises:
        UserError: an address that is not HTTPS or leads to a host that is not public, too many redirects, too large.
        CorruptError: the file does not have the checksum.
        UnreachableError: the host cannot be reached, or says that it may answer later.
        ArtpipeError: it answers with another error.
    """
    deadline = time.monotonic() + _WHOLE_SECONDS
    try:
        for _ in range(REDIRECTS + 1):
            parts = checked(url)
            with _Connection(parts, _address(parts, resolve, public), context) as connection:
                answer = connection.asked(parts)
                if answer.status in _MOVED:
                    url = urljoin(url, answer.headers.get("Location", ""))
                    continue
                _refused(answer, url)
                with write_file(path) as temporary:
                    _copy(answer, temporary, url, most_bytes, deadline)
                    if (found := sha256_file(temporary)) != sha256:
                        raise CorruptError(f"{url}: SHA-256 is {found[:12]}, the pin card expects {sha256[:12]}")
                return
    except (OSError, http.client.HTTPException) as error:
        kind = ArtpipeError if isinstance(error, ssl.SSLCertVerificationError) else UnreachableError
        raise kind(f"{url}: cannot be downloaded: {' '.join(str(error).split())[:200]}") from None
    raise UserError(f"{url}: more than {REDIRECTS} redirects")


def _refused(answer: http.client.HTTPResponse, url: str) -> None:
    if answer.status == http.client.OK:
        return
    later = answer.status in _LATER or answer.status >= http.client.INTERNAL_SERVER_ERROR
    raise (UnreachableError if later else ArtpipeError)(f"{url}: the server answers {answer.status} {answer.reason}")


def checked(url: str) -> SplitResult:
    """Return the parts of an address.

    Raises:
        UserError: it is not HTTPS, has no host or carries a password.
    """
    try:
        parts = urlsplit(url)
        port = parts.port
    except ValueError:
        raise UserError(f"{url!r}: not an address") from None
    if parts.scheme != "https" or not parts.hostname or port == 0:
        raise UserError(f"{url!r}: an https address is wanted")
    if parts.username or parts.password:
        raise UserError(f"{parts.hostname}: an address with a name or password in it is not kept in a pin card")
    return parts


def _address(parts: SplitResult, resolve: Resolve, public: Callable[[str], bool]) -> str:
    host = parts.hostname or ""
    addresses = list(resolve(host, parts.port or 443))
    inside = [address for address in addresses if not public(address)]
    if inside or not addresses:
        raise UserError(f"{host}: resolves to {inside[0] if inside else 'nothing'}, which is not a public address")
    return addresses[0]


class _Connection(http.client.HTTPSConnection):
    """HTTPS to an address that is known already; certificate and name are verified as ever."""

    def __init__(self, parts: SplitResult, address: str, context: ssl.SSLContext | None) -> None:
        self._tls = context or ssl.create_default_context()
        super().__init__(parts.hostname or "", parts.port or 443, timeout=_SECONDS, context=self._tls)
        self._to = address
        self._answer: http.client.HTTPResponse | None = None

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        if self._answer is not None:
            self._answer.close()  # it holds the socket too, where the server ends the connection after it
        self.close()

    def connect(self) -> None:
        plain = socket.create_connection((self._to, self.port), self.timeout)
        self.sock = self._tls.wrap_socket(plain, server_hostname=self.host)

    def asked(self, parts: SplitResult) -> http.client.HTTPResponse:
        target = (parts.path or "/") + (f"?{parts.query}" if parts.query else "")
        self.request("GET", target, headers={"User-Agent": "artpipe", "Accept-Encoding": "identity"})
        self._answer = self.getresponse()
        return self._answer


def _copy(answer: http.client.HTTPResponse, path: Path, url: str, most_bytes: int, deadline: float) -> None:
    taken = 0
    with path.open("wb") as stream:
        while chunk := answer.read(_CHUNK):
            taken += len(chunk)
            if taken > most_bytes:
                raise UserError(f"{url}: larger than {most_bytes / 2**30:g} GiB")
            if time.monotonic() > deadline:
                raise ArtpipeError(f"{url}: not whole after {_WHOLE_SECONDS / 3600:g} hours")
            stream.write(chunk)
