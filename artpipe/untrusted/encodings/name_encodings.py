"""Guess the encoding of names that do not declare it, over all of them together.

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
    """An encoding (Python's name) and its lead over the next candidate, in nats."""

    encoding: str
    margin: float


@dataclass(frozen=True)
class _Script:
    """Log-probabilities of a script's characters.

    `score_unlisted` gives those of characters that are not listed.
    """

    scores: Mapping[str, float]
    score_unlisted: Callable[[str], float]
    accents: bool = False  # its letters stand among ASCII letters
    wide: bool = True  # its characters are syllables or words
    mixed: float = -2.0  # for one of its letters beside an ASCII letter


def guess_encoding(texts: Iterable[bytes]) -> Guess | None:
    """Return the most probable encoding of all texts together.

    None where no candidate decodes them all.

    Only texts that are not ASCII count; the first 64 KiB of different ones are scored, all have to be decodable.
    """
    candidates = [name for name, _ in _CANDIDATES]
    sample: dict[bytes, None] = {}
    sampled = 0
    for text in texts:
        if text.isascii():
            continue
        candidates = [name for name in candidates if _can_decode(text, name)]
        if sampled < _SAMPLE_BYTES and text not in sample:
            sample[text] = None
            sampled += len(text)
    if not sample or not candidates:
        return Guess("ascii", math.inf) if not sample else None
    if "utf-8" in candidates:
        return Guess("utf-8", math.inf)
    return _choose_best(list(sample), frozenset(candidates))


def _choose_best(sample: list[bytes], candidates: frozenset[str]) -> Guess:
    scores = [(_score(sample, name, script), name) for name, script in _CANDIDATES if script and name in candidates]
    best, encoding = max(scores, key=lambda scored: scored[0])
    decoded = [text.decode(encoding) for text in sample]
    others = [score for score, name in scores if name != encoding and [text.decode(name) for text in sample] != decoded]
    return Guess(encoding, best - max(others, default=-math.inf))


def _can_decode(text: bytes, encoding: str) -> bool:
    try:
        text.decode(encoding)
    except UnicodeDecodeError:
        return False
    return True


def _score(sample: list[bytes], encoding: str, script: _Script) -> float:
    return math.fsum(_text_score(text.decode(encoding), script) for text in sample)


def _text_score(text: str, script: _Script) -> float:
    score = math.fsum(
        _ASCII if char < "\x80" else script.scores.get(char) or script.score_unlisted(char) for char in text
    )
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


def _zipf_scores(characters: str, share: float) -> dict[str, float]:
    """Return log-probabilities by rank that sum to `share`."""
    distinct = list(dict.fromkeys(characters))
    weights = [1 / (rank + _ZIPF_OFFSET) for rank in range(len(distinct))]
    total = math.fsum(weights)
    return {char: math.log(share * weight / total) for char, weight in zip(distinct, weights, strict=True)}


def _make_alphabet(lower: str, share: float = 0.9, *, accents: bool = False) -> _Script:
    scores = _zipf_scores(lower, share * 0.85)
    capitals = {char.upper(): score - 2 for char, score in scores.items() if len(char.upper()) == 1}
    return _Script({**capitals, **scores}, _unlisted_score, accents, wide=False, mixed=_FOREIGN)


def _unlisted_score(char: str) -> float:
    if char in _PUNCTUATION:
        return _SIGN
    return _RARE if char.isalpha() else _STRAY


_PUNCTUATION = "\xa0«»–—’‘“”№…€©®™°º·²³"
_WIDE = dict.fromkeys("（）《》【】、。，：！？「」『』・ー～　·“”—…", math.log(0.002))


def _make_row_scorer(encoding: str, levels: Mapping[range, float]) -> Callable[[str], float]:
    """Return a function that scores characters by their row in a two-byte code.

    The rows were filled in the order of use.
    """

    def judge(char: str) -> float:
        try:
            code = int.from_bytes(char.encode(encoding), "big")
        except UnicodeEncodeError:
            return _STRAY
        return next((score for rows, score in levels.items() if code in rows), _STRAY)

    return cache(judge)


def _share_score(share: float, count: int) -> float:
    return math.log(share / count)


_CHINESE = _Script(
    _WIDE | _zipf_scores(letters.SIMPLIFIED, 0.7),
    _make_row_scorer(
        "gb18030",
        {
            range(0xB0A1, 0xD7FA): _share_score(0.25, 3200),
            range(0xD8A1, 0xF7FF): _share_score(0.03, 3008),
            range(0x8140, 0xFEFF): _share_score(0.002, 15_000),
        },
    ),
)
_TAIWANESE = _Script(
    _WIDE | _zipf_scores(letters.TRADITIONAL, 0.7),
    _make_row_scorer(
        "cp950", {range(0xA440, 0xC67F): _share_score(0.25, 5000), range(0xC940, 0xF9D6): _share_score(0.02, 7652)}
    ),
)
_KANA = _zipf_scores("ンスルトイアラリクドシジレタフロマコグムサメテキカパナバプツニッダミオチブハゲデヤエォェァィウペホネセポゾビュョャヴワヨモノヘ", 0.35) | _zipf_scores(
    "のいしにたてとるかなはがをれでんもらっこりまくすさあきけどよつうみめやせそわえおだちじぶひばゃふごずびぎゅねろへべほむょぐぬげぼ", 0.3
)  # fmt: skip
_JAPANESE = _Script(
    _WIDE | {"ー": math.log(0.02)} | _zipf_scores(letters.KANJI, 0.25) | _KANA,
    _make_row_scorer(
        "cp932",
        {
            range(0x889F, 0x9873): _share_score(0.08, 2600),
            range(0x989F, 0xEAA5): _share_score(0.005, 3390),
            range(0x8140, 0x84BF): _share_score(0.002, 300),
        },
    ),
)
_KOREAN = _Script(
    _WIDE | _zipf_scores(letters.HANGUL, 0.75),
    _make_row_scorer(
        "cp949",
        {
            range(0xB0A1, 0xC8FF): _share_score(0.2, 2050),
            range(0xCAA1, 0xFDFF): _share_score(0.003, 4888),
            range(0x8141, 0xA0FF): _share_score(0.0005, 8000),
        },
    ),
)
_WESTERN = _make_alphabet(letters.WESTERN, _WESTERN_SHARE, accents=True)
_CENTRAL = _make_alphabet(letters.CENTRAL, _WESTERN_SHARE * 0.9, accents=True)
_TURKISH = _make_alphabet(letters.TURKISH, _WESTERN_SHARE * 0.6, accents=True)
_CYRILLIC, _GREEK, _HEBREW, _ARABIC, _THAI = map(
    _make_alphabet, (letters.CYRILLIC, letters.GREEK, letters.HEBREW, letters.ARABIC, letters.THAI)
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
