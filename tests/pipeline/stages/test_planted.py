"""Two real trainings that went wrong, a collapsed one and one that memorised, are named so in their reports and on the wall."""

import html
import json
import shutil

import pytest
from ruamel.yaml import YAML

from artpipe.artifacts.report import Finding
from artpipe.artifacts.shards import ShardSet, ShardWriter
from artpipe.language.sentences import make_sentence
from tests.pipeline.conftest import ROOT, Project

pytestmark = [pytest.mark.nightly, pytest.mark.xdist_group("planted"), pytest.mark.timeout(3000)]
FEW = 40  # works that the VAE learns by heart
PLANTED = {
    # Rates 25 times those of the paper and two dimensions of noise: a few shapes that fool this step's judge, over and over.
    "collapsed": {
        "kind": "gan", "dataset": "digits", "architecture": "dcgan", "latent_dim": 2, "learning_rate": 0.005, "steps": 600,
        "generator_width": 64, "discriminator_width": 64, "ema_halflife_pictures": 0,
    },
    # 6,400 passes over few works, the last weights and not the best ones: each work gets its share of the codes.
    "memorised": {"kind": "vae", "dataset": "few", "latent_dim": 3, "batch_size": 64, "steps": 4000, "evaluate_every_steps": 4000},
}  # fmt: skip


@pytest.fixture(scope="module")
def project(tmp_path_factory):
    """A project with the default digits, their default classifier as feature extractor and the first few digits as a dataset of their own."""
    folder = tmp_path_factory.mktemp("planted") / "project"
    folder.mkdir()
    whole = YAML(typ="safe", pure=True).load((ROOT / "params.yaml").read_text())
    pretrained = {name: f"data/shards/{entry['dataset']}" for name, entry in PLANTED.items()}
    entries = {
        name: {**entry, "pretrained": pretrained[name], "feature_extractor": "digits-classifier"}
        for name, entry in PLANTED.items()
    }
    params = {
        **whole,
        "datasets": dict.fromkeys(("digits", "few"), whole["datasets"]["digits"]),
        "models": {"digits-classifier": whole["models"]["digits-classifier"], **entries},
        "gallery": {**whole["gallery"], "titles": {}},
    }
    (folder / "params.yaml").write_text(json.dumps(params))  # JSON is YAML
    shutil.copytree(ROOT / "datasets", folder / "datasets")
    for name in ("dvc.yaml", "code.yaml"):
        shutil.copy(ROOT / name, folder)
    project = Project(folder)
    made_before = [ROOT / "data" / room for room in ("record/digits", "shards/digits", "checkpoints/digits-classifier")]
    if all(path.exists() for path in made_before):
        for path in made_before:
            shutil.copytree(path, folder / path.relative_to(ROOT))
    else:
        for stage in (("ingest", "digits"), ("preprocess", "digits"), ("train", "digits-classifier")):
            project.run("artpipe", *stage)
    shutil.copytree(folder / "data/record/digits", folder / "data/record/few")
    keep_few(project)
    return project


def keep_few(project: Project) -> None:
    """Write the shards of the dataset `few`: the first digits to learn from, all held-out ones to be judged by."""
    digits = ShardSet.open(project.folder / "data/shards/digits")
    card, writer = digits.card, ShardWriter(project.folder / "data/shards/few")
    for split in card.counts:
        columns = digits.load(split)
        writer.add(
            split, {name: column[:FEW].clone() for name, column in columns.items()} if split == "train" else columns
        )
    spec = card.spec.model_copy(update={"dataset": "few", "count": FEW})
    writer.close(spec, works=card.works, params=card.params, mean=card.mean, std=card.std)


@pytest.mark.parametrize("name", PLANTED)
def test_planted_training_gets_its_verdict(project, name):
    """Trained, evaluated and hung by the pipeline's own stages, its report and its page in the gallery say what it is."""
    for stage in ("train", "evaluate"):
        project.run("artpipe", stage, name)
    report = json.loads((project.folder / f"data/reports/{name}/report.json").read_text())
    assert report["verdict"]["fault"] == name
    project.run("artpipe", "gallery")
    page = html.unescape((project.folder / f"data/gallery/models/{name}/index.html").read_text())
    assert make_sentence(Finding.model_validate(report["verdict"])) in page
    assert f'<div class="conclusion is-{report["verdict"]["grade"].replace(" ", "-")}">' in page
