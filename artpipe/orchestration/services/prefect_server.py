"""`python -m artpipe.orchestration.services.prefect_server`: Prefect's own server, as `prefect server start` runs it, which answers to its own names only.

A page of another site that reaches it under a name of its own (DNS rebinding) could otherwise start any command by a
deployment: Prefect looks at no Host header. Whoever binds it to more than this machine has to set
PREFECT_SERVER_API_AUTH_STRING, and names the hosts under which it may be called.
"""

import argparse
import ipaddress
import os
import sys
from collections.abc import Sequence

from artpipe.errors import UserError
from artpipe.orchestration import HOME_NAMED
from artpipe.system.project_root import run_in_project

HOME = ("127.0.0.1", "localhost")
_AUTH = "PREFECT_SERVER_API_AUTH_STRING"


def main(arguments: Sequence[str]) -> int:
    """Serve until told to end; 2 where others would be let in without a password."""
    parser = argparse.ArgumentParser(
        prog="python -m artpipe.orchestration.services.prefect_server",
        description="Prefect's server, for its own names.",
    )
    parser.add_argument("--host", default=HOME[0], help="the address to listen at (default: this machine's own)")
    parser.add_argument("--port", type=int, default=4200)
    parser.add_argument("--name", action="append", default=[], help="one more that it answers to; `*.example.org` too")
    options = parser.parse_args(arguments)
    try:
        names = _names(options.host, options.name)
    except UserError as error:
        sys.stderr.write(f"artpipe: {error}\n")
        return error.exit_code
    _serve(options.host, options.port, names)
    return 0


def _names(host: str, more: Sequence[str]) -> list[str]:
    """Return the names that are answered to.

    Raises:
        UserError: others would be let in without a password, or none could name it.
    """
    if _is_home(host):
        return [*HOME, *more]
    if not os.environ.get(_AUTH):
        raise UserError(f"--host {host} lets others in: set {_AUTH}=NAME:PASSWORD (docs/deployments.md)")
    if not more:
        raise UserError(f"--host {host}: `--name` says under which name others call it")
    return [*HOME, *more]


def _is_home(host: str) -> bool:
    try:
        return host == "localhost" or ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False


def _serve(host: str, port: int, names: Sequence[str]) -> None:
    os.environ |= {"PREFECT_SERVER_API_HOST": host, "PREFECT_SERVER_API_PORT": str(port)}  # what its pages call
    import uvicorn
    from prefect.server.api.server import create_app
    from prefect.settings import get_current_settings
    from starlette.middleware.trustedhost import TrustedHostMiddleware

    app = TrustedHostMiddleware(create_app(final=True), allowed_hosts=names, www_redirect=False)
    level = get_current_settings().server.logging_level.lower()
    keep = get_current_settings().server.api.keepalive_timeout
    uvicorn.run(app, host=host, port=port, timeout_keep_alive=keep, log_level=level)


if __name__ == "__main__":
    sys.exit(run_in_project(lambda: main(sys.argv[1:]), needed=not HOME_NAMED))
