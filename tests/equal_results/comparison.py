"""Run the stages of a small project with the code of two revisions and compare what they write, byte for byte."""

import json
import os
import shutil
import subprocess
import sys
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from ruamel.yaml import YAML

from artpipe.code.code_yaml import record_code, stages_with_code
from artpipe.code.equal_results import TABLE, newest_code
from artpipe.code.stage_fingerprints import installed_fingerprints
from artpipe.config.parameter_names import model_names
from artpipe.config.params import load_params
from artpipe.project.format_upgrade import find_format_upgrade
from tests.faults.small_project import ROOT, ProjectFolder

OUTPUTS = {
    "ingest": ("works/{}", "record/{}"),
    "preprocess": ("shards/{}",),
    "weights": ("weights/{}",),
    "train": ("checkpoints/{}",),
    "evaluate": ("reports/{}", "metrics/{}.json", "plots/{}"),
    "gallery": ("gallery",),
}
VOLATILE = {"train": ("runs/{}",)}  # times, hosts, ids: never equal
CARDS = {"checkpoint.json", "report.json"}  # name parameters, and the code that made them
# What a card of `format: 1` calls otherwise, beside the parameters of the kind.
CARD_NAMES = {"ruler": "feature_extractor", "uses": "pretrained"}
HEADER = """\
# Earlier code whose results are those of today's code, byte for byte: `artpipe upgrade` accepts them as they are.
# Written by `python tests/equal_results REVISION --write`, which runs every stage of a small project with both.
# `code`: by verb of the stage and place of code.yaml, the fingerprint of earlier code and of the next one with equal results.
# `files`: revisions older than code.yaml, by the files that dvc.lock names, and the code of the next one with equal results.
"""


@dataclass(frozen=True)
class Comparison:
    """What two revisions made of the same inputs."""

    revision: str
    code: Mapping[str, str]  # fingerprints of the earlier one; empty: it is older than code.yaml
    today: Mapping[str, str]
    differences: Mapping[str, list[str]]  # files that differ, by stage
    places: Mapping[str, tuple[str, ...]]  # dotted keys of code.yaml, by stage
    package_files: Mapping[str, Mapping[str, str]] = field(
        default_factory=dict
    )  # MD5 by file, by stage; before code.yaml

    def find_equal_places(self) -> dict[str, list[str]]:
        """Return by verb the leaves of code.yaml all of whose stages of that verb made equal results."""
        equal: dict[str, set[str]] = {}
        different: dict[str, set[str]] = {}
        for stage, places in self.places.items():
            (different if self.differences[stage] else equal).setdefault(stage.partition("@")[0], set()).update(places)
        return {verb: sorted(places - different.get(verb, set())) for verb, places in equal.items()}


def compare_revision(revision: str, folder: Path) -> Comparison:
    """Run the small project with the code of `revision`, then each stage of it with today's on the same inputs."""
    tree = folder / "tree"
    tree.mkdir(parents=True)
    archive = subprocess.run(["git", "archive", revision], cwd=ROOT, capture_output=True, check=True).stdout
    subprocess.run(["tar", "x", "-C", tree], input=archive, check=True)
    environment = {**os.environ, "PYTHONPATH": str(tree), "OMP_NUM_THREADS": "1"}
    command = [sys.executable, str(Path(__file__).with_name("run_stages.py")), str(tree), str(folder / "before")]
    earlier = subprocess.run(command, cwd=tree, env=environment, stdout=subprocess.PIPE, text=True, check=True).stdout
    before, now = folder / "before/project", ProjectFolder(folder / "now")
    shutil.copytree(before, now.project, symlinks=True, ignore=shutil.ignore_patterns("artpipe", ".state"))
    shutil.copy(ROOT / "dvc.yaml", now.project)
    here = Path.cwd()
    os.chdir(now.project)
    try:
        find_format_upgrade().write(now.project)
        record_code()
        places = dict(stages_with_code(load_params(Path("params.yaml"))))
        return Comparison(
            revision,
            json.loads(earlier),
            installed_fingerprints(),
            {stage: list(_differences(stage, before, now)) for stage in places},
            places,
            {} if json.loads(earlier) else dict(_package_files(before)),
        )
    finally:
        os.chdir(here)


