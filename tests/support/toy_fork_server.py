"""Imports torch once, then forks a training per request: what makes twenty kills cheap.

Reads lines of JSON, ``{"number", "folder", "under"}`` to start or ``{"number", "wait"}`` for a pid, and answers each with its number and one more. With
`under` the training hangs under that many processes of its own session; then the answer is the topmost one's pid.
"""

import json
import os
import signal
import sys
from pathlib import Path

import torch

import artpipe.models

artpipe.models.__path__.append(str(Path(__file__).parent / "models"))

from artpipe import train  # noqa: E402
from artpipe.errors import ArtpipeError  # noqa: E402


def warm_up():
    """Make torch import what it imports at a first optimiser step, seconds that every fork would spend again."""
    weight = torch.nn.Parameter(torch.zeros(2))
    weight.grad = torch.ones(2)
    for optimiser in (torch.optim.Adam([weight]), torch.optim.SGD([weight], momentum=0.9)):
        optimiser.step()


def train_toy(folder, under):
    signal.signal(signal.SIGINT, signal.default_int_handler)
    if under:
        pid = os.fork()
        if pid:
            os._exit(os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]))
        train_toy(folder, under - 1)
    os.chdir(folder)
    output = os.open("said.txt", os.O_WRONLY | os.O_CREAT | os.O_APPEND)
    os.dup2(output, 1)
    os.dup2(output, 2)
    Path("pid").write_text(str(os.getpid()))
    try:
        train.train_model("toy")
    except ArtpipeError as error:
        sys.stderr.write(f"{error}\n")
        os._exit(error.exit_code)
    except BaseException:  # noqa: BLE001  # a forked child never returns into its parent's code
        import traceback

        traceback.print_exc()
        os._exit(1)
    os._exit(0)


def main():
    warm_up()
    print(os.getpid(), flush=True)
    for line in sys.stdin:
        request = json.loads(line)
        if "wait" in request:
            answer = os.waitstatus_to_exitcode(os.waitpid(request["wait"], 0)[1])
        else:
            answer = os.fork()
            if not answer:
                if request["under"]:
                    os.setsid()
                    signal.signal(signal.SIGHUP, signal.SIG_DFL)  # under nohup a leader is left out on purpose
                train_toy(request["folder"], request["under"])
        print(request["number"], answer, flush=True)


if __name__ == "__main__":
    main()
