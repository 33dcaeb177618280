"""Serve `artpipe curate`, a page on this machine.

On it a person picks, orders, hides and names works. The address holds a token, which no other page can know; a request that changes something comes from the page itself, as
JSON, or is refused. Each decision is in curation.yaml at once.
"""

import json
import secrets
import sys
from collections.abc import Callable
from http import HTTPStatus
from pathlib import Path
from typing import Any

import uvicorn
from markupsafe import Markup
from starlette.applications import Starlette
from starlette.concurrency import run_in_threadpool
from starlette.middleware import Middleware
from starlette.middleware.trustedhost import TrustedHostMiddleware
from starlette.requests import Request
from starlette.responses import HTMLResponse, JSONResponse, Response
from starlette.routing import Route

from artpipe.artifacts.curation import BredWork, WorkDecision
from artpipe.config.params import validate_as
from artpipe.errors import ArtpipeError, UserError
from artpipe.language.message import Message
from artpipe.orchestration.services.curated_project import CuratedProject
from artpipe.orchestration.services.supervised_process import find_free_port
from artpipe.site.pages import make_environment
from artpipe.site.self_contained import inline_style
from artpipe.site.themes import find_theme

_PAGE = Path(__file__).with_name("curate_page")
_MOST_BYTES = 100_000  # of a request
_HEADERS = {
    "Cache-Control": "no-store",
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
    "Referrer-Policy": "no-referrer",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Cross-Origin-Opener-Policy": "same-origin",
}
_WORDS = (
    Message(code="curate_title"),
    Message(code="curate_lead"),
    Message(code="curate_saved"),
    Message(code="curate_failed"),
    Message(code="curate_pick"),
    Message(code="curate_unpick"),
    Message(code="curate_hide"),
    Message(code="curate_show"),
    Message(code="curate_name"),
    Message(code="curate_earlier"),
    Message(code="curate_later"),
    Message(code="curate_near"),
    Message(code="curate_keep"),
    Message(code="curate_kept"),
    Message(code="curate_painting"),
    Message(code="curate_close"),
)
_TYPES = {"png": "image/png", "webp": "image/webp", "ogg": "audio/ogg", "wav": "audio/wav", "mp4": "video/mp4"}


def serve_curation(root: Path, port: int) -> None:
    """Serve the page until Ctrl-C, and print its address.

    Raises:
        UserError: curation.yaml or params.yaml is wrong, or no model hangs yet.
    """
    project, token = CuratedProject(root), secrets.token_urlsafe(24)
    if not project.describe()["models"]:
        raise UserError("no model hangs yet; `artpipe run` makes what there is to choose from")
    free = find_free_port(port)
    sys.stdout.write(f"http://127.0.0.1:{free}/{token}/ (Ctrl-C ends it)\n")
    sys.stdout.flush()
    app = make_curation_app(project, token, free)
    uvicorn.Server(
        uvicorn.Config(
            app,
            host="127.0.0.1",
            port=free,
            lifespan="off",
            ws="none",
            log_level="warning",
            access_log=False,
            server_header=False,
        )
    ).run()


def make_curation_app(project: CuratedProject, token: str, port: int) -> Starlette:
    """Return the ASGI application of a project's choosing."""
    origins = {f"http://{host}:{port}" for host in ("127.0.0.1", "localhost")}
    actions = _list_actions(project)

    async def act(request: Request) -> Response:
        if request.headers.get("origin") not in origins or request.headers.get("content-type") != "application/json":
            return _answer({"error": "only the page itself may ask this"}, HTTPStatus.FORBIDDEN)
        action = actions.get(request.path_params["action"])
        if action is None:
            return _answer({"error": "no such action"}, HTTPStatus.NOT_FOUND)
        try:
            asked = await _read_request(request)
            result = await run_in_threadpool(action, asked)
            state = await run_in_threadpool(project.describe)
        except ArtpipeError as error:
            return _answer({"error": str(error)}, HTTPStatus.UNPROCESSABLE_ENTITY)
        return _answer({"result": result, **state})

    def show(_: Request) -> Response:
        return HTMLResponse(render_page(project), headers=_HEADERS)

    def send_media(request: Request) -> Response:
        return _send_media(project, request.path_params["name"])

    return Starlette(
        routes=[
            Route(f"/{token}/", show),
            Route(f"/{token}/media/{{name}}", send_media),
            Route(f"/{token}/{{action}}", act, methods=["POST"]),
        ],
        middleware=[Middleware(TrustedHostMiddleware, allowed_hosts=["127.0.0.1", "localhost"])],
    )


