"""What a training uses is counted from its beginning, and sessions are added up."""

import mmap
from pathlib import Path

import numpy as np

from artpipe.training.resource_usage import ResourceUsage, read_peak_memory


def test_a_peak_is_not_forgotten():
    """Memory that was used for a moment raises the peak, which stays when it is free."""
    Path("/proc/self/clear_refs").write_text("5")  # Linux begins the peak anew with what is resident
    before = read_peak_memory()
    with mmap.mmap(-1, 2**27) as block:  # fresh pages: an allocator may give what was resident before
        np.frombuffer(block, np.uint8, count=len(block))[:] = 1
        peak = read_peak_memory()
        assert peak > before + 0.9 * len(block)
    assert read_peak_memory() > peak - 0.1 * 2**27  # Linux counts in steps of some pages


def test_sessions_add_up():
    """Times of a former session are added; of the peaks the larger counts."""
    usage = ResourceUsage()
    usage.add_former({"core_seconds": 100.0, "busy_seconds": 1000.0, "peak_memory": 2.0**60, "peak_gpu_memory": 0.0})
    state = usage.state()
    assert 100 <= state["core_seconds"] < 110
    assert 1000 <= state["busy_seconds"] < 1010
    assert state["peak_memory"] == 2.0**60
