"""The tables of the planted archives, written header by header: what a library would never write."""

import gzip
import io
import lzma
import stat
import struct
import tarfile
import zipfile
import zlib
from collections.abc import Mapping
from types import MappingProxyType
from typing import NamedTuple

from tests.hostile import pictures as make
from tests.hostile.cases import KEPT, Case

MANY = 100_000  # members of the largest archives
_SCRIPT, _BIDI = "<script>alert(1)<\u2215script>.png", "\u202egnp.exe\nnew line.png"


class ArchiveCases(NamedTuple):
    """An archive: its file's name, how it is made, its bytes, its cases, and what ingest is told besides."""

    file: str
    how: str
    data: bytes
    cases: list[Case]
    ingest: Mapping[str, object] = MappingProxyType({})


class Entry(NamedTuple):
    """One entry of a zip; what is None is told as it is, anything else as it is not."""

    name: bytes
    data: bytes
    mode: int = 0
    flags: int = 0x800  # names are UTF-8
    method: int = 8
    size: int | None = None
    crc: int | None = None
    local_name: bytes | None = None
    offset: int | None = None


def make_zip(entries):
    """Return a zip of the entries, each as it tells."""
    body, directory = bytearray(), bytearray()
    for entry in entries:
        packer = zlib.compressobj(9, wbits=-15)
        packed = packer.compress(entry.data) + packer.flush() if entry.method == 8 else entry.data
        size, crc = (
            entry.size if entry.size is not None else len(entry.data),
            zlib.crc32(entry.data) if entry.crc is None else entry.crc,
        )
        common = struct.pack("<HHHHHIII", 20, entry.flags, entry.method, 0, 33, crc, len(packed), size)
        offset, local = len(body) if entry.offset is None else entry.offset, entry.local_name or entry.name
        body += b"PK\x03\x04" + common + struct.pack("<HH", len(local), 0) + local + packed
        beside = struct.pack("<HHHHHII", len(entry.name), 0, 0, 0, 0, entry.mode << 16, offset)
        directory += b"PK\x01\x02" + struct.pack("<H", 0x314) + common + beside + entry.name
    count = min(len(entries), 0xFFFF)
    end = b"PK\x05\x06" + struct.pack("<HHHHIIH", 0, 0, count, count, len(directory), len(body), 0)
    return bytes(body + directory) + _many(entries, body, directory) + end


def _many(entries, body, directory):
    """Return the end record of more entries than the short one can count."""
    if len(entries) <= 0xFFFF:
        return b""
    numbers = (44, 45, 45, 0, 0, len(entries), len(entries), len(directory), len(body))
    record = b"PK\x06\x06" + struct.pack("<QHHIIQQQQ", *numbers)
    return record + b"PK\x06\x07" + struct.pack("<IQI", 0, len(body) + len(directory), 1)


def header(name, size=0, *, kind=tarfile.REGTYPE, link="", told=None):
    """Return the header of a tar's member, of a size it does not have where `told` says so."""
    info = tarfile.TarInfo(name)
    info.size, info.type, info.linkname = size, kind, link
    block = bytearray(info.tobuf(tarfile.GNU_FORMAT, "utf-8", "surrogateescape"))
    if told is not None:
        start = len(block) - 512
        block[start + 124 : start + 136] = (told % 256**12 if told < 0 else told | 0x80 << 88).to_bytes(12, "big")
        block[start + 148 : start + 156] = b" " * 8
        block[start + 148 : start + 156] = b"%06o\0 " % sum(block[start:])
    return bytes(block)


def member(name, data, **told):
    """Return a member of a tar: header, data, and zeros up to the next block."""
    return header(name, len(data), **told) + data + bytes(-len(data) % 512)


def good(count=8):
    """Return plain pictures by name."""
    return {f"good/{n}.png": make.saved(make.noise(n)) for n in range(count)}


def _good_cases():
    return [Case(name, "a plain picture", b"") for name in good()]


