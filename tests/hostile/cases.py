"""The table of the planted folder: what lies in it under which name, how it is made, and what has to become of it."""

import contextlib
import os
import socket
from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from tests.hostile import pictures as make

KEPT = "kept"


class Case(NamedTuple):
    """One input: its name, how it is made, its bytes or what plants it, and its outcome: kept, or why not."""

    name: str
    how: str
    plant: bytes | Callable[[Path], Any]
    outcome: str = KEPT
    note: str = ""  # begins the note of what is kept, or is part of why it is not
    pixels: Any = None  # (H, W, 3) after preprocess at 16 x 16 on white, or one colour
    tolerance: int = 0


def folder_cases(outside: Path) -> list[Case]:
    """Return all; `outside` is a folder beside the project that holds ``secret.png`` and must not be read or changed."""
    return [*_good(), *_odd(), *_oriented(), *_broken(), *_evil(), *_named(), *_special(outside)]


def _good() -> list[Case]:
    return [
        Case(f"good/{n}.png", "a plain picture", make.saved(make.noise(n)), pixels=np.asarray(make.noise(n)))
        for n in range(10)
    ]


def _odd() -> list[Case]:
    half = np.full((16, 16, 3), 255, np.uint8)
    half[:, 8:] = (200, 100, 50)
    scaled = "16 bits scaled to 8"
    first = "animated: the first frame was kept"
    return [
        Case("odd/cmyk.tif", "CMYK: cyan", make.flat((255, 0, 0, 0), "TIFF", "CMYK"), pixels=(0, 255, 255)),
        Case("odd/cmyk.jpg", "CMYK JPEG: magenta", make.flat((0, 255, 0, 0), "JPEG", "CMYK", quality=95), pixels=(255, 0, 255), tolerance=4),
        Case("odd/grey16.png", "16-bit grey PNG: 25700", make.sixteen_bits([25700]), KEPT, scaled, (100, 100, 100)),
        Case("odd/colour16.png", "16-bit colour PNG: 65535 25700 0", make.sixteen_bits([65535, 25700, 0], 2), pixels=(255, 100, 0)),
        Case("odd/little16.tif", "16-bit TIFF, little-endian: 32896", make.sixteen_bit_tiff(32896, "<"), KEPT, scaled, (128, 128, 128)),
        Case("odd/big16.tif", "16-bit TIFF, big-endian: 514", make.sixteen_bit_tiff(514, ">"), KEPT, scaled, (2, 2, 2)),
        Case("odd/palette.png", "palette, the left half transparent", make.palette_with_transparency(), pixels=half),
        Case("odd/la.png", "grey 100 with alpha 128, on white", make.flat((100, 128), mode="LA"), pixels=(177, 177, 177), tolerance=1),
        Case("odd/one-bit.png", "1 bit: white", make.flat(1, mode="1"), pixels=(255, 255, 255)),
        Case("odd/animated.gif", "red, then blue", make.animated("GIF", "#ff0000", "#0000ff"), KEPT, first, (255, 0, 0), 1),
        Case("odd/animated.webp", "green, then blue", make.animated("WEBP", "#00ff00", "#0000ff"), KEPT, first, (0, 255, 0)),
        Case("odd/animated.png", "blue, then red", make.animated("PNG", "#0000ff", "#ff0000"), KEPT, first, (0, 0, 255)),
        Case("odd/icc.png", "ICC: red and green exchanged", make.with_profile((200, 30, 60), make.exchanged_profile()), KEPT, "colours converted from its profile", (30, 200, 60), 2),
        Case("odd/bad-icc.png", "ICC: rubbish", make.with_profile((200, 30, 61), b"no profile"), KEPT, "its colour profile could not be used", (200, 30, 61)),
        Case("odd/big-icc.png", "ICC of 3 MB", make.with_profile((200, 30, 62), make.padded_profile(3)), KEPT, "colours converted from its profile", (30, 200, 62), 2),
        Case("odd/gps.jpg", "EXIF with a place on Earth", make.located((90, 80, 70)), pixels=(90, 80, 70), tolerance=3),
        Case("odd/exif.jpg", "2.6 MB of EXIF", make.jpeg_of_much_exif((70, 80, 90)), pixels=(70, 80, 90), tolerance=3),
        Case("odd/exif.png", "20 MB of EXIF", make.with_chunk(make.flat((1, 2, 3)), b"eXIf", bytes(20 << 20)), pixels=(1, 2, 3)),
        Case("odd/largest16.png", "32 megapixels of 16-bit grey", make.largest(16, 0), KEPT, scaled, (128, 128, 128)),
        Case("odd/still.avif", "AVIF: a grey of 90", make.flat((90, 90, 90), "AVIF", quality=95), pixels=(90, 90, 90), tolerance=3),
        Case("odd/sequence.avif", "AVIF: a grey of 60, then blue", make.animated("AVIF", "#3c3c3c", "#0000ff"), KEPT, first, (60, 60, 60), 4),
        Case("odd/twelve.tif", "12-bit grey in 16: 0 and 2457 of 4095, declared", make.halves((0, 2457), 281, 4095), KEPT, "12 bits in 16 scaled to 8", make.half_of(0, 153)),
        Case("odd/ten.tif", "10-bit grey in 16: 0 and 1023, not declared", make.halves((0, 1023)), KEPT, "10 bits in 16 scaled to 8", make.half_of(0, 255)),
        Case("odd/twelve-colours.png", "12-bit colour in 16: 819 2457 4095", make.sixteen_bits([819, 2457, 4095], 2), KEPT, "12 bits in 16 scaled to 8", (51, 153, 255)),
        Case("odd/no-end.jpg", "a JPEG without its end mark", make.flat((20, 90, 160), "JPEG", quality=95)[:-2], KEPT, "its end mark is missing", (20, 90, 160), 3),
        Case("odd/no-end-progressive.jpg", "the same, progressive", make.flat((20, 95, 160), "JPEG", quality=95, progressive=True)[:-2], KEPT, "its end mark is missing", (20, 95, 160), 3),
        Case("odd/phone.mpo", "two pictures of a phone in one: green, red", make.animated("MPO", "#00c800", "#ff0000"), KEPT, pixels=(0, 200, 0), tolerance=4),
        Case("odd/largest.png", "32 megapixels with alpha and an ICC profile", make.with_chunk(make.largest(8, 6), b"iCCP", b"x\0\0" + make.zlib.compress(make.exchanged_profile())), KEPT, "colours"),
    ]  # fmt: skip


