"""Makes a believable project as the stages before the gallery leave it; pictures are synthetic unless given."""

import io
import json
import math
import random
from collections.abc import Sequence
from pathlib import Path

from artpipe.artifacts import paths
from artpipe.artifacts.report import Finding, Neighbour, ReportCard, SavedExhibit, Score, save_report, work_file
from artpipe.artifacts.run import Journal, RunCard, save_run
from artpipe.artifacts.works import Provenance, Quarantined, RecordWriter, WorksCard
from artpipe.config.params import About
from artpipe.language.message import Message
from artpipe.system.hashing import sha256_bytes

TORN = Message(code="tracks_there", values={"announced": 2, "there": 1})
HOSTILE = "<script>alert(1)</script> \"quoted\" 'single' & \u202egnp.exe\nnew line"
PARAMS = """\
format: 2
seed: 1
datasets:
{datasets}
models:
{models}
evaluation: {{metrics: [accuracy, elbo, fid, kid, likelihood, memorisation, restoration, walk]}}
gallery: {{title: "{title}", subtitle: from a dataset to a gallery, theme: museum, sections: [{sections}]}}
"""
SECTIONS = (
    "wall, rooms, card, verdict, exhibits, live, progress, curves, scores, confusions, hyperparameters, plaque, steps, neighbours, lineage,"
    " dataset_card, licences, quarantine, browse, compare, failures, walkthrough, catalogue, not_found"
)


