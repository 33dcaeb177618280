"""A new model kind is one file and one entry: it trains, survives a kill, is evaluated and hung like the others."""

import hashlib
import json
import os
import re
import shutil
import signal
import subprocess
import time
from pathlib import Path

import pytest
import torch

from artpipe.artifacts.report import load_report
from artpipe.artifacts.shards import ShardWriter, Spec
from artpipe.config.params import read_yaml

ROOT = Path(__file__).parents[3]
pytestmark = pytest.mark.xdist_group("new kind")

BABBLER = '''
"""Babbler: the next character from the one before; two networks, two optimisers."""

import torch
from torch import nn
from torch.nn import functional as F

from artpipe.contracts.model import Exhibit, Learner, Model
from artpipe.config.params import TrainParams


class Params(TrainParams):
    """What a babbler can be told."""

    width: int = 8
    length: int = 12


class Babbler(Learner[Params]):
    """An embedding and a head."""

    def __init__(self, params, spec, pretrained=None):
        super().__init__(params, spec)
        self.embedding = nn.Embedding(len(spec.vocabulary), params.width)
        self.head = nn.Linear(params.width, len(spec.vocabulary))
        self.optimisers = {
            "embedding": torch.optim.SGD(self.embedding.parameters(), lr=0.5, momentum=0.9),
            "head": torch.optim.Adam(self.head.parameters(), lr=0.01),
        }

    def step(self, batch):
        tokens = batch["tokens"].long()
        logits = self.head(F.dropout(self.embedding(tokens[:, :-1]), 0.1))
        loss = F.cross_entropy(logits.flatten(0, 1), tokens[:, 1:].flatten())
        for optimiser in self.optimisers.values():
            optimiser.zero_grad()
        loss.backward()
        for optimiser in self.optimisers.values():
            optimiser.step()
        return {"nll": loss.detach()}

    def exhibit(self, prompt):
        return [Exhibit("text", self._line(seed), "a line", seed=seed) for seed in prompt.seeds]

    def _line(self, seed):
        generator, tokens = torch.Generator().manual_seed(seed), [0]
        while len(tokens) < self.params.length:
            chances = self.head(self.embedding(torch.tensor(tokens[-1]))).softmax(0)
            tokens.append(int(torch.multinomial(chances, 1, generator=generator)))
        return "".join(self.spec.vocabulary[token] for token in tokens)


MODEL = Model(reads=frozenset({"tokens"}), params=Params, build=Babbler)
'''


@pytest.fixture
def workshop(studio, monkeypatch):
    """Return the small project with a copy of artpipe's own code, so that a file can be added to it."""
    shutil.copytree(ROOT / "artpipe", studio / "artpipe", ignore=shutil.ignore_patterns("__pycache__"))
    monkeypatch.setenv("PYTHONPATH", str(studio))
    monkeypatch.setenv("ARTPIPE_TRACKING", "off")
    return studio


def run(*command: str) -> str:
    """Run a command to its good end and return what it said."""
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, f"{' '.join(command)}\n{done.stdout[-2000:]}\n{done.stderr[-2000:]}"
    return done.stdout


def add_examples() -> None:
    """Write the examples of CONTRIBUTING.md to where they say they stand."""
    text = (ROOT / "CONTRIBUTING.md").read_text()
    for place, code in re.findall(r"```python\n# (artpipe/\w+/\w+\.py)\n(.*?)```", text, flags=re.DOTALL):
        Path(place).write_text(code)
    params = Path("params.yaml")
    edited = params.read_text().replace("[kid]", "[training, kid, brightness]")
    params.write_text(edited.replace("sections: []", "sections: [wall, rooms, card, verdict, exhibits, patience]"))
    run("artpipe", "upgrade")


def add_alone(model: str, kind: str, *told: str) -> None:
    """Add a model that is its own feature extractor and saves often, and take the classifier away."""
    told = ("save_every_seconds=0.1", *told)
    run(
        "artpipe",
        "model",
        "add",
        model,
        "--kind",
        kind,
        "--dataset",
        "shapes",
        *(p for one in told for p in ("-P", one)),
    )
    params = Path("params.yaml")
    params.write_text(params.read_text().replace("feature_extractor: shapes-classifier", f"feature_extractor: {model}"))
    run("artpipe", "model", "remove", "shapes-classifier")


def state_hashes(model: str) -> dict[str, str]:
    """Return the hash of every file of a checkpoint."""
    files = sorted(Path("data/checkpoints", model).iterdir())
    return {path.name: hashlib.sha256(path.read_bytes()).hexdigest() for path in files}


def kill_when_saved(command: list[str], model: str) -> None:
    """Start a training and kill it, with all it started, once it has saved its state."""
    states = Path(".state/train") / model
    child = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, start_new_session=True)
    deadline = time.monotonic() + 90
    while not list(states.glob("*/LATEST")):
        assert child.poll() is None, "it ended before it saved"
        assert time.monotonic() < deadline, "it never saved"
        time.sleep(0.01)
    os.killpg(child.pid, signal.SIGKILL)
    child.wait()
    assert not Path("data/checkpoints", model, "checkpoint.json").exists()


def assert_killed_is_undisturbed(model: str) -> None:
    """Train a trained model anew, killed once, and assert that the checkpoint has the same bytes."""
    undisturbed = state_hashes(model)
    for folder in ("data/checkpoints", "data/runs", ".state/train"):
        shutil.rmtree(Path(folder, model), ignore_errors=True)
    kill_when_saved(["artpipe", "train", model], model)
    run("artpipe", "train", model)
    assert state_hashes(model) == undisturbed


