"""The cost of a gallery of the same pictures, here and in sigal.

    python benchmarks/gallery.py --works 1000 --side 512

Each tool takes the same pictures: artpipe as the works of models with their reports, sigal as a folder for each model. Both
build once from nothing and once more with nothing changed. Core-seconds count all children. artpipe's gallery has more to
make of a picture than sigal's: a page, its record as JSON, labels of the law and, with `--credentials`, a signed original.
sigal is no dependency: it is installed into a folder of its own (`--sigal FOLDER` keeps it) by uv or pip, from the package
index; `--sigal-version` is what is asked for.
"""

import argparse
import shutil
import subprocess
import sys
import tempfile
import venv
from collections.abc import Iterator
from pathlib import Path

from _growth_command import Measured, artpipe, measure
from _growth_projects import WORKS_PER_MODEL, make_gallery

WITHOUT_MLFLOW = {"ARTPIPE_SYNC": "later"}  # else the last stage brings MLflow up to date


def install_sigal(folder: Path, version: str) -> Path:
    """Return sigal's command, installed into a folder where it is not there yet."""
    command = folder / "bin/sigal"
    if not command.is_file():
        venv.create(folder, with_pip=not shutil.which("uv"))
        python, packages = str(folder / "bin/python"), [f"sigal{version}"]
        install = (
            ["uv", "pip", "install", "--python", python] if shutil.which("uv") else [python, "-m", "pip", "install"]
        )
        subprocess.run([*install, "--quiet", *packages], check=True)
    return command


def make_albums(project: Path, folder: Path) -> Path:
    """Copy the works of each model into a folder, as sigal wants its albums."""
    for report in sorted((project / "data/reports").iterdir()):
        shutil.copytree(report / "exhibits", folder / "pictures" / report.name)
    (folder / "sigal.conf.py").write_text("source = 'pictures'\nuse_orig = False\n")
    return folder


def measure_artpipe(project: Path) -> Iterator[tuple[str, Measured]]:
    """Yield what a cold build and an unchanged one take."""
    yield "artpipe, cold", measure(artpipe("gallery"), project, WITHOUT_MLFLOW)
    yield "artpipe, nothing changed", measure(artpipe("gallery"), project, WITHOUT_MLFLOW)


def measure_sigal(sigal: Path, folder: Path) -> Iterator[tuple[str, Measured]]:
    """Yield the same of sigal, in one process."""
    command = [str(sigal), "build", "--ncpu", "1", "--quiet"]
    yield "sigal, cold", measure(command, folder)
    yield "sigal, nothing changed", measure(command, folder)


def set_credentials(project: Path, *, are_wanted: bool) -> None:
    """Sign what is offered, or leave it unsigned."""
    params = project / "params.yaml"
    text = params.read_text()
    params.write_text(text.replace("theme: museum", f"theme: museum, credentials: {str(are_wanted).lower()}"))


def describe_output(folder: Path) -> str:
    """Return files and size of what was built."""
    files = [path for path in folder.rglob("*") if path.is_file()]
    return f"{len(files):,} files, {sum(path.stat().st_size for path in files) / 2**20:,.0f} MiB"


def main() -> None:
    """Measure, and print the table."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--works", type=int, default=1000)
    parser.add_argument("--side", type=int, default=512, help="pixels of a picture")
    parser.add_argument("--credentials", action="store_true", help="sign the originals, too")
    parser.add_argument("--sigal", type=Path, help="where sigal is, or is installed; default: a temporary folder")
    parser.add_argument("--sigal-version", default="==2.6.1")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as place:
        root = Path(place)
        sigal = install_sigal(options.sigal or root / "sigal-environment", options.sigal_version)
        project = make_gallery(root / "artpipe/project", options.works, options.side)
        set_credentials(project, are_wanted=options.credentials)
        albums = make_albums(project, root / "sigal/project")
        print(f"{options.works} pictures of {options.side} pixels, {WORKS_PER_MODEL} a model\n", file=sys.stderr)
        print("| what | core-seconds | wall, s | peak, MiB |\n|---|---|---|---|", flush=True)
        for rows in (measure_sigal(sigal, albums), measure_artpipe(project)):
            for name, took in rows:
                row = (f"{took.core_seconds:.1f}", f"{took.wall_seconds:.1f}", f"{took.peak_mib:.0f}")
                print(f"| {name} | {' | '.join(row)} |", flush=True)
        print(f"\nsigal: {describe_output(albums / '_build')}; artpipe: {describe_output(project / 'data/gallery')}")


if __name__ == "__main__":
    main()
