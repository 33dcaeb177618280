"""Detect the medium of an input: what is most likely the works.

Captions, labels and readmes beside works decide nothing.
"""

from collections import Counter

from artpipe.config.params import MINIMUM_WORKS
from artpipe.errors import UserError
from artpipe.layout.annotation_folders import media_condition
from artpipe.layout.file_survey import FileSurvey
from artpipe.layout.work_kinds import format_count, get_suffix
from artpipe.system.plain_text import to_printable

_MIN_RATIO = 10  # times as many works of another medium: then it is that one's dataset, with some others in it


def detect_medium(survey: FileSurvey) -> str:
    """Return the medium of the works of an input.

    Raises:
        UserError: no file is of any, or many are of one and as many of another that are not named alike.
    """
    counts = {medium: _count_works(survey, medium) for medium in survey.kinds}
    if not any(counts.values()):
        counts = {medium: _count(survey, medium, "role IN ('work', 'list')") for medium in survey.kinds}
    place, kinds = to_printable(str(survey.inputs.path)), survey.kinds
    if not any(counts.values()):
        formats = "; ".join(f"{kind.noun}s: {kind.files}" for kind in kinds.values())
        files = survey.database.execute("SELECT count(*) FROM files").fetchone()[0]
        problem = f"none of its {format_count(files, 'file')} is" if files else "no files in it; works are wanted"
        raise UserError(f"{place}: {problem} of a known medium ({formats}){describe_unread_formats(survey.unread)}")
    ranked = sorted(counts, key=lambda name: (-counts[name], not kinds[name].is_preferred, name))
    best = ranked[0]
    for other in ranked[1:]:
        only_other = _count_works(survey, other, f"AND NOT {media_condition([best])}")
        if only_other >= MINIMUM_WORKS and only_other * _MIN_RATIO > counts[best]:
            both = f"{format_count(counts[best], kinds[best].noun)} and {format_count(only_other, kinds[other].noun)}"
            advice = f"say which are the works: `--medium {best}` or `--medium {other}`"
            raise UserError(f"{place}: {both}; {advice}")
    return best


def describe_unread_formats(unread: Counter[str]) -> str:
    """Return the most frequent unread format, its count and what to do, for a message."""
    return "".join(f"; {count:,} {advice}" for advice, count in unread.most_common(1))


def _count(survey: FileSurvey, medium: str, where: str) -> int:
    query = f"SELECT count(*) FROM files JOIN folders ON id = folder WHERE {media_condition([medium])} AND {where}"  # noqa: S608 - our own words
    return int(survey.database.execute(query).fetchone()[0])


def _count_works(survey: FileSurvey, medium: str, where: str = "") -> int:
    """Return how many files of a medium are no sidecars of works of another one."""
    where = f"aside = 0 AND role = 'work' {where}"
    count = _count(survey, medium, where)
    others = [name for name, kind in survey.kinds.items() if name != medium and kind.suffixes]
    if survey.kinds[medium].suffixes and not survey.kinds[medium].many:
        return count
    if not any(_count(survey, other, "role = 'work'") for other in others):
        return count
    for file in survey.files(f"{media_condition([medium])} AND {where}"):
        suffix, folder = get_suffix(file.name), survey.folder_id(file.folder)
        if (
            folder is not None
            and suffix not in survey.kinds[medium].suffixes
            and any(survey.find_work_key(folder, file.name, other) is not None for other in others)
        ):
            count -= 1
    return count
