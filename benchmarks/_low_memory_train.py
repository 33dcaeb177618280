"""Train on a CPU with little memory: `_low_memory_train.py FIRST MEGABYTES NAME`.

FIRST is trained as it is, so that all is loaded that a training loads; then the process may take so much more than it has.
"""

import re
import resource
import sys
from pathlib import Path

from artpipe import train

if __name__ == "__main__":
    first, megabytes, name = sys.argv[1:]
    train.train_model(first)
    taken = int(re.search(r"VmSize:\s+(\d+)", Path("/proc/self/status").read_text())[1]) * 1024
    resource.setrlimit(resource.RLIMIT_AS, (taken + int(megabytes) * 2**20, resource.RLIM_INFINITY))
    train.train_model(name)
