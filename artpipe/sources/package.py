"""Read files of a package index or HTTPS address, pinned by a card.

They are read member by member, never installed and never run.
"""

import fnmatch
import json
import re
import string
from collections.abc import Iterator
from functools import partial
from itertools import chain
from pathlib import Path, PurePosixPath
from typing import Annotated, Any, Literal, Self

from pydantic import Field, model_validator

from artpipe.config.params import About, DatasetEntry, Frozen
from artpipe.contracts.source import Candidate, Source
from artpipe.errors import UserError
from artpipe.language.message import Message
from artpipe.untrusted.archives.archive_reader import ArchiveLimits, Member, read_members
from artpipe.untrusted.downloads import (
    PinnedFile,
    downloaded_path,
    fetch_pinned_file,
    read_pin_card,
    read_pinned_member,
)
from artpipe.untrusted.grey_png import encode_pictures
from artpipe.untrusted.idx import IdxArray, IdxError, read_idx
from artpipe.untrusted.rejection import with_parameter

_PICTURE_DIMENSIONS = 3  # dimensions of an idx file of grey pictures


class IdxPart(Frozen):
    """Two members that belong together; `split` where the dataset has an official one."""

    images: str
    labels: str | None = None
    split: Literal["train", "test"] | None = None


class IdxWorks(Frozen):
    """Records of idx files; each record is a work."""

    format: Literal["idx"]
    parts: tuple[IdxPart, ...] = Field(min_length=1)
    title: str = ""  # `{label}` stands for the record's label


class LabelTable(Frozen):
    """A JSON list in another package with labels and titles by stem of a file name."""

    package: PinnedFile
    member: str
    keys: tuple[str, ...] = Field(min_length=1)  # fields that hold a stem, whatever its case
    label: str | None = None  # field
    title: str | None = None  # field
    no_labels: tuple[str, ...] = ()  # values that are no labels
    variants: str | None = None  # a field with an object of records that have the title of theirs, and no label
    variant_words: dict[str, str] = Field(default_factory=dict)  # behind that title, by what distinguishes a variant


class PictureWorks(Frozen):
    """Members that are picture files."""

    format: Literal["pictures"]
    members: str | tuple[str, ...]  # a pattern or several, `*` for any text
    skip: tuple[str, ...] = ()  # patterns of members that are left out
    table: LabelTable | None = None


class MemberWorks(Frozen):
    """Members that are works of any medium.

    `{stem}` in the title is the file's name without suffix and `drop`.
    """

    format: Literal["members"]
    members: str  # a pattern, `*` for any text
    label: Literal["", "folder"] = ""  # a member's class is the folder it lies in
    title: str = ""
    drop: str = ""  # at the beginning of a stem


class NamedFile(Frozen):
    """One member and its metadata; `about` has what is not given here."""

    member: str
    each: re.Pattern[str] | None = None  # of a text: what a work in it looks like; its first group, else all of it
    title: str | None = None  # `{number}` stands for a work's place
    label: str | None = None
    split: Literal["train", "validation", "test"] | None = None
    creator: str | None = None
    year: str | None = None
    licence: str | None = None
    origin: str | None = None


class NamedFiles(Frozen):
    """Members of one package, by name."""

    package: PinnedFile
    each: re.Pattern[str] | None = None  # of every file that has none of its own
    title: str = "{title}"  # of a work in a file, `{title}` stands for the file's
    files: tuple[NamedFile, ...] = Field(min_length=1)


class NamedWorks(Frozen):
    """Members, each named, out of several packages."""

    format: Literal["files"]
    parts: tuple[NamedFiles, ...] = Field(min_length=1)


class WholeWorks(Frozen):
    """The file itself holds the works: text, JSON lines, a single score."""

    format: Literal["file"]


class PinCard(Frozen):
    """`datasets/NAME.yaml`; the parts of named files bring packages of their own."""

    about: About
    package: PinnedFile | None = None
    works: Annotated[IdxWorks | PictureWorks | MemberWorks | NamedWorks | WholeWorks, Field(discriminator="format")]

    @model_validator(mode="after")
    def _check_packages(self) -> Self:
        if (self.package is None) != isinstance(self.works, NamedWorks):
            misplaced = "`package` stands in the parts of named files, not beside them"
            raise ValueError("`package` is missing" if self.package is None else misplaced)
        return self


