"""Choose where stages run: threads of this process, a Dask or a Ray cluster.

The environment variable ARTPIPE_RUNNER chooses. ARTPIPE_CLUSTER names a running cluster (`tcp://...` of a Dask
scheduler, `ray://...` or `auto` of Ray); without it one is started on this machine for the run. Every machine of a
cluster must see the project's folder under the same path, and the Prefect server.
"""

import importlib
import importlib.util
import os
import sys
from typing import Any

from prefect.task_runners import ThreadPoolTaskRunner

from artpipe.errors import UserError, did_you_mean

RUNNER, CLUSTER = "ARTPIPE_RUNNER", "ARTPIPE_CLUSTER"
KINDS = ("threads", "dask", "ray")
_MAX_THREADS = 1000  # never as many: the dispatcher starts no more than there are slots
_CLUSTER_SLOTS = 64


def choose_task_runner(flow_module: str) -> Any:
    """Return the task runner that ARTPIPE_RUNNER names.

    Workers of a cluster get the tasks of the flow's module by value.

    Raises:
        UserError: there is none of that name, or its package is not installed.
    """
    kind = os.environ.get(RUNNER, "threads")
    if kind not in KINDS:
        raise UserError(f"{RUNNER} is {kind!r}; it may be {', '.join(KINDS)}{did_you_mean(kind, KINDS)}")
    if kind == "threads":
        return ThreadPoolTaskRunner(max_workers=_MAX_THREADS)
    if importlib.util.find_spec(f"prefect_{kind}") is None:
        raise UserError(f"{RUNNER} is {kind}, which needs more packages: pip install 'artpipe[{kind}]'")
    pickle: Any = importlib.import_module("cloudpickle" if kind == "dask" else "ray.cloudpickle")
    pickle.register_pickle_by_value(sys.modules[flow_module])  # no worker has it on its path
    return _make_dask_runner() if kind == "dask" else _make_ray_runner()


def runs_here() -> bool:
    """Return whether tasks run in threads of this process."""
    return os.environ.get(RUNNER, "threads") == "threads"


def default_slots() -> int:
    """Return how many stages may run at a time by default: here, one per core."""
    return _CLUSTER_SLOTS if os.environ.get(CLUSTER) else len(os.sched_getaffinity(0))


def _make_dask_runner() -> Any:
    from prefect_dask.task_runners import DaskTaskRunner

    if address := os.environ.get(CLUSTER):
        return DaskTaskRunner(address=address)
    cluster_options = {
        "n_workers": default_slots(),
        "threads_per_worker": 1,
        "host": "127.0.0.1",
        "dashboard_address": None,
    }
    return DaskTaskRunner(cluster_kwargs=cluster_options)


def _make_ray_runner() -> Any:
    os.environ.setdefault("RAY_USAGE_STATS_ENABLED", "0")
    from prefect_ray.task_runners import RayTaskRunner

    if address := os.environ.get(CLUSTER):
        return RayTaskRunner(address=address)
    cluster_options = {"num_cpus": default_slots(), "include_dashboard": False, "_node_ip_address": "127.0.0.1"}
    return RayTaskRunner(init_kwargs=cluster_options)
