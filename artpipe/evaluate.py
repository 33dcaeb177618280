"""Evaluate: measure a checkpoint on held-out works, judge it, and hang the very samples that were scored."""

import math
import sys
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any, get_args

import torch
from torch import Tensor

from artpipe import plugins
from artpipe.artifacts import paths
from artpipe.artifacts.report import (
    Finding,
    HungExhibit,
    HungPart,
    Neighbour,
    ReportCard,
    Score,
    Verdict,
    save_report,
    work_file,
)
from artpipe.artifacts.shards import ShardSet, Split
from artpipe.errors import UserError
from artpipe.files import sha256_bytes, write_bytes, written_folder
from artpipe.metrics import Evidence, Measured, Metric
from artpipe.nn.captions import UNTITLED, asked_for, spoken
from artpipe.nn.contract import Content, Exhibit, Learner, Prompt, Ruler, Sampler, restore, to_bytes, to_float
from artpipe.nn.perceptual import perceptual_at
from artpipe.nn.pictures import encode_png, file_of, thumbnail
from artpipe.nn.tiles import wholes
from artpipe.params import Params, load_params

SEEDS_APART = (
    100_000  # samples of two pipeline seeds share no seed, nor one with the pictures that choose the best weights
)
_GRAVITY: tuple[str, ...] = get_args(Verdict)
_FALLBACKS: tuple[tuple[Split, ...], ...] = (("test",), ("validation",), ("validation", "test"), ("train",))


def evaluate_model(name: str) -> None:
    """Write the report of a model.

    Raises:
        UserError: no such model, or a stage before this one has not run.
        CorruptError: bytes on disk are not what was written.
    """
    params = load_params()
    entry = params.model(name)
    torch.set_num_threads(int(entry.get("threads", 1)))
    shards = ShardSet.open(paths.shards(str(entry.get("dataset"))))
    evidence, checkpoint = gather(name, params, shards)
    measured = measure(evidence)
    with written_folder(paths.report(name)) as folder:
        exhibits = hang(evidence, measured, folder)
        findings, verdict = judge(measured)
        card = ReportCard(
            model=name,
            kind=evidence.card.kind,
            dataset=shards.spec.dataset,
            checkpoint=checkpoint,
            step=evidence.card.steps.get("best"),
            shards=shards.sha256,
            ruler=evidence.ruler_sha256,
            verdict=verdict,
            findings=tuple(findings),
            scores=tuple(_finite(measured)),
            exhibits=tuple(exhibits),
            works=keep_works(evidence, exhibits, folder),
            tables={key: table for found in measured for key, table in found.tables.items()},
        )
        save_report(folder, card)
    sys.stdout.write(f"{name}: {verdict.verdict}. {verdict.sentence}\n")


def gather(name: str, params: Params, shards: ShardSet) -> tuple[Evidence, str]:
    """Restore the model and its ruler, draw held-out works and paint; returns it with the checkpoint's hash."""
    network, weights = perceptual_at(Path(str(params.model(name).get("uses"))))
    learner, card, sha256 = restore(paths.checkpoint(name), used=network)
    if weights not in {None, card.uses}:
        raise UserError(f"{paths.checkpoint(name)}: learned with other weights than `uses` names now; train it again")
    if card.shards != shards.sha256:
        raise UserError(
            f"{paths.checkpoint(name)}: learned from other works than {shards.folder} holds; train it again"
        )
    test = _held_out_split(shards)
    evidence = Evidence(
        learner=learner,
        card=card,
        params=params.evaluation,
        seed=params.seed,
        train=shards.load("train"),
        held_out=draw(test, params.evaluation.reference, params.seed),
        test=test,
    )
    _take_ruler(evidence, name, str(params.model(name).get("ruler", name)), sha256)
    if isinstance(learner, Sampler):
        paint(evidence)
    return evidence, sha256


def _held_out_split(shards: ShardSet) -> dict[str, Tensor]:
    """Return the test split, or what comes nearest to it where that has fewer than two works."""
    counts = shards.card.counts
    splits = next((s for s in _FALLBACKS if sum(counts.get(split, 0) for split in s) > 1), ("train",))
    parts = [shards.load(split) for split in splits if counts.get(split, 0)]
    return {column: torch.cat([part[column] for part in parts]) for column in parts[0]} if parts else {}


def draw(columns: Mapping[str, Tensor], count: int, seed: int) -> dict[str, Tensor]:
    """Return `count` rows drawn at random by `seed`: a split's first rows may be easier than its last ones."""
    total = len(next(iter(columns.values()))) if columns else 0
    rows = torch.randperm(total, generator=torch.Generator().manual_seed(seed))[:count]
    return {name: column[rows] for name, column in columns.items()}


