"""Words of templates, and numbers, as a visitor reads them.

Messages of artifacts are translated by `artpipe.language`.
"""

import functools
import json
import math
import re
import unicodedata
from collections.abc import Callable, Collection, Mapping, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from markupsafe import Markup, escape

from artpipe.artifacts.finding_bound import wanted_side
from artpipe.contracts.generation_facts import format_moment
from artpipe.language.licence_addresses import licence_address, web_address
from artpipe.language.sentences import load_sentences, load_words
from artpipe.numerics.intervals import Interval
from artpipe.system.units import format_size

_BIDI = re.compile("[\u061c\u200e\u200f\u202a-\u202e\u2066-\u2069]")
_MONTHS = (
    *("January", "February", "March", "April", "May", "June"),
    *("July", "August", "September", "October", "November", "December"),
)
_HAN = re.compile("[\u3400-\u9fff\uf900-\ufaff]")
_COLUMNS = (16, 17)  # the longest column of characters, and the most columns, that are verse and no prose
Translate = Callable[[str], str]
_ROMAN = ((10, "X"), (9, "IX"), (5, "V"), (4, "IV"), (1, "I"))


class Translator:
    """The words of ``words/LANGUAGE.json``; what is missing there stays English.

    `acronyms` are written in capitals where they stand among the names of measures and parameters.
    """

    def __init__(self, layers: Sequence[Path], language: str, acronyms: Collection[str] = ()) -> None:
        self.acronyms = frozenset(acronyms)
        self.table: dict[str, str] = {}
        for path in [layer / "words" / f"{language}.json" for layer in reversed(layers)]:
            self.table |= json.loads(path.read_text(encoding="utf-8")) if path.is_file() else {}
        self.table |= load_words(language)
        self.sentences = load_sentences(language)

    def translate(self, message: str) -> str:
        """Return what a message of the gallery's own is called."""
        return self.table.get(message, message)

    def translate_plural(self, singular: str, plural: str, n: int) -> str:
        """Return a message by count."""
        return self.translate(singular if n == 1 else plural)

    def filters(self) -> dict[str, Callable[..., Any]]:
        """Return the filters of templates.

        They format numbers, times and names, and translate messages.
        """
        bare: dict[str, Callable[..., str]] = {
            "clean": clean_line,
            "slug": make_slug,
            "unbroken": join_hyphens,
            "short": shorten_hash,
            "size": functools.partial(format_size, digits=1),
            "wanted_side": wanted_side,
            "licence_address": licence_address,
            "web_address": web_address,
            "moment": format_moment,
        }
        spoken: dict[str, Callable[..., Any]] = {
            "number": format_number,
            "ends": format_ends,
            "duration": format_duration,
            "roughly": format_remaining,
            "date": format_date,
            "roman": format_room_number,
            "plain": functools.partial(format_name, acronyms=self.acronyms),
            "setting": format_setting,
        }
        bound = {name: functools.partial(function, say=self.translate) for name, function in spoken.items()}
        return {
            **bare,
            **bound,
            "translate": self.translate,
            "sentence": self.sentences,
            "name": self.sentences.translate_name,
        }


def clean_line(text: object, limit: int = 300) -> str:
    """Return any text on one line of at most `limit` characters.

    There is no control, no direction override and no lone surrogate in it.
    """
    line = _BIDI.sub("", str(text)).encode("utf-8", "replace").decode()
    line = "".join(" " if unicodedata.category(c) in {"Cc", "Zl", "Zp"} else c for c in line)
    line = " ".join(line.split())
    return line if len(line) <= limit else f"{line[: limit - 1]}\u2026"


def format_number(value: float, digits: int = 3, say: Translate = str) -> str:
    """Return 70,000 for counts and three significant digits for measures."""
    if not math.isfinite(value):
        return say("not finite")
    if float(value).is_integer() and abs(value) < 1e15:  # noqa: PLR2004 - beyond, floats are no counts
        return f"{int(value):,}".replace("-", "\u2212")
    size = math.floor(math.log10(abs(value)))
    if size < -4 or size >= 6:  # noqa: PLR2004 - outside, powers of ten read better
        return f"{value:.{digits - 1}e}".replace("-", "\u2212")
    return f"{value:,.{max(0, digits - 1 - size)}f}".replace("-", "\u2212")


def format_ends(interval: Interval, say: Translate = str) -> tuple[str, str]:
    """Return both ends of an interval, in as many digits as tell them apart.

    Three at least, and two of its width: 0.9851 to 0.9895, not 0.985 to 0.990.
    """
    width, largest = interval.high - interval.low, max(map(abs, interval))
    if not math.isfinite(width) or width <= 0 or not 1e-4 <= largest < 1e6:  # noqa: PLR2004 - as in `format_number`
        return format_number(interval.low, say=say), format_number(interval.high, say=say)
    decimals = max(0, 1 - math.floor(math.log10(width)), 2 - math.floor(math.log10(largest)))
    low, high = (f"{end:,.{0 if end == 0 else decimals}f}".replace("-", "\u2212") for end in interval)
    return low, high


