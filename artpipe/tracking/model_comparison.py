"""`artpipe compare`: two models side by side, as text, JSON or a page."""

import json
from collections.abc import Iterator, Sequence
from itertools import zip_longest
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

from artpipe.artifacts.report import Finding, Score
from artpipe.config.differences import list_differences
from artpipe.config.params import load_params
from artpipe.errors import UserError
from artpipe.language.sentences import make_sentence
from artpipe.numerics.intervals import Interval
from artpipe.site.translation import format_ends, format_number
from artpipe.system.atomic_files import write_bytes
from artpipe.system.hashing import sha256_bytes
from artpipe.system.output_file import PAGE, check_output
from artpipe.system.plain_text import to_printable
from artpipe.tracking.compared_models import ComparedModel, find_model
from artpipe.tracking.score_comparison import ScorePair, compare_scores

if TYPE_CHECKING:
    from artpipe.contracts.model import Exhibit

_TEXT_CHARACTERS = 200  # of a sample that is text, in a terminal
_MARKS = {"better": "better", "worse": "worse", "unclear": "no difference shown", "": ""}


class MadeWork(NamedTuple):
    """One work of one model."""

    seed: int | None
    suffix: str
    data: bytes

    @property
    def text(self) -> str | None:
        """Return the work where it is text."""
        return self.data.decode("utf-8", "replace") if self.suffix == ".txt" else None


SamplePair = tuple[MadeWork | None, MadeWork | None]


class Comparison(NamedTuple):
    """All that is compared of two models."""

    first: ComparedModel
    second: ComparedModel
    parameters: list[tuple[str, Any, Any]]
    scores: list[ScorePair]
    samples: list[SamplePair]

    def to_text(self) -> str:
        """Return it as lines for a terminal."""
        return _format_text(self)

    def to_json(self) -> dict[str, Any]:
        """Return it for programs; of works their hashes, of texts the text."""
        return _describe_comparison(self)


def compare_models(first: str, second: str, *, samples: int, seed: int) -> Comparison:
    """Return what two models differ in, and works of both from the same seeds.

    Args:
        first: a model, `MODEL@champion` or `MODEL@REVISION`.
        second: likewise.
        samples: how many works of each; 0: none.
        seed: of the first of them.

    Raises:
        UserError: see `find_model`; or both are one checkpoint.
    """
    ours, theirs = find_model(first), find_model(second)
    if (checkpoint := ours.measured.report.checkpoint) == theirs.measured.report.checkpoint:
        raise UserError(
            f"{to_printable(first)} and {to_printable(second)} are one checkpoint, {checkpoint[:12]}; name another model, "
            f"or this one as a commit has it: {ours.measured.report.model}@REVISION"
        )
    old, new = ({**model.params, "seed": model.seed} for model in (ours, theirs))
    works = [list(_make_works(model, samples, seed)) if samples else [] for model in (ours, theirs)]
    return Comparison(
        first=ours,
        second=theirs,
        parameters=list(list_differences(old, new)),
        scores=list(compare_scores(ours.measured, theirs.measured)),
        samples=list(zip_longest(works[0], works[1])),
    )


def _make_works(model: ComparedModel, count: int, seed: int) -> Iterator[MadeWork]:
    from artpipe.evaluation.sample_model import generate_works
    from artpipe.training.exhibit_files import encode_content

    exhibits: list[Exhibit] = generate_works(model.checkpoint, model.measured.report.dataset, count, seed)
    for exhibit in exhibits[:count]:
        content = exhibit.parts.get("score", exhibit.data)  # of music what can be read
        yield MadeWork(exhibit.seed, *encode_content(content))


def _describe_comparison(comparison: Comparison) -> dict[str, Any]:
    return {
        **{key: _describe_model(model) for key, model in zip(("first", "second"), comparison[:2], strict=True)},
        "cost": [
            {"name": name, "first": ours, "second": theirs} for name, ours, theirs in list_costs(comparison)
        ],
        "parameters": [{"name": name, "first": ours, "second": theirs} for name, ours, theirs in comparison.parameters],
        "scores": [
            {
                **pair.model_dump(mode="json"),
                "outcome": pair.outcome,
                "real_works": pair.real_works,
                "why_not": make_sentence(pair.refusal) if pair.refusal else None,
            }
            for pair in comparison.scores
        ],
        "samples": [
            {"seed": _find_seed(pair), **{key: _describe_work(work) for key, work in zip(("first", "second"), pair, strict=True)}}
            for pair in comparison.samples
        ],
    }  # fmt: skip


def _format_text(comparison: Comparison) -> str:
    first, second = comparison.first.label, comparison.second.label
    lines = [f"{first} beside {second}"]
    for model in comparison[:2]:
        report = model.measured.report
        lines.append(f"  {model.label}: {report.kind} on {report.dataset}; {_describe_verdict(report.verdict)}")
    rows = [(name, _format(ours), _format(theirs)) for name, ours, theirs in comparison.parameters]
    lines += ["", "parameters that differ", *_align([("", first, second), *rows])] if rows else ["", "same parameters"]
    lines += ["", "cost of the training (energy is an estimate: docs/cost.md)"]
    costs = [(name, *map(_format_cost, values)) for name, *values in list_costs(comparison)]
    lines += _align([("", first, second), *costs])
    lines += ["", "scores, with 95 % intervals; the difference is the second minus the first"]
    lines += _align([("", first, second, "real works", "difference"), *map(_format_pair, comparison.scores)])
    texts = [
        (pair, works) for pair in comparison.samples if (works := [work.text for work in pair if work and work.text])
    ]
    for pair, works in texts:
        lines += [
            "",
            f"seed {_find_seed(pair)}",
            *(f"  {' / '.join(text[:_TEXT_CHARACTERS].splitlines())}" for text in works),
        ]
    if comparison.samples and not texts:
        lines += [
            "",
            f"{len(comparison.samples)} works of each from the same seeds: `--page FILE.html` shows them side by side",
        ]
    return "\n".join(lines)  # fmt: skip


