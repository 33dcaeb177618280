"""Words and numbers as a visitor reads them; every sentence of the gallery passes `words`, so a language is one file."""

import json
import math
import re
import unicodedata
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path

_BIDI = re.compile("[\u061c\u200e\u200f\u202a-\u202e\u2066-\u2069]")
_MONTHS = (
    *("January", "February", "March", "April", "May", "June"),
    *("July", "August", "September", "October", "November", "December"),
)
_ACRONYMS = frozenset({"ece", "elbo", "ema", "fid", "iwae", "kid", "kl", "lpips", "nll", "psnr", "r1", "r2", "ssim"})
_HAN = re.compile("[\u3400-\u9fff\uf900-\ufaff]")
_COLUMNS = (16, 17)  # the longest column of characters, and the most columns, that are verse and no prose
_ROMAN = ((10, "X"), (9, "IX"), (5, "V"), (4, "IV"), (1, "I"))


def words(theme: Path, language: str) -> tuple[Callable[[str], str], Callable[[str, str, int], str]]:
    """Return `gettext` and `ngettext` of ``words/LANGUAGE.json``; what is missing there stays English."""
    path = theme / "words" / f"{language}.json"
    said: dict[str, str] = json.loads(path.read_text(encoding="utf-8")) if path.is_file() else {}

    def one(message: str) -> str:
        return said.get(message, message)

    def many(singular: str, plural: str, n: int) -> str:
        return one(singular if n == 1 else plural)

    return one, many


def clean(text: object, limit: int = 300) -> str:
    """Return any text on one line: no control, no direction override, no lone surrogate, at most `limit` characters."""
    line = _BIDI.sub("", str(text)).encode("utf-8", "replace").decode()
    line = "".join(" " if unicodedata.category(c) in {"Cc", "Zl", "Zp"} else c for c in line)
    line = " ".join(line.split())
    return line if len(line) <= limit else f"{line[: limit - 1]}\u2026"


def number(value: float, digits: int = 3) -> str:
    """Return 70,000 for counts and three significant digits for measures; a minus is a minus."""
    if not math.isfinite(value):
        return "not finite"
    if float(value).is_integer() and abs(value) < 1e15:  # noqa: PLR2004 - beyond, floats are no counts
        return f"{int(value):,}".replace("-", "\u2212")
    size = math.floor(math.log10(abs(value)))
    if size < -4 or size >= 6:  # noqa: PLR2004 - outside, powers of ten read better
        return f"{value:.{digits - 1}e}".replace("-", "\u2212")
    return f"{value:,.{max(0, digits - 1 - size)}f}".replace("-", "\u2212")


def duration(seconds: float) -> str:
    """Return 45 s, 4 min 12 s or 3 h 20 min."""
    whole = round(seconds)
    if whole < 60:  # noqa: PLR2004 - a minute
        return f"{whole} s"
    if whole < 3600:  # noqa: PLR2004 - an hour
        return f"{whole // 60} min {whole % 60} s"
    return f"{whole // 3600} h {whole % 3600 // 60} min"


def size(count: int) -> str:
    """Return bytes as 812 B, 4.2 kB or 1.3 MB."""
    if count < 1000:  # noqa: PLR2004 - a kilobyte
        return f"{count} B"
    return f"{count / 1e3:.1f} kB" if count < 1e6 else f"{count / 1e6:.1f} MB"  # noqa: PLR2004 - a megabyte


def date(seconds: float) -> str:
    """Return 21 November 2026, in UTC."""
    moment = datetime.fromtimestamp(seconds, UTC)
    return f"{moment.day} {_MONTHS[moment.month - 1]} {moment.year}"


def roman(value: int) -> str:
    """Return a room's number."""
    text = ""
    for size, letter in _ROMAN:
        while value >= size:
            text, value = text + letter, value - size
    return text


def slug(text: str) -> str:
    """Return lower-case letters, digits and single hyphens: safe as a folder, in a URL and on any disk."""
    return re.sub(r"[^a-z0-9]+", "-", text.lower()).strip("-")[:80] or "work"


def han(text: str) -> bool:
    """Return whether a text is mostly in Chinese characters."""
    return 2 * len(_HAN.findall(text)) > sum(map(str.isalpha, text)) > 0


def upright(text: str) -> bool:
    """Return whether a text is set in columns from right to left, as short Chinese verse is."""
    lines = text.split("\n")
    return han(text) and max(map(len, lines)) <= _COLUMNS[0] and len(lines) <= _COLUMNS[1]


def plain(name: str) -> str:
    """Return a measure's or parameter's name as a visitor reads it: `held_out_kid` as Held out KID."""
    parts = [part.upper() if part in _ACRONYMS else part for part in clean(name).replace("_", " ").split(" ")]
    text = " ".join(parts)
    return text[:1].upper() + text[1:]


def short(sha256: str) -> str:
    """Return the first twelve digits of a hash, enough to find it by."""
    return clean(sha256)[:12]
