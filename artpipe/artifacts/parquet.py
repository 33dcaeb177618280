"""Write and read parquet tables with the fields of a NamedTuple.

A few thousand rows at a time.
"""

import types
import typing
from collections.abc import Iterator, Sequence
from itertools import takewhile
from pathlib import Path
from typing import Any, TypeVar

from artpipe.errors import CorruptError
from artpipe.system.hashing import sha256_file

RowT = TypeVar("RowT", bound=tuple[Any, ...])
_ROWS = 8192  # in memory


class TableWriter:
    """Append rows to a table; equal rows give equal bytes with the same pyarrow."""

    def __init__(self, path: Path, row: type[tuple[Any, ...]]) -> None:
        import pyarrow as pa
        import pyarrow.parquet as pq

        types_of = {"str": pa.string(), "int": pa.int64()}
        fields = [pa.field(name, types_of[kind], optional) for name, kind, optional in _table_fields(row)]
        self.schema = pa.schema(fields)
        self._writer = pq.ParquetWriter(path, self.schema, compression="zstd")
        self._rows: list[Sequence[Any]] = []

    def add(self, row: Sequence[Any]) -> None:
        """Append one row, its values in the order of the fields."""
        self._rows.append(row)
        if len(self._rows) >= _ROWS:
            self._flush()

    def close(self) -> None:
        """Write what is left and the table's end."""
        self._flush()
        self._writer.close()

    def release(self) -> None:
        """Close the file, whatever is in it."""
        self._writer.close()

    def _flush(self) -> None:
        import pyarrow as pa

        if self._rows:
            columns = zip(*self._rows, strict=True)
            arrays = [pa.array(column, field.type) for column, field in zip(columns, self.schema, strict=True)]
            self._writer.write_table(pa.Table.from_arrays(arrays, schema=self.schema))
            self._rows.clear()


def read_tuples(path: Path, row: type[RowT]) -> Iterator[RowT]:
    """Yield the rows of a parquet file as named tuples.

    Last fields that it lacks have their defaults.
    """
    import pyarrow.parquet as pq

    fields: tuple[str, ...] = getattr(row, "_fields")  # noqa: B009 - of a NamedTuple
    with pq.ParquetFile(path) as table:
        for batch in table.iter_batches(batch_size=_ROWS):
            columns = batch.to_pydict()
            yield from map(row, *(columns[name] for name in takewhile(columns.__contains__, fields)))


def verify_table(folder: Path, name: str, files: dict[str, str]) -> Path:
    """Return the path of a table that a card names by its hash.

    Raises:
        CorruptError: it is missing or damaged.
    """
    path = folder / name
    if not path.is_file():
        raise CorruptError(f"{path}: missing")
    if sha256_file(path) != files.get(name):
        raise CorruptError(f"{path}: its SHA-256 is not the one that was written; delete the folder and run again")
    return path


def _table_fields(row: type[tuple[Any, ...]]) -> Iterator[tuple[str, str, bool]]:
    for name, hint in typing.get_type_hints(row).items():
        options = typing.get_args(hint) if types.NoneType in typing.get_args(hint) else (hint,)
        kinds = [option for option in options if option is not types.NoneType]
        yield name, "int" if kinds == [int] else "str", len(kinds) < len(options)
