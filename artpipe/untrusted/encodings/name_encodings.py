"""Guess the encoding of names that do not say it, over all of them together.

Each candidate is an encoding with the script it is used for. Its score is the logarithm of the probability of the text
that the bytes are in it, by the frequency of characters in that script and by which characters stand side by side. All
candidates explain the same bytes, so their scores compare; the difference of two is the logarithm of their odds.
"""

import math
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from functools import cache
from itertools import pairwise

from artpipe.untrusted.encodings import letter_frequencies as letters

_ASCII, _SIGN, _RARE, _STRAY = math.log(1 / 40), -8.0, -13.0, -18.0  # log-probabilities of a character
_MIXED = -5.0  # an upper-case letter after a lower-case one
_FOREIGN = -8.0  # letters of an alphabet and ASCII letters side by side
_CROWDED = -4.0  # two accented letters side by side, a letter and a digit
_WESTERN_SHARE, _ZIPF_OFFSET = 0.06, 20
_SAMPLE_BYTES = 1 << 16
CERTAIN = 4.5  # difference of scores from which on a guess is no longer one: odds of 90


@dataclass(frozen=True)
class Guess:
    """An encoding, as Python calls it, and by how much it is more probable than what reads otherwise (nats)."""

    encoding: str
    margin: float


@dataclass(frozen=True)
class _Script:
    """Log-probabilities of a script's characters; `other` judges those that are not listed."""

    known: Mapping[str, float]
    other: Callable[[str], float]
    accents: bool = False  # its letters stand among ASCII letters
    wide: bool = True  # its characters are syllables or words
    mixed: float = -2.0  # for one of its letters beside an ASCII letter


def guess_encoding(texts: Iterable[bytes]) -> Guess | None:
    """Return the most probable encoding of all texts together, None where no candidate decodes them all.

    Only texts that are not ASCII count; the first 64 KiB of different ones are scored, all have to be decodable.
    """
    alive = [name for name, _ in _CANDIDATES]
    sample: dict[bytes, None] = {}
    sampled = 0
    for text in texts:
        if text.isascii():
            continue
        alive = [name for name in alive if _decodes(text, name)]
        if sampled < _SAMPLE_BYTES and text not in sample:
            sample[text] = None
            sampled += len(text)
    if not sample or not alive:
        return Guess("ascii", math.inf) if not sample else None
    if "utf-8" in alive:
        return Guess("utf-8", math.inf)
    return _best(list(sample), frozenset(alive))


def _best(sample: list[bytes], alive: frozenset[str]) -> Guess:
    scores = [(_score(sample, name, script), name) for name, script in _CANDIDATES if script and name in alive]
    best, encoding = max(scores, key=lambda scored: scored[0])
    decoded = [text.decode(encoding) for text in sample]
    others = [score for score, name in scores if name != encoding and [text.decode(name) for text in sample] != decoded]
    return Guess(encoding, best - max(others, default=-math.inf))


def _decodes(text: bytes, encoding: str) -> bool:
    try:
        text.decode(encoding)
    except UnicodeDecodeError:
        return False
    return True


def _score(sample: list[bytes], encoding: str, script: _Script) -> float:
    return math.fsum(_text_score(text.decode(encoding), script) for text in sample)


def _text_score(text: str, script: _Script) -> float:
    score = math.fsum(_ASCII if char < "\x80" else script.known.get(char) or script.other(char) for char in text)
    return score + math.fsum(_pair_score(first, second, script) for first, second in pairwise(text))


def _pair_score(first: str, second: str, script: _Script) -> float:
    if first < "\x80" and second < "\x80":
        return 0.0
    if first.isdigit() or second.isdigit():
        return _CROWDED if not script.wide and _is_letter(first if second.isdigit() else second) else 0.0
    if not (_is_letter(first) and _is_letter(second)):
        return 0.0
    score = _MIXED if first.islower() and second.isupper() else 0.0
    if script.accents:
        return score + (_CROWDED if first >= "\x80" and second >= "\x80" else 0.0)
    return score + (script.mixed if (first < "\x80") != (second < "\x80") else 0.0)


def _is_letter(char: str) -> bool:
    return char.isalpha() or "\u0300" <= char < "\u2000"  # marks of Thai and Arabic are letters here


def _zipf(characters: str, share: float) -> dict[str, float]:
    """Return log-probabilities by rank, of `share` in all."""
    distinct = list(dict.fromkeys(characters))
    weights = [1 / (rank + _ZIPF_OFFSET) for rank in range(len(distinct))]
    total = math.fsum(weights)
    return {char: math.log(share * weight / total) for char, weight in zip(distinct, weights, strict=True)}


