"""A work in its frame, and the label beside it."""

from artpipe.sections import Section, WorkView, always

_HTML = """
{% import "macros.html" as m with context %}
<div class="wall">
<figure class="solo">
{% if view.work.kind == "image" %}<span class="frame">{{ m.picture(view.work.media, m.alt(view.work, view.artist), eager=true) }}</span>
{% elif view.work.kind == "text" %}<blockquote class="frame sheet">{% for line in view.work.text.split("\\n") %}{{ line }}<br>{% endfor %}</blockquote>
{% elif view.work.kind == "audio" %}<audio controls src="{{ root ~ view.work.media.src }}"></audio>
{% else %}<span class="frame"><video controls loop src="{{ root ~ view.work.media.src }}"></video></span>{% endif %}
<figcaption class="label">
<p class="artist"><a href="{{ root }}models/{{ view.artist.name }}/index.html"><bdi>{{ view.artist.title }}</bdi></a></p>
<h1><bdi>{{ view.work.title }}</bdi></h1>
<p>{{ m.kind(view.artist.kind) }}{% if view.work.seed is not none %}, {{ _("seed %(n)s", n=view.work.seed) }}{% endif %}, {{ _("step %(n)s", n=view.artist.step | number) }}{% if view.work.media and view.work.media.width %}; {{ view.work.media.width }}&thinsp;&times;&thinsp;{{ view.work.media.height }} {{ _("pixels") }}{% endif %}</p>
<p>{{ _("After the collection") }} <a href="{{ root }}datasets/{{ view.room.name }}/index.html"><bdi>{{ view.room.title }}</bdi></a>, {{ _("licence") }} <bdi>{{ view.room.about.licence | clean }}</bdi></p>
<p>{{ m.verdict(view.artist.report.verdict) }}</p>
</figcaption>
</figure>
{% if view.previous or view.next %}
<nav class="turn" aria-label="{{ _('Works on this wall') }}">
{% if view.previous %}<a class="previous" rel="prev" href="{{ root }}works/{{ view.previous.id }}/index.html"><span aria-hidden="true">\u2039</span> <bdi>{{ view.previous.title }}</bdi></a>{% endif %}
{% if view.next %}<a class="next" rel="next" href="{{ root }}works/{{ view.next.id }}/index.html"><bdi>{{ view.next.title }}</bdi> <span aria-hidden="true">\u203a</span></a>{% endif %}
</nav>
{% endif %}
</div>
"""

SECTION: Section[WorkView] = Section(page="work", fill=always, html=_HTML)
