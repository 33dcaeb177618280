"""Evaluate a checkpoint on held-out works and judge it.

The report shows the very samples that were scored.
"""

import sys
from collections.abc import Mapping
from functools import partial
from pathlib import Path

import torch
from torch import Tensor

from artpipe import plugins
from artpipe.artifacts import paths
from artpipe.artifacts.report import ReportCard, save_report
from artpipe.artifacts.shards import ShardSet, Split
from artpipe.config.params import Params, load_params
from artpipe.contracts.feature_source import PIXELS
from artpipe.contracts.metric import Evidence, Measurement, Metric
from artpipe.contracts.model import FeatureExtractor, Prompt, Sampler, SequenceModel
from artpipe.errors import UserError
from artpipe.evaluation.decide_verdict import decide_verdict, select_finite_scores
from artpipe.evaluation.dvc_reports import select_headline_scores, write_comparison
from artpipe.evaluation.extractor_networks import load_or_compute, open_extractors, open_network
from artpipe.evaluation.extractor_skill import measure_skill
from artpipe.evaluation.generated_samples import generate_samples
from artpipe.evaluation.live_model import write_live_model
from artpipe.evaluation.saved_exhibits import SEED_STRIDE, write_exhibits, write_real_works
from artpipe.evaluation.score_basis import add_basis
from artpipe.evaluation.whole_works import count_whole
from artpipe.language.sentences import make_sentence
from artpipe.nn.style.perceptual import open_perceptual_network
from artpipe.system.atomic_files import remove_stale_temporaries, write_folder, write_json
from artpipe.training.restore import restore_learner

_FALLBACKS: tuple[tuple[Split, ...], ...] = (("test",), ("validation",), ("validation", "test"), ("train",))


def evaluate_model(name: str) -> None:
    """Write the report of a model, and what DVC compares of it between revisions.

    Raises:
        UserError: no such model, or a stage before this one has not run.
        CorruptError: bytes on disk are not what was written.
    """
    params = load_params()
    entry = params.model(name)
    torch.set_num_threads(int(entry.get("threads", 1)))
    shards = ShardSet.open(paths.shards(str(entry.get("dataset"))))
    for place in (paths.report(name), paths.metrics(name), paths.plots(name)):
        remove_stale_temporaries(place.parent)
    evidence, checkpoint = gather_evidence(name, params, shards)
    measured = measure_metrics(evidence)
    with write_folder(paths.report(name)) as folder:
        exhibits = write_exhibits(evidence, measured, folder)
        findings, verdict = decide_verdict(measured)
        live = write_live_model(evidence, folder)
        card = ReportCard(
            model=name,
            kind=evidence.card.kind,
            dataset=shards.spec.dataset,
            checkpoint=checkpoint,
            step=evidence.card.steps.get("best"),
            shards=shards.sha256,
            feature_extractor=None if evidence.extractor_id == PIXELS.sha256 else evidence.extractor_id,
            verdict=verdict,
            findings=tuple(findings),
            scores=tuple(add_basis(select_finite_scores(measured), evidence)),
            exhibits=tuple(exhibits),
            works=write_real_works(evidence, exhibits, folder, live.works if live else ()),
            tables={key: table for measured_metric in measured for key, table in measured_metric.tables.items()},
            whole_works=count_whole(evidence),
            live=live,
        )
        write_json(folder / "scores.json", select_headline_scores(card, evidence.params.metrics))
        save_report(folder, card)
    write_comparison(card, evidence)
    sys.stdout.write(f"{name}: {verdict.grade}. {make_sentence(verdict)}\n")


def gather_evidence(name: str, params: Params, shards: ShardSet) -> tuple[Evidence, str]:
    """Restore a model and its feature extractor, draw held-out works and sample.

    Returns the evidence and the checkpoint's hash.
    """
    network, weights = open_perceptual_network(Path(str(params.model(name).get("pretrained"))))
    learner, card, sha256 = restore_learner(paths.checkpoint(name), pretrained=network)
    if weights not in {None, card.pretrained}:
        raise UserError(
            f"{paths.checkpoint(name)}: learned with other weights than `pretrained` names now; train it again"
        )
    if card.shards != shards.sha256:
        raise UserError(
            f"{paths.checkpoint(name)}: learned from other works than {shards.folder} holds; train it again"
        )
    test = _load_held_out_split(shards)
    evidence = Evidence(
        learner=learner,
        card=card,
        params=params.evaluation,
        seed=params.seed,
        train=shards.load("train"),
        held_out=draw_rows(test, params.evaluation.reference, params.seed),
        test=test,
        feature_cache=load_or_compute,
    )
    _add_feature_extractor(evidence, name, str(params.model(name).get("feature_extractor", name)), sha256)
    evidence.open_network = partial(open_network, params=params)
    if isinstance(learner, Sampler):
        evidence.pretrained = tuple(open_extractors(params, shards.spec))
        generate_samples(evidence)
    if isinstance(learner, SequenceModel):
        evidence.prompt = Prompt(range(first := (params.seed + 1) * SEED_STRIDE, first + params.evaluation.sequences))
        evidence.sequences = learner.write(evidence.prompt)
    return evidence, sha256


def _load_held_out_split(shards: ShardSet) -> dict[str, Tensor]:
    """Return the test split, or a substitute where it has fewer than two works."""
    counts = shards.card.counts
    splits = next((s for s in _FALLBACKS if sum(counts.get(split, 0) for split in s) > 1), ("train",))
    parts = [shards.load(split) for split in splits if counts.get(split, 0)]
    return {column: torch.cat([part[column] for part in parts]) for column in parts[0]} if parts else {}


def draw_rows(columns: Mapping[str, Tensor], count: int, seed: int) -> dict[str, Tensor]:
    """Return `count` rows drawn at random by `seed`.

    A split's first rows may be easier than its last ones.
    """
    total = len(next(iter(columns.values()))) if columns else 0
    rows = torch.randperm(total, generator=torch.Generator().manual_seed(seed))[:count]
    return {name: column[rows] for name, column in columns.items()}


def _add_feature_extractor(evidence: Evidence, name: str, feature_extractor: str, own_sha256: str) -> None:
    """Add the named feature extractor to the evidence.

    It is the model itself where that is one, and none where a model names itself without being one.
    """
    if feature_extractor == name:
        learner, card, sha256 = evidence.learner, evidence.card, own_sha256
        if not isinstance(learner, FeatureExtractor):
            return
    else:
        learner, card, sha256 = restore_learner(paths.checkpoint(feature_extractor))
    if not isinstance(learner, FeatureExtractor):
        raise UserError(
            f"params.yaml: `models.{name}.feature_extractor` is {feature_extractor!r}, a {card.kind} that measures nothing; name a classifier"
        )
    shapes = [(spec.channels, spec.height, spec.width) for spec in (card.spec, evidence.card.spec)]
    if shapes[0] != shapes[1]:
        raise UserError(
            f"params.yaml: `models.{name}.feature_extractor` is {feature_extractor!r}, which reads {shapes[0]} and not {shapes[1]} pictures"
        )
    evidence.feature_extractor, evidence.extractor_sha256, evidence.extractor_classes = (
        learner,
        sha256,
        card.spec.classes,
    )
    evidence.extractor_skill = measure_skill(evidence)


def measure_metrics(evidence: Evidence) -> list[Measurement]:
    """Run the metrics of params.yaml that apply, in their order.

    Raises:
        UserError: there is no metric of a name.
    """
    metrics: list[Metric] = [plugins.load_plugin("metrics", name) for name in evidence.params.metrics]
    return [metric.measure(evidence) for metric in metrics if metric.applies(evidence)]
