"""From reports and runs on disk to an artist, or to a named gap."""

import re
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from itertools import chain, count
from pathlib import Path
from typing import Any

from artpipe.artifacts import paths
from artpipe.artifacts.curation import list_recipes
from artpipe.artifacts.report import Neighbour, ReportCard, SavedExhibit, load_report
from artpipe.artifacts.run import RunRecord
from artpipe.contracts.gallery_work import GalleryWork, Media, NearWork, RealWork, put_best_first
from artpipe.contracts.plugin_info import WallText, model_info
from artpipe.contracts.section import Artist, Gap, GapReason
from artpipe.contracts.training_record import Curve, Frame
from artpipe.errors import ArtpipeError, CorruptError, UserError
from artpipe.language.message import Message
from artpipe.language.sentences import Sentences, list_languages, load_sentences
from artpipe.modalities.picture.captions import UNTITLED
from artpipe.site.live_scripts import add_live_script
from artpipe.site.media_files import MediaStore
from artpipe.site.translation import clean_line, make_slug
from artpipe.storage.dvc_config import is_cache_link
from artpipe.system.threads import map_in_threads

_STEP = re.compile(r"step-(\d+)")
_LINE_CHARACTERS, _MAXIMUM_LINES = 2000, 400  # what is shown of a text at most: letters of a line, lines
_FRAME_LINES = 40  # lines of a text at one evaluation point
_FRAME_SUFFIXES = {".png", ".webp", ".jpg", ".wav", ".ogg", ".flac"}  # what a training leaves at its evaluation points
FindWork = Callable[[str], RealWork]


def load_pair(root: Path, model: str) -> tuple[ReportCard, RunRecord] | GapReason:
    """Return the report and the run of a model, or why they cannot hang together."""
    try:
        run = RunRecord.open(root / paths.run(model))
    except UserError:
        return "no run"
    except ArtpipeError:
        return "damaged"
    try:
        report, _ = load_report(root / paths.report(model))
    except UserError:
        return "no report"
    except ArtpipeError:
        return "damaged"
    if report.checkpoint != run.card.checkpoint:
        return "another checkpoint"
    return report, run


def list_digests(report: ReportCard) -> set[str]:
    """Return the real works a report speaks of."""
    neighbours = {neighbour.digest for exhibit in report.exhibits for neighbour in exhibit.neighbours}
    compared = {*report.live.works} if report.live else set()
    return neighbours | compared | {digest for exhibit in report.exhibits for digest in exhibit.digests}


def load_artist(
    root: Path,
    name: str,
    title: str,
    entry: Mapping[str, Any],
    pair: tuple[ReportCard, RunRecord],
    media: MediaStore,
    find_work: FindWork,
    sentences: Sentences,
    texts: Mapping[str, WallText],
) -> Artist | Gap:
    """Return a model and its works by the order of `texts`, else a gap."""
    (report, run), folder = pair, root / paths.report(name)
    info = model_info(report.kind)
    order = {role: place for place, role in enumerate(texts)}
    try:
        loaded = _load_works(folder, name, report, media, find_work, sentences)
        works = tuple(put_best_first(sorted(loaded, key=lambda work: order.get(work.role, len(order)))))
        frames = tuple(_load_frames(run.progress, media))
        live = add_live_script(folder, report, works, media, find_work)
        rows = list(map(_check_row, run.journal.rows()))
    except (ArtpipeError, OSError, ValueError) as error:
        return Gap(name, title, _name_reason(error))
    return Artist(
        name=name,
        title=title,
        kind=report.kind,
        kind_title=info.title or report.kind,
        learns=info.learns,
        wall_texts=texts,
        params=run.card.params or dict(entry),
        report=report,
        run=run.card,
        works=works,
        frames=frames,
        live=live,
        losses=_make_curves(rows, "losses"),
        validation=_make_curves(rows, "validation"),
        events=tuple((int(row["step"]), _format_event(row["event"], sentences)) for row in rows if "event" in row),
    )


def _name_reason(error: Exception) -> GapReason:
    """Return whether files are damaged or missing, or are there and cannot be read.

    Pillow raises an OSError without a number over a damaged picture.
    """
    causes = [one for one in (error, error.__context__) if isinstance(one, OSError)]
    is_unreadable = any(one.errno is not None and not isinstance(one, FileNotFoundError) for one in causes)
    return "not readable" if is_unreadable else "damaged"


def _load_works(
    folder: Path, model: str, report: ReportCard, media: MediaStore, find_work: FindWork, sentences: Sentences
) -> Iterable[GalleryWork]:
    def load_work(named: tuple[str, SavedExhibit]) -> GalleryWork:
        name, exhibit = named
        return _load_work(name, exhibit, folder, media, find_work)

    works = map_in_threads(load_work, name_works(model, report))
    languages = {language: load_sentences(language) for language in list_languages()}
    for work, exhibit, recipe in zip(works, report.exhibits, list_recipes(report), strict=True):
        caption = _name_source(_correct_length(exhibit.caption, work.media), work.sources)
        titles = {language: _make_title(caption, other) for language, other in languages.items()}
        yield replace(
            work,
            title=_make_title(caption, sentences),
            recipe=recipe,
            titles=titles,
            caption_names=tuple(dict.fromkeys(_list_names(exhibit.caption))),
        )


