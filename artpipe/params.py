"""params.yaml as typed, frozen, extra-forbidding models; a mistake is one line with its place and the nearest name."""

import re
from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any, Literal, Self, TypeVar

from pydantic import BaseModel, ConfigDict, Field, ValidationError, model_validator
from ruamel.yaml import YAML
from ruamel.yaml.error import YAMLError

from artpipe.errors import UserError, did_you_mean

FORMAT = 1
NAME = re.compile(r"[a-z0-9][a-z0-9-]*")

Positive = Annotated[int, Field(gt=0)]
Share = Annotated[float, Field(ge=0, le=1)]
ModelT = TypeVar("ModelT", bound=BaseModel)


class Frozen(BaseModel):
    """Base of everything read from or written to disk: immutable, and no unknown key."""

    model_config = ConfigDict(frozen=True, extra="forbid", protected_namespaces=())


class About(Frozen):
    """What a dataset is and to whom its works belong; it reaches the gallery through the record, never the training."""

    title: str = ""
    creator: str = "unknown"
    licence: str = "unknown"
    origin: str = "unknown"
    description: str = ""


class IngestParams(Frozen):
    """What ingest keeps."""

    near_duplicates: Literal["keep", "quarantine"] = "keep"
    near_duplicate_bits: int = Field(default=3, ge=0, le=3)  # of the 64 bits of the perceptual hash
    max_megapixels: float = Field(default=32.0, gt=0)
    max_works: Positive | None = None


class PreprocessParams(Frozen):
    """How works become tensors; sizes in pixels, shares of the works."""

    size: int = Field(default=64, ge=8, le=1024)
    channels: Literal[1, 3] = 3
    trim: bool = False  # uniform borders away
    fit: Literal["crop", "pad"] = "crop"
    background: Literal["white", "black"] = "white"  # under transparency and in padding
    validation: Share = 0.05
    test: Share = 0.1  # not used where the dataset brings an official split


class DatasetEntry(Frozen):
    """One dataset: where it comes from and how it is prepared."""

    source: str
    path: str
    about: About
    ingest: IngestParams
    preprocess: PreprocessParams


class TrainParams(Frozen):
    """What every model kind has; a kind's own `Params` extends it.

    `uses` is a path the training may read besides its shards (a checkpoint, weights); `ruler` names the classifier
    whose features measure this model. Where there is nothing else they point at the dataset's shards and at itself.
    """

    kind: str
    dataset: str
    uses: str
    ruler: str
    title: str = ""
    steps: Positive = 1000  # optimiser steps
    batch_size: Positive = 64
    evaluate_every_steps: Positive = 250
    save_every_seconds: float = Field(default=30.0, gt=0)  # resumable state
    log_every_steps: Positive = 10
    threads: Positive = 1
    device: Literal["auto", "cpu", "cuda"] = "auto"
    precision: Literal["auto", "fp32", "bf16"] = "auto"
    rollbacks: int = Field(default=3, ge=0)  # returns to the last good state, each at half the rate


class EvaluationParams(Frozen):
    """How models are measured and how many works are hung."""

    metrics: tuple[str, ...]
    samples: Positive = 2000  # scored; the first `hang` of them are hung
    reference: Positive = 2000  # held-out works compared with
    hang: Positive = 24


class GalleryParams(Frozen):
    """What the gallery shows and how it looks."""

    title: str = "artpipe"
    subtitle: str = ""
    theme: str = "museum"
    sections: tuple[str, ...]


class Params(Frozen):
    """The whole of params.yaml; model entries stay raw here, because only their kind knows them."""

    format: Literal[1]
    seed: int = Field(ge=0, lt=2**31)
    datasets: dict[str, DatasetEntry]
    models: dict[str, dict[str, Any]]
    evaluation: EvaluationParams
    gallery: GalleryParams

    @model_validator(mode="after")
    def _names(self) -> Self:
        for room, entries in (("datasets", self.datasets), ("models", self.models)):
            for name in entries:
                if not NAME.fullmatch(name):
                    message = f"`{room}.{name}`: a name is lower-case letters, digits and `-`"
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
        """Return the raw entry of a model; `validated` with its kind's Params makes it typed.

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
    try:
        return YAML(typ="safe", pure=True).load(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        raise UserError(f"{path}: no such file; run artpipe in the folder that has params.yaml") from None
    except (OSError, UnicodeDecodeError) as error:
        raise UserError(f"{path}: cannot be read: {error}") from None
    except YAMLError as error:
        mark = getattr(error, "problem_mark", None)
        place = f"{path}:{mark.line + 1}:{mark.column + 1}" if mark else str(path)
        raise UserError(f"{place}: not YAML: {getattr(error, 'problem', None) or error}") from None


def validated(model: type[ModelT], value: Any, *, file: str, place: str = "") -> ModelT:
    """Validate `value` as `model`.

    Raises:
        UserError: one line with the first mistake: file, dotted place, what was found, what was expected.
    """
    try:
        return model.model_validate(value)
    except ValidationError as error:
        raise UserError(_sentence(model, error, file, place)) from None


def load_params(path: Path = Path("params.yaml")) -> Params:
    """Read and validate params.yaml.

    Raises:
        UserError: see `read_yaml` and `validated`.
    """
    return validated(Params, read_yaml(path), file=str(path))


def _sentence(model: type[BaseModel], error: ValidationError, file: str, place: str) -> str:
    first = error.errors(include_url=False)[0]
    parts = [str(part) for part in first["loc"]]
    where = ".".join([*([place] if place else []), *parts])
    if first["type"] == "extra_forbidden":
        known = _fields_at(model, first["loc"][:-1])
        return f"{file}: `{where}` is not a parameter{did_you_mean(parts[-1], known) or _listing(known)}"
    if first["type"] == "missing":
        return f"{file}: `{where}` is missing"
    found = (
        first["input"] if isinstance(first["input"], str | int | float | bool | None) else type(first["input"]).__name__
    )
    message = first["msg"].removeprefix("Value error, ")
    if not where:
        return f"{file}: {message}"
    return f"{file}: `{where}` is {found!r}: {message[0].lower()}{message[1:]}"


def _listing(known: list[str]) -> str:
    return f" (there are: {', '.join(sorted(known))})" if known else ""


def _fields_at(model: type[BaseModel], location: tuple[int | str, ...]) -> list[str]:
    current: Any = model
    for part in location:
        fields = getattr(current, "model_fields", {})
        if part in fields:
            current = fields[part].annotation
            arguments = [
                a for a in getattr(current, "__args__", ()) if isinstance(a, type) and issubclass(a, BaseModel)
            ]
            current = arguments[-1] if arguments else current
    return list(getattr(current, "model_fields", {}))
