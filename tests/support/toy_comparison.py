"""Make a project with two models of one dataset that were never trained, and reports with chosen scores."""

import contextlib
from pathlib import Path

import torch

from artpipe.artifacts import paths
from artpipe.artifacts.cards import save_card
from artpipe.artifacts.checkpoint import CheckpointCard
from artpipe.artifacts.report import Finding, ReportCard, Score, save_report
from artpipe.artifacts.run import RunCard, save_run
from artpipe.artifacts.shards import Spec
from artpipe.artifacts.tensors import save_tensors
from artpipe.config.params import validate_as
from artpipe.models.vae import MODEL
from artpipe.system.hashing import sha256_file

PARAMS = """\
format: 2
seed: 1
datasets: {}
models:
  small: {kind: vae, dataset: shapes, pretrained: data/shards/shapes, feature_extractor: small, latent_dim: 2, hidden: 8}
  large: {kind: vae, dataset: shapes, pretrained: data/shards/shapes, feature_extractor: small, latent_dim: 3, hidden: 8}
  other: {kind: gan, dataset: shapes, pretrained: data/shards/shapes, feature_extractor: small}
evaluation: {metrics: []}
gallery: {title: Beside, sections: []}
"""


def make(folder: Path) -> Path:
    """Write `folder`; the second model's KID is better by more than the spread, its FID of another number of samples."""
    folder.mkdir()
    (folder / "params.yaml").write_text(PARAMS)
    with contextlib.chdir(folder):
        for name, latent, kid, count in (("small", 2, 0.3, 9), ("large", 3, 0.2, 10)):
            _write(name, latent, kid, count)
    return folder


def _write(name: str, latent: int, kid: float, count: int) -> None:
    spec = Spec(dataset="shapes", channels=1, height=8, width=8, classes=(), count=9)
    entry = {"kind": "vae", "dataset": "shapes", "pretrained": "data/shards/shapes", "feature_extractor": "small"}
    params = validate_as(MODEL.params, {**entry, "latent_dim": latent, "hidden": 8}, file="params.yaml")
    torch.manual_seed(latent)
    learner = MODEL.build(params, spec, None)
    folder = paths.checkpoint(name)
    files = {
        choice: save_tensors(folder / f"{choice}.safetensors", learner.state_dict()) for choice in ("final", "best")
    }
    card = CheckpointCard(
        name=name, kind="vae", params=params.model_dump(mode="json"), seed=1, shards="d" * 64, pretrained=None, spec=spec,
        steps={"final": 1, "best": 1}, selection=None, history=(), files=files,
    )  # fmt: skip
    save_card(folder / "checkpoint.json", card)
    told = {"extractor": "r" * 64, "better": "lower", "code": ""}
    scores = (Score(name="kid", value=kid, n=100, spread=0.01, **told), Score(name="fid", value=3.0, n=count, **told))
    finding = Finding(verdict="healthy", score="kid", value=kid, bound=0.5, sentence="So it is.")
    report = ReportCard(
        model=name, kind="vae", dataset="shapes", checkpoint=sha256_file(folder / "checkpoint.json"), shards="d" * 64,
        feature_extractor="r", verdict=finding, findings=(), scores=scores, exhibits=(),
    )  # fmt: skip
    save_report(paths.report(name), report)
    machine = {"host": "h", "platform": "p", "versions": {}, "threads": 1, "device": "cpu", "precision": "fp32"}
    run = RunCard(
        run_id=name.encode().hex().zfill(32), model=name, stage=f"train@{name}", started=0.0, ended=9.0, sessions=1, steps=1,
        commit=None, dirty=False, flow_run=None, checkpoint=report.checkpoint, core_seconds=latent * 300.0,
        busy_seconds=900.0, peak_memory=2**30, **machine,
    )  # fmt: skip
    save_run(paths.run(name), run)
