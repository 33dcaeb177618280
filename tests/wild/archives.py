"""Archives as programs and servers make them."""

import io
import tarfile
import zipfile
from collections.abc import Callable, Mapping
from pathlib import Path

from tests.wild.case import Case, classes, make_picture, make_pictures, write_files


def tar_bytes(files: Mapping[str, bytes], mode: str = "w", pax: Mapping[str, str] | None = None) -> bytes:
    """Return a tar archive."""
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode=mode, format=tarfile.PAX_FORMAT) as archive:
        for name, data in files.items():
            info = tarfile.TarInfo(name)
            info.size, info.pax_headers = len(data), dict(pax or {})
            archive.addfile(info, io.BytesIO(data))
    return buffer.getvalue()


def zip_bytes(files: Mapping[str, bytes], stream: io.RawIOBase | None = None) -> bytes:
    """Return a zip archive; `stream` is written to where it cannot be sought."""
    buffer = io.BytesIO()
    with zipfile.ZipFile(stream or buffer, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, data in files.items():
            with archive.open(zipfile.ZipInfo(name), "w", force_zip64=stream is not None) as member:
                member.write(data)
    return buffer.getvalue()


class Unseekable(io.RawIOBase):
    """A connection: bytes go out and never come back."""

    def __init__(self) -> None:
        self.data = bytearray()

    def writable(self) -> bool:
        """Return whether it takes bytes."""
        return True

    def write(self, data: bytes) -> int:
        """Take bytes."""
        self.data += data
        return len(data)


def packed(name: str, data: Callable[[], bytes]) -> Callable[[Path], Path]:
    """Return what writes one file and names it."""
    return lambda folder: write_files(folder, {name: data()}) / name


def _two_classes(root: str = "") -> dict[str, bytes]:
    return {**make_pictures(f"{root}cat/{{}}.png", 6), **make_pictures(f"{root}dog/{{}}.png", 6)}


def _chest_xray() -> bytes:
    works = {}
    for split, count in {"train": 4, "val": 2, "test": 2}.items():
        for kind in ("NORMAL", "PNEUMONIA"):
            works |= make_pictures(f"chest_xray/{split}/{kind}/IM-{{:04d}}.jpeg", count)
    again = {f"chest_xray/{name}": data for name, data in works.items()}
    forks = {f"chest_xray/__MACOSX/{name.replace('IM-', '._IM-')}": b"\0\5\x16\7" + bytes(78) for name in works}
    return zip_bytes({**works, **again, **forks, "chest_xray/.DS_Store": bytes(60)})


def _wikiart() -> bytes:
    works = {
        **make_pictures("wikiart/Baroque/rembrandt_{}.jpg", 8),
        **make_pictures("wikiart/Post_Impressionism/gogh_{}.jpg", 8),
    }
    data = bytearray(zip_bytes(works))
    with zipfile.ZipFile(io.BytesIO(data)) as archive:
        place = archive.getinfo("wikiart/Post_Impressionism/gogh_3.jpg").header_offset
    data[place + 200] ^= 255
    return bytes(data)


def _mac_tar() -> bytes:
    files: dict[str, bytes] = {}
    for name, data in _two_classes("./").items():
        folder, _, last = name.rpartition("/")
        files[f"{folder}/._{last}"] = b"\0\5\x16\7\0\2\0\0Mac OS X" + bytes(100)
        files[name] = data
    xattr = {"LIBARCHIVE.xattr.com.apple.provenance": "AQAAB2hX", "SCHILY.xattr.com.apple.provenance": "\x01\x02"}
    return tar_bytes(files, "w:gz", xattr)


def _streamed() -> bytes:
    stream = Unseekable()
    zip_bytes(_two_classes(), stream)
    return bytes(stream.data)


def _case_collision() -> bytes:
    names = ["Cloudy.png", "cloudy.png", "CLOUDY.PNG", *(f"sky{n}.png" for n in range(9))]
    return zip_bytes({f"assets/{name}": make_picture(name) for name in names})


BOTH = classes("cat", "dog")
CASES = [
    Case("kaggle-twice", "archive", "ML-TANGO/TANGO #180: ChestXRay from kaggle; Kaggle/kaggle-cli #303", "the second copy is duplicates; forks never count", packed("archive.zip", _chest_xray), kept=16, classes=classes("NORMAL", "PNEUMONIA"), splits={"train": 8, "validation": 4, "test": 4}, quarantined={"exact duplicate": 16}),
    Case("wikiart-crc", "archive", "cs-chan/ArtGAN #14: zip -T says bad CRC; #4", "one entry is damaged, the rest is read", packed("wikiart.zip", _wikiart), kept=15, classes=classes("Baroque", "Post_Impressionism"), quarantined={"damaged": 1}),
    Case("mac-tar", "archive", "twpayne/chezmoi #3220: tar with AppleDouble files; libarchive/libarchive #2010", "AppleDouble passed over, xattr headers ignored", packed("photos.tar.gz", _mac_tar), kept=12, classes=BOTH),
    Case("streamed-zip64", "archive", "uktrade/stream-unzip #5: zip64 with data descriptors", "taken", packed("export.zip", _streamed), kept=12, classes=BOTH),
    Case("self-extracting", "archive", "guzba/zippy #51: ZIP archive not at the start of the file", "taken, or one line", packed("photos.exe", lambda: b"MZ" + bytes(4000) + zip_bytes(_two_classes())), kept=12, classes=BOTH, or_line="photos.exe"),
    Case("zip-in-zip", "archive", "vimtor/action-zip #26: nested zip files", "the one archive inside is read", packed("artifact.zip", lambda: zip_bytes({"photos.zip": zip_bytes(_two_classes("photos/"))})), kept=12, classes=BOTH),
    Case("case-collision", "archive", "CenterForTheBuiltEnvironment/clima #204: names that differ in case", "three works", packed("assets.zip", _case_collision), kept=12),
]  # fmt: skip
