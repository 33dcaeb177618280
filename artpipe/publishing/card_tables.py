"""Sentences and tables about a dataset.

Its own card and those of its models share them.
"""

from collections.abc import Iterator, Mapping

from artpipe.contracts.plugin_info import medium_info
from artpipe.publishing.card_artifacts import DatasetArtifacts
from artpipe.publishing.hub_licences import hub_licence
from artpipe.publishing.markdown_text import Markdown, make_code, make_table
from artpipe.site.translation import format_number

_MAXIMUM_ROWS = 40  # of a table of licences, creators or labels; what is left stands in one row
_MAJORITY = 0.5  # of the works, by one creator
_UNEVEN = 3.0  # times as many works in the largest class as in the smallest
_FEW_WORKS = 1000
UNKNOWN = "unknown"


def list_hub_licences(dataset: DatasetArtifacts) -> list[str]:
    """Return the Hub's names of the licences of all works, sorted."""
    return sorted({hub_licence(text) for text in dataset.tallies["licence"]}) or [UNKNOWN]


def count_unlicensed(dataset: DatasetArtifacts) -> int:
    """Return how many works say nothing of their licence."""
    return sum(count for text, count in dataset.tallies["licence"].items() if hub_licence(text) == UNKNOWN)


def tally_table(heading: str, counts: Mapping[str, int], counted: str = "Works") -> Markdown:
    """Return a table of the most frequent values; there has to be one."""
    ordered = sorted(counts.items(), key=lambda item: (-item[1], item[0]))
    rows: list[tuple[object, object]] = [(name or UNKNOWN, count) for name, count in ordered[:_MAXIMUM_ROWS]]
    if rest := ordered[_MAXIMUM_ROWS:]:
        rows.append((f"{len(rest)} others", sum(count for _, count in rest)))
    return make_table((heading, counted), rows)


def label_table(dataset: DatasetArtifacts) -> Markdown | None:
    """Return the works by label, None where there are no labels."""
    record = dataset.record
    if not record.labels:
        return None
    return tally_table("Label", {**record.labels, **({"(no label)": record.unlabelled} if record.unlabelled else {})})


def list_dataset_limits(dataset: DatasetArtifacts) -> Iterator[str]:
    """Yield what a person has to know before trusting the dataset, or a model of it."""
    record, works = dataset.record, format_number(dataset.record.kept)
    if record.kept < _FEW_WORKS:
        yield f"It is small: {works} works. What is rare in them is missing in what is learned from them."
    creator, by_creator = max(dataset.tallies["creator"].items(), key=lambda item: item[1])
    if len(dataset.tallies["creator"]) > 1 and by_creator > _MAJORITY * record.kept and creator != UNKNOWN:
        yield f"{by_creator / record.kept:.0%} of the works are by one creator: {creator}."
    if unnamed := dataset.tallies["creator"].get(UNKNOWN, 0):
        yield f"The creator of {format_number(unnamed)} of {works} works is not recorded."
    if unlicensed := count_unlicensed(dataset):
        yield f"The licence of {format_number(unlicensed)} of {works} works is not recorded."
    if dataset.medium and medium_info(dataset.medium).is_readable:
        yield "The language of the texts is not recorded: add the field language to the head of this card."
    counts = record.labels.values()
    if len(counts) > 1 and max(counts) >= _UNEVEN * min(counts):
        least, most = min(record.labels.items(), key=_count), max(record.labels.items(), key=_count)
        yield (
            f"Its classes are uneven: {format_number(most[1])} works of \u201c{most[0]}\u201d, "
            f"{format_number(least[1])} of \u201c{least[0]}\u201d."
        )


def _count(item: tuple[str, int]) -> int:
    return item[1]


def describe_works(dataset: DatasetArtifacts | None) -> str:
    """Return the form in which models see the works; empty where it is not at hand."""
    if dataset is None or dataset.shards is None:
        return ""
    spec = dataset.shards.spec
    if spec.channels:
        return f"{spec.width} \u00d7 {spec.height} pixels, {'grey' if spec.channels == 1 else 'in colour'}"
    steps = f", {spec.grid} steps in a quarter note" if spec.grid else ""
    words = f", a vocabulary of {format_number(len(spec.vocabulary))}" if spec.vocabulary else ""
    return f"{dataset.medium or 'tokens'}, in rows of {format_number(spec.length)} tokens{words}{steps}"


def preprocessing_table(dataset: DatasetArtifacts | None) -> Markdown | None:
    """Return the parameters of preprocess, None where they are not at hand."""
    if dataset is None or dataset.shards is None or not dataset.shards.params:
        return None
    rows = [(make_code(name), make_code(str(value))) for name, value in dataset.shards.params.items()]
    return make_table(("Parameter", "Value"), rows)
