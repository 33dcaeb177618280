"""What ingest and preprocess gain by parts, and what parts cost: synthetic photographs, on one core and on two.

    python benchmarks/parts.py [--works 2000] [--side 512]

Two machines of one core each are two processes, each held to a core. Prints wall-clock and core seconds of every stage: in one
piece on a core, in one piece on both, in two parts side by side, and of the stage that joins them on one core.
"""

import argparse
import hashlib
import os
import resource
import shutil
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import numpy as np
from PIL import Image

PARAMS = """
format: 2
seed: 1
datasets:
  mine: {medium: picture, source: folder, path: datasets/mine, about: {}, ingest: {}, preprocess: {size: 64}}
models: {}
evaluation: {metrics: []}
gallery: {sections: []}
"""


def draw(folder: Path, works: int, side: int) -> None:
    """Draw soft, grainy pictures, as large on disk as photographs are."""
    folder.mkdir(parents=True)
    random = np.random.default_rng(0)
    for number in range(works):
        soft = Image.fromarray(random.integers(0, 256, (24, 24, 3), np.uint8)).resize(
            (side, side), Image.Resampling.BICUBIC
        )
        grain = random.integers(-12, 13, (side, side, 1))
        picture = (np.asarray(soft).astype(np.int16) + grain).clip(0, 255).astype(np.uint8)
        Image.fromarray(picture).save(folder / f"{number:05}.jpg", quality=88)


def timed(*commands: tuple[set[int], list[str]]) -> tuple[float, float]:
    """Run commands side by side, each on its cores, and return wall-clock and core seconds."""
    before, began = resource.getrusage(resource.RUSAGE_CHILDREN), time.perf_counter()
    children = [
        subprocess.Popen(
            ["taskset", "-c", ",".join(map(str, sorted(cores))), sys.executable, "-m", "artpipe", *command],
            stdout=subprocess.DEVNULL,
        )
        for cores, command in commands
    ]
    assert all(child.wait() == 0 for child in children)
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    return time.perf_counter() - began, after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime


def outputs() -> str:
    digest = hashlib.sha256()
    for path in sorted(path for path in Path("data").rglob("*") if path.is_file()):
        digest.update(str(path).encode() + path.read_bytes())
    return digest.hexdigest()


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--works", type=int, default=2000)
    parser.add_argument("--side", type=int, default=512)
    options = parser.parse_args()
    first, second = sorted(os.sched_getaffinity(0))[:2]
    os.environ["PYTHONPATH"] = str(Path(__file__).parents[1])
    with tempfile.TemporaryDirectory() as folder:
        os.chdir(folder)
        draw(Path("datasets/mine"), options.works, options.side)
        Path("params.yaml").write_text(PARAMS)
        print("| stage | how | wall, s | core-seconds |\n|---|---|---|---|")
        for verb in ("ingest", "preprocess"):
            rows = [("one core", timed(({first}, [verb, "mine"])))]
            whole = outputs()
            rows.append(("two cores of one machine", timed(({first, second}, [verb, "mine"]))))
            parts = (({first}, [verb, "mine", "--part", "1/2"]), ({second}, [verb, "mine", "--part", "2/2"]))
            rows.append(("two parts, a core each", timed(*parts)))
            rows.append(("the stage that joins them, one core", timed(({first}, [verb, "mine"]))))
            assert outputs() == whole
            for how, (wall, cores) in rows:
                print(f"| {verb} | {how} | {wall:.1f} | {cores:.1f} |", flush=True)
        shutil.rmtree("data")
        os.chdir("/")


if __name__ == "__main__":
    main()
