"""Names of colours: the basic terms of English with their modifiers, by example.

The terms are those of Berlin & Kay 1969 with the finer ones of the ISCC-NBS dictionary (Kelly & Judd 1955) that painters use; a colour has the name
of the example that is nearest in OKLab. docs/critique.md lists them.
"""

from functools import cache

import numpy as np
from numpy.typing import NDArray

from artpipe.numerics.colour_space import to_oklab

# Of each name, colours in sRGB that everybody would call so.
EXAMPLES: dict[str, tuple[str, ...]] = {
    "black": ("000000", "141414", "1a1713", "12161c"),
    "dark grey": ("2b2b2b", "3c3c3c", "525252", "4a4742", "2a2e34"),
    "grey": ("737373", "8c8c8c", "86827c"),
    "light grey": ("ababab", "c6c6c6", "b9b5af"),
    "off-white": ("dedede", "ece8e0", "e4e8ec"),
    "white": ("ffffff", "f6f6f6"),
    "dark red": ("5c1414", "801818", "8b0000"),
    "red": ("b01c1c", "d42020", "ff0000"),
    "pink": ("f4a8b4", "ffc0cb", "e88a9c"),
    "deep pink": ("e0407c", "ff1493", "d0587c"),
    "dark brown": ("2c1c12", "3e2818", "4a3220"),
    "brown": ("6a4526", "7c5232", "8b4513"),
    "light brown": ("a67c52", "b8906a", "9a7a5c"),
    "grey-brown": ("5e5246", "7a6c5c", "948676"),
    "beige": ("d2b894", "d8c8ac", "f5f5dc", "e8d8bc"),
    "khaki": ("b8b494", "a8a484", "c4bc98"),
    "cream": ("f6ecd0", "fff4d8"),
    "rust": ("9c4420", "b4532a"),
    "orange": ("f08020", "ff8c00", "ffa500", "e06c14"),
    "peach": ("f8c098", "f0a880"),
    "ochre": ("b8862c", "cc9c3c", "a87820"),
    "gold": ("e8b422", "f4c430", "ffd700"),
    "yellow": ("f8e010", "ffff00", "f4dc50"),
    "pale yellow": ("f8f0a0", "fffacd", "f0e48c"),
    "olive": ("5c5a1e", "78762a", "808000"),
    "dark olive": ("36341a", "444424"),
    "yellow-green": ("9acd32", "b0c83c", "adff2f"),
    "dark green": ("0e3016", "1c4a26", "006400"),
    "green": ("208a34", "2ca444", "00c800", "00ff00"),
    "light green": ("a0d8a0", "98fb98", "b8dca8"),
    "grey-green": ("62705e", "808e78", "98a48e"),
    "teal": ("147070", "1c8484", "008080"),
    "dark teal": ("0c3838", "164a4c"),
    "turquoise": ("30c4b8", "40e0d0", "00ffff"),
    "pale turquoise": ("b0e4e0", "c4ecec"),
    "sky blue": ("78bce8", "87ceeb", "5aa4dc"),
    "pale blue": ("b4d4ec", "c4dcf4"),
    "blue": ("1e50c0", "2a68d0", "0000ff", "2040e0"),
    "dark blue": ("0c1444", "14246c", "000080"),
    "grey-blue": ("4e6078", "6c8098", "8a9cb0"),
    "violet": ("6a40b8", "7c50d0", "8a2be2"),
    "dark violet": ("28144c", "3c1e6c"),
    "lavender": ("b8a8dc", "d0c4f0", "e6e6fa"),
    "purple": ("7c1c7c", "943094", "800080"),
    "dark purple": ("340c34", "4c184c"),
    "magenta": ("c820a8", "ff00ff"),
    "mauve": ("a07898", "b894b0"),
    "wine red": ("48101e", "5e1428"),
    "dusty pink": ("b07c7c", "c49490"),
}
_NAMES = tuple(EXAMPLES)
_NEUTRAL = ("black", "dark grey", "grey", "light grey", "off-white", "white")
NEUTRAL_CHROMA = 0.012  # in OKLab; what has less is a grey to the eye


@cache
def _examples(*, neutral: bool) -> tuple[NDArray[np.float32], NDArray[np.intp]]:
    """Return the examples in OKLab ``(N, 3)`` and the numbers of their names."""
    names = _NEUTRAL if neutral else _NAMES
    pairs = [(bytes.fromhex(code), _NAMES.index(name)) for name in names for code in EXAMPLES[name]]
    colours = np.frombuffer(b"".join(code for code, _ in pairs), np.uint8).reshape(-1, 3)
    return to_oklab(colours), np.array([number for _, number in pairs])


def name_colours(oklab: NDArray[np.float32]) -> NDArray[np.intp]:
    """Return the number of the name of each colour ``(N, 3)``; see `colour_name`."""
    is_neutral = np.hypot(oklab[:, 1], oklab[:, 2]) < NEUTRAL_CHROMA
    return np.where(is_neutral, _find_nearest(oklab, neutral=True), _find_nearest(oklab, neutral=False))


def _find_nearest(oklab: NDArray[np.float32], *, neutral: bool) -> NDArray[np.intp]:
    examples, names = _examples(neutral=neutral)
    distances = np.square(oklab).sum(1, keepdims=True) - 2 * oklab @ examples.T + np.square(examples).sum(1)
    return np.asarray(names[distances.argmin(1)])


def colour_name(number: int) -> str:
    """Return a colour's name, which the tables of languages translate."""
    return _NAMES[number]
