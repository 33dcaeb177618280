"""Load what a card is written from: the artifacts of a model or a dataset."""

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from artpipe.artifacts import paths
from artpipe.artifacts.card_files import list_card_files, read_verified_card
from artpipe.artifacts.champions import load_champions
from artpipe.artifacts.report import ReportCard, Score, load_report
from artpipe.artifacts.run import RunCard, RunRecord
from artpipe.artifacts.shards import ShardCard, ShardSet
from artpipe.artifacts.training_cost import load_energy_params
from artpipe.artifacts.works import Record, RecordCard, Works
from artpipe.config.energy_params import EnergyParams
from artpipe.errors import CorruptError, UserError

_TALLIED = ("licence", "creator", "origin")


@dataclass(frozen=True)
class DatasetArtifacts:
    """What the artifacts say of a dataset.

    `works` and `shards` are None where only its record is at hand.
    """

    name: str
    record: RecordCard
    record_sha256: str
    tallies: Mapping[str, Counter[str]]  # works by licence, creator and origin
    captions: int = 0  # works that have one
    works: Works | None = None
    shards: ShardCard | None = None
    shards_sha256: str = ""
    medium: str = ""  # empty: not known
    twins: int = 0  # works that share their perceptual hash with another one

    @property
    def title(self) -> str:
        """Return its title, or else its name."""
        return self.record.about.title or self.name


@dataclass(frozen=True)
class ModelArtifacts:
    """What the artifacts say of a model.

    `checkpoint` is empty where it is not at hand.
    """

    name: str
    report: ReportCard
    report_sha256: str
    run: RunCard
    checkpoint: Mapping[str, Any] = field(default_factory=dict)
    dataset: DatasetArtifacts | None = None  # None: its record is not at hand
    energy: EnergyParams = field(default_factory=EnergyParams)  # by which its training's energy is estimated
    champion_scores: Mapping[str, Score] = field(
        default_factory=dict
    )  # of the champion, of the one before where it is one

    @property
    def weights(self) -> Mapping[str, str]:
        """Return the SHA-256 of the files of weights, by name."""
        return list_card_files(self.checkpoint)


def load_model_artifacts(root: Path, name: str) -> ModelArtifacts:
    """Load a model's report, run record and checkpoint card.

    And what is at hand of its dataset.

    Raises:
        UserError: report or run record is missing, or they are of different trainings.
        CorruptError: one of them is damaged.
    """
    report, report_sha256 = load_report(root / paths.report(name))
    run = RunRecord.open(root / paths.run(name)).card
    if report.checkpoint != run.checkpoint:
        found, expected = report.checkpoint[:12], run.checkpoint[:12]
        message = f"it is about the checkpoint {found}, the last training made {expected}; `artpipe run {name}`"
        raise UserError(f"{paths.report(name) / 'report.json'}: {message}")
    card = root / paths.checkpoint(name) / "checkpoint.json"
    checkpoint = read_verified_card(card)
    if checkpoint is None and card.exists():
        raise CorruptError(f"{card}: not what was written; delete the folder and run again")
    has_record = (root / paths.record(report.dataset) / "report.json").exists()
    dataset = load_dataset_artifacts(root, report.dataset) if has_record else None
    champion_scores = {score.name: score for score in _list_champion_scores(root, report)}
    energy = load_energy_params(root)
    return ModelArtifacts(name, report, report_sha256, run, checkpoint or {}, dataset, energy, champion_scores)


def _list_champion_scores(root: Path, report: ReportCard) -> tuple[Score, ...]:
    """Return what another champion of a dataset and kind was measured at.

    All its scores where its report is at hand, else the one that decided.
    """
    reign = load_champions(root).find(report.dataset, report.kind)
    others = [] if reign is None else [each for each in (reign.champion, *reign.before) if each.shards == report.shards]
    champion = next((each for each in others if each.checkpoint != report.checkpoint), None)
    if champion is None:
        return ()
    if (root / paths.report(champion.model) / "report.json").exists():
        found, sha256 = load_report(root / paths.report(champion.model))
        if sha256 == champion.report:
            return found.scores
    return () if champion.score is None else (champion.score,)


def load_dataset_artifacts(root: Path, name: str) -> DatasetArtifacts:
    """Load a dataset's record, and its works and shards where they are at hand.

    Raises:
        UserError: there is no record of it.
        CorruptError: something is damaged.
    """
    dataset = load_dataset_record(root, name)
    works_folder, shards_folder = root / paths.works(name), root / paths.shards(name)
    works = Works.open(works_folder) if (works_folder / "works.json").exists() else None
    shards = ShardSet.open(shards_folder) if (shards_folder / "shards.json").exists() else None
    if works is not None and works.sha256 != dataset.record.works:
        raise UserError(f"{works_folder}: not the works that its record is of; `artpipe run ingest@{name}`")
    if works is not None:
        dataset = replace(dataset, works=works, twins=_count_twins(works))
    if shards is None:
        return dataset
    return replace(dataset, shards=shards.card, shards_sha256=shards.sha256, medium=shards.spec.medium)


def load_dataset_record(root: Path, name: str, medium: str = "") -> DatasetArtifacts:
    """Load a dataset's record alone, read a few thousand rows at a time.

    Raises:
        UserError, CorruptError: see `load_dataset_artifacts`.
    """
    record = Record.open(root / paths.record(name))
    tallies, captions = {tallied: Counter[str]() for tallied in _TALLIED}, 0
    for row in record.rows():
        captions += bool(row.caption)
        for tallied, counter in tallies.items():
            counter[getattr(row, tallied)] += 1
    return DatasetArtifacts(name, record.card, record.sha256, tallies, captions, medium=medium)


def _count_twins(works: Works) -> int:
    """Return how many works share their perceptual hash.

    Flat pictures, whose hash is zero, do not count.
    """
    hashes = Counter(work.phash for work in works.rows() if work.phash.strip("0"))
    return sum(count for count in hashes.values() if count > 1)
