"""Download a file from an HTTPS address and verify its checksum.

Only public hosts are allowed, and each redirect is checked like the first address.
"""

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

MAX_REDIRECTS = 5
_TIMEOUT_SECONDS = 30.0  # without a byte
_TOTAL_SECONDS = 6 * 3600.0
_CHUNK = 1 << 20
_REDIRECT_STATUSES = frozenset({301, 302, 303, 307, 308})
_RETRY_STATUSES = frozenset({408, 425, 429})  # and every 5xx: the same question may be answered later
Resolve = Callable[[str, int], Iterable[str]]


def resolve_host(host: str, port: int) -> list[str]:
    """Return the IP addresses of a host."""
    return [str(info[4][0]) for info in socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)]


def is_public(address: str) -> bool:
    """Return whether an IP address is on the public network.

    Loopback, private, link-local, multicast and reserved addresses are not.

    >>> [is_public(one) for one in ("127.0.0.1", "10.1.2.3", "169.254.169.254", "::ffff:10.0.0.1", "8.8.8.8")]
    [False, False, False, False, True]
    """
    parsed = ipaddress.ip_address(address.partition("%")[0])
    mapped = parsed.ipv4_mapped if isinstance(parsed, ipaddress.IPv6Address) else None
    effective = mapped or parsed
    return effective.is_global and not effective.is_multicast


def download(
    url: str,
    sha256: str,
    path: Path,
    *,
    max_bytes: int,
    resolve: Resolve = resolve_host,
    is_allowed: Callable[[str], bool] = is_public,
    context: ssl.SSLContext | None = None,
) -> None:
    """Write the file at `url` to `path`, whole and verified, or not at all.

    The connection goes to the very address that was checked, so a name that later resolves to another one gains nothing.

    Raises:
        UserError: an address that is not HTTPS or leads to a host that is not public, too many redirects, too large.
        CorruptError: the file does not have the checksum.
        UnreachableError: the host cannot be reached, or says that it may answer later.
        ArtpipeError: it answers with another error.
    """
    deadline = time.monotonic() + _TOTAL_SECONDS
    try:
        for _ in range(MAX_REDIRECTS + 1):
            parts = parse_https_url(url)
            with _PinnedConnection(parts, _choose_address(parts, resolve, is_allowed), context) as connection:
                answer = connection.request_file(parts)
                if answer.status in _REDIRECT_STATUSES:
                    url = urljoin(url, answer.headers.get("Location", ""))
                    continue
                _raise_for_status(answer, url)
                with write_file(path) as temporary:
                    _copy(answer, temporary, url, max_bytes, deadline)
                    if (checksum := sha256_file(temporary)) != sha256:
                        raise CorruptError(f"{url}: SHA-256 is {checksum[:12]}, the pin card expects {sha256[:12]}")
                return
    except (OSError, http.client.HTTPException) as error:
        kind = ArtpipeError if isinstance(error, ssl.SSLCertVerificationError) else UnreachableError
        raise kind(f"{url}: cannot be downloaded: {' '.join(str(error).split())[:200]}") from None
    raise UserError(f"{url}: more than {MAX_REDIRECTS} redirects")


def _raise_for_status(answer: http.client.HTTPResponse, url: str) -> None:
    if answer.status == http.client.OK:
        return
    later = answer.status in _RETRY_STATUSES or answer.status >= http.client.INTERNAL_SERVER_ERROR
    raise (UnreachableError if later else ArtpipeError)(f"{url}: the server answers {answer.status} {answer.reason}")


def parse_https_url(url: str) -> SplitResult:
    """Return the parts of an HTTPS address.

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


def _choose_address(parts: SplitResult, resolve: Resolve, is_allowed: Callable[[str], bool]) -> str:
    host = parts.hostname or ""
    addresses = list(resolve(host, parts.port or 443))
    inside = [address for address in addresses if not is_allowed(address)]
    if inside or not addresses:
        raise UserError(f"{host}: resolves to {inside[0] if inside else 'nothing'}, which is not a public address")
    return addresses[0]


class _PinnedConnection(http.client.HTTPSConnection):
    """HTTPS to an IP address that was checked before.

    Certificate and host name are verified as usual.
    """

    def __init__(self, parts: SplitResult, address: str, context: ssl.SSLContext | None) -> None:
        self._tls = context or ssl.create_default_context()
        super().__init__(parts.hostname or "", parts.port or 443, timeout=_TIMEOUT_SECONDS, context=self._tls)
        self._pinned_address = address
        self._response: http.client.HTTPResponse | None = None

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        if self._response is not None:
            self._response.close()  # it holds the socket too, where the server ends the connection after it
        self.close()

    def connect(self) -> None:
        plain = socket.create_connection((self._pinned_address, self.port), self.timeout)
        self.sock = self._tls.wrap_socket(plain, server_hostname=self.host)

    def request_file(self, parts: SplitResult) -> http.client.HTTPResponse:
        target = (parts.path or "/") + (f"?{parts.query}" if parts.query else "")
        self.request("GET", target, headers={"User-Agent": "artpipe", "Accept-Encoding": "identity"})
        self._response = self.getresponse()
        return self._response


def _copy(answer: http.client.HTTPResponse, path: Path, url: str, max_bytes: int, deadline: float) -> None:
    size = 0
    with path.open("wb") as stream:
        while chunk := answer.read(_CHUNK):
            size += len(chunk)
            if size > max_bytes:
                raise UserError(f"{url}: larger than {max_bytes / 2**30:g} GiB")
            if time.monotonic() > deadline:
                raise ArtpipeError(f"{url}: not whole after {_TOTAL_SECONDS / 3600:g} hours")
            stream.write(chunk)
