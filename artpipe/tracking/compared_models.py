"""Find a model to compare: in the workspace, a champion, or of a git revision."""

import re
from contextlib import suppress
from pathlib import Path
from typing import Any, NamedTuple

from artpipe.artifacts import paths
from artpipe.artifacts.champions import load_champions
from artpipe.artifacts.cross_references import read_checkpoint_card
from artpipe.artifacts.report import load_report
from artpipe.artifacts.run import RunRecord
from artpipe.artifacts.shards import Spec
from artpipe.artifacts.training_cost import TrainingCost, estimate_cost
from artpipe.config.params import load_params
from artpipe.config.safe_yaml import parse_yaml
from artpipe.errors import ArtpipeError, UserError
from artpipe.storage.dvc_command import restore_folders
from artpipe.system.git_command import run_git
from artpipe.system.plain_text import to_printable
from artpipe.tracking.promotion import require_champion, restore_champion
from artpipe.tracking.score_comparison import Measured

CHAMPION = "champion"
_COMPARED = paths.STATE / "compared"  # checkpoints and reports of other revisions
_REVISION = re.compile(r"[A-Za-z0-9_][\w./~^-]*")  # no option of git


class ComparedModel(NamedTuple):
    """A model with its report and checkpoint, which are of one training."""

    measured: Measured
    params: dict[str, Any]
    seed: int | None  # of its training
    checkpoint: Path  # folder
    cost: TrainingCost | None = None  # of its training; None: its run record is not at hand

    @property
    def label(self) -> str:
        """Return what it is called in the comparison."""
        return self.measured.label


def find_model(text: str) -> ComparedModel:
    """Return the model that `MODEL`, `MODEL@champion` or `MODEL@REVISION` means.

    Raises:
        UserError: no such model, champion or revision, or none that was evaluated; nothing was changed.
        ArtpipeError: DVC has its files no more.
    """
    name, _, version = text.partition("@")
    entry = load_params().model(name)
    if not version:
        return _load_model(text, paths.checkpoint(name), paths.report(name), paths.run(name))
    if version == CHAMPION:
        dataset, kind = str(entry.get("dataset")), str(entry.get("kind"))
        champion = require_champion(load_champions(), dataset, kind)
        folder = restore_champion(Path(), dataset, kind, champion)
        if folder == paths.checkpoint(champion.model):
            return _load_model(text, folder, paths.report(champion.model), paths.run(champion.model))
        return _load_model(text, folder, folder.with_name("reports"), folder.with_name("runs"))
    return _load_revision(text, name, version)


def _load_model(label: str, checkpoint: Path, report: Path, run: Path) -> ComparedModel:
    card, sha256 = read_checkpoint_card(checkpoint)
    if not card:
        raise UserError(f"{checkpoint}: no checkpoint; `artpipe run {label}` makes it")
    report_card, _ = load_report(report)
    if report_card.checkpoint != sha256:
        raise UserError(f"{label}: report and checkpoint are not of one training; `artpipe run` mends it")
    measured = Measured(label, report_card, Spec.model_validate(card["spec"]))
    return ComparedModel(measured, dict(card["params"]), card.get("seed"), checkpoint, _load_cost(run, sha256))


def _load_cost(folder: Path, checkpoint: str) -> TrainingCost | None:
    """Return what a training cost, None where no intact record of it is there."""
    with suppress(ArtpipeError):
        run = RunRecord.open(folder).card
        if run.checkpoint == checkpoint:
            return estimate_cost(run, load_params().gallery.energy)
    return None


def _load_revision(label: str, name: str, revision: str) -> ComparedModel:
    """Restore checkpoint and report of a model as a commit's dvc.lock names them."""
    problem = f"`{to_printable(revision)}` is no revision of git"
    if not _REVISION.fullmatch(revision):
        raise UserError(f"{label}: {problem}")
    try:
        commit = run_git(Path(), "rev-parse", "--verify", "--quiet", f"{revision}^{{commit}}").strip()
    except ArtpipeError:
        raise UserError(f"{label}: {problem}, nor `{CHAMPION}`; `git log --oneline` has them") from None
    try:
        lock = run_git(Path(), "show", f"{commit}:./dvc.lock")
    except ArtpipeError:
        raise UserError(f"{label}: {commit[:12]} has no dvc.lock, so its results are not known") from None
    stages = parse_yaml(lock, "dvc.lock").get("stages") or {}
    hashes = {out["path"]: out.get("md5", "") for stage in stages.values() for out in stage.get("outs", [])}
    folder, wanted = _COMPARED / f"{commit[:12]}-{name}", {}
    for part, path in (("checkpoints", paths.checkpoint(name)), ("reports", paths.report(name))):
        if not hashes.get(str(path)):
            raise UserError(f"{label}: {commit[:12]} has no {path} in its dvc.lock: it was not made there")
        wanted[folder / part] = str(hashes[str(path)])
    if run := hashes.get(str(paths.run(name))):
        wanted[folder / "runs"] = str(run)
    if not all(path.is_dir() for path in wanted):
        restore_folders(Path(), wanted)
    return _load_model(label, folder / "checkpoints", folder / "reports", folder / "runs")
