"""params.yaml as typed, frozen models; a mistake is one line with its place."""

import re
from collections.abc import Mapping
from functools import lru_cache
from pathlib import Path
from typing import Annotated, Any, Literal, Self, TypeVar

from pydantic import BaseModel, ConfigDict, Field, StringConstraints, ValidationError, model_validator

from artpipe.config.encoding_names import EncodingName
from artpipe.config.energy_params import EnergyParams
from artpipe.config.parameter_names import read_format
from artpipe.config.safe_yaml import parse_yaml
from artpipe.config.secret_scan import refuse_secrets
from artpipe.config.validation_message import describe_first_mistake
from artpipe.config.verdict_bounds import VerdictBounds
from artpipe.config.web_address import ReachableWebFolder, WebFolder
from artpipe.errors import UserError, did_you_mean
from artpipe.system.plain_text import to_printable

MINIMUM_WORKS = 8  # three splits, none of them empty, the largest for training
FORMAT = 2
NAME_PATTERN = re.compile(r"[a-z0-9][a-z0-9-]{0,99}")
LanguageCode = Annotated[str, StringConstraints(pattern=r"^[a-z]{2,3}(-[a-z0-9]{2,8})*$")]
Positive = Annotated[int, Field(gt=0, lt=2**63)]
Share = Annotated[float, Field(ge=0, le=1)]
HashStart = Annotated[str, Field(pattern=r"^[0-9a-f]{16}$")]  # the first digits of a SHA-256
ModelT = TypeVar("ModelT", bound=BaseModel)


class Frozen(BaseModel):
    """Base of everything read from or written to disk: immutable, and no unknown key."""

    model_config = ConfigDict(frozen=True, extra="forbid", protected_namespaces=())


class Settings(Frozen):
    """Base of what a person sets: its numbers are finite."""

    model_config = ConfigDict(allow_inf_nan=False)


class About(Frozen):
    """What a dataset is and to whom its works belong; it never reaches training."""

    title: str = ""
    creator: str = "unknown"
    licence: str = "unknown"
    origin: str = "unknown"
    description: str = ""


class IngestParams(Settings):
    """What ingest accepts."""

    classes: Literal["auto", "folders", "metadata", "none"] = "auto"  # auto: what metadata say, else the folders
    splits: Literal["keep", "ignore"] = "keep"  # those of folders and metadata
    captions: Literal["keep", "titles", "ignore"] = "keep"  # titles: a title is the caption of a work without one
    separator: str = ""  # between the works of one text file, such as "\n\n"; empty: a file is a work
    encoding: EncodingName = ""  # of texts that are neither UTF-8 nor marked, such as gb18030; empty: detected
    voices: int = Field(
        default=4, ge=0, le=8
    )  # of a score, others are quarantined; 0: chords, whatever sounds together
    names: EncodingName = (
        ""  # encoding of an archive's names and of tables that are not in UTF-8, such as gbk; empty: guessed
    )
    near_duplicates: Literal["keep", "quarantine"] = "keep"
    near_duplicate_bits: int = Field(default=3, ge=0, le=3)  # of the 64 bits of the perceptual hash
    max_megapixels: float = Field(default=32.0, gt=0)
    max_megabytes: float = Field(default=256.0, gt=0)  # of one file
    max_works: Positive | None = None
    withdrawn: tuple[HashStart, ...] = ()  # works that it held; `artpipe forget` took them out, and writes this
    max_archive_gigabytes: float = Field(default=64.0, gt=0)  # unpacked; what is beyond is a bomb, as with the next two
    max_archive_entries: Positive = 1_000_000
    max_archive_ratio: float = Field(default=200.0, gt=1)  # unpacked to packed
    decode_seconds: float = Field(default=10.0, gt=0)  # of CPU time for one file; four times that for a kept work
    decode_megabytes: Positive = 960  # of memory for one file, beside the interpreter's 40: enough for `max_megapixels`


class SplitParams(Settings):
    """Base of every medium's parameters: the shares of held-out works."""

    validation: Share = 0.05
    test: Share = 0.1  # not used where the dataset brings an official split

    @model_validator(mode="after")
    def _require_training_share(self) -> Self:
        if self.validation + self.test >= 1:
            message = f"validation {self.validation:g} and test {self.test:g} leave no works to train on"
            raise ValueError(message)
        return self


