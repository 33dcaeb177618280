"""A variational autoencoder that acts as if memory held so many rows, in one of the ranks."""

import os

from artpipe.contracts.microbatched import count_rows
from artpipe.contracts.model import Model
from artpipe.models.vae import VAE
from artpipe.models.vae import Params as Wide


class Params(Wide):
    """What the tests turn."""

    fits: int = 4  # rows
    narrow_rank: int = 0


class Narrow(VAE):
    """Fails when half of the work is done."""

    def accumulate_gradients(self, part, whole):
        losses = super().accumulate_gradients(part, whole)
        if count_rows(part) > self.params.fits and int(os.environ.get("RANK", "0")) == self.params.narrow_rank:
            raise MemoryError
        return losses


MODEL = Model(reads=frozenset({"images"}), params=Params, build=Narrow)
