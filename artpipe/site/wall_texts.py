"""What the gallery says of models and measures.

It is read from the files of their plugins without importing them.
"""

from collections.abc import Collection, Iterable, Mapping
from typing import Any

from artpipe.config.params import Params
from artpipe.contracts.gallery_work import SAMPLE
from artpipe.contracts.plugin_info import WallInfo, WallText, metric_info, model_info

# By the form of works that nobody was given anything for; pictures have the bare role.
SAMPLE_TEXTS: Mapping[str, WallText] = {
    SAMPLE: WallText(heading="Works", own=True),
    f"{SAMPLE} text": WallText(heading="Texts", note="Written by the model, letter by letter.", own=True),
    f"{SAMPLE} audio": WallText(
        heading="Music",
        note="Composed by the model, note by note: a player and the score are behind each frame.",
        own=True,
    ),
    f"{SAMPLE} video": WallText(heading="Films", own=True),
    "bred": WallText(
        heading="Bred",
        note="A person chose a work and asked for more like it: three quarters of its noise, the rest drawn anew.",
        own=True,
    ),
}


def collect_wall_texts(kind: str, metrics: Iterable[str]) -> dict[str, WallText]:
    """Return the text of each role of a model's works, in the order of its wall.

    What the model makes of itself comes first.
    """
    infos: list[WallInfo] = [model_info(kind), *map(metric_info, metrics)]
    texts = {role: text for info in reversed(infos) for role, text in info.wall_texts.items()}
    order = [*SAMPLE_TEXTS, *(role for info in infos for role in info.wall_texts)]
    return {**SAMPLE_TEXTS, **dict(sorted(texts.items(), key=lambda item: (not item[1].own, order.index(item[0]))))}


def collect_terms(metrics: Iterable[str], scores: Collection[str]) -> list[str]:
    """Return the explanations of those scores that metrics explain."""
    explained = (item for metric in metrics for item in metric_info(metric).explained.items())
    return [sentence for name, sentence in explained if name in scores]


def collect_acronyms(params: Params) -> frozenset[str]:
    """Return the acronyms in names of measures and parameters, in lower case."""
    return frozenset(acronym for info in _load_infos(params) for acronym in info.acronyms)


def dump_plugin_infos(params: Params) -> list[Any]:
    """Return all that the gallery shows of plugins, as JSON."""
    return [info.model_dump(mode="json") for info in _load_infos(params)]


def _load_infos(params: Params) -> list[WallInfo]:
    kinds = sorted({str(entry.get("kind")) for entry in params.models.values()})
    return [*map(model_info, kinds), *map(metric_info, params.evaluation.metrics)]