def png(size: int, channels: int, seed: int) -> bytes:
    """Paint a bright stroke on black (one channel) or a coloured disc on white (three)."""
    from PIL import Image, ImageDraw

    rng = random.Random(seed)
    image = Image.new("L" if channels == 1 else "RGB", (size, size), 0 if channels == 1 else "white")
    draw = ImageDraw.Draw(image)
    points = [(rng.uniform(0.2, 0.8) * size, (0.15 + 0.175 * i) * size) for i in range(5)]
    if channels == 1:
        draw.line(points, fill=255, width=max(2, size // 10), joint="curve")
    else:
        colour = tuple(rng.randrange(40, 230) for _ in range(3))
        draw.ellipse((size * 0.1, size * 0.1, size * 0.9, size * 0.9), fill=colour)
        draw.line(points, fill="black", width=max(2, size // 14))
    return encode(image)


def write_bytes(path: Path, data: bytes) -> None:
    """Write without waiting for the disk: a test's project need not survive a power cut."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(data)


def encode(image) -> bytes:
    buffer = io.BytesIO()
    image.save(buffer, "PNG")
    return buffer.getvalue()


def sheet(pictures: Sequence[bytes], columns: int = 6) -> bytes:
    """Compose pictures to a grid, as a training does at its evaluation points."""
    from PIL import Image

    images = [Image.open(io.BytesIO(data)) for data in pictures]
    width, height = images[0].size
    rows = math.ceil(len(images) / columns)
    whole = Image.new(images[0].mode, (columns * (width + 2) - 2, rows * (height + 2) - 2), "white")
    for index, image in enumerate(images):
        whole.paste(image, (index % columns * (width + 2), index // columns * (height + 2)))
    return encode(whole)


def write_params(
    root: Path, datasets: Sequence[str], models: dict[str, tuple[str, str]], title: str = "artpipe"
) -> None:
    """Write params.yaml; `models` maps a name to its kind and dataset."""
    sets = "\n".join(
        f"  {name}: {{medium: picture, source: folder, path: datasets/{name}, about: {{}}, ingest: {{}}, preprocess: {{}}}}"
        for name in datasets
    )
    entries = "\n".join(
        f"  {name}: {{kind: {kind}, dataset: {dataset}, pretrained: data/shards/{dataset}, feature_extractor: {name}, steps: 4000}}"
        for name, (kind, dataset) in models.items()
    )
    root.mkdir(parents=True, exist_ok=True)
    text = PARAMS.format(datasets=sets, models=entries, title=title, sections=SECTIONS)
    (root / "params.yaml").write_text(text)


def write_record(
    root: Path, dataset: str, originals: Sequence[bytes], about: About, titles: Sequence[str] = (), refused: int = 5
) -> None:
    """Write a dataset's record with one row per original."""
    folder = root / paths.record(dataset)
    folder.mkdir(parents=True, exist_ok=True)
    writer = RecordWriter(folder)
    for index, data in enumerate(originals):
        title = titles[index % len(titles)] if titles else f"Study no. {index + 1}"
        row = Provenance(
            sha256_bytes(data), f"{index:05d}.png", title, about.creator, "1994", about.licence, about.origin, ""
        )
        writer.add_work(row, ["palette to RGB"] if index % 7 == 0 else [])
    reasons = ("truncated", "not an image", "exact duplicate")
    for index in range(refused):
        name = HOSTILE if index == 0 else f"scan {index:03d}.jpg"
        writer.add_quarantined(Quarantined(name, reasons[index % 3], TORN.encode()))
    labels = {str(i): len(originals) // 5 for i in range(5)}
    left = len(originals) - sum(labels.values())
    card = WorksCard(dataset=dataset, count=len(originals), labels=labels, unlabelled=left, splits={}, files={})
    writer.close(about, card, "0" * 64)


def write_model(
    root: Path,
    name: str,
    kind: str,
    dataset: str,
    samples: Sequence[bytes],
    originals: Sequence[bytes],
    *,
    verdict: str = "healthy",
    checkpoint: str | None = None,
    captions: Sequence[str | Message] = (),
    role: str = "sample",
    frames: Sequence[bytes] = (),
    seed: int = 1,
) -> None:
    """Write run and report of a model that hangs `samples`."""
    rng = random.Random(f"{name} {seed}")
    checkpoint = checkpoint or sha256_bytes(f"{name} {seed}".encode())
    write_run(root, name, kind, dataset, checkpoint, frames, rng)
    folder, works, exhibits = root / paths.report(name), {}, []
    for index, data in enumerate(samples):
        file = f"exhibits/{role}-{index:03d}.png"
        write_bytes(folder / file, data)
        near = []
        for distance in sorted(rng.uniform(0.4, 2.0) for _ in range(4)):
            original = rng.choice(list(originals))
            digest = sha256_bytes(original)
            write_bytes(folder / work_file(digest), original)
            works[work_file(digest)] = sha256_bytes(original)
            near.append(Neighbour(digest=digest, distance=distance))
        caption = (
            captions[index % len(captions)]
            if captions
            else Message(code="asked_for", values={"label": str(index % 10)})
        )
        exhibits.append(
            SavedExhibit(
                file=file, kind="image", role=role, caption=caption, seed=100_000 + index if role == "sample" else None,
                label=index % 10, neighbours=tuple(near), sha256=sha256_bytes(data),
            )
        )  # fmt: skip
    finding = Finding(
        verdict=verdict, score="kid", value=0.0312, bound=0.1,
        code="covers_variety" if verdict == "healthy" else "still_learning",
        values={"share": 0.87, "wanted": 0.3} if verdict == "healthy" else {"share": 0.62, "measure": "kid"},
    )  # fmt: skip
    scores = (
        Score(name="kid", value=0.0312, n=2000, spread=0.0021, better="lower", extractor="ab" * 32,
              code="score_kid"),
        Score(name="coverage", value=0.874, n=2000, better="higher",
              code="score_coverage"),
        Score(name="class_entropy", value=2.298, n=2000, unit="nats", code="score_class_entropy", values={"even": 2.3, "real": 2.3}),
        Score(name="memorisation", value=1.03, n=2000, code="score_memorisation"),
    )  # fmt: skip
    save_report(
        folder,
        ReportCard(
            model=name, kind=kind, dataset=dataset, checkpoint=checkpoint, shards="5e" * 32, feature_extractor="ab" * 32,
            verdict=finding, findings=() if verdict == "healthy" else (finding,), scores=scores, exhibits=tuple(exhibits), works=works,
            tables={"accuracy": {"classes": [str(i) for i in range(10)], "confused": [],
                    "confusion": [[97 if i == j else (i * j) % 3 for j in range(10)] for i in range(10)]}} if kind == "classifier" else {},
        ),
    )  # fmt: skip


def write_run(
    root: Path, name: str, kind: str, dataset: str, checkpoint: str, frames: Sequence[bytes], rng: random.Random
) -> None:
    """Write a run record of 4,000 steps with a journal and the given progress sheets."""
    folder = root / paths.run(name)
    for index, data in enumerate(frames):
        write_bytes(folder / "progress" / f"step-{(index + 1) * 500:08d}.png", data)
    journal = Journal(folder / "journal.jsonl")
    if journal.path.exists():
        journal.path.unlink()
    rows = []
    for step in range(10, 4001, 10):
        fall = math.exp(-step / 900)
        losses = {"generator": 0.4 + fall + rng.gauss(0, 0.06), "discriminator": 0.7 - 0.4 * fall + rng.gauss(0, 0.05)}
        rows.append({"step": step, "time": 1.7e9 + step, "losses": losses})
        if step % 500 == 0:
            rows.append({"step": step, "time": 1.7e9 + step, "validation": {"kid": 0.03 + 0.3 * fall}})
    journal.path.write_text("".join(json.dumps(row) + "\n" for row in rows))
    params = {"kind": kind, "dataset": dataset, "steps": 4000, "batch_size": 64, "loss": "relativistic", "ema": 0.999,
              "learning_rate": 2.0e-4, "penalty_every_steps": 4, "architecture": "residual", "r1": 0.1, "r2": 0.1}  # fmt: skip
    save_run(
        folder,
        RunCard(
            run_id=sha256_bytes(name.encode())[:32], model=name, stage=f"train@{name}", checkpoint=checkpoint,
            started=1_795_000_000.0, ended=1_795_000_190.0, core_seconds=187.0, busy_seconds=190.0, peak_memory=3 * 2**29, sessions=1, steps=4000, host="studio",
            platform="Linux", versions={"torch": "2.15.0", "python": "3.12.3"}, threads=1, device="cpu", precision="bf16",
            commit="4f1c2a9d7be0", dirty=False, flow_run=None, params=params,
        ),
    )  # fmt: skip


def small_museum(root: Path) -> Path:
    """Write two rooms: digits with a gan, a vae and a gap, emoji with an under-trained gan; hostile names throughout."""
    digits = [png(28, 1, i) for i in range(60)]
    discs = [png(64, 3, i) for i in range(60)]
    models = {
        "digits-gan": ("gan", "digits"),
        "digits-vae": ("vae", "digits"),
        "digits-late": ("gan", "digits"),
        "emoji-gan": ("gan", "emoji"),
    }
    write_params(root, ["digits", "emoji"], models)
    about = About(title="Handwritten digits", creator="Several hands", licence="CC-BY-SA-3.0", description="Digits.")
    write_record(root, "digits", digits, about)
    hostile = About(title=HOSTILE, creator=HOSTILE, licence="CC-BY-4.0", origin="https://example.org/x?a=1&b=<2>")
    write_record(root, "emoji", discs, hostile, titles=[HOSTILE, "red heart", ""])
    frames = [sheet(digits[i : i + 24]) for i in range(6)]
    write_model(root, "digits-gan", "gan", "digits", digits[:24], digits, frames=frames)
    write_model(root, "digits-vae", "vae", "digits", digits[24:44], digits, verdict="under-trained", frames=frames[:3])
    captions = [HOSTILE, Message(code="untitled")]
    write_model(root, "emoji-gan", "gan", "emoji", discs[:16], discs, captions=captions, verdict="collapsed")
    return root
