"""The exhibits of an evaluated model: the very samples that were scored, and what it shows of held-out works."""

from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path

import torch
from torch import Tensor

from artpipe.artifacts.report import Neighbour, SavedExhibit, SavedExhibitFile, work_file
from artpipe.contracts.metric import Evidence, Measured
from artpipe.contracts.model import Content, Exhibit, Prompt
from artpipe.evaluation.sequences import writes_text
from artpipe.evaluation.text_neighbours import excerpts, nearest_texts
from artpipe.language.message import Message
from artpipe.modalities.picture.captions import UNTITLED, requested_class_title
from artpipe.modalities.picture.tiles import join_tiles
from artpipe.numerics.pixels import to_float
from artpipe.system.atomic_files import write_bytes
from artpipe.system.hashing import sha256_bytes
from artpipe.training.exhibit_files import encode_content, encode_png, make_thumbnail

SEEDS_APART = (
    100_000  # samples of two seeds of a project share no seed, nor one with those that choose the best weights
)


def write_exhibits(evidence: Evidence, measured: Sequence[Measured], folder: Path) -> list[SavedExhibit]:
    """Write the exhibits: scored samples first, then what the learner shows of held-out works, then what metrics want seen."""
    shown = exhibits_of(evidence)
    written = []
    if evidence.samples is not None:
        captions = {e.seed: e.caption for e in shown if e.role == "sample" and e.seed is not None}
        written += _write_samples(
            evidence, range(min(evidence.params.exhibits, len(evidence.samples))), "sample", captions, folder
        )
        shown = [exhibit for exhibit in shown if exhibit.role != "sample"]
    for role in dict.fromkeys(exhibit.role for exhibit in shown):
        some = [exhibit for exhibit in shown if exhibit.role == role][: evidence.params.exhibits]
        near = _near_texts(evidence, some)
        written += [
            _write(folder, exhibit, i).model_copy(update={"neighbours": near[i]}) for i, exhibit in enumerate(some)
        ]
    for found in measured:
        for role, rows in found.samples.items():
            written += _write_samples(evidence, rows, role, {}, folder)
        written += [_write(folder, exhibit, index) for index, exhibit in enumerate(found.exhibits)]
    return written


def exhibits_of(evidence: Evidence) -> list[Exhibit]:
    """Ask the learner, once, for its exhibits: the first seeds that were scored, and all drawn held-out works to choose from."""
    shown: list[Exhibit] = evidence.once("exhibits", lambda: _asked(evidence))
    return shown


def _asked(evidence: Evidence) -> list[Exhibit]:
    count, first = evidence.params.exhibits, (evidence.seed + 1) * SEEDS_APART
    prompt = evidence.prompt.part(0, count) if evidence.prompt else Prompt(seeds=range(first, first + count))
    works = {name: to_float(column) if name == "images" else column for name, column in evidence.held_out.items()}
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(evidence.seed)
        return evidence.learner.exhibit(Prompt(seeds=prompt.seeds, labels=prompt.labels, works=works))


def _write_samples(
    evidence: Evidence, rows: Iterable[int], role: str, captions: Mapping[int, str | Message], folder: Path
) -> list[SavedExhibit]:
    written = []
    for index, row in enumerate(rows):
        seed, label, caption, certainty = _about(evidence, row, captions)
        data = to_float(evidence.pictures("samples")[row])
        exhibit = Exhibit("image", data, caption, role=role, seed=seed, label=label)
        near = _neighbours(evidence, row)
        written.append(_write(folder, exhibit, index).model_copy(update={"neighbours": near, "certainty": certainty}))
    return written