def _oriented() -> list[Case]:
    upright = np.repeat(make.LETTER_F[:, :, None], 3, 2)
    how = "the letter F in EXIF orientation {}"
    return [
        Case(f"odd/turned-{n}.jpg", how.format(n), make.oriented(n), pixels=upright, tolerance=40) for n in range(1, 9)
    ]


def _broken() -> list[Case]:
    whole = {kind: make.saved(make.noise(100, 64), kind) for kind in ("JPEG", "PNG", "WEBP", "GIF", "BMP", "TIFF")}
    cut = [
        Case(f"broken/cut.{kind.lower()}", f"the first half of a {kind}", data[: len(data) // 2], "truncated")
        for kind, data in whole.items()
    ]
    crc = bytearray(make.flat("teal"))
    crc[45] ^= 1
    return [
        *cut,
        Case("broken/empty.png", "no bytes", b"", "empty file"),
        Case("broken/signature.png", "the signature alone", b"\x89PNG\r\n\x1a\n", "truncated"),
        Case("broken/text.jpg", "text named .jpg", b"this is no picture\n" * 9, "not an image"),
        Case("broken/script.png", "a shell script named .png", b"#!/bin/sh\ntouch ~/owned\n", "not an image"),
        Case("broken/page.png", "a web page named .png", b"<script>alert(1)</script>", "not an image"),
        Case("broken/drawing.svg", "SVG with a script", b"<svg onload='alert(1)'/>", "unsupported format", "SVG"),
        Case("broken/flipped.png", "a bit flipped in a chunk", bytes(crc), "damaged"),
        Case("broken/rubbish.gif", "a GIF that is JavaScript: GIF89a/*", b"GIF89a/*" + b"\0" * 9 + b"*/=1;alert(1)", "damaged"),
        Case("broken/polyglot.png", "a PNG, then a zip", make.flat("olive") + b"PK\x03\x04" + bytes(99), pixels=(128, 128, 0)),
        Case("broken/polyglot.jpg", "a JPEG, then a web page", make.flat((9, 90, 9), "JPEG", quality=95) + b"<script>alert(1)</script>", pixels=(9, 90, 9), tolerance=3),
        Case("broken/polyglot.pdf", "a PDF, then a JPEG", b"%PDF-1.7\n" + make.flat("red", "JPEG"), "unsupported format", "PDF"),
        *_unread(),
        Case("broken/zeros.jpg", "half a JPEG, the rest zero bytes", whole["JPEG"][: len(whole["JPEG"]) // 2] + bytes(4000), "truncated", "pixels are missing"),
        Case("broken/scans.jpg", "a progressive JPEG without its last scan", make.without_last_scan(), "truncated", "pixels are missing"),
        Case("broken/page.jpg", "a page where a picture was wanted", b"<!DOCTYPE html>\n<html><title>404</title></html>", "not an image", "a web page"),
        Case("broken/pointer.jpg", "a Git LFS pointer", b"version https://git-lfs.github.com/spec/v1\noid sha256:00\nsize 9\n", "not an image", "a Git LFS pointer"),
        Case("broken/float.tif", "a TIFF of 16-bit floating point", make.retagged(make.sixteen_bit_tiff(9, "<"), 339, 3), "unsupported format", "16-bit floating point"),
        Case("good/twin.png", "a copy of good/0.png", make.saved(make.noise(0)), "exact duplicate", "of good/0.png"),
    ]  # fmt: skip


def _unread() -> list[Case]:
    def ftyp(*brands: bytes) -> bytes:
        return (
            (8 + 8 + 4 * len(brands[1:])).to_bytes(4)
            + b"ftyp"
            + brands[0]
            + bytes(4)
            + b"".join(brands[1:])
            + bytes(99)
        )

    files = {
        "heix.heic": ("HEIC", ftyp(b"heix", b"mif1")),
        "sequence.heics": ("HEIC", ftyp(b"msf1", b"hevc")),
        "container.heif": ("HEIC", ftyp(b"mif1", b"heic", b"miaf")),
        "film.mp4": ("MP4", ftyp(b"isom", b"mp42")),
        "film.mov": ("QuickTime", ftyp(b"qt  ")),
        "film.webm": ("WebM", b"\x1a\x45\xdf\xa3" + bytes(60)),
        "raw.cr3": ("CR3", ftyp(b"crx ", b"isom")),
        "raw.dng": ("DNG", make.retagged(make.sixteen_bit_tiff(7, "<"), 50706, 1)),
        "raw.raf": ("RAF", b"FUJIFILMCCD-RAW 0201" + bytes(60)),
        "raw.orf": ("ORF", b"IIRO\x08\0\0\0" + bytes(60)),
        "next.jxl": ("JPEG XL", b"\xff\x0a" + bytes(60)),
        "map.jp2": ("JPEG 2000", b"\0\0\0\x0cjP  \r\n\x87\n" + bytes(60)),
        "paint.psd": ("PSD", b"8BPS\0\1" + bytes(60)),
        "page.eps": ("EPS", b"%!PS-Adobe-3.0 EPSF-3.0\n"),
        "old.tga": ("TGA", make.flat("teal", "TGA")),
        "grey.pgm": ("PNM", b"P5\n1 1\n255\n\0"),
        "light.exr": ("OpenEXR", b"\x76\x2f\x31\x01" + bytes(60)),
        "light.hdr": ("HDR", b"#?RADIANCE\n"),
    }
    return [
        Case(f"unread/{name}", f"{kind} by its first bytes", data, "unsupported format", f"{kind}: ")
        for name, (kind, data) in files.items()
    ]


def _evil() -> list[Case]:
    case_fields = "30000 x 30000 are 900.0 megapixels, at most 32"
    bombs = [
        Case(f"evil/bomb.{kind.lower()}", f"30000 x 30000 as {kind}", make.bomb(kind), "too large", case_fields)
        for kind in ("PNG", "JPEG", "GIF", "BMP", "WEBP", "TIFF")
    ]
    return [
        *bombs,
        Case("evil/icc.png", "an ICC profile that unpacks to 200 MB", make.with_profile("red", bytes(200 << 20)), "damaged", "too large"),
        Case("evil/text.png", "a comment that unpacks to 200 MB", make.with_chunk(make.flat("navy"), b"zTXt", b"x\0\0" + make.zlib.compress(bytes(200 << 20), 9)), "damaged", "too large"),
        Case("evil/sparse.png", "300 MB of nothing on disk", lambda path: (path.touch(), os.truncate(path, 300 << 20)), "too large", "300.0 MiB, at most 256"),
    ]  # fmt: skip


def _named() -> list[Case]:
    names = {
        "a new line": "new\nline.png",
        "a tab and a carriage return": "a\tb\rc.png",
        "Chinese, Arabic, an emoji": "名字 اسم 🎨.png",
        "a letter with its accent, one character": "caf\u00e9.png",
        "a letter with its accent, two characters": "cafe\u0301.png",
        "text that turns round": "\u202egnp.exe",
        "a script": "<script>alert(1)<\u2215script>.png",
        "an image that fails": '"><img src=x onerror=alert(1)>.png',
        "255 bytes": "n" * 251 + ".png",
        "a terminal's commands": "\x1b]0;owned\x07\x1b[2J.png",
        "an option": "-rf.png",
        "a template": "{{7*7}} ${HOME} %s.png",
        "a comma and quotes": "a,'b',\"c\".png",
        "markup of rich": "[bold red]x[/].png",
        "bytes that are not UTF-8": os.fsdecode(b"\xff\xfe.png"),
    }
    return [Case(f"named/{name}", how, make.flat((3 * n, 40, 200))) for n, (how, name) in enumerate(names.items())]


def _special(outside: Path) -> list[Case]:
    def linked(target):
        return lambda path: path.symlink_to(target)

    secret = outside / "secret.png"
    return [
        Case("special/inside.png", "a link to good/1.png", linked("../good/1.png"), "symlink"),
        Case("special/outside.png", "a link to a picture outside", linked(secret), "outside the root"),
        Case("special/up.png", "a link by ..", linked("../../../../secret.png"), "outside the root"),
        Case("special/folder", "a link to a folder outside", linked(outside), "outside the root"),
        Case("special/gone.png", "a link to nothing", linked("nothing.png"), "symlink"),
        Case("special/loop.png", "a link to itself", linked("loop.png"), "symlink"),
        Case("special/zeros.png", "a link to /dev/zero", linked("/dev/zero"), "outside the root"),
        Case("special/pipe.png", "a FIFO", os.mkfifo, "special file"),
        Case("special/socket.png", "a socket", _socket, "special file"),
        Case("special/x.png/inner.png", "a picture in a folder named x.png", make.flat((4, 5, 6)), pixels=(4, 5, 6)),
        Case("special/hard.png", "a hard link to good/2.png", lambda path: os.link(path.parent.parent / "good/2.png", path), "exact duplicate", "of good/2.png"),
        Case("special/deep" + "/d" * 1200 + "/x.png", "1,200 folders deep", _deep, pixels=(6, 5, 4)),
    ]  # fmt: skip


def _socket(path: Path) -> None:
    before = Path.cwd()
    os.chdir(path.parent)  # an address has at most 107 bytes
    try:
        with socket.socket(socket.AF_UNIX) as server:
            server.bind(path.name)
    finally:
        os.chdir(before)


def _deep(path: Path) -> None:
    handle = os.open("/", os.O_RDONLY)
    for part in path.parent.parts[1:]:  # the whole path may be longer than the system takes at once
        with contextlib.suppress(FileExistsError):
            os.mkdir(part, dir_fd=handle)
        handle, before = os.open(part, os.O_RDONLY, dir_fd=handle), handle
        os.close(before)
    with os.fdopen(os.open(path.name, os.O_CREAT | os.O_WRONLY, dir_fd=handle), "wb") as stream:
        stream.write(make.flat((6, 5, 4)))
    os.close(handle)
