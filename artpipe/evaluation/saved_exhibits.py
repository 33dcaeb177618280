"""The exhibits of an evaluated model.

The samples that were scored, and what the learner shows of held-out works.
"""

from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path

import torch
from torch import Tensor

from artpipe.artifacts.caption_columns import decode_texts
from artpipe.artifacts.report import Neighbour, SavedExhibit, SavedExhibitFile, work_file
from artpipe.contracts.metric import Evidence, Measurement
from artpipe.contracts.model import Content, Exhibit, Prompt
from artpipe.contracts.steered_sampler import select_rows
from artpipe.evaluation.sequences import writes_text
from artpipe.evaluation.text_neighbours import find_nearest_texts, read_excerpts
from artpipe.evaluation.whole_works import choose_whole
from artpipe.language.message import Message
from artpipe.modalities.picture.captions import requested_title
from artpipe.modalities.picture.tiles import join_tiles
from artpipe.numerics.pixels import to_float
from artpipe.system.atomic_files import write_bytes
from artpipe.system.hashing import sha256_bytes
from artpipe.training.exhibit_files import encode_content, encode_png, make_thumbnail

SEED_STRIDE = (
    100_000  # samples of two seeds of a project share no seed, nor one with those that choose the best weights
)


def write_exhibits(evidence: Evidence, measurements: Sequence[Measurement], folder: Path) -> list[SavedExhibit]:
    """Write the exhibits: samples, the learner's exhibits, those of metrics."""
    exhibits = make_exhibits(evidence)
    saved = []
    if evidence.samples is not None:
        captions = {e.seed: e.caption for e in exhibits if e.role == "sample" and e.seed is not None}
        saved += _write_samples(
            evidence, range(min(evidence.params.exhibits, len(evidence.samples))), "sample", captions, folder
        )
        exhibits = [exhibit for exhibit in exhibits if exhibit.role != "sample"]
    for role in dict.fromkeys(exhibit.role for exhibit in exhibits):
        same_role = [exhibit for exhibit in exhibits if exhibit.role == role][: evidence.params.exhibits]
        neighbours = _find_near_texts(evidence, same_role)
        saved += [
            _write_exhibit(folder, exhibit, i).model_copy(update={"neighbours": neighbours[i]})
            for i, exhibit in enumerate(same_role)
        ]
    for measurement in measurements:
        for role, rows in measurement.samples.items():
            saved += _write_samples(evidence, rows, role, find_asked_captions(evidence, rows), folder)
        others = {"other_models": tuple(measurement.other_models)}
        saved += [
            _write_exhibit(folder, exhibit, index).model_copy(update=others)
            for index, exhibit in enumerate(measurement.exhibits)
        ]
    return saved


def make_exhibits(evidence: Evidence) -> list[Exhibit]:
    """Ask the learner, once, for its exhibits.

    It gets the first seeds that were scored, and all drawn held-out works to choose from.
    """
    exhibits: list[Exhibit] = evidence.compute_once("exhibits", lambda: _request_exhibits(evidence))
    return exhibits


def _request_exhibits(evidence: Evidence) -> list[Exhibit]:
    count, first = evidence.params.exhibits, (evidence.seed + 1) * SEED_STRIDE
    prompt = choose_whole(evidence, evidence.prompt) if evidence.prompt else Prompt(seeds=range(first, first + count))
    prompt = prompt.slice(0, count)
    works = {name: to_float(column) if name == "images" else column for name, column in evidence.held_out.items()}
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(evidence.seed)
        return evidence.learner.exhibit(Prompt(seeds=prompt.seeds, labels=prompt.labels, works=works))


def _write_samples(
    evidence: Evidence, rows: Iterable[int], role: str, captions: Mapping[int, str | Message], folder: Path
) -> list[SavedExhibit]:
    saved = []
    for index, row in enumerate(rows):
        seed, label, caption, certainty = describe_sample(evidence, row, captions)
        data = to_float(evidence.pictures("samples")[row])
        exhibit = Exhibit("image", data, caption, role=role, seed=seed, label=label)
        neighbours = _find_neighbours(evidence, row)
        saved.append(
            _write_exhibit(folder, exhibit, index).model_copy(update={"neighbours": neighbours, "certainty": certainty})
        )
    return saved


def find_asked_captions(evidence: Evidence, rows: Sequence[int]) -> dict[int, str | Message]:
    """Return the captions that samples were asked for, by seed."""
    prompt = evidence.prompt
    if prompt is None or "caption_texts" not in prompt.works:
        return {}
    texts, seeds = prompt.works["caption_texts"], [prompt.seeds[row] for row in rows]
    return dict(zip(seeds, decode_texts(texts[select_rows(seeds, len(texts))].tolist()), strict=True))


