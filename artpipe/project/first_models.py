"""Choose the models that a new dataset begins with, and the size of its pictures."""

from collections.abc import Sequence
from dataclasses import dataclass

from artpipe import plugins
from artpipe.contracts.plugin_info import NewDatasets, medium_info, model_info
from artpipe.layout.work_kinds import format_count


@dataclass(frozen=True)
class FirstModels:
    """What a new dataset begins with.

    `size` is the side of its pictures in pixels; `lines` say of each kind why it is there, or what it would need.
    """

    kinds: tuple[str, ...]
    size: int
    lines: tuple[str, ...]


def choose_first_models(
    medium: str, works: int, noun: str, size: int | None, named: Sequence[str] | None, weights: bool = True
) -> FirstModels:
    """Return the kinds and the size of pictures for a dataset of so many works.

    Kinds say themselves how many works and which size they want. Of the kinds with enough works, those that want most of
    them go together, since a dataset has one size. `size` and `named` are what a person said, None for nothing. Without `weights` no kind is chosen that needs trained ones.
    """
    rules = {kind: rule for kind, rule in _find_rules(medium).items() if weights or not _needs_weights(kind)}
    fitting = {kind: rule for kind, rule in rules.items() if size is None or rule.sizes[0] <= size <= rule.sizes[1]}
    enough = {kind: rule for kind, rule in fitting.items() if rule.least_works <= works} or fitting
    most = max((rule.least_works for rule in enough.values()), default=0)
    chosen = [kind for kind, rule in enough.items() if rule.least_works == most] if named is None else list(named)
    wanted = size or max((rules[kind].size for kind in chosen if kind in rules), default=0)
    chosen_size = wanted or medium_info(medium).default_size
    lines = [f"{kind}: {rules[kind].promise}" for kind in chosen if kind in rules and rules[kind].promise]
    few = [kind for kind in chosen if kind in rules and rules[kind].least_works > works]
    if few:
        wanted = max(rules[kind].least_works for kind in few)
        lines.append(f"{_join(few)}: {format_count(works, noun)} are few to learn from, {wanted:,} or more are wanted")
    if named is None:
        lines += _describe_absent(rules, chosen, works, noun)
    return FirstModels(tuple(chosen), chosen_size, tuple(lines))


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


def _describe_absent(rules: dict[str, NewDatasets], chosen: Sequence[str], works: int, noun: str) -> list[str]:
    few = [kind for kind, rule in rules.items() if kind not in chosen and rule.least_works > works]
    others = [kind for kind, rule in rules.items() if kind not in chosen and rule.least_works <= works]
    lines = []
    if few:
        wanted = max(rules[kind].least_works for kind in few)
        counted = format_count(works, noun)
        lines.append(
            f"not {_join(few)}: {counted} are too few to learn from nothing, {wanted:,} of one kind or more are wanted"
        )
    if others:
        side = max(rules[kind].size for kind in others)
        lines.append(f"not {_join(others)}: of pictures of {side} pixels, `--size {side}`")
    return lines


def _join(kinds: Sequence[str]) -> str:
    return kinds[0] if len(kinds) == 1 else f"{', '.join(kinds[:-1])} and {kinds[-1]}"
