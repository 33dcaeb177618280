"""What other modules read of a plugin without importing it.

It stands as literals beside the plugin: `MODEL_INFO`, `MEDIUM_INFO`, `METRIC_INFO`. It is read from the file's
syntax tree, so a plan, a page and a fingerprint know a plugin without importing it, and no torch with it. It stands
beside the plugin and not in it, so that a new title makes the gallery stale and no training.
"""

import ast
from collections.abc import Mapping, Sequence
from functools import lru_cache
from pathlib import Path
from typing import Annotated, Any, Literal, TypeVar

from pydantic import Field

from artpipe import plugins
from artpipe.config.params import Settings, validate_as
from artpipe.contracts.generation_facts import SourceType
from artpipe.errors import UserError

NonNegative = Annotated[float, Field(ge=0)]


class WallText(Settings):
    """What the gallery says of the exhibits of one role."""

    heading: str  # in English; a theme's words translate it
    note: str = ""
    own: bool = False  # what a model makes of itself: it hangs first, and at the entrance
    given: bool = False  # the model worked on given pictures
    # What IPTC calls such a medium, in its files; empty: a composite where the model was given pictures, else its own.
    source_type: SourceType | Literal[""] = ""


def choose_source_type(texts: Sequence[WallText | None], *, has_sources: bool) -> SourceType:
    """Return what IPTC calls exhibits of roles with these texts.

    It is as their kind declares, else by whether they were made of given works.
    """
    for text in texts:
        if text and text.source_type:
            return text.source_type
    is_given = has_sources or any(text is not None and text.given for text in texts)
    return "compositeWithTrainedAlgorithmicMedia" if is_given else "trainedAlgorithmicMedia"


class WallInfo(Settings):
    """What the gallery shows of a plugin."""

    wall_texts: Mapping[str, WallText] = {}  # by role of the exhibits that it makes or chooses
    acronyms: tuple[str, ...] = ()  # among the names of its parameters and scores, lower-case


class Budget(Settings):
    """What a preset makes of an entry that its own file does not name."""

    steps_factor: float = Field(default=1.0, gt=0)  # times the entry's steps, and as many between two evaluations
    at_least: Mapping[str, int | float] = {}  # parameters that are raised to this where they are less


class NewDatasets(Settings):
    """For which new datasets `artpipe dataset add` writes an entry of a kind."""

    least_works: int = Field(default=1, gt=0)  # with fewer it makes nothing worth looking at
    # Where works have captions and it is asked in words; 0: they change nothing for it.
    least_captioned_works: int = Field(default=0, ge=0)
    most_works: int = Field(
        default=0, ge=0
    )  # beside what learns from many, its large pictures take too much disk of more; 0: never
    size: int = Field(default=0, ge=0)  # side of the pictures, in pixels, that it is best at; 0: it has none
    sizes: tuple[int, int] = (0, 1 << 16)  # sides that it can do with, the least and the largest
    promise: str = ""  # what it makes of the works, in English; printed where they are added


class Export(Settings):
    """What `artpipe export` makes of a kind (docs/export.md)."""

    network: str = ""  # module:class, an `ExportedNetwork`: what ONNX and the Hub get; empty: nothing
    reason: str = "its `MODEL_INFO` names no network to export"  # why there is none
    only: Mapping[str, str] = Field(
        default_factory=dict
    )  # parameters whose value the network knows; of others there is none


class ModelInfo(WallInfo):
    """What others ask of a kind of models."""

    title: str = ""  # as it hangs in the gallery; empty: the name of the file
    # Core time of a training step, per picture of a batch and pixel of it (of what is no picture, per token), on two cores
    # of an AMD EPYC with AVX2 and no bf16. Not given: that of the slowest kind, since a plan is better too long than too short.
    nanoseconds_per_pixel: float = Field(default=100_000, gt=0)
    evaluation_seconds: float = Field(
        default=10.0, ge=0
    )  # core-seconds of scoring 2,000 samples, where that was measured
    # Parameters by whose number or length a step takes longer in proportion: it is measured with one of each.
    multipliers: tuple[str, ...] = ()
    class_parameters: tuple[str, ...] = ()  # that name classes of the dataset
    # Steps of a miniature training that is measured whole, where a step's cost depends on the share of the steps that are
    # done; 0: a few steps are measured.
    miniature_steps: int = Field(default=0, ge=0)
    default_steps: int = Field(default=1000, gt=0)  # as its parameters have it, for an entry that does not say
    default_batch_size: int = Field(default=64, gt=0)
    # Of what it hangs, to somebody who waits for a first picture: what hangs after twice the time has to have twice as much.
    appeal: float = Field(default=1.0, gt=0)
    # Share of a training's time after which what it makes is worth a look to somebody who waits for a first picture; 1: only
    # what hangs is.
    first_look: float = Field(default=1.0, gt=0, le=1)
    pretrained: Literal["", "checkpoint", "weights"] = (
        ""  # of a feature extractor, or those that measure pictures; "": none
    )
    # Whether its training learns something that is used afterwards; else it makes its own pictures step by step, and pages
    # do not speak of training.
    learns: bool = True
    hub_task: str = ""  # what it does, as the Hub calls it (`pipeline_tag`); empty: what its medium says
    export: Export = Export()  # what ONNX and the Hub get of it
    new_datasets: NewDatasets | None = None  # None: `dataset add` writes no entry of it unless it is named
    starting_params: Mapping[str, Any] = {}  # of an entry that is written: about a hundred works within minutes
    presets: Mapping[str, Budget] = {  # by what is typed: `artpipe preset long`
        "long": Budget(steps_factor=3),
        "gpu": Budget(steps_factor=3),
    }


