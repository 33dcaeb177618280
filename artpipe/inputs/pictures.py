"""Bytes to pixels, the one decoder of ingest and preprocess: upright, sRGB, 8 bits, mode L, LA, RGB or RGBA.

Pillow is trusted with nothing here: this runs in a worker with limits (`artpipe.inputs.worker`), and whatever it raises
is a reason for quarantine.
"""

import io
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from artpipe.inputs.reasons import RejectedError
from artpipe.inputs.signatures import is_cut, kind_of, webp_size

if TYPE_CHECKING:
    from numpy.typing import NDArray
    from PIL import Image

FORMATS = ("JPEG", "PNG", "WEBP", "GIF", "BMP", "TIFF")
_ORIENTATION = 0x0112  # EXIF tag
_BAND = 256  # rows scaled together
_BESIDE = (
    16 << 20
)  # bytes of a comment or a colour profile in a PNG, unpacked; Pillow's own limit of 1 MiB refuses real profiles


@dataclass(frozen=True)
class Picture:
    """A decoded picture, mode L, LA, RGB or RGBA, and what was done to it, in words."""

    image: "Image.Image"
    notes: tuple[str, ...]


def decode(data: bytes, max_megapixels: float) -> Picture:
    """Decode a JPEG, PNG, WebP, GIF, BMP or TIFF file.

    Args:
        data: the whole file.
        max_megapixels: the size, read from the header before any pixel is decoded, from which on it is refused.

    Raises:
        RejectedError: empty, not an image, unsupported, too large, truncated or damaged.
    """
    if not data:
        raise RejectedError("empty file")
    image = _opened(data, max_megapixels)
    notes: list[str] = []
    if getattr(image, "is_animated", False) and image.format != "MPO":
        notes.append("the first page was kept" if image.format == "TIFF" else "animated: the first frame was kept")
    try:
        image.load()
        upright = _upright(_in_eight_bits(image, notes), image)
        return Picture(_in_srgb(upright, image.info.get("icc_profile"), notes), tuple(notes))
    except MemoryError:
        raise RejectedError("out of memory", f"{image.size[0]} x {image.size[1]} pixels") from None
    except Exception as error:  # noqa: BLE001 - Pillow raises more than OSError on hostile files (docs/log.md)
        raise RejectedError("truncated" if is_cut(data, error) else "damaged", said(error)) from None


def said(error: BaseException) -> str:
    """Return an exception as one short line."""
    return " ".join(f"{type(error).__name__}: {error}".split())[:200]


def perceptual_hash(image: "Image.Image") -> int:
    """Return the 64-bit difference hash (dhash as in the ImageHash library): 8 x 8 signs of horizontal steps."""
    import numpy as np
    from PIL import Image

    opaque = flattened(image, "white").convert("L").resize((9, 8), Image.Resampling.LANCZOS)
    pixels = np.asarray(opaque)
    bits = np.packbits(pixels[:, 1:] > pixels[:, :-1])
    return int.from_bytes(bits.tobytes(), "big")


def flattened(image: "Image.Image", background: str) -> "Image.Image":
    """Return the picture without alpha, composited on `background`, in mode L or RGB."""
    from PIL import Image

    if image.mode in {"L", "RGB"}:
        return image
    opaque = image.mode.removesuffix("A")
    ground = Image.new(opaque, image.size, background)
    ground.paste(image.convert(opaque), mask=image.getchannel("A"))
    return ground


def _opened(data: bytes, max_megapixels: float) -> "Image.Image":
    from PIL import Image, PngImagePlugin, UnidentifiedImageError

    Image.MAX_IMAGE_PIXELS = None  # the size is judged here, by the parameter
    PngImagePlugin.MAX_TEXT_CHUNK = _BESIDE
    kind = kind_of(data)
    if kind not in FORMATS:
        raise RejectedError("unsupported format", kind) if kind else RejectedError("not an image")
    if kind == "WEBP":
        _judge_size(webp_size(data), max_megapixels)  # Pillow allocates the whole canvas when it opens one
    try:
        image = Image.open(io.BytesIO(data), formats=FORMATS)
    except UnidentifiedImageError as error:
        raise RejectedError("truncated" if is_cut(data, error) else "damaged", "its header cannot be read") from None
    except MemoryError:
        raise RejectedError("out of memory", "while its header was read") from None
    except Exception as error:  # noqa: BLE001 - see `decode`
        raise RejectedError("truncated" if is_cut(data, error) else "damaged", said(error)) from None
    _judge_size(image.size, max_megapixels)
    return image


