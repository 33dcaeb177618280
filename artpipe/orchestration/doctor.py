"""`artpipe doctor`: what decides how a run goes on this machine, with remedies.

Nothing is changed. Each check is a function that returns its findings; a new one is added to `CHECKS`.
"""

import importlib.metadata
import os
import platform
import shutil
import subprocess  # asks git, DVC and the GPU's driver
import sys
import tempfile
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any, Literal, NamedTuple

from packaging.requirements import Requirement

from artpipe import __version__
from artpipe.config.params import Frozen
from artpipe.errors import ArtpipeError, UserError
from artpipe.orchestration.deployment.time_zones import find_local_timezone
from artpipe.orchestration.services.addresses import read_addresses
from artpipe.orchestration.services.supervised_process import find_free_port
from artpipe.project.pinned_version import explain_other_version
from artpipe.storage.dvc_command import dvc_command, require_lockable
from artpipe.storage.dvc_config import dvc_cache_folder, dvc_setting
from artpipe.system.git_command import run_git
from artpipe.system.machine import read_processor_flags
from artpipe.system.plain_text import hide_passwords, to_printable
from artpipe.system.processes import utf8_environment
from artpipe.system.project_root import is_root
from artpipe.system.units import format_size

Verdict = Literal["ok", "note", "problem"]
_PACKAGES = ("torch", "dvc", "prefect", "mlflow")
_PORTS = {"gallery": 8000, "runs": 5000, "flows": 4200}  # of `artpipe serve`
_LOW_BYTES, _NO_BYTES = 10e9, 1e9  # of free disk, below which a run may not end, below which none begins
_LOW_MEMORY_BYTES = 4e9
_REMOTE_SECONDS = 30.0
_REMOTE_CODE = """\
import sys
from dvc.repo import Repo
odb = Repo().cloud.get_remote_odb(sys.argv[1])
odb.fs.exists(odb.path)
"""


class DoctorFinding(Frozen):
    """One fact of this machine or project."""

    name: str
    found: str
    verdict: Verdict = "ok"
    remedy: str = ""


class DoctorReport(NamedTuple):
    """All that was found."""

    findings: Sequence[DoctorFinding]

    @property
    def has_problem(self) -> bool:
        """Return whether a run would not go well."""
        return any(finding.verdict == "problem" for finding in self.findings)

    def to_text(self) -> str:
        """Return a line for each finding, its remedy below it."""
        return "\n".join(
            f"{finding.verdict:9}{finding.name:12}{finding.found}"
            + (f"\n{'':9}{'':12}{finding.remedy}" if finding.remedy else "")
            for finding in self.findings
        )

    def to_json(self) -> list[dict[str, Any]]:
        """Return the same for programs."""
        return [finding.model_dump(mode="json") for finding in self.findings]


def examine_machine() -> DoctorReport:
    """Return what all checks find of this machine, and of the project here."""
    return DoctorReport([finding for check in CHECKS for finding in check(Path())])


def check_versions(root: Path) -> Iterator[DoctorFinding]:
    """Yield the versions of Python, artpipe and what it builds on."""
    yield DoctorFinding(name="python", found=f"{platform.python_version()} ({sys.executable})")
    other = explain_other_version(root)
    verdict: Verdict = "problem" if other else "ok"
    yield DoctorFinding(name="artpipe", found=__version__, verdict=verdict, remedy=other)
    wanted = {one.name: one for one in map(Requirement, importlib.metadata.requires("artpipe") or ())}
    for name in _PACKAGES:
        try:
            version = importlib.metadata.version(name)
        except importlib.metadata.PackageNotFoundError:
            yield DoctorFinding(name=name, found="missing", verdict="problem", remedy=f"`pip install '{wanted[name]}'`")
            continue
        if wanted[name].specifier.contains(version, prereleases=True):
            yield DoctorFinding(name=name, found=version)
        else:
            found = f"{version}, artpipe asks for {wanted[name].specifier}"
            yield DoctorFinding(name=name, found=found, verdict="problem", remedy=f"`pip install '{wanted[name]}'`")