def _take_ruler(evidence: Evidence, name: str, ruler: str, own_sha256: str) -> None:
    """Give the evidence its ruler: the named one, the model itself where it is one, none where it names itself in vain."""
    if ruler == name:
        learner, card, sha256 = evidence.learner, evidence.card, own_sha256
        if not isinstance(learner, Ruler):
            return
    else:
        learner, card, sha256 = restore(paths.checkpoint(ruler))
    if not isinstance(learner, Ruler):
        raise UserError(
            f"params.yaml: `models.{name}.ruler` is {ruler!r}, a {card.kind} that measures nothing; name a classifier"
        )
    shapes = [(spec.channels, spec.height, spec.width) for spec in (card.spec, evidence.card.spec)]
    if shapes[0] != shapes[1]:
        raise UserError(
            f"params.yaml: `models.{name}.ruler` is {ruler!r}, which reads {shapes[0]} and not {shapes[1]} pictures"
        )
    evidence.ruler, evidence.ruler_sha256, evidence.ruler_classes = learner, sha256, card.spec.classes
    told = [row.validation.get("accuracy") for row in card.history if row.step == card.steps.get("best")]
    evidence.ruler_accuracy = told[-1] if told else None


def paint(evidence: Evidence) -> None:
    """Paint `samples` pictures, one seed each; where the model heeds labels, all classes in turn."""
    count, size, first = evidence.params.samples, evidence.params.batch_size, (evidence.seed + 1) * SEEDS_APART
    classes = len(evidence.card.spec.classes)
    seeds = range(first, first + count)
    heeds = heeds_labels(evidence.learner, classes, first)
    evidence.prompt = Prompt(seeds=seeds, labels=torch.tensor([seed % classes for seed in seeds]) if heeds else None)
    painted = torch.cat([_sample(evidence.learner, evidence.prompt.part(i, i + size)) for i in range(0, count, size)])
    evidence.broken_samples = int((~painted.isfinite().flatten(1).all(1)).sum())
    evidence.samples = to_bytes(painted.nan_to_num(-1.0))


def heeds_labels(learner: Learner[Any], classes: int, seed: int) -> bool:
    """Return whether the same noise paints something else when another class is asked for."""
    if classes < 2:  # noqa: PLR2004  one class leaves nothing to ask
        return False
    seeds = range(seed, seed + 4)
    asked = [_sample(learner, Prompt(seeds, torch.full((4,), label))) for label in (0, 1)]
    return not torch.equal(*asked)


def _sample(learner: Any, prompt: Prompt) -> Tensor:
    with torch.no_grad(), torch.random.fork_rng(devices=[]):
        torch.manual_seed(prompt.seeds[0])
        pictures: Tensor = learner.sample(prompt)
    return pictures.float()


def measure(evidence: Evidence) -> list[Measured]:
    """Run the metrics of params.yaml that apply, in their order.

    Raises:
        UserError: there is no metric of a name.
    """
    metrics: list[Metric] = [plugins.find("metrics", name) for name in evidence.params.metrics]
    return [metric.measure(evidence) for metric in metrics if metric.applies(evidence)]


def judge(measured: Sequence[Measured]) -> tuple[list[Finding], Finding]:
    """Return all findings, the gravest first, and the verdict: the gravest, or healthy with the number that speaks for it."""
    findings = [finding for found in measured for finding in found.findings if math.isfinite(finding.value)]
    findings.sort(key=lambda finding: _GRAVITY.index(finding.verdict))
    praise = [found.healthy for found in measured if found.healthy is not None]
    return findings, (*findings, *praise, _unopposed(_finite(measured)))[0]


def _unopposed(scores: Sequence[Score]) -> Finding:
    name, value = (scores[-1].name, scores[-1].value) if scores else ("none", 0.0)
    sentence = "No measure objects, and none of them speaks for it either."
    return Finding(verdict="healthy", score=name, value=value, bound=value, sentence=sentence)


def _finite(measured: Iterable[Measured]) -> list[Score]:
    return [score for found in measured for score in found.scores if math.isfinite(score.value)]


def hang(evidence: Evidence, measured: Sequence[Measured], folder: Path) -> list[HungExhibit]:
    """Write the exhibits: scored samples first, then what the learner shows of held-out works, then what metrics want seen."""
    shown = _shown(evidence)
    hung = []
    if evidence.samples is not None:
        captions = {e.seed: e.caption for e in shown if e.role == "sample" and e.seed is not None}
        hung += _hang_samples(
            evidence, range(min(evidence.params.hang, len(evidence.samples))), "sample", captions, folder
        )
        shown = [exhibit for exhibit in shown if exhibit.role != "sample"]
    for role in dict.fromkeys(exhibit.role for exhibit in shown):
        some = [exhibit for exhibit in shown if exhibit.role == role][: evidence.params.hang]
        hung += [_write(folder, exhibit, index) for index, exhibit in enumerate(some)]
    for found in measured:
        for role, rows in found.hang.items():
            hung += _hang_samples(evidence, rows, role, {}, folder)
        hung += [_write(folder, exhibit, index) for index, exhibit in enumerate(found.exhibits)]
    return hung


