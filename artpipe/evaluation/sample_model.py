"""Paint from a checkpoint: one sheet with all, and each by itself."""

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import torch

from artpipe.artifacts import paths
from artpipe.artifacts.caption_columns import CAPTION_COLUMNS, decode_texts
from artpipe.artifacts.shards import ShardSet
from artpipe.config.params import load_params
from artpipe.contracts.model import Exhibit, Learner, Prompt, Sampler
from artpipe.contracts.steered_sampler import HoleFiller, SteeredSampler, select_rows
from artpipe.errors import UserError
from artpipe.evaluation.generated_samples import depends_on_labels
from artpipe.evaluation.painted_files import PaintedFiles
from artpipe.evaluation.sample_enlarger import list_enlargers, open_enlarger
from artpipe.evaluation.sample_file_labels import SampleLabeller
from artpipe.evaluation.saved_samples import check_out, choose_out, save_exhibits
from artpipe.evaluation.steered_samples import (
    SteeringRequest,
    check_request,
    fill_holes,
    list_refused,
    steer_exhibits,
)
from artpipe.evaluation.unknown_words import list_unknown_words
from artpipe.training.data import load_columns
from artpipe.training.restore import restore_learner

_BATCH = 64  # painted at once, so that memory does not grow with `n`


def sample_model(
    name: str,
    n: int = 64,
    seed: int = 1,
    out: Path | None = None,
    label: int | None = None,
    request: SteeringRequest | None = None,
    enlarge: str | None = None,
) -> PaintedFiles:
    """Make `n` exhibits with seeds ``seed, seed + 1, ...``, and write them.

    A picture depends on its own seed and label alone. Without `label` the class of a seed is ``seed % classes``. The
    prompt of `request` is the beginning of a text, and what a steered model is to paint. Every PNG holds its recipe.

    Raises:
        UserError: no such model, no checkpoint, or no such class.
        CorruptError: the checkpoint is damaged.
    """
    if out is not None:
        check_out(out)
    params, request = load_params(), request or SteeringRequest()
    entry = params.model(name)
    learner, card, sha256 = restore_learner(paths.checkpoint(name))
    _check_label(learner, label, name)
    check_request(learner, name, request, list_refused(entry, learner))
    enlarger = open_enlarger(params, enlarge, name, learner) if enlarge is not None else None
    if request.prompt is not None and not isinstance(learner, SteeredSampler):
        _set_prompt(learner, request.prompt, name)
    exhibits = _paint(learner, n, seed, label, request, str(entry.get("dataset")))
    recipe = {"model": name, "checkpoint": sha256, "label": label, **request.recipe}
    if enlarger is not None:
        exhibits = list(enlarger.enlarge(exhibits))
        recipe |= enlarger.recipe
    if not isinstance(learner, SteeredSampler):  # what its exhibits are called is nothing that it was asked for
        exhibits = [replace(exhibit, caption="") for exhibit in exhibits]
    out = out or choose_out(name, seed, {**request.recipe, "enlarge": enlarge})
    labeller = SampleLabeller(params.gallery, card, sha256, [] if enlarger is None else [enlarger.model])
    unknown = list_unknown_words(learner, request.prompt, str(entry.get("dataset")))
    enlargers = [] if enlarger else list_enlargers(params, name)
    return save_exhibits(exhibits, out, recipe, labeller)._replace(unknown_words=unknown, enlargers=enlargers)


def _paint(
    learner: Learner[Any], n: int, seed: int, label: int | None, request: SteeringRequest, dataset: str
) -> list[Exhibit]:
    if request.recipe and isinstance(learner, HoleFiller):
        return list(fill_holes(learner, n, seed, request.steering))
    works = _load_held_out_works(paths.shards(dataset), learner)
    if label is not None:
        works = {column: rows for column, rows in works.items() if column not in CAPTION_COLUMNS}
    if request.recipe and (isinstance(learner, SteeredSampler) or request.between or request.moves):
        texts = decode_texts(works["caption_texts"].tolist()) if "caption_texts" in works else []
        return list(steer_exhibits(learner, n, seed, label, request, texts))
    return list(_generate_exhibits(learner, n, seed, label, works))


