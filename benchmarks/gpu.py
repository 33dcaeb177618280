"""What a GPU gives, in under 8 minutes: one command, one table, one JSON.

    python benchmarks/gpu.py [--out gpu.json] [--device cpu]

Needs Python 3.11 or later and, installed: torch with CUDA (2.11 or later), numpy, pydantic, rich, ruamel.yaml,
safetensors, typer, pillow. Neither DVC, Prefect, MLflow, pandas nor torchvision, no network, and artpipe itself need not be
installed: it is taken from this checkout. `--device cpu` takes the same path with tiny sizes.

    kinds      every kind of model 50 steps, by `artpipe train`
    resume     each of them again, killed (SIGKILL) on its way and gone on with: the checkpoint has the same bytes as the
               undisturbed one, with deterministic algorithms; else the operation that forbids it, as torch names it
    memory     a gan that the card cannot hold (a second process fills all but 3 GiB; on a CPU a limit of the process)
               halves its batch and goes on
    precision  bf16 beside fp32: steps per second, mean loss
    speed      pictures per second of the gan of 64 pixels beside the DCGAN of pytorch/examples (goal: 5 times)
    peak       FLOPs counted by torch over a step, as a share of a large bf16 product's, and of the card's data sheet

A part that fails is named with its reason, and the others go on.
"""

import argparse
import hashlib
import json
import re
import shutil
import signal
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from importlib.util import find_spec
from pathlib import Path

from _gpu_trials import PartError, Trials, describe_failure

HERE = Path(__file__).parent
NEEDED = ("torch", "numpy", "pydantic", "rich", "ruamel.yaml", "safetensors", "typer", "PIL")
TOTAL_SECONDS = 470.0  # of all parts
KILL_FROM_STEP = 12
FREE_GIB = 3.0  # that the filler leaves
FILLER = """\
import sys, time, torch
free, _ = torch.cuda.mem_get_info()
held = torch.empty(max(0, int(free - float(sys.argv[1]) * 2**30)), dtype=torch.uint8, device="cuda")
print("filled", flush=True)
sys.stdin.read()
"""


def hash_checkpoint(project: Path, name: str) -> dict[str, str]:
    """Return the hash of each file of a checkpoint."""
    files = sorted((project / "data/checkpoints" / name).iterdir())
    return {path.name: hashlib.sha256(path.read_bytes()).hexdigest() for path in files}


def try_kinds(trials: Trials) -> Iterator[dict]:
    from _every_kind import KINDS, STEPS, make_entry, make_project

    project = make_project(trials.folder / "undisturbed", {name: make_entry(name, trials.device) for name in KINDS})

    def train(name: str) -> str:
        trials.train(project, name)
        card = json.loads((project / "data/runs" / name / "run.json").read_text())
        if card["device"] != trials.device:
            raise PartError(f"ran on {card['device']}")
        return f"{STEPS} steps on {card['device']}, {card['precision']}"

    first, *others = KINDS  # the gan's pretrained network is the first
    yield from trials.each(train, [first], "kinds")
    yield from trials.each(train, others, "kinds")


def try_resume(trials: Trials) -> Iterator[dict]:
    from _every_kind import KINDS

    undisturbed, project = trials.folder / "undisturbed", trials.folder / "killed"
    shutil.copytree(undisturbed, project, ignore=shutil.ignore_patterns(".state", "runs", "checkpoints"))
    reader = Path("data/checkpoints/reader")
    if (undisturbed / reader).is_dir():
        shutil.copytree(undisturbed / reader, project / reader)

    def kill_and_resume(name: str) -> str:
        if not (undisturbed / "data/checkpoints" / name).is_dir():
            raise PartError("was not trained")
        step = kill_training(trials, project, name)
        trials.train(project, name)
        if json.loads((project / "data/runs" / name / "run.json").read_text())["sessions"] != 2:
            raise PartError("began anew")
        expected, found = hash_checkpoint(undisturbed, name), hash_checkpoint(project, name)
        if different := [file for file in expected if found.get(file) != expected[file]]:
            raise PartError(f"killed after step {step}, resumed to other bytes of {', '.join(different)}")
        return f"killed after step {step}, resumed to equal bytes of {len(expected)} files"

    yield from trials.each(kill_and_resume, list(KINDS), "resume")


def kill_training(trials: Trials, project: Path, name: str) -> int:
    """Start a training, kill it and return the last step of its journal."""
    process, state = trials.start(project, "-m", "artpipe", "train", name), project / ".state/train" / name
    try:
        while process.poll() is None and last_step(state) < KILL_FROM_STEP and time.monotonic() < trials.deadline:
            time.sleep(0.002)
        process.send_signal(signal.SIGKILL)
    finally:
        process.kill()
        said, _ = process.communicate()
    if process.returncode != -signal.SIGKILL:
        raise PartError(f"ended before it was killed: {describe_failure(said, process.returncode)}")
    return last_step(state)


