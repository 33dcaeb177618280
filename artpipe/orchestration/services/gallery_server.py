"""Serve the gallery's folder over HTTP, to this machine only.

A page of another site that reaches us under its own name (DNS rebinding) is refused by its `Host`; no folder is
listed, and no link that leads out of the folder is followed. Browsers revalidate every page, so a new gallery shows on
the next load.
"""

import contextlib
import os
from collections.abc import Callable
from http import HTTPStatus
from pathlib import Path

import uvicorn
from starlette.applications import Starlette
from starlette.datastructures import MutableHeaders
from starlette.middleware import Middleware
from starlette.middleware.trustedhost import TrustedHostMiddleware
from starlette.requests import Request
from starlette.responses import HTMLResponse, RedirectResponse, Response
from starlette.routing import Mount
from starlette.staticfiles import StaticFiles
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from artpipe.artifacts.paths import gallery
from artpipe.orchestration.reporting.preview_folder import FOLDER, is_being_filled
from artpipe.storage.dvc_config import is_cache_link

_HEADERS = {
    "Cache-Control": "no-cache",
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "no-referrer",
    "Cross-Origin-Resource-Policy": "same-origin",
}
_ALLOWED_HOSTS = ["127.0.0.1", "localhost"]  # of this machine, at any port: one may be forwarded from another machine
_END_SECONDS = 1  # for answers under way when the server is told to end
_PAGE = """<!doctype html><html lang="en"><meta charset="utf-8">{head}
<title>{title}</title><style>body{{font:18px/1.5 Georgia,serif;margin:20vh auto;max-width:28em;padding:0 1em;
color:#2b2a28;background:#f7f5f0}}</style><h1>{title}</h1><p>{text}</p></html>"""


class GalleryFiles(StaticFiles):
    """Answers GET and HEAD with files below a folder, ranges included.

    With ranges a video can be sought.
    """

    def __init__(self, folder: Path, early_folder: Callable[[], Path | None]) -> None:
        """Serve `folder`, or the one that `early_folder` names while a run fills it."""
        super().__init__(directory=folder, html=True, check_dir=False)
        self.config_checked = True  # that the folder is there, which comes later
        self._final_folder, self._early_folder = folder, early_folder

    @property
    def _folder(self) -> Path:
        return self._early_folder() or self._final_folder

    async def get_response(self, path: str, scope: Scope) -> Response:
        """Return the file, a folder's redirect, or a page where there is no gallery yet."""
        if not (self._folder / "index.html").is_file():
            page = _PAGE.format(
                title="Nothing hangs yet",
                text="The first run is still to come.",
                head='<meta http-equiv="refresh" content="5">',
            )
            return HTMLResponse(page, HTTPStatus.SERVICE_UNAVAILABLE)
        response = await super().get_response(path, scope)
        if isinstance(response, RedirectResponse):  # the library's names the host that was asked for
            return RedirectResponse(f"/{path}/", HTTPStatus.MOVED_PERMANENTLY)
        return response

    def lookup_path(self, path: str) -> tuple[str, os.stat_result | None]:
        """Return the path and status of a file or folder below the folder.

        No link out of it is followed, but into DVC's cache.
        """
        file, root = self._folder / path, self._folder.resolve()
        if Path(path).is_absolute() or ".." in Path(path).parts:
            return "", None
        try:
            if file.resolve(strict=True).is_relative_to(root) or is_cache_link(file):
                return str(file), file.stat()
        except OSError:  # not there, too long a name, links in a circle
            pass
        return "", None


class FixedHeaders:
    """Middleware that adds `_HEADERS` to every answer."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass a request on, and its answer back with the headers."""

        async def send_with_headers(message: Message) -> None:
            if message["type"] == "http.response.start":
                MutableHeaders(scope=message).update(_HEADERS)
            await send(message)

        await self._app(scope, receive, send_with_headers)


def gallery_app(folder: Path, early_folder: Callable[[], Path | None] = lambda: None) -> Starlette:
    """Return the ASGI application of the gallery in `folder`, which may come later.

    Args:
        folder: of the gallery.
        early_folder: returns the folder to show instead while a run fills it, else None.
    """
    return Starlette(
        routes=[Mount("/", GalleryFiles(folder, early_folder))],
        middleware=[Middleware(FixedHeaders), Middleware(TrustedHostMiddleware, allowed_hosts=_ALLOWED_HOSTS)],
        exception_handlers={HTTPStatus.NOT_FOUND: _not_found},
    )


def gallery_server(folder: Path, port: int, early_folder: Callable[[], Path | None] = lambda: None) -> uvicorn.Server:
    """Return a server of the gallery in `folder` on loopback, not yet running.

    Port 0 takes a free one; see `gallery_app`.
    """
    return uvicorn.Server(
        uvicorn.Config(
            gallery_app(folder.absolute(), early_folder),
            host="127.0.0.1",
            port=port,
            lifespan="off",
            ws="none",
            log_level="warning",
            access_log=False,
            server_header=False,
            timeout_graceful_shutdown=_END_SECONDS,
        )
    )


def serve_gallery(folder: Path, port: int) -> None:
    """Serve a folder until terminated.

    Of the project's own, while a run fills it, what hangs already is served.
    """
    root = Path.cwd()

    def early_folder() -> Path | None:
        early = root / FOLDER / "index.html"
        is_alone = (
            early.is_file() and not (folder / "index.html").is_file()
        )  # left by a killed run: better than nothing
        return early.parent if is_alone or is_being_filled(root) else None

    own = folder.absolute() == root / gallery()
    with contextlib.suppress(KeyboardInterrupt):
        gallery_server(folder, port, early_folder if own else lambda: None).run()


def _not_found(request: Request, error: Exception) -> Response:
    del request, error
    page = _PAGE.format(title="Nothing hangs here", text="The front door is at /.", head="")
    return HTMLResponse(page, HTTPStatus.NOT_FOUND)
