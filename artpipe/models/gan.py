"""Generative adversarial network (Goodfellow et al. 2014): two players, one who paints and one who judges."""

from collections.abc import Mapping
from typing import Annotated, Literal

import torch
from pydantic import Field, model_validator
from torch import Tensor, nn

from artpipe.artifacts.shards import UNLABELLED, Spec
from artpipe.config.params import Positive, Share, TrainParams
from artpipe.contracts.microbatched import Divisible, portion
from artpipe.contracts.model import Batch, Exhibit, FeatureExtractor, Model, Prompt
from artpipe.contracts.plugin_info import ModelInfo
from artpipe.modalities.picture.captions import UNTITLED, asked_for
from artpipe.nn.gan.diff_augment import AUTOMATIC, Augment, Policy
from artpipe.nn.gan.label_rows import asked_labels, label_rows
from artpipe.nn.gan.losses import GAMES, gradient_penalty, gradient_ratio, with_presets, zero_centred_penalty
from artpipe.nn.gan.networks import ClassicDiscriminator, ClassicGenerator, ResidualDiscriminator, ResidualGenerator
from artpipe.nn.layers import ema
from artpipe.numerics.kernel_distance import kernel_distance

AtLeastZero = Annotated[float, Field(ge=0)]


class Params(TrainParams):
    """Two networks, a loss and its regularisers; `dcgan` and `wasserstein` bring the numbers of their papers."""

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
    r2: AtLeastZero = 0.5  # the same at painted ones
    gradient_penalty: AtLeastZero = 0.0
    penalty_every_steps: Positive = 4
    one_pass: bool = True  # one pass through the discriminator for both players, where it gives the same gradients
    learning_rate: float = Field(default=1.0e-3, gt=0)
    final_rate: Share = 0.05  # of `learning_rate`, at the end of a cosine
    warmup_steps: int = Field(default=0, ge=0)
    beta1: Share = 0.0
    beta2: Share = 0.99
    gradient_clip_norm: AtLeastZero = 0.0  # of each player's gradient; 0: not clipped
    ema_halflife_pictures: AtLeastZero = 20_000.0
    augment: tuple[Policy, ...] | None = None  # not given: all but `flip` below `augment_below` works
    augment_below: int = Field(default=10_000, ge=0)
    augment_target: Share = 0.0  # mean sign of right judgements of real works, above which more is augmented; 0: all is
    augment_pictures: Positive = 100_000  # from none augmented to all, at the fastest
    validation_samples: int = Field(default=1000, ge=2)

    _presets = model_validator(mode="before")(with_presets)


