"""A small real project of every kind of model, the real `artpipe` run in it, and what is asked of its files afterwards."""

import hashlib
import json
import os
import re
import shutil
import subprocess
import sys
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import NamedTuple

from artpipe.artifacts.card_files import CHECKSUM_SUFFIX, list_card_files
from artpipe.system.hashing import sha256_bytes, sha256_file
from tests.conftest import draw_shapes

ROOT = Path(__file__).parents[2]
PATIENCE = 600.0  # seconds by the clock for one command on a busy machine
TEMPORARY = re.compile(r"\.tmp\.(\d+)(/|$)")
BEGUN, END = "<!-- faults -->", "<!-- end of faults -->"  # around the table in docs/reliability.md

_TRAINED = "batch_size: 8, save_every_seconds: 0.001, log_every_steps: 2"  # it writes after every step
_SMALL = f"steps: 24, evaluate_every_steps: 8, {_TRAINED}"
PARAMS = f"""\
format: 2
seed: 1
datasets:
  forms:
    medium: picture
    source: folder
    path: datasets/forms
    about: {{}}
    ingest: {{}}
    preprocess: {{size: 32, validation: 0.2, test: 0.2}}
  verse:
    medium: text
    source: folder
    path: datasets/verse
    about: {{}}
    ingest: {{}}
    preprocess: {{length: 48, validation: 0.2, test: 0.2}}
  hymns:
    medium: music
    source: folder
    path: datasets/hymns
    about: {{}}
    ingest: {{}}
    preprocess: {{grid: 1, length: 64, validation: 0.2, test: 0.2}}
weights:
  eye: {{path: weights/eye.safetensors}}
models:
  reader: {{kind: classifier, dataset: forms, pretrained: data/shards/forms, feature_extractor: reader, {_SMALL}, width: 8, max_width: 16, explanations: 4}}
  vae: {{kind: vae, dataset: forms, pretrained: data/shards/forms, feature_extractor: reader, {_SMALL}, latent_dim: 4, width: 8, hidden: 16, plane: 3}}
  gan: {{kind: gan, dataset: forms, pretrained: data/checkpoints/reader, feature_extractor: reader, {_SMALL}, latent_dim: 8, generator_width: 16, discriminator_width: 16, least_width: 8, validation_samples: 16}}
  flow: {{kind: flow, dataset: forms, pretrained: data/shards/forms, feature_extractor: reader, {_SMALL}, width: 8, inner_width: 8, inner_blocks: 1, sampling_steps: 2, walk_steps: 1}}
  larger: {{kind: superres, dataset: forms, pretrained: data/shards/forms, feature_extractor: reader, {_SMALL}, blocks: 1, width: 8, crop: 16, adversarial_from_step: 12, judge_width: 8}}
  repairer: {{kind: inpaint, dataset: forms, pretrained: data/shards/forms, feature_extractor: reader, {_SMALL}, width: 8, levels: 1, crop: 16, brush: 4}}
  painter: {{kind: style, dataset: forms, pretrained: data/weights/eye, feature_extractor: reader, {_SMALL}, paint: {{circle: [square]}}, style_layers: [conv1_1, conv2_1], content_layers: [conv2_1]}}
  hand: {{kind: faststyle, dataset: forms, pretrained: data/weights/eye, feature_extractor: reader, {_SMALL}, styles: [square], crop: 16, width: 4, blocks: 1, style_layers: [conv1_1, conv2_1], content_layers: [conv2_1]}}
  poet: {{kind: rnn, dataset: verse, pretrained: data/shards/verse, feature_extractor: poet, {_SMALL}, width: 16, embedding: 8, max_tokens: 20}}
  cantor: {{kind: rnn, dataset: hymns, pretrained: data/shards/hymns, feature_extractor: cantor, {_SMALL}, width: 16, embedding: 8, max_tokens: 40, transpose: 2, pieces: 1}}
evaluation:
  metrics: [training, accuracy, kid, coverage, class_entropy, memorisation, elbo, sharpness, walk, restoration, stylisation, likelihood, copying, nll_per_step]
  samples: 24
  reference: 24
  sequences: 4
  exhibits: 2
  walk: {{seconds: 1, fps: 4, anchors: 3, side: 32, forms: [mp4]}}
gallery: {{title: faults, credentials: false, sections: [wall, rooms, card, verdict, exhibits, scores, progress, curves, plaque, lineage, dataset_card]}}
"""  # fmt: skip  # no credentials: no signature is twice the same


