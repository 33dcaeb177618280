"""Find the written texts and pieces that are whole, as works of the dataset are."""

from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import TypeVar

from artpipe.artifacts.report import WrittenWorks
from artpipe.contracts.metric import Evidence
from artpipe.contracts.model import Prompt
from artpipe.evaluation.sequences import writes_music, writes_text
from artpipe.modalities.music.key_detection import ends_on_tonic
from artpipe.modalities.music.rendering import join_rows as join_pieces
from artpipe.modalities.music.tokens import Step, decode_steps
from artpipe.modalities.text.detokenize import join_rows as join_texts

WorkT = TypeVar("WorkT", bound=Sequence[object])
_SHORTER_SHARE = 0.05  # of real works, that may be shorter than what counts as whole


def find_whole(evidence: Evidence) -> list[int]:
    """Return the rows of what a sequence model wrote that are whole works, in order.

    A whole work is no shorter than all but a twentieth of the test works, and a piece ends on the tonic of its key.
    """
    found: list[int] = evidence.compute_once("whole works", lambda: _find_whole(evidence))
    return found


def choose_whole(evidence: Evidence, prompt: Prompt) -> Prompt:
    """Return the seeds of whole works alone.

    All of them where none is whole, so that a failure is seen.
    """
    rows = find_whole(evidence)
    return replace(prompt, seeds=[prompt.seeds[row] for row in rows], labels=None) if rows else prompt


def count_whole(evidence: Evidence) -> WrittenWorks | None:
    """Return how many whole works were written, None where none hangs for being one."""
    rows = find_whole(evidence)
    return WrittenWorks(whole=len(rows), written=len(evidence.sequences)) if rows else None


def _find_whole(evidence: Evidence) -> list[int]:
    if writes_music(evidence):
        pieces = [_trim_silence(decode_steps(tokens)) for tokens in evidence.sequences]
        real = [len(_trim_silence(decode_steps(piece))) for piece in join_pieces(evidence.test).tolist()]
        return _find_long(pieces, real, ends_on_tonic)
    if writes_text(evidence):
        real = [len(tokens) - 2 for _, tokens in join_texts(evidence.test)]  # without start and end
        return _find_long(evidence.sequences, real, bool)
    return []


def _find_long(works: Sequence[WorkT], real: Sequence[int], is_ended: Callable[[WorkT], bool]) -> list[int]:
    least = sorted(real)[int(_SHORTER_SHARE * len(real))]
    return [row for row, work in enumerate(works) if len(work) >= least and is_ended(work)]


def _trim_silence(steps: list[Step]) -> list[Step]:
    while len(steps) > 1 and not any(steps[-1].cells):
        steps.pop()
    return steps
