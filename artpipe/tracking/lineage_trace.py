"""`artpipe lineage`: trace a picture, page or file back to what it came from.

That is its run, checkpoint, data, commit and parameters.
"""

import contextlib
import re
from collections.abc import Callable, Iterator
from functools import cached_property
from itertools import chain
from pathlib import Path
from typing import Any, NamedTuple
from urllib.parse import unquote, urlsplit

from artpipe.artifacts import paths
from artpipe.artifacts.champions import Champions, load_champions
from artpipe.artifacts.cross_references import find_ingest_record, read_checkpoint_card
from artpipe.artifacts.report import ReportCard, SavedExhibit, load_report
from artpipe.artifacts.run import RunCard, RunRecord
from artpipe.artifacts.works import Record
from artpipe.errors import ArtpipeError, UserError, did_you_mean
from artpipe.language.sentences import make_sentence
from artpipe.storage.dvc_config import is_cache_link
from artpipe.system.hashing import sha256_file
from artpipe.tracking.lineage_model import CheckpointTrace, DataTrace, Lineage, RealTrace, WorkTrace

_PAGE = re.compile(r"(works|models)/([a-z0-9-]+)(?:/(?:index\.html)?)?")
_HASH = re.compile(r"[0-9a-f]{8,64}")
_STEP = re.compile(r"step-0*(\d+)")


class LineageTarget(NamedTuple):
    """What a query means: a model, and perhaps one thing of it.

    `folder` is its checkpoint's folder, if not the usual one.
    """

    model: str
    work: str = ""
    real: str = ""  # the first digits of a real work's SHA-256
    step: int | None = None
    folder: Path | None = None


class ArtifactIndex:
    """Every intact report and run, by model."""

    def __init__(self, root: Path = Path()) -> None:
        self.root = root
        self.runs = dict(self._load("runs", lambda folder: RunRecord.open(folder).card))
        self.reports: dict[str, ReportCard] = dict(self._load("reports", lambda folder: load_report(folder)[0]))

    def _load(self, kind: str, load: Callable[[Path], Any]) -> Iterator[tuple[str, Any]]:
        for folder in sorted((self.root / "data" / kind).glob("*")):
            with contextlib.suppress(ArtpipeError):
                yield folder.name, load(folder)

    @cached_property
    def works(self) -> dict[str, tuple[str, SavedExhibit]]:
        """Return model and exhibit by the id of the work's page."""
        from artpipe.site.loader import name_works

        return {
            name: (model, exhibit) for model, card in self.reports.items() for name, exhibit in name_works(model, card)
        }

    @property
    def models(self) -> list[str]:
        """Return the models that have a run or a report."""
        return sorted({*self.runs, *self.reports})


def trace_lineage(query: str, root: Path = Path()) -> Lineage:
    """Return where a work, picture, page, checkpoint, report, model or run comes from.

    Args:
        query: a work's id, a file or folder, an address, a model's name, or the beginning of a run's id or a hash.
        root: the project's folder.

    Raises:
        UserError: nothing of that name is known here.
    """
    index = ArtifactIndex(root)
    target = _find_by_page(index, query) or _find_by_file(index, Path(query)) or _find_by_name(index, query)
    if target is None:
        names = [*index.works, *index.models]
        hint = did_you_mean(query, names) or did_you_mean(Path(query).stem, names)
        if not names:
            hint = "; nothing has been made yet: `artpipe run` makes it"
        elif not hint:
            hint = f"; a work's id is like `{next(iter(index.works), names[0])}`, as its page in the gallery says"
        problem = "is no work, page or artifact of this gallery" if Path(query).exists() else "is unknown here"
        raise UserError(f"`{query}` {problem}{hint}")
    return _make_lineage(index, query, target)


