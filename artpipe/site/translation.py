"""Words of templates, and numbers, as a visitor reads them; what artifacts say is in `artpipe.language`."""

import functools
import json
import math
import re
import unicodedata
from collections.abc import Callable, Collection
from datetime import UTC, datetime
from pathlib import Path

from artpipe.language.sentences import load_sentences

_BIDI = re.compile("[\u061c\u200e\u200f\u202a-\u202e\u2066-\u2069]")
_MONTHS = (
    *("January", "February", "March", "April", "May", "June"),
    *("July", "August", "September", "October", "November", "December"),
)
_HAN = re.compile("[\u3400-\u9fff\uf900-\ufaff]")
_COLUMNS = (16, 17)  # the longest column of characters, and the most columns, that are verse and no prose
Say = Callable[[str], str]
_ROMAN = ((10, "X"), (9, "IX"), (5, "V"), (4, "IV"), (1, "I"))


class Words:
    """The words of ``words/LANGUAGE.json``; what is missing there stays English.

    `acronyms` are written in capitals where they stand among the names of measures and parameters.
    """

    def __init__(self, theme: Path, language: str, acronyms: Collection[str] = ()) -> None:
        self.acronyms = frozenset(acronyms)
        path = theme / "words" / f"{language}.json"
        self.table: dict[str, str] = json.loads(path.read_text(encoding="utf-8")) if path.is_file() else {}
        self.sentences = load_sentences(language)

    def one(self, message: str) -> str:
        """Return what a message of the gallery's own is called."""
        return self.table.get(message, message)

    def many(self, singular: str, plural: str, n: int) -> str:
        """Return a message by count."""
        return self.one(singular if n == 1 else plural)

    def filters(self) -> dict[str, Callable[..., str]]:
        """Return what a template calls to write a number, a time, a name or the sentence of a message."""
        bare: dict[str, Callable[..., str]] = {"clean": clean, "slug": slug, "short": short, "size": size}
        spoken: dict[str, Callable[..., str]] = {
            "number": number,
            "duration": duration,
            "roughly": roughly,
            "date": date,
            "roman": roman,
            "plain": functools.partial(plain, acronyms=self.acronyms),
        }
        bound = {name: functools.partial(function, say=self.one) for name, function in spoken.items()}
        return {**bare, **bound, "sentence": self.sentences, "name": self.sentences.name}


def clean(text: object, limit: int = 300) -> str:
    """Return any text on one line: no control, no direction override, no lone surrogate, at most `limit` characters."""
    line = _BIDI.sub("", str(text)).encode("utf-8", "replace").decode()
    line = "".join(" " if unicodedata.category(c) in {"Cc", "Zl", "Zp"} else c for c in line)
    line = " ".join(line.split())
    return line if len(line) <= limit else f"{line[: limit - 1]}\u2026"


def number(value: float, digits: int = 3, say: Say = str) -> str:
    """Return 70,000 for counts and three significant digits for measures; a minus is a minus."""
    if not math.isfinite(value):
        return say("not finite")
    if float(value).is_integer() and abs(value) < 1e15:  # noqa: PLR2004 - beyond, floats are no counts
        return f"{int(value):,}".replace("-", "\u2212")
    size = math.floor(math.log10(abs(value)))
    if size < -4 or size >= 6:  # noqa: PLR2004 - outside, powers of ten read better
        return f"{value:.{digits - 1}e}".replace("-", "\u2212")
    return f"{value:,.{max(0, digits - 1 - size)}f}".replace("-", "\u2212")


def duration(seconds: float, say: Say = str) -> str:
    """Return 45 s, 4 min 12 s or 3 h 20 min."""
    whole = round(seconds)
    if whole < 60:  # noqa: PLR2004 - a minute
        return say("%(seconds)s s") % {"seconds": whole}
    if whole < 3600:  # noqa: PLR2004 - an hour
        return say("%(minutes)s min %(seconds)s s") % {"minutes": whole // 60, "seconds": whole % 60}
    return say("%(hours)s h %(minutes)s min") % {"hours": whole // 3600, "minutes": whole % 3600 // 60}


def roughly(seconds: float, say: Say = str) -> str:
    """Return a time still to come: 40 s, 12 min or 3 h 20 min."""
    if seconds < 90:  # noqa: PLR2004 - closer than that seconds are worth saying
        return say("%(seconds)s s") % {"seconds": max(10, 10 * round(seconds / 10))}
    minutes = round(seconds / 60)
    if minutes < 60:  # noqa: PLR2004 - an hour
        return say("%(minutes)s min") % {"minutes": minutes}
    return say("%(hours)s h %(minutes)s min") % {"hours": minutes // 60, "minutes": minutes % 60}


def size(count: int) -> str:
    """Return bytes as 812 B, 4.2 kB or 1.3 MB."""
    if count < 1000:  # noqa: PLR2004 - a kilobyte
        return f"{count} B"
    return f"{count / 1e3:.1f} kB" if count < 1e6 else f"{count / 1e6:.1f} MB"  # noqa: PLR2004 - a megabyte


def date(seconds: float, say: Say = str) -> str:
    """Return 21 November 2026, in UTC."""
    moment = datetime.fromtimestamp(seconds, UTC)
    month = say(_MONTHS[moment.month - 1])
    return say("%(day)s %(month)s %(year)s") % {"day": moment.day, "month": month, "year": moment.year}


def roman(value: int, say: Say = str) -> str:
    """Return a room's number, in the language's own way where it has one (`room 1` and so on), else in Roman numerals."""
    own = say(f"room {value}")
    if own != f"room {value}":
        return own
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


def direction(text: str) -> str:
    """Return `rtl` or `ltr` by the first letter that has a direction, empty where none has; as ``dir=auto`` does."""
    kinds = (unicodedata.bidirectional(character) for character in text)
    return next(("ltr" if kind == "L" else "rtl" for kind in kinds if kind in {"L", "R", "AL"}), "")


def plain(name: str, say: Say = str, acronyms: Collection[str] = ()) -> str:
    """Return a measure's or parameter's name as a visitor reads it: `held_out_kid` as Held out KID."""
    parts = [part.upper() if part in acronyms else part for part in clean(name).replace("_", " ").split(" ")]
    text = " ".join(parts)
    return say(text[:1].upper() + text[1:])


def short(sha256: str) -> str:
    """Return the first twelve digits of a hash, enough to find it by."""
    return clean(sha256)[:12]
