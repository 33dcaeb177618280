"""Make the artifact of a measuring network's weights, checked and converted once."""

import sys

from artpipe.artifacts import paths
from artpipe.config.params import load_params
from artpipe.errors import UserError, did_you_mean
from artpipe.evaluation.pretrained_weights import check_weights, write_weights
from artpipe.system.atomic_files import remove_stale_temporaries, write_folder


def make_weights(name: str) -> None:
    """Write `data/weights/NAME`.

    Raises:
        UserError: no such entry; see `write_weights`.
        CorruptError, ArtpipeError: see `write_weights`.
    """
    params = load_params()
    if name not in params.weights:
        raise UserError(f"params.yaml: no weights `{name}`{did_you_mean(name, params.weights)}")
    check_weights(params.weights[name])
    folder = paths.weights(name)
    remove_stale_temporaries(folder.parent)
    with write_folder(folder) as temporary:
        card = write_weights(name, params.weights[name], temporary)
    sys.stdout.write(f"{name}: {card.network}; {card.about.licence}\n")
