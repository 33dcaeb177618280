"""Find folders that hold annotations instead of works.

Such as ``labels/`` beside ``images/``, masks and texts.
"""

from collections.abc import Collection, Iterable, Iterator, Sequence

from artpipe.layout import folder_words
from artpipe.layout.file_survey import FileSurvey

_MIN_MATCHING_SHARE = 0.5  # of the files of such a folder that are called as works elsewhere are


def mark_annotation_folders(survey: FileSurvey) -> None:
    """Mark the folders whose files are no works.

    They are recognised by their own name, by that of their neighbours, and by those of their files.
    """
    media = [medium for medium, kind in survey.kinds.items() if kind.suffixes]
    work_folders = {path: number for number, path in _find_work_folders(survey, media)}
    with_works = {*work_folders, *_parents_of_containers(work_folders)}
    marked = {number for path, number in work_folders.items() if _lies_beside_works(path, with_works)}
    works = [path for path, number in work_folders.items() if number not in marked]
    if works:
        annotation_folders = _find_annotation_names(survey, work_folders)
        marked.update(annotation_folders, _find_folders_named_like_works(survey, media, {*marked, *annotation_folders}))
    survey.database.executemany("UPDATE folders SET aside = 1 WHERE id = ?", [(number,) for number in marked])


def media_condition(media: Iterable[str]) -> str:
    """Return the SQL condition that a file may be a work of one of some media."""
    return "(" + " OR ".join(f"(',' || files.media || ',') LIKE '%,{medium},%'" for medium in media) + ")"


def _find_work_folders(survey: FileSurvey, media: Sequence[str]) -> list[tuple[int, str]]:
    query = f"SELECT DISTINCT id, path FROM files JOIN folders ON id = folder WHERE role = 'work' AND {media_condition(media)}"  # noqa: S608 - our own words
    return [(number, path) for number, path in survey.database.execute(query)]


def _lies_beside_works(path: str, with_works: Collection[str]) -> bool:
    """Return whether a folder lies where annotations do: ``masks`` beside ``images``.

    It could hold works by its files.
    """
    parts = path.split("/")
    parents = ("/".join(parts[:place]) for place, part in enumerate(parts) if folder_words.is_annotation(part))
    return any(parent in with_works for parent in parents)


def _parents_of_containers(paths: Iterable[str]) -> Iterator[str]:
    """Yield the parents of container folders (``images``) and of split folders."""
    for path in paths:
        parts = path.split("/")
        yield from (
            "/".join(parts[:place])
            for place, part in enumerate(parts)
            if folder_words.is_container(part) or folder_words.parse_split(part)
        )


def _find_annotation_names(survey: FileSurvey, work_folders: Iterable[str]) -> list[int]:
    """Return the folders without works that are named like annotations."""
    rows = survey.database.execute("SELECT id, path FROM folders")
    return [n for n, path in rows if path not in work_folders and any(map(folder_words.is_annotation, path.split("/")))]


def _find_folders_named_like_works(survey: FileSurvey, media: Sequence[str], excluded: set[int]) -> list[int]:
    """Return the folders without works whose files are named like works elsewhere.

    Most of their files are: ``txt/1.txt`` beside ``img/1.png``.
    """
    suffixes = ", ".join(f"'{suffix}'" for medium in media for suffix in survey.kinds[medium].suffixes)  # empty works
    query = f"""SELECT folder, count(*), sum(EXISTS (SELECT 1 FROM files works WHERE works.key = files.key
                AND works.folder <> files.folder AND {media_condition(media).replace("files.", "works.")}))
                FROM files GROUP BY folder HAVING max({media_condition(media)} OR suffix IN ({suffixes})) = 0"""  # noqa: S608 - our own words
    counts = survey.database.execute(query)
    return [
        folder
        for folder, count, matching in counts
        if folder not in excluded and matching >= _MIN_MATCHING_SHARE * count and matching > 1
    ]
