"""Encodings of texts: told by their bytes where these suffice, never guessed where they do not, never for valid UTF-8."""

import codecs
import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from artpipe.config.params import IngestParams
from artpipe.language.sentences import read_sentence
from artpipe.modalities.text import decode_work, inspect_text, is_text_file, split_file
from artpipe.untrusted.encodings.text_decoding import convert_to_utf8, decode_text, is_wide_text
from artpipe.untrusted.encodings.text_encodings import ENCODINGS, detect_encoding
from artpipe.untrusted.record_files import read_records
from artpipe.untrusted.rejection import RejectedError

SIMPLIFIED = "床前明月光，疑是地上霜。\n举头望明月，低头思故乡。\n\n红豆生南国，春来发几枝。\n愿君多采撷，此物最相思。"
TRADITIONAL = "床前明月光，疑是地上霜。\n舉頭望明月，低頭思故鄉。\n\n紅豆生南國，春來發幾枝。\n願君多採擷，此物最相思。"
JAPANESE = "春はあけぼの。やうやう白くなりゆく山ぎは、\nすこしあかりて、紫だちたる雲の\nほそくたなびきたる。\n夏は夜。月のころはさらなり、\nやみもなほ、蛍の多く飛びちがひたる。\nまた、ただ一つ二つなど、\nほのかにうち光りて行くもをかし。\n雨など降るもをかし。"
KOREAN = "나 보기가 역겨워\n가실 때에는\n말없이 고이 보내 드리우리다\n\n영변에 약산\n진달래꽃\n아름 따다 가실 길에 뿌리우리다\n\n가시는 걸음 걸음\n놓인 그 꽃을\n사뿐히 즈려밟고 가시옵소서"
RUSSIAN = "Мороз и солнце; день чудесный!\nЕще ты дремлешь, друг прелестный —\nПора, красавица, проснись:\nОткрой сомкнуты негой взоры\nНавстречу северной Авроры,\nЗвездою севера явись!"
FRENCH = "Ô bruit doux de la pluie\nPar terre et sur les toits !\nPour un cœur qui s’ennuie,\nÔ le chant de la pluie !\n\nDeçà, delà,\nPareil à la\nFeuille morte. Et blême, quand\nQuelle est cette langueur\nQui pénètre mon cœur ?"
GERMAN = "Über allen Gipfeln\nIst Ruh,\nIn allen Wipfeln\nSpürest du\nKaum einen Hauch;\nDie Vögelein schweigen im Walde.\nIch weiß nicht, was soll es bedeuten,\nDaß ich so traurig bin;\nEin Märchen aus alten Zeiten"
POLISH = "Litwo! Ojczyzno moja! ty jesteś jak zdrowie.\nIle cię trzeba cenić, ten tylko się dowie,\nKto cię stracił. Dziś piękność twą w całej ozdobie\nWidzę i opisuję, bo tęsknię po tobie."
POEMS = [
    (SIMPLIFIED, "gb18030", "GB18030"),
    (SIMPLIFIED, "gb2312", "GB18030"),
    (TRADITIONAL, "big5", "BIG5"),
    (TRADITIONAL, "gbk", "GB18030"),
    (JAPANESE, "shift_jis", "SHIFT_JIS"),
    (JAPANESE, "euc_jp", "EUC-JP"),
    (KOREAN, "euc_kr", "CP949"),
    (RUSSIAN, "cp1251", "WINDOWS-1251"),
    (RUSSIAN.replace(" —", ","), "koi8_r", "KOI8-R"),
    (FRENCH, "cp1252", "WINDOWS-1252"),
    (FRENCH, "mac_roman", "MACINTOSH"),
    (GERMAN, "cp1252", "WINDOWS-1252"),
    (POLISH, "cp1250", "WINDOWS-1250"),
]


@pytest.mark.parametrize(
    ("text", "codec", "name"), POEMS, ids=[f"{name}-{place}" for place, (_, _, name) in enumerate(POEMS)]
)
def test_a_poem_in_another_encoding_is_read_and_noted(text, codec, name):
    """The text is the one that was written, and its encoding stands in the notes."""
    found, notes = decode_work(text.encode(codec))
    assert (found, list(map(read_sentence, notes))) == (text, [f"read as {name}"])
    assert json.loads(inspect_text(text.encode(codec), {}))[3] == notes


@pytest.mark.parametrize(
    ("text", "codec", "name"), POEMS, ids=[f"{name}-{place}" for place, (_, _, name) in enumerate(POEMS)]
)
def test_no_piece_of_a_poem_is_read_as_something_else(text, codec, name):
    """Every beginning and end of every length is read as it was written, or not at all."""
    for size in range(1, len(text)):
        for piece in (text[:size], text[-size:]):
            data = piece.encode(codec)
            if data.isascii():
                continue
            told = detect_encoding(data)
            if told:
                assert data.decode(next(one.codec for one in ENCODINGS if one.name == told)) == piece, (told, piece)


