"""Places of works made for tests: a tree of names as a folder, a zip or a tar; the bytes only begin as works do."""

import io
import tarfile
import zipfile
from pathlib import Path

import pyarrow as pa
from pyarrow import parquet

BEGINNINGS = {
    ".png": b"\x89PNG\r\n\x1a\n",
    ".jpg": b"\xff\xd8\xff\xe0",
    ".webp": b"RIFF\0\0\0\0WEBP",
    ".mid": b"MThd\0\0\0\x06",
    ".mxl": b"PK\x03\x04",
    ".musicxml": b'<?xml version="1.0"?><score-partwise>',
    ".xml": b"<annotation><filename>x</filename></annotation>",
    ".json": b'{"a": 1}',
}


def file_content(name: str, contents: dict[str, bytes] | None = None) -> bytes:
    """Return the bytes of a file: what is said of its name, else what its suffix begins with and its name."""
    base = name.rpartition("/")[2]
    if contents and base in contents:
        return contents[base]
    suffix = f".{base.rpartition('.')[2].lower()}"
    if suffix == ".json" and contents and suffix in contents:
        return contents[suffix]
    begin = BEGINNINGS.get(suffix, b"words of ")
    return begin if suffix in {".xml", ".json"} else begin + name.encode("utf-8", "surrogateescape")


def make_place(root: Path, names: list[str], form: str = "folder", contents: dict[str, bytes] | None = None) -> Path:
    """Write files as a folder, a zip or a tar and return its path."""
    files = {name: file_content(name, contents) for name in names}
    if form == "folder":
        for name, data in files.items():
            path = root / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(data)
        return root
    root.parent.mkdir(parents=True, exist_ok=True)
    path = root.with_suffix(f".{form}")
    path.write_bytes(pack_archive(files, form))
    return path


def pack_table(pictures: list[bytes]) -> bytes:
    """Return pictures as a Parquet table in the form of the Hub."""
    struct = pa.struct([("bytes", pa.binary()), ("path", pa.string())])
    rows = [{"bytes": data, "path": None} for data in pictures]
    stream = io.BytesIO()
    parquet.write_table(pa.table({"image": rows}, schema=pa.schema([("image", struct)])), stream)
    return stream.getvalue()


def pack_archive(files: dict[str, bytes], form: str) -> bytes:
    """Return files as a zip or a tar."""
    stream = io.BytesIO()
    if form == "zip":
        with zipfile.ZipFile(stream, "w") as archive:
            for name, data in files.items():
                archive.writestr(name, data)
        return stream.getvalue()
    with tarfile.open(fileobj=stream, mode="w") as archive:
        for name, data in files.items():
            info = tarfile.TarInfo(name)
            info.size = len(data)
            archive.addfile(info, io.BytesIO(data))
    return stream.getvalue()
