"""Serve the gallery's folder over HTTP, to this machine only.

A page of another site that reaches us under its own name (DNS rebinding) is refused by its `Host`; no folder is
listed, and no link that leads out of the folder is followed. Browsers revalidate every file, so a new gallery shows
on the next load.
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
_BLOCK_BYTES = 1 << 16
_MAX_PATH = 3000  # as it is asked for
_MAX_NAME_BYTES = 255  # bytes of a file's name; the system refuses to look for longer ones
_IDLE_SECONDS = 30.0  # a connection that says nothing is closed
_PAGE = """<!doctype html><html lang="en"><meta charset="utf-8">{head}
<title>{title}</title><style>body{{font:18px/1.5 Georgia,serif;margin:20vh auto;max-width:28em;padding:0 1em;
color:#2b2a28;background:#f7f5f0}}</style><h1>{title}</h1><p>{text}</p></html>"""


class GalleryHandler(SimpleHTTPRequestHandler):
    """Answers GET and HEAD, with byte ranges, so that a video can be sought."""

    protocol_version = "HTTP/1.1"
    server_version, sys_version = "artpipe", ""
    timeout = _IDLE_SECONDS
    byte_range: tuple[int, int] | None = None  # first and last byte asked for, of the file being sent

    def send_head(self) -> Any:
        """Send the head and return the open file, or None where the answer is complete."""
        self.byte_range = None
        if self.headers.get("Host", "") not in self._allowed_hosts():
            self._send_page(
                HTTPStatus.MISDIRECTED_REQUEST, "Not here", "This gallery answers to this machine's name only."
            )
            return None
        root = Path(self.directory).resolve()
        if not (root / "index.html").is_file():
            refresh = '<meta http-equiv="refresh" content="5">'
            self._send_page(
                HTTPStatus.SERVICE_UNAVAILABLE, "Nothing hangs yet", "The first run is still to come.", refresh
            )
            return None
        file = self._find_file(root)
        if file is None:
            self._send_page(HTTPStatus.NOT_FOUND, "Nothing hangs here", "The front door is at /.")
            return None
        if file.is_dir():
            self._redirect_to_slash()
            return None
        if "Range" not in self.headers:
            return super().send_head()
        return self._open_range(file)

    def copyfile(self, source: Any, outputfile: Any) -> None:
        """Send the file, or the range of it that was asked for."""
        if self.byte_range is None:
            super().copyfile(source, outputfile)
            return
        first, last = self.byte_range
        source.seek(first)
        remaining = last - first + 1
        while remaining and (block := source.read(min(remaining, _BLOCK_BYTES))):
            outputfile.write(block)
            remaining -= len(block)

    def end_headers(self) -> None:
        """Add the headers of every answer."""
        for name, value in _HEADERS.items():
            self.send_header(name, value)
        super().end_headers()

    def log_message(self, format: str, *arguments: object) -> None:  # noqa: A002  # its name in the library
        """Log nothing: it is nobody's business who looks at pictures at home."""

    def _allowed_hosts(self) -> set[str]:
        _, port = cast("tuple[str, int]", self.server.server_address)
        return {f"{name}:{port}" for name in ("127.0.0.1", "localhost")}

    def _find_file(self, root: Path) -> Path | None:
        """Return the file that the path names, None if it is not inside the folder."""
        parts = [part for part in unquote(urlsplit(self.path).path).split("/") if part]
        if len(self.path) > _MAX_PATH or any(
            part == ".." or "\0" in part or len(os.fsencode(part)) > _MAX_NAME_BYTES for part in parts
        ):
            return None
        path = root.joinpath(*parts)
        if path.is_dir() and self.path.partition("?")[0].endswith("/"):
            path /= "index.html"
        is_inside = path.exists() and (path.resolve().is_relative_to(root) or is_cache_link(path))
        return path if is_inside else None

    def _redirect_to_slash(self) -> None:
        """Redirect a folder to its path with a slash, so that relative links hold."""
        self.send_response(HTTPStatus.MOVED_PERMANENTLY)
        self.send_header("Location", f"/{urlsplit(self.path).path.strip('/')}/")
        self.send_header("Content-Length", "0")
        self.end_headers()

    def _open_range(self, path: Path) -> BinaryIO | None:
        stream = path.open("rb")
        size = os.fstat(stream.fileno()).st_size
        match = _RANGE.match(self.headers["Range"])
        first, last = _parse_range(match[1], match[2], size) if match else (0, size - 1)
        if not 0 <= first <= last:
            stream.close()
            self.send_response(HTTPStatus.REQUESTED_RANGE_NOT_SATISFIABLE)
            self.send_header("Content-Range", f"bytes */{size}")
            self.send_header("Content-Length", "0")
            self.end_headers()
            return None
        self.byte_range = first, last
        self.send_response(HTTPStatus.PARTIAL_CONTENT)
        self.send_header("Content-Type", self.guess_type(str(path)))
        self.send_header("Content-Range", f"bytes {first}-{last}/{size}")
        self.send_header("Content-Length", str(last - first + 1))
        self.end_headers()
        return stream

    def _send_page(self, status: HTTPStatus, title: str, text: str, head: str = "") -> None:
        body = _PAGE.format(title=title, text=text, head=head).encode()
        self.send_response(status)
        self.send_header("Content-Type", "text/html; charset=utf-8")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(body)


def create_server(folder: Path, port: int) -> ThreadingHTTPServer:
    """Return a server of a folder on loopback, bound and not yet running.

    Port 0 takes a free one.
    """
    server = ThreadingHTTPServer(("127.0.0.1", port), partial(GalleryHandler, directory=str(folder)))
    server.daemon_threads = True
    return server


def _parse_range(start: str, end: str, size: int) -> tuple[int, int]:
    """Return the first and last byte of an HTTP range.

    The range is written `0-99`, `100-`, or `-100` for the last hundred.
    """
    if not start:
        return (max(0, size - int(end)), size - 1) if end and int(end) else (-1, -1)
    return int(start), min(int(end), size - 1) if end else size - 1


def serve_gallery(folder: Path, port: int) -> None:
    """Serve a folder until terminated."""
    with contextlib.suppress(KeyboardInterrupt):
        create_server(folder.absolute(), port).serve_forever()
