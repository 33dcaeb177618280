"""Makes picture files that are odd, broken or evil, mostly byte by byte, and says which pixels the odd ones have."""

import io
import struct
import zlib

import numpy as np
from PIL import Image, ImageCms

SIDE = 16
LETTER_F = np.kron(  # no turn and no mirror image of it is itself
    np.array([[0, 0, 0, 0], [0, 1, 1, 0], [0, 1, 0, 0], [0, 1, 0, 0]], np.uint8), np.full((4, 4), 255, np.uint8)
)
FROM_UPRIGHT = (  # how a picture lies in the file, by its EXIF orientation (EXIF 2.32, table 5)
    lambda a: a,
    lambda a: a[:, ::-1],
    lambda a: a[::-1, ::-1],
    lambda a: a[::-1],
    lambda a: a.T,
    np.rot90,
    lambda a: a[::-1, ::-1].T,
    lambda a: np.rot90(a, -1),
)


def saved(image, kind="PNG", **options):
    """Return the bytes of a file."""
    buffer = io.BytesIO()
    image.save(buffer, kind, **options)
    return buffer.getvalue()


def flat(colour, kind="PNG", mode="RGB", **options):
    """Return a file of one colour."""
    return saved(Image.new(mode, (SIDE, SIDE), colour), kind, **options)


def noise(seed, side=SIDE):
    """Return a picture that is like no other."""
    return Image.fromarray(np.random.default_rng(seed).integers(0, 256, (side, side, 3), np.uint8))


def chunk(kind, body):
    """Return a chunk of a PNG."""
    return struct.pack(">I", len(body)) + kind + body + struct.pack(">I", zlib.crc32(kind + body))


def png(width, height, depth, colour, rows, extra=b""):
    """Return a PNG of the raw rows, each with its filter byte; `extra` are chunks before the pixels."""
    header = struct.pack(">IIBBBBB", width, height, depth, colour, 0, 0, 0)
    body = chunk(b"IHDR", header) + extra + chunk(b"IDAT", zlib.compress(rows, 9))
    return b"\x89PNG\r\n\x1a\n" + body + chunk(b"IEND", b"")


def with_chunk(data, kind, body):
    """Return a PNG with a further chunk behind its header."""
    return data[:33] + chunk(kind, body) + data[33:]


def sixteen_bits(levels, colour=0):
    """Return a 16-bit PNG whose pixels all have these levels: one of grey, three of a colour."""
    row = b"\0" + struct.pack(f">{len(levels)}H", *levels) * SIDE
    return png(SIDE, SIDE, 16, colour, row * SIDE)


def sixteen_bit_tiff(level, order):
    """Return a 16-bit grey TIFF in either byte order."""
    return saved(Image.fromarray(np.full((SIDE, SIDE), level, f"{order}u2")), "TIFF")


def halves(levels, tag=None, value=0):
    """Return a 16-bit grey TIFF of two levels, left and right, with a tag where there is one."""
    pixels = np.repeat(np.array([[levels[0]] * 8 + [levels[1]] * 8], "<u2"), SIDE, 0)
    return saved(Image.fromarray(pixels), "TIFF", **({"tiffinfo": {tag: value}} if tag else {}))


def half_of(left, right):
    """Return the pixels ``(H, W, 3)`` of two greys."""
    return np.repeat(np.repeat(np.array([[left] * 8 + [right] * 8], np.uint8), SIDE, 0)[:, :, None], 3, 2)


def retagged(data, tag, value):
    """Return a little-endian TIFF with a further tag, one short number: its directory is written again at its end."""
    place = int.from_bytes(data[4:8], "little")
    count = int.from_bytes(data[place : place + 2], "little")
    entries = [data[place + 2 + 12 * n : place + 14 + 12 * n] for n in range(count)]
    entries = [entry for entry in entries if entry[:2] != struct.pack("<H", tag)]
    entries = sorted(
        [*entries, struct.pack("<HHIHH", tag, 3, 1, value, 0)], key=lambda entry: struct.unpack("<H", entry[:2])
    )
    directory = struct.pack("<H", len(entries)) + b"".join(entries) + bytes(4)
    return data[:4] + struct.pack("<I", len(data)) + data[8:] + directory


def without_last_scan():
    """Return a progressive JPEG that ends before its last scan."""
    data = saved(noise(101, 64), "JPEG", progressive=True)
    return data[: data.rindex(b"\xff\xda")]


