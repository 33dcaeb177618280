"""Samples that words, pictures and other seeds steer, and what of it is refused."""

import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import torch
from torch import Tensor
from torch.nn import functional as F

from artpipe.contracts.model import Exhibit, LatentWalker, Learner, Prompt
from artpipe.contracts.steered_sampler import HoleFiller, SteeredSampler, Steering, select_rows
from artpipe.errors import UserError
from artpipe.evaluation.noise_directions import MOST_DIRECTIONS, find_directions, has_directions
from artpipe.numerics.caption_tokens import split_words
from artpipe.system.plain_text import to_printable

_HOLE_OPTIONS = {"like", "like_sha256", "keep", "keep_sha256"}
_AT_ONCE = 64  # painted at once, so that memory does not grow with their number


@dataclass(frozen=True)
class SteeringRequest:
    """What is typed beside a seed and a label; `given` are its files, by option."""

    steering: Steering = field(default_factory=Steering)
    prompt: str | None = None
    between: tuple[int, int] | None = None  # seeds: pictures on the way from one noise to the other
    moves: Mapping[int, float] = field(default_factory=dict)  # by direction, from 1 on, in deviations of the noise
    given: Mapping[str, str] = field(default_factory=dict)

    @property
    def recipe(self) -> dict[str, Any]:
        """Return what was typed, by option, without what is as usual."""
        s = self.steering
        options = {
            "prompt": self.prompt, "negative": s.negative or None, "guidance": s.guidance, "steps": s.steps,
            "strength": s.strength if s.like is not None else None, "between": self.between and list(self.between),
            "move": [f"{number}={amount:+g}" for number, amount in self.moves.items()] or None,
        }  # fmt: skip
        return {name: value for name, value in {**options, **self.given}.items() if value is not None}


def check_request(learner: Learner[Any], name: str, request: SteeringRequest, refused: Sequence[str]) -> None:
    """Refuse what a learner cannot do, and words that a person's list refuses.

    Raises:
        UserError: one line with the option.
    """
    kind = learner.params.kind
    steered = [option for option in request.recipe if option not in {"prompt", "between", "move"}]
    if isinstance(learner, HoleFiller):
        _check_hole(name, kind, request)
    elif steered and not isinstance(learner, SteeredSampler):
        raise UserError(f"--{steered[0]}: {name} is a {kind}, which is not steered; a flow is")
    if request.between and not isinstance(learner, LatentWalker):
        raise UserError(f"--between: {name} is a {kind}, which has no way from one noise to another")
    if request.moves:
        _check_moves(learner, name, request.moves)
    if request.between and request.steering.like is not None:
        raise UserError("--between begins from noise, --like from a picture; give one of them")
    for option, text in (("prompt", request.prompt), ("negative", request.steering.negative)):
        if text and not text.isprintable() and text != text.encode("utf-8", "replace").decode():
            raise UserError(f"--{option}: {to_printable(text)} is no UTF-8 text")
    if request.prompt is not None:
        refuse_words(request.prompt, name, refused)


def _check_hole(name: str, kind: str, request: SteeringRequest) -> None:
    """Refuse what steers a learner that only fills holes."""
    steering = request.steering
    if steering.like is not None and steering.painted is None:
        raise UserError(
            f"--like: {name} is of the kind {kind}, which fills what a mask leaves open; name it with --keep"
        )
    taken = _HOLE_OPTIONS if steering.strength < 1 else {*_HOLE_OPTIONS, "strength"}
    if others := [option for option in request.recipe if option not in taken]:
        raise UserError(f"--{others[0]}: {name} is of the kind {kind}, which takes no more than --like and --keep")


def fill_holes(learner: HoleFiller, n: int, seed: int, steering: Steering) -> Iterator[Exhibit]:
    """Fill the hole of the given picture `n` times, with seeds from `seed` on."""
    if steering.like is None or steering.painted is None:
        raise ValueError("a picture and a mask are wanted")
    for number in range(seed, seed + n):
        yield replace(learner.fill_hole(steering.like, steering.painted[0] > 0, number), seed=number)


def _check_moves(learner: Learner[Any], name: str, moves: Mapping[int, float]) -> None:
    if not has_directions(learner):
        raise UserError(
            f"--move: {name} is a {learner.params.kind}, whose noise has no directions; that of gan and vae has"
        )
    count = min(MOST_DIRECTIONS, learner.noise_size)
    if unknown := [number for number in moves if not 1 <= number <= count]:
        raise UserError(f"--move {unknown[0]}: {name} has the directions 1 to {count}")


