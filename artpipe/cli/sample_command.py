"""The command `artpipe sample`: paint from a trained model, by words and pictures."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from artpipe.cli.command_result import Json, show_result
from artpipe.cli.inspect import LOOK, Name
from artpipe.errors import UserError
from artpipe.system.project_root import require_typed_path, resolve_typed_path

if TYPE_CHECKING:
    from artpipe.evaluation.painted_files import PaintedFiles
    from artpipe.evaluation.steered_samples import SteeringRequest

sample_commands = typer.Typer()
_SEEDS = 2**62  # as many as torch takes, and room for the next ones
Strength = Annotated[
    float | None,
    typer.Option(min=0, max=1, help="With --like: 0 is the picture itself, 1 (with --keep) keeps nothing of it; 0.6."),
]
Mask = Annotated[
    Path | None, typer.Option(help="With --like: a mask, whose black stays bit by bit and white is painted.")
]
Between = Annotated[
    tuple[int, int] | None, typer.Option(metavar="SEED SEED", help="Paint the way from one seed to another.")
]
Moves = Annotated[
    list[str] | None,
    typer.Option(
        "--move",
        metavar="NUMBER=AMOUNT",
        help="Along a principal direction of the noise, 1 to 10: `1=+2`; may be given several times.",
    ),
]
Out = Annotated[Path | None, typer.Option(help="The grid's file; the single ones stand in a folder beside it.")]
Words = Annotated[
    str | None, typer.Option(help=r"What to paint, in words; of a text its beginning ('\n' is a new line).")
]
Recipe = Annotated[
    Path | None, typer.Option(metavar="FILE", help="A picture saved in a live room: it alone is painted again.")
]
Enlarge = Annotated[str | None, typer.Option(metavar="MODEL", help="A trained superres that enlarges what is painted.")]
Given = dict[str, Any]
_MOST_AMOUNT = 20  # deviations of the noise
_STRENGTH = 0.6  # of a picture to begin from, where nothing is masked


@sample_commands.command(rich_help_panel=LOOK)
def sample(
    name: Name,
    n: Annotated[int, typer.Option("-n", min=1, help="How many.")] = 64,
    seed: Annotated[int, typer.Option(min=0, max=_SEEDS - 1, help="Of the first; each next has the next.")] = 1,
    out: Out = None,
    label: Annotated[int | None, typer.Option(help="The class to paint; all in turn without it.")] = None,
    prompt: Words = None,
    negative: Annotated[str, typer.Option(help="Words to lead away from.")] = "",
    guidance: Annotated[
        float | None, typer.Option(min=0, max=100, help="How strongly words lead; 1: not more than learned.")
    ] = None,
    steps: Annotated[int | None, typer.Option(min=1, max=1000, help="From noise to picture; more is finer.")] = None,
    like: Annotated[Path | None, typer.Option(help="A picture to begin from.")] = None,
    strength: Strength = None,
    keep: Mask = None,
    between: Between = None,
    move: Moves = None,
    enlarge: Enlarge = None,
    recipe: Recipe = None,
    *,
    as_json: Json = False,
) -> None:
    """Paint from a trained model.

    Each picture's file holds the command that paints it again.
    """
    if recipe is not None:
        others = (label, prompt, guidance, steps, like, keep, between, move, negative or None, enlarge)
        show_result(
            lambda: _paint_recipe(name, recipe, out, others), as_json=as_json, if_slow=f"{name} paints a recipe"
        )
        return
    _check_options(prompt, label, like, keep, strength, between)
    if strength is None:
        strength = _STRENGTH if like is not None and keep is None else 1.0
    options = {"negative": negative, "guidance": guidance, "steps": steps, "strength": strength}
    asked = {"prompt": prompt and prompt.replace("\\n", "\n"), "between": between, "moves": _read_moves(move or [])}
    request = _make_request(name, like, keep, options, asked)
    painting = f"{name} paints {n} from seed {seed} on"
    show_result(lambda: _paint(name, n, seed, out, label, request, enlarge), as_json=as_json, if_slow=painting)


def _paint(
    name: str,
    n: int,
    seed: int,
    out: Path | None,
    label: int | None,
    request: "SteeringRequest",
    enlarge: str | None,
) -> "PaintedFiles":
    from artpipe.evaluation.sample_model import sample_model

    return sample_model(name, n, seed, out and resolve_typed_path(out), label, request, enlarge)


def _check_options(
    prompt: str | None,
    label: int | None,
    like: Path | None,
    keep: Path | None,
    strength: float | None,
    between: tuple[int, int] | None,
) -> None:
    if prompt is not None and label is not None:
        raise UserError("--prompt and --label both say what to paint; give one of them")
    if between is not None and not all(0 <= end < _SEEDS for end in between):
        raise UserError(f"--between {between[0]} {between[1]}: seeds from 0 to {_SEEDS - 1} are wanted")
    if like is None and (keep is not None or strength is not None):
        option = "--keep" if keep is not None else "--strength"
        raise UserError(f"{option} says what stays of a picture; name the picture with --like")


def _read_moves(texts: list[str]) -> dict[int, float]:
    """Return amounts by direction.

    Raises:
        UserError: one is not of the form NUMBER=AMOUNT, or a direction is named twice.
    """
    moves: dict[int, float] = {}
    for text in texts:
        number, _, amount = text.partition("=")
        try:
            direction, shift = int(number), float(amount)
        except ValueError:
            raise UserError(f"--move {text}: NUMBER=AMOUNT is expected, such as 1=+2") from None
        if not abs(shift) <= _MOST_AMOUNT:
            raise UserError(f"--move {text}: an amount from -{_MOST_AMOUNT} to {_MOST_AMOUNT} is expected")
        if direction in moves:
            raise UserError(f"--move {text}: direction {direction} is moved already; name each once")
        moves[direction] = shift
    return moves


def _paint_recipe(name: str, recipe: Path, out: Path | None, others: tuple[object, ...]) -> "PaintedFiles":
    if any(other is not None for other in others):
        raise UserError("--recipe says everything; leave the other options out, but for --out")
    from artpipe.evaluation.sample_recipe import sample_recipe

    return sample_recipe(name, resolve_typed_path(recipe), out and resolve_typed_path(out))


def _make_request(name: str, like: Path | None, keep: Path | None, options: Given, asked: Given) -> "SteeringRequest":
    """Return the request, its pictures framed as works of the dataset."""
    from artpipe.artifacts import paths
    from artpipe.artifacts.shards import ShardSet
    from artpipe.config.params import load_params
    from artpipe.contracts.steered_sampler import Steering
    from artpipe.evaluation.steered_samples import SteeringRequest
    from artpipe.system.hashing import sha256_file

    given: dict[str, str] = {}
    if like is not None:
        from artpipe.critique.given_pictures import load_given_picture, load_mask

        shards = ShardSet.open(paths.shards(str(load_params().model(name).get("dataset"))))
        like = require_typed_path(like)
        options["like"] = load_given_picture(like, shards, "--like")
        given |= {"like": str(like), "like_sha256": sha256_file(like)}
        if keep is not None:
            keep = require_typed_path(keep)
            options["painted"] = load_mask(keep, shards)
            given |= {"keep": str(keep), "keep_sha256": sha256_file(keep)}
    return SteeringRequest(Steering(**options), given=given, **asked)