def record_equal_code(comparison: Comparison, table: Path = TABLE) -> None:
    """Add the code whose results are equal to the table; what no longer leads to today's code is left out."""
    yaml = YAML()
    content: dict[str, Any] = yaml.load(table)
    equal, code = comparison.find_equal_places(), content["code"]
    today = {verb: {place: _fingerprint(place, comparison.today) for place in equal[verb]} for verb in equal}
    if comparison.code:
        for verb, places in equal.items():
            for place in places:
                earlier = _fingerprint(place, comparison.code)
                if earlier and earlier != today[verb][place]:
                    code.setdefault(verb, {}).setdefault(place, {})[earlier] = today[verb][place]
    else:
        stages = [
            {"stage": stage.partition("@")[0], "keys": _keys(comparison.places[stage]), "files": dict(files)}
            for stage, files in comparison.package_files.items()
            if not comparison.differences[stage]
        ]
        distinct = [row for number, row in enumerate(stages) if row not in stages[:number]]
        others = [entry for entry in content["files"] if entry["revision"] != comparison.revision]
        content["files"] = [*others, {"revision": comparison.revision, "code": today, "stages": distinct}]
    _remove_dead(content, comparison.today)
    with table.open("w") as stream:
        stream.write(HEADER)
        yaml.dump(json.loads(json.dumps(content)), stream)


def _remove_dead(content: dict[str, Any], today: Mapping[str, str]) -> None:
    """Take out what does not lead to today's code: nobody could be helped by it."""

    def leads(verb: str, place: str, fingerprint: str) -> bool:
        return newest_code(place, fingerprint, content["code"].get(verb, {})) == _fingerprint(place, today)

    for revision in content["files"]:
        for verb, codes in revision["code"].items():
            revision["code"][verb] = {place: code for place, code in codes.items() if leads(verb, place, code)}
    content["code"] = {
        verb: {
            place: {old: new for old, new in codes.items() if leads(verb, place, old)}
            for place, codes in places.items()
        }
        for verb, places in content["code"].items()
    }


def _keys(places: tuple[str, ...]) -> list[str]:
    """Return the keys that dvc.yaml names of these leaves: a stage with plugins is one key."""
    keys = [
        f"code.{place.partition('.')[0] if place.startswith(('evaluate.', 'gallery.')) else place}" for place in places
    ]
    return list(dict.fromkeys(keys))


def _fingerprint(place: str, code: Mapping[str, str]) -> str:
    """Return the fingerprint of a leaf of code.yaml: `evaluate.metrics.kid` is that of `metrics.kid`."""
    return code.get(place.removesuffix(".stage")) or code.get(place.partition(".")[2], "")


def _differences(stage: str, before: Path, now: ProjectFolder) -> Iterator[str]:
    """Run a stage of the project in the current folder and yield the files that differ; then its former outputs are back."""
    verb, _, name = stage.partition("@")
    outputs = [f"data/{output}".format(name) for output in OUTPUTS[verb]]
    replaced = [*outputs, *(f"data/{output}".format(name) for output in VOLATILE.get(verb, ()))]
    for output in replaced:
        _remove(Path(output))
    shutil.rmtree(".state", ignore_errors=True)
    ran = now.run(verb, *[name] * bool(name))
    if ran.code:
        yield f"exit code {ran.code}: {ran.said.strip()}"
    else:
        for output in outputs:
            earlier, later = _contents(before / output), _contents(Path(output))
            names = sorted(earlier.keys() | later.keys())
            yield from (f"{output}/{file}" for file in names if earlier.get(file) != later.get(file))
    for output in replaced:
        _remove(Path(output))
        (shutil.copytree if (before / output).is_dir() else shutil.copy)(before / output, output)


def _contents(output: Path) -> dict[str, Any]:
    """Return the files of an output by name: bytes; of a card what it says, under today's names and but for its code."""
    if output.is_file():
        return {"": output.read_bytes()}
    files = {path.relative_to(output).as_posix(): path for path in sorted(output.rglob("*")) if path.is_file()}
    return {
        name: _card(path) if name in CARDS else path.read_bytes()
        for name, path in files.items()
        if name.removesuffix(".sha256") not in CARDS or name in CARDS
    }


def _card(path: Path) -> dict[str, Any]:
    card = {CARD_NAMES.get(key, key): value for key, value in json.loads(path.read_text()).items()}
    if isinstance(params := card.get("params"), dict):
        names = model_names(params.get("kind"))
        card["params"] = {names.get(key, key): value for key, value in params.items()}
    return {key: value for key, value in card.items() if key not in {"code", "format"}}


def _package_files(project: Path) -> Iterator[tuple[str, dict[str, str]]]:
    """Yield each stage of a project older than code.yaml with the MD5 of the package's files that it reads."""
    from dvc.repo import Repo

    with Repo(str(project)) as repo:
        for stage in repo.index.stages:
            deps = [dep for dep in stage.deps if dep.def_path.startswith("artpipe/")]
            if deps:
                yield (
                    stage.addressing.partition(":")[2] or stage.addressing,
                    {dep.def_path: dep.get_hash().value for dep in deps},
                )


def _remove(path: Path) -> None:
    if path.is_dir():
        shutil.rmtree(path)
    else:
        path.unlink(missing_ok=True)
