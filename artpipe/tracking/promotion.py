"""`artpipe promote` and `artpipe rollback`: which checkpoint of a dataset and kind counts; it moves only for a better one."""

import math
from contextlib import AbstractContextManager
from pathlib import Path
from typing import NamedTuple

from artpipe.artifacts import paths
from artpipe.artifacts.champions import Champion, Champions, Reign, load_champions, save_champions
from artpipe.artifacts.cross_references import checkpoint_in
from artpipe.artifacts.report import ReportCard, Score, load_report
from artpipe.artifacts.run import RunRecord
from artpipe.config.params import load_params
from artpipe.errors import ArtpipeError, UserError, did_you_mean
from artpipe.storage.dvc_command import bring, kept
from artpipe.system.locks import locked

_SHORT = 12  # digits of a hash, enough to find it by


class Candidate(NamedTuple):
    """What stands in the workspace of a model, all about one checkpoint."""

    report: ReportCard
    sha256: str  # of the report
    run_id: str


def promote(model: str, *, force: bool = False, root: Path = Path()) -> str:
    """Make a model's checkpoint the champion of its dataset and kind, if it is better by more than the spread.

    `force` moves the champion whatever the numbers say; healthy it has to be all the same.

    Raises:
        UserError: it is not healthy, not better, not comparable, or was taken back before; nothing was changed.
    """
    models = load_params(root / "params.yaml").models
    if model not in models:
        raise UserError(f"there is no model `{model}` in params.yaml{did_you_mean(model, models)}")
    with _alone(root):
        return _promoted(model, force=force, root=root)


def promote_all(root: Path = Path()) -> str:
    """Let every model of params.yaml that was evaluated try; return a line for each.

    Raises:
        UserError: champions.json cannot be read.
    """
    lines = []
    with _alone(root):
        load_champions(root)
        for model in load_params(root / "params.yaml").models:
            if not (root / paths.report(model)).is_dir():
                continue
            try:
                lines.append(_promoted(model, force=False, root=root))
            except ArtpipeError as error:
                lines.append(str(error))
    return "\n".join(lines) or "nothing has been evaluated yet; `artpipe run` does it"


def rollback(dataset: str, kind: str, root: Path = Path()) -> str:
    """Give the champion before back its place, and bring its checkpoint and report back where they are not here.

    Raises:
        UserError: there is no champion, or none before it.
        ArtpipeError: DVC has its checkpoint no more; nothing was changed.
    """
    with _alone(root):
        champions = load_champions(root)
        reign = _reign(champions, dataset, kind)
        if not reign.before:
            raise UserError(f"{dataset} {kind}: there was no champion before {_named(reign.champion)}")
        back, *earlier = reign.before
        where = _brought(root, dataset, kind, back)
        withdrawn = tuple(sorted({*reign.withdrawn, reign.champion.checkpoint} - {back.checkpoint}))
        changed = Reign(champion=back, before=tuple(earlier), withdrawn=withdrawn)
        save_champions(root, champions.crowned(dataset, kind, changed))
    return (
        f"{dataset} {kind}: the champion is {_named(back)} again, in {where}; {_named(reign.champion)} was taken back"
    )


def candidate(model: str, root: Path = Path()) -> Candidate:
    """Return what stands of a model.

    Raises:
        UserError: a part is missing, or they are about different checkpoints.
        CorruptError: bytes on disk are not what was written.
    """
    report, sha256 = load_report(root / paths.report(model))
    run = RunRecord.open(root / paths.run(model)).card
    _, checkpoint = checkpoint_in(root / paths.checkpoint(model))
    if not report.checkpoint == run.checkpoint == checkpoint:
        raise UserError(f"{model}: report, run record and checkpoint are not of one training; `artpipe run` mends it")
    return Candidate(report, sha256, run.run_id)


def objection(challenger: Score | None, shards: str, champion: Champion) -> str:
    """Return why a checkpoint may not take a champion's place; empty where it is better by more than the spread."""
    theirs = champion.score
    if challenger is None or theirs is None or challenger.name != theirs.name or challenger.better == "neither":
        return "no number decides between them; whoever has looked at both may --force it"
    if shards != champion.shards:
        return f"it learned from other data ({shards[:_SHORT]}, not {champion.shards[:_SHORT]}), so they do not compare; --force begins anew"
    if challenger.extractor != theirs.extractor:
        return f"it was measured with another feature extractor ({_short(challenger)}, not {_short(theirs)}), so they do not compare; --force begins anew"
    if challenger.spread is None or theirs.spread is None:
        return f"{challenger.name} has no spread, so luck cannot be told from skill; --force decides it"
    gain = (challenger.value - theirs.value) * (1 if challenger.better == "higher" else -1)
    spread = math.hypot(challenger.spread, theirs.spread)
    if gain > spread:
        return ""
    return f"{challenger.name} {challenger.value:.4g} is not better than {theirs.value:.4g} by more than the spread {spread:.2g}"


