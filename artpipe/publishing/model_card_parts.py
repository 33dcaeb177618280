"""The sentences and tables of a model's card."""

from collections.abc import Iterator
from functools import cache

from artpipe import plugins
from artpipe.artifacts.finding_bound import wanted_side
from artpipe.artifacts.report import Finding, SavedExhibit, Score
from artpipe.contracts.gallery_work import SAMPLE
from artpipe.contracts.plugin_info import medium_info, metric_info, model_info
from artpipe.language.message import WRITTEN, Message
from artpipe.language.sentences import make_sentence
from artpipe.publishing.card_artifacts import DatasetArtifacts, ModelArtifacts
from artpipe.publishing.card_tables import count_unlicensed, list_dataset_limits
from artpipe.publishing.markdown_text import Markdown, make_code, make_table, to_markdown
from artpipe.site.translation import format_ends, format_name, format_number, shorten_hash
from artpipe.system.shell_quoting import quote_for_shell

_HIDDEN = frozenset({"kind", "dataset", "pretrained", "feature_extractor"})  # said in sections of their own
_CLASSES = 50  # named on a card
_GENERATIVE = frozenset({"", "other", "text-generation", "text-to-image", "unconditional-image-generation"})
_NOTHING = "Nothing was measured."
_ASKED_CLASS = "asked_for"  # the caption of a sample whose class was asked for


def model_task(model: ModelArtifacts) -> str:
    """Return the Hub's name of what a model does; empty where it has none."""
    medium = model.dataset.medium if model.dataset else str(model.checkpoint.get("spec", {}).get("medium", ""))
    asked = "captions" if _find_prompt(model) else "works"
    of_medium = medium_info(medium).hub_tasks.get(asked, "") if medium else ""
    return model_info(model.report.kind).hub_task or of_medium


def _find_prompt(model: ModelArtifacts) -> str:
    """Return the words that the first sample was asked for, if words ask."""
    shards = model.dataset.shards if model.dataset else None
    if shards is None or "captions" not in shards.spec.columns:
        return ""
    return next((make_sentence(one.caption) for one in _list_samples(model, WRITTEN)), "")


def _list_samples(model: ModelArtifacts, code: str) -> Iterator[SavedExhibit]:
    """Yield the samples whose caption is of a code."""
    return (one for one in model.report.exhibits if one.role == SAMPLE and one.caption.code == code)


def name_score(name: str, kind: str) -> str:
    """Return a score's name as it is read: `held_out_kid` is Held out KID."""
    return format_name(name, acronyms=_list_metric_acronyms() | set(model_info(kind).acronyms))


@cache
def _list_metric_acronyms() -> frozenset[str]:
    names = plugins.list_plugins("metrics")
    return frozenset(acronym for name in names for acronym in metric_info(name).acronyms)


@cache
def _list_copy_scores() -> frozenset[str]:
    names = plugins.list_plugins("metrics")
    return frozenset(score for name in names for score in metric_info(name).copy_scores)


def list_classes(dataset: DatasetArtifacts | None) -> str:
    """Return the names of a dataset's classes, the first of them where they are many."""
    names = list(dataset.shards.spec.classes) if dataset and dataset.shards else []
    more = f" and {len(names) - _CLASSES} more" if len(names) > _CLASSES else ""
    return ", ".join(names[:_CLASSES]) + more


def list_weights(model: ModelArtifacts) -> Iterator[tuple[str, str, int, str]]:
    """Yield file, SHA-256, step and a note of each file of weights."""
    for file, sha256 in model.weights.items():
        choice, selection = file.partition(".")[0], model.checkpoint.get("selection")
        note = f", the best by {selection} on held-out works" if choice == "best" and selection else ""
        yield file, sha256, int(model.checkpoint["steps"][choice]), note


def list_limits(model: ModelArtifacts) -> Iterator[str]:
    """Yield what is known to be wrong or was not looked at."""
    report = model.report
    if not report.verdict.is_passing:
        yield f"Its evaluation says {report.verdict.grade}: {make_sentence(report.verdict)}"
    if model.dataset is not None:
        yield from (
            sentence.replace("It is small", "Its dataset is small") for sentence in list_dataset_limits(model.dataset)
        )
    if model_task(model) in _GENERATIVE:
        copy_scores = _list_copy_scores()
        names = ", ".join(name_score(score.name, report.kind) for score in report.scores if score.name in copy_scores)
        yield (
            f"It may repeat works that it learned from. Copies were looked for, see under Results: {names}."
            if names
            else "It may repeat works that it learned from; whether it does was not measured."
        )
    yield "It knows nothing but its dataset, and has the taste and the gaps of it."
    yield "What the works of its dataset show (persons, symbols, what may offend) was neither looked at nor filtered."


def recommend(model: ModelArtifacts, first: str) -> str:
    """Return what to do before it is used or published.

    `first` is the advice for its task.
    """
    advice = [first]
    if not model.report.verdict.is_passing:
        advice.insert(0, "Train it further, or otherwise, before you use it.")
    if model.dataset is not None and (unlicensed := count_unlicensed(model.dataset)):
        advice.append(
            f"Clear the rights to {format_number(unlicensed)} works without a recorded licence before you publish the weights."
        )
    advice.append("Name the dataset and the creators of its works where you show what it makes.")
    return " ".join(advice)


