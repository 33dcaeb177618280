"""Decode pictures, for ingest and preprocess: upright, sRGB, 8 bits.

The mode is L, LA, RGB or RGBA.

Pillow is not trusted: this runs in a worker with limits (`artpipe.untrusted.worker`), and any exception is a reason for
quarantine.
"""

import io
from dataclasses import dataclass
from typing import TYPE_CHECKING

from artpipe.language.message import Message
from artpipe.modalities.picture.bit_depth import get_raw_mode, is_sixteen_bit_colour, scale_dark_colours, scale_levels
from artpipe.modalities.picture.jpeg_end import describe_unsupported_process, load_without_end, read_jpeg_header
from artpipe.untrusted.magic_bytes import (
    describe_non_picture,
    describe_unread_format,
    detect_picture_format,
    is_truncated,
    read_webp_size,
)
from artpipe.untrusted.rejection import RejectedError
from artpipe.untrusted.tiff_tags import describe_samples, is_signed_byte

if TYPE_CHECKING:
    from PIL import Image

FORMATS = ("JPEG", "PNG", "WEBP", "GIF", "BMP", "TIFF")  # decoders that are trusted in a worker, and AVIF where it is
_ORIENTATION = 0x0112  # EXIF tag
_MAX_TEXT_BYTES = (
    16 << 20
)  # bytes of a comment or a colour profile in a PNG, unpacked; Pillow's own limit of 1 MiB refuses real profiles


@dataclass(frozen=True)
class Picture:
    """A decoded picture (mode L, LA, RGB or RGBA), and notes on what was done to it."""

    image: "Image.Image"
    notes: tuple[str, ...]


def decode_picture(data: bytes, max_megapixels: float) -> Picture:
    """Decode a JPEG, PNG, WebP, GIF, BMP, TIFF or AVIF file.

    Args:
        data: the whole file.
        max_megapixels: the size, read from the header before any pixel is decoded, from which on it is refused.

    Raises:
        RejectedError: empty, not an image, unsupported, too large, truncated or damaged.
    """
    if not data:
        raise RejectedError("empty file")
    image = _open_image(data, max_megapixels)
    notes: list[str] = []
    if getattr(image, "is_animated", False) and image.format != "MPO":
        notes.append("the first page was kept" if image.format == "TIFF" else "animated: the first frame was kept")
    try:
        raw_mode = get_raw_mode(image)
        image = _load_pixels(image, data, notes)
        eight_bits = _to_eight_bits(image, data, notes)
        if is_sixteen_bit_colour(raw_mode):
            eight_bits = scale_dark_colours(eight_bits, raw_mode, data, notes)
        return Picture(
            _to_srgb(_apply_orientation(eight_bits, image), image.info.get("icc_profile"), notes), tuple(notes)
        )
    except MemoryError:
        size = Message(code="pixels_of_picture", values={"width": image.size[0], "height": image.size[1]})
        raise RejectedError("out of memory", size, parameter="decode_megabytes") from None
    except Exception as error:  # noqa: BLE001 - Pillow raises more than OSError on hostile files (docs/log.md)
        raise _make_rejection(data, describe_error(error), error) from None


def _load_pixels(image: "Image.Image", data: bytes, notes: list[str]) -> "Image.Image":
    """Load the pixels.

    A JPEG that ends before its end mark is accepted where every pixel is there.
    """
    if image.format not in {"JPEG", "MPO"} or read_jpeg_header(data).has_end:
        image.load()
        return image
    complete = load_without_end(data)
    if complete is None:
        raise OSError("the file is truncated: pixels are missing")
    notes.append("its end mark is missing, all its pixels are there")
    return complete


def _make_rejection(data: bytes, detail: str, error: BaseException) -> RejectedError:
    return RejectedError(
        "truncated" if is_truncated(data, error) else "damaged",
        Message(code="problem_of_kind", values={"kind": str(detect_picture_format(data)), "problem": detail}),
    )


def describe_error(error: BaseException) -> str:
    """Return an exception as one short line."""
    return " ".join(f"{type(error).__name__}: {error}".split())[:200]


def perceptual_hash(image: "Image.Image") -> int:
    """Return the 64-bit difference hash (dhash, as in the ImageHash library).

    8 x 8 signs of horizontal steps.
    """
    import numpy as np
    from PIL import Image

    opaque = flatten_alpha(image, "white").convert("L").resize((9, 8), Image.Resampling.LANCZOS)
    pixels = np.asarray(opaque)
    bits = np.packbits(pixels[:, 1:] > pixels[:, :-1])
    return int.from_bytes(bits.tobytes(), "big")


def flatten_alpha(image: "Image.Image", background: str) -> "Image.Image":
    """Return the picture composited on `background`, in mode L or RGB."""
    from PIL import Image

    if image.mode in {"L", "RGB"}:
        return image
    opaque = image.mode.removesuffix("A")
    ground = Image.new(opaque, image.size, background)
    ground.paste(image.convert(opaque), mask=image.getchannel("A"))
    return ground


def _supported_formats() -> tuple[str, ...]:
    """Return the supported formats; AVIF where this Pillow was built with it."""
    from PIL import features

    return (*FORMATS, "AVIF") if features.check("avif") else FORMATS


