"""Captions become the same tokens everywhere, and like words share some."""

import zlib

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from artpipe.numerics.caption_tokens import (
    TOKENS,
    find_unknown_words,
    hash_token,
    list_words,
    split_words,
    tokenise_caption,
    tokenise_captions,
)


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("A cat", [["^a$", "^a$"], ["^cat$", "^ca", "cat", "at$"]]),
        ("Woman-Pilot: No. 3!", [["^woman$"], ["^pilot$"], ["^no$"], ["^3$"]]),
        ("红心 3D", [["^红$", "红心"], ["^心$"], ["^3d$", "^3d", "3d$"]]),
        ("a红b", [["^a$"], ["^红$"], ["^b$"]]),
        ("नमस्ते", [["^नमस्ते$"]]),
        ("\u2764\ufe0f ?!", []),
        ("", []),
    ],
)
def test_a_text_splits_into_known_words(text: str, words: list[list[str]]) -> None:
    """Letters and digits make words, a Chinese character is one, a mark alone is none."""
    found = list(split_words(text))
    assert [word[: len(expected)] for word, expected in zip(found, words, strict=True)] == words


def test_words_are_listed_once() -> None:
    """In the order in which they come first, in lower case."""
    assert list_words(["A red cat", "a RED dog, 红心"]) == ("a", "red", "cat", "dog", "红", "心")


def test_words_that_are_not_known_are_named() -> None:
    """Of words of one or two letters nothing is said, nor where nothing is known."""
    assert find_unknown_words("A red cat, of 红 Zebra zebra", ["cat"]) == ["red", "红", "zebra"]
    assert find_unknown_words("a cat", []) == []


def test_tokens_have_known_values() -> None:
    """A token is 1 more than the CRC-32 of its piece, modulo 4095."""
    assert zlib.crc32(b"123456789") == 0xCBF43926  # the check value of CRC-32 in every catalogue
    assert hash_token("123456789") == 1 + 0xCBF43926 % 4095
    expected = [hash_token(piece) for piece in ("^cat$", "^ca", "cat", "at$")]
    assert tokenise_caption("Cat").tolist()[0] == expected + [0] * 8
    assert (tokenise_caption("Cat")[1:] == 0).all()


def test_more_words_and_pieces_than_fit_are_left_out() -> None:
    """The first 16 words of a caption and the first 11 trigrams of a word are kept."""
    tokens = tokenise_caption("electroencephalographically " * 20)
    assert tokens.shape == (16, 12)
    assert (tokens > 0).all()


def test_unknown_words_share_trigrams_with_known_ones() -> None:
    """`smiling` and `smile` share three trigrams and not the word; forms of Unicode and case are one."""
    smiling, smile = tokenise_caption("smiling")[0], tokenise_caption("smile")[0]
    assert smiling[0] != smile[0]
    assert len({*smiling[1:].tolist()} & {*smile[1:].tolist()} - {0}) == 3
    assert np.array_equal(tokenise_caption("Cafe\u0301"), tokenise_caption("CAF\u00c9"))


def test_class_names_become_a_table() -> None:
    """A label indexes the tokens of its class's name."""
    table = tokenise_captions(["cat", "3"])
    assert table.shape == (2, 16, 12)
    assert np.array_equal(table[1], tokenise_caption("3"))
    assert tokenise_captions([]).shape == (0, 16, 12)


@given(st.text(st.characters()))
def test_any_text_has_tokens(text: str) -> None:
    """Whatever stands there, lone surrogates too, gives ids below 4096, words first."""
    tokens = tokenise_caption(text)
    assert tokens.dtype == np.int16
    assert tokens.min() >= 0
    assert tokens.max() < TOKENS
    is_word = tokens[:, 0] > 0
    assert not (~is_word[:-1] & is_word[1:]).any()
    assert (tokens[~is_word] == 0).all()
