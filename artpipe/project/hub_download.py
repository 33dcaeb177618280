"""Fetch a dataset of the Hugging Face Hub.

Its address is `hf://OWNER/NAME` or `hf://OWNER/NAME@REVISION`.
"""

import contextlib
import os
import re
import shutil
import sys
import tempfile
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from fnmatch import fnmatch
from pathlib import Path, PurePosixPath
from typing import Any, NamedTuple

from artpipe.artifacts.paths import STATE
from artpipe.errors import UserError
from artpipe.system.plain_text import to_printable

_SCHEME = re.compile(r"hf:/{1,2}")  # a path has lost one of them
_NAME = re.compile(r"(?P<repository>[\w.-]+/[\w.-]+)(?:@(?P<revision>[\w./-]+))?", re.ASCII)
_MOST_BYTES = 64 << 30
_FOLDER = STATE / "hub"  # `require_outside_project` lets it in
_SKIPPED = ("*.py", "*.pkl", "*.pickle", "*.pt", "*.bin", "*.h5")  # programs, and what only a pickle reader reads
_CONNECTIONS = 8
_TIMEOUT_SECONDS = 30.0


class HubAddress(NamedTuple):
    """A repository of datasets on the Hub, and a revision of it."""

    repository: str
    revision: str | None


class HubDataset(NamedTuple):
    """The files of a dataset in a folder, and what its card says."""

    folder: Path
    licence: str  # "unknown" where it names none
    origin: str  # the page of the revision


def parse_hub_address(path: Path) -> HubAddress | None:
    """Return what `hf://OWNER/NAME@REVISION` names; None for a path of this machine.

    Raises:
        UserError: it begins so, and is none.
    """
    text = path.as_posix()
    scheme = _SCHEME.match(text)
    if scheme is None:
        return None
    match = _NAME.fullmatch(text[scheme.end() :])
    if match is None:
        name = to_printable(text[scheme.end() :])
        raise UserError(f"hf://{name}: `hf://OWNER/NAME`, or `hf://OWNER/NAME@REVISION`, is expected")
    return HubAddress(match["repository"], match["revision"])


@contextlib.contextmanager
def fetch_hub_dataset(address: HubAddress) -> Iterator[HubDataset]:
    """Yield a dataset in a folder, which goes afterwards.

    The Hub is where `HF_ENDPOINT` says; a token is huggingface_hub's own business.

    Raises:
        UserError: no such dataset or revision, it may not be read, it is too large, the Hub does not answer, or
            huggingface_hub is not installed.
    """
    os.environ.setdefault("HF_HUB_DISABLE_TELEMETRY", "1")
    os.environ.setdefault("HF_HUB_DISABLE_PROGRESS_BARS", "1")
    try:
        from huggingface_hub import HfApi
    except ImportError:
        raise UserError("hf://: huggingface_hub is not installed; `pip install 'artpipe[hub]'` brings it") from None
    _FOLDER.mkdir(parents=True, exist_ok=True)
    folder = Path(tempfile.mkdtemp(prefix=f"{address.repository.replace('/', '--')}-", dir=_FOLDER))
    endpoint = os.environ.get("HF_ENDPOINT")
    try:
        with _report_in_one_line(address):
            api = HfApi(endpoint=endpoint)
            info = api.dataset_info(
                address.repository, revision=address.revision, files_metadata=True, timeout=_TIMEOUT_SECONDS
            )
            names = _choose_files(address, info)
            _download_files(api, address, str(info.sha), names, folder)
        shutil.rmtree(folder / ".cache", ignore_errors=True)  # huggingface_hub's own notes
        yield HubDataset(folder, _read_licence(info), f"{api.endpoint}/datasets/{address.repository}/tree/{info.sha}")
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def _choose_files(address: HubAddress, info: Any) -> Sequence[str]:
    """Return the names of what is fetched.

    Raises:
        UserError: there is nothing, it is larger than is taken, or a name leads out of the folder.
    """
    place = f"hf://{address.repository}"
    files = [file for file in info.siblings or () if not any(fnmatch(file.rfilename, skip) for skip in _SKIPPED)]
    for file in files:
        name = PurePosixPath(file.rfilename)
        if name.is_absolute() or ".." in name.parts or "\\" in file.rfilename:
            raise UserError(f"{place}: a file is called {to_printable(repr(file.rfilename))}, which leads elsewhere")
        if file.size is None:
            raise UserError(f"{place}: the Hub does not say how large {to_printable(file.rfilename)} is")
    if not files:
        raise UserError(f"{place}: there are no files in it but programs")
    size, most = sum(file.size for file in files), min(_MOST_BYTES, _measure_free_bytes())
    if size > most:
        raise UserError(f"{place}: {size / 2**20:,.0f} MiB, at most {most / 2**20:,.0f} are taken")
    sys.stdout.write(f"fetching {place}: {len(files):,} files, {size / 2**20:,.1f} MiB\n")
    return [file.rfilename for file in files]


def _measure_free_bytes() -> int:
    return shutil.disk_usage(STATE if STATE.exists() else Path()).free // 2  # it is copied into the project afterwards


def _download_files(api: Any, address: HubAddress, commit: str, names: Sequence[str], folder: Path) -> None:
    """Fetch files of one commit, so that they belong together."""

    def download(name: str) -> None:
        api.hf_hub_download(address.repository, name, repo_type="dataset", revision=commit, local_dir=folder)

    with ThreadPoolExecutor(_CONNECTIONS) as pool:
        for future in [pool.submit(download, name) for name in names]:
            try:
                future.result()
            except BaseException:
                pool.shutdown(wait=False, cancel_futures=True)
                raise


def _read_licence(info: Any) -> str:
    """Return the licence that a dataset's card names."""
    licence = getattr(info.card_data, "license", None) if info.card_data else None
    licences = licence if isinstance(licence, list) else [licence]
    named = [str(name) for name in licences if name and name not in {"unknown", "other"}]
    return ", ".join(named) or "unknown"


@contextlib.contextmanager
def _report_in_one_line(address: HubAddress) -> Iterator[None]:
    """Say in one line what huggingface_hub raises."""
    from huggingface_hub import errors

    place = f"hf://{address.repository}"
    transport_error: type[Exception] = vars(errors)["HTTPError"]  # of the HTTP library, which differs by version
    try:
        yield
    except errors.RevisionNotFoundError:
        raise UserError(f"{place}: no revision `{address.revision}`") from None
    except errors.GatedRepoError:
        raise UserError(f"{place}: its owner lets in whom they know: ask on its page, then `hf auth login`") from None
    except errors.RepositoryNotFoundError:
        raise UserError(
            f"{place}: no such dataset, or none that may be read without a token (`hf auth login`)"
        ) from None
    except errors.HFValidationError as error:
        raise UserError(f"{place}: {_first_line(error)}") from None
    except errors.HfHubHTTPError as error:
        raise UserError(f"{place}: the Hub answers: {_first_line(error)}") from None
    except (OSError, transport_error, errors.LocalEntryNotFoundError) as error:
        raise UserError(f"{place}: the Hub cannot be reached: {_first_line(error)}") from None


def _first_line(error: Exception) -> str:
    return to_printable(str(error).partition("\n")[0][:160])
