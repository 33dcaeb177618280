"""Variational autoencoder (Kingma & Welling 2013).

The codes of real works do not fill N(0, I) evenly, and what lies in the gaps decodes to no picture. So, with
`prior: flow`, a small flow learns where the codes lie (Dai & Wipf 2019; it takes no part in the ELBO) and samples start there.
With `prior: joint_flow` it does take part: codes and flow are learned for each other (Chen et al. 2016, "Variational lossy autoencoder").
"""

import math
from collections.abc import Mapping
from typing import Literal, Self

import torch
from pydantic import Field, model_validator
from torch import Tensor, nn
from torch.nn import functional as F

from artpipe.artifacts.shards import Spec
from artpipe.config.params import Positive, Share, TrainParams
from artpipe.contracts.microbatched import MicroBatchedLearner, row_share
from artpipe.contracts.model import Batch, Exhibit, Model, Prompt
from artpipe.contracts.plugin_info import Budget, Export, ModelInfo, NewDatasets, WallText
from artpipe.errors import UserError
from artpipe.language.message import Message
from artpipe.modalities.picture.captions import UNTITLED
from artpipe.nn.layers.batching import split_rows
from artpipe.nn.vae import elbo_terms
from artpipe.nn.vae.latent_plane import latent_plane, tile_images
from artpipe.nn.vae.realnvp import RealNVP
from artpipe.nn.vae.strided_convolutions import (
    SingleConvolutionResidual,
    build_decoder_layers,
    build_encoder_layers,
    choose_strides,
)

_ACTIVE = 0.01  # variance of the posterior mean above which a dimension counts as used (Burda et al. 2015)


class Params(TrainParams):
    """Parameters of a variational autoencoder."""

    batch_size: Positive = 128
    latent_dim: Positive = 24  # dimensions of the code
    width: Positive = 32  # channels of the outermost maps; each further stage doubles them up to `max_width`
    max_width: Positive = 128
    hidden: Positive = 512  # between the innermost maps and the code
    blocks: int = Field(default=0, ge=0)  # residual convolutions on the innermost maps
    learning_rate: float = Field(default=2.0e-3, gt=0)
    warmup_steps: int = Field(default=100, ge=0)  # of the learning rate
    gradient_clip_norm: float = Field(default=200.0, gt=0)  # the largest one; longer gradients are shortened to it
    # auto: bernoulli for grey, gaussian for colour
    likelihood: Literal["auto", "bernoulli", "gaussian", "logistic"] = "auto"
    # Of gaussian and logistic, on the [-1, 1] scale; learned where null.
    scale: float | None = Field(default=None, gt=0)
    binarised: bool = False  # learn black and white draws of works, by which likelihoods are compared; of bernoulli
    beta: float = Field(default=1.0, ge=0)  # weight of the KL
    kl_warmup: Share = 0.1  # of the steps
    free_nats: float = Field(default=0.0, ge=0)  # free bits, in nats per dimension
    prior: Literal["normal", "flow", "joint_flow"] = "flow"  # what samples start from
    flow_layers: Positive = 4
    flow_width: Positive = 128
    flow_rate: float = Field(default=1.0e-3, gt=0)
    plane: Positive = 13  # pictures on each side of the latent plane
    plane_reach: float = Field(default=2.0, gt=0)  # standard deviations to each side

    @model_validator(mode="after")
    def _teach_the_prior(self) -> Self:
        if self.prior == "joint_flow" and (self.free_nats or not self.beta):
            raise ValueError("`prior: joint_flow` needs `free_nats: 0` and a `beta` above 0")
        return self


