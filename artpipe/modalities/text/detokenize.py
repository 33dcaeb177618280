"""Join rows of tokens to works, and decode them to characters."""

from collections.abc import Mapping, Sequence

import torch
from torch import Tensor

from artpipe.contracts.special_tokens import END, PAD, SPECIAL_TOKENS, UNKNOWN

NO_CHARACTER = 0xFFFD  # stands for what the vocabulary has not; what no model can know costs all of them the same
ENDING = 3  # a control code, which no text has


def join_rows(columns: Mapping[str, Tensor]) -> list[tuple[str, list[int]]]:
    """Return digest and tokens of each work in rows of a ShardSet, in order.

    Start and end are among the tokens, padding is not.
    """
    works: list[tuple[str, list[int]]] = []
    digests = bytes(columns["digests"].flatten().tolist()).hex()
    rows = zip(columns["tokens"].tolist(), columns["places"][:, 0].tolist(), strict=True)
    for number, (row, place) in enumerate(rows):
        row_tokens = [token for token in row if token != PAD]
        if place == 0:
            works.append((digests[64 * number : 64 * number + 64], row_tokens))
        elif works:
            works[-1][1].extend(row_tokens[1:])
    return works


def to_code_points(tokens: Sequence[int], vocabulary: Sequence[str]) -> Tensor:
    """Return the code points of a work's text, and its end."""
    spelled = [vocabulary[token] for token in range(len(vocabulary))]
    spelled[: len(SPECIAL_TOKENS)] = [""] * len(SPECIAL_TOKENS)
    spelled[UNKNOWN], spelled[END] = chr(NO_CHARACTER), chr(ENDING)
    data = bytearray("".join(spelled[token] for token in tokens).encode("utf-32-le"))
    return torch.frombuffer(data, dtype=torch.int32) if data else torch.empty(0, dtype=torch.int32)
