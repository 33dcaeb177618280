"""The reference networks of the benchmarks: a DCGAN, a VAE and a classifier."""

from collections.abc import Mapping

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from artpipe.artifacts.shards import Spec
from artpipe.config.params import TrainParams
from artpipe.contracts.model import Batch, Exhibit, Learner, Prompt
from artpipe.nn.vae.elbo_terms import kl_to_unit_normal


class FullyConnectedVAE(Learner[TrainParams]):
    """784-400-20 with a Bernoulli likelihood and Adam at 1e-3: the network of pytorch/examples."""

    def __init__(self, params: TrainParams, spec: Spec) -> None:
        super().__init__(params, spec)
        self.encoder = nn.Sequential(nn.Flatten(), nn.Linear(784, 400), nn.ReLU(), nn.Linear(400, 40))
        self.decoder = nn.Sequential(nn.Linear(20, 400), nn.ReLU(), nn.Linear(400, 784))
        self.optimisers = {"vae": torch.optim.Adam(self.parameters(), lr=1e-3, fused=True)}

    def loss(self, images: Tensor) -> Tensor:
        """Return the negative ELBO, nats per picture; `images` in [-1, 1]."""
        with self.autocast():
            mean, logvar = self.encoder(images).float().chunk(2, dim=1)
            raw = self.decoder(mean + torch.randn_like(mean) * (0.5 * logvar).exp())
        target = images.flatten(1).add(1).mul(0.5)
        reconstruction = F.binary_cross_entropy_with_logits(raw.float(), target, reduction="sum")
        return (reconstruction + kl_to_unit_normal(mean, logvar).sum()) / len(images)

    def step(self, batch: Batch) -> Mapping[str, Tensor]:
        loss = self.loss(batch["images"])
        self.optimisers["vae"].zero_grad()
        loss.backward()
        self.optimisers["vae"].step()
        return {"loss": loss.detach()}

    @torch.no_grad()
    def sample(self, prompt: Prompt) -> Tensor:
        return (self.decoder(prompt.noise(20)).sigmoid() * 2 - 1).view(-1, 1, 28, 28)

    def exhibit(self, prompt: Prompt) -> list[Exhibit]:
        del prompt
        return []


class DCGAN(Learner[TrainParams]):
    """Radford et al. 2015 at 28x28: transposed convolutions with batch norm, and a D without; both players by one pass of D."""

    def __init__(self, params: TrainParams, spec: Spec) -> None:
        super().__init__(params, spec)
        self.generator = nn.Sequential(
            nn.ConvTranspose2d(100, 128, 7, bias=False),
            nn.BatchNorm2d(128),
            nn.ReLU(),
            nn.ConvTranspose2d(128, 64, 4, 2, 1, bias=False),
            nn.BatchNorm2d(64),
            nn.ReLU(),
            nn.ConvTranspose2d(64, 1, 4, 2, 1, bias=False),
            nn.Tanh(),
        )
        self.discriminator = nn.Sequential(
            nn.Conv2d(1, 64, 4, 2, 1),
            nn.LeakyReLU(0.2),
            nn.Conv2d(64, 128, 4, 2, 1),
            nn.LeakyReLU(0.2),
            nn.Conv2d(128, 1, 7),
            nn.Flatten(0),
        )
        self.optimisers = {
            name: torch.optim.Adam(network.parameters(), lr=2e-4, betas=(0.5, 0.999), fused=True)
            for name, network in (("generator", self.generator), ("discriminator", self.discriminator))
        }

    def generate(self, noise: Tensor) -> Tensor:
        """Return what `generator` returns of noise ``(B, 100)``, in less time.

        The first layer is one matrix product: a transposed convolution of a single place is one; its weights lie channels last, and so does what comes of it.
        """
        first, *others = self.generator
        weight = first.weight.permute(0, 2, 3, 1)  # (100, 7, 7, 128)
        x = (noise @ weight.flatten(1)).unflatten(1, weight.shape[1:]).permute(0, 3, 1, 2)
        for layer in others:
            x = F.relu_(x) if isinstance(layer, nn.ReLU) else layer(x)
        return x

    def judge(self, images: Tensor) -> Tensor:
        """Return what `discriminator` returns ``(B,)``, in less time.

        The last layer is one matrix product, the activations are in place.
        """
        inner, _, outer, _, last, _ = self.discriminator
        x = F.leaky_relu_(outer(F.leaky_relu_(inner(images), 0.2)), 0.2)
        weight = last.weight.permute(0, 2, 3, 1).flatten()
        return x.permute(0, 2, 3, 1).flatten(1) @ weight + last.bias

    def gradients(self, images: Tensor) -> Tensor:
        """Add both players' gradients by one forward and one backward pass of D, and return D's loss.

        D's rows are independent, so the gradient of G's loss at a fake picture is that of D's loss times the ratio of
        the two losses' slopes at its logit: softplus(-l)' / softplus(l)' = -exp(-l).
        """
        with self.autocast():
            fakes = self.generate(torch.randn(len(images), 100, 1, 1).flatten(1))
            logits = self.judge(torch.cat([images, fakes]))
        real, fake = logits.float().chunk(2)
        slopes = -torch.exp(-fake.detach())[:, None, None, None]
        fakes.register_hook(lambda gradient: (gradient * slopes).to(gradient.dtype))
        loss = F.softplus(-real).mean() + F.softplus(fake).mean()
        loss.backward()
        return loss.detach()

    def step(self, batch: Batch) -> Mapping[str, Tensor]:
        for optimiser in self.optimisers.values():
            optimiser.zero_grad()
        loss = self.gradients(batch["images"])
        for optimiser in self.optimisers.values():
            optimiser.step()
        return {"loss": loss}

    def exhibit(self, prompt: Prompt) -> list[Exhibit]:
        del prompt
        return []


