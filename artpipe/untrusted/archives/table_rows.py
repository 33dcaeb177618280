"""Read pictures out of Parquet and Arrow tables, in a process of its own.

The other end is `table_members`.

The libraries that read tables are written for tables that one trusts: a damaged one may end the process, and one that
lies takes any memory. Here that happens to this table alone.

The tables are in the form of the Hugging Face Hub. A row is a picture, `0000000.png`, and what its other columns say,
`0000000.json`. Pictures stand in a column `image` of bytes, or of ``{bytes, path}``; the names of a label's classes in
the schema's metadata. Rows are read a few at a time.
"""

import json
import os
import signal
import struct
import sys
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from contextlib import suppress
from pathlib import Path
from typing import Any, BinaryIO, NamedTuple

from artpipe.errors import UserError, did_you_mean
from artpipe.language.message import Message
from artpipe.system.processes import die_with_parent
from artpipe.untrusted.archives.archive_limits import ArchiveLimits, Member
from artpipe.untrusted.magic_bytes import detect_picture_format
from artpipe.untrusted.rejection import RejectedError
from artpipe.untrusted.worker import limit_memory

LENGTHS = struct.Struct("<IQ")  # of the JSON that says what comes, and of a member's bytes
PARQUET, ARROW_FILE = b"PAR1", b"ARROW1"
_ROWS = 8  # read at once: pictures may be large
_MORE_MEGABYTES = 2048  # that a table may take beyond its own size, whatever it says of itself
SECONDS = 60.0  # of CPU time for a few rows
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


def main() -> None:
    """Write the members of a table to standard output, then how it ended."""
    name, limits, parent = (json.loads(argument) for argument in sys.argv[1:4])
    if not die_with_parent(parent):
        return
    answers = os.fdopen(os.dup(1), "wb")
    os.dup2(2, 1)  # a library that prints cannot disturb the answers
    path = Path(name)
    limit_memory(_MORE_MEGABYTES + path.stat().st_size // 2**20)
    end: dict[str, Any] = {"end": True}
    try:
        for member in read_rows(path, ArchiveLimits(**limits)):
            said = {"name": member.name, "rejected": member.rejected, "detail": member.detail}
            _write(answers, said, member.data)
            signal.setitimer(signal.ITIMER_PROF, SECONDS)  # its default action ends this process
    except UserError as error:
        end |= {"error": str(error)}
    except RejectedError as error:
        end |= {"reason": error.reason, "detail": error.detail}
    _write(answers, end, b"")


def _write(answers: BinaryIO, said: Mapping[str, Any], data: bytes) -> None:
    head = json.dumps(said).encode()
    answers.write(LENGTHS.pack(len(head), len(data)) + head)
    answers.write(data)
    answers.flush()


def too_many_entries(limits: ArchiveLimits) -> RejectedError:
    """Return the refusal of more entries than an archive may have."""
    return RejectedError(
        "bomb", Message(code="more_than_entries", values={"entries": limits.entries}), "max_archive_entries"
    )


def too_many_bytes(limits: ArchiveLimits) -> RejectedError:
    """Return the refusal of more bytes than an archive may unpack to."""
    return RejectedError(
        "bomb", Message(code="more_than_gigabytes", values={"gigabytes": limits.gigabytes}), "max_archive_gigabytes"
    )


def read_rows(path: Path, limits: ArchiveLimits) -> Iterator[Member]:
    """Yield a picture and its fields for each row.

    Raises:
        UserError: it has no column of pictures.
        RejectedError: it is damaged, or a bomb.
    """
    import pyarrow as pa

    signal.setitimer(signal.ITIMER_PROF, SECONDS)
    with path.open("rb") as stream:
        try:
            yield from _read_batches(path, pa.PythonFile(stream, mode="r"), limits)
        except (pa.ArrowException, OSError, EOFError, ValueError, MemoryError) as error:
            problem = str(error).partition("\n")[0][:200] or type(error).__name__
            raise RejectedError("damaged", Message(code="table_damaged", values={"problem": problem})) from None


def _read_batches(path: Path, source: Any, limits: ArchiveLimits) -> Iterator[Member]:
    schema, batches = _open_table(source, limits)
    columns, number = _choose_columns(path, schema), 0
    for batch in batches([columns.image, *columns.others]):
        batch.validate(full=True)  # what lies outside of it is read otherwise
        for row in range(batch.num_rows):
            picture, fields = _read_row(batch, row, columns)
            yield from _make_members(f"{number:07d}", picture, fields, limits)
            number += 1


def _open_table(source: Any, limits: ArchiveLimits) -> tuple[Any, Callable[[list[str]], Any]]:
    """Return the schema, and a function from names of columns to batches of rows."""
    start = source.read(len(ARROW_FILE))
    source.seek(0)
    if start.startswith(PARQUET):
        from pyarrow import parquet

        file = parquet.ParquetFile(source)
        _check_size(file.metadata, limits)
        return file.schema_arrow, lambda names: file.iter_batches(_ROWS, columns=names, use_threads=False)
    from pyarrow import ipc

    if start == ARROW_FILE:
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
        raise too_many_entries(limits)
    if unpacked > limits.gigabytes * 2**30 or unpacked > max(1 << 20, packed * limits.ratio):
        raise too_many_bytes(limits)


def _choose_columns(path: Path, schema: Any) -> _Columns:
    """Return the columns that are read.

    Raises:
        UserError: none holds pictures, and the message has the columns there are; or two have one name.
    """
    from pyarrow import types

    if twice := next((name for name, count in Counter(schema.names).items() if count > 1), None):
        raise UserError(f"{path}: two columns are called `{twice}`; names that differ are expected")
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
        raise UserError(f"{path}: no column `image` of picture files among its columns: {listed}{hint}")
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
    stem: str, picture: bytes | None, fields: Mapping[str, Any], limits: ArchiveLimits
) -> Iterator[Member]:
    if not picture:
        yield Member(f"{stem}.png", rejected="missing", detail=Message(code="table_row_without_bytes").encode())
    elif len(picture) > limits.megabytes * 2**20:
        size = Message(code="megabytes_of_most", values={"megabytes": len(picture) / 2**20, "most": limits.megabytes})
        error = RejectedError("too large", size, "max_megabytes")
        yield Member(f"{stem}.png", rejected=error.reason, detail=error.detail)
    else:
        yield Member(f"{stem}{_suffix(picture)}", picture)
    if fields:
        yield Member(f"{stem}.json", json.dumps(fields, ensure_ascii=False).encode("utf-8", "replace"))


def _suffix(picture: bytes) -> str:
    detected = (detect_picture_format(picture[:512]) or "png").lower()
    return {"jpeg": ".jpg", "tiff": ".tif"}.get(detected, f".{detected}" if detected.isalnum() else ".png")


if __name__ == "__main__":
    main()
