"""Classifier: what a picture shows, with calibrated probabilities and Grad-CAM.

Its features and logits also measure other models.

It is trained on degraded pictures, so that it can judge a generator's dirty ones. Without labels it learns by how many
quarter turns a picture was rotated (Gidaris et al. 2018), which gives features all the same.
"""

import math
from collections.abc import Iterator, Mapping
from itertools import pairwise

import torch
from pydantic import Field
from torch import Tensor, nn
from torch.nn import functional as F

from artpipe.artifacts.shards import Spec
from artpipe.config.params import Positive, Share, TrainParams
from artpipe.contracts.microbatched import MicroBatchedLearner, row_share
from artpipe.contracts.model import Batch, Exhibit, Model, Prompt
from artpipe.contracts.plugin_info import Budget, Export, ModelInfo, NewDatasets, WallText
from artpipe.language.message import Message
from artpipe.modalities.picture.captions import UNTITLED
from artpipe.nn.classifier.calibration import expected_calibration_error, fit_temperature, negative_log_likelihood
from artpipe.nn.classifier.degradations import erase_rectangle, make_dirty, warp
from artpipe.nn.classifier.grad_cam import grad_cam, overlay_heat
from artpipe.nn.classifier.rotation_pretext import ROTATIONS, rotate_quarters
from artpipe.nn.layers.batching import split_rows


class Params(TrainParams):
    """Parameters of a classifier.

    Strengths of degradations are the largest ones; 0 switches one off.
    """

    batch_size: Positive = 128
    width: Positive = 32  # channels of the stem; each halving doubles them up to `max_width`
    max_width: Positive = 128  # the number of features
    dropout: float = Field(default=0.1, ge=0, lt=1)
    learning_rate: float = Field(default=3.0e-3, gt=0)
    warmup_steps: int = Field(default=100, ge=0)
    weight_decay: float = Field(default=0.02, ge=0)
    label_smoothing: float = Field(default=0.0, ge=0, lt=1)
    shift: Share = 0.07  # of the side
    degrees: float = Field(default=8.0, ge=0, le=180)
    zoom: float = Field(default=0.08, ge=0, lt=1)
    flip: bool = False
    noise_std: float = Field(default=0.4, ge=0)  # on the [-1, 1] scale
    grey: Share = 0.4
    blur: Share = 1.0
    erase: Share = 0.3  # of the side
    failures: int = Field(default=8, ge=0)  # most confident mistakes shown
    explanations: Positive = 24  # the most works explained, however many seeds there are
    panel_pixels: Positive = 112  # explanations are enlarged to at least this side


def count_halvings(side: int) -> int:
    """Return how often a side is halved, so that the last maps measure 4 to 13 pixels.

    That is fine enough to point at a place.
    """
    return max(1, int(math.log2(side / 7)))