def check_processor(_root: Path) -> Iterator[DoctorFinding]:
    """Yield the cores this process may use, and the instructions that make them fast."""
    cores, flags = len(os.sched_getaffinity(0)), read_processor_flags()
    fast = [flag for flag in ("avx2", "avx512f", "avx512_bf16", "amx_bf16") if flag in flags]
    found = f"{cores} of {os.cpu_count()} cores, {platform.machine()}, {', '.join(fast) or 'no AVX2'}"
    if platform.machine() == "x86_64" and "avx2" not in flags:
        remedy = "trainings take several times as long; a machine or emulator with AVX2 does better"
        yield DoctorFinding(name="processor", found=found, verdict="note", remedy=remedy)
    else:
        yield DoctorFinding(name="processor", found=found)


def check_memory(_root: Path) -> Iterator[DoctorFinding]:
    """Yield the memory that is free now."""
    lines = Path("/proc/meminfo").read_text(encoding="ascii").splitlines() if Path("/proc/meminfo").exists() else []
    sizes = {line.partition(":")[0]: float(line.split()[1]) * 1024 for line in lines if line.endswith("kB")}
    if "MemAvailable" in sizes:
        found = f"{format_size(sizes['MemAvailable'])} of {format_size(sizes['MemTotal'])} free"
        is_low = sizes["MemAvailable"] < _LOW_MEMORY_BYTES
        remedy = "`artpipe run --slots 1` lets one stage run at a time" if is_low else ""
        yield DoctorFinding(name="memory", found=found, verdict="note" if is_low else "ok", remedy=remedy)


def check_gpu(_root: Path) -> Iterator[DoctorFinding]:
    """Yield the GPUs, and whether the installed torch is made for them."""
    if shutil.which("nvidia-smi") is None:
        yield DoctorFinding(name="gpu", found="none; everything runs on the processor")
        return
    query = ["nvidia-smi", "--query-gpu=name,memory.total", "--format=csv,noheader"]
    done = subprocess.run(query, capture_output=True, text=True, check=False, timeout=_REMOTE_SECONDS)
    names = to_printable("; ".join(done.stdout.strip().splitlines()))
    if done.returncode or not names:
        remedy = "the driver does not answer: `nvidia-smi` says why"
        yield DoctorFinding(name="gpu", found="not usable", verdict="problem", remedy=remedy)
    elif "+cpu" in importlib.metadata.version("torch"):
        remedy = "this torch is made for processors alone; pytorch.org names the one for this GPU"
        yield DoctorFinding(name="gpu", found=names, verdict="problem", remedy=remedy)
    else:
        yield DoctorFinding(name="gpu", found=names)


def check_disk(root: Path) -> Iterator[DoctorFinding]:
    """Yield the free space of project, DVC's cache and temporary folder, by disk."""
    places = {"project": root, "cache": dvc_cache_folder(root) if is_root(root) else root}
    places["temporary"] = Path(tempfile.gettempdir())
    by_disk: dict[int, list[str]] = {}
    for name, place in places.items():
        existing = next(folder for folder in (place, *place.absolute().parents) if folder.exists())
        by_disk.setdefault(existing.stat().st_dev, []).append(name)
        places[name] = existing
    for names in by_disk.values():
        free = shutil.disk_usage(places[names[0]]).free
        verdict: Verdict = "problem" if free < _NO_BYTES else "note" if free < _LOW_BYTES else "ok"
        remedy = "" if verdict == "ok" else "`artpipe gc` says what can be freed"
        found = f"{format_size(free)} free ({', '.join(names)})"
        yield DoctorFinding(name="disk", found=found, verdict=verdict, remedy=remedy)


