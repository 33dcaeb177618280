"""`artpipe lineage`: from a picture, a page or a file back to the run, checkpoint, data, commit and parameters it came from."""

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
from artpipe.artifacts.cross_references import checkpoint_in, ingested
from artpipe.artifacts.report import HungExhibit, ReportCard, load_report
from artpipe.artifacts.run import RunCard, RunRecord
from artpipe.artifacts.works import Record
from artpipe.errors import ArtpipeError, UserError, did_you_mean
from artpipe.language.sentences import sentence
from artpipe.storage.dvc_config import is_cache_link
from artpipe.system.hashing import sha256_file
from artpipe.tracking.lineage_model import CheckpointTrace, DataTrace, Lineage, RealTrace, WorkTrace

_PAGE = re.compile(r"(works|models)/([a-z0-9-]+)(?:/(?:index\.html)?)?")
_HASH = re.compile(r"[0-9a-f]{8,64}")
_STEP = re.compile(r"step-0*(\d+)")


class Found(NamedTuple):
    """What was meant: a model (its checkpoint's folder, if not the usual one), and one thing of it."""

    model: str
    work: str = ""
    real: str = ""  # the first digits of a real work's SHA-256
    step: int | None = None
    folder: Path | None = None


class Shelves:
    """What can be asked for: every report and run that is whole."""

    def __init__(self, root: Path = Path()) -> None:
        self.root = root
        self.runs = dict(self._loaded("runs", lambda folder: RunRecord.open(folder).card))
        self.reports: dict[str, ReportCard] = dict(self._loaded("reports", lambda folder: load_report(folder)[0]))

    def _loaded(self, kind: str, load: Callable[[Path], Any]) -> Iterator[tuple[str, Any]]:
        for folder in sorted((self.root / "data" / kind).glob("*")):
            with contextlib.suppress(ArtpipeError):
                yield folder.name, load(folder)

    @cached_property
    def works(self) -> dict[str, tuple[str, HungExhibit]]:
        """Return model and exhibit by the id of the work's page."""
        from artpipe.site.loader import named

        return {name: (model, hung) for model, card in self.reports.items() for name, hung in named(model, card)}

    @property
    def models(self) -> list[str]:
        """Return the models that have a run or a report."""
        return sorted({*self.runs, *self.reports})


def trace(asked: str, root: Path = Path()) -> Lineage:
    """Return where a work, picture, page, checkpoint, report, model or run comes from.

    Args:
        asked: a work's id, a file or folder, an address, a model's name, or the beginning of a run's id or a hash.
        root: the project's folder.

    Raises:
        UserError: nothing of that name is known here.
    """
    shelves = Shelves(root)
    found = _of_page(shelves, asked) or _of_file(shelves, Path(asked)) or _of_name(shelves, asked)
    if found is None:
        names = [*shelves.works, *shelves.models]
        near = did_you_mean(asked, names) or did_you_mean(Path(asked).stem, names)
        if not names:
            near = "; nothing has been made yet: `artpipe run` makes it"
        elif not near:
            near = f"; a work's id is like `{next(iter(shelves.works), names[0])}`, as its page in the gallery says"
        what = "is no work, page or artifact of this gallery" if Path(asked).exists() else "is unknown here"
        raise UserError(f"`{asked}` {what}{near}")
    return _told(shelves, asked, found)


def _of_page(shelves: Shelves, asked: str) -> Found | None:
    """Read an address, or a path within the gallery."""
    path = unquote(urlsplit(asked).path) if "://" in asked else asked
    gallery = (shelves.root / paths.gallery()).resolve()
    if "://" not in asked and not _place(Path(asked)).is_relative_to(gallery):
        return None
    match = _PAGE.fullmatch("/".join(Path(path).parts[-3:])) or _PAGE.fullmatch("/".join(Path(path).parts[-2:]))
    if match:
        return _of_name(shelves, match[2])
    medium = gallery / "media" / Path(path).name
    return _of_file(shelves, medium) if "://" in asked else None


def _of_name(shelves: Shelves, asked: str) -> Found | None:
    if asked in shelves.works:
        return Found(shelves.works[asked][0], work=asked)
    if asked in shelves.models:
        return Found(asked)
    if not _HASH.fullmatch(asked):
        return None
    runs = shelves.runs.values()
    met = [run.model for run in runs if run.run_id.startswith(asked) or run.checkpoint.startswith(asked)]
    return Found(met[0]) if len(met) == 1 else None


def _of_file(shelves: Shelves, path: Path) -> Found | None:
    """Read a path to an artifact, to anything in it, or to a copy of a picture, by its content."""
    if not path.exists():
        return None
    if path.is_file() and (found := _of_content(shelves, path)):
        return found
    for folder in (path, *_place(path).parents):
        made, _ = checkpoint_in(folder)
        if made:
            return Found(str(made["name"]), folder=folder)
        for kind in ("reports", "runs"):
            own = (shelves.root / "data" / kind).resolve()
            if folder.resolve().parent == own and folder.name in shelves.models:
                return Found(folder.name)
    return None


def _place(path: Path) -> Path:
    """Return where a file stands; one that DVC linked into its cache stands where the link is."""
    return path.parent.resolve() / path.name if is_cache_link(path) else path.resolve()