def _shown(evidence: Evidence) -> list[Exhibit]:
    """Ask the learner for its exhibits: the first seeds that were scored, and all drawn held-out works to choose from."""
    count, first = evidence.params.hang, (evidence.seed + 1) * SEEDS_APART
    prompt = evidence.prompt.part(0, count) if evidence.prompt else Prompt(seeds=range(first, first + count))
    works = {name: to_float(column) if name == "images" else column for name, column in evidence.held_out.items()}
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(evidence.seed)
        return evidence.learner.exhibit(Prompt(seeds=prompt.seeds, labels=prompt.labels, works=works))


def _hang_samples(
    evidence: Evidence, rows: Iterable[int], role: str, captions: Mapping[int, str], folder: Path
) -> list[HungExhibit]:
    hung = []
    for index, row in enumerate(rows):
        seed, label, caption, certainty = _about(evidence, row, captions)
        data = to_float(evidence.pictures("samples")[row])
        exhibit = Exhibit("image", data, caption, role=role, seed=seed, label=label)
        near = _neighbours(evidence, row)
        hung.append(_write(folder, exhibit, index).model_copy(update={"neighbours": near, "certainty": certainty}))
    return hung


def _about(evidence: Evidence, row: int, captions: Mapping[int, str]) -> tuple[int, int | None, str, float | None]:
    """Return seed, label (what was asked for, else what the ruler reads), caption and the ruler's certainty of the label."""
    prompt, names = evidence.prompt, evidence.card.spec.classes
    seed = prompt.seeds[row] if prompt else 0
    asked = int(prompt.labels[row]) if prompt and prompt.labels is not None else None
    judged = None
    if evidence.ruler is not None and names and evidence.ruler_classes == names:
        judged = evidence.judgements("samples")[row]
    read = None if judged is None else int(judged.argmax())
    caption = captions.get(seed) or (asked_for(names[asked]) if asked is not None else UNTITLED)
    if read is not None and read != asked:
        caption += f"{',' if asked is None else ';'} read as {spoken(names[read])}"
    label = read if asked is None else asked
    return seed, label, caption, None if judged is None or label is None else float(judged[label])


def _neighbours(evidence: Evidence, row: int) -> tuple[Neighbour, ...]:
    digests = evidence.train.get("digests")
    if digests is None or not len(evidence.pictures("train")):
        return ()
    distances, rows = evidence.nearest_train("samples")
    near = zip(rows[row].tolist(), distances[row].tolist(), strict=True)
    return tuple(Neighbour(digest=_hex(digests[i]), distance=d) for i, d in near)[: evidence.params.neighbours]


def _hex(digest: Tensor) -> str:
    return bytes(digest.tolist()).hex()


def _write(folder: Path, exhibit: Exhibit, index: int) -> HungExhibit:
    stem = f"exhibits/{exhibit.role}-{index:03d}".replace(" ", "-")
    whole = _write_file(folder, stem, exhibit.data)
    parts = {
        name: _write_file(folder, f"{stem}-{name.replace(' ', '-')}", part) for name, part in exhibit.parts.items()
    }
    known = {name: getattr(exhibit, name) for name in ("kind", "role", "caption", "seed", "label", "digests")}
    return HungExhibit(file=whole.file, sha256=whole.sha256, parts=parts, **known)


def _write_file(folder: Path, stem: str, content: Content) -> HungPart:
    suffix, data = file_of(content)
    write_bytes(folder / f"{stem}{suffix}", data)
    return HungPart(file=f"{stem}{suffix}", sha256=sha256_bytes(data))


def keep_works(evidence: Evidence, exhibits: Iterable[HungExhibit], folder: Path) -> dict[str, str]:
    """Write a small picture of each real work that the exhibits speak of; return file -> SHA-256."""
    wanted = {digest for e in exhibits for digest in (*e.digests, *(near.digest for near in e.neighbours))}
    kept = {}
    for columns in (evidence.train, evidence.held_out):
        if "images" in columns and "digests" in columns:
            for picture, digest in wholes(columns, wanted):
                data = encode_png(thumbnail(picture, evidence.params.thumbnail))
                write_bytes(folder / work_file(digest), data)
                kept[work_file(digest)] = sha256_bytes(data)
    return dict(sorted(kept.items()))
