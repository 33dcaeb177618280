"""The peak memory of a command with all its child processes, and whose it was.

    python benchmarks/memory.py artpipe run

Every half second the proportional set sizes (Linux: shared pages are counted once, among those who share them) of the
command and all its descendants are added up. Prints the largest sum and the processes it consisted of.
"""

import subprocess  # the command to be measured
import sys
import time

import psutil

_SECONDS = 0.5
_SHOWN = 12
_MIB = 2**20


def sizes(root: psutil.Process) -> list[tuple[int, str]]:
    """Return bytes and command of a process and of each of its descendants, the largest first."""
    largest = []
    for process in [root, *root.children(recursive=True)]:
        try:
            words = [word.rsplit("/", 1)[-1] for word in process.cmdline()]
            largest.append((process.memory_full_info().pss, " ".join(" ".join(words).split())[:100]))
        except psutil.Error:
            continue  # it ended between two looks
    return sorted(largest, reverse=True)


def main() -> int:
    """Run the command, print its peak and hand on its exit code."""
    child = subprocess.Popen(sys.argv[1:])
    root, peak = psutil.Process(child.pid), [(0, "nothing")]
    while child.poll() is None:
        try:
            now = sizes(root)
        except psutil.Error:
            break
        if sum(size for size, _ in now) > sum(size for size, _ in peak):
            peak = now
        time.sleep(_SECONDS)
    print(f"peak: {sum(size for size, _ in peak) / _MIB:,.0f} MiB in {len(peak)} processes")
    for size, command in peak[:_SHOWN]:
        print(f"  {size / _MIB:7,.0f} MiB  {command}")
    return child.wait()


if __name__ == "__main__":
    sys.exit(main())
