"""A model's card in the form of the Hub.

A block of YAML, then the sections of the Hub's template:
https://huggingface.co/docs/hub/model-cards; everything in it comes from artifacts.
"""

import math
from collections.abc import Mapping
from typing import Any

from artpipe.artifacts.report import Score
from artpipe.artifacts.training_cost import estimate_cost
from artpipe.contracts.plugin_info import model_info
from artpipe.publishing import model_card_parts as parts
from artpipe.publishing.card_artifacts import ModelArtifacts
from artpipe.publishing.card_tables import describe_works, list_hub_licences, preprocessing_table, tally_table
from artpipe.publishing.front_matter import make_front_matter
from artpipe.publishing.markdown_text import make_table, render_markdown

_USES: Mapping[str, tuple[str, str, str]] = {  # by the Hub's name of a task: what it is for, what not, what to do first
    "image-classification": (
        "Naming the class of works like those of its dataset, and measuring other models of the same dataset.",
        "Decisions about people, and works unlike its dataset: it names one of its classes whatever it is shown.",
        "See which classes it confuses, and how sure it is where it is wrong, before you rely on it.",
    ),
    "image-to-image": (
        "Changing pictures like those of its dataset, to look at and to teach with.",
        "Evidence: what it adds to a picture is invented and says nothing of what was there.",
        "Compare what it makes with the picture before, and say that it was changed.",
    ),
    "": (
        "Making new works in the manner of its dataset, to look at, to teach with and to build upon.",
        "Passing its works off as those of the creators it learned from, and evidence of real works, persons or places.",
        "Look at many of its works before you show any, and say that a model made them.",
    ),
}
_CARD = """\
# {{ name }}

{{ title }}, trained with artpipe on {{ dataset_title }}. \
The grade of its evaluation: **{{ verdict.grade }}**. {{ verdict | sentence }}

## Model Details

### Model Description

- **Kind of model:** {{ title }} ({{ kind | code }})
{% if task %}
- **Task:** {{ task }}
{% endif %}
- **Dataset:** {{ dataset_title }} ({{ report.dataset | code }})
{% if format %}
- **Works it knows:** {{ format }}
{% endif %}
{% if classes %}
- **Classes:** {{ classes }}
{% endif %}
- **Licence of the works it learned from:** {{ data_licences }}
- **Licence of the weights:** not chosen yet. Whoever publishes them chooses one that the licences of the works allow, and writes \
it in place of `license: unknown` at the head of this card.
{% for file, sha256, step, note in weights %}
- **Weights:** {{ file | code }}, of step {{ step }}{{ note }}
{% endfor %}

## Uses

### Direct Use

{{ uses[0] }}

### Out-of-Scope Use

{{ uses[1] }}

## Bias, Risks, and Limitations

{% for limit in limits %}
- {{ limit }}
{% endfor %}

### Recommendations

{{ recommendation }}

## How to Get Started with the Model

In the project it comes from:

```sh
dvc pull data/checkpoints/{{ name | plain }}   # where the weights are not there yet
{% for line in commands %}
{{ line | plain }}
{% endfor %}
```

{{ command_note }}

## Training Details

### Training Data

{{ dataset_title }}{% if description %}: {{ description }}{% endif %}


{{ creators }}{% if run.works %} {{ run.works }} works to train on.{% endif %}{% if licence_table %} Licences of all {{ kept }} works of the dataset:

{{ licence_table }}{% endif %}


### Training Procedure

#### Preprocessing

{% if preprocessing %}
{{ preprocessing }}
{% else %}
{{ "See the card of the dataset." }}
{% endif %}

#### Training Hyperparameters

{{ hyperparameters }}

#### Speeds, Sizes, Times

- **Steps:** {{ run.steps }}; the evaluated weights are those of step {{ step }}
- **Date:** {{ run.started | date }}
- **Time:** {{ (run.ended - run.started) | duration }} from begin to end{% if run.sessions > 1 %}, in {{ run.sessions }} sessions{% endif %}

- **Cost:** {{ cost.core_seconds }} core-seconds{% if cost.peak_memory_gib is not none %}, {{ cost.peak_memory_gib }} GiB of memory at most{% endif %}


## Evaluation

### Testing Data, Factors & Metrics

What it makes stands beside works of the same dataset that were held out from training, and where copies are looked for, beside the works that it was \
trained on; each score says which. {% if extractor_sentence %}{{ extractor_sentence }} {% endif %}The column of real works has the same measure of works \
among themselves{% if champion_scores %}, that of the champion what counts of this kind and dataset, where both may be compared{% endif %}. Works are those that a score rests on. Scores of \
different extractors, sizes, works or numbers of samples are not to be compared: only those with the same comparison key are.

### Results

{{ scores }}

#### Summary

**{{ verdict.grade }}**: {{ verdict | sentence }} {{ verdict_number }}

{% for finding in findings %}
- {{ finding.grade }}: {{ finding | sentence }}
{% endfor %}

## Environmental Impact

{% if cost.energy_wh is none %}
The training took {{ cost.core_seconds }} core-seconds. Energy was not measured.
{% else %}
The training took {{ cost.core_seconds }} core-seconds and needed an estimated **{{ cost.energy_wh }} Wh**\
{% if share %}, or {{ share.energy_wh }} Wh for each of the {{ report.exhibits | length }} works that hang in its gallery{% endif %}. \
Energy was not measured: the estimate assumes {{ cost.assumed.watts_per_core }} W for each core at work, \
{{ cost.assumed.watts_per_gib }} W for each GiB of memory and {{ cost.assumed.watts_per_gpu }} W for each GPU, \
times {{ cost.assumed.overhead }} for what else draws power, by the formula of Lannelongue et al. 2021 (Green Algorithms).
{% endif %}

## Technical Specifications

- **Hardware:** {{ run.device }}, {{ run.precision }}, {{ run.threads }} thread{{ "s" if run.threads != 1 }}
- **Software:** {{ versions }}

## Provenance

{{ hashes }}

{% if not run.commit %}
No commit holds the code it was made with.
{% elif run.dirty %}
The code had changes that the commit does not hold.
{% endif %}

<!-- Written by `artpipe card` from the artifacts of {{ name }}; edit a copy, or it is written over. -->
"""


