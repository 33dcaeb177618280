"""What a new dataset is: its medium, told by its files, and what its entries begin with."""

from collections.abc import Iterator, Mapping
from contextlib import closing
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING, Any

from artpipe import plugins
from artpipe.copying import archive_suffix
from artpipe.errors import UserError
from artpipe.inputs.archives import ArchiveLimits, members
from artpipe.inputs.enough import MINIMUM_WORKS
from artpipe.inputs.hidden import lies_hidden
from artpipe.inputs.pool import Limits, outcomes
from artpipe.inputs.signatures import SIGNATURE_BYTES
from artpipe.media import Medium, Part, job_name, medium_of
from artpipe.params import DatasetEntry
from artpipe.still import below

if TYPE_CHECKING:
    from artpipe.sources import Source

_LOOKED_AT = 500  # files
_FIRST = ("picture", "text")  # where as many files may be of several media
_OWN = {"validation": 0.1, "test": 0.2}  # of a small dataset: enough works to measure on
_KINDS = {"picture": ("gan", "vae", "classifier")}  # of models; of what is no picture:
_KINDS_ELSE = ("rnn",)
_PREPROCESS: Mapping[str, Mapping[str, Any]] = {"picture": {"channels": 3, "trim": True}}
FIRST_LOOK: Mapping[str, Mapping[str, Any]] = {  # about a hundred works within minutes; other kinds keep their defaults
    "classifier": {"steps": 300, "batch_size": 32},
    "gan": {
        "steps": 2400,
        "batch_size": 16,
        "generator_width": 64,
        "discriminator_width": 48,
        "least_width": 24,
        "rate": 0.0005,
        "warmup_steps": 100,
        "r1": 1.0,
        "r2": 1.0,
        "augment": ["flip", "translation"],
    },
    "vae": {"steps": 1000, "batch_size": 32},
    "rnn": {"steps": 1500, "batch_size": 16, "dropout": 0.3},
}


def medium_at(path: Path) -> str:
    """Return the medium that most files of a folder, an archive or one file are of.

    Raises:
        UserError: none is of any.
    """
    media: dict[str, Medium] = {name: plugins.find("media", name) for name in plugins.names("media")}
    starts = list(islice(_starts(path), _LOOKED_AT))
    counts = {name: sum(medium.begins(*start) for start in starts) for name, medium in media.items()}
    if not any(counts.values()):
        known = "; ".join(f"{medium.noun}s: {medium.files}" for medium in media.values())
        found = f"none of its {len(starts)} files is" if starts else "no files in it; works are wanted"
        raise UserError(f"{path}: {found} of a known medium ({known})")
    return max(sorted(counts, key=lambda name: (name not in _FIRST, name)), key=lambda name: counts[name])


def _starts(path: Path) -> Iterator[tuple[bytes, str]]:
    """Yield the first bytes and the name of each file that is not hidden."""
    if path.is_dir():
        for found in below(path):
            if found.is_file() and not found.is_symlink() and not lies_hidden(found.relative_to(path).as_posix()):
                yield from _start(found)
    elif is_single(path):
        yield from _start(path)
    else:
        archive_suffix(path)
        with closing(members(path, ArchiveLimits(), lambda name: not lies_hidden(name))) as found_members:
            kept = (one for one in found_members if one.rejected is None and not lies_hidden(one.name))
            yield from ((one.data[:SIGNATURE_BYTES], one.name) for one in kept)


def _start(path: Path) -> Iterator[tuple[bytes, str]]:
    try:
        with path.open("rb") as stream:
            if begins := stream.read(SIGNATURE_BYTES):  # an empty file is of no medium, and may be one of many
                yield begins, path.name
    except OSError:
        return


def is_single(path: Path) -> bool:
    """Return whether this one file may hold many works, as text and JSON lines do."""
    if not path.is_file():
        return False
    media: list[Medium] = [plugins.find("media", name) for name in plugins.names("media") if name != "picture"]
    return any(medium.begins(*start) for start in _start(path) for medium in media)


def kinds_of(medium: str) -> tuple[str, ...]:
    """Return the kinds of models that a dataset of this medium is given where none are named."""
    return _KINDS.get(medium, _KINDS_ELSE)


def preprocess_of(medium: str, size: int) -> dict[str, Any]:
    """Return the preprocess parameters that a dataset begins with; `size` is that of pictures."""
    own = {"size": size} if medium == "picture" else {}
    return {**own, **_PREPROCESS.get(medium, {}), **_OWN}


def require_kept(entry: DatasetEntry, place: Path) -> None:
    """Refuse files of which ingest would keep too few works; looks at as many as it takes to know.

    Raises:
        UserError: fewer than a dataset needs, and why the first of the others would not be kept.
    """
    medium, limits = medium_of(entry), Limits(workers=1, batch_inputs=MINIMUM_WORKS)
    kept: set[bytes] = set()
    refused = ""
    job, settings = job_name(medium.inspect), entry.ingest.model_dump(mode="json")
    with closing(outcomes(_parts(entry), job=job, settings=settings, limits=limits)) as found:
        for (name, part), outcome in found:
            reason = part.fields.get("rejected", outcome.reason)
            if reason is None:
                kept.add(part.data)
            elif not refused:
                refused = f"; {name} {_because(reason, '; '.join(part.fields.get('notes', ())) or outcome.detail)}"
            if len(kept) == MINIMUM_WORKS:
                return
    noun = f"{medium.noun}{'' if len(kept) == 1 else 's'}"
    message = f"{place}: {len(kept)} {noun} in it, a dataset needs at least {MINIMUM_WORKS}"
    raise UserError(message + (refused or _advice(entry, place)))


def _parts(entry: DatasetEntry) -> Iterator[tuple[tuple[str, Part], bytes]]:
    """Yield name and part, and its bytes, of every work that the source has not rejected."""
    source: Source = plugins.find("sources", entry.source)
    for one in source.candidates(entry):
        if one.rejected is None:
            for part in medium_of(entry).parts(one.name, one.data, entry.ingest):
                yield (one.name + part.name, part), part.data


def _because(reason: str, detail: str) -> str:
    option = "; `--voices N` takes others, 0 takes chords" if reason == "other voices" else ""
    return f"is not kept: {reason}{', ' if detail else ''}{detail}{option}"


def _advice(entry: DatasetEntry, place: Path) -> str:
    whole = entry.medium == "text" and not entry.ingest.separator and not place.name.endswith((".json", ".jsonl"))
    return "; `--separator '\\n\\n'` cuts a file where a line is empty" if whole else ""
