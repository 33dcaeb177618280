"""Make the entries of params.yaml that a new dataset begins with."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any, NamedTuple

from artpipe.config.params import About, DatasetEntry, Params, validate_as
from artpipe.contracts.plugin_info import medium_info
from artpipe.layout.layout_summary import LayoutSummary
from artpipe.preprocessing.jobs import work_kinds
from artpipe.project.detection import make_preprocess_params, may_hold_many_works
from artpipe.project.first_models import FirstModels, NewWorks, SizedModels, choose_first_models
from artpipe.project.new_entries import has_weights, make_dataset_entry
from artpipe.project.params_file import PARAMS
from artpipe.project.spread_works import measure_short_side


class NewModel(NamedTuple):
    """A model to be written."""

    name: str
    kind: str
    dataset: str


@dataclass(frozen=True)
class FirstEntries:
    """The entries of a new dataset.

    Of its works at their own size first, and at a smaller one, under another name and with the same path, where some
    kinds learn at fewer pixels.
    """

    datasets: Mapping[str, Mapping[str, Any]]  # by name
    models: tuple[NewModel, ...]
    lines: tuple[str, ...]  # why, for a person

    def describe(self) -> str:
        """Return what was added and why, in lines."""
        models = ", ".join(model.name for model in self.models) or "no models (`artpipe model add` brings some)"
        reasons = "".join(f"  {line}\n" for line in self.lines)
        return f"added {' and '.join(self.datasets)} with {models}\n{reasons}"


def draft_dataset(
    name: str, target: Path, about: About, medium: str, ingest: Mapping[str, Any], size: int | None
) -> DatasetEntry:
    """Return a dataset's checked entry, of the size asked for or of its medium."""
    preprocess = make_preprocess_params(medium, size or medium_info(medium).default_size)
    entry = make_dataset_entry(target, about, medium, preprocess, ingest)
    return validate_as(DatasetEntry, entry, file=str(PARAMS), place=f"datasets.{name}")


def choose_models(
    params: Params,
    summary: LayoutSummary,
    entry: DatasetEntry,
    source: Path,
    *,
    size: int | None,
    kinds: Sequence[str] | None,
) -> FirstModels:
    """Return the models that works at `source` begin with; change nothing."""

    @cache
    def measure_side() -> int:
        return 0 if may_hold_many_works(source) else measure_short_side(entry.model_copy(update={"path": str(source)}))

    noun = work_kinds()[summary.medium].noun
    works = NewWorks(summary.medium, summary.works, noun, 2 * summary.captioned_works > summary.works, measure_side)
    return choose_first_models(works, size, kinds, has_weights(params))


def make_first_entries(
    name: str, first: FirstModels, target: Path, about: About, medium: str, ingest: Mapping[str, Any]
) -> FirstEntries:
    """Return the entries of a dataset and of its models."""

    def make_entry(models: SizedModels, title: str) -> Mapping[str, Any]:
        known = about.model_copy(update={"title": title})
        preprocess = make_preprocess_params(medium, models.size, first.short_side)
        return make_dataset_entry(target, known, medium, preprocess, ingest)

    datasets = {name: make_entry(first.large, about.title)}
    models = [NewModel(f"{name}-{kind}", kind, name) for kind in first.large.kinds]
    lines = list(first.lines)
    if first.small:
        small = f"{name}-small"
        datasets[small] = make_entry(first.small, f"{about.title}, {first.small.size} px" if about.title else "")
        models += [NewModel(f"{name}-{kind}", kind, small) for kind in first.small.kinds]
        factor = (first.large.size / first.small.size) ** 2
        lines.append(
            f"{small}: the same files at {first.small.size} pixels, for {', '.join(first.small.kinds)}; "
            f"at {first.large.size} a step of theirs would take {factor:.0f} times as long"
        )
    return FirstEntries(datasets, tuple(models), tuple(lines))
