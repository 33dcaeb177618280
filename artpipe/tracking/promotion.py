"""`artpipe promote` and `artpipe rollback`: the champion of a dataset and kind.

The champion changes only for a better checkpoint.
"""

import contextlib
from contextlib import AbstractContextManager
from pathlib import Path
from typing import NamedTuple

from artpipe.artifacts import paths
from artpipe.artifacts.champions import Champion, ChampionHistory, Champions, load_champions, save_champions
from artpipe.artifacts.cross_references import read_checkpoint_card
from artpipe.artifacts.report import ReportCard, Score, load_report
from artpipe.artifacts.run import RunRecord
from artpipe.config.params import load_params
from artpipe.errors import ArtpipeError, UserError, did_you_mean
from artpipe.numerics.intervals import difference_interval
from artpipe.storage.dvc_command import require_cached, restore_folders
from artpipe.system.locks import hold_lock
from artpipe.tracking.deciding_number import describe_deciding_number
from artpipe.tracking.promotion_result import Promotion, PromotionOutcome, Promotions, Rollback, describe_champion

_HASH_DIGITS = 12  # digits of a hash, enough to find it by


class PromotionCandidate(NamedTuple):
    """What the workspace has of a model, all about one checkpoint."""

    report: ReportCard
    sha256: str  # of the report
    run_id: str


def promote(model: str, *, force: bool = False, root: Path = Path()) -> Promotions:
    """Make a checkpoint the champion of its dataset and kind, if it is better.

    Better is: the 95 % interval of the difference leaves zero. With `force` it becomes the champion whatever the numbers say,
    if it is fair or good.

    Raises:
        UserError: it is neither fair nor good, not better, not comparable, or was withdrawn before; nothing was changed.
    """
    models = load_params(root / "params.yaml").models
    if model not in models:
        raise UserError(f"there is no model `{model}` in params.yaml{did_you_mean(model, models)}")
    with _hold_champions_lock(root):
        return Promotions((_promote(model, force=force, root=root),))


def promote_all(root: Path = Path()) -> Promotions:
    """Try to promote every evaluated model of params.yaml.

    Raises:
        UserError: champions.json cannot be read.
    """
    promotions = []
    with _hold_champions_lock(root):
        load_champions(root)
        for model, entry in load_params(root / "params.yaml").models.items():
            if not (root / paths.report(model)).is_dir():
                continue
            try:
                promotions.append(_promote(model, force=False, root=root))
            except ArtpipeError as error:
                place = str(entry.get("dataset")), str(entry.get("kind"))
                promotions.append(Promotion(model, *place, PromotionOutcome.REFUSED, reason=str(error)))
    return Promotions(tuple(promotions))


def promote_first(root: Path = Path()) -> list[str]:
    """Make a champion of each dataset and kind that has none; return a line for each.

    Nobody is displaced: where several models were made at once, the first that is fair or good counts until another
    is shown to be better. What cannot be promoted is passed over.

    Raises:
        UserError: champions.json cannot be read.
    """
    lines = []
    with _hold_champions_lock(root):
        champions = load_champions(root)
        for model, entry in load_params(root / "params.yaml").models.items():
            reigns = champions.find(str(entry.get("dataset")), str(entry.get("kind"))) is not None
            if not reigns and (root / paths.report(model)).is_dir():
                with contextlib.suppress(ArtpipeError):
                    lines.append(_promote(model, force=False, root=root).to_text())
    return lines


def rollback(dataset: str, kind: str, root: Path = Path()) -> Rollback:
    """Make the previous champion the champion again, and restore its files.

    Raises:
        UserError: there is no champion, or none before it.
        ArtpipeError: DVC has its checkpoint no more; nothing was changed.
    """
    with _hold_champions_lock(root):
        champions = load_champions(root)
        reign = _require_reign(champions, dataset, kind)
        if not reign.before:
            raise UserError(f"{dataset} {kind}: there was no champion before {describe_champion(reign.champion)}")
        restored, *earlier = reign.before
        folder = restore_champion(root, dataset, kind, restored)
        withdrawn = tuple(sorted({*reign.withdrawn, reign.champion.checkpoint} - {restored.checkpoint}))
        new_reign = ChampionHistory(champion=restored, before=tuple(earlier), withdrawn=withdrawn)
        save_champions(root, champions.with_history(dataset, kind, new_reign))
    return Rollback(dataset, kind, restored, folder, reign.champion)


def load_candidate(model: str, root: Path = Path()) -> PromotionCandidate:
    """Return what the workspace has of a model.

    Raises:
        UserError: a part is missing, or they are about different checkpoints.
        CorruptError: bytes on disk are not what was written.
    """
    report, sha256 = load_report(root / paths.report(model))
    run = RunRecord.open(root / paths.run(model)).card
    _, checkpoint = read_checkpoint_card(root / paths.checkpoint(model))
    if not report.checkpoint == run.checkpoint == checkpoint:
        raise UserError(f"{model}: report, run record and checkpoint are not of one training; `artpipe run` mends it")
    return PromotionCandidate(report, sha256, run.run_id)


