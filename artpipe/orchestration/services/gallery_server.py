"""The gallery over HTTP, for this machine only: files below one folder, and nothing else.

A page of another site that reaches us under its own name (DNS rebinding) is refused by its `Host`; no folder is listed,
no link that leads out is followed. Nothing is kept by the browser unasked, so a new gallery shows on the next load.
"""

import contextlib
import os
import re
from functools import partial
from http import HTTPStatus
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any, BinaryIO, cast
from urllib.parse import unquote, urlsplit

from artpipe.storage.dvc_config import is_cache_link

_HEADERS = {
    "Cache-Control": "no-cache",
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "no-referrer",
    "Cross-Origin-Resource-Policy": "same-origin",
}
_RANGE = re.compile(r"bytes=(\d*)-(\d*)\Z")
_BLOCK = 1 << 16
_LONGEST_PATH = 3000  # as it is asked for
_LONGEST = 255  # bytes of a file's name; the system refuses to look for longer ones
_IDLE_SECONDS = 30.0  # a connection that says nothing is closed
_PAGE = """<!doctype html><html lang="en"><meta charset="utf-8">{head}
<title>{title}</title><style>body{{font:18px/1.5 Georgia,serif;margin:20vh auto;max-width:28em;padding:0 1em;
color:#2b2a28;background:#f7f5f0}}</style><h1>{title}</h1><p>{text}</p></html>"""


class Site(SimpleHTTPRequestHandler):
    """Answers GET and HEAD, ranges included: a film can be wound on."""

    protocol_version = "HTTP/1.1"
    server_version, sys_version = "artpipe", ""
    timeout = _IDLE_SECONDS
    range: tuple[int, int] | None = None  # first and last byte asked for, of the file being sent

    def send_head(self) -> Any:
        """Send the head and return the open file, or None where the answer is complete."""
        self.range = None
        if self.headers.get("Host", "") not in self._names():
            self._say(HTTPStatus.MISDIRECTED_REQUEST, "Not here", "This gallery answers to this machine's name only.")
            return None
        root = Path(self.directory).resolve()
        if not (root / "index.html").is_file():
            again = '<meta http-equiv="refresh" content="5">'
            self._say(HTTPStatus.SERVICE_UNAVAILABLE, "Nothing hangs yet", "The first run is still to come.", again)
            return None
        wanted = self._wanted(root)
        if wanted is None:
            self._say(HTTPStatus.NOT_FOUND, "Nothing hangs here", "The front door is at /.")
            return None
        if wanted.is_dir():
            self._moved()
            return None
        if "Range" not in self.headers:
            return super().send_head()
        return self._part(wanted)

    def copyfile(self, source: Any, outputfile: Any) -> None:
        """Send the file, or the part of it that was asked for."""
        if self.range is None:
            super().copyfile(source, outputfile)
            return
        first, last = self.range
        source.seek(first)
        left = last - first + 1
        while left and (block := source.read(min(left, _BLOCK))):
            outputfile.write(block)
            left -= len(block)

    def end_headers(self) -> None:
        """Add what every answer says."""
        for name, value in _HEADERS.items():
            self.send_header(name, value)
        super().end_headers()

    def log_message(self, format: str, *arguments: object) -> None:  # noqa: A002  # its name in the library
        """Say nothing: who looks at pictures at home need not be written down."""

    def _names(self) -> set[str]:
        _, port = cast("tuple[str, int]", self.server.server_address)
        return {f"{name}:{port}" for name in ("127.0.0.1", "localhost")}

    def _wanted(self, root: Path) -> Path | None:
        """Return what a path names, if it stands below the root and was not reached by a link that leads out."""
        parts = [part for part in unquote(urlsplit(self.path).path).split("/") if part]
        if len(self.path) > _LONGEST_PATH or any(
            part == ".." or "\0" in part or len(os.fsencode(part)) > _LONGEST for part in parts
        ):
            return None
        found = root.joinpath(*parts)
        if found.is_dir() and self.path.partition("?")[0].endswith("/"):
            found /= "index.html"
        stays = found.exists() and (found.resolve().is_relative_to(root) or is_cache_link(found))
        return found if stays else None

    def _moved(self) -> None:
        """Send a folder's name to the same with a slash, so that its page's relative links hold."""
        self.send_response(HTTPStatus.MOVED_PERMANENTLY)
        self.send_header("Location", f"/{urlsplit(self.path).path.strip('/')}/")
        self.send_header("Content-Length", "0")
        self.end_headers()

    def _part(self, path: Path) -> BinaryIO | None:
        stream = path.open("rb")
        size = os.fstat(stream.fileno()).st_size
        asked = _RANGE.match(self.headers["Range"])
        first, last = _bounds(asked[1], asked[2], size) if asked else (0, size - 1)
        if not 0 <= first <= last:
            stream.close()
            self.send_response(HTTPStatus.REQUESTED_RANGE_NOT_SATISFIABLE)
            self.send_header("Content-Range", f"bytes */{size}")
            self.send_header("Content-Length", "0")
            self.end_headers()
            return None
        self.range = first, last
        self.send_response(HTTPStatus.PARTIAL_CONTENT)
        self.send_header("Content-Type", self.guess_type(str(path)))
        self.send_header("Content-Range", f"bytes {first}-{last}/{size}")
        self.send_header("Content-Length", str(last - first + 1))
        self.end_headers()
        return stream

    def _say(self, status: HTTPStatus, title: str, text: str, head: str = "") -> None:
        body = _PAGE.format(title=title, text=text, head=head).encode()
        self.send_response(status)
        self.send_header("Content-Type", "text/html; charset=utf-8")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(body)


def site(folder: Path, port: int) -> ThreadingHTTPServer:
    """Return a server of a folder on loopback, bound and not yet running; port 0 takes a free one."""
    server = ThreadingHTTPServer(("127.0.0.1", port), partial(Site, directory=str(folder)))
    server.daemon_threads = True
    return server


def _bounds(first: str, last: str, size: int) -> tuple[int, int]:
    """Return the first and last byte of a range as HTTP writes it: `0-99`, `100-`, or `-100` for the last hundred."""
    if not first:
        return (max(0, size - int(last)), size - 1) if last and int(last) else (-1, -1)
    return int(first), min(int(last), size - 1) if last else size - 1


def serve_gallery(folder: Path, port: int) -> None:
    """Serve a folder until told to end."""
    with contextlib.suppress(KeyboardInterrupt):
        site(folder.absolute(), port).serve_forever()
