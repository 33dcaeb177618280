"""Files of the package index, or of an HTTPS address: verified by SHA-256, kept by it, never installed and never run."""

import os
from pathlib import Path
from typing import Self

from pydantic import Field, model_validator

from artpipe.artifacts.paths import STATE
from artpipe.config.params import Frozen
from artpipe.errors import CorruptError, UnreachableError, UserError
from artpipe.language.sentences import sentence_of
from artpipe.system.atomic_files import written
from artpipe.system.hashing import sha256_file
from artpipe.untrusted.archives.archive_reader import ArchiveLimits, Member, members
from artpipe.untrusted.https import checked, download

_MOST_BYTES = 64 * 2**30


class Pin(Frozen):
    """One file: of a project of the package index, or at an HTTPS address."""

    project: str = ""
    file: str = ""
    url: str = ""
    sha256: str = Field(pattern=r"^[0-9a-f]{64}$")

    @model_validator(mode="after")
    def _one_place(self) -> Self:
        if bool(self.url) == bool(self.project) or bool(self.file) != bool(self.project):
            message = "`project` and `file`, or `url`, say where the file is"
            raise ValueError(message)
        try:
            if self.url:
                checked(self.url)
        except UserError as error:
            raise ValueError(str(error)) from None
        return self

    @property
    def name(self) -> str:
        """Return what to call the file."""
        return self.file or self.url.rpartition("/")[2] or self.url


def pinned_member(pin: Pin, name: str, limits: ArchiveLimits) -> Member:
    """Return one member of a file of the package index, by its name.

    Raises:
        UserError: there is none of that name, or it cannot be read.
        CorruptError, UnreachableError: see `fetched`.
    """
    for member in members(fetched(pin), limits, name.__eq__):
        if member.name == name:
            if member.rejected:
                raise UserError(f"{pin.name}: `{name}` cannot be read: {member.rejected} {sentence_of(member.detail)}")
            return member
    raise UserError(f"{pin.name}: no member `{name}`")


def fetched(pin: Pin) -> Path:
    """Return the path of a pinned file, downloaded if it is not in `.state/downloads` yet.

    The index is the default one, or that of the environment's PIP_INDEX_URL.

    Raises:
        UserError: the project has no such file; the address leads to a host that is not public.
        CorruptError: what was delivered does not have the pinned SHA-256.
        UnreachableError: index or host cannot be reached.
    """
    path = STATE / "downloads" / pin.sha256
    if path.is_file():
        if sha256_file(path) == pin.sha256:
            return path
        path.unlink()
    if pin.url:
        download(pin.url, pin.sha256, path, most_bytes=_MOST_BYTES)
    else:
        _download(pin.project, pin.file, pin.sha256, path)
    return path


def _download(project: str, file: str, sha256: str, path: Path) -> None:
    from pypi_simple import PYPI_SIMPLE_ENDPOINT, NoSuchProjectError, PyPISimple
    from requests import RequestException

    try:
        with PyPISimple(endpoint=os.environ.get("PIP_INDEX_URL") or PYPI_SIMPLE_ENDPOINT) as index:
            packages = index.get_project_page(project).packages
            package = next((package for package in packages if package.filename == file), None)
            if package is None:
                raise UserError(f"the package index has no file `{file}` in project `{project}`")
            with written(path) as temporary:
                index.download_package(package, temporary, verify=False)
                found = sha256_file(temporary)
                if found != sha256:
                    raise CorruptError(f"{file}: SHA-256 is {found[:12]}, the pin card expects {sha256[:12]}")
    except NoSuchProjectError:
        raise UserError(f"the package index has no project `{project}`") from None
    except (RequestException, OSError) as error:
        reason = " ".join(str(error).split())[:200]
        raise UnreachableError(f"{file}: cannot be downloaded from the package index: {reason}") from None
