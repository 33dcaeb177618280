"""Settings of glibc's memory allocator; other systems have their own."""

import contextlib
import ctypes
import resource

_TRIM_THRESHOLD, _MMAP_THRESHOLD = -1, -3  # malloc.h
_LARGEST_BLOCK = 2**30  # bytes


def keep_freed_memory() -> None:
    """Have freed memory stay in this process for the next allocation.

    A training step frees what the next one allocates again. By default glibc gives large blocks back to the kernel, which
    has to clear each page anew: a tenth of a step's time. Where a limit of memory is set, all stays as it is.
    """
    if resource.getrlimit(resource.RLIMIT_AS)[0] != resource.RLIM_INFINITY:
        return
    with contextlib.suppress(OSError, AttributeError):  # another system's library
        mallopt = ctypes.CDLL(None).mallopt
        mallopt(_MMAP_THRESHOLD, _LARGEST_BLOCK)
        mallopt(_TRIM_THRESHOLD, 2**31 - 1)
