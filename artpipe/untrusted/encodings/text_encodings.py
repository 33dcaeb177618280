"""The encoding of text that is neither UTF-8 nor marked: told by its bytes where only one encoding makes sense of them.

Two witnesses have to agree: the characters that an encoding makes of the bytes are usual ones of one language or script,
and charset-normalizer ranks it first (of a longer text that only one encoding makes sense of, the first is enough; of
Latin letters too, where the second is often wrong). A text that is too short for that is left undecided.
"""

import codecs
import re
import unicodedata
from collections import Counter
from collections.abc import Callable, Iterator
from functools import cache
from typing import NamedTuple

SAMPLE = 64 << 10  # bytes looked at
_EVIDENCE = 32  # bytes beyond ASCII: sixteen characters of Chinese, four or five lines in an alphabet of their own
_RIVALS_EVIDENCE = 4 * _EVIDENCE  # where several encodings make sense of a text, so that charset-normalizer decides
_LATIN_EVIDENCE = 4  # letters with accents
_USUAL = 0.8  # share of what stands beyond ASCII
_LATER_BYTES = bytes(range(0x30, 0x100))  # that a character of several bytes may go on with
_ALL = 0.99  # but a slip
_KANA = 0.15
_INSIDE = re.compile(r"[^\W\d_][^\W\d_]+")  # words
_ALPHABETS = {  # letters beyond ASCII of languages that one Latin code page holds
    "WINDOWS-1252": ("àâæçéèêëîïôœùûüÿ", "äöüßéàè", "áéíñóúüªº", "áâãàçéêíóôõúüªº", "àèéìíîòóùú", "åäöæøéü", "áðéíóúýþæö", "éëïöüèêçàâá", "àçèéíïòóúü"),
    "WINDOWS-1250": ("ąćęłńóśźż", "áčďéěíňóřšťúůýž", "áäčďéíľĺňóôŕšťúýž", "áéíóöőúüű", "ăâîşţșț", "čćđšž"),
    "WINDOWS-1254": ("âçğıîöşüûi\u0307",),
}  # fmt: skip
_COMMON = {
    "gb2312": re.compile(rb"[\xa1\xa3][\xa1-\xfe]|[\xb0-\xd7][\xa1-\xfe]"),
    "cp950": re.compile(rb"\xa1.|[\xa4-\xc6].", re.DOTALL),
    "cp932": re.compile(rb"[\x81-\x83].|[\x88-\x97].", re.DOTALL),
}
_LAST_LETTERS = frozenset("ςךםןףץ")
_WITHIN_WORDS = frozenset("’‘—–…·\u00ad")
_PUNCTUATION = frozenset("«»„“”‘’‚‹›—–…·•¿¡§°№ \u00a0\u00ad£€¢¥©®™½¼¾×÷±")
_LETTERS_PER_SIGN = 8  # at least, where a text has signs and no letters beyond ASCII


class Encoding(NamedTuple):
    """One that text may be in: its name for people, Python's codec, and what tells whether a text makes sense in it."""

    name: str
    codec: str
    makes_sense: Callable[[str], bool]


def told_encoding(data: bytes) -> str:
    """Return the name of the encoding of text, empty where its bytes do not tell; looks at the first `SAMPLE` of them."""
    sample = _sample(data)
    beyond = sum(byte > 127 for byte in sample)  # noqa: PLR2004 - ASCII
    texts = {one.name: text for one, text in _sensible(sample)}
    first = next(iter(texts), "")
    alone = len(set(texts.values())) == 1
    if first in _LATIN:
        return first if alone and beyond >= _LATIN_EVIDENCE else ""
    if beyond < (_EVIDENCE if alone else _RIVALS_EVIDENCE):
        return ""
    if alone and beyond >= _RIVALS_EVIDENCE:
        return first
    ranked = _ranked_first(sample)
    rivals = _JAPANESE.isdisjoint(texts) or ranked in _JAPANESE  # kana are rarely there by chance
    return ranked if ranked in texts and rivals else ""


def possible_encodings(data: bytes) -> list[str]:
    """Return the names of the encodings that make sense of text, however little there is of it."""
    return [one.name for one, _ in _sensible(_sample(data))]


def _sample(data: bytes) -> bytes:
    """Return the beginning of text, cut behind a byte that is no part of a character of several."""
    sample = data[:SAMPLE]
    return sample if len(data) <= SAMPLE else sample.rstrip(_LATER_BYTES) or sample


def _sensible(sample: bytes) -> Iterator[tuple[Encoding, str]]:
    for one in ENCODINGS:
        try:
            text = sample.decode(one.codec)
        except UnicodeDecodeError:
            continue
        if one.makes_sense(text):
            yield one, text


def _ranked_first(sample: bytes) -> str:
    """Return which of our encodings charset-normalizer takes text for."""
    from charset_normalizer import from_bytes

    best = from_bytes(sample, cp_isolation=[one.codec for one in ENCODINGS], preemptive_behaviour=False).best()
    return next(
        (one.name for one in ENCODINGS if best and codecs.lookup(one.codec).name == codecs.lookup(best.encoding).name),
        "",
    )