def _of_content(shelves: Shelves, path: Path) -> Found | None:
    """Find a picture by what it is: as it lies in a report or run, or as the gallery keeps it."""
    sha256 = sha256_file(path)
    for name, (model, hung) in shelves.works.items():
        if sha256 in {hung.sha256, *(part.sha256 for part in hung.parts.values())}:
            return Found(model, work=name)
    for model, report in shelves.reports.items():
        for file, kept in report.works.items():
            if kept == sha256:
                return Found(model, real=Path(file).stem)
    medium = sha256[:16]
    for model in _showing(shelves.root / paths.gallery(), medium):
        if found := _on_shelf(shelves, model, medium):
            return found
    return None


def _showing(gallery: Path, medium: str) -> Iterator[str]:
    """Yield the models on whose pages a file of the gallery is shown."""
    needle = f"media/{medium}".encode()
    for page in sorted(gallery.glob("models/*/index.html")):
        works = gallery.glob(f"works/{page.parent.name}-*/index.html")
        if any(needle in file.read_bytes() for file in chain([page], works)):
            yield page.parent.name


def _on_shelf(shelves: Shelves, model: str, medium: str) -> Found | None:
    """Find what of a model becomes that file when it is hung."""
    from artpipe.site.media_files import Shelf

    def hung(path: Path) -> bool:
        shelf = Shelf()
        with contextlib.suppress(ArtpipeError):
            shelf.any(path)
        return any(name.startswith(f"media/{medium}") for name in shelf.files)

    folder, report = shelves.root / paths.report(model), shelves.reports.get(model)
    for name, (whose, exhibit) in shelves.works.items():
        files = [exhibit.file, *(part.file for part in exhibit.parts.values())] if whose == model else []
        if any(hung(folder / file) for file in files):
            return Found(model, work=name)
    for file in report.works if report else {}:
        if hung(folder / file):
            return Found(model, real=Path(file).stem)
    for path in sorted((shelves.root / paths.run(model) / "progress").glob("step-*")):
        if hung(path):
            step = _STEP.match(path.name)
            return Found(model, step=int(step[1]) if step else None)
    return None


def _told(shelves: Shelves, asked: str, found: Found) -> Lineage:
    root, model = shelves.root, found.model
    run, report = shelves.runs.get(model), shelves.reports.get(model)
    folder = found.folder or root / paths.checkpoint(model)
    made, sha256 = checkpoint_in(folder)
    if found.folder is None:  # what hangs is of the checkpoint that its report names; a model's name means its last run
        named = [report if found.work or found.real else run, report]
        wanted = next((one.checkpoint for one in named if one), sha256)
        made, sha256 = (made if sha256 == wanted else {}), wanted
    else:  # a champion that was brought back has its run and its report beside it
        own_run, own_report = _beside(found.folder)
        run, report = own_run or run, own_report or report
    run = run if run and run.checkpoint == sha256 else None
    report = report if report and report.checkpoint == sha256 else None
    parameters = dict(made.get("params") or (run.params if run else {}))
    shards = made.get("shards") or (report.shards if report else None)
    dataset = str(parameters.get("dataset") or (report.dataset if report else "unknown"))
    kind = parameters.get("kind") or (report.kind if report else None)
    return Lineage(
        asked=asked,
        model=model,
        kind=kind,
        work=_work(shelves, found.work) if found.work else None,
        real=_real(root / paths.record(dataset), found.real) if found.real else None,
        progress=found.step,
        verdict=report.verdict if report else None,
        champion=_champions(root).counts(dataset, str(kind), sha256),
        run=run.model_copy(update={"params": {}}) if run else None,
        checkpoint=CheckpointTrace(
            sha256=sha256,
            folder=str(folder) if made else None,
            step=report.step if report else made.get("steps", {}).get("best"),
            code=made.get("code"),
            pretrained=made.get("pretrained"),
        ),
        data=_data(root, dataset, shards),
        seed=made.get("seed"),
        parameters=parameters,
    )


def _beside(checkpoint: Path) -> tuple[RunCard | None, ReportCard | None]:
    run, report = None, None
    with contextlib.suppress(ArtpipeError):
        run = RunRecord.open(checkpoint.resolve().parent / "runs").card
    with contextlib.suppress(ArtpipeError):
        report, _ = load_report(checkpoint.resolve().parent / "reports")
    return run, report


def _champions(root: Path) -> Champions:
    try:
        return load_champions(root)
    except ArtpipeError:  # whoever asks where a picture comes from learns of a torn file elsewhere
        return Champions()


def _work(shelves: Shelves, name: str) -> WorkTrace:
    model, hung = shelves.works[name]
    file = str(paths.report(model) / hung.file)
    return WorkTrace(
        id=name, caption=sentence(hung.caption), kind=hung.kind, role=hung.role, seed=hung.seed, label=hung.label, file=file,
        works=hung.digests,
    )  # fmt: skip


def _real(folder: Path, digest: str) -> RealTrace | None:
    with contextlib.suppress(ArtpipeError, OSError):
        for row in Record.open(folder).rows():
            if row.sha256.startswith(digest):
                told = row._asdict()
                return RealTrace(**{name: told[name] for name in RealTrace.model_fields})
    return None


def _data(root: Path, dataset: str, shards: str | None) -> DataTrace:
    known = ingested(root, dataset, shards) if shards else {}
    about = None
    with contextlib.suppress(ArtpipeError):
        about = Record.open(root / paths.record(dataset)).card.about
    return DataTrace(dataset=dataset, shards=shards, works=known.get("works"), kept=known.get("kept"), about=about)
