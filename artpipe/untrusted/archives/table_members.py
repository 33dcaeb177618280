"""Read pictures out of Parquet and Arrow tables, as members of an archive.

The tables are in the form of the Hugging Face Hub.

A row is a picture, `0000000.png`, and what its other columns say, `0000000.json`. Pictures stand in a column `image`
of bytes, or of ``{bytes, path}``; the names of a label's classes in the schema's metadata. Rows are read a few at a time.
"""

import io
import json
from collections import Counter
from collections.abc import Callable, Generator, Iterator, Mapping
from contextlib import suppress
from pathlib import Path
from typing import Any, NamedTuple

from artpipe.errors import UserError, did_you_mean
from artpipe.language.message import Message, decode_value
from artpipe.untrusted.address_space import limit_address_space
from artpipe.untrusted.archives.archive_limits import ArchiveFile, ArchiveLimits, Member
from artpipe.untrusted.magic_bytes import detect_picture_format
from artpipe.untrusted.rejection import RejectedError

_PARQUET, _ARROW_FILE, _ARROW_STREAM = b"PAR1", b"ARROW1", b"\xff\xff\xff\xff"
_ROWS = 8  # read at once: pictures may be large
_MORE_BYTES = 2 << 30  # that a table may take beyond its own size while rows are unpacked, whatever it says of itself
_IMAGE_NAMES = ("image", "img", "jpg", "png")
_LABEL_NAMES = ("label", "labels", "class", "fine_label")
_MAX_TEXT = 4096  # characters of one field
_MAX_CLASSES = 100_000


class _Columns(NamedTuple):
    """Which columns are read."""

    image: str
    in_struct: bool  # its bytes stand in a field `bytes`
    others: tuple[str, ...]
    label: str  # empty: there is none
    classes: Mapping[str, list[str]]  # names of the classes by column


def detect_table_suffix(path: Path) -> str | None:
    """Return `.parquet` or `.arrow` for a table, by its first bytes; else None.

    Raises:
        UserError: it cannot be read.
    """
    archive = ArchiveFile.from_path(path)
    start = archive.read_start(8)
    if start.startswith(_PARQUET):
        return ".parquet"
    is_stream = start.startswith(_ARROW_STREAM) and archive.name.lower().endswith(".arrow")
    return ".arrow" if start.startswith(_ARROW_FILE) or is_stream else None


def require_picture_table(path: Path) -> None:
    """Refuse a table that cannot be read or has no pictures.

    Raises:
        UserError: with what it is and what is expected.
    """
    try:
        next(_read_members(ArchiveFile.from_path(path), ArchiveLimits(), lambda _: False), None)
    except RejectedError as error:
        raise UserError(f"{path}: {error}") from None


def read_table_members(
    path: Path, limits: ArchiveLimits, is_wanted: Callable[[str], bool]
) -> Generator[Member, None, None]:
    """Yield a picture and its fields for each row.

    Damage or a bomb ends the table; that is an entry of its own, with the table's name.

    Raises:
        UserError: it has no column of pictures.
    """
    total = 0
    try:
        for count, member in enumerate(_read_members(ArchiveFile.from_path(path), limits, is_wanted), start=1):
            total += len(member.data)
            if count > limits.entries:
                raise _too_many_entries(limits)
            if total > limits.gigabytes * 2**30:
                raise _too_many_bytes(limits)
            yield member
    except RejectedError as error:
        message = Message(code="archive_not_read_on", values={"detail": decode_value(error.detail)})
        yield Member(path.name, rejected=error.reason, detail=message.encode())


def _too_many_entries(limits: ArchiveLimits) -> RejectedError:
    return RejectedError(
        "bomb", Message(code="more_than_entries", values={"entries": limits.entries}), "max_archive_entries"
    )


def _too_many_bytes(limits: ArchiveLimits) -> RejectedError:
    return RejectedError(
        "bomb", Message(code="more_than_gigabytes", values={"gigabytes": limits.gigabytes}), "max_archive_gigabytes"
    )