def check(entry: DatasetEntry) -> None:
    """Refuse what is no pin card; nothing is downloaded."""
    read_pin_card(Path(entry.path), PinCard)


def about(path: Path) -> About:
    """Return what the pin card says of the dataset."""
    return read_pin_card(path, PinCard).about


def candidates(entry: DatasetEntry) -> Iterator[Candidate]:
    """Yield the works in the order of the card's parts, or of the package's members."""
    card = read_pin_card(Path(entry.path), PinCard)
    limits = ArchiveLimits(megabytes=entry.ingest.max_megabytes)
    if isinstance(card.works, NamedWorks):
        return chain.from_iterable(_read_named_files(part, limits) for part in card.works.parts)
    assert card.package is not None  # noqa: S101 - PinCard has seen to it
    if isinstance(card.works, IdxWorks):
        return _read_idx_works(card.package, card.works, limits)
    if isinstance(card.works, WholeWorks):
        return _read_whole_file(card.package, entry)
    if isinstance(card.works, MemberWorks):
        return _read_member_works(card.package, card.works, limits)
    return _read_pictures(card.package, card.works, limits)


def _read_idx_works(pin: PinnedFile, works: IdxWorks, limits: ArchiveLimits) -> Iterator[Candidate]:
    for part in works.parts:
        images = _read_idx_member(pin, part.images, limits)
        labels = None if part.labels is None else _read_idx_member(pin, part.labels, limits)
        if len(images.shape) != _PICTURE_DIMENSIONS or (labels is not None and labels.shape != images.shape[:1]):
            shapes = f"{images.shape} and {None if labels is None else labels.shape}"
            raise UserError(f"{pin.name}: `{part.images}` and its labels have shapes {shapes}, not (N, H, W) and (N,)")
        stem = PurePosixPath(part.images).name
        for number, file in enumerate(encode_pictures(images.values, images.shape)):
            label = None if labels is None else str(labels.values[number])
            title = works.title.replace("{label}", label or "") or None
            yield Candidate(f"{stem}#{number:05d}", file, label, part.split, title)


def _read_pictures(pin: PinnedFile, works: PictureWorks, limits: ArchiveLimits) -> Iterator[Candidate]:
    labels_and_titles = {} if works.table is None else _read_table(works.table, limits)
    for member in _matching_members(pin, works.members, limits, works.skip):
        label, title = labels_and_titles.get(PurePosixPath(member.name).stem.lower(), (None, None))
        notes = (member.detail,) if member.detail else ()
        yield Candidate(member.name, member.data, label, title=title, rejected=member.rejected, notes=notes)


def _read_member_works(pin: PinnedFile, works: MemberWorks, limits: ArchiveLimits) -> Iterator[Candidate]:
    for member in _matching_members(pin, works.members, limits):
        path = PurePosixPath(member.name)
        title = works.title.replace("{stem}", path.stem.removeprefix(works.drop)) or None
        label = path.parent.name or None if works.label else None
        notes = (member.detail,) if member.detail else ()
        yield Candidate(member.name, member.data, label, title=title, rejected=member.rejected, notes=notes)


def _read_whole_file(pin: PinnedFile, entry: DatasetEntry) -> Iterator[Candidate]:
    path, max_bytes = fetch_pinned_file(pin), int(entry.ingest.max_megabytes * 2**20)
    if path.stat().st_size > max_bytes:
        limit = Message(code="at_most_megabytes", values={"megabytes": max_bytes / 2**20})
        yield Candidate(pin.name, rejected="too large", notes=(with_parameter(limit, "max_megabytes"),))
    else:
        yield Candidate(pin.name, path.read_bytes())


def _matching_members(
    pin: PinnedFile, pattern: str | tuple[str, ...], limits: ArchiveLimits, skip: tuple[str, ...] = ()
) -> Iterator[Member]:
    """Yield the members that match a pattern and none of `skip`; none is an error."""
    patterns, has_match = (pattern,) if isinstance(pattern, str) else pattern, False

    def is_wanted(name: str) -> bool:
        fits = partial(fnmatch.fnmatchcase, name)
        return any(map(fits, patterns)) and not any(map(fits, skip))

    for member in read_members(fetch_pinned_file(pin), limits, is_wanted):
        if is_wanted(member.name):
            has_match = True
            yield member
    if not has_match:
        raise UserError(f"{pin.name}: no member matches {', '.join(f'`{name_pattern}`' for name_pattern in patterns)}")


