"""Detect the medium of a new dataset and choose its first parameters."""

from collections.abc import Iterator, Mapping
from contextlib import closing
from pathlib import Path
from typing import TYPE_CHECKING, Any

from artpipe import plugins
from artpipe.config.params import MINIMUM_WORKS, DatasetEntry, IngestParams, validate_as
from artpipe.contracts.modality import FileWork, find_medium
from artpipe.contracts.plugin_info import medium_info
from artpipe.errors import UserError
from artpipe.language.message import join_texts
from artpipe.language.sentences import read_sentence
from artpipe.layout.input_files import make_archive_limits, open_input_files
from artpipe.layout.layout_detection import detect_layout
from artpipe.layout.layout_summary import LayoutSummary, summarise_layout
from artpipe.layout.work_kinds import format_count
from artpipe.preprocessing.jobs import job_name, work_kinds
from artpipe.project.import_files import archive_suffix
from artpipe.system.plain_text import to_printable
from artpipe.untrusted.magic_bytes import SIGNATURE_BYTES
from artpipe.untrusted.worker_pool import WorkerLimits, outcomes

if TYPE_CHECKING:
    from artpipe.contracts.source import Source

_MAX_COUNTED_BYTES = 64 << 20  # of a file whose works are counted before it is added
_SPLIT_SHARES = {"validation": 0.1, "test": 0.2}  # of a small dataset: enough works to measure on


def inspect_input(path: Path, medium: str = "", ingest: Mapping[str, Any] | None = None) -> LayoutSummary:
    """Return how an input is understood; nothing is copied or changed.

    It is a folder, an archive or one file of many works. `ingest` is what was said that differs from its defaults:
    `classes`, `splits`, limits of archives.

    Raises:
        UserError: no such place, no works in it, a medium that cannot be told, or a table that cannot be read.
    """
    if not path.exists():
        raise UserError(f"{path}: no such file or folder")
    if not (path.is_dir() or path.is_file()):
        raise UserError(f"{path}: neither a folder nor a file (a pipe, a socket or a device)")
    if medium:
        plugins.load_plugin("modalities", medium)
    params = validate_as(IngestParams, dict(ingest or {}), file="artpipe dataset")
    single = may_hold_many_works(path)
    if not path.is_dir() and not single:
        archive_suffix(path)
    place, splits = open_input_files(path, make_archive_limits(params), single=single), params.splits == "keep"
    with closing(detect_layout(place, work_kinds(), medium=medium, classes=params.classes, splits=splits)) as layout:
        return summarise_layout(layout)


def choose_ingest(summary: LayoutSummary, ingest: Mapping[str, Any] | None) -> dict[str, Any]:
    """Return the `ingest` of an entry: what was said, titles as captions."""
    reads_captions = "captions" in plugins.load_plugin("modalities", summary.medium).columns
    return {**({"captions": "titles"} if summary.titles and reads_captions else {}), **(ingest or {})}


def describe_summary(summary: LayoutSummary) -> str:
    """Return in lines what was understood, and the options that would change it."""
    alternatives = [f"--medium {name}" for name in summary.other_media]
    applies = {
        "folders": summary.folders > 1,
        "metadata": summary.passed_over.get("table", 0) > 0,
        "none": bool(summary.classes),
    }
    if rules := [rule for rule, does_apply in applies.items() if does_apply and rule != summary.classes_from]:
        alternatives.append(f"--classes {'|'.join(rules)}")
    if summary.splits:
        alternatives.append("--splits ignore")
    otherwise = f"  to say otherwise: {', '.join(alternatives)}\n" if alternatives else ""
    kind = work_kinds()[summary.medium]
    sentence = summary.sentence(f"{kind.noun} file" if kind.many else kind.noun)
    return f"understood as {to_printable(sentence)}\n{otherwise}"


def describe_works_inside(path: Path, medium: str, ingest: Mapping[str, Any] | None = None) -> str:
    """Return a line on how many works one file of many holds.

    Empty for any other input and for a large file.
    """
    if not may_hold_many_works(path) or path.stat().st_size > _MAX_COUNTED_BYTES:
        return ""
    kind, params = (
        plugins.load_plugin("modalities", medium),
        validate_as(IngestParams, dict(ingest or {}), file="artpipe dataset"),
    )
    works = kind.split_file(path.name, path.read_bytes(), params)
    count = sum(1 for work in works if "rejected" not in work.fields)
    hint = medium_info(medium).separator_hint
    advice = f"; {hint}" if count == 1 and hint and not params.separator else ""
    return f"  {format_count(count, kind.noun)} in it{advice}\n"


def may_hold_many_works(path: Path) -> bool:
    """Return whether this one file may hold many works, as text and JSON lines do."""
    if not path.is_file():
        return False
    try:
        with path.open("rb") as stream:
            start = stream.read(SIGNATURE_BYTES)
    except OSError:
        return False
    return any(kind.many and start and kind.matches(start, path.name) for kind in work_kinds().values())


def make_preprocess_params(medium: str, size: int, short_side: int = 0) -> dict[str, Any]:
    """Return the preprocess parameters that a new dataset begins with.

    `size` is the side of pictures, in pixels; `short_side` the shorter one of most works, 0 where it is not known.
    """
    info = medium_info(medium)
    starting_params = info.small_params if 0 < short_side < info.small_side else info.starting_params
    size_params = {info.size_parameter: size} if info.axes == 2 else {}  # noqa: PLR2004 - a square
    return {**size_params, **starting_params, **_SPLIT_SHARES}


def require_enough_works(entry: DatasetEntry, place: Path) -> None:
    """Refuse files of which ingest would keep too few works.

    It looks at as many as are needed to know.

    Raises:
        UserError: fewer than a dataset needs, and why the first of the others would not be kept.
    """
    medium, limits = find_medium(entry), WorkerLimits(workers=1, batch_inputs=MINIMUM_WORKS)
    accepted: set[bytes] = set()
    refusal = ""
    job, settings = job_name(medium.inspect), entry.ingest.model_dump(mode="json")
    with closing(outcomes(_iterate_works(entry), job=job, settings=settings, limits=limits)) as results:
        for (name, part), outcome in results:
            reason = part.fields.get("rejected", outcome.reason)
            if reason is None:
                accepted.add(part.data)
            elif not refusal:
                detail = read_sentence(join_texts(part.fields.get("notes", ())) or outcome.detail)
                hint = medium_info(entry.medium).refusal_hints.get(reason, "")
                problem = ", ".join(filter(None, [reason, detail]))
                refusal = f"; {name} is not kept: " + "; ".join(filter(None, [problem, hint]))
            if len(accepted) == MINIMUM_WORKS:
                return
    noun = f"{medium.noun}{'' if len(accepted) == 1 else 's'}"
    message = f"{place}: {len(accepted)} {noun} in it, a dataset needs at least {MINIMUM_WORKS}"
    raise UserError(message + (refusal or _advise_separator(entry, place)))


def _iterate_works(entry: DatasetEntry) -> Iterator[tuple[tuple[str, FileWork], bytes]]:
    """Yield name and part, and its bytes, of every work that was not rejected."""
    source: Source = plugins.load_plugin("sources", entry.source)
    for candidate in source.candidates(entry):
        if candidate.rejected is None:
            for part in find_medium(entry).split_file(candidate.name, candidate.data, entry.ingest):
                yield (candidate.name + part.name, part), part.data


def _advise_separator(entry: DatasetEntry, place: Path) -> str:
    hint = medium_info(entry.medium).separator_hint
    whole = not entry.ingest.separator and not place.name.endswith((".json", ".jsonl"))
    return f"; {hint}" if hint and whole else ""
