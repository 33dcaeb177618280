"""Read text as characters or syllables; originals are kept as they are.

The vocabulary is that of the works to train on.
"""

import json
import re
import unicodedata
from collections import Counter
from collections.abc import Collection, Iterator
from typing import Any

from pydantic import Field

from artpipe.config.params import IngestParams, Positive, SplitParams
from artpipe.contracts.modality import FileWork, Medium, PreprocessTask, WorkFacts
from artpipe.contracts.plugin_info import MediumInfo
from artpipe.contracts.special_tokens import END, SPECIAL_TOKENS, START
from artpipe.errors import UserError
from artpipe.language.message import Message
from artpipe.modalities.text.bpe import learn_merges
from artpipe.modalities.text.tokenizer import MEDIUM_NAME, Tokenizer, split_pieces
from artpipe.preprocessing.jobs import run_jobs
from artpipe.preprocessing.token_rows import TokenShards
from artpipe.system.atomic_files import write_text
from artpipe.untrusted.encodings.text_decoding import decode_text, is_wide_text
from artpipe.untrusted.record_files import describe_missing_text, drop_records, read_records
from artpipe.untrusted.rejection import RejectedError

_SUFFIXES = (".txt", ".md", ".json", ".jsonl")
_MAX_TOKENS = 32_000  # different ones, as int16 holds
_CONTROLS = frozenset(range(32)) - frozenset(b"\t\n\r\f\x1b")  # bytes that no text begins with
_ROLL_START = re.compile(rb'\s*(\{\s*"\w+"\s*:\s*)?\[\s*\[\s*[\[\d]')  # JSON of music: pieces of steps of pitches
_LINES_SHOWN = 8  # of a work on the contact sheet


class TextParams(SplitParams):
    """How text becomes tokens.

    A token is a character, or with `merges` what often stands together in a word.
    """

    length: int = Field(default=128, ge=8, le=4096)  # tokens of a row; a longer work goes on in the next
    merges: int = Field(default=0, ge=0, le=16_000)  # tokens of two and more characters, at most
    fewest: Positive = 2  # times a character stands in the works to train on; a rarer one is unknown
    breaks: str = ""  # characters that end a line wherever they stand, such as "，。"; the line feed comes after them
    strip: str = ""  # of every line: leading and trailing characters that are noise, such as "*"


def is_text_file(start: bytes, name: str) -> bool:
    """Return whether a file is text by its name and first bytes.

    They are neither control codes nor music.
    """
    is_printable = is_wide_text(start) or not set(start) & _CONTROLS
    return name.lower().endswith(_SUFFIXES) and is_printable and not _ROLL_START.match(start)


def split_file(name: str, data: bytes, ingest: IngestParams) -> Iterator[FileWork]:
    """Yield the works of a file: its records, separated parts, or the file."""
    for key, content, fields in read_records(name, data, ingest.separator, ingest.encoding):
        if isinstance(content, bytes | str):
            yield FileWork(key, content if isinstance(content, bytes) else content.encode("utf-8", "replace"), fields)
        else:
            yield FileWork(key, b"", {**fields, "rejected": "not text", "notes": (describe_missing_text(content),)})


def drop_works(name: str, data: bytes, ingest: IngestParams, keys: Collection[str]) -> bytes:
    """Return a file without the works of some names."""
    return drop_records(name, data, keys, ingest.separator, ingest.encoding)


def inspect_text(data: bytes, settings: dict[str, Any]) -> bytes:
    """Return the WorkFacts of one text as JSON: characters of its longest line, lines.

    Raises:
        RejectedError: empty, or no text; see `decode_work`.
    """
    text, notes = decode_work(data, settings.get("encoding", ""))
    lines = text.split("\n")
    return json.dumps(WorkFacts(max(map(len, lines)), len(lines), "", notes)).encode()


def decode_work(data: bytes, encoding: str = "") -> tuple[str, list[str]]:
    """Return a text in normal form C, and notes.

    It has no byte order mark, one line feed between lines, and none at its end.

    Raises:
        RejectedError: it is none in UTF-8, in `encoding`, or in one that its bytes tell.
    """
    text, read_as = decode_text(data, encoding)
    controls = len(text) - len(_remove_categories(text, {"Cc", "Cn"}, keep="\t\r\n\f"))
    if controls * 100 > len(text):
        raise RejectedError(
            "not text", Message(code="control_codes", values={"controls": controls, "characters": len(text)})
        )
    text = unicodedata.normalize("NFC", text.replace("\r\n", "\n").replace("\r", "\n")).strip("\n")
    if not text.strip():
        raise RejectedError("empty file")
    return text, [Message(code="text_read_as", values={"encoding": read_as}).encode()] if read_as else []


