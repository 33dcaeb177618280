"""A Prefect server for a single run, where no other is named.

It answers to local names only, on a free port, and ends with the run. The one that Prefect would start by itself
answers to any name: a page of another site could read and write there.
"""

import contextlib
import os
from collections.abc import Callable, Iterator

from artpipe.artifacts.paths import STATE
from artpipe.orchestration.services.addresses import auth_variables
from artpipe.orchestration.services.supervised_process import (
    SupervisedProcess,
    find_free_port,
    is_answering,
    wait_until_ready,
)

EPHEMERAL = "ARTPIPE_SHORT_SERVER"  # set where the server that is named goes with the run
_EPHEMERAL_VARIABLES = {"PREFECT__SERVER_EPHEMERAL": "1", "PREFECT_UI_ENABLED": "0"}  # fewer services, no pages


@contextlib.contextmanager
def run_ephemeral_server() -> Iterator[Callable[[], None]]:
    """Run a server while the body runs, named in the environment.

    To be called before Prefect is imported. The body gets what waits until the server answers, which raises
    ArtpipeError if it does not come up, with its last output; until then there is time to import Prefect.
    """
    port, log = find_free_port(0), STATE / "flows" / f"server-{os.getpid()}.log"
    command = ["artpipe", "serve", "--only", "server", "--port", str(port)]
    env = {**os.environ, **_EPHEMERAL_VARIABLES}
    server = SupervisedProcess("Prefect's server", command, env, log, ready=lambda: is_answering(port, "/api/health"))
    variables = {"PREFECT_API_URL": f"http://127.0.0.1:{port}/api", EPHEMERAL: "1", **auth_variables()}
    server.start()
    os.environ |= variables
    try:
        yield lambda: wait_until_ready([server])
    finally:
        for name in variables:
            os.environ.pop(name, None)
        server.end()
    log.unlink(missing_ok=True)
