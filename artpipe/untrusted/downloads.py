"""Download pinned files from the package index or an HTTPS address.

They are verified by SHA-256, stored under it, never installed and never run.
"""

from pathlib import Path
from typing import Self, TypeVar

from pydantic import Field, model_validator

from artpipe.artifacts.paths import STATE
from artpipe.config.params import Frozen, read_yaml, validate_as
from artpipe.errors import CorruptError, UnreachableError, UserError
from artpipe.language.sentences import read_sentence
from artpipe.system.atomic_files import write_file
from artpipe.system.hashing import sha256_file
from artpipe.untrusted.archives.archive_reader import ArchiveLimits, Member, read_members
from artpipe.untrusted.https import download, parse_https_url
from artpipe.untrusted.pip_settings import find_pip_setting

_MAX_BYTES = 64 * 2**30


CardT = TypeVar("CardT", bound=Frozen)


def read_pin_card(path: Path, card: type[CardT]) -> CardT:
    """Read and validate a dataset's pin card.

    Raises:
        UserError: missing, not YAML or not such a card; one line with the place.
    """
    if not path.is_file():
        raise UserError(f"{path}: {'not a file' if path.exists() else 'no such pin card'}")
    return validate_as(card, read_yaml(path), file=str(path))


class PinnedFile(Frozen):
    """A file of a project on the package index, or at an HTTPS address."""

    project: str = ""
    file: str = ""
    url: str = ""
    sha256: str = Field(pattern=r"^[0-9a-f]{64}$")

    @model_validator(mode="after")
    def _check_single_place(self) -> Self:
        if bool(self.url) == bool(self.project) or bool(self.file) != bool(self.project):
            message = "`project` and `file`, or `url`, say where the file is"
            raise ValueError(message)
        try:
            if self.url:
                parse_https_url(self.url)
        except UserError as error:
            raise ValueError(str(error)) from None
        return self

    @property
    def name(self) -> str:
        """Return what to call the file."""
        return self.file or self.url.rpartition("/")[2] or self.url


def read_pinned_member(pin: PinnedFile, name: str, limits: ArchiveLimits) -> Member:
    """Return one member of a file of the package index, by its name.

    Raises:
        UserError: there is none of that name, or it cannot be read.
        CorruptError, UnreachableError: see `fetch_pinned_file`.
    """
    for member in read_members(fetch_pinned_file(pin), limits, name.__eq__):
        if member.name == name:
            if member.rejected:
                raise UserError(
                    f"{pin.name}: `{name}` cannot be read: {member.rejected} {read_sentence(member.detail)}"
                )
            return member
    raise UserError(f"{pin.name}: no member `{name}`")


def downloaded_path(pin: PinnedFile) -> Path:
    """Return where a pinned file lies once it is downloaded."""
    return STATE / "downloads" / pin.sha256


def fetch_pinned_file(pin: PinnedFile) -> Path:
    """Return the path of a pinned file; download it where it is not there yet.

    Downloads are stored in `.state/downloads`.

    The index is pip's, by PIP_INDEX_URL or its files, and so are the certificates that are trusted.

    Raises:
        UserError: the project has no such file; the address leads to a host that is not public.
        CorruptError: what was delivered does not have the pinned SHA-256.
        UnreachableError: index or host cannot be reached.
    """
    path = downloaded_path(pin)
    if path.is_file():
        if sha256_file(path) == pin.sha256:
            return path
        path.unlink()
    if pin.url:
        download(pin.url, pin.sha256, path, max_bytes=_MAX_BYTES)
    else:
        _download_from_index(pin.project, pin.file, pin.sha256, path)
    return path


def _download_from_index(project: str, file: str, sha256: str, path: Path) -> None:
    from pypi_simple import PYPI_SIMPLE_ENDPOINT, NoSuchProjectError, PyPISimple
    from requests import RequestException

    try:
        with PyPISimple(endpoint=find_pip_setting("index-url") or PYPI_SIMPLE_ENDPOINT) as index:
            if certificates := find_pip_setting("cert"):  # of a proxy that a company or a school has
                index.s.verify = certificates
            packages = index.get_project_page(project).packages
            package = next((package for package in packages if package.filename == file), None)
            if package is None:
                raise UserError(f"the package index has no file `{file}` in project `{project}`")
            with write_file(path) as temporary:
                index.download_package(package, temporary, verify=False)
                checksum = sha256_file(temporary)
                if checksum != sha256:
                    raise CorruptError(f"{file}: SHA-256 is {checksum[:12]}, the pin card expects {sha256[:12]}")
    except NoSuchProjectError:
        raise UserError(f"the package index has no project `{project}`") from None
    except (RequestException, OSError) as error:
        reason = " ".join(str(error).split())[:200]
        raise UnreachableError(f"{file}: cannot be downloaded from the package index: {reason}") from None
