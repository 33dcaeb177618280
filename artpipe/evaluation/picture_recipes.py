"""Recipes of pictures that a live room painted, and how to paint them again.

The page's twin is `makeNoise` in assets/painter.js.
"""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Annotated, Any

import torch
from pydantic import Field
from torch import Tensor

from artpipe.artifacts.shards import UNLABELLED
from artpipe.config.params import Frozen, validate_as
from artpipe.contracts.model import LatentWalker, Prompt
from artpipe.contracts.steered_sampler import PathSampler, Steering
from artpipe.errors import UserError
from artpipe.evaluation.latent_directions import DIRECTIONS, find_directions
from artpipe.evaluation.recipes import find_recipe
from artpipe.system.plain_text import to_printable

_MOST_BYTES = 64_000_000  # of a file that may hold a recipe
_MOST_GENERATIONS = 64
Step = Annotated[float, Field(allow_inf_nan=False, ge=-100, le=100)]
Guidance = Annotated[float, Field(allow_inf_nan=False, ge=0, le=100)]
Seed = Annotated[int, Field(ge=0, lt=2**32)]


class PictureRecipe(Frozen):
    """Where a picture's noise comes from, and of which class it is or what words say.

    With parents each number of the noise is that of one of them, as the seed decides, and so are class and words.
    """

    seed: Seed
    label: int | None = Field(default=None, ge=0)  # not given: the seed's own
    move: tuple[Step, ...] = Field(default=(), max_length=DIRECTIONS)  # steps along the strongest directions
    prompt: str | None = Field(default=None, max_length=1000)  # in the place of a class
    guidance: Guidance | None = None
    steps: int | None = Field(default=None, ge=1, le=1000)
    parents: tuple["PictureRecipe", "PictureRecipe"] | None = None


class SavedRecipe(Frozen):
    """What the live room writes into a picture."""

    model: str
    checkpoint: str = ""  # the first digits of its hash
    recipe: PictureRecipe


def read_recipe(path: Path) -> SavedRecipe:
    """Return the recipe in a PNG of a live room, or in a JSON file.

    Raises:
        UserError: there is no such file, or no recipe in it.
    """
    try:
        with path.open("rb") as file:
            data = file.read(_MOST_BYTES)
    except OSError as error:
        raise UserError(f"--recipe {path}: cannot be read: {error.strerror}") from None
    text = find_recipe(data)
    try:
        fields = json.loads(text)
    except (ValueError, RecursionError):
        fields = None
    if not isinstance(fields, dict) or _count_generations(fields.get("recipe")) > _MOST_GENERATIONS:
        raise UserError(f"--recipe {path}: no recipe in it; a picture saved in a live room has one")
    if "recipe" not in fields and "command" in fields:
        command = to_printable(str(fields["command"]))
        raise UserError(f"--recipe {path}: it was painted by a command, which paints it again: {command}")
    return validate_as(SavedRecipe, fields, file=str(path), place="recipe")


def _count_generations(recipe: Any) -> int:
    """Return how many generations of parents a recipe has, counted without recursion."""
    generation, count = [recipe], 0
    while generation and count <= _MOST_GENERATIONS and len(generation) <= 2**12:
        parents = [one.get("parents") for one in generation if isinstance(one, dict)]
        generation = [parent for pair in parents if isinstance(pair, list) for parent in pair]
        count += bool(generation)
    return count if not generation else _MOST_GENERATIONS + 1


@torch.no_grad()
def paint_recipe(learner: LatentWalker, recipe: PictureRecipe, classes: int) -> Tensor:
    """Return the picture ``(C, H, W)`` in [-1, 1] of a recipe.

    Raises:
        UserError: it asks for a class or a direction that is not there.
    """
    if isinstance(learner, PathSampler):
        return _paint_path(learner, recipe, classes)
    moves = max(len(one.move) for one in _list_family(recipe))
    directions = find_directions(learner, classes, max(1, moves)) if moves else torch.empty(0, learner.noise_size)
    noise = _make_noise(recipe, learner.noise_size, directions)
    label = _find_label(recipe, classes)
    mix = torch.zeros(1, classes)
    if classes:
        mix[0, label] = 1
    return learner.walk(noise[None].float(), mix)[0]


def _paint_path(learner: Any, recipe: PictureRecipe, classes: int) -> Tensor:
    """Paint by words, else by a class; one that is typed goes before the seed's own."""
    leaf = _find_source(recipe)
    label = UNLABELLED if leaf.prompt is not None or not classes else _find_label(recipe, classes)
    captions = None if leaf.prompt is None else [leaf.prompt]
    steering = Steering(captions, torch.tensor([label]), guidance=recipe.guidance, steps=recipe.steps)
    noise = _make_noise(recipe, learner.noise_size, torch.empty(0, learner.noise_size))
    painted: Tensor = learner.steer(noise[None].float(), steering)
    return painted[0]


def list_prompts(recipe: PictureRecipe) -> list[str]:
    """Return the words of a recipe and of its ancestors."""
    return [one.prompt for one in _list_family(recipe) if one.prompt is not None]


def _list_family(recipe: PictureRecipe) -> Iterator[PictureRecipe]:
    yield recipe
    for parent in recipe.parents or ():
        yield from _list_family(parent)


def _make_noise(recipe: PictureRecipe, size: int, directions: Tensor) -> Tensor:
    if recipe.parents:
        one, other = (_make_noise(parent, size, directions) for parent in recipe.parents)
        noise = torch.where(_draw_parents(recipe.seed, size), other, one)
    else:
        noise = Prompt([recipe.seed]).noise(size)[0]
    for step, direction in zip(recipe.move, directions, strict=False):
        noise = noise + step * direction
    return noise


def _draw_parents(seed: int, count: int) -> Tensor:
    """Return for each number whether it is the second parent's."""
    return torch.randint(2, (count,), generator=torch.Generator().manual_seed(seed)).bool()


def _find_source(recipe: PictureRecipe) -> PictureRecipe:
    """Return the ancestor whose class and words a recipe has."""
    while recipe.parents:
        recipe = recipe.parents[int(_draw_parents(recipe.seed, 1))]
    return recipe


def _find_label(recipe: PictureRecipe, classes: int) -> int:
    recipe = _find_source(recipe)
    label = recipe.seed % max(1, classes) if recipe.label is None else recipe.label
    if recipe.label is not None and label >= max(1, classes):
        raise UserError(f"the recipe's label {label} is no class of the model; it has {classes}")
    return label
