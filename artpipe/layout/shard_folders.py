"""Tell whether a folder consists of archives, or of tables of pictures."""

from collections.abc import Iterable

from artpipe.layout.folder_words import ARCHIVE_SUFFIXES, TABLE_SUFFIXES, fold_name, is_listing, is_readme

_BESIDE_SHARDS = (".json", ".parquet", ".csv", ".yaml", ".yml", ".idx", ".index", ".html", ".pdf")


def find_shard_suffixes(names: Iterable[str]) -> tuple[str, ...]:
    """Return the suffixes of the archives that the files of a folder are.

    Tables of pictures are such archives where no other archives are; beside others they are listings of them. There are
    none where a file could be a work: the search ends at the first one.
    """
    has_archives = has_tables = False
    for name in names:
        folded = fold_name(name)
        if folded.endswith(ARCHIVE_SUFFIXES):
            has_archives = True
        elif folded.endswith(TABLE_SUFFIXES):
            has_tables = True
        elif not _may_lie_beside_shards(name):
            return ()
    return ARCHIVE_SUFFIXES if has_archives else TABLE_SUFFIXES if has_tables else ()


def _may_lie_beside_shards(name: str) -> bool:
    return is_readme(name) or is_listing(name) or name.startswith("__") or name.lower().endswith(_BESIDE_SHARDS)
