"""Read `curation.yaml`: which works a person picked, hid, named and bred.

It lies in git beside params.yaml. Works are named by their recipe, which a training does not change: role and seed, or role and
the works of the dataset that they were made from. `artpipe curate` writes it.
"""

from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from typing import Annotated, Literal

from pydantic import Field, field_validator

from artpipe.artifacts.paths import CURATION
from artpipe.artifacts.report import ReportCard, SavedExhibit
from artpipe.config.params import Frozen, validate_as
from artpipe.config.safe_yaml import parse_yaml
from artpipe.errors import UserError

EMPTY_CURATION = """\
# What a person chose of the gallery: `artpipe curate` writes it, and so may you. It lies in git.
# Works are named by their recipe, which a new training does not change: `sample seed 200003`, `variation of 837802f1a9c4`.
format: 1
"""
_DIGEST_DIGITS = 12  # of a work's SHA-256
_MOST_DIGESTS = 3  # that name a work made from several
Seed = Annotated[int, Field(ge=0, lt=2**32)]


class WorkDecision(Frozen):
    """What was decided of one work."""

    hidden: bool = False
    place: int | None = Field(default=None, ge=1)  # 1 hangs first; not given: after those that have one
    title: str = Field(default="", max_length=200)  # empty: the one that it was made with


class BredWork(Frozen):
    """A picture near one that hangs.

    Three quarters of its noise are that one's, the rest another seed's.
    """

    seed: Seed  # whose noise comes in
    near: Seed  # of the work whose noise stays
    label: int | None = Field(default=None, ge=0)  # its class

    @property
    def recipe(self) -> str:
        """Return the name of the work in `works`."""
        return f"bred seed {self.seed} near {self.near}"


class ModelCuration(Frozen):
    """What was decided of a model's works."""

    works: dict[str, WorkDecision] = Field(default_factory=dict)  # by recipe
    bred: tuple[BredWork, ...] = ()

    @field_validator("works", "bred", mode="before")
    @classmethod
    def _allow_nothing(cls, value: object, info: object) -> object:
        """Take what a person emptied as nothing."""
        return value if value is not None else {} if getattr(info, "field_name", "") == "works" else ()


class Curation(Frozen):
    """`curation.yaml`."""

    format: Literal[1] = 1
    models: dict[str, ModelCuration] = Field(default_factory=dict)


def load_curation(root: Path = Path()) -> Curation:
    """Return what was decided, nothing where there is no such file.

    Raises:
        UserError: the file is not YAML, or says something that is no decision.
    """
    try:
        text = (root / CURATION).read_text(encoding="utf-8")
    except FileNotFoundError:
        return Curation()
    except (OSError, UnicodeDecodeError) as error:
        raise UserError(f"{CURATION}: cannot be read: {error}") from None
    return parse_curation(text)


def parse_curation(text: str) -> Curation:
    """Return the decisions in a text of `curation.yaml`.

    Raises:
        UserError: see `load_curation`.
    """
    return validate_as(Curation, parse_yaml(text, str(CURATION)) or {}, file=str(CURATION))


def list_recipes(report: ReportCard) -> list[str]:
    """Return the recipe of each exhibit, in their order; no two are the same."""
    counts: Counter[str] = Counter()
    recipes = []
    for exhibit in report.exhibits:
        recipe = _name_recipe(exhibit)
        counts[recipe] += 1
        recipes.append(recipe if counts[recipe] == 1 else f"{recipe} ({counts[recipe]})")
    return recipes


def _name_recipe(exhibit: SavedExhibit) -> str:
    if exhibit.seed is not None:
        return f"{exhibit.role} seed {exhibit.seed}"
    return f"{exhibit.role} of {_name_works(exhibit.digests)}" if exhibit.digests else exhibit.role


def _name_works(digests: Sequence[str]) -> str:
    shown = " ".join(digest[:_DIGEST_DIGITS] for digest in digests[:_MOST_DIGESTS])
    return shown if len(digests) <= _MOST_DIGESTS else f"{shown} and {len(digests) - _MOST_DIGESTS} more"