def prepare_text(data: bytes, settings: dict[str, Any]) -> bytes:
    """Return a text as it is learned, in UTF-8: no control codes, lines stripped.

    Raises:
        RejectedError: see `decode_work`.
    """
    noise, text = settings["strip"], decode_work(data, settings.get("encoding", ""))[0]
    for mark in settings["breaks"]:
        text = text.replace(mark, f"{mark}\n")
    lines = (line.strip(noise) if noise else line for line in re.sub("\n+$", "", text).split("\n"))
    stripped = "\n".join(line.rstrip() for line in lines)
    return _remove_categories(stripped, {"Cc"}, keep="\n").encode()


def _remove_categories(text: str, categories: Collection[str], keep: str) -> str:
    """Return a text without the characters of these Unicode categories."""
    removed = {character for character in set(text) if unicodedata.category(character) in categories} - set(keep)
    return re.sub(f"[{re.escape(''.join(sorted(removed)))}]+", "", text) if removed else text


def _settings(params: TextParams, ingest: IngestParams) -> dict[str, Any]:
    return {"strip": params.strip, "breaks": params.breaks, "encoding": ingest.encoding}


def write_shards(task: PreprocessTask) -> str:
    """Write rows of tokens, each work between a start and an end.

    Raises:
        UserError: more different characters than a vocabulary holds.
    """
    from artpipe.artifacts.shards import Spec

    params: TextParams = task.params
    vocabulary, samples = _collect_vocabulary(task, params)
    encoder = Tokenizer((*SPECIAL_TOKENS, *vocabulary))
    shards = TokenShards(task.folder, params.length)
    for work, payload in run_jobs(task, prepare_text, _settings(params, task.ingest)):
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
        vocabulary=(*SPECIAL_TOKENS, *vocabulary),
    )
    write_text(task.folder / "contact.txt", "\n\n".join(samples) + "\n")
    dumped = params.model_dump(mode="json")
    shards.writer.close(spec, works=task.works.sha256, params=dumped, mean=(), std=())
    line = (
        f"{task.works.card.count:,} works, {len(vocabulary):,} different {'tokens' if params.merges else 'characters'}"
    )
    return line + "".join(f", {split} {count:,} rows" for split, count in counts.items())


def _collect_vocabulary(task: PreprocessTask, params: TextParams) -> tuple[list[str], list[str]]:
    """Return the vocabulary, and the beginnings of the works to show.

    Characters first, in code point order.

    Raises:
        UserError: more different characters than a vocabulary holds.
    """
    piece_counts: Counter[str] = Counter()  # pieces of the works to train on
    samples: list[tuple[str, str]] = []
    for work, payload in run_jobs(task, prepare_text, _settings(params, task.ingest)):
        text = payload.decode()
        if task.split(work) == "train":
            piece_counts.update(split_pieces(text))
        if work.sha256 in task.shown:
            samples.append((task.order(work.sha256), "\n".join(text.split("\n")[:_LINES_SHOWN])))
    return _choose_vocabulary(piece_counts, task), [text for _, text in sorted(samples)]


def _choose_vocabulary(piece_counts: Counter[str], task: PreprocessTask) -> list[str]:
    params: TextParams = task.params
    character_counts: Counter[str] = Counter()
    for piece, count in piece_counts.items():
        for character in piece:
            character_counts[character] += count
    characters = sorted(character for character, count in character_counts.items() if count >= params.fewest)
    if len(characters) + params.merges > _MAX_TOKENS:
        raise UserError(f"{task.works.folder}: {len(characters):,} different characters, at most {_MAX_TOKENS:,}")
    character_set = set(characters)
    return [
        *characters,
        *(token for token in learn_merges(piece_counts, params.merges) if character_set.issuperset(token)),
    ]


MEDIUM = Medium(
    noun="text",
    files="text, .json or .jsonl",
    params=TextParams,
    matches=is_text_file,
    inspect=inspect_text,
    prepare=prepare_text,
    settings=_settings,
    write=write_shards,
    is_preferred=True,
    reads_sidecars=False,
    columns=frozenset({"tokens", "labels", "digests", "places"}),
    split_file=split_file,
    drop_works=drop_works,
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
    ingest_milliseconds=(0.3, 100.0),
    preprocess_milliseconds=(1.0, 900.0),
    is_readable=True,
    sample_rows="artpipe.modalities.text.random_texts:make_rows",
    hub_tasks={"works": "text-generation", "labels": "text-classification"},
    media_types=("text/plain",),
    work_type="sc:Text",
    separator_hint="`--separator '\\n\\n'` cuts a file where a line is empty",
)
