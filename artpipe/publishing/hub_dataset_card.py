"""A dataset's card in the form of the Hub.

A block of YAML, then the sections of the Hub's template:
https://huggingface.co/docs/hub/datasets-cards; everything in it comes from artifacts.
"""

from typing import Any

from artpipe.contracts.plugin_info import medium_info
from artpipe.publishing import card_tables
from artpipe.publishing import dataset_card_parts as parts
from artpipe.publishing.card_artifacts import DatasetArtifacts
from artpipe.publishing.front_matter import make_front_matter
from artpipe.publishing.markdown_text import Markdown, make_table, render_markdown
from artpipe.site.translation import make_slug

_SIZES = (10**3, 10**4, 10**5, 10**6, 10**7, 10**8, 10**9)
_SIZE_NAMES = ("1K", "10K", "100K", "1M", "10M", "100M", "1B")
_CARD = """\
# {{ title }}

{% if about.description %}
{{ about.description }}

{% endif %}
{{ record.kept }} works{% if format %}; models see them as {{ format }}{% endif %}.

## Dataset Details

### Dataset Description

- **Name in its project:** {{ name | code }}
{% if medium %}
- **Medium:** {{ medium }}
{% endif %}
- **Creator:** {{ about.creator }}
- **Licence:** {{ about.licence }}
- **Origin:** {{ about.origin }}
- **Works:** {{ record.kept }}, of {{ record.inputs }} inputs
{% if captions %}
- **Captions:** of {{ captions }} works
{% endif %}

## Uses

### Direct Use

Training and judging generative models of works like these, within what the licences below allow.

### Out-of-Scope Use

Uses that a licence of any of its works rules out, and conclusions about anything beyond these works.

## Dataset Structure

Each work is named by the SHA-256 of its original file. {{ "works.parquet" | code }} has label, official split and size, \
{{ "record.parquet" | code }} title, creator, year, licence, origin and caption, and the tar files the originals, byte for byte. \
`artpipe card {{ name | plain }} --croissant` describes them to programs.

{% if splits %}
### Splits

{{ splits }}

{{ split_note }}

{% endif %}
{% if labels %}
### Labels

{{ labels }}

{% endif %}
## Dataset Creation

### Source Data

#### Data Collection and Processing

{{ record.inputs }} inputs were read; {{ record.kept }} were kept{% if set_aside %} and {{ set_aside }} set aside{% else %}, none was set aside{% endif %}.

{% if quarantine %}

{{ quarantine }}

Each of them is named with its reason in {{ "quarantine.parquet" | code }}.
{% endif %}
{% if notes %}

Kept, with a note:

{{ notes }}
{% endif %}

#### Duplicates

{{ duplicates }}

{% if preprocessing %}
#### Preprocessing

Models do not read the originals but tensors made with these parameters:

{{ preprocessing }}

{% endif %}
#### Who are the source data producers?

{{ creators }}

### Licences

{{ licences }}

{% if origins %}
### Origins

{{ origins }}

{% endif %}
### Annotations

{{ annotations }}

### Personal and Sensitive Information

What the works show was not looked at: persons, names and what may offend may be among them. The originals are kept byte for byte, \
so whatever a camera or a program wrote into a file (place, time, owner) is still there.

## Bias, Risks, and Limitations

{% for limit in limits %}
- {{ limit }}
{% endfor %}
- Whether the works stand for anything beyond themselves was not examined.

### Recommendations

{{ recommendation }}

## Citation

```bibtex
{{ citation }}
```

## Provenance

{{ hashes }}

<!-- Written by `artpipe card` from the artifacts of {{ name }}; edit a copy, or it is written over. -->
"""


def make_dataset_card(dataset: DatasetArtifacts) -> str:
    """Return a dataset's card, of its artifacts alone."""
    return make_front_matter(_front_fields(dataset)) + "\n" + _render_sections(dataset)


def size_category(count: int) -> str:
    """Return the Hub's name for a number of works: `1K<n<10K`."""
    place = sum(count >= size for size in _SIZES)
    if place == 0:
        return f"n<{_SIZE_NAMES[0]}"
    return f"{_SIZE_NAMES[place - 1]}<n<{_SIZE_NAMES[place]}" if place < len(_SIZES) else f"n>{_SIZE_NAMES[-1]}"


def _front_fields(dataset: DatasetArtifacts) -> dict[str, Any]:
    licences = card_tables.list_hub_licences(dataset)
    named = {}
    if licences == ["other"] and len(dataset.tallies["licence"]) == 1:
        (text,) = dataset.tallies["licence"]
        named = {"license_name": make_slug(text)}
    return {
        "license": licences[0] if len(licences) == 1 else licences,
        **named,
        "pretty_name": dataset.title,
        "size_categories": [size_category(dataset.record.kept)],
        "task_categories": _list_tasks(dataset),
        "tags": ["artpipe", *([dataset.medium] if dataset.medium else [])],
    }


def _list_tasks(dataset: DatasetArtifacts) -> list[str]:
    tasks = medium_info(dataset.medium).hub_tasks if dataset.medium else {}
    has = {"works": True, "labels": _has_classes(dataset), "captions": dataset.captions > 0}
    return sorted({task for what, task in tasks.items() if has[what]})


def _has_classes(dataset: DatasetArtifacts) -> bool:
    """Return whether there are classes to learn: two, and more than one work in each."""
    counts = dataset.record.labels.values()
    return len(counts) > 1 and min(counts) > 1


def _render_sections(dataset: DatasetArtifacts) -> str:
    record = dataset.record
    quarantine, notes = record.quarantined, parts.read_notes(record.notes)
    return render_markdown(
        _CARD,
        name=dataset.name,
        title=dataset.title,
        about=record.about,
        record=record,
        medium=dataset.medium,
        format=card_tables.describe_works(dataset),
        captions=dataset.captions,
        splits=parts.split_table(dataset),
        split_note=parts.describe_splits(dataset),
        labels=card_tables.label_table(dataset),
        set_aside=sum(quarantine.values()),
        quarantine=card_tables.tally_table("Reason", quarantine, "Inputs") if quarantine else None,
        notes=card_tables.tally_table("Note", notes) if notes else None,
        duplicates=parts.describe_duplicates(dataset),
        preprocessing=card_tables.preprocessing_table(dataset),
        creators=card_tables.tally_table("Creator", dataset.tallies["creator"]),
        licences=parts.licence_table(dataset),
        origins=card_tables.tally_table("Origin", dataset.tallies["origin"]) if parts.has_origins(dataset) else None,
        annotations=parts.describe_annotations(dataset),
        limits=list(card_tables.list_dataset_limits(dataset)),
        recommendation=parts.recommend(dataset),
        citation=Markdown(parts.make_citation(dataset)),
        hashes=make_table(("What", "SHA-256"), parts.list_hashes(dataset)),
    )