class Classifier(MicroBatchedLearner[Params]):
    """A convolutional classifier with a stride-2 stem and one linear layer.

    The features are the mean over places, of unit variance per picture.
    """

    selection_measure = ("nll", "min")
    temperature: Tensor

    def __init__(self, params: Params, spec: Spec, pretrained: object = None) -> None:
        super().__init__(params, spec)
        del pretrained
        self.classes = spec.classes or ROTATIONS
        depth = count_halvings(min(spec.height, spec.width))
        widths = [min(params.width * 2**i, params.max_width) for i in range(depth)] + [params.max_width]
        self.trunk = nn.Sequential(*_build_layers(spec.channels, widths))
        self.head = nn.Linear(params.max_width, len(self.classes))
        self.register_buffer("temperature", torch.ones(()))
        self.to(memory_format=torch.channels_last)
        decayed = [p for p in self.parameters() if p.ndim > 1]
        others = [p for p in self.parameters() if p.ndim <= 1]
        groups = [{"params": decayed, "weight_decay": params.weight_decay}, {"params": others, "weight_decay": 0.0}]
        self.optimisers = {"classifier": torch.optim.AdamW(groups, lr=params.learning_rate, fused=True)}

    def prepare_batch(self, batch: Batch) -> Batch:
        """Return the labelled works, degraded."""
        images, labels = self._select_labelled(batch)
        with self.autocast():
            return {"images": self._degrade(images) if len(images) else images, "labels": labels}

    def accumulate_gradients(self, part: Batch, whole: Batch) -> Mapping[str, Tensor]:
        """Descend the cross-entropy (nats); a batch without a label changes nothing."""
        images, labels, share = part["images"], part["labels"], row_share(part, whole)
        if not len(images):
            return {"loss": torch.zeros(()), "accuracy": torch.zeros(())}
        with self.autocast():
            features = self._pool(self.trunk(images))
            logits = self.head(F.dropout(features, self.params.dropout))
        loss = share * F.cross_entropy(logits.float(), labels, label_smoothing=self.params.label_smoothing)
        loss.backward()  # type: ignore[no-untyped-call]
        return {"loss": loss.detach(), "accuracy": share * (logits.argmax(1) == labels).float().mean()}

    def update_weights(self, rows: int) -> None:
        """Take the optimiser's step; without a gradient it moves nothing."""
        del rows
        optimiser = self.optimisers["classifier"]
        for group in optimiser.param_groups:
            group["lr"] = self.scheduled_rate(self.params.learning_rate, self.params.warmup_steps, final_share=0.01)
        optimiser.step()

    def features(self, images: Tensor) -> Tensor:
        """Return ``(N, F)``, each row of mean 0 and variance 1.

        They are bounded, so no odd picture outweighs the others.
        """
        return torch.cat([self._pool(self.trunk(part)) for part in split_rows(images)])

    def logits(self, images: Tensor) -> Tensor:
        """Return ``(N, K)``; their softmax is calibrated on the validation works."""
        return self._logits(self.features(images))

    @torch.no_grad()
    def validate(self, works: Batch) -> dict[str, float]:
        """Return accuracy, nll and ece; fit the temperature first while training."""
        images, labels = self._select_labelled(works, in_turn=True)
        if not len(images):
            return {}
        raw = self.head(self.features(images))
        if self.head.weight.requires_grad:
            self.temperature.fill_(fit_temperature(raw, labels))
        logits = raw / self.temperature
        return {
            "accuracy": (logits.argmax(1) == labels).double().mean().item(),
            "nll": negative_log_likelihood(logits, labels),
            "ece": expected_calibration_error(logits.softmax(1), labels),
        }

    @torch.no_grad()
    def exhibit(self, prompt: Prompt) -> list[Exhibit]:
        """Explain as many of the prompt's works as there are seeds, and show failures.

        Works are taken class by class; failures are the most confident mistakes.
        """
        images, labels, digests = self._select_works(prompt.works)
        if not len(images):
            return []
        confidence, predictions = self.logits(images).softmax(1).max(1)
        wrong = ((labels >= 0) & (predictions != labels)).nonzero().flatten()
        worst = wrong[confidence[wrong].argsort(descending=True, stable=True)][: self.params.failures].tolist()
        count = min(len(prompt.seeds), self.params.explanations)
        chosen = [(i, "explanation") for i in _interleave_classes(labels)[:count]] + [(i, "failure") for i in worst]
        rows = torch.tensor([i for i, _ in chosen])
        panels = self._make_panels(images[rows], predictions[rows])
        return [
            Exhibit(
                kind="image",
                data=panel,
                caption=self._caption(int(predictions[i]), int(labels[i]), float(confidence[i])),
                role=role,
                label=int(labels[i]) if labels[i] >= 0 else None,
                digests=digests[i : i + 1],
            )
            for (i, role), panel in zip(chosen, panels, strict=True)
        ]

    def _logits(self, features: Tensor) -> Tensor:
        return torch.as_tensor(self.head(features) / self.temperature)

    def _pool(self, maps: Tensor) -> Tensor:
        return F.layer_norm(maps.float().mean((2, 3)), (maps.shape[1],), eps=1e-8)

    def _make_panels(self, images: Tensor, classes: Tensor) -> Tensor:
        """Return ``(N, 3, S, 2 S)``: each picture beside its Grad-CAM overlay."""
        heat = grad_cam(lambda maps: self._logits(self._pool(maps)), self.trunk(images), classes)
        factor = -(-self.params.panel_pixels // min(images.shape[2:]))
        large = images.repeat_interleave(factor, 2).repeat_interleave(factor, 3)
        return torch.cat([large.expand(-1, 3, -1, -1), overlay_heat(large, heat)], 3)

    def _caption(self, predicted: int, label: int, certainty: float) -> Message:
        truth = UNTITLED if label < 0 else self.classes[label]
        if predicted == label:
            return Message(code="recognised", values={"truth": truth, "certainty": certainty})
        return Message(
            code="taken_for", values={"truth": truth, "predicted": self.classes[predicted], "certainty": certainty}
        )

    def _select_labelled(self, batch: Batch, *, in_turn: bool = False) -> tuple[Tensor, Tensor]:
        """Return the works that have a label.

        Where there are no classes, return all works with quarter turns, at random or one after the other.
        """
        images = batch.get("images", torch.empty(0))
        if not self.spec.classes and len(images):
            turns = torch.arange(len(images)) % 4 if in_turn else torch.randint(4, (len(images),))
            return rotate_quarters(images, turns.to(images.device))
        labels = batch.get("labels", torch.full((len(images),), -1))
        rows = (labels >= 0).nonzero().flatten()
        return images[rows], labels[rows]

    def _select_works(self, works: Batch) -> tuple[Tensor, Tensor, tuple[str, ...]]:
        images = works.get("images", torch.empty(0))
        labels = works.get("labels", torch.full((len(images),), -1))
        if not self.spec.classes and len(images):
            images, labels = rotate_quarters(images, torch.arange(len(images), device=images.device) % 4)
        rows = works["digests"].tolist() if "digests" in works else []
        return images, labels, tuple(bytes(row).hex() for row in rows)

    def _degrade(self, images: Tensor) -> Tensor:
        p = self.params
        images = warp(images, shift=p.shift, degrees=p.degrees, zoom=p.zoom, flip=p.flip)
        images = erase_rectangle(make_dirty(images, noise_std=p.noise_std, grey=p.grey, blur=p.blur), largest=p.erase)
        return images.contiguous(memory_format=torch.channels_last)


def _build_layers(channels: int, widths: list[int]) -> Iterator[nn.Module]:
    yield from _build_convolution(channels, widths[0], 5, stride=2)
    for inputs, outputs in pairwise(widths[:-1]):
        yield from _build_convolution(inputs, outputs, 3, stride=2)
    yield from _build_convolution(widths[-2], widths[-1], 3, stride=1)


def _build_convolution(inputs: int, outputs: int, size: int, *, stride: int) -> Iterator[nn.Module]:
    yield nn.Conv2d(inputs, outputs, size, stride, padding=size // 2, bias=False)
    yield nn.BatchNorm2d(outputs)
    yield nn.ReLU(inplace=True)


def _interleave_classes(labels: Tensor) -> list[int]:
    """Return all indices, one of each class in turn.

    So the first few show as many classes as there are.
    """
    counts: dict[int, int] = {}
    order = []
    for i, label in enumerate(labels.tolist()):
        order.append((counts.get(label, 0), label, i))
        counts[label] = counts.get(label, 0) + 1
    return [i for _, _, i in sorted(order)]


MODEL = Model(reads=frozenset({"images", "labels"}), params=Params, build=Classifier)
MODEL_INFO = ModelInfo(
    title="Classifier",
    export=Export(network="artpipe.export.networks.picture_classifier:PictureClassifier"),
    hub_task="image-classification",
    nanoseconds_per_pixel=800,
    evaluation_seconds=3.0,
    default_batch_size=128,
    appeal=0.8,  # it makes no works, it only reads them
    new_datasets=NewDatasets(
        least_works=1000, size=64, sizes=(8, 128), promise="tells the classes apart, and measures the others"
    ),
    starting_params={"steps": 300, "batch_size": 32},
    wall_texts={
        "explanation": WallText(heading="Explanations", note="Where the model looked to decide.", given=True),
        "failure": WallText(heading="Failures", note="Shown because it was wrong."),
    },
    presets={
        "long": Budget(steps_factor=2),
        "gpu": Budget(steps_factor=3, at_least={"batch_size": 128, "width": 48, "max_width": 192}),
    },
)