def palette_with_transparency():
    """Return a PNG of two colours, the left half transparent."""
    image = Image.fromarray(np.repeat(np.array([[0] * 8 + [1] * 8], np.uint8), SIDE, 0), "P")
    image.putpalette([10, 20, 30, 200, 100, 50])
    return saved(image, transparency=0)


def animated(kind, first, second):
    """Return two frames of one colour each."""
    frames = [Image.new("RGB", (SIDE, SIDE), colour) for colour in (first, second)]
    return saved(frames[0], kind, save_all=True, append_images=frames[1:], lossless=True, duration=100)


def oriented(orientation):
    """Return the letter F lying in a JPEG as the orientation says."""
    exif = Image.Exif()
    exif[0x0112] = orientation
    stored = np.ascontiguousarray(FROM_UPRIGHT[orientation - 1](LETTER_F))
    return saved(Image.fromarray(stored).convert("RGB"), "JPEG", quality=98, subsampling=0, exif=exif)


def exchanged_profile():
    """Return the profile of sRGB with its red and green primaries exchanged, under another name."""
    data = bytearray(ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes())
    red, green = data.index(b"rXYZ", 128), data.index(b"gXYZ", 128)
    data[red : red + 4], data[green : green + 4] = b"gXYZ", b"rXYZ"
    return bytes(data).replace("sRGB".encode("utf-16-be"), "xRGB".encode("utf-16-be"))


def with_profile(colour, profile):
    """Return a PNG of one colour with a profile of any size, packed as iCCP wants it."""
    return with_chunk(flat(colour), b"iCCP", b"x\0\0" + zlib.compress(profile, 9))


def padded_profile(megabytes):
    """Return the exchanged profile with so much nothing behind it, its length set right."""
    data = bytearray(exchanged_profile()) + bytes(megabytes << 20)
    data[:4] = len(data).to_bytes(4, "big")
    return bytes(data)


def located(colour):
    """Return a JPEG that tells where and by what it was taken."""
    exif = Image.Exif()
    exif[0x010F], exif[0x0131] = "SPYCAM", "SPYSOFT"
    exif[0x8825] = {1: "N", 2: (52.0, 31.0, 12.5), 3: "E", 4: (13.0, 24.0, 17.5)}
    return flat(colour, "JPEG", exif=exif, quality=95)


def jpeg_of_much_exif(colour):
    """Return a JPEG with 40 segments of 64 kB before its pixels, as EXIF."""
    data = flat(colour, "JPEG", quality=95)
    segment = b"\xff\xe1" + struct.pack(">H", 65535) + b"Exif\0\0" + b"MM\0*\0\0\0\x08" + bytes(65535 - 16)
    return data[:2] + segment * 40 + data[2:]


def patched(data, place, values, form):
    """Return the bytes with numbers written at a place."""
    return data[:place] + struct.pack(form, *values) + data[place + struct.calcsize(form) :]


def bomb(kind, side=30_000):
    """Return a small file that says it has `side` x `side` pixels; the PNG really has them."""
    if kind == "PNG":
        return png(side, side, 1, 0, (b"\0" + bytes(side // 8)) * side)
    data = flat("red", kind)
    if kind == "JPEG":
        return patched(data, data.index(b"\xff\xc0") + 5, (side, side), ">HH")
    if kind == "GIF":
        data = patched(data, 6, (side, side), "<HH")
        return patched(data, data.index(b",\0\0\0\0") + 5, (side, side), "<HH")
    if kind == "BMP":
        return patched(data, 18, (side, side), "<ii")
    if kind == "WEBP":
        canvas = (side - 1).to_bytes(3, "little") * 2
        body = b"WEBPVP8X" + struct.pack("<I", 10) + bytes(4) + canvas + data[12:]
        return b"RIFF" + struct.pack("<I", len(body)) + body
    place = int.from_bytes(data[4:8], "little") + 2  # TIFF: width and height are the first tags
    return patched(patched(data, place + 8, (side,), "<I"), place + 20, (side,), "<I")


def largest(depth, colour):
    """Return a PNG of 5,656 x 5,656 pixels, 32 megapixels but for a little: the most that is let in."""
    side, channels = 5656, {0: 1, 2: 3, 6: 4}[colour]
    row = b"\0" + (b"\x80\x40" * channels if depth == 16 else b"\x80" * channels) * side
    return png(side, side, depth, colour, row * side)
