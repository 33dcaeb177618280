"""Train with little memory: `low_memory_train.py FIRST MEGABYTES NAME`.

FIRST is trained as it is, so that all is loaded that a training loads; then the process may take so much more than it has.
"""

import re
import resource
import sys
from pathlib import Path

from artpipe import train
from artpipe.errors import ArtpipeError


def limit(megabytes: int) -> None:
    """Let every further allocation beyond that fail, as `ulimit -v` does."""
    taken = int(re.search(r"VmSize:\s+(\d+)", Path("/proc/self/status").read_text())[1]) * 1024
    resource.setrlimit(resource.RLIMIT_AS, (taken + megabytes * 2**20, resource.RLIM_INFINITY))


if __name__ == "__main__":
    train.train_model(sys.argv[1])
    limit(int(sys.argv[2]))
    try:
        train.train_model(sys.argv[3])
    except ArtpipeError as error:
        sys.stderr.write(f"artpipe: {error}\n")
        sys.exit(error.exit_code)