def _promoted(model: str, *, force: bool, root: Path) -> str:
    report, sha256, run_id = candidate(model, root)
    verdict = report.verdict
    if verdict.verdict != "healthy":
        raise UserError(
            f"{model}: {verdict.verdict} ({verdict.score} {verdict.value:.4g}); only what is healthy counts"
        )
    champions, score = load_champions(root), report.decisive
    reign = champions.of(report.dataset, report.kind)
    standing = None if reign is None else _measured_now(root, reign.champion)
    again = standing is not None and standing.checkpoint == report.checkpoint
    if reign and standing and not again and not force:
        taken_back = report.checkpoint in reign.withdrawn
        why = "it was taken back before; --force" if taken_back else objection(score, report.shards, standing)
        if why:
            raise UserError(f"{model}: stays behind the champion {_named(standing)}: {why}")
    crowned = Champion(
        model=model,
        run_id=run_id,
        checkpoint=report.checkpoint,
        report=sha256,
        shards=report.shards,
        score=None if score is None else score.model_copy(update={"code": "", "values": {}}),
        forced=force and not again,
        dvc=kept(root, [paths.checkpoint(model), paths.report(model), paths.run(model)]),
    )
    save_champions(root, champions.crowned(report.dataset, report.kind, _succession(reign, crowned, again=again)))
    who = f"{report.dataset} {report.kind}"
    if again:
        return f"{who}: {_named(crowned)} is the champion already"
    return f"{who}: the champion is {_named(crowned)}{f', before it {_named(standing)}' if standing else ''}"


def _succession(reign: Reign | None, crowned: Champion, *, again: bool) -> Reign:
    if reign is None:
        return Reign(champion=crowned)
    if again:  # its numbers may be new: another feature extractor, another evaluation
        return reign.model_copy(update={"champion": crowned.model_copy(update={"forced": reign.champion.forced})})
    return Reign(
        champion=crowned,
        before=(reign.champion, *(one for one in reign.before if one.checkpoint != crowned.checkpoint)),
        withdrawn=tuple(one for one in reign.withdrawn if one != crowned.checkpoint),
    )


def _measured_now(root: Path, champion: Champion) -> Champion:
    """Return a champion with its latest numbers, where it stands here and was evaluated again: with a new feature extractor for example."""
    try:
        found = candidate(champion.model, root)
    except ArtpipeError:
        return champion
    if found.report.checkpoint != champion.checkpoint:
        return champion
    return champion.model_copy(update={"score": found.report.decisive, "report": found.sha256})


def _brought(root: Path, dataset: str, kind: str, champion: Champion) -> Path:
    """Return the folder with a champion's checkpoint, brought back where what stands is another one."""
    usual = paths.checkpoint(champion.model)
    if checkpoint_in(root / usual)[1] == champion.checkpoint:
        return usual
    folder = paths.champion(dataset, kind)
    try:
        bring(root, {folder / Path(path).parts[1]: md5 for path, md5 in champion.dvc.items()})
    except ArtpipeError as error:
        gone = f"{_named(champion)} cannot be brought back, so {paths.CHAMPIONS} stays as it is"
        raise ArtpipeError(f"{dataset} {kind}: {gone}: {error}") from None
    return folder / "checkpoints"


def _reign(champions: Champions, dataset: str, kind: str) -> Reign:
    reign = champions.of(dataset, kind)
    if reign is not None:
        return reign
    if not champions.champions:
        raise UserError(f"there is no champion yet in {paths.CHAMPIONS}; `artpipe promote MODEL` makes one")
    kinds = champions.champions.get(dataset)
    if kinds is None:
        near = did_you_mean(dataset, champions.champions)
        raise UserError(f"there is no champion of a dataset `{dataset}` in {paths.CHAMPIONS}{near}")
    raise UserError(
        f"there is no champion of {dataset} and the kind `{kind}` in {paths.CHAMPIONS}; there are: {', '.join(kinds)}"
    )


def _named(champion: Champion) -> str:
    score = champion.score
    return f"{champion.model} ({f'{score.name} {score.value:.4g}, ' if score else ''}{champion.checkpoint[:_SHORT]})"


def _short(score: Score) -> str:
    return (score.extractor or "none")[: 2 * _SHORT]


def _alone(root: Path) -> AbstractContextManager[None]:
    return locked(root / paths.STATE / "champions.lock", doing="moving a champion")
