"""Note what is to leave a dataset's files, and refuse files that changed."""

from collections.abc import Collection, Iterator, Mapping
from contextlib import closing
from pathlib import Path

from artpipe.config.params import DatasetEntry, Frozen
from artpipe.contracts.modality import find_medium
from artpipe.errors import UserError
from artpipe.layout.file_survey import strip_suffix
from artpipe.layout.folder_words import fold_name
from artpipe.layout.input_files import WHOLE_FILE, InputFiles, make_archive_limits, open_input_files
from artpipe.layout.layout_detection import detect_layout, works_condition
from artpipe.preprocessing.jobs import work_kinds
from artpipe.project.forgetting.held_works import HeldWork
from artpipe.project.forgetting.work_facts import compute_facts
from artpipe.system.hashing import sha256_bytes
from artpipe.system.plain_text import to_printable


class SourceRemoval(Frozen):
    """What is to be taken out of one dataset's files."""

    digests: tuple[str, ...]  # SHA-256 of works, and of files set aside as their duplicates
    names: tuple[str, ...]  # of works and duplicates
    staying: tuple[str, ...] = ()  # works that stay and are called as one of those, in another folder or format


def plan_source_removal(
    dataset: str, entry: DatasetEntry, held: Collection[HeldWork], copies: Collection[str]
) -> SourceRemoval:
    """Return what is to leave a dataset's files.

    Args:
        dataset: its name.
        entry: its entry in params.yaml.
        held: its works that are to go.
        copies: names of its files that were set aside as duplicates of those.

    Raises:
        UserError: a file changed since it was ingested: its bytes are another work's.
    """
    works = {one.provenance.name: one.work.sha256 for one in held}
    digests, names = {*works.values()}, (*works, *copies)
    path = Path(entry.path)
    if not path.exists():
        return SourceRemoval(digests=tuple(sorted(digests)), names=names)
    inputs = open_input_files(path, make_archive_limits(entry.ingest))
    files = dict(_read_files(inputs, frozenset(names)))
    changed = [
        name for name, digest in works.items() if name in files and digest not in _hash_works(entry, name, files)
    ]
    unknown = {name: files[name] for name in copies if name in files and not digests & _hash_works(entry, name, files)}
    alike = set(_find_alike(entry, unknown, [int(one.work.phash, 16) for one in held if one.work.phash]))
    changed += [name for name in unknown if name not in alike]
    if changed:
        others = f" and {len(changed) - 1:,} more" if len(changed) > 1 else ""
        raise UserError(
            f"{to_printable(f'{path}/{changed[0]}')}{others} changed since it was ingested; run `artpipe run ingest@{dataset}` first"
        )
    digests |= {sha256_bytes(files[name]) for name in alike}
    staying = tuple(_list_namesakes(inputs, entry, frozenset(names)))
    return SourceRemoval(digests=tuple(sorted(digests)), names=names, staying=staying)


def _read_files(inputs: InputFiles, names: Collection[str]) -> Iterator[tuple[str, bytes]]:
    """Yield the files of some names; those that cannot be read are no works, and stay."""
    for file in inputs.read_entries(lambda name: WHOLE_FILE if name in names else 0):
        if file.name in names and file.rejected is None:
            yield file.name, file.data


def _hash_works(entry: DatasetEntry, name: str, files: Mapping[str, bytes]) -> set[str]:
    """Return the SHA-256 of a file and of the works in it."""
    works = find_medium(entry).split_file(name, files[name], entry.ingest)
    return {sha256_bytes(files[name]), *(sha256_bytes(work.data) for work in works)}


def _find_alike(entry: DatasetEntry, files: Mapping[str, bytes], looks: Collection[int]) -> Iterator[str]:
    """Yield the files that still look like one of the works."""
    bits = entry.ingest.near_duplicate_bits
    for name, facts in compute_facts(entry, files.items()) if files else ():
        look = int(facts.perceptual_hash or "0", 16) if facts else 0
        if look and any((look ^ other).bit_count() <= bits for other in looks):
            yield name


def _list_namesakes(inputs: InputFiles, entry: DatasetEntry, names: Collection[str]) -> Iterator[str]:
    """Yield the works that stay and have the name or stem of one that goes."""
    stems = {_fold_stem(name) for name in names}
    with closing(detect_layout(inputs, work_kinds(), medium=entry.medium)) as layout:
        for file in layout.survey.files(works_condition(layout)):
            if file.path not in names and _fold_stem(file.path) in stems:
                yield file.path


def _fold_stem(path: str) -> str:
    return fold_name(strip_suffix(path.rpartition("/")[2]))
