"""Text: kept as it was written, read as characters or syllables; the vocabulary is that of the works to train on."""

import json
import re
import unicodedata
from collections import Counter
from collections.abc import Collection, Iterator
from typing import Any

from pydantic import Field

from artpipe.config.params import IngestParams, Positive, SplitParams
from artpipe.contracts.modality import Facts, Medium, Part, Task
from artpipe.contracts.plugin_info import MediumInfo
from artpipe.contracts.special_tokens import END, MARKS, START
from artpipe.errors import UserError
from artpipe.modalities.text.bpe import learned
from artpipe.modalities.text.tokenizer import MEDIUM_NAME, Encoder, pieces
from artpipe.preprocessing.jobs import worked
from artpipe.preprocessing.token_rows import TokenShards
from artpipe.system.atomic_files import write_text
from artpipe.untrusted.encodings.text_decoding import begins_wide, decode
from artpipe.untrusted.record_files import no_content, records
from artpipe.untrusted.rejection import RejectedError

_SUFFIXES = (".txt", ".md", ".json", ".jsonl")
_MOST_TOKENS = 32_000  # different ones, as int16 holds
_CONTROLS = frozenset(range(32)) - frozenset(b"\t\n\r\f\x1b")  # bytes that no text begins with
_ROLLS = re.compile(rb'\s*(\{\s*"\w+"\s*:\s*)?\[\s*\[\s*[\[\d]')  # JSON of music: pieces of steps of pitches
_LINES_SHOWN = 8  # of a work on the contact sheet


class TextParams(SplitParams):
    """How text becomes tokens: a token is a character, or with `merges` what often stands together in a word."""

    length: int = Field(default=128, ge=8, le=4096)  # tokens of a row; a longer work goes on in the next
    merges: int = Field(default=0, ge=0, le=16_000)  # tokens of two and more characters, at most
    fewest: Positive = 2  # times a character stands in the works to train on; a rarer one is unknown
    breaks: str = ""  # characters that end a line wherever they stand, such as "，。"; the line feed comes after them
    strip: str = ""  # of every line: leading and trailing characters that are noise, such as "*"


def begins(start: bytes, name: str) -> bool:
    """Return whether a file says that it is text by its name, and its first bytes are neither control codes nor music."""
    plain = begins_wide(start) or not set(start) & _CONTROLS
    return name.lower().endswith(_SUFFIXES) and plain and not _ROLLS.match(start)


def parts(name: str, data: bytes, ingest: IngestParams) -> Iterator[Part]:
    """Yield the works of a file: its records, or what its separator parts, or the file."""
    for key, content, fields in records(name, data, ingest.separator, ingest.encoding):
        if isinstance(content, bytes | str):
            yield Part(key, content if isinstance(content, bytes) else content.encode("utf-8", "replace"), fields)
        else:
            yield Part(key, b"", {**fields, "rejected": "not text", "notes": (no_content(content),)})


def inspected(data: bytes, settings: dict[str, Any]) -> bytes:
    """Return the Facts of one text as JSON: characters of its longest line, lines.

    Raises:
        RejectedError: empty, or no text; see `decoded`.
    """
    text, notes = decoded(data, settings.get("encoding", ""))
    lines = text.split("\n")
    return json.dumps(Facts(max(map(len, lines)), len(lines), "", notes)).encode()


def decoded(data: bytes, encoding: str = "") -> tuple[str, list[str]]:
    """Return a text in normal form C without a byte order mark, lines parted by one line feed, none at its end; and notes.

    Raises:
        RejectedError: it is none in UTF-8, in `encoding`, or in one that its bytes tell.
    """
    text, read_as = decode(data, encoding)
    controls = len(text) - len(_without(text, {"Cc", "Cn"}, but="\t\r\n\f"))
    if controls * 100 > len(text):
        raise RejectedError("not text", f"{controls} of {len(text)} characters are control codes")
    text = unicodedata.normalize("NFC", text.replace("\r\n", "\n").replace("\r", "\n")).strip("\n")
    if not text.strip():
        raise RejectedError("empty file")
    return text, [f"read as {read_as}"] if read_as else []