def _open_image(data: bytes, max_megapixels: float) -> "Image.Image":
    from PIL import AvifImagePlugin, Image, PngImagePlugin, UnidentifiedImageError

    Image.MAX_IMAGE_PIXELS = None  # the size is checked here, by the parameter
    PngImagePlugin.MAX_TEXT_CHUNK = _MAX_TEXT_BYTES
    AvifImagePlugin.DEFAULT_MAX_THREADS = 1
    kind, formats = detect_picture_format(data), _supported_formats()
    if kind not in formats:
        raise RejectedError("unsupported format", describe_unread_format(data)) if kind else _non_picture_error(data)
    if kind == "WEBP":
        _check_size(read_webp_size(data), max_megapixels)  # Pillow allocates the whole canvas when it opens one
    if kind == "JPEG" and (process := describe_unsupported_process(read_jpeg_header(data))):
        raise RejectedError("unsupported format", f"{process}: save it as 8-bit JPEG, PNG or TIFF")
    if kind == "TIFF" and is_signed_byte(data):
        raise _unsupported_tiff_error(data)
    try:
        image = Image.open(io.BytesIO(data), formats=formats)
    except UnidentifiedImageError as error:
        rejected = _make_rejection(data, "its header cannot be read", error)
        raise _unsupported_tiff_error(data) if kind == "TIFF" and rejected.reason == "damaged" else rejected from None
    except MemoryError:
        raise RejectedError("out of memory", "while its header was read", parameter="decode_megabytes") from None
    except Exception as error:  # noqa: BLE001 - see `decode_picture`
        raise _make_rejection(data, describe_error(error), error) from None
    _check_size(image.size, max_megapixels)
    return image


def _non_picture_error(data: bytes) -> RejectedError:
    return RejectedError("not an image", describe_non_picture(data))


def _unsupported_tiff_error(data: bytes) -> RejectedError:
    detail = f"TIFF of {describe_samples(data)}: save it with 8 or 16 unsigned bits"
    return RejectedError("unsupported format", detail)


def _check_size(size: tuple[int, int] | None, max_megapixels: float) -> None:
    if size is None:
        return
    width, height = size
    if width * height > max_megapixels * 1e6:
        megapixels = width * height / 1e6
        raise RejectedError(
            "too large",
            Message(
                code="megapixels_of_most",
                values={"width": width, "height": height, "megapixels": megapixels, "most": max_megapixels},
            ),
            parameter="max_megapixels",
        )


def _to_eight_bits(image: "Image.Image", data: bytes, notes: list[str]) -> "Image.Image":
    mode = image.mode
    if mode.startswith(("I", "F")):
        return scale_levels(image, data, notes)
    if mode in {"P", "PA"}:
        has_alpha = mode == "PA" or "transparency" in image.info
        return image.convert("RGBA" if has_alpha else "RGB")
    if "transparency" in image.info and mode in {"1", "L", "RGB"}:
        return image.convert("RGBA" if mode == "RGB" else "LA")
    return image.convert(
        {"1": "L", "La": "LA", "RGBa": "RGBA", "RGBX": "RGB", "YCbCr": "RGB", "HSV": "RGB"}.get(mode, mode)
    )


def _apply_orientation(image: "Image.Image", source: "Image.Image") -> "Image.Image":
    from PIL import Image

    transpose = Image.Transpose
    try:
        orientation = source.getexif().get(_ORIENTATION, 1)
    except Exception:  # noqa: BLE001 - unreadable EXIF says nothing about the pixels
        return image
    transpositions = [
        transpose.FLIP_LEFT_RIGHT,
        transpose.ROTATE_180,
        transpose.FLIP_TOP_BOTTOM,
        transpose.TRANSPOSE,
        transpose.ROTATE_270,
        transpose.TRANSVERSE,
        transpose.ROTATE_90,
    ]
    transposition = dict(enumerate(transpositions, start=2)).get(orientation)
    return image if transposition is None else image.transpose(transposition)


def _to_srgb(image: "Image.Image", profile: bytes | None, notes: list[str]) -> "Image.Image":
    target = "L" if image.mode in {"L", "LA"} else "RGB"
    if not profile:
        return image if image.mode in {"L", "LA", "RGB", "RGBA"} else image.convert(target)
    from PIL import ImageCms

    alpha = image.getchannel("A") if image.mode in {"LA", "RGBA"} else None
    opaque = image.convert(target) if alpha else image
    try:
        source = ImageCms.ImageCmsProfile(io.BytesIO(profile))
        opaque = _apply_profile(opaque, source, target, notes)
    except (ImageCms.PyCMSError, OSError, ValueError, TypeError):
        notes.append("its colour profile could not be used")
        opaque = opaque.convert(target)
    if alpha is not None:
        opaque.putalpha(alpha)
    return opaque


def _apply_profile(image: "Image.Image", source: object, target: str, notes: list[str]) -> "Image.Image":
    from PIL import ImageCms

    name = (getattr(getattr(source, "profile", None), "profile_description", None) or "").strip()
    if image.mode == target == "RGB" and name.startswith("sRGB"):
        return image
    if image.mode == "L":  # a grey profile: through sRGB, whose three channels are then equal
        converted = ImageCms.profileToProfile(image, source, ImageCms.createProfile("sRGB"), outputMode="RGB")  # type: ignore[arg-type]
        converted = converted.convert("L") if converted is not None else image
    else:
        converted = ImageCms.profileToProfile(image, source, ImageCms.createProfile("sRGB"), outputMode=target)  # type: ignore[arg-type]
    notes.append("colours converted from its profile to sRGB")  # the profile's name may be that of a person's screen
    return converted if converted is not None else image