class DatasetEntry(Frozen):
    """One dataset; `preprocess` stays raw, because only its medium knows it."""

    medium: str  # picture, text ...: a package in artpipe/modalities
    source: str
    path: str
    about: About
    ingest: IngestParams
    preprocess: dict[str, Any]


class WeightsEntry(Frozen):
    """Trained weights of a network that measures pictures; a file or a pin card."""

    path: str
    network: str = "vgg16"  # a file of `extractors/`
    sha256: str | None = Field(default=None, pattern=r"^[0-9a-f]{64}$")  # of a file; a pin card has its own
    download: bool = False  # from torchvision's server, where a network is there; `path` is used where none is


class TrainParams(Settings):
    """What every model kind has; a kind's own `Params` extends it.

    `pretrained` is a path the training may read besides its shards (a checkpoint, weights); `feature_extractor` names
    the classifier whose features measure this model. DVC's templates want a value of both, so where there is nothing
    else `artpipe model add` writes the dataset's shards and the model itself.
    """

    kind: str
    dataset: str
    pretrained: str
    feature_extractor: str
    steps: Positive = 1000  # optimiser steps
    batch_size: Positive = 64
    evaluate_every_steps: Positive = 250
    save_every_seconds: float = Field(default=30.0, gt=0)  # resumable state
    log_every_steps: Positive = 10
    threads: Positive = 1
    ranks: Positive = 1  # processes that share every batch (torchrun): one per GPU; part of the result
    device: Literal["auto", "cpu", "cuda"] = "auto"
    precision: Literal["auto", "fp32", "bf16"] = "auto"
    validation_works: Positive = 2000  # held-out works that validation measures on, at most
    patience: int = Field(default=0, ge=0)  # evaluation points without a better one after which training ends; 0: never
    rollbacks: int = Field(default=3, ge=0)  # returns to the last good state, each at half the rate
    explosion: float = Field(default=1000.0, gt=1)  # a mean loss this many times its largest so far is divergence


class WalkParams(Settings):
    """The film of a generative model: a loop through its codes in even steps."""

    seconds: float = Field(default=16.0, ge=0, le=120)  # 0: no film
    fps: int = Field(default=24, ge=1, le=60)
    anchors: int = Field(default=10, ge=3, le=100)  # works it passes through
    truncation: float = Field(default=0.85, gt=0, le=2)  # of the noise's length; less is nearer to the usual
    side: int = Field(default=448, ge=16, le=4096)  # pixels of the longer side, reached by whole factors
    forms: tuple[Literal["mp4", "webm"], ...] = Field(default=("mp4", "webm"), min_length=1)  # some browsers play one
    rounds: int = Field(default=10, ge=1, le=100)  # in which the steps are evened out, at most
    evenness: float = Field(default=1.05, ge=1)  # largest step by the mean one that is even enough


class EvaluationParams(Settings):
    """How models are measured and how many works of a model are shown."""

    metrics: tuple[str, ...]
    samples: Positive = 2000  # scored; the first `exhibits` of them are shown
    reference: Positive = 2000  # held-out works compared with
    sequences: Positive = 96  # texts or pieces of music written and scored; the first `exhibits` of them are shown
    exhibits: Positive = 24  # samples, and works of each other role, in a report
    batch_size: Positive = 500  # pictures painted or measured at once
    neighbours: Positive = 4  # nearest training works shown with an exhibit
    pairs: Positive = 8  # pairs of a sample and its nearest training work shown for the model
    thumbnail: Positive = 128  # longer side of a training work in a report, in pixels
    extractors: tuple[str, ...] = ()  # entries of `weights` that measure colour pictures, the one that decides first
    extractor_pictures: Positive = 300  # samples, and held-out works, that such a network measures
    coverage_neighbours: Positive = 5  # k of precision, recall, density and coverage
    spread_subsets: Positive = 40  # random halves by which intervals are told
    calibration_bins: Positive = 15  # of the expected calibration error
    ms_ssim_pairs: Positive = 200  # of samples, and of held-out works, that MS-SSIM compares
    lpips_pairs: Positive = 32  # the same of LPIPS, which takes a tenth of a second for each pair
    importance_samples: Positive = 50  # of the importance-weighted bound; 1000 is what papers quote
    importance_works: Positive = 200  # held-out works it is measured on
    # Of the script with which a visitor's browser paints as the model does; weights lose digits until it fits. 0: none.
    live_kilobytes: int = Field(default=1000, ge=0)
    walk: WalkParams = WalkParams()
    verdicts: VerdictBounds = VerdictBounds()


