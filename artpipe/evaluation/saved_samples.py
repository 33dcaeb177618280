"""The files of `artpipe sample`: a sheet, and each picture beside it."""

import json
import math
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from artpipe.contracts.model import Exhibit
from artpipe.errors import UserError
from artpipe.evaluation.painted_files import PaintedFile, PaintedFiles
from artpipe.evaluation.recipes import make_command
from artpipe.evaluation.sample_file_labels import SampleLabeller
from artpipe.system.atomic_files import write_bytes, write_folder
from artpipe.system.hashing import sha256_bytes
from artpipe.system.output_file import check_output
from artpipe.system.shell_quoting import quote_for_shell
from artpipe.training.exhibit_files import encode_content, encode_sheet

_MARK = ".artpipe"  # a file in a folder that was written here
_MOST_NAMED = 40  # letters of a prompt in a file's name


def _name_request(asked: Mapping[str, Any]) -> str:
    """Return what follows a name: the prompt's words, and a hash of all else.

    So one request's pictures do not replace those of another.
    """
    rest = {key: str(value) for key, value in asked.items() if value is not None}
    prompt = rest.get("prompt", "")
    words = re.sub(r"\W+", "-", prompt.casefold()).strip("-")[:_MOST_NAMED]
    if words.replace("-", " ") == prompt:
        rest.pop("prompt", None)
    marks = [words, sha256_bytes(json.dumps(rest, sort_keys=True).encode())[:6] if rest else ""]
    return "".join(f"-{mark}" for mark in marks if mark)


def choose_out(name: str, seed: int, asked: Mapping[str, Any]) -> Path:
    """Return where samples go if nobody says it."""
    return Path("data/samples") / f"{name}-seed-{seed}{_name_request(asked)}"


def check_out(out: Path) -> None:
    """Refuse a place where something stands that was not written here.

    Raises:
        UserError: there is such, or nothing can be written there.
    """
    singles = _find_singles(out)
    is_ours = (singles / _MARK).exists()
    for place in (singles, out) if out.suffix else (singles,):
        if place.exists() and not is_ours:
            raise UserError(f"--out {place}: is there already and is not ours; choose another, or move it away")
    check_output(out, "--out")


def _find_singles(sheet: Path) -> Path:
    return sheet.with_name(sheet.name.removesuffix(sheet.suffix))


def _make_recipe(recipe: Mapping[str, Any], exhibit: Exhibit, number: int, count: int) -> dict[str, Any]:
    """Return the recipe of one picture, with the command that paints it again."""
    own = {"prompt": exhibit.caption or None, **recipe, "seed": exhibit.seed, "label": exhibit.label}
    if "between" in recipe:
        own |= {"seed": None, "n": count, "number": number}  # one of the way's pictures, from 0 on
    own = {name: value for name, value in own.items() if value is not None}
    return {**own, "command": " ".join(map(quote_for_shell, make_command(own)))}


def save_exhibits(
    exhibits: list[Exhibit], out: Path, recipe: Mapping[str, Any], labeller: SampleLabeller
) -> PaintedFiles:
    """Write ``out.png`` (or what it is) and ``out/SEED.png``.

    Raises:
        UserError: something that was not written so stands there, or nothing can be written there.
    """
    if not exhibits:
        raise UserError(f"models.{recipe['model']}: it has nothing to show")
    suffix, content = encode_sheet(exhibits, columns=max(8, math.ceil(len(exhibits) ** 0.5))) or (".txt", b"")
    labeller.find_sources(exhibits)
    whole = {**recipe, "seed": exhibits[0].seed, "n": len(exhibits)}
    whole = {name: value for name, value in whole.items() if value is not None}
    whole |= {"command": " ".join(map(quote_for_shell, make_command(whole)))}
    content, suffix = labeller.label(content, suffix, exhibits, whole)
    sheet = out if out.suffix else out.with_name(out.name + suffix)
    singles = _find_singles(sheet)
    check_out(sheet)
    painted = []
    with write_folder(singles) as folder:
        (folder / _MARK).touch()
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