def describe_creators(dataset: DatasetArtifacts | None) -> str:
    """Return who made the works of the dataset, or how many did."""
    if dataset is None or not dataset.tallies["creator"]:
        return ""
    creators = list(dataset.tallies["creator"])
    return f"By {creators[0]}." if len(creators) == 1 else f"By {len(creators)} creators, named in the dataset's card."


def describe_commands(task: str) -> str:
    """Return what the commands make."""
    if task in _GENERATIVE:
        return "The same seed gives the same work."
    return "It is applied to held-out works of its dataset, which have to be there too."


def list_commands(model: ModelArtifacts) -> Iterator[str]:
    """Yield command lines that make works with the model."""
    yield f"artpipe sample {model.name} -n 16 --seed 1"
    if words := _find_prompt(model):
        yield f"artpipe sample {model.name} -n 4 --prompt {quote_for_shell(words)}   # of what these words say"
    if any(_list_samples(model, _ASKED_CLASS)):
        yield f"artpipe sample {model.name} -n 16 --seed 1 --label 0   # of the first class"
    if "prompts" in model.run.params:
        yield f'artpipe sample {model.name} -n 4 --prompt "..."   # begins with these words'


def list_hyperparameters(model: ModelArtifacts) -> list[tuple[object, object]]:
    """Return the parameters of the training, complete with defaults."""
    params = model.run.params or model.checkpoint.get("params", {})
    seed = model.checkpoint.get("seed")
    shown = {**({} if seed is None else {"seed": seed}), **params}
    rows = [(make_code(name), make_code(str(value))) for name, value in shown.items() if name not in _HIDDEN]
    return [*rows] or [("none", "recorded")]


def describe_extractor(model: ModelArtifacts) -> str:
    """Return what measured the features that some scores rest on."""
    extractor = model.report.feature_extractor
    if extractor is None or extractor == model.report.checkpoint:
        return ""
    return f"Features that scores rest on are those of the network with the checkpoint {shorten_hash(extractor)}."


def score_table(model: ModelArtifacts) -> Markdown | str:
    """Return a table of every score with interval, anchors and extractor.

    The champion's stands only where both may be compared, as in the gallery.
    """
    champion = model.champion_scores
    rivals = {
        score.name: champion[score.name]
        for score in model.report.scores
        if score.name in champion and not score.describe_difference(champion[score.name])
    }
    rows = [
        (
            name_score(score.name, model.report.kind),
            _format_value(score.value, score.unit),
            _format_interval(score),
            "" if score.real is None else _format_value(score.real),
            *([_format_rival(rivals.get(score.name))] if rivals else []),
            score.n,
            "" if score.better == "neither" else score.better,
            make_code(shorten_hash(score.extractor)) if score.extractor else "",
            make_code(score.comparison_key),
            make_sentence(score) if score.code else "",
        )
        for score in model.report.scores
        if not score.is_training_record
    ]
    beside = ("Champion",) if rivals else ()
    about = ("Works", "Better", "Extractor", "Comparison key", "What it says")
    return make_table(("Measure", "Value", "95 % interval", "Real works", *beside, *about), rows) if rows else _NOTHING


def _format_rival(score: Score | None) -> Markdown | str:
    return "" if score is None else _format_value(score.value)


def _format_interval(score: Score) -> Markdown | str:
    interval = score.interval
    return Markdown(" to ".join(format_ends(interval))) if interval else ""


def _format_value(value: float, unit: str | Message = "") -> Markdown:
    name = make_sentence(unit) if isinstance(unit, Message) else unit
    return Markdown(f"{format_number(value)} {to_markdown(name)}".strip())


def describe_number(finding: Finding, kind: str) -> str:
    """Return the number that decided a verdict, and what was asked."""
    side = wanted_side(finding)
    asked = {"least": "; at least {} is asked for", "most": "; at most {} is allowed"}.get(side, "")
    praised = {"least": ", good from {}", "most": ", good up to {}"}.get(side, "") if finding.good is not None else ""
    marks = asked.format(format_number(finding.bound)) + praised.format(format_number(finding.good or 0.0))
    return f"Decided by {name_score(finding.score, kind)}: {format_number(finding.value)}{marks}."


def list_hashes(model: ModelArtifacts) -> Iterator[tuple[str, object]]:
    """Yield what the model and its evaluation can be traced by."""
    run, dataset = model.run, model.dataset
    if dataset is not None:
        yield "works of the dataset", make_code(dataset.record.works)
    yield "tensors it learned from", make_code(model.report.shards)
    if pretrained := model.checkpoint.get("pretrained"):
        yield "trained network it used", make_code(pretrained)
    yield "checkpoint", make_code(run.checkpoint)
    for file, sha256 in model.weights.items():
        yield file, make_code(sha256)
    if model.report.feature_extractor:
        yield "feature extractor", make_code(model.report.feature_extractor)
    yield "report of the evaluation", make_code(model.report_sha256)
    if code := model.checkpoint.get("code"):
        yield "code of its kind", make_code(code)
    yield "run", make_code(run.run_id)
    yield "commit", make_code(run.commit) if run.commit else "none"