def prepared(data: bytes, settings: dict[str, Any]) -> bytes:
    """Return a text as it is learned, in UTF-8: no control codes, lines stripped.

    Raises:
        RejectedError: see `decoded`.
    """
    noise, text = settings["strip"], decoded(data, settings.get("encoding", ""))[0]
    for mark in settings["breaks"]:
        text = text.replace(mark, f"{mark}\n")
    lines = (line.strip(noise) if noise else line for line in re.sub("\n+$", "", text).split("\n"))
    kept = "\n".join(line.rstrip() for line in lines)
    return _without(kept, {"Cc"}, but="\n").encode()


def _without(text: str, categories: Collection[str], but: str) -> str:
    """Return a text without the characters of these Unicode categories; asks once for each character there is."""
    out = {one for one in set(text) if unicodedata.category(one) in categories} - set(but)
    return re.sub(f"[{re.escape(''.join(sorted(out)))}]+", "", text) if out else text


def _settings(params: TextParams, ingest: IngestParams) -> dict[str, Any]:
    return {"strip": params.strip, "breaks": params.breaks, "encoding": ingest.encoding}


def write(task: Task) -> str:
    """Write rows of characters, each work between a start and an end.

    Raises:
        UserError: more different characters than a vocabulary holds.
    """
    from artpipe.artifacts.shards import Spec

    params: TextParams = task.params
    known, shown = _survey(task, params)
    encoder = Encoder((*MARKS, *known))
    shards = TokenShards(task.folder, params.length)
    for work, payload in worked(task, prepared, _settings(params, task.ingest)):
        shards.add(task.split(work), [START, *encoder(payload.decode()), END], task.label(work), work.sha256)
    shards.flush()
    counts = shards.writer.counts
    spec = Spec(
        dataset=task.name,
        medium=MEDIUM_NAME,
        length=params.length,
        classes=task.classes,
        count=counts["train"],
        columns=("tokens", "labels", "digests", "places"),
        vocabulary=(*MARKS, *known),
    )
    write_text(task.folder / "contact.txt", "\n\n".join(shown) + "\n")
    dumped = params.model_dump(mode="json")
    shards.writer.close(spec, works=task.works.sha256, params=dumped, mean=(), std=())
    line = f"{task.works.card.count:,} works, {len(known):,} different {'tokens' if params.merges else 'characters'}"
    return line + "".join(f", {split} {count:,} rows" for split, count in counts.items())


def _survey(task: Task, params: TextParams) -> tuple[list[str], list[str]]:
    """Return the vocabulary, characters first in code point order, and the beginnings of the works to show.

    Raises:
        UserError: more different characters than a vocabulary holds.
    """
    counted: Counter[str] = Counter()  # pieces of the works to train on
    shown: list[tuple[str, str]] = []
    for work, payload in worked(task, prepared, _settings(params, task.ingest)):
        text = payload.decode()
        if task.split(work) == "train":
            counted.update(pieces(text))
        if work.sha256 in task.shown:
            shown.append((task.order(work.sha256), "\n".join(text.split("\n")[:_LINES_SHOWN])))
    return _known(counted, task), [text for _, text in sorted(shown)]


def _known(counted: Counter[str], task: Task) -> list[str]:
    params: TextParams = task.params
    times: Counter[str] = Counter()
    for piece, count in counted.items():
        for character in piece:
            times[character] += count
    known = sorted(character for character, count in times.items() if count >= params.fewest)
    if len(known) + params.merges > _MOST_TOKENS:
        raise UserError(f"{task.works.folder}: {len(known):,} different characters, at most {_MOST_TOKENS:,}")
    familiar = set(known)
    return [*known, *(token for token in learned(counted, params.merges) if familiar.issuperset(token))]


MEDIUM = Medium(
    noun="text",
    files="text, .json or .jsonl",
    params=TextParams,
    begins=begins,
    inspect=inspected,
    prepare=prepared,
    settings=_settings,
    write=write,
    likely=True,
    reads_sidecars=False,
    columns=frozenset({"tokens", "labels", "digests", "places"}),
    parts=parts,
    sidecars=(
        ".json",
        ".xml",
        ".ann",
        ".csv",
        ".yaml",
        ".yml",
        ".meta",
        ".jpg",
        ".jpeg",
        ".png",
        ".pdf",
        ".epub",
        ".html",
    ),
)
MEDIUM_INFO = MediumInfo(
    size_parameter="length",
    default_size=128,
    is_readable=True,
    separator_hint="`--separator '\\n\\n'` cuts a file where a line is empty",
)
