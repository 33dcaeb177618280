"""Save and load cards: the JSON half of an artifact, with a SHA-256 file."""

from pathlib import Path
from typing import Any, TypeVar

from pydantic import ValidationError, model_validator

from artpipe.config.parameter_names import rename_card
from artpipe.config.params import FORMAT, Frozen
from artpipe.errors import CorruptError, UserError
from artpipe.system.atomic_files import write_bytes, write_text
from artpipe.system.hashing import sha256_bytes

CardT = TypeVar("CardT", bound=Frozen)


class ParameterCard(Frozen):
    """Base of cards with parameter names; older formats are read under today's names."""

    format: int = FORMAT

    @model_validator(mode="before")
    @classmethod
    def _rename_parameters(cls, card: Any) -> Any:
        return rename_card(card)


def save_card(path: Path, card: Frozen) -> str:
    """Write `card` and its checksum file ``<name>.sha256``.

    The card is written last, so its existence means that the rest is complete.

    Returns:
        The card's SHA-256, which names the whole artifact wherever the card lists the hashes of its files.
    """
    data = (card.model_dump_json(indent=2) + "\n").encode()
    digest = sha256_bytes(data)
    write_text(path.with_name(f"{path.name}.sha256"), f"{digest}  {path.name}\n")
    write_bytes(path, data)
    return digest


def load_card(path: Path, model: type[CardT]) -> tuple[CardT, str]:
    """Read a card, verify its sidecar and return it with its SHA-256.

    Raises:
        UserError: the file is not there.
        CorruptError: bytes or form are not what was written.
    """
    try:
        data = path.read_bytes()
        sidecar = path.with_name(f"{path.name}.sha256").read_bytes().split()
    except FileNotFoundError as error:
        raise UserError(f"{error.filename}: no such file; `artpipe plan` says which stage makes it") from None
    digest, expected = sha256_bytes(data), sidecar[0].decode(errors="replace") if sidecar else "nothing"
    if digest != expected:
        raise CorruptError(
            f"{path}: SHA-256 is {digest[:12]}, expected {expected[:12]}; delete the folder and run again"
        )
    try:
        return model.model_validate_json(data), digest
    except ValidationError as error:
        raise CorruptError(f"{path}: not a {model.__name__}: {error.errors()[0]['msg']}") from None
