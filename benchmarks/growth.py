"""How time and memory grow with works, models, runs and features.

    python benchmarks/growth.py [--parts works,texts,models,gallery,mlflow,metrics] [--largest 10000]

Prints a Markdown table. `--largest` bounds works, works of a gallery and features; of models and runs a fiftieth of it.
The growth of a row is the exponent between it and the next smaller one: 1 is linear, 0 flat; at small sizes the start of Python
is most of it. Every row is also added to `--rows` (one JSON a line, the latest of a name and size counts), from which
the table and the plot (`--plot FILE.svg`) are drawn, so that parts can be measured one after the other.
"""

import argparse
import functools
import itertools
import json
import math
import subprocess
import sys
import tempfile
from collections import defaultdict
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

from _growth_command import Measured, artpipe, environment, measure
from _growth_plot import draw
from _growth_projects import add_run, make_gallery, make_models, make_runs, make_works, read_rows

HERE = Path(__file__).parent
WORKS = (1_000, 10_000, 100_000, 1_000_000)
MODELS = (10, 100, 200, 1_000)
GALLERY = (100, 1_000, 10_000)
RUNS = (10, 100, 1_000)
FEATURES = (1_000, 10_000, 100_000)
PER_MODEL = 50  # `--largest` counts works; so many of them stand for one model or run
WITHOUT_MLFLOW = {"ARTPIPE_SYNC": "later"}  # else the last stage brings MLflow up to date
Rows = Iterator[tuple[str, Measured, str]]


def measure_works(folder: Path, size: int, medium: str) -> Rows:
    project = make_works(folder / "works", medium, size)
    for verb in ("ingest", "preprocess"):
        yield f"{verb} {medium}s", measure(artpipe(verb, "mine"), project), ""
    yield f"gallery, {medium}s without a model", measure(artpipe("gallery"), project, WITHOUT_MLFLOW), ""
    if medium == "picture":
        params = project / "params.yaml"
        params.write_text(params.read_text().replace("ingest: {}", "ingest: {near_duplicates: quarantine}"))
        yield "ingest pictures, near duplicates", measure(artpipe("ingest", "mine"), project), ""


def measure_models(folder: Path, size: int) -> Rows:
    project = make_models(folder / "models", size)
    yield "artpipe check, the first time", measure(artpipe("check"), project), ""
    yield "dvc repro, nothing to do", measure(["dvc", "repro", "--quiet"], project), ""
    yield "artpipe plan, nothing to do", measure(artpipe("plan"), project), ""
    measure(artpipe("run"), project)  # what is done once: MLflow's store
    yield "artpipe run, nothing to do", measure(artpipe("run"), project), ""


def measure_gallery(folder: Path, size: int) -> Rows:
    project = make_gallery(folder / "gallery", size)
    built = measure(artpipe("gallery"), project, WITHOUT_MLFLOW)
    command = [sys.executable, str(HERE / "_first_view.py"), "data/gallery"]
    view = subprocess.run(
        command, cwd=project, env=environment(folder), check=True, capture_output=True, text=True
    ).stdout.split()
    yield "gallery", built, f"first view {view[0]} requests, {int(view[1]) / 1000:,.0f} kB"
    yield "gallery, nothing new", measure(artpipe("gallery"), project, WITHOUT_MLFLOW), ""


def measure_mlflow(folder: Path, size: int) -> Rows:
    project = make_runs(folder / "runs", size)
    yield "sync, all new", measure(artpipe("sync"), project), ""
    add_run(project, "late")
    yield "sync, one new", measure(artpipe("sync"), project), ""


def measure_metrics(folder: Path, size: int) -> Rows:
    for name in ("KID", "coverage", "nearest"):
        yield name, measure([sys.executable, str(HERE / "_growth_metrics.py"), name, str(size)], folder), ""


PARTS: dict[str, tuple[tuple[int, ...], int, Callable[[Path, int], Rows]]] = {
    "works": (WORKS, 1, functools.partial(measure_works, medium="picture")),
    "texts": (WORKS, 1, functools.partial(measure_works, medium="text")),
    "models": (MODELS, PER_MODEL, measure_models),
    "gallery": (GALLERY, 1, measure_gallery),
    "mlflow": (RUNS, PER_MODEL, measure_mlflow),
    "metrics": (FEATURES, 1, measure_metrics),
}


def measure_part(part: str, largest: int) -> Iterator[dict[str, Any]]:
    """Yield a part's rows, the smallest size first."""
    sizes, per_unit, measure_size = PARTS[part]
    for size in sizes:
        if size * per_unit > largest:
            break
        with tempfile.TemporaryDirectory() as folder:
            (Path(folder) / "here").mkdir()
            for name, measured, note in measure_size(Path(folder) / "here", size):
                print(f"{name} {size:,}: {measured.core_seconds:.1f} core-seconds", file=sys.stderr, flush=True)
                yield {"name": name, "size": size, "note": note, **measured._asdict()}


def group_rows(path: Path) -> dict[str, list[dict[str, Any]]]:
    """Return the latest rows by name, the smallest size first."""
    latest = {(row["name"], row["size"]): row for row in read_rows(path)}
    groups: defaultdict[str, list[dict[str, Any]]] = defaultdict(list)
    for row in sorted(latest.values(), key=lambda row: row["size"]):
        groups[row["name"]].append(row)
    return dict(groups)


def print_table(groups: dict[str, list[dict[str, Any]]]) -> None:
    """Print the rows, each with its growth since the row before."""
    print("| what | size | core-seconds | growth | wall, s | peak, MiB | |\n|---|---|---|---|---|---|---|")
    for name, rows in groups.items():
        for before, row in itertools.pairwise([None, *rows]):
            growth = ""
            if before is not None:
                ratio = row["core_seconds"] / before["core_seconds"]
                growth = f"{math.log(ratio) / math.log(row['size'] / before['size']):.2f}"
            print(
                f"| {name} | {row['size']:,} | {row['core_seconds']:,.1f} | {growth} | {row['wall_seconds']:,.1f}"
                f" | {row['peak_mib']:,.0f} | {row['note']} |"
            )


def draw_plot(groups: dict[str, list[dict[str, Any]]]) -> str:
    """Return the plot of core-seconds and of peak memory."""
    panels = {"core-seconds, by size": "core_seconds", "peak memory in MiB, by size": "peak_mib"}
    lines = {name: rows for name, rows in groups.items() if len(rows) > 1}
    return draw(
        {
            title: {name: [(row["size"], row[field]) for row in rows] for name, rows in lines.items()}
            for title, field in panels.items()
        }
    )


def main() -> None:
    """Measure, and print what the file of rows then holds."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--parts", default=",".join(PARTS), help="empty: nothing is measured, only drawn")
    parser.add_argument("--largest", type=int, default=10_000)
    parser.add_argument("--rows", type=Path, default=Path(".state/growth.jsonl"))
    parser.add_argument("--plot", type=Path)
    options = parser.parse_args()
    options.rows.parent.mkdir(parents=True, exist_ok=True)
    for part in filter(None, options.parts.split(",")):
        for row in measure_part(part, options.largest):
            with options.rows.open("a") as stream:
                stream.write(json.dumps(row) + "\n")
    groups = group_rows(options.rows)
    print_table(groups)
    if options.plot:
        options.plot.write_text(draw_plot(groups))


if __name__ == "__main__":
    main()
