"""Find the works that a person means, and the datasets that hold them."""

import re
from collections.abc import Collection, Iterator, Mapping, Sequence
from contextlib import closing, suppress
from dataclasses import dataclass, field
from itertools import islice
from pathlib import Path
from typing import NamedTuple

from artpipe.artifacts import paths
from artpipe.artifacts.works import Provenance, Record, Work, Works
from artpipe.config.params import DatasetEntry, Params
from artpipe.errors import ArtpipeError, CorruptError, UserError, did_you_mean
from artpipe.language.message import Message
from artpipe.project.forgetting.work_facts import compute_facts
from artpipe.storage.removed_datasets import find_removed
from artpipe.system.hashing import md5_bytes, sha256_bytes
from artpipe.system.plain_text import to_printable
from artpipe.system.project_root import is_file
from artpipe.tracking.lineage_trace import trace_lineage
from artpipe.untrusted.duplicates import DuplicateIndex

_HASH = re.compile(r"[0-9a-f]{8,64}")
_SHOWN = 4  # works that an ambiguous name may mean, in a message
_HINTS = 20_000  # names among which the nearest is looked for
_DUPLICATES = {"exact duplicate", "near duplicate"}  # reasons of quarantine


class HeldWork(NamedTuple):
    """A work that a dataset holds, and how near it is to what was asked for."""

    dataset: str
    work: Work
    provenance: Provenance
    asked: str  # SHA-256 of the work that was asked for: itself, or the one it is near to
    bits: int = 0  # of 64 in which the looks differ

    @property
    def is_asked(self) -> bool:
        """Return whether it is itself what was asked for."""
        return self.work.sha256 == self.asked


@dataclass(frozen=True)
class Holdings:
    """What the datasets hold of the works that a person asked for."""

    asked: frozenset[str]  # SHA-256 of the works
    held: tuple[HeldWork, ...] = ()
    copies: Mapping[str, tuple[str, ...]] = field(
        default_factory=dict
    )  # dataset -> names of inputs set aside as duplicates
    unread: tuple[str, ...] = ()  # datasets whose works are not here
    exact: bool = False  # near duplicates were left out

    @property
    def datasets(self) -> tuple[str, ...]:
        """Return the datasets that hold any of them."""
        return tuple(dict.fromkeys(held.dataset for held in self.held))

    def in_dataset(self, dataset: str) -> list[HeldWork]:
        """Return what one dataset holds."""
        return [held for held in self.held if held.dataset == dataset]


def find_holdings(params: Params, queries: Sequence[str] = (), *, creator: str = "", exact: bool = False) -> Holdings:
    """Return which datasets hold the works that are meant, or near duplicates.

    Args:
        params: params.yaml.
        queries: each a file, the beginning of a hash, or a work's name or title.
        creator: instead: all works of this creator.
        exact: near duplicates are left out.

    Raises:
        UserError: no such work or creator (with the nearest name), or several works of one name.
    """
    unread = _list_unread(params)
    targets = _find_by_creator(params, creator) if creator else []
    for query in queries:
        targets += _find_by_query(params, query, exact=exact)
    asked = frozenset(target.work.sha256 for target in targets)
    held = tuple(_find_held(params, targets, exact=exact))
    reasons = {"exact duplicate"} if exact else _DUPLICATES
    copies = {name: tuple(_find_copies(name, held, reasons)) for name in dict.fromkeys(one.dataset for one in held)}
    return Holdings(asked, held, copies, unread, exact)


def describe_unread(unread: Sequence[str]) -> str:
    """Return which datasets were not looked into and what brings them; empty for none."""
    if not unread:
        return ""
    verb, whose = ("was", "its") if len(unread) == 1 else ("were", "their")
    targets = " ".join(f"ingest@{name}" for name in unread)
    return f"{', '.join(unread)} {verb} not looked into, {whose} works are not here: `artpipe run {targets}`"


def hash_originals(holdings: Holdings) -> frozenset[str]:
    """Return the MD5 of the held works' bytes, by which DVC keeps whole files."""
    if not find_removed(Path()):  # who asks for them
        return frozenset()
    works = {name: Works.open(paths.works(name)) for name in holdings.datasets}
    return frozenset(md5_bytes(works[held.dataset].original(held.work)) for held in holdings.held)


def iterate_works(params: Params) -> Iterator[HeldWork]:
    """Yield every work of the datasets that are here.

    Raises:
        CorruptError: works and record are not of one ingest, or damaged.
    """
    for name in params.datasets:
        if not (paths.works(name) / "works.json").exists():
            continue
        works, record = Works.open(paths.works(name)), Record.open(paths.record(name))
        if record.card.works != works.sha256:
            raise CorruptError(f"{record.folder}: the record of other works; `artpipe run ingest@{name}` makes it anew")
        for work, provenance in zip(works.rows(), record.rows(), strict=True):
            yield HeldWork(name, work, provenance, work.sha256)


def _list_unread(params: Params) -> tuple[str, ...]:
    return tuple(name for name in params.datasets if not (paths.works(name) / "works.json").exists())


def _hint_at_unread(params: Params) -> str:
    unread = describe_unread(_list_unread(params))
    return f"; {unread}" if unread else ""


def _find_by_creator(params: Params, creator: str) -> list[HeldWork]:
    matching = [held for held in iterate_works(params) if held.provenance.creator.casefold() == creator.casefold()]
    if not matching:
        creators = sorted({held.provenance.creator for held in iterate_works(params)})
        hint = did_you_mean(creator, creators) + _hint_at_unread(params)
        raise UserError(f"no dataset has a work by `{to_printable(creator)}`{hint}")
    return matching


