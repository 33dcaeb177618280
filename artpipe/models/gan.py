"""Generative adversarial network (Goodfellow et al. 2014)."""

from collections.abc import Mapping
from typing import Annotated, Literal

import torch
from pydantic import Field, model_validator
from torch import Tensor, nn

from artpipe.artifacts.shards import UNLABELLED, Spec
from artpipe.config.params import Positive, Share, TrainParams
from artpipe.contracts.microbatched import MicroBatchedLearner, row_share
from artpipe.contracts.model import Batch, Exhibit, FeatureExtractor, Model, Prompt
from artpipe.contracts.plugin_info import Budget, Export, ModelInfo, NewDatasets
from artpipe.modalities.picture.captions import requested_title
from artpipe.nn.gan.diff_augment import DEFAULT_POLICIES, AdaptiveAugmentation, Policy
from artpipe.nn.gan.label_rows import label_rows, requested_labels
from artpipe.nn.gan.losses import (
    ADVERSARIAL_LOSSES,
    gradient_penalty,
    gradient_ratio,
    with_presets,
    zero_centred_penalty,
)
from artpipe.nn.gan.networks import DcganDiscriminator, DcganGenerator, ResidualDiscriminator, ResidualGenerator
from artpipe.nn.layers import ema
from artpipe.numerics.kernel_distance import kernel_distance

AtLeastZero = Annotated[float, Field(ge=0)]


class Params(TrainParams):
    """Parameters of a GAN: two networks, a loss and its regularisers.

    `dcgan` and `wasserstein` bring the numbers of their papers.
    """

    architecture: Literal["residual", "dcgan"] = "residual"
    loss: Literal["relativistic", "nonsaturating", "minimax", "hinge", "wasserstein"] = "relativistic"
    conditional: bool = True  # on the label, where there are labels; `residual` only
    latent_dim: Positive = 64
    generator_width: Positive = 64  # channels at the smallest size, halved at each doubling
    discriminator_width: Positive = 64
    least_width: Positive = 32
    upsampling: Literal["auto", "nearest", "bilinear"] = "auto"  # bilinear for colour: nearest leaves plaids there
    critic_steps: Positive = 1  # steps of the discriminator for each one of the generator
    r1: AtLeastZero = 0.5  # gamma: weight of half the squared gradient norm at real pictures
    r2: AtLeastZero = 0.5  # the same at generated ones
    gradient_penalty: AtLeastZero = 0.0
    penalty_every_steps: Positive = 4
    one_pass: bool = True  # one pass through the discriminator for both players, where it gives the same gradients
    learning_rate: float = Field(default=1.0e-3, gt=0)
    final_rate: Share = 0.05  # of `learning_rate`, at the end of a cosine
    warmup_steps: int = Field(default=0, ge=0)
    beta1: Share = 0.0
    beta2: Share = 0.99
    gradient_clip_norm: AtLeastZero = 0.0  # of each network's gradient; 0: not clipped
    ema_halflife_pictures: AtLeastZero = 20_000.0
    augment: tuple[Policy, ...] | None = None  # not given: all but `flip` below `augment_below` works
    augment_below: int = Field(default=10_000, ge=0)
    augment_target: Share = 0.0  # mean sign of right judgements of real works, above which more is augmented; 0: all is
    augment_pictures: Positive = 100_000  # from none augmented to all, at the fastest
    validation_samples: int = Field(default=1000, ge=2)

    _presets = model_validator(mode="before")(with_presets)