def _judge_size(size: tuple[int, int] | None, max_megapixels: float) -> None:
    if size is None:
        return
    width, height = size
    if width * height > max_megapixels * 1e6:
        megapixels = width * height / 1e6
        raise RejectedError(
            "too large", f"{width} x {height} are {megapixels:.1f} megapixels, at most {max_megapixels:g}"
        )


def _in_eight_bits(image: "Image.Image", notes: list[str]) -> "Image.Image":
    mode = image.mode
    if mode.startswith(("I", "F")):
        notes.append("16 bits scaled to 8" if mode.startswith("I;16") else "values scaled to 8 bits")
        return _scaled(image)
    if mode in {"P", "PA"}:
        has_alpha = mode == "PA" or "transparency" in image.info
        return image.convert("RGBA" if has_alpha else "RGB")
    if "transparency" in image.info and mode in {"1", "L", "RGB"}:
        return image.convert("RGBA" if mode == "RGB" else "LA")
    return image.convert(
        {"1": "L", "La": "LA", "RGBa": "RGBA", "RGBX": "RGB", "YCbCr": "RGB", "HSV": "RGB"}.get(mode, mode)
    )


def _scaled(image: "Image.Image") -> "Image.Image":
    """Scale by the range the values are in; `convert` alone would turn 16 bits white.

    A band of rows at a time: all of 32 megapixels as floating point would take a gigabyte.
    """
    import numpy as np
    from PIL import Image

    values = np.asarray(image)
    bands = [slice(start, start + _BAND) for start in range(0, len(values), _BAND)]
    highest = max((float(_finite(values[band]).max(initial=0.0)) for band in bands), default=0.0)
    ranges = [65535.0] if image.mode.startswith("I;16") else [255.0, 65535.0, 2.0**31 - 1]
    ceiling = next((top for top in ([1.0, *ranges] if image.mode == "F" else ranges) if highest <= top), highest)
    scaled = np.empty(values.shape, np.uint8)
    for band in bands:
        scaled[band] = np.clip(np.round(_finite(values[band]) * (255.0 / ceiling)), 0, 255)
    return Image.fromarray(scaled)


def _finite(values: "NDArray[Any]") -> "NDArray[Any]":
    """Return floating point numbers; what is none, or infinite, is 0."""
    import numpy as np

    return np.nan_to_num(values.astype(np.float64), nan=0.0, posinf=0.0, neginf=0.0)


def _upright(image: "Image.Image", source: "Image.Image") -> "Image.Image":
    from PIL import Image

    turn = Image.Transpose
    try:
        orientation = source.getexif().get(_ORIENTATION, 1)
    except Exception:  # noqa: BLE001 - unreadable EXIF says nothing about the pixels
        return image
    turns = [
        turn.FLIP_LEFT_RIGHT,
        turn.ROTATE_180,
        turn.FLIP_TOP_BOTTOM,
        turn.TRANSPOSE,
        turn.ROTATE_270,
        turn.TRANSVERSE,
        turn.ROTATE_90,
    ]
    wanted = dict(enumerate(turns, start=2)).get(orientation)
    return image if wanted is None else image.transpose(wanted)


def _in_srgb(image: "Image.Image", profile: bytes | None, notes: list[str]) -> "Image.Image":
    target = "L" if image.mode in {"L", "LA"} else "RGB"
    if not profile:
        return image if image.mode in {"L", "LA", "RGB", "RGBA"} else image.convert(target)
    from PIL import ImageCms

    alpha = image.getchannel("A") if image.mode in {"LA", "RGBA"} else None
    opaque = image.convert(target) if alpha else image
    try:
        source = ImageCms.ImageCmsProfile(io.BytesIO(profile))
        opaque = _through_profile(opaque, source, target, notes)
    except (ImageCms.PyCMSError, OSError, ValueError, TypeError):
        notes.append("its colour profile could not be used")
        opaque = opaque.convert(target)
    if alpha is not None:
        opaque.putalpha(alpha)
    return opaque


def _through_profile(image: "Image.Image", source: object, target: str, notes: list[str]) -> "Image.Image":
    from PIL import ImageCms

    name = (getattr(getattr(source, "profile", None), "profile_description", None) or "").strip()
    if image.mode == target == "RGB" and name.startswith("sRGB"):
        return image
    if image.mode == "L":  # a grey profile: through sRGB, whose three channels are then equal
        turned = ImageCms.profileToProfile(image, source, ImageCms.createProfile("sRGB"), outputMode="RGB")  # type: ignore[arg-type]
        turned = turned.convert("L") if turned is not None else image
    else:
        turned = ImageCms.profileToProfile(image, source, ImageCms.createProfile("sRGB"), outputMode=target)  # type: ignore[arg-type]
    notes.append("colours converted from its profile to sRGB")  # the profile's name may be that of a person's screen
    return turned if turned is not None else image
