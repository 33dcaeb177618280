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

_WEIGHTS = "model.safetensors"
_CONFIG = "config.json"


class ClipEncoder:
    """Encodes texts, each once and by itself.

    So a vector depends on its text alone. It is no module: its weights are the folder's, and no checkpoint holds them.
    """

    def __init__(self, folder: Path) -> None:
        """Read the encoder of a folder.

        Raises:
            UserError: transformers is not installed, or the folder holds no such encoder.
        """
        if find_spec("transformers") is None:
            raise UserError(f"{folder}: transformers is not installed; `pip install 'artpipe[clip]'` brings it")
        for name in (_CONFIG, _WEIGHTS):
            if not (folder / name).is_file():
                raise UserError(
                    f"{folder}: no {name}; the folder of a CLIP text encoder is expected, as the Hub has it"
                )
        self._tokenizer, self._network = _read_encoder(folder)
        files = sorted(file for file in folder.rglob("*") if file.is_file())
        listing = (f"{file.relative_to(folder).as_posix()} {sha256_file(file)}" for file in files)
        self.sha256 = sha256_bytes("\n".join(listing).encode())
        self.width = int(self._network.config.projection_dim)
        self._known: dict[str, Tensor] = {"": torch.zeros(self.width)}

    def encode(self, texts: Sequence[str]) -> Tensor:
        """Return ``(N, width)`` of length 1; an empty text is 0."""
        for text in texts:
            if text not in self._known:
                self._known[text] = self._compute(text)
        return torch.stack([self._known[text] for text in texts])

    @torch.no_grad()
    def _compute(self, text: str) -> Tensor:
        longest = self._network.config.max_position_embeddings
        row = self._tokenizer([text], truncation=True, max_length=longest, return_tensors="pt")
        vector: Tensor = F.normalize(self._network(**row).text_embeds.float(), dim=1)[0]
        return vector


def _read_encoder(folder: Path) -> tuple[Any, Any]:
    """Return tokenizer and network of a folder, the latter in eval mode.

    Weights are those of one file: an index could name files elsewhere, and pickles.
    """
    os.environ.setdefault("HF_HUB_DISABLE_TELEMETRY", "1")
    os.environ.setdefault("HF_HUB_OFFLINE", "1")
    from transformers import AutoTokenizer, CLIPTextModelWithProjection
    from transformers.utils import logging

    logging.set_verbosity_error()  # a whole CLIP has weights for pictures, which are not read
    logging.disable_progress_bar()
    place = f"{folder}: no CLIP text encoder can be read from it"
    try:
        tokenizer = AutoTokenizer.from_pretrained(folder, local_files_only=True, trust_remote_code=False)
        loaded: Any = CLIPTextModelWithProjection.from_pretrained(
            folder, local_files_only=True, use_safetensors=True, trust_remote_code=False, output_loading_info=True,
            attn_implementation="eager",  # another one may be code of the Hub
        )  # fmt: skip
    except Exception as error:  # transformers, tokenizers and safetensors raise their own
        reason = (str(error).strip() or type(error).__name__).splitlines()[0]
        raise UserError(f"{place}: {reason}") from error
    network, found = loaded
    if missing := sorted(found["missing_keys"]):
        raise UserError(f"{place}: its weights lack `{missing[0]}`, which would be made up")
    if not all(bool(weight.isfinite().all()) for weight in network.parameters()):
        raise UserError(f"{place}: some of its weights are no numbers")
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
