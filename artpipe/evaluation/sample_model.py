"""Paint from a checkpoint: one sheet with all, and each by itself."""

import math
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import torch

from artpipe.artifacts import paths
from artpipe.artifacts.shards import ShardSet
from artpipe.config.params import load_params
from artpipe.contracts.model import Exhibit, LatentWalker, Learner, Prompt, Sampler
from artpipe.errors import UserError
from artpipe.evaluation.picture_recipes import paint_recipe, read_recipe
from artpipe.system.atomic_files import remove_stale_temporaries, write_bytes, write_folder
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
    prompt: str | None = None,
) -> str:
    """Make `n` exhibits with seeds ``seed, seed + 1, ...`` and say where they are.

    A picture depends on its own seed and label alone, so any work on the wall can be painted again. `label` is a class
    number; without it a seed's class is ``seed % classes``, as on the wall. `prompt` is the beginning for a model that
    writes, instead of those it hangs with.

    Raises:
        UserError: no such model, no checkpoint, or no such class.
        CorruptError: the checkpoint is damaged.
    """
    entry = load_params().model(name)
    learner, _, _ = restore_learner(paths.checkpoint(name))
    _check_label(learner, label, name)
    if prompt is not None:
        _set_prompt(learner, prompt, name)
    works = _load_held_out_works(Path("data/shards") / str(entry.get("dataset")), learner)
    exhibits = list(_generate_exhibits(learner, n, seed, label, works))
    if not exhibits:
        raise UserError(f"models.{name}: a {learner.params.kind} has nothing to show")
    return _save_exhibits(exhibits, out or Path("data/samples") / f"{name}-seed-{seed}")


def sample_recipe(name: str, recipe_file: Path, out: Path | None = None) -> str:
    """Paint a picture of a live room again, from the recipe in its file.

    Raises:
        UserError: no such model, no recipe in the file, or one of another model.
        CorruptError: the checkpoint is damaged.
    """
    saved = read_recipe(recipe_file)
    load_params().model(name)
    if saved.model != name:
        raise UserError(f"--recipe {recipe_file}: it is of the model `{saved.model}`, not of `{name}`")
    learner, _, sha256 = restore_learner(paths.checkpoint(name))
    if not isinstance(learner, LatentWalker):
        raise UserError(f"--recipe: {name} is a {learner.params.kind}, which paints from no noise")
    picture = paint_recipe(learner, saved.recipe, len(learner.spec.classes))
    seed = saved.recipe.seed
    message = _save_exhibits(
        [Exhibit("image", picture, "", seed=seed)], out or Path("data/samples") / f"{name}-recipe-{seed}"
    )
    is_same = sha256.startswith(saved.checkpoint)
    return message if is_same else f"{message}; the recipe is of another checkpoint ({saved.checkpoint})"


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
    if label is not None and not 0 <= label < len(classes):
        class_list = ", ".join(f"{number} {word}" for number, word in enumerate(classes)) or "none"
        raise UserError(f"--label {label} is no class of {name}; there are: {class_list}")


def _load_held_out_works(folder: Path, learner: Learner[Any]) -> dict[str, torch.Tensor]:
    """Return held-out works for a learner that is no sampler."""
    if isinstance(learner, Sampler) or not (folder / "shards.json").is_file():
        return {}
    shards = ShardSet.open(folder)
    columns = load_columns(shards, "validation", shards.spec.columns, torch.device("cpu"))
    return columns.take(torch.arange(min(_BATCH, len(columns)))) if len(columns) else {}


def _generate_exhibits(
    learner: Learner[Any], n: int, seed: int, label: int | None, works: dict[str, torch.Tensor]
) -> Iterator[Exhibit]:
    classes = len(learner.spec.classes)
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
    pictures = zip(learner.sample(prompt), prompt.seeds, labels, strict=True)
    return [Exhibit("image", picture, "", seed=seed, label=label) for picture, seed, label in pictures]


def _save_exhibits(exhibits: list[Exhibit], out: Path) -> str:
    """Write ``out.png`` (or what it is) and ``out/SEED.png``; return a sentence."""
    suffix, content = encode_sheet(exhibits, columns=max(8, math.ceil(len(exhibits) ** 0.5))) or (".txt", b"")
    sheet = out if out.suffix else out.with_name(out.name + suffix)
    singles = sheet.with_name(sheet.name.removesuffix(sheet.suffix))
    if singles.is_dir() and not (singles / ".artpipe").exists():
        raise UserError(f"{singles}: a folder of that name is there already and is not ours; choose another --out")
    remove_stale_temporaries(sheet.parent)
    shutil.rmtree(singles, ignore_errors=True)
    with write_folder(singles) as folder:
        (folder / ".artpipe").touch()
        for number, exhibit in enumerate(exhibits):
            suffix_of_exhibit, data = encode_content(exhibit.data)
            seed = number if exhibit.seed is None else exhibit.seed
            label = "" if exhibit.label is None else f"-label-{exhibit.label}"
            (folder / f"{number:05d}-seed-{seed}{label}{suffix_of_exhibit}").write_bytes(data)
    write_bytes(sheet, content)
    return f"{len(exhibits)} painted: {sheet}, each by itself in {singles}"