def _find_by_query(params: Params, query: str, *, exact: bool) -> list[HeldWork]:
    file = Path(query)
    if is_file(file):
        return _find_by_file(params, file, exact=exact)
    if _HASH.fullmatch(query) and (matching := _find_by_hash(params, query)):
        return matching
    works = list(iterate_works(params))
    matching = [held for held in works if query in {held.provenance.name, held.provenance.title}]
    matching = matching or [held for held in works if query == Path(held.provenance.name).name]
    if not matching:
        raise UserError(_explain_unknown(params, query))
    return _require_single(query, matching)


def _find_by_hash(params: Params, digits: str) -> list[HeldWork]:
    return _require_single(digits, [held for held in iterate_works(params) if held.work.sha256.startswith(digits)])


def _require_single(query: str, matching: list[HeldWork]) -> list[HeldWork]:
    """Return the matching works if they are one by content.

    Raises:
        UserError: they are several; the message has their hashes.
    """
    by_hash = {held.work.sha256: held for held in matching}
    if len(by_hash) > 1:
        shown = [f"{held.work.sha256[:12]} ({held.dataset}: {held.provenance.name})" for held in by_hash.values()]
        more = " ..." if len(shown) > _SHOWN else ""
        listed = to_printable(", ".join(shown[:_SHOWN]) + more)
        raise UserError(f"`{to_printable(query)}` means {len(by_hash):,} works; name one by its hash: {listed}")
    return matching


def _find_by_file(params: Params, file: Path, *, exact: bool) -> list[HeldWork]:
    """Find a work by its file: its bytes, a picture that shows it, or its look.

    Where it has to be exact, a work that only looks like it is another one.
    """
    data = file.read_bytes()
    digest = sha256_bytes(data)
    if matching := [held for held in iterate_works(params) if held.work.sha256 == digest]:
        return matching
    lineage = None
    with suppress(ArtpipeError):
        lineage = trace_lineage(str(file))
    if lineage and lineage.real:
        return _find_by_hash(params, lineage.real.sha256)
    if lineage and lineage.work:
        problem = f"is a work that {lineage.model} made, and no work of a dataset"
        raise UserError(f"{to_printable(str(file))}: {problem}; `artpipe lineage` says what it was made from")
    if not exact and (matching := _find_alike(params, data)):
        return matching
    problem = "no dataset holds it" + (
        " by its bytes, and `--exact` asks for them" if exact else ", nor a near duplicate of it"
    )
    hint = _hint_at_unread(params) or "; a work may also be named by name, title or hash"
    raise UserError(f"{to_printable(str(file))}: {problem}{hint}")


def _find_alike(params: Params, data: bytes) -> list[HeldWork]:
    """Return the works that look like a file, as near duplicates do."""
    looks = {medium: _compute_look(entry, data) for medium, entry in _entries_by_medium(params).items()}
    matching = []
    for held in iterate_works(params):
        entry = params.dataset(held.dataset)
        look, own = looks[entry.medium], int(held.work.phash or "0", 16)
        if look and own and (bits := (look ^ own).bit_count()) <= entry.ingest.near_duplicate_bits:
            matching.append(held._replace(bits=bits))
    return matching


def _entries_by_medium(params: Params) -> dict[str, DatasetEntry]:
    return {entry.medium: entry for entry in params.datasets.values()}


def _compute_look(entry: DatasetEntry, data: bytes) -> int:
    """Return the perceptual hash of a file, read in a worker; 0 where it has none."""
    _, facts = next(compute_facts(entry, [("", data)]))
    return int(facts.perceptual_hash or "0", 16) if facts else 0


def _explain_unknown(params: Params, query: str) -> str:
    names: dict[str, None] = {}
    for held in islice(iterate_works(params), _HINTS):
        names |= dict.fromkeys((held.provenance.name, held.provenance.title or "", Path(held.provenance.name).name))
    hint = did_you_mean(query, filter(None, names)) + _hint_at_unread(params)
    if not names:
        hint = "; nothing was ingested here yet: `artpipe run` does it"
    return f"`{to_printable(query)}` is no work of a dataset: no file, name, title or hash of one{to_printable(hint)}"


def _find_held(params: Params, targets: list[HeldWork], *, exact: bool) -> Iterator[HeldWork]:
    """Yield what the datasets hold of the targets: the same bytes, and the same look."""
    digests = {target.work.sha256 for target in targets}
    media = {params.dataset(target.dataset).medium for target in targets}
    with closing(DuplicateIndex()) as looks:
        for target in targets if not exact else ():
            if target.work.phash:
                looks.add_hash(int(target.work.phash, 16), target.work.sha256)
        for held in iterate_works(params):
            entry = params.dataset(held.dataset)
            if held.work.sha256 in digests:
                yield held
            elif not exact and held.work.phash and entry.medium in media:
                near = looks.find_near(int(held.work.phash, 16), entry.ingest.near_duplicate_bits)
                if near:
                    yield held._replace(asked=near[0], bits=near[1])


def _find_copies(dataset: str, held: tuple[HeldWork, ...], reasons: Collection[str]) -> Iterator[str]:
    """Yield the inputs that were set aside as duplicates of the held works."""
    names = {one.provenance.name for one in held if one.dataset == dataset}
    for row in Record.open(paths.record(dataset)).quarantined():
        if row.reason in reasons and names & set(_named_works(Message.decode(row.detail))):
            yield row.name


def _named_works(detail: Message) -> Iterator[str]:
    """Yield the works that the detail of a duplicate names, through messages in it."""
    for name, value in detail.values.items():
        if isinstance(value, Message):
            yield from _named_works(value)
        elif name == "work":
            yield str(value)
