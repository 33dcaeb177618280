"""Index the works accepted so far, to find exact and near duplicates.

The index is on disk: exact duplicates by SHA-256, near ones by a banded index of perceptual hashes.
"""

import sqlite3

_BANDS = 4  # of 16 bits: hashes that differ in at most 3 of 64 bits agree in at least one band
_BAND_BITS = 16


class DuplicateIndex:
    """Works by content and by perceptual hash, in a private temporary file."""

    def __init__(self) -> None:
        self._works = sqlite3.connect("", isolation_level=None)
        self._works.execute("CREATE TABLE works (sha256 BLOB PRIMARY KEY, name TEXT) WITHOUT ROWID")
        self._works.execute(
            "CREATE TABLE bands (band INTEGER, value INTEGER, hash BLOB, name TEXT, PRIMARY KEY (band, value, hash)) WITHOUT ROWID"
        )
        self._works.execute("BEGIN")  # never committed: no other process has the file

    def find_exact(self, sha256: bytes) -> str | None:
        """Return the name of the work with this content, None where there is none."""
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
        self._works.execute("INSERT INTO works VALUES (?, ?)", (sha256, name))

    def add_hash(self, phash: int, name: str) -> None:
        """Add an accepted work's perceptual hash.

        Only needed where near duplicates are looked for.
        """
        rows = ((band, value, phash.to_bytes(8, "big"), name) for band, value in _bands(phash))
        self._works.executemany("INSERT OR IGNORE INTO bands VALUES (?, ?, ?, ?)", rows)

    def close(self) -> None:
        """Close the file."""
        self._works.close()


def _bands(phash: int) -> list[tuple[int, int]]:
    mask = (1 << _BAND_BITS) - 1
    return [(band, phash >> (band * _BAND_BITS) & mask) for band in range(_BANDS)]
