"""Pictures as a static image service (IIIF Image API 3.0, level 0).

Each size is a file: a viewer asks for addresses, and a web server without any program answers.
"""

import io
import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from functools import cache
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from PIL import Image

_CONTEXT = "http://iiif.io/api/image/3/context.json"
_SIDES = (224, 448, 896)  # pixels of the longer side, beside the whole picture
_TILED_FROM, _TILE = 2048, 512  # pixels of the longer side from which a picture comes in tiles, and of a tile's side
_QUALITY = 90
Size = tuple[int, int]
Box = tuple[int, int, int, int]  # left, top, right, bottom
Encode = Callable[[], bytes]


def _encode_anew(encode: Encode, *parts: bytes) -> bytes:
    del parts
    return encode()


def make_image_service(
    address: str, picture: bytes, keep: Callable[..., bytes] = _encode_anew
) -> tuple[Size, Mapping[str, bytes]]:
    """Return the size of a picture, and the files of its service by their path in it.

    `address` is where the service stands, without a slash at its end. The same picture gives the same bytes. `keep` takes
    what encodes a file and the parts it is made from; where it has the file from before, the picture is not decoded.
    """
    from PIL import Image

    with Image.open(io.BytesIO(picture)) as opened:
        whole = opened.size

    @cache
    def decode() -> "Image.Image":
        with Image.open(io.BytesIO(picture)) as opened:
            return _flatten(opened)

    def encode(box: Box, size: Size) -> bytes:
        return keep(lambda: _encode(decode(), box, size), picture, f"iiif {box} {size} {_QUALITY}".encode())

    sizes, scales = list_sizes(whole), list_scales(whole)
    files = {f"full/{width},{height}/0/default.jpg": encode((0, 0, *whole), (width, height)) for width, height in sizes}
    files["full/max/0/default.jpg"] = files[f"full/{whole[0]},{whole[1]}/0/default.jpg"]
    files |= {_name_tile(box, size): encode(box, size) for box, size in list_tiles(whole, scales)}
    return whole, {"info.json": _describe(address, whole, sizes, scales), **files}


def list_sizes(size: Size) -> list[Size]:
    """Return the sizes of a whole picture, the smallest first, its own the last."""
    longer = max(size)
    smaller = [_fit(size, side) for side in _SIDES if side < longer]
    return [
        *smaller,
        *(_scale(size, scale) for scale in reversed(list_scales(size)[1:]) if longer / scale > _SIDES[-1]),
        size,
    ]


def list_scales(size: Size) -> list[int]:
    """Return the factors by which tiles are shrunk; none of a small picture."""
    if max(size) < _TILED_FROM:
        return []
    scales = [1]
    while max(size) / scales[-1] > _TILE:
        scales.append(2 * scales[-1])
    return scales


def list_tiles(size: Size, scales: Sequence[int]) -> Iterator[tuple[Box, Size]]:
    """Yield the box of each tile in the whole picture, and the tile's own size."""
    width, height = size
    for scale in scales:
        for left in range(0, width, _TILE * scale):
            for top in range(0, height, _TILE * scale):
                box = left, top, min(width, left + _TILE * scale), min(height, top + _TILE * scale)
                yield box, _scale((box[2] - box[0], box[3] - box[1]), scale)


def _fit(size: Size, side: int) -> Size:
    """Return the size of a picture whose longer side becomes `side`."""
    longer = max(size)
    return max(1, round(size[0] * side / longer)), max(1, round(size[1] * side / longer))


def _scale(size: Size, factor: int) -> Size:
    """Return a size divided by a factor, rounded up as viewers do."""
    return -(-size[0] // factor), -(-size[1] // factor)


def _name_tile(box: Box, size: Size) -> str:
    left, top, right, bottom = box
    return f"{left},{top},{right - left},{bottom - top}/{size[0]},{size[1]}/0/default.jpg"


def _describe(address: str, size: Size, sizes: Sequence[Size], scales: Sequence[int]) -> bytes:
    info: dict[str, Any] = {
        "@context": _CONTEXT,
        "id": address,
        "type": "ImageService3",
        "protocol": "http://iiif.io/api/image",
        "profile": "level0",
        "width": size[0],
        "height": size[1],
        "sizes": [{"width": width, "height": height} for width, height in sizes],
    }
    if scales:
        info["tiles"] = [{"width": _TILE, "height": _TILE, "scaleFactors": list(scales)}]
    return (json.dumps(info, indent=1) + "\n").encode()


def _flatten(image: "Image.Image") -> "Image.Image":
    """Return a picture in RGB, what is transparent on white."""
    from PIL import Image

    if image.mode in {"RGB", "L", "1"}:
        return image.convert("RGB")
    rgba = image.convert("RGBA")
    white = Image.new("RGB", rgba.size, "white")
    white.paste(rgba, mask=rgba)
    return white


def _encode(image: "Image.Image", box: Box, size: Size) -> bytes:
    buffer = io.BytesIO()
    part = image if box == (0, 0, *image.size) else image.crop(box)
    shown = part if part.size == size else part.resize(size)
    shown.save(buffer, "JPEG", quality=_QUALITY, optimize=True)
    return buffer.getvalue()