def _read_members(archive: ArchiveFile, limits: ArchiveLimits, is_wanted: Callable[[str], bool]) -> Iterator[Member]:
    import pyarrow as pa

    with io.BufferedReader(archive.open()) as stream:
        try:
            yield from _read_rows(archive, pa.PythonFile(stream, mode="r"), limits, is_wanted)
        except (pa.ArrowException, OSError, EOFError, ValueError, MemoryError) as error:
            problem = str(error).partition("\n")[0][:200] or type(error).__name__
            raise RejectedError("damaged", Message(code="table_damaged", values={"problem": problem})) from None


def _read_rows(
    archive: ArchiveFile, source: Any, limits: ArchiveLimits, is_wanted: Callable[[str], bool]
) -> Iterator[Member]:
    more_bytes = _MORE_BYTES + source.size()
    with limit_address_space(more_bytes):
        schema, batches = _open_table(archive, source, limits)
    columns = _choose_columns(archive, schema)
    rows, number = iter(batches([columns.image, *columns.others])), 0
    while True:
        with limit_address_space(more_bytes):
            batch = next(rows, None)
        if batch is None:
            return
        for row in range(batch.num_rows):
            picture, fields = _read_row(batch, row, columns)
            yield from _make_members(f"{number:07d}", picture, fields, limits, is_wanted)
            number += 1


def _open_table(archive: ArchiveFile, source: Any, limits: ArchiveLimits) -> tuple[Any, Callable[[list[str]], Any]]:
    """Return the schema, and a function from names of columns to batches of rows."""
    if archive.read_start(4) == _PARQUET:
        from pyarrow import parquet

        file = parquet.ParquetFile(source)
        _check_size(file.metadata, limits)
        return file.schema_arrow, lambda names: file.iter_batches(_ROWS, columns=names, use_threads=False)
    from pyarrow import ipc

    if archive.read_start(6) == _ARROW_FILE:
        reader = ipc.open_file(source)
        whole = (reader.get_batch(number) for number in range(reader.num_record_batches))
    else:
        reader = ipc.open_stream(source)
        whole = iter(reader)
    return reader.schema, lambda names: (
        _slice(batch.select(names), at) for batch in whole for at in range(0, batch.num_rows, _ROWS)
    )


def _slice(batch: Any, at: int) -> Any:
    return batch.slice(at, _ROWS)


def _check_size(metadata: Any, limits: ArchiveLimits) -> None:
    """Refuse what its own footer says would be too much.

    Raises:
        RejectedError: more rows, bytes or a larger ratio than the limits allow.
    """
    groups = [metadata.row_group(number) for number in range(metadata.num_row_groups)]
    unpacked = sum(group.total_byte_size for group in groups)
    packed = sum(group.column(at).total_compressed_size for group in groups for at in range(group.num_columns))
    if 2 * metadata.num_rows > limits.entries:  # a row is two members
        raise _too_many_entries(limits)
    if unpacked > limits.gigabytes * 2**30 or unpacked > max(1 << 20, packed * limits.ratio):
        raise _too_many_bytes(limits)


