"""Measure one metric of so many random features: `python benchmarks/_growth_metrics.py NAME COUNT`."""

import sys

import torch

from artpipe.numerics.kernel_distance import kernel_distance
from artpipe.numerics.nearest_neighbours import find_nearest
from artpipe.numerics.prdc import measure_prdc

FEATURES = 64
METRICS = {
    "KID": kernel_distance,
    "coverage": lambda real, generated: measure_prdc(real, generated, 5),
    "nearest": lambda real, generated: find_nearest(generated, real, 4),
}


if __name__ == "__main__":
    torch.manual_seed(0)
    torch.set_num_threads(1)
    METRICS[sys.argv[1]](*torch.randn(2, int(sys.argv[2]), FEATURES))
