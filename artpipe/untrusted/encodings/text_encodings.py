"""Detect the encoding of text that is neither UTF-8 nor marked.

An encoding is detected where it is the only one that makes sense of the bytes.

Two signs have to agree: the characters that an encoding makes of the bytes are usual ones of one language or script,
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

SAMPLE_BYTES = 64 << 10  # bytes read
_MIN_BYTES = 32  # bytes beyond ASCII: sixteen characters of Chinese, four or five lines in an alphabet of their own
_MIN_BYTES_WITH_RIVALS = 4 * _MIN_BYTES  # where several encodings make sense, so that charset-normalizer decides
_MIN_LATIN_BYTES = 4  # letters with accents
_MIN_USUAL_SHARE = 0.8  # of the characters beyond ASCII
_LATER_BYTES = bytes(range(0x30, 0x100))  # that a character of several bytes may go on with
_MIN_ALPHABET_SHARE = 0.99  # a slip is allowed
_MIN_KANA_SHARE = 0.15
_WORD = re.compile(r"[^\W\d_][^\W\d_]+")  # words
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
    """A candidate encoding: its usual name, Python's codec, and a test of a text.

    The test tells whether a text decoded by it makes sense.
    """

    name: str
    codec: str
    makes_sense: Callable[[str], bool]


def detect_encoding(data: bytes) -> str:
    """Return the name of a text's encoding, empty where it cannot be told.

    Looks at the first `SAMPLE_BYTES` bytes.
    """
    sample = _take_sample(data)
    non_ascii = sum(byte > 127 for byte in sample)  # noqa: PLR2004 - ASCII
    texts = {encoding.name: text for encoding, text in _plausible_decodings(sample)}
    first = next(iter(texts), "")
    is_only_text = len(set(texts.values())) == 1
    if first in _LATIN:
        return first if is_only_text and non_ascii >= _MIN_LATIN_BYTES else ""
    if non_ascii < (_MIN_BYTES if is_only_text else _MIN_BYTES_WITH_RIVALS):
        return ""
    if is_only_text and non_ascii >= _MIN_BYTES_WITH_RIVALS:
        return first
    best = _ask_charset_normalizer(sample)
    rivals = _JAPANESE.isdisjoint(texts) or best in _JAPANESE  # kana are rarely there by chance
    return best if best in texts and rivals else ""


def list_possible_encodings(data: bytes) -> list[str]:
    """Return the names of all encodings that make sense of a text, however short."""
    return [encoding.name for encoding, _ in _plausible_decodings(_take_sample(data))]


def _take_sample(data: bytes) -> bytes:
    """Return the beginning of a text, not cut within a multi-byte character."""
    sample = data[:SAMPLE_BYTES]
    return sample if len(data) <= SAMPLE_BYTES else sample.rstrip(_LATER_BYTES) or sample


def _plausible_decodings(sample: bytes) -> Iterator[tuple[Encoding, str]]:
    for encoding in ENCODINGS:
        try:
            text = sample.decode(encoding.codec)
        except UnicodeDecodeError:
            continue
        if encoding.makes_sense(text):
            yield encoding, text


def _ask_charset_normalizer(sample: bytes) -> str:
    """Return which of our encodings charset-normalizer takes text for."""
    from charset_normalizer import from_bytes

    best = from_bytes(
        sample, cp_isolation=[encoding.codec for encoding in ENCODINGS], preemptive_behaviour=False
    ).best()
    return next(
        (
            encoding.name
            for encoding in ENCODINGS
            if best and codecs.lookup(encoding.codec).name == codecs.lookup(best.encoding).name
        ),
        "",
    )


def _usual_share(text: str, usual: Callable[[str], bool]) -> float:
    """Return the share of usual characters among those beyond ASCII."""
    counts = Counter(character for character in text if not character.isascii())
    return sum(count for character, count in counts.items() if usual(character)) / max(1, counts.total())


@cache
def _is_common(character: str) -> bool:
    """Return whether a character is in the common part of an East Asian character set.

    The sets are the Chinese and Japanese national ones, their punctuation included.
    """
    return any(usual.fullmatch(character.encode(codec, "replace")) for codec, usual in _COMMON.items())


def _script(character: str) -> str:
    return unicodedata.name(character, "").partition(" ")[0]


def _is_kana(character: str) -> bool:
    return _script(character) in {"HIRAGANA", "KATAKANA", "KATAKANA-HIRAGANA"}


def _is_chinese(text: str) -> bool:
    return _usual_share(text, _is_common) >= _MIN_USUAL_SHARE and _usual_share(text, _is_kana) < _MIN_KANA_SHARE


def _is_japanese(text: str) -> bool:
    return _usual_share(text, _is_common) >= _MIN_USUAL_SHARE and _usual_share(text, _is_kana) >= _MIN_KANA_SHARE


def _is_korean(text: str) -> bool:
    return _usual_share(text, lambda character: "\uac00" <= character <= "\ud7a3") >= _MIN_USUAL_SHARE  # syllables


def _make_alphabet_test(script: str) -> Callable[[str], bool]:
    """Return a test whether a text is written in an alphabet other than Latin.

    Such a text has nothing else beyond ASCII but punctuation, and capitals where they may be.
    """

    def makes_sense(text: str) -> bool:
        usual = _usual_share(text, lambda character: _script(character) == script or character in _PUNCTUATION)
        words = _WORD.findall(text)
        mixed = sum(not word.isascii() and any(map(str.isascii, word)) for word in words)
        letters = _usual_share(text, str.isalpha) >= _MIN_USUAL_SHARE
        return usual >= _MIN_ALPHABET_SHARE and letters and mixed * 50 <= len(words) and _is_well_spelled(text)

    return makes_sense


def _is_well_spelled(text: str) -> bool:
    """Return whether characters beyond ASCII stand where they may stand.

    Capitals, final letters and signs do not stand within words.
    """
    non_ascii = sum(not character.isascii() for character in text)
    misplaced = sum(map(_is_misplaced, " " + text, text, text[1:] + " "))
    capitals = sum(map(str.isupper, text))
    return misplaced * 50 <= non_ascii and capitals * 2 <= sum(map(str.isalpha, text))


def _is_misplaced(before: str, character: str, after: str) -> bool:
    """Return whether a character beyond ASCII stands where none of its kind may."""
    if character.isascii():
        return character.isupper() and before.islower() and not before.isascii()
    if character.isalpha() and after.isdigit() and not before.isalpha():
        return True  # a currency in another encoding
    if character.isupper():
        return before.islower()
    if not character.isalpha():
        return before.isalpha() and after.isalpha() and character not in _WITHIN_WORDS
    return character in _LAST_LETTERS and after.isalpha()


def _make_latin_test(name: str) -> Callable[[str], bool]:
    """Return a test whether the letters beyond ASCII are those of one language.

    They have to stand among more letters that are ASCII.
    """

    def makes_sense(text: str) -> bool:
        non_ascii = Counter(character.lower() for character in text if not character.isascii())
        letters = Counter(
            {letter: count for letter, count in non_ascii.items() if letter.isalpha() or letter not in _PUNCTUATION}
        )
        fits = any(not (letters.keys() - set(alphabet)) for alphabet in _ALPHABETS[name])
        min_letters = letters.total() * 3 if letters else non_ascii.total() * _LETTERS_PER_SIGN
        return fits and min_letters <= sum(map(str.isalpha, text)) and _is_well_spelled(text)

    return makes_sense


_JAPANESE = frozenset({"SHIFT_JIS", "EUC-JP"})
_LATIN = ("WINDOWS-1252", "WINDOWS-1250", "WINDOWS-1254", "MACINTOSH", "CP850", "CP852", "ISO-8859-2")
ENCODINGS = (
    Encoding("GB18030", "gb18030", _is_chinese),
    Encoding("BIG5", "cp950", _is_chinese),
    Encoding("SHIFT_JIS", "cp932", _is_japanese),
    Encoding("EUC-JP", "euc_jp", _is_japanese),
    Encoding("CP949", "cp949", _is_korean),
    Encoding("WINDOWS-1251", "cp1251", _make_alphabet_test("CYRILLIC")),
    Encoding("KOI8-R", "koi8_r", _make_alphabet_test("CYRILLIC")),
    Encoding("CP866", "cp866", _make_alphabet_test("CYRILLIC")),
    Encoding("WINDOWS-1253", "cp1253", _make_alphabet_test("GREEK")),
    Encoding("WINDOWS-1255", "cp1255", _make_alphabet_test("HEBREW")),
    Encoding("WINDOWS-1256", "cp1256", _make_alphabet_test("ARABIC")),
    Encoding("WINDOWS-1252", "cp1252", _make_latin_test("WINDOWS-1252")),
    Encoding("MACINTOSH", "mac_roman", _make_latin_test("WINDOWS-1252")),
    Encoding("CP850", "cp850", _make_latin_test("WINDOWS-1252")),
    Encoding("WINDOWS-1250", "cp1250", _make_latin_test("WINDOWS-1250")),
    Encoding("ISO-8859-2", "iso8859_2", _make_latin_test("WINDOWS-1250")),
    Encoding("CP852", "cp852", _make_latin_test("WINDOWS-1250")),
    Encoding("WINDOWS-1254", "cp1254", _make_latin_test("WINDOWS-1254")),
)
