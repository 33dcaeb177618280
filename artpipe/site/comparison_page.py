"""One page that shows two models side by side; style, fonts and media are in it."""

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from artpipe.site.pages import make_environment
from artpipe.site.self_contained import inline_style

_STYLE = """
.pair { display: grid; grid-template-columns: auto 1fr 1fr; gap: 1.4rem 2rem; align-items: center; justify-items: center; --room: 11rem; }
.pair > :nth-child(3n + 1) { justify-self: start; }
.pair .label-cell { justify-self: center; margin: 0; color: var(--on-wall); font: 500 1.35rem/1.2 var(--display); }
.pair .sheet { max-width: 28rem; white-space: pre-wrap; font-size: 1.05rem; }
.pair .pixel { width: max(var(--w), round(down, var(--room), var(--w))); }
.scores td.refused { color: var(--quiet); }
.compared thead { position: static !important; clip-path: none !important; }
.compared tr { display: table-row !important; }
.compared :is(td, th) { padding: 0.6rem 0.8rem 0.6rem 0 !important; border-top: 1px solid var(--rule) !important; }
.compared .figure { text-align: right !important; }
.compared td.figure + td.figure { color: inherit; }
.compared td.figure + td.figure::before { content: none !important; }
.compared td.gain { color: var(--healthy) !important; } .compared td.loss { color: var(--failed) !important; }
.wide { overflow-x: auto; }
@media (max-width: 40rem) { .pair { grid-template-columns: 1fr 1fr; } .pair > :nth-child(3n + 1) { grid-column: 1 / -1; } }
"""
PAGE = """<!doctype html>
<html lang="{{ _('en') }}">
<head>
<meta charset="utf-8">
<meta http-equiv="Content-Security-Policy" content="default-src 'none'; img-src data:; media-src data:; font-src data:; style-src 'unsafe-inline'; base-uri 'none'; form-action 'none'">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="color-scheme" content="light dark">
<meta name="referrer" content="no-referrer">
<title>{{ _("%(first)s beside %(second)s", first=first.label, second=second.label) }}</title>
<style>{{ style }}</style>
</head>
<body class="page-model">
<header class="top"><span class="wordmark" dir="auto">{{ title }}</span></header>
<main id="main">
<section class="part"><div class="head">
<p class="kicker">{{ _("Two models") }}</p>
<h1><bdi>{{ _("%(first)s beside %(second)s", first=first.label, second=second.label) }}</bdi></h1>
{% for one in (first, second) %}<p class="lead"><bdi>{{ one.label }}</bdi>{{ _(": ") }}<bdi>{{ one.kind }}, {{ one.dataset }}</bdi>{{ _("; ") }}<strong>{{ _(one.verdict.grade) }}{% if one.verdict.fault %}{{ _(": ") }}{{ _(one.verdict.fault) }}{% endif %}</strong>. {{ one.verdict | sentence }}</p>
{% endfor %}</div></section>
{% if samples %}
<section class="part"><div class="wall wall-1"><div class="pair">
<span></span><p class="label-cell"><bdi>{{ first.label }}</bdi></p><p class="label-cell"><bdi>{{ second.label }}</bdi></p>
{% for row in samples %}
<span class="quiet">{% if row.seed is none %}{{ loop.index }}{% else %}{{ _("Seed %(n)s", n=row.seed) }}{% endif %}</span>
{% for made in row.made %}
{% if not made %}<span class="frame empty" aria-hidden="true"></span>
{% elif made.words is not none %}<div class="sheet" dir="auto">{{ made.words }}</div>
{% elif made.mime.startswith("image/") %}<span class="frame"><img class="pixel" src="{{ made.url }}" alt="{{ made.label }}" style="--w: {{ made.width }}px"></span>
{% elif made.mime.startswith("audio/") %}<audio controls src="{{ made.url }}"></audio>
{% else %}<span class="quiet">{{ made.label }}</span>{% endif %}
{% endfor %}
{% endfor %}
</div></div></section>
{% endif %}
<section class="part"><div class="read columns">
<div><h2>{{ _("Scores") }}</h2>
<p class="aside">{{ _("The difference is the second minus the first; in brackets what it may be, 95 times in 100. Where that holds zero, no difference is shown. Scores of different extractors, sizes, works or numbers of samples are not compared.") }}</p></div>
<div class="wide"><table class="scores compared">
<thead><tr><th scope="col">{{ _("Measure") }}</th><th scope="col" class="figure"><bdi>{{ first.label }}</bdi></th><th scope="col" class="figure"><bdi>{{ second.label }}</bdi></th><th scope="col" class="figure">{{ _("Real works") }}</th><th scope="col" class="figure">{{ _("Difference") }}</th></tr></thead>
<tbody>
{% for pair in scores %}
<tr><td><bdi><strong>{{ pair.name | plain }}</strong></bdi>{% if pair.better != "neither" %} <span class="caps">{{ _("lower is better") if pair.better == "lower" else _("higher is better") }}</span>{% endif %}
{% if pair.refusal %}<span class="quiet">{{ pair.refusal | sentence }}</span>{% endif %}</td>
{% for score in (pair.first, pair.second) %}<td class="figure">{% if score %}{{ score.value | number }}{% if score.interval %}{% set ends = score.interval | ends %} <span class="quiet">[{{ ends[0] }}, {{ ends[1] }}]</span>{% endif %}{% endif %}</td>
{% endfor %}
<td class="figure">{% for value in pair.real_works %}{{ value | number }}{% if not loop.last %} / {% endif %}{% endfor %}</td>
<td class="figure{% if pair.outcome == 'better' %} gain{% elif pair.outcome == 'worse' %} loss{% endif %}">
{% if pair.refusal %}<span class="quiet">{{ _("not compared") }}</span>{% elif pair.low is none %}{{ pair.difference | number }} <span class="quiet">{{ _("no interval") }}</span>
{% else %}{% set ends = pair.interval | ends %}{{ pair.difference | number }} <span class="quiet">[{{ ends[0] }}, {{ ends[1] }}]</span>{% if pair.outcome %} {{ {"better": _("better"), "worse": _("worse"), "unclear": _("no difference shown")}[pair.outcome] }}{% endif %}{% endif %}</td></tr>
{% endfor %}
</tbody></table></div>
</div></section>
<section class="part"><div class="read columns">
<div><h2>{{ _("Cost of the training") }}</h2><p class="aside">{{ _("The energy was not measured, it is an estimate.") }}</p></div>
<div class="wide"><table class="scores compared">
<thead><tr><th scope="col">{{ _("Measure") }}</th><th scope="col" class="figure"><bdi>{{ first.label }}</bdi></th><th scope="col" class="figure"><bdi>{{ second.label }}</bdi></th></tr></thead>
<tbody>{% for name, ours, theirs in costs %}
<tr><td>{{ {"steps": _("Steps"), "core_seconds": _("Core time"), "peak_memory_gib": _("Peak memory"), "energy_wh": _("Energy, estimated")}[name] }}</td>{% for value in (ours, theirs) %}<td class="figure">{% if value is none %}\u2013{% elif name == "core_seconds" %}{{ value | duration }}{% else %}{{ value | number }} {{ {"energy_wh": "Wh", "peak_memory_gib": "GiB"}[name] | default("", true) }}{% endif %}</td>{% endfor %}</tr>
{% endfor %}</tbody></table></div>
</div></section>
<section class="part"><div class="read columns">
<div><h2>{{ _("Settings") }}</h2><p class="aside">{{ _("Those that differ.") }}</p></div>
<div class="wide">{% if parameters %}<table class="scores compared">
<thead><tr><th scope="col">{{ _("Setting") }}</th><th scope="col"><bdi>{{ first.label }}</bdi></th><th scope="col"><bdi>{{ second.label }}</bdi></th></tr></thead>
<tbody>{% for name, ours, theirs in parameters %}
<tr><td><bdi>{{ name | plain }}</bdi></td><td class="mono"><bdi>{{ "\u2013" if ours is none else ours | clean }}</bdi></td><td class="mono"><bdi>{{ "\u2013" if theirs is none else theirs | clean }}</bdi></td></tr>
{% endfor %}</tbody></table>{% else %}<p>{{ _("All of them are the same.") }}</p>{% endif %}</div>
</div></section>
</main>
<footer class="foot"><p class="colophon">{{ _("Made with artpipe. Set in Cormorant and Alegreya Sans.") }}</p></footer>
</body>
</html>
"""


def render_comparison(
    theme: Path,
    filters: Mapping[str, Callable[..., Any]],
    words: tuple[Callable[[str], str], Callable[[str, str, int], str]],
    facts: Mapping[str, Any],
) -> bytes:
    """Return the page; `facts` are title, models, samples, scores and parameters."""
    environment = make_environment(theme, (), filters, *words)
    from markupsafe import Markup

    style = Markup(inline_style(theme) + _STYLE)  # noqa: S704 - the theme's own
    html = environment.from_string(PAGE).render(**facts, style=style)
    return ("\n".join(line.rstrip() for line in html.split("\n") if line.strip()) + "\n").encode()