def find_objection(challenger: Score | None, shards: str, champion: Champion) -> str:
    """Return why a checkpoint may not replace a champion, empty where it may.

    It may where the 95 % interval of the difference of their scores leaves zero on the better side.
    """
    champion_score = champion.score
    if (
        challenger is None
        or champion_score is None
        or challenger.name != champion_score.name
        or challenger.better == "neither"
    ):
        return "no number decides between them; whoever has looked at both may --force it"
    if shards != champion.shards:
        return f"it learned from other data ({shards[:_HASH_DIGITS]}, not {champion.shards[:_HASH_DIGITS]}), so they do not compare; --force begins anew"
    if difference := challenger.describe_difference(champion_score):
        return f"{difference}, so they do not compare; --force begins anew"
    intervals = challenger.interval, champion_score.interval
    if intervals[0] is None or intervals[1] is None:
        return f"{challenger.name} has no interval, so luck cannot be told from skill; --force decides it"
    gain = difference_interval(challenger.value, intervals[0], champion_score.value, intervals[1])
    is_better = gain.low > 0 if challenger.better == "higher" else gain.high < 0
    if is_better:
        return ""
    return f"{challenger.name} {challenger.value:.4g} is not shown to be better than {champion_score.value:.4g}: the difference is {gain.low:.2g} to {gain.high:.2g}"


def _promote(model: str, *, force: bool, root: Path) -> Promotion:
    report, sha256, run_id = load_candidate(model, root)
    verdict = report.verdict
    if not verdict.is_passing:
        fault = f", {verdict.fault}" if verdict.fault else ""
        raise UserError(
            f"{model}: {verdict.grade}{fault} ({describe_deciding_number(report)}); only what is fair or good counts"
        )
    champions, score = load_champions(root), report.decisive
    reign = champions.find(report.dataset, report.kind)
    current = None if reign is None else _with_latest_scores(root, reign.champion)
    is_same = current is not None and current.checkpoint == report.checkpoint
    if reign and current and not is_same and not force:
        taken_back = report.checkpoint in reign.withdrawn
        reason = "it was taken back before; --force" if taken_back else find_objection(score, report.shards, current)
        if reason:
            raise UserError(f"{model}: stays behind the champion {describe_champion(current)}: {reason}")
    new_champion = Champion(
        model=model,
        run_id=run_id,
        checkpoint=report.checkpoint,
        report=sha256,
        shards=report.shards,
        score=None if score is None else score.model_copy(update={"code": "", "values": {}}),
        forced=force and not is_same,
        dvc=require_cached(root, [paths.checkpoint(model), paths.report(model), paths.run(model)]),
    )
    save_champions(
        root, champions.with_history(report.dataset, report.kind, _make_reign(reign, new_champion, is_same=is_same))
    )
    outcome = PromotionOutcome.UNCHANGED if is_same else PromotionOutcome.PROMOTED
    return Promotion(model, report.dataset, report.kind, outcome, new_champion, None if is_same else current)


def _make_reign(reign: ChampionHistory | None, new_champion: Champion, *, is_same: bool) -> ChampionHistory:
    if reign is None:
        return ChampionHistory(champion=new_champion)
    if is_same:  # its numbers may be new: another feature extractor, another evaluation
        return reign.model_copy(update={"champion": new_champion.model_copy(update={"forced": reign.champion.forced})})
    return ChampionHistory(
        champion=new_champion,
        before=(
            reign.champion,
            *(champion for champion in reign.before if champion.checkpoint != new_champion.checkpoint),
        ),
        withdrawn=tuple(champion for champion in reign.withdrawn if champion != new_champion.checkpoint),
    )


def _with_latest_scores(root: Path, champion: Champion) -> Champion:
    """Return a champion with the scores of its latest evaluation, if it is here.

    It may have been evaluated again, with a new feature extractor for example.
    """
    try:
        latest = load_candidate(champion.model, root)
    except ArtpipeError:
        return champion
    if latest.report.checkpoint != champion.checkpoint:
        return champion
    return champion.model_copy(update={"score": latest.report.decisive, "report": latest.sha256})


def restore_champion(root: Path, dataset: str, kind: str, champion: Champion) -> Path:
    """Return the folder with a champion's checkpoint, restored if need be."""
    usual_folder = paths.checkpoint(champion.model)
    if read_checkpoint_card(root / usual_folder)[1] == champion.checkpoint:
        return usual_folder
    folder = paths.champion(dataset, kind)
    try:
        restore_folders(root, {folder / Path(path).parts[1]: md5 for path, md5 in champion.dvc.items()})
    except ArtpipeError as error:
        problem = f"{describe_champion(champion)} cannot be brought back, so {paths.CHAMPIONS} stays as it is"
        raise ArtpipeError(f"{dataset} {kind}: {problem}: {error}") from None
    return folder / "checkpoints"


def require_champion(champions: Champions, dataset: str, kind: str) -> Champion:
    """Return the champion of a dataset and kind.

    Raises:
        UserError: there is none; which there are.
    """
    return _require_reign(champions, dataset, kind).champion


def _require_reign(champions: Champions, dataset: str, kind: str) -> ChampionHistory:
    reign = champions.find(dataset, kind)
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


def _hold_champions_lock(root: Path) -> AbstractContextManager[None]:
    return hold_lock(root / paths.STATE / "champions.lock", doing="moving a champion")
