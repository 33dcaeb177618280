"""Measure KID, FID and coverage beside torch-fidelity and prdc, in the same run.

    python benchmarks/metrics.py [--works 10000] [--features 2048] [--only kid fid coverage]

Each is computed in a process of its own, one thread: core-seconds (user and system), and the memory it takes beyond the
features. The features are float32, correlated and not negative, as an Inception network gives them. KID is that of whole sets:
torch-fidelity's `kernel_mmd` on all works, and once as it is by default, 100 subsets of 1,000, which is another estimate of the
same. `all` is KID and the four of coverage, of one pass over all pairs, as an evaluation asks for them. Goal: a third of the core-seconds. torch-fidelity and prdc are installed with `.[dev]`.
"""

import argparse
import contextlib
import json
import os
import re
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import torch
from torch import Tensor

GOAL, NEIGHBOURS = 3.0, 5
_SUBSETS = {"kid_subsets": 100, "kid_subset_size": 1000, "rng_seed": 2020, "verbose": False}
_KERNEL = {"kid_kernel": "poly", "kid_kernel_poly_degree": 3, "kid_kernel_poly_gamma": None, "kid_kernel_poly_coef0": 1}


def draw_features(works: int, features: int, seed: int) -> Tensor:
    """Return features ``(works, features)``; two seeds are two sets apart."""
    mixing = torch.randn(256, features, generator=torch.Generator().manual_seed(0))
    generator = torch.Generator().manual_seed(seed)
    codes = torch.randn(works, 256, generator=generator) * torch.linspace(1.5, 0.1, 256) + 0.02 * seed
    return (codes @ mixing / 8 + 0.1 * torch.randn(works, features, generator=generator)).relu()


def our_kid(real: Tensor, fake: Tensor) -> dict[str, float]:
    from artpipe.numerics.kernel_distance import kernel_distance

    return {"kid": kernel_distance(real, fake)}


def their_kid(real: Tensor, fake: Tensor) -> dict[str, float]:
    from torch_fidelity.metric_kid import kernel_mmd

    return {"kid": float(kernel_mmd(real.numpy(), fake.numpy(), **_KERNEL))}


def their_double_kid(real: Tensor, fake: Tensor) -> dict[str, float]:
    return their_kid(real.double(), fake.double())


def their_subset_kid(real: Tensor, fake: Tensor) -> dict[str, float]:
    from torch_fidelity.metric_kid import KEY_METRIC_KID_MEAN, kid_features_to_metric

    return {"kid": kid_features_to_metric(real, fake, **_KERNEL, **_SUBSETS)[KEY_METRIC_KID_MEAN]}


def our_comparison(real: Tensor, fake: Tensor) -> dict[str, float]:
    from artpipe.numerics.set_comparison import compare_sets

    comparison = compare_sets(real, fake, NEIGHBOURS)
    return {"kid": comparison.kernel_distance, **vars(comparison.shares)}


def their_comparison(real: Tensor, fake: Tensor) -> dict[str, float]:
    return their_kid(real, fake) | their_coverage(real, fake)


def our_fid(real: Tensor, fake: Tensor) -> dict[str, float]:
    from artpipe.metrics.fid import fid

    return {"fid": fid(real, fake)}


def their_fid(real: Tensor, fake: Tensor) -> dict[str, float]:
    from torch_fidelity.metric_fid import KEY_METRIC_FID, fid_features_to_statistics, fid_statistics_to_metric

    statistics = [fid_features_to_statistics(features) for features in (real, fake)]
    return {"fid": fid_statistics_to_metric(*statistics, verbose=False)[KEY_METRIC_FID]}


def our_coverage(real: Tensor, fake: Tensor) -> dict[str, float]:
    from artpipe.numerics.prdc import measure_prdc

    return vars(measure_prdc(real, fake, NEIGHBOURS))


def their_coverage(real: Tensor, fake: Tensor) -> dict[str, float]:
    from prdc import compute_prdc

    with contextlib.redirect_stdout(sys.stderr):
        shares = compute_prdc(real_features=real.numpy(), fake_features=fake.numpy(), nearest_k=NEIGHBOURS)
    return {name: float(value) for name, value in shares.items()}


# By measure: ours, then the peers by name.
MEASURES: dict[str, dict[str, Callable[[Tensor, Tensor], dict[str, float]]]] = {
    "kid": {
        "artpipe": our_kid,
        "torch-fidelity": their_kid,
        "torch-fidelity, float64": their_double_kid,
        "torch-fidelity, 100 subsets": their_subset_kid,
    },
    "fid": {"artpipe": our_fid, "torch-fidelity": their_fid},
    "coverage": {"artpipe": our_coverage, "prdc": their_coverage},
    "all": {"artpipe": our_comparison, "both of them": their_comparison},
}


def measure_here(measure: str, name: str, works: int, features: int) -> None:
    """Measure in this process, after a few works that import all; print JSON."""
    torch.set_num_threads(1)
    function = MEASURES[measure][name]
    least = max(features, _SUBSETS["kid_subset_size"]) if "subsets" in name else 64
    function(draw_features(least, 64, 1), draw_features(least, 64, 2))
    real, fake = draw_features(works, features, 1), draw_features(works, features, 2)
    Path("/proc/self/clear_refs").write_text("5")  # the peak counts from here on
    before, start = read_status("VmRSS"), time.process_time()
    values = function(real, fake)
    spent, peak = time.process_time() - start, read_status("VmHWM") - before
    print(json.dumps({"values": values, "core_seconds": spent, "bytes": peak}))


def read_status(field: str) -> int:
    """Return a size of this process in bytes, as Linux says it."""
    return int(re.search(rf"{field}:\s+(\d+)", Path("/proc/self/status").read_text())[1]) * 1024


def measure_apart(measure: str, name: str, works: int, features: int) -> dict:
    """Measure in a process of its own, of one thread."""
    threads = dict.fromkeys(("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"), "1")
    command = [sys.executable, __file__, "--works", str(works), "--features", str(features), "--here", measure, name]
    done = subprocess.run(command, env=os.environ | threads, stdout=subprocess.PIPE, text=True, check=True)
    return json.loads(done.stdout.splitlines()[-1])


def describe_values(values: dict[str, float]) -> str:
    return ", ".join(f"{name} {value:.6g}" for name, value in values.items())


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--works", type=int, default=10_000)
    parser.add_argument("--features", type=int, default=2048)
    parser.add_argument("--only", nargs="+", choices=MEASURES, default=list(MEASURES))
    parser.add_argument("--here", nargs=2, help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    if arguments.here:
        measure_here(*arguments.here, arguments.works, arguments.features)
        return
    print(f"{arguments.works} x {arguments.features} features on either side, one thread; goal {GOAL}")
    print(f"{'measure':10}{'by':30}{'core-s':>8}{'ratio':>7}{'MiB':>7}  values")
    for measure in arguments.only:
        ours = None
        for name in MEASURES[measure]:
            result = measure_apart(measure, name, arguments.works, arguments.features)
            ours = ours or result
            ratio = result["core_seconds"] / ours["core_seconds"]
            print(
                f"{measure:10}{name:30}{result['core_seconds']:8.1f}{ratio:7.2f}{result['bytes'] / 2**20:7.0f}  "
                f"{describe_values(result['values'])}",
                flush=True,
            )


if __name__ == "__main__":
    main()
