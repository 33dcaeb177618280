"""A model's card: what it is, what it learned from, how long it took."""

from artpipe.contracts.section import ModelView, Section, fill_nothing

_HTML = """
{% import "macros.html" as m with context %}
<div class="head">
<p class="kicker"><a href="{{ root }}datasets/{{ view.room.name }}/index.html">{{ m.room(view.room) }}{{ _(", ") }}<bdi>{{ view.room.title }}</bdi></a></p>
<h1 dir="auto">{{ view.artist.title | unbroken }}</h1>
<p class="lead">{% if view.artist.learns %}{{ _("%(kind)s, trained on %(collection)s for %(steps)s steps, in %(time)s of one core.", kind=m.kind(view.artist), collection=m.to_room(view.room), steps=view.artist.run.steps | number, time=view.artist.run.core_seconds | duration) }}{% else %}{{ _("%(kind)s, made from %(collection)s in %(steps)s steps, in %(time)s of one core.", kind=m.kind(view.artist), collection=m.to_room(view.room), steps=view.artist.run.steps | number, time=view.artist.run.core_seconds | duration) }}{% endif %}{% if view.artist.step != view.artist.run.steps %}{{ _(" ") }}{{ _("What hangs was made at step %(step)s.", step=view.artist.step | number) }}{% endif %}</p>
<p class="standing">{{ _("Grade of the model") }}{{ _(": ") }}{{ m.standing(view.artist) }}</p>
</div>
"""

SECTION: Section[ModelView] = Section(page="model", fill=fill_nothing, html=_HTML)