def list_costs(comparison: Comparison) -> Iterator[tuple[str, float | None, float | None]]:
    """Yield steps, core-seconds, memory and energy of both; None: not recorded."""
    first, second = (_find_steps(model) for model in comparison[:2])
    yield "steps", first, second
    for name in ("core_seconds", "peak_memory_gib", "energy_wh"):
        first, second = (model.cost and getattr(model.cost, name) for model in comparison[:2])
        yield name, first, second


def _find_steps(model: ComparedModel) -> float | None:
    """Return after how many steps the weights were taken that were measured."""
    return next((score.value for score in model.measured.report.scores if score.is_training_record), None)


def write_page(comparison: Comparison, path: Path) -> str:
    """Write a comparison as one page that needs no other file; return a line."""
    from artpipe.site.comparison_page import render_comparison
    from artpipe.site.themes import find_theme, make_translator

    check_output(path, "--page", PAGE)
    params = load_params()
    theme = find_theme(params.gallery.theme)
    translator = make_translator(params, theme)
    facts = {
        "title": params.gallery.title,
        **{key: _describe_model(model) | {"verdict": model.measured.report.verdict}
           for key, model in zip(("first", "second"), comparison[:2], strict=True)},
        "samples": [_make_row(pair, comparison) for pair in comparison.samples],
        "scores": comparison.scores,
        "parameters": comparison.parameters,
        "costs": list(list_costs(comparison)),
    }  # fmt: skip
    words = (translator.translate, translator.translate_plural)
    data = render_comparison(theme, translator.filters(), words, facts)
    write_bytes(path, data)
    return f"{path}: {len(comparison.samples)} works of each side by side; it opens by double click"


def _make_row(pair: SamplePair, comparison: Comparison) -> dict[str, Any]:
    labels = (comparison.first.label, comparison.second.label)
    return {
        "seed": _find_seed(pair),
        "made": [work and _make_cell(work, label) for work, label in zip(pair, labels, strict=True)],
    }


def _make_cell(work: MadeWork, label: str) -> dict[str, Any]:
    from artpipe.site.self_contained import make_data_url

    url = make_data_url(work.suffix, work.data)
    width = int.from_bytes(work.data[16:20]) if work.suffix == ".png" else 0  # of a PNG, in its header
    seed = "" if work.seed is None else f", seed {work.seed}"
    return {
        "words": work.text,
        "url": url,
        "mime": url[5:].partition(";")[0],
        "width": width,
        "label": f"{label}{seed}",
    }


def _describe_model(model: ComparedModel) -> dict[str, Any]:
    report = model.measured.report
    return {
        "label": model.label,
        "model": report.model,
        "kind": report.kind,
        "dataset": report.dataset,
        "checkpoint": report.checkpoint,
        "grade": report.verdict.grade,
    }


def _describe_work(work: MadeWork | None) -> dict[str, Any] | None:
    return work and {"sha256": sha256_bytes(work.data), "suffix": work.suffix, "words": work.text}


def _find_seed(pair: SamplePair) -> int | None:
    return next((work.seed for work in pair if work), None)


def _describe_verdict(verdict: Finding) -> str:
    fault = f", {verdict.fault}" if verdict.fault else ""
    return f"{verdict.grade}{fault}. {make_sentence(verdict)}"


def _format_pair(pair: ScorePair) -> tuple[str, ...]:
    values = [_format_score(score) if score else "-" for score in (pair.first, pair.second)]
    values.append(" / ".join(map(_format_plain, pair.real_works)) or "-")
    if pair.refusal:
        return (pair.name, *values, f"not compared: {make_sentence(pair.refusal)}")
    if pair.interval is None:
        return (pair.name, *values, f"{_format_signed(pair.difference)} (no interval)")
    interval = _format_ends(pair.interval, signed=True)
    return (pair.name, *values, f"{_format_signed(pair.difference)} {interval} {_MARKS[pair.outcome]}")


def _format_score(score: Score) -> str:
    interval = score.interval
    text = _format_plain(score.value)
    return text if interval is None else f"{text} {_format_ends(interval)}"


def _format_ends(interval: Interval, *, signed: bool = False) -> str:
    signs = ["+" if signed and end > 0 else "" for end in interval]
    low, high = (f"{sign}{end}" for sign, end in zip(signs, format_ends(interval), strict=True))
    return f"[{low}, {high}]".replace("\u2212", "-")


def _format_signed(value: float | None) -> str:
    return "-" if value is None else f"{'+' if value > 0 else ''}{_format_plain(value)}"


def _format_plain(value: float) -> str:
    """Return a number as elsewhere, with a minus that every terminal has."""
    return format_number(value).replace("\u2212", "-")


def _format_cost(value: float | None) -> str:
    return "-" if value is None else _format_plain(value)


def _format(value: Any) -> str:
    return "-" if value is None else json.dumps(value, ensure_ascii=False)


def _align(rows: Sequence[tuple[str, ...]]) -> list[str]:
    """Return rows of cells as indented lines with columns."""
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    return ["  " + "  ".join(map(str.ljust, row, widths)).rstrip() for row in rows]
