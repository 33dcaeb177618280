"""Verify a file or all files of a folder, and say what was found of each."""

import json
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, NamedTuple

from artpipe.credentials.credential_check import CredentialCheck, check_file
from artpipe.credentials.media_types import MEDIA_TYPES
from artpipe.credentials.signing_identity import parse_certificates
from artpipe.errors import UserError
from artpipe.language.message import Message
from artpipe.language.sentences import make_sentence
from artpipe.system.plain_text import to_printable

_MOST_CHARACTERS = 200  # of what a file says of itself


@dataclass(frozen=True)
class CheckedFile:
    """A file with what was found of it; `error` where it could not be read."""

    name: str
    check: CredentialCheck | None
    error: str = ""


def check_path(path: Path, trusted: bytes) -> list[CheckedFile]:
    """Verify a file, or what in a folder can carry credentials, by name.

    Raises:
        UserError: no such file, or one that cannot be read; in a folder such a file is among the results.
    """
    if not path.is_dir():
        return [CheckedFile(str(path), check_file(path, trusted))]
    files = sorted(file for file in path.rglob("*") if file.suffix.lower() in MEDIA_TYPES and file.is_file())
    if not files:
        raise UserError(f"{to_printable(str(path))}: no file in it can carry credentials, such as a PNG or a WAV")
    return list(_check_files(files, path, trusted))


def _check_files(files: Sequence[Path], folder: Path, trusted: bytes) -> Iterator[CheckedFile]:
    for file in files:
        name = str(file.relative_to(folder))
        try:
            yield CheckedFile(name, check_file(file, trusted))
        except UserError as error:
            yield CheckedFile(name, None, str(error))


def read_trusted(path: Path) -> bytes:
    """Return the certificates of a file, as PEM.

    Raises:
        UserError: it cannot be read, or has none.
    """
    try:
        if not path.is_file():
            raise UserError(f"--certificates {to_printable(str(path))}: no such file")
        data = path.read_bytes()
    except OSError as error:
        raise UserError(f"--certificates {to_printable(str(path))}: {error.strerror}") from None
    parse_certificates(data, path)
    return data


def choose_exit_code(files: Sequence[CheckedFile]) -> int:
    """Return 0 where all signed files are whole and there are some, else 1 or 2."""
    states = {file.check.state for file in files if file.check}
    if any(file.error for file in files):
        return UserError.exit_code
    return int(bool(states & {"changed", "foreign"}) or "whole" not in states)


class CredentialReport(NamedTuple):
    """Files with what was found of them, for `artpipe credentials`."""

    files: Sequence[CheckedFile]
    language: str

    def to_text(self) -> str:
        """Return a paragraph for each file that is not whole, and a line that counts."""
        return _format_checks(self.files, self.language)

    def to_json(self) -> list[dict[str, Any]]:
        """Return all for programs."""
        return [
            {"file": file.name, **(asdict(file.check) if file.check else {"state": "unreadable", "error": file.error})}
            for file in self.files
        ]


def _format_checks(files: Sequence[CheckedFile], language: str) -> str:
    texts = [_format_file(file, language) for file in files if len(files) == 1 or _is_worth_telling(file)]
    if len(files) > 1:
        states = [file.check.state if file.check else "unread" for file in files]
        counted = Message(
            code="credentials_counted",
            values={
                "files": len(files),
                "whole": states.count("whole"),
                "changed": states.count("changed"),
                "foreign": states.count("foreign"),
                "none": states.count("none"),
                "unread": states.count("unread"),
            },
        )
        texts.append(make_sentence(counted, language))
    return "\n".join(texts)


def _is_worth_telling(file: CheckedFile) -> bool:
    return file.check is None or file.check.state in {"changed", "foreign"}


def _format_file(file: CheckedFile, language: str) -> str:
    if file.check is None:
        return file.error
    check = file.check
    sentence = make_sentence(_describe_state(check), language)
    lines = [f"{_on_one_line(file.name)}: {sentence}"]
    if check.state != "none":
        lines += [f"  {_on_one_line(name)}: {_on_one_line(value)}" for name, value in _list_facts(check)]
    return "\n".join(lines)


def _on_one_line(text: str) -> str:
    """Return what a file says of itself, so that it forges no line of ours."""
    return to_printable(" ".join(text.split()))[:_MOST_CHARACTERS]


def _describe_state(check: CredentialCheck) -> Message:
    if check.state == "whole":
        return Message(code="credentials_whole", values={"signer": _on_one_line(check.signer)})
    if check.state == "foreign":
        return Message(code="credentials_foreign", values={"signer": _on_one_line(check.signer)})
    if check.state == "changed":
        return Message(code="credentials_changed", values={"faults": check.faults})
    return Message(code="credentials_none")


def _list_facts(check: CredentialCheck) -> Iterator[tuple[str, str]]:
    if check.source_type:
        yield "digitalSourceType", check.source_type
    for name, value in check.facts.items():
        if name != "made_from":
            yield name, value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)
    for title in check.ingredients:
        yield "ingredient", title
