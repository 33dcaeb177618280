"""Run Prefect's server, as `prefect server start` does, for allowed hosts only.

A page of another site that reaches it under a name of its own (DNS rebinding) could otherwise start any command by a
deployment: Prefect does not look at the Host header. Whoever binds it to more than this machine has to set
PREFECT_SERVER_API_AUTH_STRING, and names the hosts under which it may be called.
"""

import ipaddress
import os
from collections.abc import Sequence

from artpipe.errors import UserError
from artpipe.orchestration.services.prefect_database import prepare_database

LOCAL_NAMES = ("127.0.0.1", "localhost")
_AUTH = "PREFECT_SERVER_API_AUTH_STRING"


def serve_prefect(host: str, port: int, more_names: Sequence[str] = ()) -> None:
    """Serve until terminated.

    Args:
        host: the address to listen at.
        port: the port to listen at.
        more_names: answered to besides this machine's own; `*.example.org` too.

    Raises:
        UserError: others would be let in without a password, or none could name it.
    """
    _serve(host, port, _allowed_hosts(host, more_names))


def _allowed_hosts(host: str, more_names: Sequence[str]) -> list[str]:
    """Return the host names that are answered to.

    Raises:
        UserError: others would be let in without a password, or none could name it.
    """
    if _is_loopback(host):
        return [*LOCAL_NAMES, *more_names]
    if not os.environ.get(_AUTH):
        raise UserError(f"--host {host} lets others in: set {_AUTH}=NAME:PASSWORD (docs/deployments.md)")
    if not more_names:
        raise UserError(f"--host {host}: `--name` says under which name others call it")
    return [*LOCAL_NAMES, *more_names]


def _is_loopback(host: str) -> bool:
    try:
        return host == "localhost" or ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False


def _serve(host: str, port: int, names: Sequence[str]) -> None:
    os.environ |= {"PREFECT_SERVER_API_HOST": host, "PREFECT_SERVER_API_PORT": str(port)}  # what its pages call
    prepare_database()
    import uvicorn
    from prefect.server.api.server import create_app
    from prefect.settings import get_current_settings
    from starlette.middleware.trustedhost import TrustedHostMiddleware

    app = TrustedHostMiddleware(create_app(final=True), allowed_hosts=names, www_redirect=False)
    level = get_current_settings().server.logging_level.lower()
    keepalive_seconds = get_current_settings().server.api.keepalive_timeout
    uvicorn.run(app, host=host, port=port, timeout_keep_alive=keepalive_seconds, log_level=level)
