"""One picture of a contact sheet, drawn in a worker."""

from PIL import Image, ImageOps

from artpipe.modalities.picture.decoder import decode_picture, flatten_alpha

_MARGIN = 4  # pixels


def draw_tile(data: bytes, settings: dict[str, float]) -> bytes:
    """Return a picture as ``side * side * 3`` bytes of RGB.

    It is whole, on a grey `ground` (0 to 255).
    """
    inner, ground = int(settings["side"]) - 2 * _MARGIN, (int(settings["ground"]),) * 3
    picture = flatten_alpha(decode_picture(data, settings["max_megapixels"]).image, "white").convert("RGB")
    padded = ImageOps.pad(picture, (inner, inner), Image.Resampling.LANCZOS, color=ground)
    return ImageOps.expand(padded, _MARGIN, ground).tobytes()