@given(st.text())
def test_valid_utf8_is_never_anything_else(text):
    """Whatever it says, with its mark or without, and also where another encoding is named."""
    data = text.encode()
    if not is_wide_text(data):
        assert decode_text(data) == (text.removeprefix("\ufeff"), "")
        assert decode_text(data, "gb18030")[0] == text.removeprefix("\ufeff")
    assert decode_text(codecs.BOM_UTF8 + data)[0] == text.removeprefix("\ufeff")


@given(st.text(st.characters(exclude_categories=["Cs"]), min_size=1), st.sampled_from(["utf-16", "utf-32"]))
def test_marked_text_is_read_by_its_mark(text, codec):
    """UTF-16 and UTF-32, either way round."""
    for way, mark in (
        ("le", f"BOM_{codec.replace('-', '').upper()}_LE"),
        ("be", f"BOM_{codec.replace('-', '').upper()}_BE"),
    ):
        if codec == "utf-16" and way == "le" and text.startswith("\0"):
            continue  # its mark and a zero are the mark of UTF-32
        data = getattr(codecs, mark) + text.encode(f"{codec}-{way}")
        assert decode_text(data) == (text.removeprefix("\ufeff"), codec.upper())


@pytest.mark.parametrize("codec", ["utf-16-le", "utf-16-be"])
def test_utf16_without_its_mark_is_told_by_its_zeros(codec):
    """Text of letters and line ends; a folder of such files is text."""
    data = GERMAN.encode(codec)
    assert is_text_file(data[:512], "x.txt")
    assert decode_text(data) == (GERMAN, codec.replace("-", "").upper().replace("UTF16", "UTF-16"))
    assert not is_wide_text(bytes(40))
    assert not is_wide_text(b"\x89PNG\r\n\x1a\n\0\0\0\rIHDR\0\0\0\x01")


def test_a_picture_is_no_text_in_any_encoding():
    """Bytes with control codes among them are told as they are, without advice."""
    with pytest.raises(RejectedError) as caught:
        decode_text(b"\x89PNG\r\n\x1a\n\0\0\0\rIHDR\0\0\0\x01", "")
    assert read_sentence(caught.value.detail) == "byte 0 is not UTF-8"


def test_damaged_utf8_is_not_guessed_at():
    """One wrong byte in a text of UTF-8 is told, and costs only the work that has it."""
    whole = SIMPLIFIED.encode()
    with pytest.raises(RejectedError, match=r"byte 9 is not UTF-8, others are"):
        decode_text(whole[:9] + b"\xff" + whole[9:])
    data = whole.replace(b"\n\n", b"\xff\n\n")
    assert convert_to_utf8(data) == (data, "")
    assert len(list(read_records("x.txt", data, "\n\n"))) == 2


def test_a_file_of_many_poems_is_told_as_a_whole_and_cut():
    """Each of them is too short by itself; a byte that is no character costs the one that has it."""
    data = SIMPLIFIED.encode("gb18030").replace(b"\n", b"\r\n")
    ingest = IngestParams(separator="\n\n")
    both = list(split_file("x.txt", data, ingest))
    assert [part.data.decode() for part in both] == SIMPLIFIED.split("\n\n")
    assert [read_sentence(note) for part in both for note in part.fields["notes"]] == ["read as GB18030"] * 2
    first, second = split_file("x.txt", data + b"\xff", IngestParams(separator="\n\n", encoding="gbk"))
    assert first.data.decode() == SIMPLIFIED.split("\n\n", maxsplit=1)[0]
    with pytest.raises(RejectedError, match="is not UTF-8"):
        decode_work(second.data)


def test_a_named_encoding_reads_lines_of_json():
    """Where they are no UTF-8."""
    data = '{"text": "床前明月光"}\n{"text": "疑是地上霜"}\n'.encode("gbk")
    assert [part.data.decode() for part in split_file("x.jsonl", data, IngestParams(encoding="GBK"))] == [
        "床前明月光",
        "疑是地上霜",
    ]


@pytest.mark.parametrize("name", ["gb1803", "base64", "zip", "no such"])
def test_an_encoding_that_is_none_is_refused(name):
    """A misspelled one, and codecs of Python that are no encodings of text."""
    with pytest.raises(ValueError, match="is no encoding of text"):
        IngestParams(encoding=name)


@given(st.binary(max_size=300))
def test_any_bytes_are_decoded_or_refused(data):
    """No bytes raise anything else, and the answer is always the same."""
    for encoding in ("", "gb18030", "utf-16-le"):
        answers = set()
        for _ in range(2):
            try:
                answers.add(decode_text(data, encoding))
            except RejectedError as error:
                answers.add(str(error))
        assert len(answers) == 1
    convert_to_utf8(data)
