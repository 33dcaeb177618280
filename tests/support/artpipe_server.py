"""A process that has imported artpipe's stages, or DVC, and forks one `artpipe` or `dvc` for each request.

What tests run a hundred times does not import torch a hundred times. A client sends one line of JSON, ``{"arguments",
"folder", "environment"}``, with its standard streams over a Unix socket; the answer is ``[exit code, core-seconds,
KiB]``, the code negative after a signal. A client that goes takes its `artpipe` with it.

    python artpipe_server.py SOCKET MODULE...         # serves
    python -S -E artpipe_server.py SOCKET -- ARGUMENT...    # is `artpipe`, or `dvc` where that was imported
"""

import contextlib
import json
import os
import select
import signal
import socket
import sys
from pathlib import Path

STREAMS = 3
OWNER = "ARTPIPE_TESTS_OWNER"  # the process without which a server has nothing to do
EVERY_STAGE = (
    "artpipe.ingest",
    "artpipe.preprocess",
    "artpipe.train",
    "artpipe.evaluate",
    "artpipe.gallery",
    "artpipe.cli.stages",
    "artpipe.project.validation",
    "artpipe.project.stage_guard",
    "artpipe.site.loader",
    "pyarrow.parquet",
    "PIL.Image",
    "jinja2",
)
DVC = (
    "dvc.cli.parser",
    "dvc.data_cloud",
    "dvc.dvcfile",
    "dvc.fs.data",
    "dvc.lock",
    "dvc.repo",
    "dvc.rwlock",
    "dvc.stage.cache",
    "dvc.stage.run",
    "dvc.stage.serialize",
    "dvc_data.hashfile.transfer",
    "dvc_data.index.checkout",
    "dvc_data.index.save",
    "dvc_data.index.update",
    "scmrepo.git.backend.dulwich.client",
    "scmrepo.git.backend.gitpython",
    "scmrepo.git.backend.pygit2",
)


@contextlib.contextmanager
def start_server(modules=EVERY_STAGE):
    """Start a server in a folder of its own; yields its socket's path and ends it."""
    import subprocess
    import tempfile
    import time

    with tempfile.TemporaryDirectory() as folder:
        place = f"{folder}/artpipe"
        server = subprocess.Popen([sys.executable, __file__, place, *modules])
        try:
            while not Path(place).exists():
                assert server.poll() is None, "the server ended"
                time.sleep(0.05)
            yield place
        finally:
            server.kill()
            server.wait()


def write_command(folder, place, name="artpipe"):
    """Write an `artpipe` into a folder that has the server be it."""
    script = folder / name
    script.write_text(f'#!/bin/sh\nexec {sys.executable} -S -E {__file__} {place} -- "$@"\n')
    script.chmod(0o755)


def serve(place: str, modules: list[str]) -> None:
    """Import the modules, then fork an `artpipe` for each client, until killed."""
    import importlib

    for module in modules:
        importlib.import_module(module)
    if "torch" in sys.modules:
        _import_optimisers()
    signal.signal(signal.SIGCHLD, signal.SIG_IGN)  # nobody waits for those who wait
    with socket.socket(socket.AF_UNIX) as listener:
        listener.bind(f"{place}.new")
        listener.listen(64)
        Path(f"{place}.new").rename(place)  # it is there when it can be asked
        listener.settimeout(10)
        owner = os.environ.get(OWNER, str(os.getpid()))
        while Path("/proc", owner).exists():
            try:
                client, _ = listener.accept()
            except TimeoutError:
                continue
            client.setblocking(True)
            with client:
                if not os.fork():
                    listener.close()
                    _answer(client)


def _import_optimisers() -> None:
    """Make torch import what it imports at the first step of an optimiser."""
    import torch

    weight = torch.nn.Parameter(torch.zeros(2))
    weight.grad = torch.ones(2)
    for optimiser in (torch.optim.Adam([weight]), torch.optim.SGD([weight], momentum=0.9)):
        optimiser.step()


def _answer(client: socket.socket) -> None:
    """Fork an `artpipe`, wait for it, answer; never returns."""
    signal.signal(signal.SIGCHLD, signal.SIG_DFL)
    data, streams, _, _ = socket.recv_fds(client, 1 << 20, STREAMS)
    while not data.endswith(b"\n"):
        data += client.recv(1 << 20)
    child = os.fork()
    if not child:
        client.close()
        _be_artpipe(json.loads(data), streams)
    for stream in streams:
        os.close(stream)
    ended = os.pidfd_open(child)
    if client in select.select([ended, client], [], [])[0]:  # it went away
        os.kill(child, signal.SIGTERM)
        if not select.select([ended], [], [], 15)[0]:
            os.kill(child, signal.SIGKILL)
    _, status, used = os.wait4(child, 0)
    answer = [os.waitstatus_to_exitcode(status), used.ru_utime + used.ru_stime, used.ru_maxrss]
    try:
        client.sendall(json.dumps(answer).encode() + b"\n")
    finally:
        os._exit(0)


def _be_artpipe(request: dict, streams: list[int]) -> None:
    """Run the command line with a client's folder, environment and streams; never returns."""
    for number, stream in enumerate(streams):
        os.dup2(stream, number)
        os.close(stream)
    code = 1
    try:
        os.chdir(request["folder"])
        os.environ.clear()
        os.environ.update(request["environment"])
        if "tempfile" in sys.modules:
            sys.modules["tempfile"].tempdir = None  # it remembers the server's
        sys.argv = ["artpipe", *request["arguments"]]
        if "dvc.cli" in sys.modules:
            from dvc.cli import main

            sys.argv[0] = str(Path(sys.executable).with_name("dvc"))
            sys.exit(main())
        from artpipe.__main__ import main

        main()
    except SystemExit as end:
        code = end.code if isinstance(end.code, int) else int(end.code is not None)
    except BaseException as error:  # noqa: BLE001  # a forked child never returns into its parent's code
        sys.excepthook(type(error), error, error.__traceback__)
    sys.stdout.flush()
    sys.stderr.flush()
    os._exit(code)


def call(place: str, arguments: list[str], folder: str, environment: dict[str, str], streams: list[int]) -> list[float]:
    """Have the server be `artpipe`; return exit code, core-seconds and KiB."""
    with socket.socket(socket.AF_UNIX) as server:
        server.connect(place)
        request = json.dumps({"arguments": arguments, "folder": folder, "environment": environment}).encode() + b"\n"
        sent = socket.send_fds(server, [request], streams)
        server.sendall(request[sent:])
        return json.loads(server.makefile().readline())


def main() -> None:
    """Serve, or be a client."""
    place, *rest = sys.argv[1:]
    if rest[:1] != ["--"]:
        serve(place, rest)
    code = call(place, rest[1:], str(Path.cwd()), dict(os.environ), [0, 1, 2])[0]
    if code < 0:
        signal.signal(-code, signal.SIG_DFL)
        os.kill(os.getpid(), -code)
    sys.exit(code)


if __name__ == "__main__":
    main()