def format_duration(seconds: float, say: Translate = str) -> str:
    """Return 45 s, 4 min 12 s or 3 h 20 min."""
    whole = round(seconds)
    if whole < 60:  # noqa: PLR2004 - a minute
        return say("%(seconds)s s") % {"seconds": whole}
    if whole < 3600:  # noqa: PLR2004 - an hour
        return say("%(minutes)s min %(seconds)s s") % {"minutes": whole // 60, "seconds": whole % 60}
    return say("%(hours)s h %(minutes)s min") % {"hours": whole // 3600, "minutes": whole % 3600 // 60}


def format_remaining(seconds: float, say: Translate = str) -> str:
    """Return a time still to come: 40 s, 12 min or 3 h 20 min."""
    if seconds < 90:  # noqa: PLR2004 - closer than that seconds are worth saying
        return say("%(seconds)s s") % {"seconds": max(10, 10 * round(seconds / 10))}
    minutes = round(seconds / 60)
    if minutes < 60:  # noqa: PLR2004 - an hour
        return say("%(minutes)s min") % {"minutes": minutes}
    return say("%(hours)s h %(minutes)s min") % {"hours": minutes // 60, "minutes": minutes % 60}


def format_date(seconds: float, say: Translate = str) -> str:
    """Return 21 November 2026, in UTC."""
    moment = datetime.fromtimestamp(seconds, UTC)
    month = say(_MONTHS[moment.month - 1])
    return say("%(day)s %(month)s %(year)s") % {"day": moment.day, "month": month, "year": moment.year}


def format_room_number(value: int, say: Translate = str) -> str:
    """Return a room's number in Roman numerals.

    A language may have its own way (`room 1` and so on in its words).
    """
    translated = say(f"room {value}")
    if translated != f"room {value}":
        return translated
    text = ""
    for size, letter in _ROMAN:
        while value >= size:
            text, value = text + letter, value - size
    return text


def join_hyphens(text: str) -> Markup:
    """Return a title whose hyphened words stay on one line where they fit.

    Such as `my-gallery`.
    """
    return Markup(" ").join(
        Markup('<span class="unbroken">{}</span>').format(word) if "-" in word.strip("-") else escape(word)
        for word in text.split(" ")
    )


def make_slug(text: str) -> str:
    """Return lower-case letters, digits and single hyphens.

    It is safe as a folder, in a URL and on any disk.
    """
    return re.sub(r"[^a-z0-9]+", "-", text.lower()).strip("-")[:80] or "work"


def is_chinese(text: str) -> bool:
    """Return whether a text is mostly in Chinese characters."""
    return 2 * len(_HAN.findall(text)) > sum(map(str.isalpha, text)) > 0


def is_vertical_verse(text: str) -> bool:
    """Return whether a text is short Chinese verse, set in columns."""
    lines = text.split("\n")
    return is_chinese(text) and max(map(len, lines)) <= _COLUMNS[0] and len(lines) <= _COLUMNS[1]


def text_direction(text: str) -> str:
    """Return `rtl` or `ltr` by the first letter that has a direction.

    It is empty where none has, as with ``dir=auto``.
    """
    kinds = (unicodedata.bidirectional(character) for character in text)
    return next(("ltr" if kind == "L" else "rtl" for kind in kinds if kind in {"L", "R", "AL"}), "")


def format_name(name: str, say: Translate = str, acronyms: Collection[str] = ()) -> str:
    """Return a measure's or parameter's name as a visitor reads it.

    `held_out_kid` is Held out KID.
    """
    parts = [part.upper() if part in acronyms else part for part in clean_line(name).replace("_", " ").split(" ")]
    text = " ".join(parts)
    return say(text[:1].upper() + text[1:])


def format_setting(value: object, say: Translate = str) -> str:
    """Return a parameter as a visitor reads it: lists with commas, pairs with arrows.

    `{"cat": ["gravel", "dahlia"]}` is "cat \u2192 gravel, dahlia".
    """
    if isinstance(value, bool):
        return say("yes") if value else say("no")
    if isinstance(value, int | float):
        return f"{value:,}" if isinstance(value, int) else f"{value:,.10g}"
    if isinstance(value, Mapping):
        pairs = (f"{clean_line(key)} \u2192 {format_setting(one, say)}" for key, one in value.items())
        return say("; ").join(pairs) or say("none")
    if isinstance(value, list | tuple):
        return say(", ").join(format_setting(one, say) for one in value) or say("none")
    return clean_line("" if value is None else value) or say("none")


def shorten_hash(sha256: str) -> str:
    """Return the first twelve digits of a hash, enough to find it by."""
    return clean_line(sha256)[:12]