def _read_named_files(part: NamedFiles, limits: ArchiveLimits) -> Iterator[Candidate]:
    """Yield the named members in the package's order; a missing one is an error."""
    missing, pin = {file.member: file for file in part.files}, part.package
    for member in read_members(fetch_pinned_file(pin), limits, frozenset(missing).__contains__):
        file = missing.pop(member.name, None)
        if file is None:
            continue
        fields = file.model_dump(exclude={"member", "each", "title"})
        notes = (member.detail,) if member.detail else ()
        for name, data, title in _split_works(file, part, member):
            yield Candidate(name, data, title=title, rejected=member.rejected, notes=notes, **fields)
    if missing:
        raise UserError(f"{pin.name}: no member `{min(missing)}`")


def _split_works(file: NamedFile, part: NamedFiles, member: Member) -> Iterator[tuple[str, bytes, str | None]]:
    """Yield name, bytes and title of each work in a member, or of the member."""
    each = file.each or part.each
    if member.rejected or not each:
        yield member.name, member.data, file.title
        return
    text = member.data.decode("utf-8", "surrogateescape").replace("\r\n", "\n")
    for number, match in enumerate(each.finditer(text), start=1):
        work = match.group(1 if each.groups else 0).encode("utf-8", "surrogateescape")
        title = (file.title or "") if file.each else part.title.replace("{title}", file.title or "")
        yield f"{member.name}#{number:05d}", work, title.replace("{number}", str(number)) or None


def _read_table(table: LabelTable, limits: ArchiveLimits) -> dict[str, tuple[str | None, str | None]]:
    """Return label and title by stem."""
    try:
        records = json.loads(read_pinned_member(table.package, table.member, limits).data)
    except ValueError as error:
        raise UserError(f"{table.package.name}: `{table.member}` is not JSON: {error}") from None
    labels_and_titles: dict[str, tuple[str | None, str | None]] = {}
    for record in (record for record in records if isinstance(record, dict)):
        label = _text_field(record, table.label)
        title = _tidy_title(_text_field(record, table.title))
        labels_and_titles |= dict.fromkeys(_stems(record, table), (None if label in table.no_labels else label, title))
        variants = record.get(table.variants) if table.variants else None
        for key, variant in variants.items() if isinstance(variants, dict) else ():
            words = dict.fromkeys(table.variant_words[part] for part in key.split("-") if part in table.variant_words)
            varied = ", ".join([title, *words]) if title else None
            labels_and_titles |= dict.fromkeys(_stems(variant, table), (None, varied))
    return labels_and_titles


def _stems(record: Any, table: LabelTable) -> list[str]:
    return [record[key].lower() for key in table.keys if isinstance(record.get(key), str)]


def _text_field(record: dict[str, Any], field: str | None) -> str | None:
    value = record.get(field) if field else None
    return value if isinstance(value, str) and value else None


def _tidy_title(text: str | None) -> str | None:
    """Return a title capitalised where it is shouted, as `GRINNING FACE` is."""
    return string.capwords(text) if text and text.isupper() else text


def _read_idx_member(pin: PinnedFile, name: str, limits: ArchiveLimits) -> IdxArray:
    try:
        return read_idx(read_pinned_member(pin, name, limits).data)
    except IdxError as error:
        raise UserError(f"{pin.name}: `{name}` is not an idx file: {error}") from None


def fetched_copies(entry: DatasetEntry) -> Iterator[Path]:
    """Yield where the card's files lie once they are downloaded."""
    card = read_pin_card(Path(entry.path), PinCard)
    pins = [part.package for part in card.works.parts] if isinstance(card.works, NamedWorks) else [card.package]
    return (downloaded_path(pin) for pin in pins if pin is not None)


SOURCE = Source(check=check, candidates=candidates, about=about, fetched_copies=fetched_copies)