def _find_by_page(index: ArtifactIndex, query: str) -> LineageTarget | None:
    """Find by an address, or by a path inside the gallery."""
    path = unquote(urlsplit(query).path) if "://" in query else query
    gallery = (index.root / paths.gallery()).resolve()
    if "://" not in query and not _resolve_path(Path(query)).is_relative_to(gallery):
        return None
    match = _PAGE.fullmatch("/".join(Path(path).parts[-3:])) or _PAGE.fullmatch("/".join(Path(path).parts[-2:]))
    if match:
        return _find_by_name(index, match[2])
    medium_file = gallery / "media" / Path(path).name
    return _find_by_file(index, medium_file) if "://" in query else None


def _find_by_name(index: ArtifactIndex, query: str) -> LineageTarget | None:
    if query in index.works:
        return LineageTarget(index.works[query][0], work=query)
    if query in index.models:
        return LineageTarget(query)
    if not _HASH.fullmatch(query):
        return None
    runs = index.runs.values()
    models = [run.model for run in runs if run.run_id.startswith(query) or run.checkpoint.startswith(query)]
    return LineageTarget(models[0]) if len(models) == 1 else None


def _find_by_file(index: ArtifactIndex, path: Path) -> LineageTarget | None:
    """Find by a path to an artifact or into one, or by a picture's content."""
    if not path.exists():
        return None
    if path.is_file() and (target := _find_by_content(index, path)):
        return target
    for folder in (path, *_resolve_path(path).parents):
        checkpoint, _ = read_checkpoint_card(folder)
        if checkpoint:
            return LineageTarget(str(checkpoint["name"]), folder=folder)
        for kind in ("reports", "runs"):
            artifacts = (index.root / "data" / kind).resolve()
            if folder.resolve().parent == artifacts and folder.name in index.models:
                return LineageTarget(folder.name)
    return None


def _resolve_path(path: Path) -> Path:
    """Resolve a path; a link of DVC's into its cache stays as it is."""
    return path.parent.resolve() / path.name if is_cache_link(path) else path.resolve()


def _find_by_content(index: ArtifactIndex, path: Path) -> LineageTarget | None:
    """Find a picture by its content, in a report, a run or the gallery."""
    sha256 = sha256_file(path)
    for name, (model, exhibit) in index.works.items():
        if sha256 in {exhibit.sha256, *(part.sha256 for part in exhibit.parts.values())}:
            return LineageTarget(model, work=name)
    for model, report in index.reports.items():
        for file, digest in report.works.items():
            if digest == sha256:
                return LineageTarget(model, real=Path(file).stem)
    medium = sha256[:16]
    for model in _find_models_showing(index.root / paths.gallery(), medium):
        if target := _find_in_model(index, model, medium):
            return target
    return None


def _find_models_showing(gallery: Path, medium: str) -> Iterator[str]:
    """Yield the models on whose pages a file of the gallery is shown."""
    needle = f"media/{medium}".encode()
    for page in sorted(gallery.glob("models/*/index.html")):
        works = gallery.glob(f"works/{page.parent.name}-*/index.html")
        if any(needle in file.read_bytes() for file in chain([page], works)):
            yield page.parent.name


def _find_in_model(index: ArtifactIndex, model: str, medium: str) -> LineageTarget | None:
    """Find what of a model becomes that file in the gallery."""
    from artpipe.site.media_files import MediaStore

    def becomes_medium(path: Path) -> bool:
        shelf = MediaStore()
        with contextlib.suppress(ArtpipeError):
            shelf.add_file(path)
        return any(name.startswith(f"media/{medium}") for name in shelf.files)

    folder, report = index.root / paths.report(model), index.reports.get(model)
    for name, (owner, exhibit) in index.works.items():
        files = [exhibit.file, *(part.file for part in exhibit.parts.values())] if owner == model else []
        if any(becomes_medium(folder / file) for file in files):
            return LineageTarget(model, work=name)
    for file in report.works if report else {}:
        if becomes_medium(folder / file):
            return LineageTarget(model, real=Path(file).stem)
    for path in sorted((index.root / paths.run(model) / "progress").glob("step-*")):
        if becomes_medium(path):
            step = _STEP.match(path.name)
            return LineageTarget(model, step=int(step[1]) if step else None)
    return None