def make_small_params() -> str:
    """Return the parameters of the pictures and their reader alone."""
    text = PARAMS
    reader = next(line for line in text.splitlines(keepends=True) if line.startswith("  reader:"))
    return text[: text.index("  verse:")] + "models:\n" + reader + text[text.index("evaluation:") :]


class Row(NamedTuple):
    """One row of the table: the same fault at one kind of place, so many times."""

    fault: str  # such as "SIGKILL" or "a bit flipped"
    where: str  # the stage and kind, or the file
    times: int  # faults injected
    aimed: int  # of these, in the middle of a write; 0 where that is no question
    outcome: str  # what came of it, in a few words
    wrong: tuple[str, ...] = ()  # what should not have been; empty: all is as it should be


class CommandResult(NamedTuple):
    """How a command ended; `code` is negative after a signal."""

    code: int
    said: str  # stdout and stderr


class ProjectFolder:
    """A folder with a `project` in it; the environment is this machine's less everything that could lead outside."""

    def __init__(self, folder: Path) -> None:
        self.folder, self.project = folder, folder / "project"
        home = folder / "home"
        home.mkdir(parents=True, exist_ok=True)
        self.environment = {
            **os.environ,
            "HOME": str(home),
            "PYTHONPATH": str(ROOT),
            "PATH": os.pathsep.join([str(Path(sys.executable).parent), os.environ["PATH"]]),
            "PREFECT_HOME": str(home / "prefect"),
            "DVC_GLOBAL_CONFIG_DIR": str(home / "dvc"),
            "DVC_SITE_CACHE_DIR": str(home / "dvc-cache"),
            **dict.fromkeys(("OMP_NUM_THREADS", "DO_NOT_TRACK", "DVC_NO_ANALYTICS", "ARTPIPE_CHECKED"), "1"),
            "MLFLOW_DISABLE_TELEMETRY": "true",
            "PREFECT_SERVER_ANALYTICS_ENABLED": "false",
            "GIT_CONFIG_GLOBAL": os.devnull,
            "GIT_CONFIG_NOSYSTEM": "1",
            "ARTPIPE_TRACKING": "off",
            "COLUMNS": "200",
        }
        for name in ("MLFLOW_TRACKING_URI", "PREFECT_API_URL"):
            self.environment.pop(name, None)

    def run(self, *command: str, **more: str) -> CommandResult:
        """Run `artpipe COMMAND` in the project, in a Python of its own; `more` goes into the environment."""
        return self.execute(sys.executable, "-m", "artpipe", *command, **more)

    def execute(self, *command: str, **more: str) -> CommandResult:
        """Run any command in the project."""
        process = subprocess.run(
            command,
            cwd=self.project,
            env=self.environment | more,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            errors="replace",
            timeout=PATIENCE,
            check=False,
        )
        return CommandResult(process.returncode, process.stdout)

    def copy_to(self, folder: Path) -> "ProjectFolder":
        """Return a copy of it in another folder, results and all."""
        other = ProjectFolder(folder)
        shutil.copytree(self.project, other.project, symlinks=True)
        return other


def make_small_project(folder: Path, params: str = PARAMS) -> ProjectFolder:
    """Make the project: 48 pictures, 40 texts, 24 hymns, weights of VGG16's shapes, DVC and git."""
    from tests.support.vgg_weights import make_random_state

    ground = ProjectFolder(folder)
    project = ground.project
    draw_shapes(project / "datasets/forms", count=48)
    for name, data in {**_make_verses(), **_make_hymns()}.items():
        (project / name).parent.mkdir(parents=True, exist_ok=True)
        (project / name).write_bytes(data)
    if "data/weights/" in params:
        from safetensors.torch import save_file

        (project / "weights").mkdir()
        save_file(make_random_state(), project / "weights/eye.safetensors")
    (project / "params.yaml").write_text(params)
    for name in ("dvc.yaml", "code.yaml", "champions.json", "curation.yaml", ".dvcignore", ".gitignore"):
        shutil.copy(ROOT / name, project / name)
    shutil.copytree(ROOT / ".dvc", project / ".dvc", ignore=shutil.ignore_patterns("cache", "tmp"))
    ground.execute("git", "init", "-q")
    return ground


def _make_verses() -> dict[str, bytes]:
    things, does = ("the moon", "a river", "my heart", "the rain", "one bird"), ("sleeps", "sings", "waits", "burns")
    lines = [f"{thing} {verb}" for thing in things for verb in does]
    return {
        f"datasets/verse/{n:02d}.txt": f"{lines[n % 20]},\n{lines[(n * 7 + n // 20) % 20]}.\n".encode()
        for n in range(40)
    }