def _share(text: str, usual: Callable[[str], bool]) -> float:
    """Return the share of usual characters among those beyond ASCII."""
    counts = Counter(character for character in text if not character.isascii())
    return sum(count for character, count in counts.items() if usual(character)) / max(1, counts.total())


@cache
def _is_common(character: str) -> bool:
    """Return whether a character stands in the common part of the Chinese or Japanese national sets, its punctuation too."""
    return any(usual.fullmatch(character.encode(codec, "replace")) for codec, usual in _COMMON.items())


def _script(character: str) -> str:
    return unicodedata.name(character, "").partition(" ")[0]


def _is_kana(character: str) -> bool:
    return _script(character) in {"HIRAGANA", "KATAKANA", "KATAKANA-HIRAGANA"}


def _is_chinese(text: str) -> bool:
    return _share(text, _is_common) >= _USUAL and _share(text, _is_kana) < _KANA


def _is_japanese(text: str) -> bool:
    return _share(text, _is_common) >= _USUAL and _share(text, _is_kana) >= _KANA


def _is_korean(text: str) -> bool:
    return _share(text, lambda character: "\uac00" <= character <= "\ud7a3") >= _USUAL  # syllables


def _alphabetic(script: str) -> Callable[[str], bool]:
    """Return whether a text is in an alphabet of its own: nothing else beyond ASCII but punctuation, capitals where they may be."""

    def makes_sense(text: str) -> bool:
        usual = _share(text, lambda character: _script(character) == script or character in _PUNCTUATION)
        words = _INSIDE.findall(text)
        mixed = sum(not word.isascii() and any(map(str.isascii, word)) for word in words)
        letters = _share(text, str.isalpha) >= _USUAL
        return usual >= _ALL and letters and mixed * 50 <= len(words) and _well_spelled(text)

    return makes_sense


def _well_spelled(text: str) -> bool:
    """Return whether what stands beyond ASCII is where it may be: capitals, last letters and signs not within words."""
    beyond = sum(not character.isascii() for character in text)
    wrong = sum(map(_misplaced, " " + text, text, text[1:] + " "))
    large = sum(map(str.isupper, text))
    return wrong * 50 <= beyond and large * 2 <= sum(map(str.isalpha, text))


def _misplaced(before: str, here: str, after: str) -> bool:
    """Return whether a character beyond ASCII stands between letters where none of its kind does."""
    if here.isascii():
        return here.isupper() and before.islower() and not before.isascii()
    if here.isalpha() and after.isdigit() and not before.isalpha():
        return True  # a currency in another encoding
    if here.isupper():
        return before.islower()
    if not here.isalpha():
        return before.isalpha() and after.isalpha() and here not in _WITHIN_WORDS
    return here in _LAST_LETTERS and after.isalpha()


def _latin(name: str) -> Callable[[str], bool]:
    """Return whether the letters beyond ASCII are those of one language, among more that are ASCII."""

    def makes_sense(text: str) -> bool:
        beyond = Counter(character.lower() for character in text if not character.isascii())
        letters = Counter({one: count for one, count in beyond.items() if one.isalpha() or one not in _PUNCTUATION})
        fits = any(not (letters.keys() - set(alphabet)) for alphabet in _ALPHABETS[name])
        wanted = letters.total() * 3 if letters else beyond.total() * _LETTERS_PER_SIGN
        return fits and wanted <= sum(map(str.isalpha, text)) and _well_spelled(text)

    return makes_sense


_JAPANESE = frozenset({"SHIFT_JIS", "EUC-JP"})
_LATIN = ("WINDOWS-1252", "WINDOWS-1250", "WINDOWS-1254", "MACINTOSH", "CP850", "CP852", "ISO-8859-2")
ENCODINGS = (
    Encoding("GB18030", "gb18030", _is_chinese),
    Encoding("BIG5", "cp950", _is_chinese),
    Encoding("SHIFT_JIS", "cp932", _is_japanese),
    Encoding("EUC-JP", "euc_jp", _is_japanese),
    Encoding("CP949", "cp949", _is_korean),
    Encoding("WINDOWS-1251", "cp1251", _alphabetic("CYRILLIC")),
    Encoding("KOI8-R", "koi8_r", _alphabetic("CYRILLIC")),
    Encoding("CP866", "cp866", _alphabetic("CYRILLIC")),
    Encoding("WINDOWS-1253", "cp1253", _alphabetic("GREEK")),
    Encoding("WINDOWS-1255", "cp1255", _alphabetic("HEBREW")),
    Encoding("WINDOWS-1256", "cp1256", _alphabetic("ARABIC")),
    Encoding("WINDOWS-1252", "cp1252", _latin("WINDOWS-1252")),
    Encoding("MACINTOSH", "mac_roman", _latin("WINDOWS-1252")),
    Encoding("CP850", "cp850", _latin("WINDOWS-1252")),
    Encoding("WINDOWS-1250", "cp1250", _latin("WINDOWS-1250")),
    Encoding("ISO-8859-2", "iso8859_2", _latin("WINDOWS-1250")),
    Encoding("CP852", "cp852", _latin("WINDOWS-1250")),
    Encoding("WINDOWS-1254", "cp1254", _latin("WINDOWS-1254")),
)