class ReferenceClassifier(Learner[TrainParams]):
    """The network of pytorch/examples mnist, with its Adadelta at rate 1.

    Its maximum is taken before its ReLU. Both orders have the same values and the same gradients, and the ReLU then sees a quarter of the places.
    """

    def __init__(self, params: TrainParams, spec: Spec) -> None:
        super().__init__(params, spec)
        self.inner, self.outer = nn.Conv2d(1, 32, 3), nn.Conv2d(32, 64, 3)
        self.hidden, self.head = nn.Linear(9216, 128), nn.Linear(128, 10)
        self.optimisers = {"classifier": torch.optim.Adadelta(self.parameters(), lr=1.0, foreach=True)}

    def logits(self, images: Tensor) -> Tensor:
        """Return logits ``(B, 10)`` of `images` in [-1, 1]."""
        maps = F.relu_(F.max_pool2d(self.outer(F.relu_(self.inner(images))), 2))
        hidden = F.relu_(self.hidden(F.dropout(maps, 0.25, self.training).flatten(1)))
        return self.head(F.dropout(hidden, 0.5, self.training))

    def loss(self, images: Tensor, labels: Tensor) -> Tensor:
        """Return the cross-entropy, nats per picture."""
        with self.autocast():
            logits = self.logits(images)
        return F.cross_entropy(logits.float(), labels)

    def step(self, batch: Batch) -> Mapping[str, Tensor]:
        self.optimisers["classifier"].zero_grad()
        loss = self.loss(batch["images"], batch["labels"])
        loss.backward()
        self.optimisers["classifier"].step()
        return {"loss": loss.detach()}

    def exhibit(self, prompt: Prompt) -> list[Exhibit]:
        del prompt
        return []


class JohnsonNetwork(nn.Module):
    """The feed-forward network of pytorch/examples fast_neural_style: 9x9 ends, five residual blocks of 128, nearest upsampling."""

    def __init__(self) -> None:
        super().__init__()
        widths = ((3, 32, 9, 1), (32, 64, 3, 2), (64, 128, 3, 2))
        self.inwards = nn.Sequential(*(part for width in widths for part in self._layer(*width)))
        self.blocks = nn.ModuleList(
            nn.Sequential(*self._layer(128, 128, 3, 1), *self._layer(128, 128, 3, 1)[:-1]) for _ in range(5)
        )
        self.outwards = nn.Sequential(
            nn.Upsample(scale_factor=2), *self._layer(128, 64, 3, 1),
            nn.Upsample(scale_factor=2), *self._layer(64, 32, 3, 1),
            nn.Conv2d(32, 3, 9, padding=4, padding_mode="reflect"),
        )  # fmt: skip

    @staticmethod
    def _layer(into: int, out: int, side: int, stride: int) -> list[nn.Module]:
        convolution = nn.Conv2d(into, out, side, stride, padding=side // 2, padding_mode="reflect")
        return [convolution, nn.InstanceNorm2d(out, affine=True), nn.ReLU()]

    def forward(self, images: Tensor) -> Tensor:
        maps = self.inwards(images)
        for block in self.blocks:
            maps = maps + block(maps)
        return self.outwards(maps)
