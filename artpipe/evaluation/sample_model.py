"""Paint from a checkpoint: one sheet with all, and each by itself."""

import math
import shutil
from collections.abc import Iterator, Mapping
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
from artpipe.evaluation.painted_files import PaintedFile, PaintedFiles
from artpipe.evaluation.recipes import make_command
from artpipe.evaluation.sample_enlarger import list_enlargers, open_enlarger
from artpipe.evaluation.sample_file_labels import SampleLabeller
from artpipe.evaluation.steered_samples import (
    SteeringRequest,
    check_request,
    fill_holes,
    list_refused,
    steer_exhibits,
)
from artpipe.system.atomic_files import remove_stale_temporaries, write_bytes, write_folder
from artpipe.system.shell_quoting import quote_for_shell
from artpipe.training.data import load_columns
from artpipe.training.exhibit_files import encode_content, encode_sheet
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

    A picture depends on its own seed and label alone, so any work on the wall can be painted again. `label` is a class
    number; without it a seed's class is ``seed % classes``, as on the wall. The prompt of `request` is the beginning for
    a model that writes, and what a steered model is to paint. The model `enlarge` enlarges. Every PNG holds its recipe.

    Raises:
        UserError: no such model, no checkpoint, or no such class.
        CorruptError: the checkpoint is damaged.
    """
    params, request = load_params(), request or SteeringRequest()
    entry = params.model(name)
    learner, card, sha256 = restore_learner(paths.checkpoint(name))
    _check_label(learner, label, name)
    check_request(learner, name, request, list_refused(entry, learner))
    enlarger = open_enlarger(params, enlarge, name, learner) if enlarge is not None else None
    if request.prompt is not None and not isinstance(learner, SteeredSampler):
        _set_prompt(learner, request.prompt, name)
    exhibits = _paint(learner, n, seed, label, request, str(entry.get("dataset")))
    if not exhibits:
        raise UserError(f"models.{name}: a {learner.params.kind} has nothing to show")
    recipe = {"model": name, "checkpoint": sha256, "label": label, **request.recipe}
    if enlarger is not None:
        exhibits = list(enlarger.enlarge(exhibits))
        recipe |= enlarger.recipe
    if not isinstance(learner, SteeredSampler):  # what its exhibits are called is nothing that it was asked for
        exhibits = [replace(exhibit, caption="") for exhibit in exhibits]
    out = out or Path("data/samples") / f"{name}-seed-{seed}"
    labeller = SampleLabeller(params.gallery, card, sha256, [] if enlarger is None else [enlarger.model])
    painted = _save_exhibits(exhibits, out, recipe, labeller)
    return painted if enlarger else painted._replace(enlargers=list_enlargers(params, name))


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


def _make_recipe(recipe: Mapping[str, Any], exhibit: Exhibit, number: int, count: int) -> dict[str, Any]:
    """Return the recipe of one picture, with the command that paints it again."""
    own = {"prompt": exhibit.caption or None, **recipe, "seed": exhibit.seed, "label": exhibit.label}
    if "between" in recipe:
        own |= {"seed": None, "n": count, "number": number}  # one of the way's pictures, from 0 on
    own = {name: value for name, value in own.items() if value is not None}
    return {**own, "command": " ".join(map(quote_for_shell, make_command(own)))}


def _save_exhibits(
    exhibits: list[Exhibit], out: Path, recipe: Mapping[str, Any], labeller: SampleLabeller
) -> PaintedFiles:
    """Write ``out.png`` (or what it is) and ``out/SEED.png``."""
    suffix, content = encode_sheet(exhibits, columns=max(8, math.ceil(len(exhibits) ** 0.5))) or (".txt", b"")
    labeller.find_sources(exhibits)
    whole = {**recipe, "seed": exhibits[0].seed, "n": len(exhibits)}
    whole = {name: value for name, value in whole.items() if value is not None}
    whole |= {"command": " ".join(map(quote_for_shell, make_command(whole)))}
    content, suffix = labeller.label(content, suffix, exhibits, whole)
    sheet = out if out.suffix else out.with_name(out.name + suffix)
    singles = sheet.with_name(sheet.name.removesuffix(sheet.suffix))
    if singles.exists() and not (singles / ".artpipe").exists():
        raise UserError(f"{singles}: something of that name is there already and is not ours; choose another --out")
    if sheet.exists() and not sheet.is_file():
        raise UserError(f"{sheet}: is no file, so nothing is written there; choose another --out")
    remove_stale_temporaries(sheet.parent)
    shutil.rmtree(singles, ignore_errors=True)
    painted = []
    with write_folder(singles) as folder:
        (folder / ".artpipe").touch()
        for number, exhibit in enumerate(exhibits):
            suffix, data = encode_content(exhibit.data)
            seed = number if exhibit.seed is None else exhibit.seed
            label = "" if exhibit.label is None else f"-label-{exhibit.label}"
            own = _make_recipe(recipe, exhibit, number, len(exhibits))
            data, suffix = labeller.label(data, suffix, [exhibit], own)
            file = f"{number:05d}-seed-{seed}{label}{suffix}"
            (folder / file).write_bytes(data)
            painted.append(PaintedFile(singles / file, exhibit.seed, exhibit.label))
    write_bytes(sheet, content)
    return PaintedFiles(str(recipe["model"]), str(recipe["checkpoint"]), sheet, painted, labeller.finish())