class GAN(MicroBatchedLearner[Params]):
    """A generator against a discriminator; its moving average is shown and scored."""

    def __init__(self, params: Params, spec: Spec, pretrained: FeatureExtractor | None = None) -> None:
        super().__init__(params, spec)
        residual = params.architecture == "residual"
        self.classes = len(spec.classes) if residual and params.conditional else 0
        penalised = params.r1 + params.r2 + params.gradient_penalty > 0
        if residual:
            rows = self.classes + 1 if self.classes else 0  # the last row is for works without a label
            self.generator: nn.Module = ResidualGenerator(params, spec, rows)
            self.discriminator: nn.Module = ResidualDiscriminator(params, spec, rows)
        else:
            self.generator = DcganGenerator(params, spec)
            self.discriminator = DcganDiscriminator(params, spec, norm=not penalised)
        self.to(memory_format=torch.channels_last)  # several times the speed of oneDNN's small convolutions
        self.average = ema.make_average(self.generator)
        self.optimisers = {
            name: torch.optim.Adam(
                network.parameters(), params.learning_rate, (params.beta1, params.beta2), foreach=True
            )
            for name, network in (("generator", self.generator), ("discriminator", self.discriminator))
        }
        self.adversarial_loss = ADVERSARIAL_LOSSES[params.loss]
        independent = residual or penalised  # no batch norm, so a sample's logit depends on that sample alone
        self.one_pass = params.one_pass and self.adversarial_loss.one_pass and independent
        automatic = DEFAULT_POLICIES if spec.count < params.augment_below else ()
        policies = automatic if params.augment is None else params.augment
        self.augment = AdaptiveAugmentation(policies, params.augment_target, params.augment_pictures)
        self.feature_extractor = (pretrained,)  # in a tuple, so that its weights are not taken for the learner's own
        self.selection_measure = ("kid", "min") if pretrained is not None else None

    @property
    def is_generator_step(self) -> bool:
        """Say whether the generator is updated in this step too."""
        return (self.steps_done + 1) % self.params.critic_steps == 0

    def prepare_batch(self, batch: Batch) -> Batch:
        """Return `images` ``(B, C, H, W)`` in [-1, 1], label rows, and noise."""
        images = batch["images"]
        noise = torch.randn(len(images), self.params.latent_dim, device=images.device)
        return {"images": images, "rows": label_rows(batch.get("labels"), self.classes, noise), "noise": noise}

    def accumulate_gradients(self, part: Batch, whole: Batch) -> Mapping[str, Tensor]:
        """Add the gradients of both networks to their weights; return the losses."""
        images, rows, share = part["images"], part["rows"], row_share(part, whole)
        with self.autocast(), torch.set_grad_enabled(self.is_generator_step):
            generated = self.generator(part["noise"], rows)
        backward = self._one_pass_step if self.one_pass else self._two_pass_step
        real, fake = backward(images, generated.float(), rows, share)
        losses = {
            **self.augment.adapt(self.adversarial_loss.margin(real, fake)),
            "generator": self.adversarial_loss.generator(real, fake).mean(),
            "discriminator": self.adversarial_loss.discriminator(real, fake).mean(),
            "d_real": real.mean(),
            "d_fake": fake.mean(),
        }
        losses = {name: share * loss for name, loss in losses.items()}
        return {**losses, "penalty": self._penalise(images, generated.detach().float(), rows, share)}

    def update_weights(self, rows: int) -> None:
        """Update the discriminator, and every `critic_steps` the generator and average."""
        self._step_optimiser("discriminator", self.discriminator)
        if self.is_generator_step:
            self._step_optimiser("generator", self.generator)
            decay = ema.compute_decay(rows, self.params.ema_halflife_pictures, self.steps_done * rows)
            ema.update(self.average, self.generator, decay)

    def discriminate(self, images: Tensor, rows: Tensor) -> Tensor:
        """Return the discriminator's logits ``(B,)`` of augmented pictures."""
        logits: Tensor = self.discriminator(self.augment(images), rows)
        return logits.float()

    def _one_pass_step(self, images: Tensor, generated: Tensor, rows: Tensor, share: float) -> tuple[Tensor, Tensor]:
        """Descend both losses; the gradient at generated pictures is the generator's."""
        with self.autocast():
            logits = self.discriminate(torch.cat([images, generated]), rows.repeat(2))
        real, fake = logits.chunk(2)
        if generated.requires_grad:
            ratio = gradient_ratio(self.adversarial_loss, real, fake)[:, None, None, None]
            generated.register_hook(lambda gradient: gradient * ratio)  # type: ignore[no-untyped-call]
        (share * self.adversarial_loss.discriminator(real, fake).mean()).backward()  # type: ignore[no-untyped-call]
        return real.detach(), fake.detach()

    def _two_pass_step(self, images: Tensor, generated: Tensor, rows: Tensor, share: float) -> tuple[Tensor, Tensor]:
        """Descend each network's loss on its own, both at the same weights."""
        with self.autocast():
            real, fake = self.discriminate(images, rows), self.discriminate(generated.detach(), rows)
        (share * self.adversarial_loss.discriminator(real, fake).mean()).backward()  # type: ignore[no-untyped-call]
        if generated.requires_grad:
            with self.autocast():
                fake_logits = self.discriminate(generated, rows)
            loss = share * self.adversarial_loss.generator(real.detach(), fake_logits).mean()
            loss.backward(inputs=list(self.generator.parameters()))  # type: ignore[no-untyped-call]
        return real.detach(), fake.detach()

    def _penalise(self, images: Tensor, generated: Tensor, rows: Tensor, share: float) -> Tensor:
        """Descend the penalties every few steps, weighted so that their mean is right."""
        p = self.params
        penalty = torch.zeros((), device=images.device)
        if self.steps_done % p.penalty_every_steps or not p.r1 + p.r2 + p.gradient_penalty:
            return penalty
        if p.r1 + p.r2:
            sides = [(pictures, gamma) for pictures, gamma in ((images, p.r1), (generated, p.r2)) if gamma]
            penalty = penalty + zero_centred_penalty(lambda x: self.discriminate(x, rows.repeat(len(sides))), sides)
        if p.gradient_penalty:
            penalised = gradient_penalty(lambda x: self.discriminate(x, rows), images, generated)
            penalty = penalty + p.gradient_penalty * penalised
        penalty = penalty * p.penalty_every_steps * share
        penalty.backward()  # type: ignore[no-untyped-call]
        return penalty.detach()

    def _step_optimiser(self, name: str, network: nn.Module) -> None:
        """Take the optimiser step of one network at the current learning rate."""
        p = self.params
        for group in self.optimisers[name].param_groups:
            group["lr"] = self.scheduled_rate(p.learning_rate, p.warmup_steps, p.final_rate)
        if p.gradient_clip_norm:
            nn.utils.clip_grad_norm_(network.parameters(), p.gradient_clip_norm)
        self.optimisers[name].step()

    @torch.no_grad()
    def sample(self, prompt: Prompt) -> Tensor:
        """Generate ``(N, C, H, W)`` in [-1, 1] with the moving average.

        It works in blocks that fit into memory.
        """
        device = next(self.parameters()).device
        noise = prompt.noise(self.params.latent_dim).to(device)
        return self._generate(noise, label_rows(requested_labels(prompt, self.classes).to(device), self.classes, noise))

    @property
    def noise_size(self) -> int:
        """Return the dimensions of the noise."""
        return self.params.latent_dim

    @torch.no_grad()
    def walk(self, noise: Tensor, mix: Tensor) -> Tensor:
        """Generate ``(N, C, H, W)`` at noise ``(N, Z)``, mixing ``(N, classes)`` shares."""
        none = mix.new_zeros(len(mix), 1)  # the last row is for works without a label
        return self._generate(noise, torch.cat([mix, none], 1) if self.classes else mix)

    def _generate(self, noise: Tensor, rows: Tensor) -> Tensor:
        blocks = zip(torch.split(noise, 256), torch.split(rows, 256), strict=True)
        return torch.cat([self.average(part, label_part).float() for part, label_part in blocks])

    def exhibit(self, prompt: Prompt) -> list[Exhibit]:
        """Generate one picture per seed, with its label in the caption."""
        labels = requested_labels(prompt, self.classes).tolist()
        titles = [requested_title(label, self.spec.classes) for label in labels]
        return [
            Exhibit("image", picture, title, seed=seed, label=None if label == UNLABELLED else label)
            for picture, title, seed, label in zip(self.sample(prompt), titles, prompt.seeds, labels, strict=True)
        ]

    @torch.no_grad()
    def validate(self, works: Batch) -> dict[str, float]:
        """Return the KID on the feature extractor's features, always from the same noise."""
        feature_extractor, count = self.feature_extractor[0], self.params.validation_samples
        if feature_extractor is None or len(works["images"]) < 2:  # noqa: PLR2004 (an unbiased estimate needs two)
            return {}
        labels = works["labels"].cpu()[torch.arange(count) % len(works["images"])] if "labels" in works else None
        generated = self.sample(Prompt(seeds=range(count), labels=labels))
        if isinstance(feature_extractor, nn.Module):
            feature_extractor.to(generated.device)
        real, fake = feature_extractor.features(works["images"]), feature_extractor.features(generated)
        return {"kid": kernel_distance(real, fake)}


MODEL = Model(reads=frozenset({"images", "labels"}), params=Params, build=GAN)
MODEL_INFO = ModelInfo(
    title="Generative adversarial network",
    export=Export(network="artpipe.export.networks.gan_painter:GanPainter"),
    nanoseconds_per_pixel=2200,
    evaluation_seconds=30.0,  # a film among it
    pretrained="checkpoint",
    new_datasets=NewDatasets(
        least_works=1000,
        size=64,
        sizes=(8, 128),
        promise="new pictures out of noise, by two networks against each other",
    ),
    starting_params={
        "steps": 2400,
        "batch_size": 16,
        "generator_width": 64,
        "discriminator_width": 48,
        "least_width": 24,
        "learning_rate": 0.0005,
        "warmup_steps": 100,
        "r1": 1.0,
        "r2": 1.0,
        "augment": ["flip", "translation"],
    },
    acronyms=("ema", "kid", "r1", "r2"),
    presets={
        "long": Budget(steps_factor=3),
        "gpu": Budget(steps_factor=4, at_least={"batch_size": 64, "generator_width": 96, "discriminator_width": 96}),
    },
)
