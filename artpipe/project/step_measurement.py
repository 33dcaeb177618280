"""Measure what training steps cost on this machine.

A few of each model are taken, on random rows of the right size.

A process of its own, `python -m artpipe.project.step_measurement REQUESTS.json`: it imports torch, and whoever asks need
not. It writes one line of JSON for each model that it could measure.
"""

import json
import math
import sys
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import redirect_stdout
from pathlib import Path
from typing import Any

import torch
from torch import nn

from artpipe import plugins
from artpipe.artifacts import paths
from artpipe.artifacts.weights_card import WeightsCard
from artpipe.config.params import About, Params, TrainParams
from artpipe.contracts.modality import parse_preprocess_params
from artpipe.contracts.model import Learner, Model, Prompt
from artpipe.contracts.plugin_info import medium_info, model_info
from artpipe.contracts.sample_rows import RowsRequest, SampleRows
from artpipe.errors import ArtpipeError
from artpipe.nn.pretrained.vgg16_layout import LAYERS, SHAPES
from artpipe.nn.style.perceptual import PerceptualNetwork, open_perceptual_network
from artpipe.numerics.compiler_import import skip_compiler_import
from artpipe.project.machine_costs import StepCost
from artpipe.project.step_costs import CostRequest
from artpipe.system.memory_allocator import keep_freed_memory
from artpipe.training.data import Batches, BatchSampler, Columns
from artpipe.training.device import prepare_torch
from artpipe.training.exhibit_files import encode_sheet
from artpipe.training.loop import training_steps
from artpipe.training.restore import build_learner
from artpipe.training.resume_state import evaluation_mode, seed_everything

_WARM_UP_STEPS = 2  # in which kernels are chosen and buffers made
_LEAST_SECONDS, _MOST_SECONDS = 0.2, 1.0  # of measured steps of a model
_TRIED_WORKS = 2, 8  # on which an evaluation point is measured
_LONG_SECONDS = 0.3  # of a try, after which there is no second
_NAMED_ROWS = 2  # of each class that an entry names


def main() -> None:
    """Answer the requests of a file; what cannot be measured has no answer."""
    keep_freed_memory()  # as trainings do
    content = json.loads(Path(sys.argv[1]).read_text("utf-8"))
    requests = [CostRequest.model_validate(request) for request in content["requests"]]
    params = Params.model_validate(content["params"])
    _import_what_steps_import()
    _answer({"imports": time.process_time()})
    for request in requests:
        try:
            with redirect_stdout(sys.stderr):
                cost = measure_model(request, params)
        except Exception as error:  # noqa: BLE001  # of whatever a plugin does; the shipped rates stand in
            sys.stderr.write(f"{request.model}: not measured: {type(error).__name__}: {error}\n")
            continue
        _answer({"key": request.key, "cost": cost.model_dump()})


def _answer(answer: dict[str, Any]) -> None:
    sys.stdout.write(json.dumps(answer) + "\n")
    sys.stdout.flush()


def _import_what_steps_import() -> None:
    """Take a step of an optimiser, which has torch import what it needs for one.

    Torch imports much at its first, and every training pays that.
    """
    skip_compiler_import()
    weight = nn.Parameter(torch.ones(1))
    optimiser = torch.optim.Adam([weight])
    (weight * 1).backward()  # type: ignore[no-untyped-call]
    optimiser.step()


def measure_model(request: CostRequest, params: Params) -> StepCost:
    """Return what the training of one model costs, without the imports."""
    begun, entry = time.process_time(), dict(request.entry)
    model: Model = plugins.load_plugin("models", str(entry.get("kind")))
    checked = model.params.model_validate(entry)
    device, precision = prepare_torch(checked)
    rows = make_rows(request, params, checked.batch_size)
    seed_everything(params.seed)
    network = make_measuring_network(checked, params, rows)
    learner = build_learner(request.model, entry, rows.spec, network.to(device) if network is not None else None)
    learner.to(device).train()
    learner.amp_dtype = torch.bfloat16 if precision == "bf16" else None
    columns = Columns({name: rows.columns[name] for name in sorted(model.reads)}, device)
    learner.prepare_training(columns.raw)
    batches = Batches(columns, BatchSampler(len(columns), checked.batch_size, params.seed))
    start = time.process_time() - begun
    warm_up, step = _measure_steps(learner, _timed_steps(learner, batches, device), checked)
    point = _measure_point(learner, Columns(rows.columns, device), params.seed, device)
    return StepCost(start=start + warm_up, step=step, precision=precision, device=device.type, **point)


def make_rows(request: CostRequest, params: Params, rows: int) -> SampleRows:
    """Return random rows of the model's dataset.

    Its classes are those that the entry names, or as they are known.

    Raises:
        ArtpipeError: its medium makes none, or there is no such dataset.
    """
    name = str(request.entry.get("dataset"))
    entry = params.dataset(name)
    function = medium_info(entry.medium).sample_rows
    if not function:
        raise ArtpipeError(f"the medium `{entry.medium}` has no `sample_rows`")
    named = [request.entry.get(parameter) for parameter in model_info(str(request.entry.get("kind"))).class_parameters]
    classes = request.classes or tuple(dict.fromkeys(_list_names(named)))
    asked = RowsRequest(
        dataset=name,
        params=parse_preprocess_params(name, entry),
        voices=entry.ingest.voices,
        classes=classes,
        works=request.count,
        rows=max(rows, *_TRIED_WORKS, _NAMED_ROWS * len(classes)),
    )
    made: SampleRows = plugins.load_function(function)(asked)
    return made


