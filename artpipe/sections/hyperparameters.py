"""Every number a person set for this training, and where and how it ran."""

from collections.abc import Mapping
from typing import Any

from artpipe.contracts.section import ModelView, Section

_HIDDEN = {"pretrained", "feature_extractor", "kind", "dataset"}  # shown elsewhere, or only of use to the pipeline

_HTML = """
<div class="read columns even">
<div><h2>{{ _("Settings") }}</h2>
<dl class="facts-list">
{% for name, value in settings %}<dt><bdi>{{ name | plain }}</bdi></dt><dd class="mono"><bdi>{{ value | setting }}</bdi></dd>
{% endfor %}
</dl></div>
<div><h2>{{ _("The training") if view.artist.learns else _("The making") }}</h2>
<dl class="facts-list">
<dt>{{ _("Entry") }}</dt><dd class="mono">{{ view.artist.name }}</dd>
<dt>{{ _("Run") }}</dt><dd class="mono hash">{{ run.run_id }}</dd>
<dt>{{ _("Date") }}</dt><dd>{{ run.started | date }}</dd>
<dt>{{ _("Time") }}</dt><dd>{{ (run.ended - run.started) | duration }}{{ _(", ") }}{{ _("%(time)s of one core", time=run.core_seconds | duration) }}</dd>
{% if cost and cost.energy_wh is not none %}<dt>{{ _("Peak memory") }}</dt><dd>{{ cost.peak_memory_gib | number }} GiB</dd>
<dt>{{ _("Energy, estimated") }}</dt><dd>{{ cost.energy_wh | number }} Wh</dd>
{% if share %}<dt>{{ _("Share of a work that hangs") }}</dt><dd>{{ _("%(time)s of one core", time=share.core_seconds | duration) }}{{ _(", ") }}{{ share.energy_wh | number }} Wh</dd>
{% endif %}{% endif %}<dt>{{ _("Sessions") }}</dt><dd>{{ run.sessions }}</dd>
{% if run.micro_batch %}<dt>{{ _("Learned at once") }}</dt><dd>{{ ngettext("one row of a batch, for want of memory", "%(num)s rows of a batch, for want of memory", run.micro_batch) }}</dd>
{% endif %}<dt>{{ _("Machine") }}</dt><dd><bdi>{{ run.device | clean }}{{ _(", ") }}{{ run.precision | clean }}{{ _(", ") }}{{ ngettext("one thread", "%(num)s threads", run.threads) }}</bdi></dd>
<dt>{{ _("Commit") }}</dt><dd class="mono hash">{{ run.commit or _("none") }}{% if run.dirty %} {{ _("with changes") }}{% endif %}</dd>
<dt>{{ _("Checkpoint") }}</dt><dd class="mono hash">{{ run.checkpoint }}</dd>
<dt>{{ _("Data") }}</dt><dd class="mono hash">{{ view.artist.report.shards }}</dd>
{% for name, version in run.versions | dictsort %}<dt><bdi>{{ name | clean }}</bdi></dt><dd class="mono">{{ version | clean }}</dd>
{% endfor %}
</dl>
{% if cost and cost.energy_wh is not none %}<p class="quiet">{% if run.device.startswith("cuda") %}{{ _("The energy was not measured. It is estimated from %(core)s W for each core at work, %(memory)s W for each GiB of memory and %(gpu)s W for each GPU, times %(overhead)s.", core=cost.assumed.watts_per_core | number, memory=cost.assumed.watts_per_gib | number, gpu=cost.assumed.watts_per_gpu | number, overhead=cost.assumed.overhead | number) }}{% else %}{{ _("The energy was not measured. It is estimated from %(core)s W for each core at work and %(memory)s W for each GiB of memory, times %(overhead)s.", core=cost.assumed.watts_per_core | number, memory=cost.assumed.watts_per_gib | number, overhead=cost.assumed.overhead | number) }}{% endif %}</p>
{% endif %}<p><a href="model.json">{{ _("All of this as JSON, with every score") }}</a></p>
{% if view.artist.mlflow_page %}<p><a href="{{ view.artist.mlflow_page }}" rel="external">{{ _("Its run in MLflow") }}</a></p>
{% endif %}{% if view.artist.card %}<p><a href="{{ root ~ view.artist.card.src }}" download="{{ view.artist.name }}-card.md">{{ _("Model card") }}</a></p>
{% endif %}</div>
</div>
"""


def _fill(view: ModelView) -> Mapping[str, Any]:
    settings = [(name, value) for name, value in view.artist.params.items() if name not in _HIDDEN]
    return {"settings": settings, "run": view.artist.run, "cost": view.artist.cost, "share": view.artist.cost_per_work}


SECTION = Section(page="model", fill=_fill, html=_HTML)