class VAE(MicroBatchedLearner[Params]):
    """A convolutional encoder and decoder, and a flow as prior."""

    selection_measure = ("elbo", "max")

    def __init__(self, params: Params, spec: Spec, pretrained: object = None) -> None:
        super().__init__(params, spec)
        del pretrained
        automatic: elbo_terms.LikelihoodName = "bernoulli" if spec.channels == 1 else "gaussian"
        self.likelihood: elbo_terms.LikelihoodName = automatic if params.likelihood == "auto" else params.likelihood
        if params.binarised and self.likelihood != "bernoulli":
            place = f"dataset `{spec.dataset}`"
            raise UserError(f"{place}: `binarised` is for `likelihood: bernoulli`, found `{self.likelihood}`")
        strides = choose_strides(min(spec.height, spec.width))
        widths = [min(params.width * 2**i, params.max_width) for i in range(len(strides))]
        unit = math.prod(strides)
        sides = -(-spec.height // unit), -(-spec.width // unit)
        flat = widths[-1] * math.prod(sides)
        self.margin = sides[0] * unit - spec.height, sides[1] * unit - spec.width
        self.encoder = nn.Sequential(
            *build_encoder_layers(spec.channels, widths, strides),
            *(SingleConvolutionResidual(widths[-1]) for _ in range(params.blocks)),
            nn.Flatten(),
            nn.Linear(flat, params.hidden),
            nn.ReLU(),
            nn.Linear(params.hidden, 2 * params.latent_dim),
        )
        self.decoder = nn.Sequential(
            nn.Linear(params.latent_dim, params.hidden),
            nn.ReLU(),
            nn.Linear(params.hidden, flat),
            nn.Unflatten(1, (widths[-1], *sides)),
            *(SingleConvolutionResidual(widths[-1]) for _ in range(params.blocks)),
            *build_decoder_layers(spec.channels, widths, strides),
        )
        self.log_scale = nn.Parameter(torch.tensor(math.log(params.scale or 0.5)), requires_grad=params.scale is None)
        self.flow = RealNVP(params.latent_dim, 0 if params.prior == "normal" else params.flow_layers, params.flow_width)
        self.to(memory_format=torch.channels_last)
        network = [*self.encoder.parameters(), *self.decoder.parameters(), self.log_scale]
        self.optimisers = {"vae": torch.optim.Adam(network, lr=params.learning_rate, fused=True)}
        if params.prior != "normal":
            self.optimisers["flow"] = torch.optim.Adam(self.flow.parameters(), lr=params.flow_rate, fused=True)

    def prepare_batch(self, batch: Batch) -> Batch:
        """Return `images` ``(B, C, H, W)`` in [-1, 1] and the noise of their codes."""
        images = elbo_terms.draw_black_and_white(batch["images"]) if self.params.binarised else batch["images"]
        return {"images": images, "noise": torch.randn(len(images), self.params.latent_dim, device=images.device)}

    def accumulate_gradients(self, part: Batch, whole: Batch) -> Mapping[str, Tensor]:
        """Descend ``-log p(x|z) + beta KL(q(z|x) || p(z))``, nats per picture."""
        images, p, share = part["images"], self.params, row_share(part, whole)
        with self.autocast():
            mean, logvar = self._encode(images)
            code = mean + part["noise"] * (0.5 * logvar).exp()
            raw = self._decode(code)
        nll = elbo_terms.reconstruction_nll(self.likelihood, raw.float(), images, self.log_scale)
        reconstruction = share * nll.mean()
        weight = share * p.beta * elbo_terms.kl_warmup_share(self.steps_done, round(p.kl_warmup * p.steps))
        kl = self._kl(mean, logvar, part["noise"], code)
        loss = reconstruction + weight * elbo_terms.apply_free_bits(kl, p.free_nats)
        loss.backward()  # type: ignore[no-untyped-call]
        losses = {"reconstruction": reconstruction.detach(), "kl": share * kl.detach().sum(1).mean()}
        if p.prior == "flow":
            flow_nll = -share * self.flow.log_density(code.detach()).mean()
            flow_nll.backward()  # type: ignore[no-untyped-call]
            losses["flow"] = flow_nll.detach()
        return losses

    def _kl(self, mean: Tensor, logvar: Tensor, noise: Tensor, code: Tensor) -> Tensor:
        """Return the KL ``(B, Z)`` by dimension, or ``(B, 1)`` of a sampled code."""
        if self.params.prior == "joint_flow":
            return elbo_terms.sampled_kl(noise, logvar, self.flow.log_density(code))[:, None]
        return elbo_terms.kl_to_unit_normal(mean, logvar)

    def update_weights(self, rows: int) -> None:
        """Take the step of both optimisers."""
        del rows
        p = self.params
        for name, optimiser in self.optimisers.items():
            (group,) = optimiser.param_groups
            rate = p.flow_rate if name == "flow" else p.learning_rate
            group["lr"] = self.scheduled_rate(rate, p.warmup_steps, final_share=0.01)
            nn.utils.clip_grad_norm_(group["params"], p.gradient_clip_norm)
            optimiser.step()

    def _encode(self, images: Tensor) -> tuple[Tensor, Tensor]:
        padded = F.pad(images, (0, self.margin[1], 0, self.margin[0]), mode="replicate") if any(self.margin) else images
        mean, logvar = self.encoder(padded).float().chunk(2, dim=1)
        # A variance beyond these is a number gone wrong, and exp() would make it infinite.
        return mean, logvar.clamp(-12, 6)

    def _decode(self, codes: Tensor) -> Tensor:
        return torch.as_tensor(self.decoder(codes)[:, :, : self.spec.height, : self.spec.width])

    @torch.no_grad()
    def sample(self, prompt: Prompt) -> Tensor:
        """Decode ``(N, C, H, W)`` from the prior; a picture depends on its own seed alone."""
        return self._decode_means(self.flow.codes(prompt.noise(self.params.latent_dim).to(self.log_scale.device)))

    @property
    def noise_size(self) -> int:
        """Return the dimensions of the noise."""
        return self.params.latent_dim

    @torch.no_grad()
    def walk(self, noise: Tensor, mix: Tensor) -> Tensor:
        """Decode noise ``(N, Z)``, mapped to codes by the prior, to ``(N, C, H, W)``."""
        del mix
        return self._decode_means(self.flow.codes(noise))

    @torch.no_grad()
    def posterior(self, images: Tensor) -> tuple[Tensor, Tensor]:
        """Return mean and log variance ``(N, Z)`` of q(z|x)."""
        parts = [self._encode(part) for part in split_rows(images)]
        return torch.cat([mean for mean, _ in parts]), torch.cat([logvar for _, logvar in parts])

    @torch.no_grad()
    def reconstruct(self, images: Tensor) -> Tensor:
        """Return ``(N, C, H, W)`` in [-1, 1], decoded from the posterior's mean."""
        return self._decode_means(self.posterior(images)[0])

    @torch.no_grad()
    def elbo_terms(self, images: Tensor) -> Mapping[str, Tensor]:
        """Return `reconstruction` and `kl`, nats per picture ``(N,)``.

        `reconstruction` is -log p(x|z) at one sample of q(z|x); the ELBO is minus their sum. The samples are of a fixed seed, so a second call returns the same and training goes on undisturbed.
        """
        images = elbo_terms.draw_black_and_white(images, 0) if self.params.binarised else images
        mean, logvar = self.posterior(images)
        noise = torch.randn(mean.shape, generator=torch.Generator().manual_seed(0)).to(mean)
        codes = mean + noise * (0.5 * logvar).exp()
        parts = [self._reconstruction_nll(z, x) for z, x in zip(split_rows(codes), split_rows(images), strict=True)]
        return {"reconstruction": torch.cat(parts), "kl": self._kl(mean, logvar, noise, codes).sum(1)}

    @torch.no_grad()
    def importance_bound(self, images: Tensor, k: int, seed: int = 0) -> Tensor:
        """Return the bound on log p(x), ``(N,)`` nats, of k samples (Burda et al. 2015)."""
        mean, logvar = self.posterior(images)
        generator = torch.Generator().manual_seed(seed)
        return elbo_terms.importance_bound(
            lambda z: self.flow.log_density(z) - self._reconstruction_nll(z, images), mean, logvar, k, generator
        )

    def validate(self, works: Batch) -> dict[str, float]:
        """Return the ELBO and its terms in nats per picture, and the active dimensions."""
        if not len(works.get("images", ())):
            return {}
        terms = {name: value.double().mean().item() for name, value in self.elbo_terms(works["images"]).items()}
        active = (self.posterior(works["images"])[0].var(0, correction=0) > _ACTIVE).sum()
        return {"elbo": -terms["reconstruction"] - terms["kl"], **terms, "active_units": float(active)}

    @torch.no_grad()
    def exhibit(self, prompt: Prompt) -> list[Exhibit]:
        """Show samples, works beside their reconstructions, and a plane of codes."""
        pictures = zip(prompt.seeds, self.sample(prompt), strict=True)
        exhibits = [Exhibit("image", picture, UNTITLED, seed=seed) for seed, picture in pictures]
        works = prompt.works.get("images", torch.empty(0))
        if not len(works):
            return exhibits
        originals, title = works[: len(prompt.seeds)], Message(code="work_and_reconstruction")
        digests = [bytes(row).hex() for row in prompt.works["digests"].tolist()] if "digests" in prompt.works else []
        for i, pair in enumerate(torch.cat([originals, self.reconstruct(originals)], 3)):
            exhibits.append(Exhibit("image", pair, title, "reconstruction", digests=tuple(digests[i : i + 1])))
        return [*exhibits, Exhibit("image", self._plane(works), Message(code="plane_of_codes"), "plane")]

    def _plane(self, works: Tensor) -> Tensor:
        """Decode a plane of codes around the works' mean: ``(C, P H, P W)``."""
        codes = latent_plane(self.posterior(works)[0], self.params.plane, self.params.plane_reach)
        return tile_images(self._decode_means(codes), self.params.plane)

    def _decode_means(self, codes: Tensor) -> Tensor:
        return torch.cat([elbo_terms.mean_image(self.likelihood, self._decode(part)) for part in split_rows(codes)])

    def _reconstruction_nll(self, codes: Tensor, images: Tensor) -> Tensor:
        return elbo_terms.reconstruction_nll(self.likelihood, self._decode(codes).float(), images, self.log_scale)


MODEL = Model(reads=frozenset({"images"}), params=Params, build=VAE)
MODEL_INFO = ModelInfo(
    title="Variational autoencoder",
    export=Export(network="artpipe.export.networks.vae_painter:VaePainter"),
    nanoseconds_per_pixel=350,
    evaluation_seconds=30.0,  # a film among it
    default_batch_size=128,
    new_datasets=NewDatasets(
        least_works=1000, size=64, sizes=(8, 128), promise="new pictures out of a code, and works seen through it"
    ),
    starting_params={"steps": 1000, "batch_size": 32},
    wall_texts={
        "reconstruction": WallText(
            heading="Reconstructions", note="Works of the collection beside what the model made of them."
        ),
        "plane": WallText(
            heading="A plane through the codes",
            note="Pictures painted from codes on a grid, no work being given: neighbours on the map have neighbouring codes.",
        ),
    },
    acronyms=("elbo", "kl"),
    presets={
        "long": Budget(steps_factor=3),
        "gpu": Budget(steps_factor=4, at_least={"batch_size": 128, "width": 64, "max_width": 256, "hidden": 512}),
    },
)