class GAN(Divisible[Params]):
    """A generator against a discriminator; what is shown and scored is the generator's moving average."""

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
            self.generator = ClassicGenerator(params, spec)
            self.discriminator = ClassicDiscriminator(params, spec, norm=not penalised)
        self.to(memory_format=torch.channels_last)  # several times the speed of oneDNN's small convolutions
        self.average = ema.averaged_copy(self.generator)
        self.optimisers = {
            name: torch.optim.Adam(
                player.parameters(), params.learning_rate, (params.beta1, params.beta2), foreach=True
            )
            for name, player in (("generator", self.generator), ("discriminator", self.discriminator))
        }
        self.game = GAMES[params.loss]
        alone = residual or penalised  # no batch norm, so a sample's logit depends on that sample alone
        self.one_pass = params.one_pass and self.game.one_pass and alone
        automatic = AUTOMATIC if spec.count < params.augment_below else ()
        policies = automatic if params.augment is None else params.augment
        self.augment = Augment(policies, params.augment_target, params.augment_pictures)
        self.feature_extractor = (pretrained,)  # in a tuple, so that its weights are not taken for the learner's own
        self.selects = ("kid", "min") if pretrained is not None else None

    @property
    def painting(self) -> bool:
        """Say whether the generator moves in this step too."""
        return (self.steps_done + 1) % self.params.critic_steps == 0

    def draw(self, batch: Batch) -> Batch:
        """Return `images` ``(B, C, H, W)`` in [-1, 1], rows of the label tables, and noise to paint from."""
        images = batch["images"]
        noise = torch.randn(len(images), self.params.latent_dim, device=images.device)
        return {"images": images, "rows": label_rows(batch.get("labels"), self.classes, noise), "noise": noise}

    def learn(self, part: Batch, whole: Batch) -> Mapping[str, Tensor]:
        """Add both players' gradients to their weights and return the losses."""
        images, rows, share = part["images"], part["rows"], portion(part, whole)
        with self.autocast(), torch.set_grad_enabled(self.painting):
            painted = self.generator(part["noise"], rows)
        play = self._one_pass if self.one_pass else self._two_passes
        real, fake = play(images, painted.float(), rows, share)
        losses = {
            **self.augment.adapt(self.game.margin(real, fake)),
            "generator": self.game.generator(real, fake).mean(),
            "discriminator": self.game.discriminator(real, fake).mean(),
            "d_real": real.mean(),
            "d_fake": fake.mean(),
        }
        losses = {name: share * loss for name, loss in losses.items()}
        return {**losses, "penalty": self._penalise(images, painted.detach().float(), rows, share)}

    def move(self, rows: int) -> None:
        """Move the discriminator, and every `critic_steps` the generator with its average."""
        self._move("discriminator", self.discriminator)
        if self.painting:
            self._move("generator", self.generator)
            kept = ema.decay(rows, self.params.ema_halflife_pictures, self.steps_done * rows)
            ema.update(self.average, self.generator, kept)

    def judge(self, images: Tensor, rows: Tensor) -> Tensor:
        """Return the discriminator's logits ``(B,)`` of augmented pictures."""
        logits: Tensor = self.discriminator(self.augment(images), rows)
        return logits.float()

    def _one_pass(self, images: Tensor, painted: Tensor, rows: Tensor, share: float) -> tuple[Tensor, Tensor]:
        """Descend the discriminator's loss; on its way into a painted picture the gradient becomes the generator's."""
        with self.autocast():
            logits = self.judge(torch.cat([images, painted]), rows.repeat(2))
        real, fake = logits.chunk(2)
        if painted.requires_grad:
            ratio = gradient_ratio(self.game, real, fake)[:, None, None, None]
            painted.register_hook(lambda gradient: gradient * ratio)  # type: ignore[no-untyped-call]
        (share * self.game.discriminator(real, fake).mean()).backward()  # type: ignore[no-untyped-call]
        return real.detach(), fake.detach()

    def _two_passes(self, images: Tensor, painted: Tensor, rows: Tensor, share: float) -> tuple[Tensor, Tensor]:
        """Descend each player's loss on its own, both at the same weights."""
        with self.autocast():
            real, fake = self.judge(images, rows), self.judge(painted.detach(), rows)
        (share * self.game.discriminator(real, fake).mean()).backward()  # type: ignore[no-untyped-call]
        if painted.requires_grad:
            with self.autocast():
                again = self.judge(painted, rows)
            loss = share * self.game.generator(real.detach(), again).mean()
            loss.backward(inputs=list(self.generator.parameters()))  # type: ignore[no-untyped-call]
        return real.detach(), fake.detach()

    def _penalise(self, images: Tensor, painted: Tensor, rows: Tensor, share: float) -> Tensor:
        """Descend the regularisers every few steps, that much heavier; in between the penalty is 0, so its mean is right."""
        p = self.params
        penalty = torch.zeros((), device=images.device)
        if self.steps_done % p.penalty_every_steps or not p.r1 + p.r2 + p.gradient_penalty:
            return penalty
        if p.r1 + p.r2:
            sides = [(pictures, gamma) for pictures, gamma in ((images, p.r1), (painted, p.r2)) if gamma]
            penalty = penalty + zero_centred_penalty(lambda x: self.judge(x, rows.repeat(len(sides))), sides)
        if p.gradient_penalty:
            penalty = penalty + p.gradient_penalty * gradient_penalty(lambda x: self.judge(x, rows), images, painted)
        penalty = penalty * p.penalty_every_steps * share
        penalty.backward()  # type: ignore[no-untyped-call]
        return penalty.detach()

    def _move(self, name: str, player: nn.Module) -> None:
        """Take the player's optimiser step at this moment's rate."""
        p = self.params
        for group in self.optimisers[name].param_groups:
            group["lr"] = self.rate(p.learning_rate, p.warmup_steps, p.final_rate)
        if p.gradient_clip_norm:
            nn.utils.clip_grad_norm_(player.parameters(), p.gradient_clip_norm)
        self.optimisers[name].step()

    @torch.no_grad()
    def sample(self, prompt: Prompt) -> Tensor:
        """Paint ``(N, C, H, W)`` in [-1, 1] with the moving average, in blocks that fit into memory."""
        device = next(self.parameters()).device
        noise = prompt.noise(self.params.latent_dim).to(device)
        return self._painted(noise, label_rows(asked_labels(prompt, self.classes).to(device), self.classes, noise))

    @property
    def codes(self) -> int:
        """Return the dimensions of the noise."""
        return self.params.latent_dim

    @torch.no_grad()
    def walk(self, noise: Tensor, mix: Tensor) -> Tensor:
        """Paint ``(N, C, H, W)`` at noise ``(N, Z)``, asked for shares ``(N, classes)`` of each class."""
        none = mix.new_zeros(len(mix), 1)  # the last row is for works without a label
        return self._painted(noise, torch.cat([mix, none], 1) if self.classes else mix)

    def _painted(self, noise: Tensor, rows: Tensor) -> Tensor:
        blocks = zip(torch.split(noise, 256), torch.split(rows, 256), strict=True)
        return torch.cat([self.average(part, asked).float() for part, asked in blocks])

    def exhibit(self, prompt: Prompt) -> list[Exhibit]:
        """Make one picture per seed, with what was asked in its caption."""
        labels = asked_labels(prompt, self.classes).tolist()
        return [
            Exhibit("image", picture, self._caption(label), seed=seed, label=None if label == UNLABELLED else label)
            for picture, seed, label in zip(self.sample(prompt), prompt.seeds, labels, strict=True)
        ]

    def _caption(self, label: int) -> str:
        return UNTITLED if label == UNLABELLED else asked_for(self.spec.classes[label])

    @torch.no_grad()
    def validate(self, works: Batch) -> dict[str, float]:
        """Measure KID on the feature extractor's features, always from the same noise, asked what the works are."""
        feature_extractor, count = self.feature_extractor[0], self.params.validation_samples
        if feature_extractor is None or len(works["images"]) < 2:  # noqa: PLR2004 (an unbiased estimate needs two)
            return {}
        labels = works["labels"].cpu()[torch.arange(count) % len(works["images"])] if "labels" in works else None
        painted = self.sample(Prompt(seeds=range(count), labels=labels))
        if isinstance(feature_extractor, nn.Module):
            feature_extractor.to(painted.device)
        return {
            "kid": kernel_distance(feature_extractor.features(works["images"]), feature_extractor.features(painted))
        }


MODEL = Model(reads=frozenset({"images", "labels"}), params=Params, build=GAN)
MODEL_INFO = ModelInfo(
    title="Generative adversarial network",
    nanoseconds_per_pixel=1070,
    pretrained="checkpoint",
    in_new_datasets=True,
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
)