def make_tar_cases(outside, many=MANY):
    """Return the planted tar archives; `outside` is where an absolute name leads, `many` are the members of one."""
    pictures = [member(name, data) for name, data in good().items()]
    whole, end, packed_bomb = b"".join(pictures), bytes(1024), member("bomb.png", bytes(100 << 20))
    damaged = bytearray(whole + whole[: len(pictures[0])])
    damaged[len(whole) + 10] ^= 0xFF
    lost = "the rest of the archive was not read"
    noisy = member("good/9.png", make.saved(make.noise(9, 200)))
    return [
        ArchiveCases("hostile.tar", "a tar of every kind of member", *_hostile_tar(whole, end, outside)),
        ArchiveCases("negative.tar", "a tar with a member of -512 bytes", whole + header("less.png", told=-512) + whole + end, [*_good_cases(), Case("negative.tar", "its ninth member", b"", "damaged", f"an entry of -512 bytes; {lost}")]),
        ArchiveCases("header.tar", "a tar with bits flipped in the ninth header", bytes(damaged) + end, [*_good_cases(), Case("header.tar", "its ninth member", b"", "damaged", "no header at byte")]),
        ArchiveCases("longer.tar", "a tar whose last member says it has 9 GB", whole + header("long.png", told=9 << 30) + b"x" * 512, [*_good_cases(), Case("long.png", "the last member", b"", "too large", "more than 256 MiB"), Case("longer.tar", "its end", b"", "truncated", lost)]),
        ArchiveCases("cut.tar.gz", "a tar.gz cut in the last member", gzip.compress(whole + noisy + end)[:-9000], [*_good_cases(), Case("cut.tar.gz", "its end", b"", "truncated", lost)]),
        ArchiveCases("bomb.tar.xz", "a tar.xz of which one member unpacks to 100 MB", lzma.compress(whole + packed_bomb + end, preset=0), [*_good_cases(), Case("bomb.tar.xz", "that member", b"", "bomb", "unpacks to more than 200 times")]),
        ArchiveCases("many.tar.gz", f"{many:,} members, 8 of them pictures", gzip.compress(whole + b"".join(map(_empty_member, range(many))) + end, 1), _many_cases(many)),
    ]  # fmt: skip


def _empty_member(number):
    info = header("empty/00000.png")
    name = b"empty/%05d.png" % number
    block = bytearray(info)
    block[:15] = name
    block[148:156] = b" " * 8
    block[148:156] = b"%06o\0 " % sum(block)
    return bytes(block)


