"""A toy with everything that resume must carry: two optimisers, EMA, a schedule and every random generator."""

import copy
import random
import time

import numpy as np
import torch
from torch import nn
from torch.nn import functional as F

from artpipe.config.params import TrainParams
from artpipe.contracts.model import Exhibit, Learner, Model


class Params(TrainParams):
    """What the tests turn."""

    width: int = 8
    rate: float = 1.0e-3
    explode_at: int = -1  # the first step whose loss is multiplied away
    explode_below: float = 0.0  # while the rate's scale is above this
    heeds_labels: bool = False  # a class is brighter than the one before
    pause_seconds: float = 0.0  # before each step: what is only there to be ended takes no core


class Toy(Learner[Params]):
    """An autoencoder and a critic of its codes."""

    def __init__(self, params, spec):
        super().__init__(params, spec)
        size = spec.channels * spec.height * spec.width
        self.encoder, self.decoder = nn.Linear(size, params.width), nn.Linear(params.width, size)
        self.critic = nn.Linear(params.width, 1)
        self.ema = copy.deepcopy(self.decoder).requires_grad_(requires_grad=False)
        self.norm = nn.BatchNorm1d(params.width)
        self.optimisers = {
            "coder": torch.optim.Adam([*self.encoder.parameters(), *self.decoder.parameters()], lr=params.rate),
            "critic": torch.optim.SGD(
                [*self.critic.parameters(), *self.norm.parameters()], lr=params.rate, momentum=0.9
            ),
        }
        self.selection_measure = ("error", "min")

    def step(self, batch):
        time.sleep(self.params.pause_seconds)
        for optimiser in self.optimisers.values():
            optimiser.param_groups[0]["lr"] = self.scheduled_rate(self.params.rate, warmup_steps=5, final_share=0.1)
            optimiser.zero_grad(set_to_none=True)
        images = batch["images"].flatten(1)
        code = self.norm(self.encoder(images) + 0.1 * torch.randn(len(images), self.params.width))
        code = code * (1 + 0.1 * random.random() + 0.1 * float(np.random.rand()))  # noqa: NPY002
        reconstruction = F.mse_loss(self.decoder(code), images)
        critic = F.softplus(self.critic(code)).mean()
        if self.steps_done == self.params.explode_at and self.rate_scale > self.params.explode_below:
            reconstruction = reconstruction * float("nan")
        (reconstruction + critic).backward()
        for optimiser in self.optimisers.values():
            optimiser.step()
        with torch.no_grad():
            for mean, new in zip(self.ema.parameters(), self.decoder.parameters(), strict=True):
                mean.lerp_(new, 0.1)
        losses = {"reconstruction": reconstruction.detach()}
        return losses if self.steps_done % 2 else {**losses, "critic": critic.detach()}

    def sample(self, prompt):
        raw = self.ema(prompt.noise(self.params.width))
        if self.params.heeds_labels and prompt.labels is not None:
            raw = raw + prompt.labels[:, None]
        images = raw.tanh()
        return images.view(-1, self.spec.channels, self.spec.height, self.spec.width)

    def exhibit(self, prompt):
        torch.rand(3), random.random(), np.random.rand()  # noqa: NPY002
        images = self.sample(prompt)
        return [Exhibit("image", image, "a toy", seed=seed) for image, seed in zip(images, prompt.seeds, strict=True)]

    def validate(self, works):
        images = works["images"].flatten(1)
        return {
            "error": F.mse_loss(self.decoder(self.norm(self.encoder(images))), images).item(),
            "noise": random.random(),
        }


def build(params, spec, feature_extractor):
    del feature_extractor
    return Toy(params, spec)


MODEL = Model(reads=frozenset({"images"}), params=Params, build=build)
