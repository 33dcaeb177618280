"""Bound the memory that a reader of foreign files may take in this process."""

import contextlib
import resource
from collections.abc import Iterator
from pathlib import Path


@contextlib.contextmanager
def limit_address_space(more_bytes: int) -> Iterator[None]:
    """Let this process take so much more memory than it has now.

    Whatever asks for more while the body runs gets MemoryError. It holds for all threads, so the body should be short.
    """
    pages = int(Path("/proc/self/statm").read_text().split()[0])
    soft, hard = resource.getrlimit(resource.RLIMIT_AS)
    limits = [pages * resource.getpagesize() + more_bytes, *(limit for limit in (soft, hard) if limit >= 0)]
    resource.setrlimit(resource.RLIMIT_AS, (min(limits), hard))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_AS, (soft, hard))
