"""Every number a person set for this training, and where and how it ran."""

from collections.abc import Mapping
from typing import Any

from artpipe.contracts.section import ModelView, Section

_HIDDEN = {"pretrained", "feature_extractor", "kind", "dataset"}  # shown elsewhere, or only of use to the pipeline

_HTML = """
<div class="read columns even">
<div><h2>{{ _("Settings") }}</h2>
<dl class="facts-list">
{% for name, value in settings %}<dt><bdi>{{ name | plain }}</bdi></dt><dd class="mono"><bdi>{{ value | clean }}</bdi></dd>
{% endfor %}
</dl></div>
<div><h2>{{ _("The training") }}</h2>
<dl class="facts-list">
<dt>{{ _("Entry") }}</dt><dd class="mono">{{ view.artist.name }}</dd>
<dt>{{ _("Run") }}</dt><dd class="mono">{{ run.run_id }}</dd>
<dt>{{ _("Date") }}</dt><dd>{{ run.started | date }}</dd>
<dt>{{ _("Time") }}</dt><dd>{{ (run.ended - run.started) | duration }}{{ _(", ") }}{{ _("%(time)s of one core", time=run.core_seconds | duration) }}</dd>
<dt>{{ _("Sessions") }}</dt><dd>{{ run.sessions }}</dd>
{% if run.micro_batch %}<dt>{{ _("Learned at once") }}</dt><dd>{{ ngettext("one row of a batch, for want of memory", "%(num)s rows of a batch, for want of memory", run.micro_batch) }}</dd>
{% endif %}<dt>{{ _("Machine") }}</dt><dd><bdi>{{ run.device | clean }}{{ _(", ") }}{{ run.precision | clean }}{{ _(", ") }}{{ ngettext("one thread", "%(num)s threads", run.threads) }}</bdi></dd>
<dt>{{ _("Commit") }}</dt><dd class="mono">{{ (run.commit or _("none")) | short }}{% if run.dirty %} {{ _("with changes") }}{% endif %}</dd>
<dt>{{ _("Checkpoint") }}</dt><dd class="mono">{{ run.checkpoint | short }}</dd>
<dt>{{ _("Data") }}</dt><dd class="mono">{{ view.artist.report.shards | short }}</dd>
{% for name, version in run.versions | dictsort %}<dt><bdi>{{ name | clean }}</bdi></dt><dd class="mono">{{ version | clean }}</dd>
{% endfor %}
</dl>
{% if view.artist.card %}<p><a href="{{ root ~ view.artist.card.src }}" download="{{ view.artist.name }}-card.md">{{ _("Model card") }}</a></p>
{% endif %}</div>
</div>
"""


def _fill(view: ModelView) -> Mapping[str, Any]:
    settings = [(name, value) for name, value in view.artist.params.items() if name not in _HIDDEN]
    return {"settings": settings, "run": view.artist.run}


SECTION = Section(page="model", fill=_fill, html=_HTML)
