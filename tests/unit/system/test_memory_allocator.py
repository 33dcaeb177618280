"""What is freed stays in the process, so that the next step finds it without the kernel clearing pages."""

import subprocess
import sys

_CODE = """
import resource, sys
from artpipe.system.memory_allocator import keep_freed_memory
if sys.argv[1] == "limited":
    resource.setrlimit(resource.RLIMIT_AS, (2**33, resource.RLIM_INFINITY))
if sys.argv[1] != "default":
    keep_freed_memory()
bytes(b"x" * 2**24)
before = resource.getrusage(resource.RUSAGE_SELF).ru_minflt
for _ in range(20):
    b"x" * 2**26
print(resource.getrusage(resource.RUSAGE_SELF).ru_minflt - before)
"""


def count_page_faults(setting: str) -> int:
    return int(
        subprocess.run([sys.executable, "-c", _CODE, setting], capture_output=True, text=True, check=True).stdout
    )


def test_large_blocks_are_used_again():
    """Twenty blocks of 64 MiB are cleared once and not twenty times; under a limit of memory all is as by default."""
    once = 2**26 // 4096
    assert count_page_faults("kept") < 2 * once
    assert count_page_faults("limited") > 10 * once
