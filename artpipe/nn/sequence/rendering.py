"""What a writer's tokens are, by medium: text as text, music as sound."""

import string
from collections.abc import Sequence

import torch
from torch import Tensor

from artpipe.artifacts.shards import Spec
from artpipe.contracts.model import Exhibit
from artpipe.contracts.special_tokens import MARKS, UNKNOWN
from artpipe.modalities.music.performed_works import performed
from artpipe.modalities.music.tokens import is_music
from artpipe.modalities.text.tokenizer import Encoder, is_text

_HOLLOW = "\N{WHITE SQUARE}"
_CAPTION = 60  # characters of a first line


def encoded(text: str, spec: Spec) -> list[int]:
    """Return the tokens of a beginning."""
    return Encoder(spec.vocabulary)(text) if text else []


def lengths_of(spec: Spec) -> Tensor:
    """Return the characters ``(V,)`` of each token: none of a mark, one of the unknown; all 0 where it is no text."""
    known = [0] * len(spec.vocabulary)
    if is_text(spec):
        known = [len(token) for token in spec.vocabulary]
        known[: len(MARKS)] = [int(mark == UNKNOWN) for mark in range(len(MARKS))]
    return torch.tensor(known)


def text_of(tokens: Sequence[int], vocabulary: Sequence[str]) -> str:
    """Return the text of tokens, marks left out; the unknown is a hollow square, which no model writes."""
    return "".join(
        vocabulary[token] if token >= len(MARKS) else _HOLLOW
        for token in tokens
        if token >= len(MARKS) or token == UNKNOWN
    )


def rendered(spec: Spec, prompt: str, tokens: Sequence[int], seed: int, *, ended: bool) -> Exhibit:
    """Return what hangs of one sequence that follows `prompt`; without its end it is cut where a part of it is whole."""
    if is_music(spec):
        return performed(spec, tokens, seed, ended=ended)
    text = (prompt + text_of(tokens, spec.vocabulary)).strip("\n")
    text = text if ended else whole(text)
    return Exhibit("text", text, caption(text, prompt), seed=seed)


def caption(text: str, prompt: str = "") -> str:
    r"""Return the first line of a text; after a given line or one in capitals, the name of a speaker, the next with it.

    >>> caption("FIRST LORD.\nCome, sir, away.\n", "FIRST LORD.\n")
    'First Lord: Come, sir, away'
    """
    lines = [line.strip(" .:,;-") for line in text.split("\n") if line.strip(" .:,;-")]
    named = len(lines) > 1 and (prompt.endswith("\n") or lines[0].isupper())
    name = string.capwords(lines[0]) if named else ""
    line = f"{name}: {lines[1]}" if name else (lines or ["silence"])[0]
    return line if len(line) <= _CAPTION else line[:_CAPTION].rsplit(" ", 1)[0] + " ..."


def whole(text: str) -> str:
    r"""Return a text without the part its end was cut off from: a paragraph, else a line, where half of it is left.

    >>> whole("To be,\nor not to be.\n\nThat is\nthe que")
    'To be,\nor not to be.'
    >>> whole("To be,\nor not to be, that is the question, whe")
    'To be,\nor not to be, that is the question, whe'
    """
    for cut in ("\n\n", "\n"):
        kept = text.rpartition(cut)[0].rstrip()
        if 2 * len(kept) >= len(text):
            return kept
    return text
