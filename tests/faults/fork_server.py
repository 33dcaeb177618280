"""Imports once what the stages import, then forks a command line per request: what makes hundreds of kills affordable.

Reads lines of JSON, ``{"folder", "command", "environment", "aim", "output"}`` to start or ``{"wait"}`` for a pid, and answers
each with one number: the pid, or the exit code, negative after a signal.
"""

import importlib
import json
import os
import pkgutil
import signal
import subprocess
import sys
from pathlib import Path

HERE = Path(__file__).parent
STAGES = (
    "ingest",
    "preprocess",
    "weights",
    "train",
    "evaluate",
    "gallery",
    "project.validation",
    "project.stage_guard",
    "site.loader",
)
GROUPS = ("models", "modalities", "sources", "metrics", "sections")


class ForkServer:
    """The process that forks."""

    def __init__(self, environment: dict[str, str]) -> None:
        self._process = subprocess.Popen(
            [sys.executable, str(HERE / "fork_server.py")],
            env=environment,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )
        self.pid = int(self._process.stdout.readline())

    def _request(self, **question: object) -> int:
        self._process.stdin.write(json.dumps(question) + "\n")
        self._process.stdin.flush()
        return int(self._process.stdout.readline())

    def start(
        self, folder: Path, command: list[str], environment: dict[str, str], aim: dict[str, object], output: Path
    ) -> int:
        """Start `artpipe COMMAND` in a project, in a session of its own, what it says going into a file; return its pid."""
        return self._request(folder=str(folder), command=command, environment=environment, aim=aim, output=str(output))

    def wait(self, pid: int) -> int:
        """Return the exit code of what `start` returned."""
        return self._request(wait=pid)

    def close(self) -> None:
        """End it."""
        self._process.stdin.close()
        self._process.wait()
        self._process.stdout.close()


def warm_up() -> None:
    """Import every stage and plugin, and make torch import what it imports at a first step of an optimiser."""
    import torch

    for stage in STAGES:
        importlib.import_module(f"artpipe.{stage}")
    for group in GROUPS:
        package = importlib.import_module(f"artpipe.{group}")
        for module in pkgutil.iter_modules(package.__path__):
            importlib.import_module(f"artpipe.{group}.{module.name}")
    for name in ("pandas", "pyarrow.parquet", "PIL.Image", "jinja2", "rich.table", "rich.console"):
        importlib.import_module(name)
    weight = torch.nn.Parameter(torch.zeros(2))
    weight.grad = torch.ones(2)
    for optimiser in (torch.optim.Adam([weight]), torch.optim.SGD([weight], momentum=0.9)):
        optimiser.step()


def run_artpipe(request: dict[str, object]) -> None:
    """Be `artpipe`, with what kill_at_write.py does to it; never returns."""
    from artpipe.system.processes import die_with_parent
    from tests.faults.kill_at_write import install

    os.setsid()
    die_with_parent(os.getppid())
    signal.signal(signal.SIGINT, signal.default_int_handler)
    os.chdir(str(request["folder"]))
    os.environ.clear()
    os.environ.update(request["environment"])
    output = os.open(str(request["output"]), os.O_WRONLY | os.O_CREAT | os.O_TRUNC)
    os.dup2(os.open(os.devnull, os.O_RDONLY), 0)
    for stream in (1, 2):
        os.dup2(output, stream)
    aim, code = install(request["aim"]), 1
    try:
        from artpipe.__main__ import main as artpipe

        sys.argv = ["artpipe", *request["command"]]
        artpipe()
        code = 0
    except SystemExit as end:
        code = end.code if isinstance(end.code, int) else int(end.code is not None)
    except BaseException:  # noqa: BLE001  # a forked child never returns into its parent's code
        import traceback

        traceback.print_exc()
    sys.stdout.flush()
    sys.stderr.flush()
    aim.log_entry({"count": aim.count, "ended": True})
    os._exit(code)


def main() -> None:
    """Answer until nobody asks any more."""
    import types

    package = types.ModuleType("tests")
    package.__path__ = [str(HERE.parent)]
    sys.modules["tests"] = package
    sys.path.pop(0)
    warm_up()
    print(os.getpid(), flush=True)
    for line in sys.stdin:
        request = json.loads(line)
        if "wait" in request:
            answer = os.waitstatus_to_exitcode(os.waitpid(request["wait"], 0)[1])
        else:
            answer = os.fork()
            if not answer:
                run_artpipe(request)
        print(answer, flush=True)


if __name__ == "__main__":
    main()
