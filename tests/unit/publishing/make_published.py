"""Makes a small project whose dataset was really ingested and preprocessed, with odd licences, and a made-up model of it."""

import contextlib
import json
from pathlib import Path

from artpipe.artifacts import paths
from artpipe.artifacts.cards import save_card
from artpipe.artifacts.checkpoint import CheckpointCard
from artpipe.artifacts.report import load_report, save_report
from artpipe.artifacts.run import RunRecord, save_run
from artpipe.artifacts.shards import ShardSet
from artpipe.ingest import ingest_dataset
from artpipe.preprocess import preprocess_dataset
from tests.conftest import draw_shapes, load_module

make = load_module(Path(__file__).parents[2] / "browser" / "make_museum.py")
HOSTILE = make.HOSTILE
TITLE = "--- # no: 'a' \"b\" [c](javascript:x) {d} | e"
LICENCES = ("CC BY-SA 4.0", "https://creativecommons.org/licenses/by/2.0/", "yes", "", HOSTILE)
PARAMS = f"""\
format: 2
seed: 1
datasets:
  shapes:
    medium: picture
    source: folder
    path: datasets/shapes
    about: {{title: {json.dumps(TITLE)}, creator: {json.dumps(HOSTILE)}, licence: unknown, origin: "https://example.org/a?b=c"}}
    ingest: {{}}
    preprocess: {{size: 16, validation: 0.2, test: 0.2}}
models:
  gan: {{kind: gan, dataset: shapes, pretrained: data/shards/shapes, feature_extractor: gan}}
evaluation: {{metrics: []}}
gallery: {{sections: []}}
"""


def make_published(root: Path) -> Path:
    """Make the project in `root`."""
    pictures = draw_shapes(root / "datasets/shapes", count=26)
    files = sorted(pictures.rglob("*.png"))
    files[-1].write_bytes(files[0].read_bytes())
    files[-2].write_bytes(b"no picture")
    rows = [
        {"file_name": str(path.relative_to(pictures)), "title": f"Study {number}", "licence": LICENCES[number % 5], "caption": "a shape"}
        for number, path in enumerate(files)
    ]  # fmt: skip
    (pictures / "metadata.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    (root / "params.yaml").write_text(PARAMS)
    with contextlib.chdir(root):
        ingest_dataset("shapes")
        preprocess_dataset("shapes")
    _write_model(root)
    return root


def _write_model(root: Path) -> None:
    shards = ShardSet.open(root / paths.shards("shapes"))
    pictures = [make.png(16, 3, seed) for seed in range(3)]
    make.write_model(root, "gan", "gan", "shapes", pictures, pictures, verdict="collapsed")
    params = {"kind": "gan", "dataset": "shapes", "steps": 4000, "learning_rate": 1e-4, "note": HOSTILE}
    card = CheckpointCard(
        name="gan", kind="gan", params=params, seed=1, shards=shards.sha256, pretrained=None, code="c0de", spec=shards.spec,
        steps={"final": 4000, "best": 3500}, selection="kid", history=(), files={"final": "f1" * 32, "best": "be" * 32},
    )  # fmt: skip
    folder = root / paths.checkpoint("gan")
    folder.mkdir(parents=True)
    checkpoint = save_card(folder / "checkpoint.json", card)
    report, run = load_report(root / paths.report("gan"))[0], RunRecord.open(root / paths.run("gan")).card
    save_report(
        root / paths.report("gan"), report.model_copy(update={"checkpoint": checkpoint, "shards": shards.sha256})
    )
    save_run(root / paths.run("gan"), run.model_copy(update={"checkpoint": checkpoint, "params": params}))
