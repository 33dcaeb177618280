"""Music as steps of a grid, and as tokens.

The notes of a step from high to low, then a mark that begins the next step.
"""

from collections.abc import Iterable, Iterator, Sequence
from typing import TYPE_CHECKING, NamedTuple

from artpipe.contracts.special_tokens import END, SPECIAL_TOKENS, START

if TYPE_CHECKING:
    from artpipe.artifacts.shards import Spec

MEDIUM_NAME = "music"
LOWEST, HIGHEST = 21, 108  # the keys of a piano, as MIDI numbers them
HELD = 128  # added to a pitch that goes on from the step before
BAR, FERMATA = 1, 2  # what a step begins with
STEPS = (".", "|", "^", "^|")  # a step begins; with a bar, a fermata, both: by number as BAR and FERMATA add up
SILENCE = "r"  # of a voice; a chord has as many notes as sound
_PITCHES = range(LOWEST, HIGHEST + 1)
VOCABULARY = (*SPECIAL_TOKENS, *STEPS, SILENCE, *map(str, _PITCHES), *(f"{pitch}_" for pitch in _PITCHES))


def is_music(spec: "Spec") -> bool:
    """Return whether tokens are those of music."""
    return spec.medium == MEDIUM_NAME


class Step(NamedTuple):
    """The marks of a step, and what sounds in it.

    By voice, or the notes of a chord from high to low.

    A cell is 0 (silence), a pitch that is struck, or a pitch plus HELD that goes on.
    """

    mark: int
    cells: list[int]


def to_cell(token: int) -> int | None:
    """Return the cell that a token stands for, None for a mark."""
    place = token - _FIRST_PITCH
    if place < 0:
        return 0 if token == _FIRST_PITCH - 1 else None
    return LOWEST + place % len(_PITCHES) + HELD * (place >= len(_PITCHES))


def to_token(cell: int) -> int:
    """Return the token of a cell."""
    return _TOKENS_BY_CELL[cell]


_FIRST_PITCH = len(SPECIAL_TOKENS) + len(STEPS) + 1  # token of the lowest pitch
_TOKENS_BY_CELL = {to_cell(token): token for token in range(len(SPECIAL_TOKENS) + len(STEPS), len(VOCABULARY))}


def encode_steps(steps: Sequence[Step]) -> list[int]:
    """Return the tokens of a piece, from its start token to its end token.

    >>> [VOCABULARY[token] for token in tokens_of([Step(0, [64, 60]), Step(1, [65, 60 + HELD])])]
    ['<start>', '64', '60', '|', '65', '60_', '<end>']
    """
    return [START, *_step_tokens(steps), END]


def _step_tokens(steps: Sequence[Step]) -> Iterator[int]:
    for number, (mark, cells) in enumerate(steps):
        if number:
            yield len(SPECIAL_TOKENS) + mark
        yield from map(to_token, cells)


def decode_steps(tokens: Iterable[int]) -> list[Step]:
    """Return the steps of a piece's tokens, with or without its start token.

    What follows its end token is left out.

    >>> steps_of([1, 52, 48, 5, 53, 136, 2])
    [Step(mark=0, cells=[64, 60]), Step(mark=1, cells=[65, 188])]
    """
    steps = [Step(0, [])]
    for token in tokens:
        cell = to_cell(token)
        if token == END:
            break
        if cell is not None:
            steps[-1].cells.append(cell)
        elif token >= len(SPECIAL_TOKENS):
            steps.append(Step(token - len(SPECIAL_TOKENS), []))
    return steps