def _make_lineage(index: ArtifactIndex, query: str, target: LineageTarget) -> Lineage:
    root, model = index.root, target.model
    run, report = index.runs.get(model), index.reports.get(model)
    folder = target.folder or root / paths.checkpoint(model)
    checkpoint, sha256 = read_checkpoint_card(folder)
    if target.folder is None:  # an exhibit is of its report's checkpoint; a model's name means its last run
        cards = [report if target.work or target.real else run, report]
        wanted_sha256 = next((card.checkpoint for card in cards if card), sha256)
        checkpoint, sha256 = (checkpoint if sha256 == wanted_sha256 else {}), wanted_sha256
    else:  # a champion that was brought back has its run and its report beside it
        own_run, own_report = _load_beside(target.folder)
        run, report = own_run or run, own_report or report
    run = run if run and run.checkpoint == sha256 else None
    report = report if report and report.checkpoint == sha256 else None
    parameters = dict(checkpoint.get("params") or (run.params if run else {}))
    shards = checkpoint.get("shards") or (report.shards if report else None)
    dataset = str(parameters.get("dataset") or (report.dataset if report else "unknown"))
    kind = parameters.get("kind") or (report.kind if report else None)
    return Lineage(
        asked=query,
        model=model,
        kind=kind,
        work=_make_work_trace(index, target.work) if target.work else None,
        real=_find_real_trace(root / paths.record(dataset), target.real) if target.real else None,
        progress=target.step,
        verdict=report.verdict if report else None,
        champion=_load_champions(root).is_champion(dataset, str(kind), sha256),
        run=run.model_copy(update={"params": {}}) if run else None,
        checkpoint=CheckpointTrace(
            sha256=sha256,
            folder=str(folder) if checkpoint else None,
            step=report.step if report else checkpoint.get("steps", {}).get("best"),
            code=checkpoint.get("code"),
            pretrained=checkpoint.get("pretrained"),
        ),
        data=_make_data_trace(root, dataset, shards),
        seed=checkpoint.get("seed"),
        parameters=parameters,
    )


def _load_beside(checkpoint: Path) -> tuple[RunCard | None, ReportCard | None]:
    run, report = None, None
    with contextlib.suppress(ArtpipeError):
        run = RunRecord.open(checkpoint.resolve().parent / "runs").card
    with contextlib.suppress(ArtpipeError):
        report, _ = load_report(checkpoint.resolve().parent / "reports")
    return run, report


def _load_champions(root: Path) -> Champions:
    try:
        return load_champions(root)
    except ArtpipeError:  # a torn file is reported by other commands
        return Champions()


def _make_work_trace(index: ArtifactIndex, name: str) -> WorkTrace:
    model, exhibit = index.works[name]
    file = str(paths.report(model) / exhibit.file)
    return WorkTrace(
        id=name, caption=make_sentence(exhibit.caption), kind=exhibit.kind, role=exhibit.role, seed=exhibit.seed, label=exhibit.label, file=file,
        works=exhibit.digests,
    )  # fmt: skip


def _find_real_trace(folder: Path, digest: str) -> RealTrace | None:
    with contextlib.suppress(ArtpipeError, OSError):
        for row in Record.open(folder).rows():
            if row.sha256.startswith(digest):
                fields = row._asdict()
                return RealTrace(**{name: fields[name] for name in RealTrace.model_fields})
    return None


def _make_data_trace(root: Path, dataset: str, shards: str | None) -> DataTrace:
    counts = find_ingest_record(root, dataset, shards) if shards else {}
    about = None
    with contextlib.suppress(ArtpipeError):
        about = Record.open(root / paths.record(dataset)).card.about
    return DataTrace(dataset=dataset, shards=shards, works=counts.get("works"), kept=counts.get("kept"), about=about)