def _list_actions(project: CuratedProject) -> dict[str, Callable[[Any], Any]]:
    """Return what the page may ask for, by name."""
    return {
        "decide": lambda asked: project.decide(
            _text(asked, "model"), _text(asked, "recipe"), _validate(WorkDecision, asked, "decision")
        ),
        "order": lambda asked: project.order(_text(asked, "model"), _validate_list(asked, "recipes")),
        "breed": lambda asked: project.breed(
            _text(asked, "model"), _validate(BredWork, {"bred": {"seed": 0, "near": asked.get("near")}}, "bred").near
        ),
        "keep": lambda asked: project.keep(_text(asked, "model"), _validate(BredWork, asked, "bred")),
    }


def _send_media(project: CuratedProject, file_name: str) -> Response:
    name = f"media/{file_name}"
    data = project.media.get(name)
    if not data:
        return Response(status_code=HTTPStatus.NOT_FOUND)
    return Response(data, media_type=_TYPES.get(name.rsplit(".", 1)[-1], "application/octet-stream"), headers=_HEADERS)


def render_page(project: CuratedProject) -> str:
    """Return the page, with the works and the words it needs."""
    say = project.sentences
    words = {message.code.removeprefix("curate_"): say(message) for message in _WORDS}
    environment = make_environment(_PAGE, [], {}, str, lambda one, other, n: one if n == 1 else other)
    style = inline_style(find_theme("museum")) + (_PAGE / "curate.css").read_text("utf-8")
    state = json.dumps({**project.describe(), "words": words}, ensure_ascii=False).replace("<", "\\u003c")
    return environment.get_template("page.html").render(
        language=project.language,
        words=words,
        nonce=secrets.token_urlsafe(16),
        style=Markup(style),  # noqa: S704 - our own style sheets
        script=Markup((_PAGE / "curate.js").read_text("utf-8")),  # noqa: S704 - our own script
        state=Markup(state),  # noqa: S704 - JSON in which nothing ends the element
    )


async def _read_request(request: Request) -> dict[str, Any]:
    """Return what was asked.

    Raises:
        UserError: it is too long, or no JSON object.
    """
    data = b""
    async for part in request.stream():
        data += part
        if len(data) > _MOST_BYTES:
            raise UserError("the request is too long")
    try:
        asked = json.loads(data)
    except (ValueError, RecursionError):
        asked = None
    if not isinstance(asked, dict):
        raise UserError("the request is no JSON object")
    return asked


def _text(asked: dict[str, Any], name: str) -> str:
    value = asked.get(name)
    if not isinstance(value, str):
        raise UserError(f"`{name}`: a text is wanted")
    return value


def _validate(model: Any, asked: dict[str, Any], name: str) -> Any:
    return validate_as(model, asked.get(name), file="the request", place=name)


def _validate_list(asked: dict[str, Any], name: str) -> list[str]:
    values = asked.get(name)
    if not isinstance(values, list) or not all(isinstance(value, str) for value in values):
        raise UserError(f"`{name}`: a list of texts is wanted")
    return values


def _answer(content: dict[str, Any], status: HTTPStatus = HTTPStatus.OK) -> Response:
    return JSONResponse(content, status, headers=_HEADERS)