def generate_works(checkpoint: Path, dataset: str, n: int, seed: int) -> list[Exhibit]:
    """Return `n` exhibits of a checkpoint, with seeds ``seed, seed + 1, ...``.

    Each is of a class in turn.

    A learner that makes nothing of noise alone shows held-out works of the dataset.

    Raises:
        UserError, CorruptError: no checkpoint, or a damaged one.
    """
    learner, _, _ = restore_learner(checkpoint)
    return list(_generate_exhibits(learner, n, seed, None, _load_held_out_works(paths.shards(dataset), learner)))


def _set_prompt(learner: Learner[Any], prompt: str, name: str) -> None:
    if "prompts" not in type(learner.params).model_fields:
        raise UserError(f"--prompt: {name} is a {learner.params.kind}, which begins with nothing")
    learner.params = learner.params.model_copy(update={"prompts": (prompt,)})


def _check_label(learner: Learner[Any], label: int | None, name: str) -> None:
    classes = learner.spec.classes
    if label is not None and isinstance(learner, HoleFiller):
        raise UserError(f"--label: {name} is of the kind {learner.params.kind}, which is asked for no class")
    if label is not None and not 0 <= label < len(classes):
        class_list = ", ".join(f"{number} {word}" for number, word in enumerate(classes)) or "none"
        raise UserError(f"--label {label} is no class of {name}; there are: {class_list}")
    if label is not None and not _heeds_labels(learner):
        raise UserError(f"--label: {name} uses no class labels; leave it out")


def _heeds_labels(learner: Learner[Any]) -> bool:
    """Return whether a class can be asked for.

    Of what shows works nothing is known without them, so each is of a class in turn.
    """
    return not isinstance(learner, Sampler) or depends_on_labels(learner, len(learner.spec.classes), 0)


def _load_held_out_works(folder: Path, learner: Learner[Any]) -> dict[str, torch.Tensor]:
    """Return held-out works for a learner that is no sampler.

    For one that words steer they are captions, where the dataset has some.
    """
    if not (folder / "shards.json").is_file():
        return {}
    shards = ShardSet.open(folder)
    names = {*shards.spec.columns}
    if isinstance(learner, Sampler):
        names &= {*CAPTION_COLUMNS} if isinstance(learner, SteeredSampler) else set()
    if not names:
        return {}
    columns = load_columns(shards, "validation", names, torch.device("cpu"))
    return columns.take(torch.arange(min(_BATCH, len(columns)))) if len(columns) else {}


def _generate_exhibits(
    learner: Learner[Any], n: int, seed: int, label: int | None, works: dict[str, torch.Tensor]
) -> Iterator[Exhibit]:
    is_labelled = label is not None or ("caption_texts" not in works and _heeds_labels(learner))
    classes = len(learner.spec.classes) if is_labelled else 0
    for start in range(0, n, _BATCH):
        numbers = torch.arange(start, min(start + _BATCH, n))
        labels = (
            torch.full_like(numbers, label) if label is not None else (seed + numbers) % classes if classes else None
        )
        prompt = Prompt([seed + int(number) for number in numbers], labels, works)
        with torch.no_grad():
            yield from _exhibit_prompt(learner, prompt)


def _exhibit_prompt(learner: Learner[Any], prompt: Prompt) -> list[Exhibit]:
    if not isinstance(learner, Sampler):
        return learner.exhibit(prompt)
    labels: list[int | None] = [None] * len(prompt.seeds) if prompt.labels is None else prompt.labels.tolist()
    captions = [""] * len(prompt.seeds)
    if "caption_texts" in prompt.works:
        texts = prompt.works["caption_texts"]
        captions = decode_texts(texts[select_rows(prompt.seeds, len(texts))].tolist())
        labels = [None] * len(prompt.seeds)
    pictures = zip(learner.sample(prompt), captions, prompt.seeds, labels, strict=True)
    return [Exhibit("image", picture, caption, seed=seed, label=label) for picture, caption, seed, label in pictures]
