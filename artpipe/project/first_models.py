"""Choose the models that a new dataset begins with, and the size of its pictures."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import NamedTuple

from artpipe import plugins
from artpipe.contracts.plugin_info import NewDatasets, medium_info, model_info
from artpipe.layout.work_kinds import format_count

_LEAST_SIDE = 16  # pixels; smaller works are enlarged to it
_LARGER = 1.5  # times the size of what learns from many; less is not worth a second size
_SIDE_UNIT = 4  # pixels; a side is a multiple of it, so that networks halve it twice


class SizedModels(NamedTuple):
    """Kinds that learn from the works at one size."""

    kinds: tuple[str, ...]
    size: int  # side of the pictures, in pixels
    is_own_size: bool = False  # of works that are smaller than the kinds want


@dataclass(frozen=True)
class FirstModels:
    """What a new dataset begins with.

    `large` are models of works as large as they are, and `small` those that learn from the same works at fewer pixels, for
    which a dataset of its own is written; None where one size does for all. `lines` say of each kind why it is there, or what it would need.
    """

    large: SizedModels
    small: SizedModels | None
    lines: tuple[str, ...]
    short_side: int = 0  # of most works, in pixels; 0: not known

    @property
    def kinds(self) -> tuple[str, ...]:
        """Return all kinds, those of the large size first."""
        return self.large.kinds + (self.small.kinds if self.small else ())


@dataclass(frozen=True)
class NewWorks:
    """What is known of a new dataset's works before they are copied in."""

    medium: str
    count: int
    noun: str  # what one of them is called
    captioned: bool = False  # most of them
    measure_side: Callable[[], int] = lambda: 0  # returns the shorter side of most of them in pixels, 0: not known

    def least_works(self, rule: NewDatasets) -> int:
        """Return how many of such works a kind wants."""
        return (self.captioned and rule.least_captioned_works) or rule.least_works

    def describe(self) -> str:
        """Return how many there are, in words."""
        return format_count(self.count, self.noun) + (" with captions" if self.captioned else "")


def choose_first_models(
    works: NewWorks, size: int | None, named: Sequence[str] | None, weights: bool = True
) -> FirstModels:
    """Return the kinds and the sizes of pictures for a dataset.

    Kinds say themselves how many works and which size they want. Of the kinds with enough works, those that want most of
    them go together, and those that are asked in words where there are captions, at the least size that these want. Where
    works are large, kinds that make large pictures of a few works stay beside them, at their own size; works that are smaller
    than wanted are not enlarged. `size` and `named` are what a person said, None for nothing. Without `weights` no kind is
    chosen that needs trained ones.
    """
    rules = {kind: rule for kind, rule in _find_rules(works.medium).items() if weights or not _needs_weights(kind)}
    models = _choose_sized_models(rules, works, size, named)
    if named is None and size is None and (own_size := _find_own_size(works, models)):
        models = _choose_sized_models(rules, works, own_size, named)._replace(is_own_size=True)
    chosen = list(models.kinds)
    large = _find_large_models(rules, works, models) if named is None and size is None else None
    chosen = [*large.kinds, *chosen] if large else chosen
    lines = [f"{kind}: {rules[kind].promise}" for kind in chosen if kind in rules and rules[kind].promise]
    few = [kind for kind in chosen if kind in rules and works.least_works(rules[kind]) > works.count]
    if few:
        wanted = max(works.least_works(rules[kind]) for kind in few)
        lines.append(f"{_join(few)}: {works.describe()} are few to learn from, {wanted:,} or more are wanted")
    if named is None:
        own_size = next((sized.size for sized in (large, models) if sized and sized.is_own_size), 0)
        lines += _describe_absent(rules, chosen, works, own_size)
    return FirstModels(large or models, models if large else None, tuple(lines), works.measure_side())


def _choose_sized_models(
    rules: Mapping[str, NewDatasets], works: NewWorks, size: int | None, named: Sequence[str] | None
) -> SizedModels:
    kinds = _choose_kinds(rules, works, size) if named is None else list(named)
    sizes = [rules[kind].size for kind in kinds if kind in rules and rules[kind].size]
    return SizedModels(tuple(kinds), size or min(sizes, default=0) or medium_info(works.medium).default_size)


