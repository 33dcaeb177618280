"""What a page needs that refers to no other file: its style, fonts and media."""

import base64
import re
from pathlib import Path

from artpipe.site.themes import list_theme_files

_FONT_FACE = re.compile(r"@font-face \{.*?\}\n")
_FONT_FILE = re.compile(r'url\("fonts/([\w.-]+)"\)')
_FONTS = frozenset({
    "cormorant.woff2",
    "cormorant-italic.woff2",
    "alegreya-sans-400-normal.woff2",
    "alegreya-sans-700-normal.woff2",
    "alegreya-sans-sc-500-normal.woff2",
})  # fmt: skip  # those of a page with a title, text and labels
_MIME_TYPES = {
    ".jpg": "image/jpeg",
    ".ogg": "audio/ogg",
    ".png": "image/png",
    ".wav": "audio/wav",
    ".webp": "image/webp",
    ".woff2": "font/woff2",
}


def make_data_url(suffix: str, data: bytes) -> str:
    """Return a file as an address that holds it; `suffix` says what it is."""
    mime = _MIME_TYPES.get(suffix, "application/octet-stream")
    return f"data:{mime};base64,{base64.b64encode(data).decode()}"


def inline_style(theme: Path) -> str:
    """Return a theme's style with the fonts of such a page in it, and no others."""
    assets = list_theme_files(theme, "assets")
    style = assets["museum.css"].read_text(encoding="utf-8")

    def keep_font(face: re.Match[str]) -> str:
        file = _FONT_FILE.search(face[0])
        if file is None or file[1] not in _FONTS:
            return ""
        return _FONT_FILE.sub(f'url("{make_data_url(".woff2", assets[f"fonts/{file[1]}"].read_bytes())}")', face[0])

    return _FONT_FACE.sub(keep_font, style)