def check_ports(_root: Path) -> Iterator[DoctorFinding]:
    """Yield whether the ports of `artpipe serve` are free, or its own."""
    served = read_addresses()
    for name, port in _PORTS.items():
        if name in served:
            yield DoctorFinding(name="port", found=f"{port} ({name}): served at {served[name]}")
        elif find_free_port(port) == port:
            yield DoctorFinding(name="port", found=f"{port} ({name}): free")
        else:
            remedy = "`artpipe serve` takes another one, and says which"
            yield DoctorFinding(name="port", found=f"{port} ({name}): in use", verdict="note", remedy=remedy)


def check_git(root: Path) -> Iterator[DoctorFinding]:
    """Yield git's version, and whether the project is in a repository with a commit."""
    if shutil.which("git") is None:
        yield DoctorFinding(name="git", found="missing", verdict="problem", remedy="install git: DVC needs it")
        return
    version = run_git(root, "--version").strip().removeprefix("git version ")
    if not is_root(root):
        yield DoctorFinding(name="git", found=version)
        return
    try:
        commit = run_git(root, "rev-parse", "--short", "HEAD").strip()
    except ArtpipeError:
        remedy = "`git init && git add -A && git commit -m 'New gallery'`: works then name the commit they were made at"
        yield DoctorFinding(name="git", found=f"{version}, no commit", verdict="note", remedy=remedy)
        return
    yield DoctorFinding(name="git", found=f"{version}, at {commit}")


def check_dvc(root: Path) -> Iterator[DoctorFinding]:
    """Yield whether DVC can lock the project, and whether its remote answers."""
    if not is_root(root):
        return
    try:
        require_lockable(root)
    except UserError as error:
        yield DoctorFinding(name="dvc lock", found="no locks here", verdict="problem", remedy=str(error))
    remote = dvc_setting(root, "core", "remote")
    if not remote:
        remedy = "`dvc remote add --default NAME URL`: others, and a new disk, get data and results from there"
        yield DoctorFinding(name="dvc remote", found="none", verdict="note", remedy=remedy)
        return
    url = hide_passwords(
        dvc_setting(root, f'remote "{remote}"', "url") or dvc_setting(root, f"'remote \"{remote}\"'", "url")
    )
    problem = _find_remote_problem(root, remote)
    verdict: Verdict = "problem" if problem else "ok"
    yield DoctorFinding(name="dvc remote", found=f"{remote} ({url})", verdict=verdict, remedy=problem)


def _find_remote_problem(root: Path, remote: str) -> str:
    """Return why DVC's remote cannot be reached, empty where it answers."""
    python = Path(dvc_command()[0]).with_name("python")
    command = [str(python) if python.exists() else sys.executable, "-c", _REMOTE_CODE, remote]
    env = {**utf8_environment(), "DVC_NO_ANALYTICS": "1"}
    try:
        done = subprocess.run(
            command, cwd=root, env=env, capture_output=True, text=True, check=False, timeout=_REMOTE_SECONDS
        )
    except subprocess.TimeoutExpired:
        return f"it did not answer within {_REMOTE_SECONDS:g} s; `dvc push` says more"
    lines = done.stderr.strip().splitlines() or ["no reason given"]
    return f"{to_printable(hide_passwords(lines[-1]))[:200]}; `dvc push` says more" if done.returncode else ""


def check_time_zone(_root: Path) -> Iterator[DoctorFinding]:
    """Yield the time zone in which schedules are served."""
    try:
        yield DoctorFinding(name="time zone", found=find_local_timezone())
    except UserError as error:
        yield DoctorFinding(name="time zone", found="unknown", verdict="problem", remedy=str(error))


CHECKS: tuple[Callable[[Path], Iterator[DoctorFinding]], ...] = (
    check_versions,
    check_processor,
    check_memory,
    check_gpu,
    check_disk,
    check_ports,
    check_git,
    check_dvc,
    check_time_zone,
)