@pytest.mark.nightly  # that it is found, planned, made and hung stays below
def test_a_kind_from_contributing_goes_all_the_way(workshop):
    """The example is trained, killed, resumed bit by bit, measured by the example metric and hung in the gallery."""
    add_examples()
    add_alone("patches", "patchwork", "steps=1500", "evaluate_every_steps=500", "batch_size=8")
    run("dvc", "repro", "--quiet", "train@patches")
    assert_killed_is_undisturbed("patches")

    run("dvc", "repro", "--quiet")
    report, _ = load_report(Path("data/reports/patches"))
    assert {"brightness_rgb", "kid"} <= {score.name for score in report.scores}
    assert len(report.exhibits) >= 4
    page = next(path for path in Path("data/gallery/models").rglob("index.html") if "patches" in str(path)).read_text()
    assert "It practised on 12,000 pictures." in page  # the example section: 1,500 steps of 8
    assert "What all its pictures are sums of." in page  # the example's wall text
    assert run("dvc", "status").strip().endswith("up to date.")


@pytest.mark.nightly  # the example is built and found in tests/contract/test_docs.py
def test_what_a_kind_says_of_itself_is_planned_written_and_hung(studio, monkeypatch):
    """Estimate, first parameters, title and wall text come from the one file of a plugin in a project; so does what makes them stale."""
    monkeypatch.setenv("ARTPIPE_TRACKING", "off")
    text = (ROOT / "CONTRIBUTING.md").read_text()
    (code,) = re.findall(r"```python\n# artpipe/models/patchwork.py\n(.*?)```", text, flags=re.DOTALL)
    plugin = Path("plugins/models/quilt.py")
    plugin.parent.mkdir(parents=True)
    plugin.write_text(
        code.replace('title="Patchwork"', 'title="Quilt of patches"').replace('"steps": 500', '"steps": 40')
    )
    params = Path("params.yaml")
    params.write_text(params.read_text().replace("sections: []", "sections: [wall, rooms, card, exhibits]"))
    run("artpipe", "upgrade")
    run("artpipe", "model", "add", "quilt", "--kind", "quilt", "--dataset", "shapes", "-P", "feature_extractor=quilt")
    run("artpipe", "model", "remove", "shapes-classifier")
    entry = read_yaml(params)["models"]["quilt"]
    assert (entry["steps"], entry["batch_size"]) == (40, 32)
    costs = {planned["stage"]: planned["cost"] for planned in json.loads(run("artpipe", "plan", "--json"))["stages"]}
    assert costs["train@quilt"]["core_seconds"] == pytest.approx(40 * 32 * 16 * 16 * 60e-9)

    run("dvc", "repro", "--quiet")
    page = Path("data/gallery/models/quilt/index.html").read_text()
    assert "Quilt of patches, trained on" in page
    assert "<h2>Patches</h2>" in page
    assert "What all its pictures are sums of." in page

    plugin.write_text(plugin.read_text().replace("Quilt of patches", "Counterpane"))
    assert re.findall(r"^  (\S+)  ", run("artpipe", "upgrade"), flags=re.MULTILINE) == ["gallery"]
    run("dvc", "repro", "--quiet")
    assert "Counterpane, trained on" in Path("data/gallery/models/quilt/index.html").read_text()


@pytest.mark.nightly  # the kind of CONTRIBUTING goes the same way; text of a room is in test_text.py
def test_a_kind_of_text_with_two_optimisers_goes_all_the_way(workshop):
    """Tokens instead of pictures, two optimisers, lines of text on the wall: no other file changes."""
    Path("artpipe/models/babbler.py").write_text(BABBLER)
    run("artpipe", "upgrade")
    params = Path("params.yaml")
    params.write_text(params.read_text().replace("[kid]", "[training, kid]").replace("[]}", "[wall, rooms, exhibits]}"))
    run("artpipe", "ingest", "shapes")
    run("artpipe", "model", "remove", "shapes-classifier")
    params.write_text(
        params.read_text()
        .replace("medium: picture", "medium: text")
        .replace("preprocess: {size: 28", "preprocess: {length: 12")
    )
    told = ("save_every_seconds=0.1", "steps=3000", "evaluate_every_steps=1500", "feature_extractor=lines")
    run(
        "artpipe",
        "model",
        "add",
        "lines",
        "--kind",
        "babbler",
        "--dataset",
        "shapes",
        *(p for one in told for p in ("-P", one)),
    )
    write_tokens(Path("data/shards/shapes"))

    run("artpipe", "train", "lines")
    assert_killed_is_undisturbed("lines")

    run("artpipe", "evaluate", "lines")
    run("artpipe", "gallery")
    report = json.loads(Path("data/reports/lines/report.json").read_text())
    texts = [Path("data/reports/lines", one["file"]).read_text() for one in report["exhibits"] if one["kind"] == "text"]
    assert len(texts) >= 4
    assert all(set("abc") >= set(text.strip()) for text in texts)
    pages = [path.read_text() for path in Path("data/gallery").rglob("*.html")]
    assert any(texts[0].strip() in page for page in pages)


def write_tokens(folder: Path) -> None:
    """Write a ShardSet of 60 lines over three characters, a after c after b after a."""
    writer = ShardWriter(folder)
    for split, count in (("train", 40), ("validation", 10), ("test", 10)):
        tokens = (torch.arange(12) + torch.arange(count)[:, None]) % 3
        digests = torch.randint(0, 256, (count, 32), dtype=torch.uint8, generator=torch.Generator().manual_seed(count))
        writer.add(split, {"tokens": tokens.to(torch.uint8), "digests": digests})
    columns = ("tokens", "digests")
    shape = {"channels": 0, "height": 0, "width": 0}
    spec = Spec(dataset="shapes", **shape, classes=(), count=40, columns=columns, vocabulary=tuple("abc"))
    writer.close(spec, works="0" * 64, params={}, mean=[], std=[])