def _alphabet(lower: str, share: float = 0.9, *, accents: bool = False) -> _Script:
    known = _zipf(lower, share * 0.85)
    capitals = {char.upper(): score - 2 for char, score in known.items() if len(char.upper()) == 1}
    return _Script({**capitals, **known}, _stray, accents, wide=False, mixed=_FOREIGN)


def _stray(char: str) -> float:
    if char in _PUNCTUATION:
        return _SIGN
    return _RARE if char.isalpha() else _STRAY


_PUNCTUATION = "\xa0«»–—’‘“”№…€©®™°º·²³"
_WIDE = dict.fromkeys("（）《》【】、。，：！？「」『』・ー～　·“”—…", math.log(0.002))


def _ranked(encoding: str, levels: Mapping[range, float]) -> Callable[[str], float]:
    """Return a judge of characters by the rows of a two-byte code, which were filled in the order of use."""

    def judge(char: str) -> float:
        try:
            code = int.from_bytes(char.encode(encoding), "big")
        except UnicodeEncodeError:
            return _STRAY
        return next((score for rows, score in levels.items() if code in rows), _STRAY)

    return cache(judge)


def _share(share: float, count: int) -> float:
    return math.log(share / count)


_CHINESE = _Script(
    _WIDE | _zipf(letters.SIMPLIFIED, 0.7),
    _ranked(
        "gb18030",
        {
            range(0xB0A1, 0xD7FA): _share(0.25, 3200),
            range(0xD8A1, 0xF7FF): _share(0.03, 3008),
            range(0x8140, 0xFEFF): _share(0.002, 15_000),
        },
    ),
)
_TAIWANESE = _Script(
    _WIDE | _zipf(letters.TRADITIONAL, 0.7),
    _ranked("cp950", {range(0xA440, 0xC67F): _share(0.25, 5000), range(0xC940, 0xF9D6): _share(0.02, 7652)}),
)
_KANA = _zipf("ンスルトイアラリクドシジレタフロマコグムサメテキカパナバプツニッダミオチブハゲデヤエォェァィウペホネセポゾビュョャヴワヨモノヘ", 0.35) | _zipf(
    "のいしにたてとるかなはがをれでんもらっこりまくすさあきけどよつうみめやせそわえおだちじぶひばゃふごずびぎゅねろへべほむょぐぬげぼ", 0.3
)  # fmt: skip
_JAPANESE = _Script(
    _WIDE | {"ー": math.log(0.02)} | _zipf(letters.KANJI, 0.25) | _KANA,
    _ranked(
        "cp932",
        {
            range(0x889F, 0x9873): _share(0.08, 2600),
            range(0x989F, 0xEAA5): _share(0.005, 3390),
            range(0x8140, 0x84BF): _share(0.002, 300),
        },
    ),
)
_KOREAN = _Script(
    _WIDE | _zipf(letters.HANGUL, 0.75),
    _ranked(
        "cp949",
        {
            range(0xB0A1, 0xC8FF): _share(0.2, 2050),
            range(0xCAA1, 0xFDFF): _share(0.003, 4888),
            range(0x8141, 0xA0FF): _share(0.0005, 8000),
        },
    ),
)
_WESTERN = _alphabet(letters.WESTERN, _WESTERN_SHARE, accents=True)
_CENTRAL = _alphabet(letters.CENTRAL, _WESTERN_SHARE * 0.9, accents=True)
_TURKISH = _alphabet(letters.TURKISH, _WESTERN_SHARE * 0.6, accents=True)
_CYRILLIC, _GREEK, _HEBREW, _ARABIC, _THAI = map(
    _alphabet, (letters.CYRILLIC, letters.GREEK, letters.HEBREW, letters.ARABIC, letters.THAI)
)
# Where two of them read the same, the first one is named.
_CANDIDATES: tuple[tuple[str, _Script | None], ...] = (
    ("utf-8", None),
    *((name, _CHINESE) for name in ("gbk", "gb18030")),
    *((name, _TAIWANESE) for name in ("big5", "cp950", "big5hkscs")),
    *((name, _JAPANESE) for name in ("shift_jis", "cp932", "euc_jp")),
    *((name, _KOREAN) for name in ("euc_kr", "cp949")),
    *((name, _CYRILLIC) for name in ("cp866", "cp1251", "koi8_r", "iso8859_5")),
    *((name, _WESTERN) for name in ("cp437", "cp850", "cp1252")),
    *((name, _CENTRAL) for name in ("cp852", "cp1250", "iso8859_2")),
    *((name, _TURKISH) for name in ("cp857", "cp1254")),
    *((name, _GREEK) for name in ("cp737", "cp1253")),
    *((name, _HEBREW) for name in ("cp862", "cp1255")),
    *((name, _ARABIC) for name in ("cp1256", "cp720")),
    ("cp874", _THAI),
)
