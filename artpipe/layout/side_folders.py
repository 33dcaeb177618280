"""Folders of what is known of works and no works themselves: ``labels/`` beside ``images/``, annotations, masks, texts."""

from collections.abc import Collection, Iterable, Iterator, Sequence

from artpipe.layout import folder_words
from artpipe.layout.file_survey import Survey

_SHARE = 0.5  # of the files of such a folder that are called as works elsewhere are


def mark_aside(survey: Survey) -> None:
    """Mark the folders whose files are no works, by their own name, that of their neighbours and those of their files."""
    strong = [medium for medium, kind in survey.kinds.items() if kind.suffixes]
    holding = {path: number for number, path in _folders_of_works(survey, strong)}
    beside = {*holding, *_parents_of_containers(holding)}
    aside = {number for path, number in holding.items() if _lies_beside_works(path, beside)}
    works = [path for path, number in holding.items() if number not in aside]
    if works:
        named = _named_aside(survey, holding)
        aside.update(named, _called_as_works(survey, strong, {*aside, *named}))
    survey.database.executemany("UPDATE folders SET aside = 1 WHERE id = ?", [(number,) for number in aside])


def claims(media: Iterable[str]) -> str:
    """Return the SQL condition that a file is claimed by one of some media."""
    return "(" + " OR ".join(f"(',' || files.media || ',') LIKE '%,{medium},%'" for medium in media) + ")"


def _folders_of_works(survey: Survey, media: Sequence[str]) -> list[tuple[int, str]]:
    query = f"SELECT DISTINCT id, path FROM files JOIN folders ON id = folder WHERE role = 'work' AND {claims(media)}"  # noqa: S608 - our own words
    return [(number, path) for number, path in survey.database.execute(query)]


def _lies_beside_works(path: str, beside: Collection[str]) -> bool:
    """Return whether a folder that could hold works lies where annotations do: ``masks`` beside ``images``."""
    parts = path.split("/")
    parents = ("/".join(parts[:place]) for place, part in enumerate(parts) if folder_words.is_annotation(part))
    return any(parent in beside for parent in parents)


def _parents_of_containers(paths: Iterable[str]) -> Iterator[str]:
    """Yield the folders that have one called after what lies in it, such as ``images``, or after a split."""
    for path in paths:
        parts = path.split("/")
        yield from (
            "/".join(parts[:place])
            for place, part in enumerate(parts)
            if folder_words.is_container(part) or folder_words.split_of(part)
        )


def _named_aside(survey: Survey, holding: Iterable[str]) -> list[int]:
    """Return the folders without works that are called after annotations."""
    rows = survey.database.execute("SELECT id, path FROM folders")
    return [n for n, path in rows if path not in holding and any(map(folder_words.is_annotation, path.split("/")))]


def _called_as_works(survey: Survey, media: Sequence[str], aside: set[int]) -> list[int]:
    """Return the folders without works most of whose files are called as works elsewhere: ``txt/1.txt`` of ``img/1.png``."""
    suffixes = ", ".join(f"'{suffix}'" for medium in media for suffix in survey.kinds[medium].suffixes)  # empty works
    named = f"""SELECT folder, count(*), sum(EXISTS (SELECT 1 FROM files works WHERE works.key = files.key
                AND works.folder <> files.folder AND {claims(media).replace("files.", "works.")}))
                FROM files GROUP BY folder HAVING max({claims(media)} OR suffix IN ({suffixes})) = 0"""  # noqa: S608 - our own words
    counts = survey.database.execute(named)
    return [
        folder for folder, count, called in counts if folder not in aside and called >= _SHARE * count and called > 1
    ]