def _list_names(value: Any) -> Iterator[str]:
    """Yield every text in nested parameters, keys too."""
    if isinstance(value, Mapping):
        yield from _list_names([*value, *value.values()])
    elif isinstance(value, list | tuple):
        for item in value:
            yield from _list_names(item)
    elif isinstance(value, str):
        yield value


def make_measuring_network(checked: TrainParams, params: Params, rows: SampleRows) -> nn.Module | None:
    """Return an untrained network such as `pretrained` points at.

    It costs as much as a trained one.
    """
    path, needs = Path(checked.pretrained), model_info(checked.kind).pretrained
    if needs == "weights":
        network, _ = open_perceptual_network(path)
        return network or _make_perceptual_network()
    if needs == "checkpoint" and path.name in params.models and path == paths.checkpoint(path.name):
        return build_learner(path.name, params.models[path.name], rows.spec).eval().requires_grad_(requires_grad=False)
    return None


def _make_perceptual_network() -> PerceptualNetwork:
    none = (0.5, 0.5, 0.5)
    card = WeightsCard(name="", network="vgg16", layers=LAYERS, mean=none, std=none, about=About(), file="")
    tensors = {f"{layer}.bias": torch.zeros(shape[0]) for layer, shape in SHAPES.items()}
    for layer, shape in SHAPES.items():
        tensors[f"{layer}.weight"] = torch.randn(shape) * math.sqrt(2 / math.prod(shape[1:]))
    return PerceptualNetwork(card, tensors)


def _timed_steps(learner: Learner[Any], batches: Batches, device: torch.device) -> Iterator[float]:
    """Take steps forever; yield the core-seconds of each.

    Each is taken from `learner.steps_done` on.
    """
    steps = training_steps(learner, batches)
    while True:
        yield _time(lambda: next(steps), device)


def _time(work: Callable[[], Any], device: torch.device) -> float:
    begun = time.process_time()
    work()
    if device.type == "cuda":
        torch.cuda.synchronize(device)
    return time.process_time() - begun


def _measure_steps(learner: Learner[Any], steps: Iterator[float], checked: TrainParams) -> tuple[float, float]:
    """Return what the first steps cost more than others, and a step's mean cost.

    The mean is over the steps of the whole training.
    """
    if model_info(checked.kind).miniature_steps:
        warm_up = next(steps)
        learner.steps_done = 0
        costs = [next(steps) for _ in range(checked.steps)]
        return max(0.0, warm_up - costs[0]), sum(costs) / len(costs)
    own = checked.model_dump(exclude=set(TrainParams.model_fields))
    period = max([1, *(value for name, value in own.items() if name.endswith("_every_steps"))])
    starts = [value for name, value in own.items() if name.endswith("_from_step") and value is not None]
    segments = sorted({0, *(value for value in starts if value < checked.steps)})
    ends = [*segments[1:], checked.steps]
    warm_ups, costs = [], []
    for begin in segments:
        learner.steps_done = -(-begin // period) * period
        warm_ups.append(sum(next(steps) for _ in range(_WARM_UP_STEPS)))
        learner.steps_done = -(-begin // period) * period
        costs.append(_measure_period(steps, period))
    total = sum(cost * (end - begin) for cost, begin, end in zip(costs, segments, ends, strict=True))
    return max(0.0, warm_ups[0] - _WARM_UP_STEPS * costs[0]), total / checked.steps


def _measure_period(steps: Iterator[float], period: int) -> float:
    """Return the mean cost of a step.

    What is done every `period` steps is done in the first.
    """
    costs = [next(steps)]
    while sum(costs) < _LEAST_SECONDS or len(costs) < period + (period == 1):
        costs.append(next(steps))
        if len(costs) > 1 and sum(costs) > _MOST_SECONDS:
            break
    whole = len(costs) // period * period
    if whole:
        return sum(costs[:whole]) / whole
    return (costs[0] + (period - 1) * sum(costs[1:]) / (len(costs) - 1)) / period


def _measure_point(learner: Learner[Any], rows: Columns, seed: int, device: torch.device) -> dict[str, float]:
    """Return what an evaluation point costs, by the fields of `StepCost`."""

    def show(count: int) -> float:
        works, classes = rows.take(torch.arange(min(count, len(rows)))), len(learner.spec.classes)
        seeds = range(learner.progress_exhibits)
        labels = torch.arange(len(seeds), device=device) % classes if classes else None
        return _time(lambda: encode_sheet(learner.exhibit(Prompt(seeds, labels, works))), device)

    def measure(count: int) -> float:
        works = rows.take(torch.arange(min(count, len(rows))))
        return _time(lambda: learner.validate(works), device)

    with evaluation_mode(learner, seed):
        sheet, shown = _fit_line(show)
        measures, held_out = _fit_line(measure)
    return {"sheet": sheet, "shown": shown, "measures": measures, "held_out": held_out}


def _fit_line(work: Callable[[int], float]) -> tuple[float, float]:
    """Return what work costs, and each work besides, by two tries.

    By one try where it takes long.
    """
    few, more = _TRIED_WORKS
    first = work(few)
    if first > _LONG_SECONDS:
        return first, 0.0
    slope = max(0.0, work(more) - first) / (more - few)
    return max(0.0, first - few * slope), slope


if __name__ == "__main__":
    main()
