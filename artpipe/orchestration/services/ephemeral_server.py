"""Prefect's server for a single run, where none is named: for its own names only, on a free port, gone with the run.

Prefect would bring up one of its own, which answers to any name: a page of another site could read and write there.
"""

import contextlib
import os
from collections.abc import Iterator

from artpipe.artifacts.paths import STATE
from artpipe.orchestration.services.addresses import auth
from artpipe.orchestration.services.supervised_process import Part, answers, free_port, wait

SHORT = "ARTPIPE_SHORT_SERVER"  # set where the server that is named goes with the run
_AS_PREFECT_DOES = {"PREFECT__SERVER_EPHEMERAL": "1", "PREFECT_UI_ENABLED": "0"}  # fewer services, no pages


@contextlib.contextmanager
def short_server() -> Iterator[None]:
    """Name a server in the environment while the body runs; to be called before Prefect is imported.

    Raises:
        ArtpipeError: it did not come up; the message holds the last it said.
    """
    port, log = free_port(0), STATE / "flows" / f"server-{os.getpid()}.log"
    command = ["artpipe", "serve", "--only", "server", "--port", str(port)]
    env = {**os.environ, **_AS_PREFECT_DOES}
    server = Part("Prefect's server", command, env, log, ready=lambda: answers(port, "/api/health"))
    told = {"PREFECT_API_URL": f"http://127.0.0.1:{port}/api", SHORT: "1", **auth()}
    server.start()
    try:
        wait([server])
        os.environ |= told
        yield
    finally:
        for name in told:
            os.environ.pop(name, None)
        server.end()
    log.unlink(missing_ok=True)
