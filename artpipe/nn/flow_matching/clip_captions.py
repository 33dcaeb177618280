"""Captions as vectors of a CLIP text encoder that a person names.

Radford et al. 2021; `transformers` reads it from a folder as the Hugging Face Hub has it: `config.json`, tokenizer files, weights as
safetensors. Nothing is fetched, no code of the folder runs, no pickle is read.
"""

import os
from collections.abc import Sequence
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from artpipe.errors import UserError
from artpipe.system.hashing import sha256_bytes, sha256_file

_AT_ONCE = 64  # texts encoded at once
_FILES = ("*.json", "*.txt", "*.safetensors")


class ClipEncoder:
    """Encodes texts, each once.

    It is no module: its weights are the folder's, and no checkpoint holds them.
    """

    def __init__(self, folder: Path) -> None:
        """Read the encoder of a folder.

        Raises:
            UserError: transformers is not installed, or the folder holds no such encoder.
        """
        if find_spec("transformers") is None:
            raise UserError(f"{folder}: transformers is not installed; `pip install 'artpipe[clip]'` brings it")
        if not (folder / "config.json").is_file():
            raise UserError(
                f"{folder}: no config.json; the folder of a CLIP text encoder is expected, as the Hub has it"
            )
        self._tokenizer, self._network = _read_encoder(folder)
        files = sorted({file for pattern in _FILES for file in folder.glob(pattern)})
        self.sha256 = sha256_bytes("".join(sha256_file(file) for file in files).encode())
        self.width = int(self._network.config.projection_dim)
        self._known: dict[str, Tensor] = {"": torch.zeros(self.width)}

    def encode(self, texts: Sequence[str]) -> Tensor:
        """Return ``(N, width)`` of length 1; an empty text is 0."""
        new = sorted({*texts} - {*self._known})
        for start in range(0, len(new), _AT_ONCE):
            part = new[start : start + _AT_ONCE]
            self._known |= dict(zip(part, self._compute(part), strict=True))
        return torch.stack([self._known[text] for text in texts])

    @torch.no_grad()
    def _compute(self, texts: list[str]) -> Tensor:
        longest = self._network.config.max_position_embeddings
        rows = self._tokenizer(texts, padding=True, truncation=True, max_length=longest, return_tensors="pt")
        vectors: Tensor = F.normalize(self._network(**rows).text_embeds.float(), dim=1)
        return vectors


def _read_encoder(folder: Path) -> tuple[Any, Any]:
    """Return tokenizer and network of a folder, the latter in eval mode."""
    os.environ.setdefault("HF_HUB_DISABLE_TELEMETRY", "1")
    os.environ.setdefault("HF_HUB_OFFLINE", "1")
    from transformers import AutoTokenizer, CLIPTextModelWithProjection
    from transformers.utils import logging

    logging.set_verbosity_error()  # type: ignore[no-untyped-call]  # a whole CLIP has weights for pictures, which are not read
    logging.disable_progress_bar()  # type: ignore[no-untyped-call]
    try:
        tokenizer = AutoTokenizer.from_pretrained(folder, local_files_only=True, trust_remote_code=False)
        network = CLIPTextModelWithProjection.from_pretrained(
            folder, local_files_only=True, use_safetensors=True, trust_remote_code=False
        )
    except (OSError, ValueError, KeyError, RuntimeError) as error:
        reason = (str(error).strip() or type(error).__name__).splitlines()[0]
        raise UserError(f"{folder}: no CLIP text encoder can be read from it: {reason}") from error
    network.requires_grad_(requires_grad=False)
    return tokenizer, network.train(mode=False)


class VectorConditions(nn.Module):
    """Maps vectors of captions to conditions; nothing asked is a vector of its own."""

    def __init__(self, width: int, dim: int) -> None:
        super().__init__()
        self.caption = nn.Sequential(nn.Linear(width, 2 * dim), nn.SiLU(), nn.Linear(2 * dim, dim))
        self.nothing = nn.Parameter(0.1 * torch.randn(dim))
        self.scale = width**0.5  # a vector of length 1 has components of about 1 after it

    def forward(self, vectors: Tensor) -> Tensor:
        """Return ``(N, dim)`` of vectors ``(N, width)``; 0 is no caption."""
        is_asked = vectors.abs().amax(1, keepdim=True) > 0
        return torch.where(is_asked, self.caption(self.scale * vectors), self.nothing)