def list_refused(entry: Mapping[str, Any], learner: Learner[Any]) -> list[str]:
    """Return the words that params.yaml has a model refuse, else its checkpoint."""
    listed = entry.get("refuse", getattr(learner.params, "refuse", ()))
    return [*map(str, listed if isinstance(listed, list | tuple) else ())]


def refuse_words(prompt: str, name: str, refused: Sequence[str]) -> None:
    """Refuse a prompt that has words of a list in this order.

    Raises:
        UserError: the first of the list that it has.
    """
    words = _list_words(prompt)
    for phrase in refused:
        wanted = _list_words(phrase)
        starts = range(len(words) - len(wanted) + 1) if wanted else ()
        if any(words[start : start + len(wanted)] == wanted for start in starts):
            raise UserError(f"--prompt: `{to_printable(phrase)}` is refused by `models.{name}.refuse` in params.yaml")


def steer_exhibits(
    learner: Any, n: int, seed: int, label: int | None, request: SteeringRequest, texts: Sequence[str] = ()
) -> Iterator[Exhibit]:
    """Paint `n` exhibits of seeds from `seed` on, or on the way between two.

    Where neither a prompt nor a label says what to paint, each seed asks for one of `texts`, as on the wall.
    """
    classes, shift = len(learner.spec.classes), _find_shift(learner, request.moves)
    for start in range(0, n, _AT_ONCE):
        numbers = list(range(start, min(start + _AT_ONCE, n)))
        seeds = [request.between[0] if request.between else seed + number for number in numbers]
        noise = _blend_noise(learner, request.between, numbers, n) if request.between else _noise(learner, seeds)
        noise = noise + shift
        labels: list[int | None] = [label] * len(seeds)
        captions = [request.prompt or ""] * len(seeds)
        if label is None and request.prompt is None and texts:
            captions = [texts[int(row)] for row in select_rows(seeds, len(texts))]
        elif label is None and request.prompt is None and classes:
            labels = [number % classes for number in seeds]
        pictures = _paint(learner, noise, labels, captions, request.steering)
        shown = [""] * len(seeds) if request.prompt is not None else captions
        for picture, number, asked, caption in zip(pictures, seeds, labels, shown, strict=True):
            yield Exhibit("image", picture, caption, seed=number, label=asked)


def _find_shift(learner: Any, moves: Mapping[int, float]) -> Tensor:
    """Return what is added to noise ``(Z)``."""
    if not moves:
        return torch.zeros(learner.noise_size)
    directions = find_directions(learner)
    return torch.stack([amount * directions[number - 1] for number, amount in moves.items()]).sum(0)


def _paint(
    learner: Any, noise: Tensor, labels: Sequence[int | None], captions: Sequence[str], steering: Steering
) -> Tensor:
    with torch.no_grad():
        if not isinstance(learner, SteeredSampler):
            mix = torch.zeros(len(noise), len(learner.spec.classes))
            for row, label in enumerate(labels):
                mix[row, label if label is not None else slice(0, 0)] = 1
            pictures: Tensor = learner.walk(noise, mix)
            return pictures
        rows = torch.tensor([-1 if label is None else label for label in labels])
        said = list(captions) if any(captions) else None
        steered: Tensor = learner.steer(noise, replace(steering, captions=said, labels=rows))
        return steered


def _noise(learner: Any, seeds: Sequence[int]) -> Tensor:
    noise: Tensor = Prompt(seeds).noise(learner.noise_size)
    return noise


def _blend_noise(learner: Any, between: tuple[int, int], numbers: Sequence[int], count: int) -> Tensor:
    """Return noise ``(N, Z)`` on the arc from one seed's to the other's."""
    first, last = _noise(learner, between)
    angle = torch.arccos((F.normalize(first, dim=0) @ F.normalize(last, dim=0)).clamp(-1, 1)).item()
    shares = torch.tensor([number / max(1, count - 1) for number in numbers])[:, None]
    if math.sin(angle) < 1e-6:  # noqa: PLR2004  the same noise twice
        return torch.lerp(first, last, shares)
    blend: Tensor = torch.sin((1 - shares) * angle) * first + torch.sin(shares * angle) * last
    return blend / math.sin(angle)


def _list_words(text: str) -> list[str]:
    return [pieces[0] for pieces in split_words(text)]