def _list_names(message: Message) -> Iterator[str]:
    """Yield what a caption names, also in messages within it."""
    for value in message.values.values():
        for item in value if isinstance(value, tuple) else [value]:
            if isinstance(item, Message):
                yield from _list_names(item)
            elif isinstance(item, str):
                yield item


def name_works(model: str, report: ReportCard) -> Iterable[tuple[str, SavedExhibit]]:
    """Yield what a model hangs, each with the name of its page."""
    names: set[str] = set()
    for exhibit in report.exhibits:
        base = f"{model}-{make_slug(Path(exhibit.file).stem)}"
        name = next(name for name in chain([base], (f"{base}-{i}" for i in count(2))) if name not in names)
        names.add(name)
        yield name, exhibit


def _load_work(name: str, exhibit: SavedExhibit, folder: Path, media: MediaStore, find_work: FindWork) -> GalleryWork:
    work_media, text, path = None, "", require_inside(folder, exhibit.file)
    if exhibit.kind == "text":
        text = _read_text(path, _MAXIMUM_LINES)
    else:
        work_media = media.add_file(path, exhibit.sha256)

    def make_near(neighbour: Neighbour) -> NearWork:
        return NearWork(find_work(neighbour.digest), neighbour.distance)

    return GalleryWork(
        id=name,
        title="",  # made of what its file turns out to be
        kind=exhibit.kind,
        role=exhibit.role,
        seed=exhibit.seed,
        media=work_media,
        text=text,
        certainty=exhibit.certainty or 0.0,
        sources=tuple(find_work(digest) for digest in exhibit.digests),
        shares=exhibit.shares,
        other_models=exhibit.other_models,
        neighbours=tuple(make_near(neighbour) for neighbour in exhibit.neighbours),
        parts={
            part: media.add_file(require_inside(folder, saved_file.file), saved_file.sha256)
            for part, saved_file in exhibit.parts.items()
        },
    )


def require_inside(folder: Path, name: str) -> Path:
    """Return a file of `folder`.

    Raises:
        CorruptError: the name leads out of it.
    """
    path = folder / name
    if not path.resolve().is_relative_to(folder.resolve()) and not is_cache_link(path):
        raise CorruptError(f"{folder}: `{name}` lies outside")
    return path


def _load_frames(files: Iterable[Path], media: MediaStore) -> Iterable[Frame]:
    def load_frame(path: Path) -> Frame | None:
        match = _STEP.match(path.name)
        if match and path.suffix.lower() == ".txt":
            return Frame(int(match[1]), None, _read_text(path, _FRAME_LINES))
        if match and path.suffix.lower() in _FRAME_SUFFIXES:
            return Frame(int(match[1]), media.add_file(path))
        return None

    return [frame for frame in map_in_threads(load_frame, files) if frame]


def _read_text(path: Path, limit: int) -> str:
    """Return a text line by line, its end said where it is longer than `limit` lines."""
    lines = path.read_text("utf-8", errors="replace").strip("\n").split("\n")
    return "\n".join([clean_line(line, _LINE_CHARACTERS) for line in lines[:limit]] + ["\u2026"] * (len(lines) > limit))


def _check_row(row: object) -> dict[str, Any]:
    """Return a row of the journal.

    Raises:
        CorruptError: it is not what a training writes.
    """
    if isinstance(row, dict) and isinstance(row.get("step"), int):
        numbers = [row.get(key, {}) for key in ("losses", "validation")]
        if all(isinstance(by_name, dict) for by_name in numbers):
            return row
    raise CorruptError(f"a row of the journal is {str(row)[:40]!r}")


def _make_curves(rows: Iterable[Mapping[str, Any]], key: str) -> tuple[Curve, ...]:
    series: dict[str, list[tuple[int, float]]] = {}
    for row in rows:
        for name, value in row.get(key, {}).items():
            if isinstance(value, int | float):
                series.setdefault(str(name), []).append((int(row["step"]), float(value)))
    return tuple(Curve(name, tuple(points)) for name, points in series.items())


def _correct_length(caption: Message, media: Media | None) -> Message:
    """Return a caption whose `length` is what the player beside it says.

    A piece is shorter than its file, in which the last chord dies away.
    """
    if media is None or not media.seconds or "length" not in caption.values:
        return caption
    minutes, seconds = divmod(int(media.seconds), 60)
    return caption.model_copy(update={"values": caption.values | {"length": f"{minutes}:{seconds:02d}"}})


def _name_source(caption: Message, sources: Sequence[RealWork]) -> Message:
    """Return a caption that calls the work by its title, where it has one."""
    title = sources[0].title if len(sources) == 1 else ""
    if caption.code == "work_and_reconstruction" and title:
        return Message(code="named_work_and_reconstruction", values={"work": title})
    return caption


def _make_title(caption: Message, sentences: Sentences) -> str:
    text = clean_line(sentences(caption)) or sentences(UNTITLED)
    return text[:1].upper() + text[1:]


def _format_event(event: object, sentences: Sentences) -> str:
    """Return the sentence of an event of the journal.

    Older journals have sentences instead of codes.
    """
    return clean_line(sentences(Message.model_validate(event) if isinstance(event, dict) else Message.of(str(event))))
