"""Random pictures with which the cost of training steps is measured.

They have coarse shapes and fine grain.
"""

import torch
from torch.nn import functional as F

from artpipe.artifacts.shards import Spec
from artpipe.contracts.sample_rows import RowsRequest, SampleRows, make_common_columns

_COARSE = 8  # times smaller are the shapes
_GRAIN = 0.5  # share of the fine grain; a picture without any counts as a tiny one, enlarged


def make_rows(request: RowsRequest) -> SampleRows:
    """Return pictures ``(N, C, S, S)``, each class in turn.

    With tiles every one is a work of its own.
    """
    params, count = request.params, request.rows
    size, generator = int(params.size), torch.Generator().manual_seed(0)
    coarse = torch.rand(count, params.channels, -(-size // _COARSE), -(-size // _COARSE), generator=generator)
    shapes = F.interpolate(coarse, (size, size), mode="bilinear", align_corners=False)
    grain = torch.rand(count, params.channels, size, size, generator=generator)
    columns = {
        "images": ((1 - _GRAIN) * shapes + _GRAIN * grain).mul(255).to(torch.uint8),
        **make_common_columns(request, generator),
    }
    if not params.tiles:
        del columns["places"]
    spec = Spec(
        dataset=request.dataset,
        channels=params.channels,
        height=size,
        width=size,
        classes=request.classes,
        count=request.works,
        columns=tuple(columns),
    )
    return SampleRows(spec, columns)