def _many_cases(many):
    numbers = (0, many // 2, many - 1)
    return [*_good_cases(), *(Case(f"empty/{n:05d}.png", "no bytes", b"", "empty file") for n in numbers)]


def _hostile_tar(whole, end, outside):
    inner = io.BytesIO()
    with tarfile.open(fileobj=inner, mode="w") as archive:
        archive.addfile(tarfile.TarInfo("x"))
    kinds = [
        ("../up.png", "a name with ..", "traversal", {}),
        ("good/../../up.png", "a name with .. inside", "traversal", {}),
        (f"{outside}/absolute.png", "an absolute name", "outside the root", {}),
        ("soft.png", "a symbolic link out", "symlink", {"kind": tarfile.SYMTYPE, "link": "../../outside/secret.png"}),
        ("soft.png/through.png", "a picture through that link", KEPT, {}),
        ("hard.png", "a hard link", "hard link", {"kind": tarfile.LNKTYPE, "link": "good/1.png"}),
        ("character.png", "a character device", "special file", {"kind": tarfile.CHRTYPE}),
        ("block.png", "a block device", "special file", {"kind": tarfile.BLKTYPE}),
        ("pipe.png", "a FIFO", "special file", {"kind": tarfile.FIFOTYPE}),
        ("strange.png", "a member of no known kind", "special file", {"kind": b"Z"}),
        (_SCRIPT, "a script", KEPT, {}),
        (_BIDI, "turns round, and a new line", KEPT, {}),
        ("n" * 251 + ".png", "255 bytes", KEPT, {}),
    ]
    cases, parts = _good_cases(), [whole]
    for number, (name, how, outcome, told) in enumerate(kinds):
        linked = "kind" in told and told["kind"] != b"Z"
        data = b"" if linked else make.flat((number, 3, 3))
        parts.append(member(name, data, **told))
        cases.append(Case(name, how, b"", outcome))
    parts += [member("good/3.png", make.flat("gold")), member("nested.png", inner.getvalue()), end]
    cases.append(Case("good/3.png", "a second one of that name", b"", "duplicate name"))
    return b"".join(parts), [*cases, Case("nested.png", "a tar in the tar", b"", "not an image")]


def make_zip_cases(outside, many=MANY):
    """Return the planted zip archives; `outside` is where an absolute name leads, `many` are the entries of one."""
    plain = [Entry(name.encode(), data) for name, data in good().items()]
    empty = [Entry(b"empty/%05d.png" % n, b"", method=0) for n in range(many)]
    kernel = make.saved(make.noise(50))
    start = len(make_zip(plain)) - len(_directory(plain))
    fifield = [Entry(b"bomb/%d.png" % n, kernel, offset=start) for n in range(6)]
    return [
        ArchiveCases("hostile.zip", "a zip of every kind of entry", *_hostile_zip(plain, outside)),
        ArchiveCases("overlap.zip", "a zip with six entries of the same data", make_zip([*plain, *fifield]), [*_good_cases(), *(Case(one.name.decode(), "shares its data with five others", b"", "bomb", "overlap") for one in fifield)]),
        ArchiveCases("many.zip", f"{many:,} entries, 8 of them pictures", make_zip([*plain, *empty]), _many_cases(many)),
        ArchiveCases("fewer.zip", "a zip of more entries than are allowed", make_zip([*plain, *empty[:99]]), [*_good_cases(), Case("fewer.zip", "the 51st entry", b"", "bomb", "more than 50 entries")], {"max_archive_entries": 50}),
    ]  # fmt: skip


def _directory(entries):
    whole = make_zip(entries)
    return whole[whole.index(b"PK\x01\x02") :]


def _hostile_zip(plain, outside):
    inner = io.BytesIO()
    with zipfile.ZipFile(inner, "w", zipfile.ZIP_DEFLATED) as archive:
        for number in range(9):
            archive.writestr(f"{number}.zip", bytes(100_000))
    picture = make.flat("gold")
    kinds = [
        ("../up.png", "a name with ..", "traversal", {}),
        ("good\\..\\..\\up.png", "a name with ..\\", "traversal", {}),
        (f"{outside}/absolute.png", "an absolute name", "outside the root", {}),
        ("C:\\absolute.png", "a drive", "outside the root", {}),
        ("soft.png", "a symbolic link", "symlink", {"mode": stat.S_IFLNK | 0o777}),
        ("device.png", "a device", "special file", {"mode": stat.S_IFCHR | 0o666}),
        ("pipe.png", "a FIFO", "special file", {"mode": stat.S_IFIFO | 0o666}),
        ("secret.png", "encrypted", "encrypted", {"flags": 0x801}),
        ("longer.png", "more bytes announced than there are", KEPT, {"size": 2000}),
        ("shorter.png", "fewer bytes announced than there are", "damaged", {"size": 20}),
        ("huge.png", "4 GB announced", "bomb", {"size": 0xFFFFFFF0}),
        ("crc.png", "another CRC", "damaged", {"crc": 1}),
        ("method.png", "an unknown way of packing", "unsupported format", {"method": 77}),
        ("renamed.png", "another name before its data", "damaged", {"local_name": b"other.png"}),
        ("nowhere.png", "data behind the end of the file", "damaged", {"offset": 0x7FFFFFF0}),
        (_SCRIPT, "a script", KEPT, {}),
        (_BIDI, "turns round, and a new line", KEPT, {}),
        ("n" * 251 + ".png", "255 bytes", KEPT, {}),
    ]
    entries, cases = [*plain], _good_cases()
    for number, (name, how, outcome, told) in enumerate(kinds):
        entries.append(Entry(name.encode(), make.flat((number, 5, 5)), **told))
        cases.append(Case(name, how, b"", outcome))
    entries += [
        Entry(b"good/3.png", picture),
        Entry(b"bomb.png", bytes(3 << 20)),
        Entry(b"nested.png", inner.getvalue()),
    ]
    cases.append(Case("good/3.png", "a second one of that name", b"", "duplicate name"))
    cases.append(Case("bomb.png", "3 MB packed a thousandfold", b"", "bomb", "times its size"))
    return make_zip(entries), [*cases, Case("nested.png", "a zip of zips in the zip", b"", "not an image")]


def list_refused_inputs():
    """Return what is no dataset at all: file or folder by name, how it is made, its bytes by path, and the line that says so."""
    pictures = good()
    return [
        ("text.zip", "text named .zip", b"nothing of the kind" * 9, "neither a zip nor a tar archive that can be read"),
        ("empty.tar", "an empty file", b"", "neither a zip nor a tar archive that can be read"),
        ("locked.zip", "a zip whose every entry is encrypted", make_zip([Entry(name.encode(), data, flags=0x801) for name, data in pictures.items()]), "no picture files in it"),
        ("huge.zip", "a zip whose directory says it has 4 GB", b"PK\x03\x04" + bytes(99) + b"PK\x05\x06" + struct.pack("<HHHHIIH", 0, 0, 9, 9, 0xFFFFFF00, 0, 0), "not a zip archive that can be read"),
        ("latin", "metadata.csv that is not UTF-8", {**pictures, "metadata.csv": b"file_name,title\ngood/1.png,\xe9\n"}, "metadata.csv: not UTF-8 (byte 27)"),
        ("nameless", "metadata.csv without file_name", {**pictures, "metadata.csv": b"name,title\nx,y\n"}, "metadata.csv:2: no `file_name`, did you mean `name`?"),
        ("nested", "metadata.jsonl nested 100,000 deep", {**pictures, "metadata.jsonl": b"[" * 100_000}, "metadata.jsonl:1: not JSON"),
        ("few", "seven pictures", {name: data for name, data in pictures.items() if name != "good/0.png"}, "7 pictures in it, a dataset needs at least 8"),
        ("disguised", "text named .png, eight times", {f"{n}.png": b"text %d" % n for n in range(8)}, "no picture files in it"),
    ]  # fmt: skip
