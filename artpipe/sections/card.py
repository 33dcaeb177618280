"""A model's card: what it is, what it learned from, how long it took."""

from artpipe.sections import ModelView, Section, always

_HTML = """
{% import "macros.html" as m with context %}
<div class="head">
<p class="kicker"><a href="{{ root }}datasets/{{ view.room.name }}/index.html">{{ _("Room") }} <span class="numeral">{{ view.room.number | roman }}</span>, <bdi>{{ view.room.title }}</bdi></a></p>
<h1><bdi>{{ view.artist.title }}</bdi></h1>
<p class="lead">{{ m.kind(view.artist.kind) }}, {{ _("trained on") }} <a href="{{ root }}datasets/{{ view.room.name }}/index.html"><bdi>{{ view.room.title }}</bdi></a>
{{ _("for %(steps)s steps", steps=view.artist.run.steps | number) }},
{{ _("in %(time)s of one core", time=view.artist.run.core_seconds | duration) }}.</p>
</div>
"""

SECTION: Section[ModelView] = Section(page="model", fill=always, html=_HTML)
