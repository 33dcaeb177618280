"""Recurrent network: predicts the next token from all before it.

LSTM: Hochreiter & Schmidhuber 1997; GRU: Cho et al. 2014.

One embedding serves input and output (Press & Wolf 2017).
"""

import math
from collections.abc import Mapping, Sequence
from typing import Any, Literal

import torch
from pydantic import Field
from torch import Tensor, nn
from torch.nn import functional as F

from artpipe.artifacts.shards import Spec
from artpipe.config.params import Positive, Share, TrainParams
from artpipe.contracts.microbatched import MicroBatchedLearner
from artpipe.contracts.model import Batch, Exhibit, Model, Prompt
from artpipe.contracts.plugin_info import Budget, Export, ModelInfo, NewDatasets, WallText
from artpipe.contracts.special_tokens import PAD, START
from artpipe.modalities.music.rendering import count_steps, join_rows
from artpipe.modalities.music.tokens import is_music
from artpipe.nn.layers.dropout import apply_dropout
from artpipe.nn.sequence.music_context import MusicContext, MusicFeatures, transpose
from artpipe.nn.sequence.token_exhibits import encode_prompt, render_exhibit, token_lengths
from artpipe.nn.sequence.token_sampling import write_sequences

_MEASURED_ROWS = 64  # measured in one batch


class Params(TrainParams):
    """Parameters of a recurrent network."""

    batch_size: Positive = 32
    cell: Literal["lstm", "gru"] = "lstm"
    layers: Positive = 1
    width: Positive = 256  # of the recurrent layers
    embedding: Positive = 256  # of a token
    dropout: Share = 0.0  # after the embedding, between the layers and after the last one
    read_dropout: Share | None = None  # after the embedding, where it is another
    transpose: int = Field(default=0, ge=0, le=11)  # music: semitones that a row is moved by, at most, by chance
    learning_rate: float = Field(default=4.0e-3, gt=0)
    warmup_steps: int = Field(default=50, ge=0)
    weight_decay: float = Field(default=0.0, ge=0)
    gradient_clip_norm: float = Field(default=1.0, gt=0)  # the largest one; longer gradients are shortened to it
    temperature: float = Field(default=0.8, ge=0)  # below 1: more often what is likely; 0: always the likeliest
    top_p: float = Field(default=0.95, gt=0, le=1)  # what is drawn from: the likeliest tokens with this sum
    max_tokens: Positive = 400  # tokens written after a prompt, unless the end comes first
    pieces: Positive = 5  # of music that are played at most; each is a file of a megabyte or two
    prompts: tuple[str, ...] = ("",)  # beginnings, one by seed in turn; empty: a work's beginning