class MediumInfo(Settings):
    """What others ask of a medium."""

    size_parameter: str = "length"  # of `preprocess`: what a row is long or wide
    default_size: int = Field(default=128, gt=0)  # of that parameter
    # Core-milliseconds of a work, and of a megabyte of the files that works are in, on the same CPU.
    ingest_milliseconds: tuple[NonNegative, NonNegative] = (1.0, 100.0)
    preprocess_milliseconds: tuple[NonNegative, NonNegative] = (1.0, 300.0)
    axes: Literal[1, 2] = 1  # a row has size ** axes values: tokens, or pixels of a square whose side `--size` says
    starting_params: Mapping[str, Any] = {}  # of `preprocess`, for a new dataset
    small_side: int = 0  # pixels; of smaller works `small_params` are the starting ones instead
    small_params: Mapping[str, Any] = {}
    preset_sizes: Mapping[str, int] = {}  # by preset: what the size grows to where the works are as large
    preview_job: str = (
        ""  # module:function(bytes, settings) -> RGB of a square; a worker draws works for a contact sheet
    )
    # module:function(RowsRequest) -> SampleRows: random rows, on which a training step is measured; "": it is not
    sample_rows: str = ""
    is_readable: bool = False  # works are UTF-8, and their first lines are shown where they are added
    refusal_hints: Mapping[str, str] = {}  # by reason of quarantine: what to type so that such works are kept
    # Tasks as the Hub calls them, of a dataset: by "works", and by "labels" and "captions" where it has some; a model that
    # names none makes "works".
    hub_tasks: Mapping[str, str] = {}
    media_types: tuple[str, ...] = ()  # of the originals that are kept
    work_type: str = ""  # of an original as Croissant reads it: sc:ImageObject or sc:Text; empty: it has no reader
    separator_hint: str = ""  # what to type where a file may hold more works than were found


class MetricInfo(WallInfo):
    """What others ask of a metric."""

    explained: Mapping[
        str, str
    ] = {}  # by name of a score: a sentence on what it means, for those who never heard of it
    copy_scores: tuple[str, ...] = ()  # names of its scores that tell how far a model copies works it learned from


InfoT = TypeVar("InfoT", ModelInfo, MediumInfo, MetricInfo)
_CLASSES = {info.__name__ for info in (ModelInfo, MediumInfo, MetricInfo, WallText, Budget, NewDatasets, Export)}


def model_info(kind: str) -> ModelInfo:
    """Return what a kind of models says of itself; see `read_info`."""
    return read_info(ModelInfo, "models", kind)


def medium_info(medium: str) -> MediumInfo:
    """Return what a medium says of itself; see `read_info`."""
    return read_info(MediumInfo, "modalities", medium)


def metric_info(metric: str) -> MetricInfo:
    """Return what a metric says of itself; see `read_info`."""
    return read_info(MetricInfo, "metrics", metric)


def read_info(info: type[InfoT], group: str, name: str) -> InfoT:
    """Return the info of a plugin without running its file.

    Without such a plugin, or such a constant, it has its defaults.

    Raises:
        UserError: the file is no Python, or a field is no literal or not what it has to be: file, line, what is expected.
    """
    path = plugins.source_file(group, name)
    if path is None:
        return info()
    stat = path.stat()
    constant, stamp = plugins.info_constant(group, name), (stat.st_size, stat.st_mtime_ns)
    parsed: InfoT = _parse_info(info, path, constant, stamp)
    return parsed


@lru_cache(maxsize=256)
def _parse_info(info: type[InfoT], path: Path, constant: str, stamp: tuple[int, int]) -> InfoT:
    """Return the info of a file; `stamp` differs where the file was changed."""
    del stamp
    try:
        statements = ast.parse(path.read_bytes()).body
    except (SyntaxError, ValueError) as error:
        raise UserError(f"{path}:{getattr(error, 'lineno', None) or 1}: {getattr(error, 'msg', error)}") from None
    for statement in reversed(statements):
        if isinstance(statement, ast.Assign) and any(ast.unparse(target) == constant for target in statement.targets):
            place = f"{path}:{statement.lineno}"
            call = statement.value
            if not isinstance(call, ast.Call) or ast.unparse(call.func) != info.__name__ or call.args:
                raise UserError(f"{place}: `{constant}` is expected to be `{info.__name__}(name=literal, ...)`")
            fields = {keyword.arg or "**": _literal(keyword, path, constant) for keyword in call.keywords}
            return validate_as(info, fields, file=place, place=constant)
    return info()


def _literal(keyword: ast.keyword, path: Path, constant: str) -> Any:
    try:
        return ast.literal_eval(_CallsAsDicts().visit(keyword.value))
    except ValueError:
        place = f"{path}:{keyword.value.lineno}: `{constant}.{keyword.arg or '**'}`"
        message = f'{place} is read without running the file: a literal is expected, such as "text", 1.5 or {{}}'
        raise UserError(message) from None


class _CallsAsDicts(ast.NodeTransformer):
    """Turns calls such as ``WallText(heading="Works")`` into dictionaries."""

    def visit_Call(self, node: ast.Call) -> ast.AST:
        if not isinstance(node.func, ast.Name) or node.func.id not in _CLASSES or node.args:
            return node
        keys: list[ast.expr | None] = [ast.Constant(keyword.arg) for keyword in node.keywords]
        return ast.Dict(keys, [self.visit(keyword.value) for keyword in node.keywords])