def describe_sample(
    evidence: Evidence, row: int, captions: Mapping[int, str | Message]
) -> tuple[int, int | None, Message, float | None]:
    """Return a sample's seed, label, caption and the certainty of the label.

    The label is the requested one, else the one that the feature extractor predicts.
    """
    prompt, names = evidence.prompt, evidence.card.spec.classes
    seed = prompt.seeds[row] if prompt else 0
    requested = int(prompt.labels[row]) if prompt and prompt.labels is not None else None
    probabilities = None
    if evidence.feature_extractor is not None and names and evidence.extractor_classes == names:
        probabilities = evidence.class_probabilities("samples")[row]
    predicted = None if probabilities is None else int(probabilities.argmax())
    caption = Message.of(captions.get(seed) or requested_title(requested, names))
    if predicted is not None and predicted != requested:
        caption = Message(
            code="read_as" if requested is None else "asked_for_read_as",
            values={"work": caption, "label": names[predicted]},
        )
    label = predicted if requested is None else requested
    return seed, label, caption, None if probabilities is None or label is None else float(probabilities[label])


def _find_near_texts(evidence: Evidence, exhibits: Sequence[Exhibit]) -> list[tuple[Neighbour, ...]]:
    """Return the training works that each text is nearest to.

    There are none if it is no text, or was not scored.
    """
    scored = dict(zip(evidence.prompt.seeds if evidence.prompt else (), evidence.sequences, strict=False))
    if not writes_text(evidence) or any(exhibit.seed not in scored for exhibit in exhibits):
        return [()] * len(exhibits)
    texts = [scored[exhibit.seed] for exhibit in exhibits if exhibit.seed is not None]
    return find_nearest_texts(texts, evidence.train, evidence.card.spec.vocabulary, evidence.params.neighbours)


def _find_neighbours(evidence: Evidence, row: int) -> tuple[Neighbour, ...]:
    digests = evidence.train.get("digests")
    if digests is None or not len(evidence.pictures("train")):
        return ()
    distances, rows = evidence.nearest_train("samples")
    pairs = zip(rows[row].tolist(), distances[row].tolist(), strict=True)
    return tuple(Neighbour(digest=_format_digest(digests[i]), distance=distance) for i, distance in pairs)[
        : evidence.params.neighbours
    ]


def _format_digest(digest: Tensor) -> str:
    return bytes(digest.tolist()).hex()


def _write_exhibit(folder: Path, exhibit: Exhibit, index: int) -> SavedExhibit:
    stem = f"exhibits/{exhibit.role}-{index:03d}".replace(" ", "-")
    content_file = _write_file(folder, stem, exhibit.data)
    parts = {
        name: _write_file(folder, f"{stem}-{name.replace(' ', '-')}", part) for name, part in exhibit.parts.items()
    }
    fields = {
        name: getattr(exhibit, name) for name in ("kind", "role", "caption", "seed", "label", "digests", "shares")
    }
    return SavedExhibit(file=content_file.file, sha256=content_file.sha256, parts=parts, **fields)


def _write_file(folder: Path, stem: str, content: Content) -> SavedExhibitFile:
    suffix, data = encode_content(content)
    write_bytes(folder / f"{stem}{suffix}", data)
    return SavedExhibitFile(file=f"{stem}{suffix}", sha256=sha256_bytes(data))


def write_real_works(
    evidence: Evidence, exhibits: Iterable[SavedExhibit], folder: Path, others: Iterable[str] = ()
) -> dict[str, str]:
    """Write a thumbnail or excerpt of each real work that exhibits refer to.

    `others` are digests of further works. Returns the SHA-256 of each file by its name.
    """
    digests = {digest for e in exhibits for digest in (*e.digests, *(neighbour.digest for neighbour in e.neighbours))}
    digests |= {*others}
    hashes: dict[str, str] = {}
    for columns in (evidence.train, evidence.held_out):
        if "images" in columns and "digests" in columns:
            for picture, digest in join_tiles(columns, digests):
                hashes |= _write_hashed(
                    folder, work_file(digest), encode_png(make_thumbnail(picture, evidence.params.thumbnail))
                )
        if writes_text(evidence):
            for text, digest in read_excerpts(columns, evidence.card.spec.vocabulary, digests):
                hashes |= _write_hashed(folder, work_file(digest, ".txt"), text.encode())
    return dict(sorted(hashes.items()))


def _write_hashed(folder: Path, name: str, data: bytes) -> dict[str, str]:
    write_bytes(folder / name, data)
    return {name: sha256_bytes(data)}
