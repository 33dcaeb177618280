"""What a stage costs and shows, by which the order of stages is decided."""

from collections.abc import Collection, Mapping
from pathlib import Path
from typing import Any

from artpipe.config.params import load_params, read_yaml
from artpipe.contracts.plugin_info import model_info


def is_training(stage: str) -> bool:
    """Return whether a stage trains a model, and so takes a device."""
    return stage.startswith("train@")


def estimate_seconds(names: Collection[str]) -> dict[str, float]:
    """Return the seconds that each stage is expected to take."""
    from artpipe.project.estimates import CostEstimator

    lock = Path("dvc.lock")
    stages = (read_yaml(lock) or {}).get("stages", {}) if lock.exists() else {}
    costs = CostEstimator(Path(), load_params(), stages)
    return {name: costs.estimate(name).seconds for name in names}


def compute_urgencies(graph: Any, seconds: Mapping[str, float]) -> dict[str, float]:
    """Return the seconds of the longest chain that starts with each stage.

    With fewer slots than stages, long chains go first.
    """
    import networkx as nx

    urgencies = dict[str, float]()
    for name in nx.topological_sort(graph):  # what is below comes first
        below = max((urgencies[reader] for reader in graph.predecessors(name)), default=0.0)
        urgencies[name] = below + seconds.get(name, 0.0)
    return urgencies


def rate_picture(stage: str) -> tuple[float, float]:
    """Return how much there is to see of a stage, and from when on.

    The first is the appeal of what hangs when it has ended, 0 but for evaluations; the second the share of it after which
    what it makes is worth a look, 1 but for trainings.
    """
    info = model_info(str(load_params().models.get(stage.partition("@")[2], {}).get("kind")))
    return info.appeal if stage.startswith("evaluate@") else 0.0, info.first_look if is_training(stage) else 1.0
