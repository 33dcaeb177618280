"""Random tokens with which the cost of training steps is measured.

Their vocabulary has the usual size.
"""

import itertools
import string

import torch

from artpipe.artifacts.shards import Spec
from artpipe.contracts.sample_rows import RowsRequest, SampleRows, make_common_columns
from artpipe.contracts.special_tokens import SPECIAL_TOKENS, START
from artpipe.modalities.text.tokenizer import MEDIUM_NAME

_CHARACTERS = tuple(string.ascii_letters + string.punctuation + " \n")


def make_rows(request: RowsRequest) -> SampleRows:
    """Return full rows of tokens ``(N, length + 1)``."""
    params, count, generator = request.params, request.rows, torch.Generator().manual_seed(0)
    syllables = (
        "".join(letters) for size in (2, 3) for letters in itertools.product(string.ascii_lowercase, repeat=size)
    )
    vocabulary = (*SPECIAL_TOKENS, *_CHARACTERS, *itertools.islice(syllables, params.merges))
    shape = (count, params.length + 1)
    tokens = torch.randint(len(SPECIAL_TOKENS), len(vocabulary), shape, generator=generator, dtype=torch.int16)
    tokens[:, 0] = START
    columns = {
        "tokens": tokens,
        **make_common_columns(request, generator),
    }
    spec = Spec(
        dataset=request.dataset,
        medium=MEDIUM_NAME,
        length=params.length,
        classes=request.classes,
        count=request.works,
        columns=tuple(columns),
        vocabulary=vocabulary,
    )
    return SampleRows(spec, columns)