def make_model_card(model: ModelArtifacts) -> str:
    """Return a model's card, of its artifacts alone."""
    return make_front_matter(_front_fields(model)) + "\n" + _render_sections(model)


def _front_fields(model: ModelArtifacts) -> dict[str, Any]:
    report, task = model.report, parts.model_task(model)
    judged = [score for score in report.scores if score.better != "neither" and not score.is_training_record]
    compared = [score for score in judged if math.isfinite(score.value)]
    title = model.dataset.title if model.dataset else report.dataset
    results = {
        "task": {"type": task or "other", "name": model_info(report.kind).title or report.kind},
        "dataset": {"type": report.dataset, "name": title, "revision": report.shards},
        "metrics": [_result_fields(model, score) for score in compared],
    }
    return {
        "license": "unknown",
        "library_name": "artpipe",
        "pipeline_tag": "" if task == "other" else task,
        "tags": ["artpipe", report.kind, *([] if model.dataset is None else [model.dataset.medium or "art"])],
        "datasets": [report.dataset],
        "metrics": [score.name for score in compared],
        "model-index": [{"name": model.name, "results": [results] if compared else []}],
    }


def _result_fields(model: ModelArtifacts, score: Score) -> dict[str, Any]:
    interval = {"interval": list(score.interval)} if score.interval and all(map(math.isfinite, score.interval)) else {}
    extractor = {"extractor": score.extractor} if score.extractor else {}
    name = parts.name_score(score.name, model.report.kind)
    return {
        "type": score.name,
        "value": score.value,
        "name": name,
        "args": {"samples": score.n, **interval, **extractor, "comparison_key": score.comparison_key},
    }


def _render_sections(model: ModelArtifacts) -> str:
    report, run, dataset, task = model.report, model.run, model.dataset, parts.model_task(model)
    verdict, cost = report.verdict, estimate_cost(run, model.energy)
    return render_markdown(
        _CARD,
        name=model.name,
        kind=report.kind,
        title=model_info(report.kind).title or report.kind,
        task=task,
        report=report,
        run=run,
        cost=cost,
        share=cost.share(len(report.exhibits)) if report.exhibits else None,
        step=run.steps if report.step is None else report.step,
        dataset_title=dataset.title if dataset else report.dataset,
        description=dataset.record.about.description if dataset else "",
        kept=dataset.record.kept if dataset else 0,
        format=describe_works(dataset),
        classes=parts.list_classes(dataset),
        data_licences=", ".join(list_hub_licences(dataset)) if dataset else "its record is not at hand",
        licence_table=tally_table("Licence", dataset.tallies["licence"]) if dataset else None,
        weights=list(parts.list_weights(model)),
        uses=_USES.get(task, _USES[""]),
        limits=list(parts.list_limits(model)),
        recommendation=parts.recommend(model, _USES.get(task, _USES[""])[2]),
        command_note=parts.describe_commands(task),
        creators=parts.describe_creators(dataset),
        commands=list(parts.list_commands(model)),
        preprocessing=preprocessing_table(dataset),
        hyperparameters=make_table(("Parameter", "Value"), parts.list_hyperparameters(model)),
        extractor_sentence=parts.describe_extractor(model),
        scores=parts.score_table(model),
        champion_scores=model.champion_scores,
        verdict=verdict,
        verdict_number=parts.describe_number(verdict, report.kind),
        findings=[finding for finding in report.findings if finding != verdict],
        versions=", ".join(f"{name} {version}" for name, version in run.versions.items()),
        hashes=make_table(("What", "SHA-256 or name"), parts.list_hashes(model)),
    )
