"""DVC's own graph, read once: which stages are stale, and what lies below them, in topological order."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any


@dataclass(frozen=True)
class Stage:
    """One node that the flow has to bring up to date."""

    name: str  # DVC's address: `train@gan`, `gallery`, `datasets/paintings.dvc`
    upstream: tuple[str, ...]  # addresses of the nodes it directly depends on
    stale: bool  # False: it only lies below a stale one, and may turn out to be up to date


def stale_stages(targets: Sequence[str] | None = None, root: Path = Path()) -> list[Stage]:
    """Return what is stale and all below it, each after its upstream; with `targets` only what these need.

    Raises:
        KeyError: a target is not in the graph.
    """
    import networkx as nx
    from dvc.repo import Repo

    with Repo(str(root), _wait_for_lock=True) as repo:
        graph = nx.relabel_nodes(repo.index.graph, lambda stage: stage.addressing)
        stale = set(repo.status())
    wanted = _needed(graph, targets)
    affected = stale.union(*(nx.ancestors(graph, name) for name in stale & set(graph)))
    order = nx.lexicographical_topological_sort(graph.reverse())
    return [
        Stage(name, tuple(sorted(graph.successors(name))), name in stale) for name in order if name in wanted & affected
    ]


def _needed(graph: Any, targets: Sequence[str] | None) -> set[str]:
    import networkx as nx

    if not targets:
        return set(graph)
    unknown = [target for target in targets if target not in graph]
    if unknown:
        raise KeyError(unknown[0])
    return set(targets).union(*(nx.descendants(graph, target) for target in targets))