class GalleryParams(Frozen):
    """What the gallery shows and how it looks."""

    title: str = "artpipe"
    subtitle: str = ""
    titles: dict[str, str] = Field(default_factory=dict)  # of models, by name; here, so that a title retrains nothing
    energy: EnergyParams = EnergyParams()  # shown with each training; here, so that other watts retrain nothing
    theme: str = "museum"
    language: LanguageCode = "en"
    languages: tuple[LanguageCode, ...] = ()  # in which its pages are to be read, a switch on each
    base_url: WebFolder = ""  # where the gallery is published, such as https://example.org/art/; empty: nowhere
    mlflow_url: ReachableWebFolder = ""  # of the MLflow whose runs its pages lead to; empty: none
    labels: tuple[Literal["eu", "cn", "us-ca"], ...] = ("eu",)  # of what models made, by law: docs/labels.md
    publisher: str = ""  # who answers for the works, in their labels; empty: the title
    require_licence: bool = False  # refuse works whose licence is unknown or forbids derivatives: docs/credentials.md
    credentials: bool = True  # sign what is offered to take away (C2PA): docs/credentials.md
    sections: tuple[str, ...]


class Params(Frozen):
    """The whole of params.yaml; only its kind knows a model entry, which stays raw."""

    format: Literal[2]
    seed: int = Field(ge=0, lt=2**31)
    datasets: dict[str, DatasetEntry]
    weights: dict[str, WeightsEntry] = Field(default_factory=dict)
    models: dict[str, dict[str, Any]]
    evaluation: EvaluationParams
    gallery: GalleryParams

    @model_validator(mode="after")
    def _check_names(self) -> Self:
        for section, entries in (("datasets", self.datasets), ("weights", self.weights), ("models", self.models)):
            for name in entries:
                if not NAME_PATTERN.fullmatch(name):
                    place = f"`{section}.{to_printable(name[:120])}`"
                    message = f"{place}: a name is lower-case letters, digits and `-`, at most 100"
                    raise ValueError(message)
        return self

    def dataset(self, name: str) -> DatasetEntry:
        """Return the entry of a dataset.

        Raises:
            UserError: there is none of that name.
        """
        if name not in self.datasets:
            raise UserError(f"params.yaml: no dataset `{name}`{did_you_mean(name, self.datasets)}")
        return self.datasets[name]

    def model(self, name: str) -> Mapping[str, Any]:
        """Return the raw entry of a model.

        `validate_as` with its kind's Params makes it typed.

        Raises:
            UserError: there is none of that name.
        """
        if name not in self.models:
            raise UserError(f"params.yaml: no model `{name}`{did_you_mean(name, self.models)}")
        return self.models[name]


def read_yaml(path: Path) -> Any:
    """Read one YAML file (YAML 1.2, no tags) into plain Python.

    Raises:
        UserError: missing, unreadable or not YAML; the message has file, line and column.
    """
    return parse_yaml(_read_text(path), str(path))


def _read_text(path: Path) -> str:
    try:
        return path.read_text(encoding="utf-8")
    except FileNotFoundError:
        raise UserError(f"{path}: no such file; run artpipe in the folder that has params.yaml") from None
    except (OSError, UnicodeDecodeError) as error:
        raise UserError(f"{path}: cannot be read: {error}") from None


def validate_as(model: type[ModelT], value: Any, *, file: str, place: str = "") -> ModelT:
    """Validate `value` as `model`.

    Raises:
        UserError: one line with the first mistake: file, dotted place, what was found, what was expected.
    """
    try:
        return model.model_validate(value)
    except ValidationError as error:
        raise UserError(describe_first_mistake(model, error, file, place)) from None


def load_params(path: Path = Path("params.yaml")) -> Params:
    """Read and validate params.yaml; the same text is validated once.

    Raises:
        UserError: see `read_yaml`, `refuse_secrets` and `validate_as`.
    """
    return parse_params(_read_text(path), str(path))


@lru_cache(maxsize=4)
def parse_params(text: str, file: str = "params.yaml") -> Params:
    """Validate the text of params.yaml; see `load_params`."""
    content = parse_yaml(text, file)
    refuse_secrets(content, file)  # first: a message about a mistake quotes the value
    if read_format(content) == 1:
        raise UserError(f"{file}: of `format: 1`, with older names; `artpipe upgrade` renames them, --plan says which")
    return validate_as(Params, content, file=file)
