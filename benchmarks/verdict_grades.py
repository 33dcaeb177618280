"""Paint sets that a stranger would take for works, and sets with a plain flaw, and count the grade of each.

    python benchmarks/verdict_grades.py data/shards/emoji3d data/shards/paintings --seeds 4 --works 100 --weights data/weights/vgg16
    python benchmarks/verdict_grades.py data/shards/digits --checkpoints data/checkpoints

`verdicts.py` asks which failures are found; this one, whether "good" is kept for what is good. Healthy sets are those of `verdicts.py`. Flawed
sets are works with one flaw that a visitor sees at once, of a strength between works and failure. A flawed set that is graded good is a miss, a
healthy one that is not good is a loss.
"""

import argparse
from collections import Counter, defaultdict
from functools import partial
from pathlib import Path
from typing import get_args

import torch
from _verdict_table import format_share, write_table
from torch import Generator, Tensor
from verdicts import HEALTHY, METRICS, Painter, blur, components, grade_set, load_works, noise, open_judges, recolour

from artpipe.artifacts.report import Grade
from artpipe.artifacts.shards import ShardSet
from artpipe.metrics.kid import shrink_pictures
from artpipe.numerics.pixels import to_bytes, to_float

_HEADINGS = ("set", *get_args(Grade), "is what it should be")
_BAND = 4  # bands of a picture that change places


def spoil_every(pool: Tensor, learned: Tensor, generator: Generator, every: int) -> Tensor:
    """Return works, one in `every` of them fog."""
    spoiled = (torch.arange(len(pool)) % every == 0)[:, None, None, None]
    return torch.where(spoiled, components(pool, learned, 20, generator), pool)


def join_halves(pool: Tensor) -> Tensor:
    """Return the upper half of each work above the lower half of the next."""
    middle = pool.shape[2] // 2
    return torch.cat([pool[:, :, :middle], pool.roll(1, 0)[:, :, middle:]], 2)


def shuffle_bands(pool: Tensor) -> Tensor:
    """Return works whose four horizontal bands stand upside down in order."""
    return torch.cat(pool.tensor_split(_BAND, 2)[::-1], 2)


def show_coarse(pool: Tensor, share: float) -> Tensor:
    """Return works shown with a share of their pixels a side."""
    return to_float(shrink_pictures(to_bytes(pool), max(1, round(share * min(pool.shape[2:])))))


FLAWED: dict[str, Painter] = {
    "a third is fog": partial(spoil_every, every=3),
    "half is fog": partial(spoil_every, every=2),
    "a third of the side": lambda pool, _, __: show_coarse(pool, 1 / 3),
    "blur of 3 pixels": lambda pool, _, __: blur(pool, 3),
    "noise 0.3": lambda pool, _, g: noise(pool, g, 0.3),
    "colours by chance": lambda pool, _, g: recolour(pool, g),
    "halves of two works": lambda pool, _, __: join_halves(pool),
    "bands in another order": lambda pool, _, __: shuffle_bands(pool),
}


def format_grades(grades: dict[str, Counter[str]]) -> str:
    """Return a row of counts for each set, and the share that is graded as it should be."""
    rows = [_HEADINGS, tuple("---" for _ in _HEADINGS)]
    for name, counted in grades.items():
        total = counted.total()
        right = counted["good"] if name in HEALTHY else total - counted["good"]
        rows.append((name, *(str(counted[grade]) for grade in get_args(Grade)), format_share(right, total)))
    return "\n".join(f"| {' | '.join(row)} |" for row in rows)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("shards", type=Path, nargs="+")
    parser.add_argument("--seeds", type=int, default=4)
    parser.add_argument("--works", type=int, default=100, help="of each of the three parts, at most")
    parser.add_argument("--weights", type=Path, help="of a pretrained network, which judges too")
    parser.add_argument("--checkpoints", type=Path, help="a folder with DATASET-classifier, which judge too")
    parser.add_argument("--cache", type=Path, help="a folder for features of the pretrained network")
    parser.add_argument("--write", type=Path, help="a page whose table is written anew")
    parser.add_argument("--name", default="grades", help="between which marks of the page the table stands")
    arguments = parser.parse_args()
    torch.set_num_threads(1)
    grades: dict[str, Counter[str]] = defaultdict(Counter)
    painters = {**HEALTHY, **FLAWED}
    for folder in arguments.shards:
        shards = ShardSet.open(folder)
        judges = open_judges(shards, arguments.weights, arguments.checkpoints, arguments.cache)
        for seed in range(arguments.seeds):
            learned, held_out, pool = load_works(shards, seed, arguments.works)
            for name, painter in painters.items():
                painted = painter(to_float(pool), to_float(learned["images"]), Generator().manual_seed(seed))
                grade, deciding = grade_set(painted, learned, held_out, judges, METRICS)
                grades[name][grade] += 1
                print(f"{folder.name:12}{seed:3}  {name:28}{grade:12}{', '.join(sorted(deciding))}", flush=True)
    table = format_grades(grades)
    print(f"\n{table}")
    if arguments.write:
        write_table(arguments.write, arguments.name, table)


if __name__ == "__main__":
    main()
