"""The command line with a kill at the n-th change in the middle of a write: exact, and the same again for the same seed.

Nothing of artpipe is replaced: an audit hook of Python hears of every file just before it is opened, renamed or removed.
`python tests/faults/kill_at_write.py COMMAND ...` is `artpipe COMMAND ...`, told by the environment what to do.
"""

import contextlib
import json
import os
import re
import signal
import sys
import time
from pathlib import Path

ENVIRONMENT = "ARTPIPE_FAULTS"  # JSON: at, signal, half, whom, log, clock
_CHANGES = {"open", "os.rename", "os.remove", "os.rmdir", "os.mkdir", "shutil.rmtree"}


class WriteKiller:
    """`at` counts the changes while something of ours stands half-written, from 1; 0: they are only counted."""

    def __init__(self, at=0, number=signal.SIGKILL, half=False, whom="self", log="") -> None:
        self.at, self.number, self.half, self.whom, self.log = at, number, half, whom, log
        self.count, self.busy, self.standing, self.renamed = 0, False, set(), False
        self.own = re.compile(rf"^.*?\.tmp\.{os.getpid()}(?=/|$)")
        self.pid = os.getpid()

    def __call__(self, event, args):
        """Hear of a change."""
        if event not in _CHANGES or self.busy or os.getpid() != self.pid:
            return
        self.busy = True
        try:
            self._handle_change(event, *args)
        finally:
            self.busy = False

    def _handle_change(self, event, path, mode=None, flags=0, *_rest):
        path = os.fsdecode(path) if isinstance(path, str | bytes | os.PathLike) else ""
        match = self.own.match(path)
        temporary = match.group() if match else ""
        reads = event == "open" and not (flags or 0) & (os.O_WRONLY | os.O_RDWR | os.O_CREAT)
        adds = event == "open" and path.endswith(".jsonl") and "a" in (mode or "")
        if reads and temporary and Path(path).exists():
            self.standing.add(temporary)  # written by a library that Python does not hear of
        if self.standing or self.renamed or adds:
            self.count += 1
            if self.count == self.at:
                self._send_signal(event, path, torn=reads and bool(temporary), adds=adds)
        self.renamed = False
        if temporary and path == temporary:
            if event in {"os.rename", "os.remove", "shutil.rmtree"}:
                self.renamed = event == "os.rename"  # the folder is not flushed yet
                self.standing.discard(temporary)
            elif not reads:
                self.standing.add(temporary)

    def _send_signal(self, event, path, *, torn, adds):
        dies = self.half and self.whom == "self" and self.number == signal.SIGKILL  # as if it had come amid the writing
        if dies and torn and Path(path).is_file():
            os.truncate(path, Path(path).stat().st_size // 2)
        if dies and adds:
            with Path(path).open("a") as stream:
                stream.write('{"step": 1, "los')
        self.log_entry({"event": event, "path": path, "count": self.count})
        if self.whom == "leader":
            os.kill(os.getsid(0), signal.SIGKILL)
            return
        os.kill(self.pid, self.number)
        time.sleep(0)  # let Python run its own handler here

    def log_entry(self, entry):
        """Write into the log what happened."""
        if self.log:
            with Path(self.log).open("a") as stream:
                stream.write(json.dumps(entry) + "\n")


def install(settings):
    """Install what the JSON of the environment says."""
    if clock := settings.pop("clock", 0):
        real = time.time
        time.time = lambda: real() + clock
    aim = WriteKiller(**settings)
    sys.addaudithook(aim)
    return aim


def main():
    """Be `artpipe`."""
    aim = install(json.loads(os.environ.get(ENVIRONMENT, "{}")))
    from artpipe.__main__ import main as artpipe

    sys.argv[0] = "artpipe"
    try:
        artpipe()
    finally:
        with contextlib.suppress(OSError):
            aim.log_entry({"count": aim.count, "ended": True})


if __name__ == "__main__":
    sys.path.pop(0)
    main()