def _find_own_size(works: NewWorks, models: SizedModels) -> int:
    """Return the size of works that are smaller than wanted; 0 of others."""
    side = works.measure_side()
    return max(_LEAST_SIDE, side // _SIDE_UNIT * _SIDE_UNIT) if 0 < side < models.size else 0


def _find_large_models(rules: Mapping[str, NewDatasets], works: NewWorks, models: SizedModels) -> SizedModels | None:
    """Return the kinds that want larger pictures than others, if works are larger.

    At the size that they want, or else at that of the works.
    """
    kinds = [
        kind
        for kind, rule in rules.items()
        if kind not in models.kinds
        and rule.size > models.size
        and works.least_works(rule) <= works.count <= (rule.most_works or works.count)
    ]
    wanted = SizedModels(tuple(kinds), min((rules[kind].size for kind in kinds), default=0))
    size = _find_own_size(works, wanted) or wanted.size
    fitting = tuple(kind for kind in kinds if rules[kind].sizes[0] <= size)
    if not fitting or not works.measure_side() or size < _LARGER * models.size:
        return None
    return SizedModels(fitting, size, is_own_size=size < wanted.size)


def _choose_kinds(rules: Mapping[str, NewDatasets], works: NewWorks, size: int | None) -> list[str]:
    fitting = {kind: rule for kind, rule in rules.items() if size is None or rule.sizes[0] <= size <= rule.sizes[1]}
    enough = {kind: rule for kind, rule in fitting.items() if works.least_works(rule) <= works.count} or fitting
    most = max(map(works.least_works, enough.values()), default=0)
    return [
        kind
        for kind, rule in enough.items()
        if works.least_works(rule) == most or (works.captioned and rule.least_captioned_works)
    ]


def _find_rules(medium: str) -> dict[str, NewDatasets]:
    """Return what kinds say of new datasets of a medium.

    Those that measure others come last.
    """
    columns = plugins.load_plugin("modalities", medium).columns
    rules = {kind: model_info(kind).new_datasets for kind in plugins.list_plugins("models")}
    known = {kind: rule for kind, rule in rules.items() if rule is not None}
    kinds = [kind for kind in known if plugins.load_plugin("models", kind).reads <= columns]
    return {kind: known[kind] for kind in sorted(kinds, key=has_features)}


def has_features(kind: str) -> bool:
    """Return whether models of a kind measure others by their features."""
    from artpipe.contracts.model import FeatureExtractor  # with torch

    build = plugins.load_plugin("models", kind).build
    return isinstance(build, type) and issubclass(build, FeatureExtractor)


def _needs_weights(kind: str) -> bool:
    return model_info(kind).pretrained == "weights"


def _describe_absent(
    rules: Mapping[str, NewDatasets], chosen: Sequence[str], works: NewWorks, own_size: int
) -> list[str]:
    absent = [kind for kind in rules if kind not in chosen]
    others = [kind for kind in absent if works.least_works(rules[kind]) <= works.count]
    wants = {
        kind: (works.least_works(rules[kind]), 0 if works.captioned else rules[kind].least_captioned_works)
        for kind in absent
        if kind not in others
    }
    lines = []
    for wanted, least_captioned in sorted({*wants.values()}):
        few = [kind for kind, bounds in wants.items() if bounds == (wanted, least_captioned)]
        captioned = f", {least_captioned:,} with captions" if least_captioned else ""
        lines.append(
            f"not {_join(few)}: {works.describe()} are too few to learn from nothing, "
            f"{wanted:,} of one kind or more are wanted{captioned}"
        )
    if others:
        side = max(rules[kind].size for kind in others)
        advice = f"; most of these have {own_size} or little more" if own_size else f", `--size {side}`"
        lines.append(f"not {_join(others)}: of pictures of {side} pixels{advice}")
    return lines


def _join(kinds: Sequence[str]) -> str:
    return kinds[0] if len(kinds) == 1 else f"{', '.join(kinds[:-1])} and {kinds[-1]}"