def _about(
    evidence: Evidence, row: int, captions: Mapping[int, str | Message]
) -> tuple[int, int | None, Message, float | None]:
    """Return seed, label (what was asked for, else what the feature extractor reads), caption and its certainty of the label."""
    prompt, names = evidence.prompt, evidence.card.spec.classes
    seed = prompt.seeds[row] if prompt else 0
    asked = int(prompt.labels[row]) if prompt and prompt.labels is not None else None
    judged = None
    if evidence.feature_extractor is not None and names and evidence.extractor_classes == names:
        judged = evidence.judgements("samples")[row]
    read = None if judged is None else int(judged.argmax())
    caption = Message.of(captions.get(seed) or (requested_class_title(names[asked]) if asked is not None else UNTITLED))
    if read is not None and read != asked:
        caption = Message(
            code="read_as" if asked is None else "asked_for_read_as", values={"work": caption, "label": names[read]}
        )
    label = read if asked is None else asked
    return seed, label, caption, None if judged is None or label is None else float(judged[label])


def _near_texts(evidence: Evidence, exhibits: Sequence[Exhibit]) -> list[tuple[Neighbour, ...]]:
    """Return the training works that each text is nearest to; none of what is no text, or was not scored."""
    scored = dict(zip(evidence.prompt.seeds if evidence.prompt else (), evidence.sequences, strict=False))
    if not writes_text(evidence) or any(exhibit.seed not in scored for exhibit in exhibits):
        return [()] * len(exhibits)
    written = [scored[exhibit.seed] for exhibit in exhibits if exhibit.seed is not None]
    return nearest_texts(written, evidence.train, evidence.card.spec.vocabulary, evidence.params.neighbours)


def _neighbours(evidence: Evidence, row: int) -> tuple[Neighbour, ...]:
    digests = evidence.train.get("digests")
    if digests is None or not len(evidence.pictures("train")):
        return ()
    distances, rows = evidence.nearest_train("samples")
    near = zip(rows[row].tolist(), distances[row].tolist(), strict=True)
    return tuple(Neighbour(digest=_hex(digests[i]), distance=d) for i, d in near)[: evidence.params.neighbours]


def _hex(digest: Tensor) -> str:
    return bytes(digest.tolist()).hex()


def _write(folder: Path, exhibit: Exhibit, index: int) -> SavedExhibit:
    stem = f"exhibits/{exhibit.role}-{index:03d}".replace(" ", "-")
    whole = _write_file(folder, stem, exhibit.data)
    parts = {
        name: _write_file(folder, f"{stem}-{name.replace(' ', '-')}", part) for name, part in exhibit.parts.items()
    }
    known = {name: getattr(exhibit, name) for name in ("kind", "role", "caption", "seed", "label", "digests")}
    return SavedExhibit(file=whole.file, sha256=whole.sha256, parts=parts, **known)


def _write_file(folder: Path, stem: str, content: Content) -> SavedExhibitFile:
    suffix, data = encode_content(content)
    write_bytes(folder / f"{stem}{suffix}", data)
    return SavedExhibitFile(file=f"{stem}{suffix}", sha256=sha256_bytes(data))


def keep_works(evidence: Evidence, exhibits: Iterable[SavedExhibit], folder: Path) -> dict[str, str]:
    """Write a small picture or the first lines of each real work that the exhibits speak of; return file -> SHA-256."""
    wanted = {digest for e in exhibits for digest in (*e.digests, *(near.digest for near in e.neighbours))}
    kept: dict[str, str] = {}
    for columns in (evidence.train, evidence.held_out):
        if "images" in columns and "digests" in columns:
            for picture, digest in join_tiles(columns, wanted):
                kept |= _kept(folder, work_file(digest), encode_png(make_thumbnail(picture, evidence.params.thumbnail)))
        if writes_text(evidence):
            for text, digest in excerpts(columns, evidence.card.spec.vocabulary, wanted):
                kept |= _kept(folder, work_file(digest, ".txt"), text.encode())
    return dict(sorted(kept.items()))


def _kept(folder: Path, name: str, data: bytes) -> dict[str, str]:
    write_bytes(folder / name, data)
    return {name: sha256_bytes(data)}