def _make_hymns() -> dict[str, bytes]:
    from artpipe.modalities.music.performance import encode_midi
    from artpipe.modalities.music.tokens import FERMATA, Step

    scores = {}
    for n in range(24):
        roots = [(n + beat * (2 + n // 6)) % 11 for beat in range(12)]
        steps = [Step(FERMATA * (beat == 5), [72 + r, 67 + r, 64 + r, 48 + r]) for beat, r in enumerate(roots)]
        scores[f"datasets/hymns/{n:02d}.mid"] = encode_midi(steps, 1)
    return scores


# -- what is asked of the files ------------------------------------------------------------------------------------


def hash_outputs(project: Path, *folders: str) -> dict[str, str]:
    """Return the SHA-256 of every file below `data/ROOM` (all rooms but the run records and the gallery, which shows them)."""
    names = folders or ("works", "record", "shards", "weights", "checkpoints", "reports", "metrics", "plots")
    files = [path for folder in names for path in sorted((project / "data" / folder).rglob("*")) if path.is_file()]
    return {str(path.relative_to(project)): sha256_file(path) for path in files}


def list_differences(actual: Mapping[str, str], wanted: Mapping[str, str]) -> tuple[str, ...]:
    """Name the files that one has and the other has not, or not the same."""
    return tuple(sorted(name for name in actual.keys() | wanted.keys() if actual.get(name) != wanted.get(name)))


def read_journal(project: Path, model: str) -> list[dict[str, object]]:
    """Return a finished training's rows of numbers, less their times; what a session says of itself is no number."""
    path = project / "data/runs" / model / "journal.jsonl"
    rows = [json.loads(line) for line in path.read_text().splitlines()] if path.exists() else []
    return [{key: value for key, value in row.items() if key != "time"} for row in rows if "event" not in row]


def list_temporaries(project: Path) -> list[str]:
    """Return every temporary of `write_file` and `write_folder`, outermost first found."""
    places = (*(project / "data").rglob("*.tmp.*"), *(project / ".state").rglob("*.tmp.*"))
    return sorted(str(path.relative_to(project)) for path in places)


def list_torn_files(project: Path) -> list[str]:
    """Return what is not whole though its name is final: JSON, cards and what they vouch for, states, rows of journals."""
    return sorted({*_torn_artifacts(project / "data"), *_torn_states(project / ".state/train")})


def _torn_artifacts(data: Path) -> Iterator[str]:
    for path in data.rglob("*.json"):
        if TEMPORARY.search(str(path)):
            continue
        try:
            card = json.loads(path.read_bytes())
        except FileNotFoundError:
            continue
        except ValueError:
            yield f"{path}: no JSON"
            continue
        sidecar = path.with_name(path.name + CHECKSUM_SUFFIX)
        if sidecar.exists():
            yield from _torn_card(path, card, sidecar)


def _torn_card(path: Path, card: dict[str, object], sidecar: Path) -> Iterator[str]:
    if sidecar.read_text().split()[:1] != [sha256_file(path)]:
        yield f"{path}: not what its sidecar says"
        return
    for name, sha256 in list_card_files(card).items():
        file = path.parent / name
        if not file.is_file():
            yield f"{file}: missing, and its card stands"
        elif sha256_file(file) != sha256:
            yield f"{file}: not what its card says"


def _torn_states(trainings: Path) -> Iterator[str]:
    for path in trainings.glob("*/*/[0-9]*-*.json"):
        data = path.read_bytes()
        if not path.stem.endswith(sha256_bytes(data)[:16]):
            yield f"{path}: not what its name says"
            continue
        file, sha256 = json.loads(data)["tensors"]
        if not (path.parent / file).is_file() or sha256_file(path.parent / file) != sha256:
            yield f"{path.parent / file}: not what the state says"
    for path in trainings.glob("*/*/LATEST"):
        if not (path.parent / f"{path.read_text().strip()}.json").is_file():
            yield f"{path}: names no state"
    for path in trainings.glob("*/*/run-live.json"):
        try:
            json.loads(path.read_bytes())
        except ValueError:
            yield f"{path}: no JSON"


def hash_values(values: Mapping[str, str]) -> str:
    """Return one hash of many, short enough for a table."""
    return hashlib.sha256(json.dumps(dict(sorted(values.items()))).encode()).hexdigest()[:12]