def last_step(state: Path) -> int:
    text = "".join(path.read_text() for path in state.glob("*/journal.jsonl"))
    return max((int(step) for step in re.findall(r'"step": (\d+)', text)), default=0)


def try_memory(trials: Trials) -> Iterator[dict]:
    from _every_kind import make_entry, make_large_entry, make_project

    is_gpu = trials.device == "cuda"
    batch, width = (4096, 128) if is_gpu else (192, 16)
    entries = {"reader": make_entry("reader", trials.device), "large": make_large_entry(trials.device, batch, width)}
    project = make_project(trials.folder / "memory", entries)
    if is_gpu:
        filler = trials.start(project, "-c", FILLER, str(FREE_GIB))
        try:
            if "filled" not in filler.stdout.readline():
                raise PartError(describe_failure(filler.communicate()[0], 1))
            trials.train(project, "large")
        finally:
            filler.kill()
            filler.communicate()
    else:
        trials.run(project, str(HERE / "_low_memory_train.py"), "reader", "200", "large")
    card = json.loads((project / "data/checkpoints/large/checkpoint.json").read_text())
    halved = (project / "data/runs/large/journal.jsonl").read_text().count("memory_short")
    ok = (
        bool(card["micro_batch"])
        and card["micro_batch"] < batch
        and card["steps"]["final"] == entries["large"]["steps"]
    )
    figure = (
        f"batches of {batch} halved {halved} times to {card['micro_batch']} rows, {card['steps']['final']} steps done"
    )
    yield {"part": "memory", "subject": "gan, 64 pixels", "ok": ok, "figure": figure}


def measure(part: str) -> Callable[[Trials], Iterator[dict]]:
    def run(trials: Trials) -> Iterator[dict]:
        for line in trials.lines(trials.folder, str(HERE / "_gpu_measures.py"), part, trials.device):
            if line.startswith("{"):
                yield {"part": part, **json.loads(line)}

    return run


PARTS = {
    "kinds": try_kinds, "resume": try_resume, "memory": try_memory,
    **{part: measure(part) for part in ("precision", "speed", "peak")},
}  # fmt: skip


def run_parts(trials: Trials, names: list[str]) -> list[dict]:
    """Run the parts and print each row as soon as it is there."""
    rows: list[dict] = []
    for name in names:
        start = time.monotonic()
        try:
            for row in PARTS[name](trials):
                rows.append(row)
                print_row(row)
        except Exception as error:  # noqa: BLE001  # of whatever a part does; the others go on
            rows.append({"part": name, "subject": "-", "ok": False, "figure": f"{type(error).__name__}: {error}"})
            print_row(rows[-1])
        print(f"{name:<10} {'':42} {'':5} {time.monotonic() - start:.0f} s by the clock", flush=True)
    return rows


def print_row(row: dict) -> None:
    verdict = {True: "ok", False: "FAIL", None: ""}[row["ok"]]
    print(f"{row['part']:<10} {row['subject'][:42]:42} {verdict:5} {row['figure']}", flush=True)


def stop(problem: str) -> None:
    sys.stderr.write(f"gpu.py: {problem}\n")
    sys.exit(2)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--out", type=Path, default=Path("gpu.json"))
    parser.add_argument("--device", choices=("cuda", "cpu"), default="cuda")
    parser.add_argument(
        "--parts", nargs="+", choices=PARTS, default=list(PARTS), help="`resume` needs `kinds` before it"
    )
    parser.add_argument("--seconds", type=float, default=TOTAL_SECONDS, help="by the clock, for all parts")
    arguments = parser.parse_args()
    if missing := [name for name in NEEDED if not find_spec(name.partition(".")[0]) or not find_spec(name)]:
        stop(f"not installed: {', '.join(missing)}; what it needs stands at the top of {Path(__file__).name}")
    import torch

    if arguments.device == "cuda" and not torch.cuda.is_available():
        stop(f"torch {torch.__version__} finds no GPU here; `--device cpu` takes the same path with tiny sizes")
    sys.path.insert(0, str(HERE.parent))
    start, name = time.monotonic(), torch.cuda.get_device_name() if arguments.device == "cuda" else "CPU"
    print(f"{name}, torch {torch.__version__}, Python {sys.version.split()[0]}", flush=True)
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))
    with tempfile.TemporaryDirectory() as folder:
        trials = Trials(Path(folder), arguments.device, arguments.seconds)
        try:
            rows = run_parts(trials, arguments.parts)
        finally:
            trials.end_all()
    seconds = time.monotonic() - start
    about = {"device": name, "torch": torch.__version__, "cuda": torch.version.cuda, "seconds": seconds}
    arguments.out.write_text(json.dumps({**about, "rows": rows}, indent=1) + "\n", encoding="utf-8")
    failed = sum(row["ok"] is False for row in rows)
    print(f"{len(rows)} rows, {failed} failed, {seconds:.0f} s; written: {arguments.out}")


if __name__ == "__main__":
    main()
