"""Exhibits of generated tokens: text as text, music as sound."""

import string
from collections.abc import Sequence

import torch
from torch import Tensor

from artpipe.artifacts.shards import Spec
from artpipe.contracts.model import Exhibit
from artpipe.contracts.special_tokens import SPECIAL_TOKENS, UNKNOWN
from artpipe.language.message import Message
from artpipe.modalities.music.rendering import render_piece
from artpipe.modalities.music.tokens import is_music
from artpipe.modalities.text.tokenizer import Tokenizer, is_text

_UNKNOWN_CHARACTER = "\N{WHITE SQUARE}"
_MAX_CAPTION = 60  # characters of a first line


def encode_prompt(text: str, spec: Spec) -> list[int]:
    """Return the tokens of a prompt."""
    return Tokenizer(spec.vocabulary)(text) if text else []


def token_lengths(spec: Spec) -> Tensor:
    """Return the number of characters ``(V,)`` of each token of a text.

    None for a mark, one for the unknown; all 0 where the medium is not text.
    """
    lengths = [0] * len(spec.vocabulary)
    if is_text(spec):
        lengths = [len(token) for token in spec.vocabulary]
        lengths[: len(SPECIAL_TOKENS)] = [int(mark == UNKNOWN) for mark in range(len(SPECIAL_TOKENS))]
    return torch.tensor(lengths)


def decode_text(tokens: Sequence[int], vocabulary: Sequence[str]) -> str:
    """Return the text of tokens, without marks.

    The unknown is a hollow square, which no model writes.
    """
    return "".join(
        vocabulary[token] if token >= len(SPECIAL_TOKENS) else _UNKNOWN_CHARACTER
        for token in tokens
        if token >= len(SPECIAL_TOKENS) or token == UNKNOWN
    )


def render_exhibit(spec: Spec, prompt: str, tokens: Sequence[int], seed: int, *, ended: bool) -> Exhibit:
    """Return the exhibit of one sequence that follows `prompt`.

    If it did not end by itself, it is cut after its last complete part.
    """
    if is_music(spec):
        return render_piece(spec, tokens, seed, ended=ended)
    text = (prompt + decode_text(tokens, spec.vocabulary)).strip("\n")
    text = text if ended else trim_unfinished(text)
    return Exhibit("text", text, make_caption(text, prompt), seed=seed)


def make_caption(text: str, prompt: str = "") -> str | Message:
    r"""Return the first line of a text, shortened, as its caption.

    After a prompt's line or one in capitals, which is the name of a speaker, the next line is added.

    >>> caption("FIRST LORD.\nCome, sir, away.\n", "FIRST LORD.\n")
    'First Lord: Come, sir, away'
    """
    lines = [line.strip(" .:,;-") for line in text.split("\n") if line.strip(" .:,;-")]
    if not lines:
        return Message(code="silence")
    has_speaker = len(lines) > 1 and (prompt.endswith("\n") or lines[0].isupper())
    name = string.capwords(lines[0]) if has_speaker else ""
    line = f"{name}: {lines[1]}" if name else lines[0]
    return line if len(line) <= _MAX_CAPTION else line[:_MAX_CAPTION].rsplit(" ", 1)[0] + " ..."


def trim_unfinished(text: str) -> str:
    r"""Return a text without its unfinished last part.

    The part is a paragraph, else a line, and is cut where at least half of the text is left.

    >>> whole("To be,\nor not to be.\n\nThat is\nthe que")
    'To be,\nor not to be.'
    >>> whole("To be,\nor not to be, that is the question, whe")
    'To be,\nor not to be, that is the question, whe'
    """
    for cut in ("\n\n", "\n"):
        beginning = text.rpartition(cut)[0].rstrip()
        if 2 * len(beginning) >= len(text):
            return beginning
    return text
