"""Nats per character on tiny-shakespeare's own split, beside nanoGPT's recipe for a CPU, at equal core-seconds.

    python benchmarks/tiny_shakespeare.py CLONE [--threads 1] [--seeds 1]

CLONE is a clone of karpathy/nanoGPT with the text in `data/shakespeare_char/input.txt`. Its own `train.py` runs with the
options that its README gives for a CPU. Ours goes through the pipeline (ingest, preprocess with the same split: the first
nine tenths to learn from, the last tenth to measure) and trains as many core-seconds as nanoGPT's process spent.

Both are measured on the whole last tenth: nanoGPT in windows of its 64 characters, once as it measures itself (each window
begins without a past) and once in windows that overlap by half, of which the second half counts; ours in rows of its own
length, each of which begins without a past. Ours pays for characters through its syllables, so it is nats per character too.
"""

import argparse
import math
import os
import re
import resource
import subprocess
import sys
import tempfile
from pathlib import Path

import torch
from rnn_text import train_ours
from torch.nn import functional as F

from artpipe.artifacts.shards import ShardSet

RECIPE = (
    "--device=cpu --compile=False --eval_iters=20 --log_interval=1000 --block_size=64 --batch_size=12 --n_layer=4 "
    "--n_head=4 --n_embd=128 --max_iters=2000 --lr_decay_iters=2000 --dropout=0.0"
)
WINDOW, SHARE_LEARNED, PIECE = 64, 0.9, 100_000
ENTRY = {
    "kind": "rnn", "dataset": "tiny", "pretrained": "data/shards/tiny", "feature_extractor": "rnn", "steps": 1000, "batch_size": 12, "width": 320,
    "embedding": 192, "dropout": 0.15, "learning_rate": 0.003,
}  # fmt: skip
PARAMS = """\
format: 2
seed: 1
datasets:
  tiny:
    medium: text
    source: folder
    path: datasets/tiny
    about: {}
    ingest: {splits: keep}
    preprocess: {length: 96, merges: 1500, validation: 0}
models: {}
evaluation: {metrics: [], samples: 2, reference: 2, exhibits: 1}
gallery: {title: tiny, sections: []}
"""


def train_theirs(clone: Path, out: Path, threads: int, seed: int) -> float:
    """Run nanoGPT's own training and return its core-seconds."""
    if not (clone / "data/shakespeare_char/train.bin").is_file():
        subprocess.run([sys.executable, "prepare.py"], cwd=clone / "data/shakespeare_char", check=True)
    script = f"import torch; start = torch.manual_seed; torch.manual_seed = lambda given: start(given + {seed}); "
    script += "exec(compile(open('train.py').read(), 'train.py', 'exec'))"
    command = [sys.executable, "-c", script, "config/train_shakespeare_char.py", *RECIPE.split(), f"--out_dir={out}"]
    environment = os.environ | {"OMP_NUM_THREADS": str(threads)}
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    done = subprocess.run(command, cwd=clone, env=environment, stdout=subprocess.PIPE, text=True, check=True)
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    for line in re.findall(r"step \d+: train loss .*", done.stdout)[-1:]:
        print(f"nanoGPT by itself: {line}", flush=True)
    return after.ru_utime - before.ru_utime + after.ru_stime - before.ru_stime


@torch.no_grad()
def measure_theirs(clone: Path, out: Path, overlap: int) -> float:
    """Return nats per character of the last tenth; of windows that overlap only what is new counts."""
    sys.path.insert(0, str(clone))
    from model import GPT, GPTConfig

    saved = torch.load(out / "ckpt.pt", map_location="cpu", weights_only=True)
    model = GPT(GPTConfig(**saved["model_args"])).eval()
    model.load_state_dict(saved["model"])
    import numpy as np

    codes = torch.from_numpy(np.fromfile(clone / "data/shakespeare_char/val.bin", dtype=np.uint16).astype(np.int64))
    starts = range(0, len(codes) - WINDOW - 1, WINDOW - overlap)
    total, counted = 0.0, 0
    for first in range(0, len(starts), 256):
        windows = torch.stack([codes[start : start + WINDOW + 1] for start in starts[first : first + 256]])
        logits, _ = model(windows[:, :-1].contiguous(), windows[:, 1:].contiguous())
        nats = F.cross_entropy(logits.flatten(0, 1), windows[:, 1:].flatten(), reduction="none").view(len(windows), -1)
        total, counted = total + float(nats[:, overlap:].sum()), counted + nats[:, overlap:].numel()
    return total / counted


def preprocess_ours(text: str, folder: Path) -> ShardSet:
    """Ingest and preprocess the text in a project of its own, split as nanoGPT does."""
    middle = int(SHARE_LEARNED * len(text))
    pieces = [
        text[start : min(start + PIECE, middle)] for start in range(0, middle, PIECE)
    ]  # a dataset has eight works
    for split, parts in (("train", pieces), ("test", [text[middle:]])):
        (folder / "datasets/tiny" / split).mkdir(parents=True)
        for number, part in enumerate(parts):
            (folder / "datasets/tiny" / split / f"{number}.txt").write_text(part)
    (folder / "params.yaml").write_text(PARAMS)
    subprocess.run(["git", "init", "--quiet", str(folder)], check=True)
    for stage in ("ingest", "preprocess"):
        subprocess.run([sys.executable, "-m", "artpipe", stage, "tiny"], cwd=folder, check=True)
    return ShardSet.open(folder / "data/shards/tiny")


def measure_ours(shards: ShardSet, characters: int, seconds: float, seed: int) -> float:
    """Train for so many core-seconds; return nats per character of the last tenth."""
    learner = train_ours(shards, ENTRY, seconds, seed)
    print(f"artpipe: {learner.steps_done} steps", flush=True)
    return float(learner.nll(shards.load("test", ["tokens"])["tokens"]).double().sum()) / characters


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("clone", type=Path)
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--seeds", type=int, default=1)
    arguments = parser.parse_args()
    torch.set_num_threads(arguments.threads)
    clone = arguments.clone.resolve()
    text = (clone / "data/shakespeare_char/input.txt").read_text()
    characters = len(text) - int(SHARE_LEARNED * len(text))
    print(
        f"{'seed':>4} {'core-s':>7} {'nanoGPT':>8} {'with a past':>12} {'artpipe':>8}   nats per character", flush=True
    )
    for seed in range(arguments.seeds):
        with tempfile.TemporaryDirectory() as home:
            out = Path(home) / "out"
            seconds = train_theirs(clone, out, arguments.threads, seed)
            theirs, with_past = (measure_theirs(clone, out, overlap) for overlap in (0, WINDOW // 2))
            ours = measure_ours(preprocess_ours(text, Path(home) / "project"), characters, seconds, seed)
        row = f"{seed:4} {seconds:7.0f} {theirs:8.3f} {with_past:12.3f} {ours:8.3f}"
        print(f"{row}   {math.exp(theirs - ours):.2f} times the likelihood per character", flush=True)


if __name__ == "__main__":
    main()