def _choose_columns(archive: ArchiveFile, schema: Any) -> _Columns:
    """Return the columns that are read.

    Raises:
        UserError: none holds pictures, and the message has the columns there are; or two have one name.
    """
    from pyarrow import types

    if twice := next((name for name, count in Counter(schema.names).items() if count > 1), None):
        raise UserError(f"{archive.label}: two columns are called `{twice}`; names that differ are expected")
    features = _read_features(schema)
    fields = {field.name: field.type for field in schema}

    def holds_bytes(kind: Any) -> bool:
        return bool(types.is_binary(kind) or types.is_large_binary(kind))

    structs = {
        name
        for name, kind in fields.items()
        if types.is_struct(kind) and any(one.name == "bytes" and holds_bytes(one.type) for one in kind)
    }
    pictures = [name for name, kind in fields.items() if name in structs or holds_bytes(kind)]
    declared = [name for name in pictures if features.get(name, {}).get("_type") == "Image"]
    named = [name for name in _IMAGE_NAMES if name in pictures]
    image = next(iter([*declared, *named, *(pictures if len(pictures) == 1 else [])]), None)
    if image is None:
        listed = ", ".join(f"`{name}`" for name in list(fields)[:8]) or "none"
        hint = did_you_mean("image", pictures)
        raise UserError(f"{archive.label}: no column `image` of picture files among its columns: {listed}{hint}")
    classes = {
        name: [str(one) for one in feature["names"][:_MAX_CLASSES]]
        for name, feature in features.items()
        if feature.get("_type") == "ClassLabel" and isinstance(feature.get("names"), list) and name in fields
    }
    others = tuple(name for name, kind in fields.items() if name != image and _is_plain(types, kind))
    label = next((name for name in (*_LABEL_NAMES, *classes) if name in others), "")
    return _Columns(image, image in structs, others, label, classes)


def _is_plain(types: Any, kind: Any) -> bool:
    """Return whether a column holds one number or text, or a list of texts."""
    if types.is_list(kind) or types.is_large_list(kind):
        kind = kind.value_type
        return bool(types.is_string(kind) or types.is_large_string(kind))
    is_text = types.is_string(kind) or types.is_large_string(kind)
    return bool(is_text or types.is_integer(kind) or types.is_floating(kind) or types.is_boolean(kind))


def _read_features(schema: Any) -> dict[str, dict[str, Any]]:
    """Return what the Hub's metadata in the schema says of the columns, if any."""
    with suppress(ValueError, TypeError, KeyError, RecursionError, AttributeError):
        text = (schema.metadata or {})[b"huggingface"]
        features = json.loads(text)["info"]["features"]
        return {str(name): feature for name, feature in features.items() if isinstance(feature, dict)}
    return {}


def _read_row(batch: Any, row: int, columns: _Columns) -> tuple[bytes | None, dict[str, Any]]:
    value = batch.column(columns.image)[row]
    picture = value["bytes"] if columns.in_struct and value.is_valid else value
    fields: dict[str, Any] = {}
    for name in columns.others:
        content = batch.column(name)[row].as_py()
        content = content[0] if isinstance(content, list) and content else content
        if content is None or isinstance(content, list):
            continue
        key, names = "label" if name == columns.label else name, columns.classes.get(name)
        if names is not None and isinstance(content, int):
            if not 0 <= content < len(names):  # -1 is none
                continue
            content = names[content]
        fields[key] = content[:_MAX_TEXT] if isinstance(content, str) else content
    if "label" in fields:
        fields["label"] = str(fields["label"])
    return picture.as_py() if picture.is_valid else None, fields


def _make_members(
    stem: str, picture: bytes | None, fields: Mapping[str, Any], limits: ArchiveLimits, is_wanted: Callable[[str], bool]
) -> Iterator[Member]:
    if not picture:
        yield Member(f"{stem}.png", rejected="missing", detail=Message(code="table_row_without_bytes").encode())
    elif len(picture) > limits.megabytes * 2**20:
        size = Message(code="megabytes_of_most", values={"megabytes": len(picture) / 2**20, "most": limits.megabytes})
        error = RejectedError("too large", size, "max_megabytes")
        yield Member(f"{stem}.png", rejected=error.reason, detail=error.detail)
    else:
        name = f"{stem}{_suffix(picture)}"
        yield Member(name, picture if is_wanted(name) else b"")
    if fields:
        name = f"{stem}.json"
        yield Member(
            name, json.dumps(fields, ensure_ascii=False).encode("utf-8", "replace") if is_wanted(name) else b""
        )


def _suffix(picture: bytes) -> str:
    detected = (detect_picture_format(picture[:512]) or "png").lower()
    return {"jpeg": ".jpg", "tiff": ".tif"}.get(detected, f".{detected}" if detected.isalnum() else ".png")
