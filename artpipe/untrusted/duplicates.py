"""Index the works accepted so far, to find exact and near duplicates.

The index is on disk: exact duplicates by SHA-256, near ones by a banded index of perceptual hashes.
"""

import sqlite3

_BANDS = 4  # of 16 bits: hashes that differ in at most 3 of 64 bits agree in at least one band
_BAND_BITS = 16
_MARK_BITS = 23  # of a content: with a million works one new content in nine is looked for on disk, the others are known to be new
_ROWS_AT_ONCE = 1024


class DuplicateIndex:
    """Works by content and by perceptual hash, in a private temporary file."""

    def __init__(self) -> None:
        self._works = sqlite3.connect("", isolation_level=None)
        self._works.execute("CREATE TABLE works (sha256 BLOB PRIMARY KEY, name TEXT) WITHOUT ROWID")
        self._works.execute(
            "CREATE TABLE bands (band INTEGER, value INTEGER, hash BLOB, name TEXT, PRIMARY KEY (band, value, hash)) WITHOUT ROWID"
        )
        self._marks = bytearray(1 << _MARK_BITS)  # whether a content with these first bits was added
        self._added: list[tuple[bytes, str]] = []  # not yet in the table
        self._works.execute("BEGIN")  # never committed: no other process has the file

    def find_exact(self, sha256: bytes) -> str | None:
        """Return the name of the work with this content, None where there is none."""
        if not self._marks[_first_bits(sha256)]:
            return None
        self._write_added()
        row = self._works.execute("SELECT name FROM works WHERE sha256 = ?", (sha256,)).fetchone()
        return None if row is None else str(row[0])

    def find_near(self, phash: int, bits: int) -> tuple[str, int] | None:
        """Return name and distance of the nearest work, None where there is none.

        The distance is in bits of 64, at most `bits`, which is at most 3.

        A flat picture has no structure a difference hash could see (all bits zero); it is near to none.
        """
        if phash == 0:
            return None
        best: tuple[int, str] | None = None
        for band, value in _bands(phash):
            query = "SELECT hash, name FROM bands WHERE band = ? AND value = ?"
            for other, name in self._works.execute(query, (band, value)):
                distance = (int.from_bytes(other, "big") ^ phash).bit_count()
                if distance <= bits:
                    best = min(best or (distance, name), (distance, name))
        return None if best is None else (best[1], best[0])

    def add(self, sha256: bytes, name: str) -> None:
        """Add an accepted work's content."""
        self._marks[_first_bits(sha256)] = 1
        self._added.append((sha256, name))
        if len(self._added) >= _ROWS_AT_ONCE:
            self._write_added()

    def add_hash(self, phash: int, name: str) -> None:
        """Add an accepted work's perceptual hash.

        Only needed where near duplicates are looked for.
        """
        rows = ((band, value, phash.to_bytes(8, "big"), name) for band, value in _bands(phash))
        self._works.executemany("INSERT OR IGNORE INTO bands VALUES (?, ?, ?, ?)", rows)

    def _write_added(self) -> None:
        self._works.executemany("INSERT INTO works VALUES (?, ?)", self._added)
        self._added.clear()

    def close(self) -> None:
        """Close the file."""
        self._works.close()


def _first_bits(sha256: bytes) -> int:
    return int.from_bytes(sha256[:4]) >> (32 - _MARK_BITS)


def _bands(phash: int) -> list[tuple[int, int]]:
    mask = (1 << _BAND_BITS) - 1
    return [(band, phash >> (band * _BAND_BITS) & mask) for band in range(_BANDS)]
