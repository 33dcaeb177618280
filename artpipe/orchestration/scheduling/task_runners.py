"""Where stages run: threads of this process, a Dask cluster or a Ray cluster; one setting, ARTPIPE_RUNNER, chooses.

ARTPIPE_CLUSTER names a cluster that stands (`tcp://...` of a Dask scheduler, `ray://...` or `auto` of Ray); without it one is made on
this machine for the run. Every machine of a cluster must see the project's folder under the same path, and the Prefect server.
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
_THREADS = 1000  # never as many: the dispatcher starts no more than there are slots
_SLOTS_OF_A_CLUSTER = 64


def chosen(flow_module: str) -> Any:
    """Return the task runner that ARTPIPE_RUNNER names; workers of a cluster get the tasks of the flow's module by value.

    Raises:
        UserError: there is none of that name, or its package is not installed.
    """
    kind = os.environ.get(RUNNER, "threads")
    if kind not in KINDS:
        raise UserError(f"{RUNNER} is {kind!r}; it may be {', '.join(KINDS)}{did_you_mean(kind, KINDS)}")
    if kind == "threads":
        return ThreadPoolTaskRunner(max_workers=_THREADS)
    if importlib.util.find_spec(f"prefect_{kind}") is None:
        raise UserError(f"{RUNNER} is {kind}, which needs more packages: pip install 'artpipe[{kind}]'")
    pickle: Any = importlib.import_module("cloudpickle" if kind == "dask" else "ray.cloudpickle")
    pickle.register_pickle_by_value(sys.modules[flow_module])  # no worker has it on its path
    return _dask() if kind == "dask" else _ray()


def cores_of_runner() -> int:
    """Return how many stages may run at a time when nobody says: on this machine one per core."""
    return _SLOTS_OF_A_CLUSTER if os.environ.get(CLUSTER) else len(os.sched_getaffinity(0))


def _dask() -> Any:
    from prefect_dask.task_runners import DaskTaskRunner

    if address := os.environ.get(CLUSTER):
        return DaskTaskRunner(address=address)
    local = {"n_workers": cores_of_runner(), "threads_per_worker": 1, "host": "127.0.0.1", "dashboard_address": None}
    return DaskTaskRunner(cluster_kwargs=local)


def _ray() -> Any:
    os.environ.setdefault("RAY_USAGE_STATS_ENABLED", "0")
    from prefect_ray.task_runners import RayTaskRunner

    if address := os.environ.get(CLUSTER):
        return RayTaskRunner(address=address)
    local = {"num_cpus": cores_of_runner(), "include_dashboard": False, "_node_ip_address": "127.0.0.1"}
    return RayTaskRunner(init_kwargs=local)
