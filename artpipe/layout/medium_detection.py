"""The medium of a place: what is most likely the work; a caption, a label or a readme beside works decides nothing."""

from collections import Counter

from artpipe.config.params import MINIMUM_WORKS
from artpipe.errors import UserError
from artpipe.layout.file_survey import Survey
from artpipe.layout.side_folders import claims
from artpipe.layout.work_kinds import counted, suffix_of
from artpipe.system.plain_text import plain

_OUTNUMBERED = 10  # times as many works of another medium: then it is that one's dataset, with some others in it


def decide_medium(survey: Survey) -> str:
    """Return the medium that the works of a place are of.

    Raises:
        UserError: no file is of any, or many are of one and as many of another that are not named alike.
    """
    counts = {medium: _count_own(survey, medium) for medium in survey.kinds}
    if not any(counts.values()):
        counts = {medium: _count(survey, medium, "role IN ('work', 'list')") for medium in survey.kinds}
    place, kinds = plain(str(survey.place.path)), survey.kinds
    if not any(counts.values()):
        known = "; ".join(f"{kind.noun}s: {kind.files}" for kind in kinds.values())
        files = survey.database.execute("SELECT count(*) FROM files").fetchone()[0]
        told = f"none of its {counted(files, 'file')} is" if files else "no files in it; works are wanted"
        raise UserError(f"{place}: {told} of a known medium ({known}){describe_unread(survey.unread)}")
    ranked = sorted(counts, key=lambda name: (-counts[name], not kinds[name].likely, name))
    best = ranked[0]
    for other in ranked[1:]:
        alone = _count_own(survey, other, f"AND NOT {claims([best])}")
        if alone >= MINIMUM_WORKS and alone * _OUTNUMBERED > counts[best]:
            both = f"{counted(counts[best], kinds[best].noun)} and {counted(alone, kinds[other].noun)}"
            advice = f"say which are the works: `--medium {best}` or `--medium {other}`"
            raise UserError(f"{place}: {both}; {advice}")
    return best


def describe_unread(unread: Counter[str]) -> str:
    """Return the commonest of the formats that are known and not read, with its count and what to do, for a message."""
    return "".join(f"; {count:,} {advice}" for advice, count in unread.most_common(1))


def _count(survey: Survey, medium: str, where: str) -> int:
    query = f"SELECT count(*) FROM files JOIN folders ON id = folder WHERE {claims([medium])} AND {where}"  # noqa: S608 - our own words
    return int(survey.database.execute(query).fetchone()[0])


def _count_own(survey: Survey, medium: str, where: str = "") -> int:
    """Return how many files of a medium are no sidecars of works of another one."""
    where = f"aside = 0 AND role = 'work' {where}"
    count = _count(survey, medium, where)
    others = [name for name, kind in survey.kinds.items() if name != medium and kind.suffixes]
    if survey.kinds[medium].suffixes and not survey.kinds[medium].many:
        return count
    if not any(_count(survey, other, "role = 'work'") for other in others):
        return count
    for file in survey.files(f"{claims([medium])} AND {where}"):
        suffix, folder = suffix_of(file.name), survey.folder_id(file.folder)
        if (
            folder is not None
            and suffix not in survey.kinds[medium].suffixes
            and any(survey.work_key(folder, file.name, other) is not None for other in others)
        ):
            count -= 1
    return count