class RNN(MicroBatchedLearner[Params]):
    """Embedding, recurrent layers, and the transposed embedding as output."""

    selection_measure = ("nll", "min")
    progress_exhibits = 4

    def __init__(self, params: Params, spec: Spec, pretrained: object = None) -> None:
        super().__init__(params, spec)
        del pretrained
        p, cell = params, nn.LSTM if params.cell == "lstm" else nn.GRU
        self.embedding = nn.Embedding(len(spec.vocabulary), p.embedding)
        nn.init.normal_(self.embedding.weight, std=p.embedding**-0.5)
        between = p.dropout if p.layers > 1 else 0.0
        self.recurrent = cell(p.embedding, p.width, p.layers, batch_first=True, dropout=between)
        self.narrow = nn.Linear(p.width, p.embedding) if p.width != p.embedding else nn.Identity()
        self.bias = nn.Parameter(torch.zeros(len(spec.vocabulary)))
        # Checkpoints know the musical context as `ear`.
        self.ear = MusicContext(spec, p.embedding, p.width, p.dropout) if is_music(spec) else None
        if p.cell == "lstm":
            _open_forget_gates(self.recurrent, p.width)
        self.lengths = token_lengths(spec)
        adam = torch.optim.AdamW(
            self.parameters(), lr=p.learning_rate, betas=(0.9, 0.99), weight_decay=p.weight_decay, fused=True
        )
        self.optimisers = {"rnn": adam}

    def prepare_batch(self, batch: Batch) -> Batch:
        """Return `tokens` ``(B, L + 1)`` without padding columns, transposed at random."""
        tokens = _trim_padding(batch["tokens"].long())
        if self.params.transpose and self.ear is not None:
            tokens = transpose(tokens, self.params.transpose)
        return {"tokens": tokens}

    def accumulate_gradients(self, part: Batch, whole: Batch) -> Mapping[str, Tensor]:
        """Descend the mean negative log-likelihood of the next token."""
        loss = self._token_nats(part["tokens"]).sum() / (whole["tokens"][:, 1:] != PAD).sum().clamp(min=1)
        loss.backward()  # type: ignore[no-untyped-call]
        return {"nll": loss.detach()}

    def update_weights(self, rows: int) -> None:
        """Take the optimiser's step."""
        del rows
        (group,) = self.optimisers["rnn"].param_groups
        group["lr"] = self.scheduled_rate(self.params.learning_rate, self.params.warmup_steps, final_share=0.02)
        nn.utils.clip_grad_norm_(group["params"], self.params.gradient_clip_norm)
        self.optimisers["rnn"].step()

    def _token_nats(self, tokens: Tensor) -> Tensor:
        """Return ``(B, L)`` nats of each token after the first, 0 where there is none."""
        features = self.ear.extract_row_features(tokens[:, :-1]) if self.ear is not None else None
        with self.autocast():
            logits, _ = self._logits(tokens[:, :-1], None, features)
        targets = tokens[:, 1:]
        nats = F.cross_entropy(logits.float().flatten(0, 1), targets.flatten(), ignore_index=PAD, reduction="none")
        return nats.view_as(targets)

    def _logits(self, tokens: Tensor, state: Any, features: MusicFeatures | None) -> tuple[Tensor, Any]:
        p, scale = self.params, math.sqrt(self.params.embedding)
        embedding_dropout = p.dropout if p.read_dropout is None else p.read_dropout
        embeddings = apply_dropout(self.embedding(tokens) * scale, embedding_dropout, training=self.training)
        if self.ear is not None and features is not None:
            step_outputs, state = self.ear.run_recurrent(self.recurrent, embeddings, features, state)
            hidden = self.ear.note_features(step_outputs, features)
            logits = F.linear(hidden, self.embedding.weight, self.bias) + self.ear.logit_offsets(hidden, features)
            return logits, state
        hidden, state = self.recurrent(embeddings, state)
        hidden = self.narrow(apply_dropout(hidden, p.dropout, training=self.training))
        return F.linear(hidden, self.embedding.weight, self.bias), state

    @torch.no_grad()
    def nll(self, tokens: Tensor) -> Tensor:
        """Return ``(N, L)`` nats of each token after the first of ``(N, L + 1)``.

        0 where there is none; each row is a beginning.
        """
        parts = [self._token_nats(_trim_padding(rows.long())) for rows in torch.split(tokens, _MEASURED_ROWS)]
        return torch.cat([F.pad(part, (0, tokens.shape[1] - 1 - part.shape[1])) for part in parts])

    def validate(self, works: Batch) -> dict[str, float]:
        """Return nats per token; of text also bits per character, of music nats per step.

        Music is measured by whole pieces.
        """
        tokens = works.get("tokens", torch.empty(0))
        if not len(tokens):
            return {}
        if self.ear is not None:
            tokens = join_rows(works)
        targets, nats = tokens[:, 1:].long(), float(self.nll(tokens).double().sum())
        measured = {"nll": nats / max(1, int((targets != PAD).sum()))}
        characters = float(self.lengths[targets.cpu()].sum())
        if characters:
            measured["bits_per_character"] = nats / math.log(2) / characters
        if self.ear is not None:
            measured["nll_per_step"] = nats / int(count_steps(tokens).sum())
        return measured

    @torch.no_grad()
    def write(self, prompt: Prompt) -> list[list[int]]:
        """Return the tokens that follow each seed's prompt, without the end.

        A sequence as long as `max_tokens` was cut.
        """
        p = self.params
        beginnings = [[START, *encode_prompt(self._prompt_text(seed), self.spec)] for seed in prompt.seeds]
        return write_sequences(self._advance, beginnings, prompt.seeds, p.max_tokens, p.temperature, p.top_p)

    def _advance(self, tokens: Tensor, state: Any) -> tuple[Tensor, Any]:
        """Read a token of each row; the state is the network's and the musical context's."""
        hidden, music_states = state or (None, None)
        features = self.ear.extract_features(tokens, music_states) if self.ear is not None else None
        logits, hidden = self._logits(tokens.to(self.bias.device), hidden, features)
        logits = logits[:, -1].float().cpu()
        if self.ear is None or features is None:
            return logits, (hidden, None)
        return logits.masked_fill(self.ear.forbidden_tokens(features.states), -math.inf), (hidden, features.states)

    def _prompt_text(self, seed: int) -> str:
        prompt = self.params.prompts[seed % len(self.params.prompts)] if self.params.prompts else ""
        return prompt.rstrip(" ")  # a syllable brings the space before it along

    def exhibit(self, prompt: Prompt) -> list[Exhibit]:
        """Show what each seed writes."""
        if self.ear is not None:
            prompt = prompt.slice(0, self.params.pieces)
        rows: Sequence[Sequence[int]] = self.write(prompt)
        max_tokens = self.params.max_tokens
        return [
            render_exhibit(self.spec, self._prompt_text(seed), row, seed, ended=len(row) < max_tokens)
            for seed, row in zip(prompt.seeds, rows, strict=True)
        ]


def _trim_padding(tokens: Tensor) -> Tensor:
    """Return rows ``(B, L + 1)`` without the padding columns at their end.

    So short poems cost no more than their length.
    """
    used = (tokens != PAD).any(0).nonzero()
    return tokens[:, : max(2, int(used[-1]) + 1 if len(used) else 2)]


def _open_forget_gates(recurrent: nn.Module, width: int) -> None:
    """Start with open forget gates, the second of four (Jozefowicz et al. 2015)."""
    for name, weight in recurrent.named_parameters():
        if name.startswith("bias_ih"):
            weight.data[width : 2 * width] = 1.0


MODEL = Model(reads=frozenset({"tokens"}), params=Params, build=RNN)
MODEL_INFO = ModelInfo(
    title="Recurrent network",
    export=Export(reason="it writes token by token, with rules of its medium between them"),
    nanoseconds_per_pixel=100_000,  # per token
    evaluation_seconds=25.0,  # most of it writing
    default_batch_size=32,
    new_datasets=NewDatasets(promise="writes new ones, one sign after the other"),
    starting_params={"steps": 1500, "batch_size": 16, "dropout": 0.3},
    wall_texts={
        "continuation": WallText(
            heading="Continuations", note="The beginning was given, the rest is the model's.", own=True
        )
    },
    acronyms=("nll",),
    presets={
        "long": Budget(steps_factor=2),
        "gpu": Budget(steps_factor=3, at_least={"batch_size": 32, "width": 512, "embedding": 256}),
    },
)
