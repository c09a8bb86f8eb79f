"""The page of a run, as a Jinja template; every value is escaped where it is put in."""

from __future__ import annotations

MACROS = """
{% macro table(t) %}
<div class="wide" role="region" aria-label="{{ t.caption }}" tabindex="0">
<table>
<caption><span>{{ t.caption }}</span></caption>
<thead><tr>{% for c in t.columns %}<th scope="col"{% if c.number %} class="number"{% endif %}>\
{{ c.name }}</th>{% endfor %}</tr></thead>
<tbody>
{% for row in t.rows %}<tr{% if row.marked %} class="method"{% endif %}>\
{% for c, cell in zip(t.columns, row.cells) %}\
{% if loop.first %}<th scope="row">{{ cell }}</th>\
{% else %}<td class="{{ 'number' if c.number else 'text' if c.long else '' }}">{{ cell }}</td>\
{% endif %}{% endfor %}</tr>
{% endfor %}</tbody>
</table>
</div>
{% endmacro %}
"""

HEAD = """<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta http-equiv="Content-Security-Policy" content="{{ policy }}">
<meta name="referrer" content="no-referrer">
<title>{{ title }}</title>
<style>{{ css }}</style>
</head>
<body>
<a class="skip" href="#main">Skip to the content</a>
<header>
<h1>{{ title }}</h1>
<p class="quiet">A report of cast_lens {{ version }}. It is one file and asks nothing of the \
network.</p>
<nav aria-label="Sections"><ul>
{% for id, name in sections %}<li><a href="#{{ id }}">{{ name }}</a></li>
{% endfor %}</ul></nav>
</header>
<main id="main" tabindex="-1">
"""

FOUND = """
<section id="asked" aria-labelledby="h-asked">
<h2 id="h-asked">What was asked</h2>
<p>{{ question }}</p>
<dl>{% for name, value in asked %}<dt>{{ name }}</dt><dd>{{ value }}</dd>{% endfor %}</dl>
</section>

<section id="found" aria-labelledby="h-found">
<h2 id="h-found">What was found</h2>
<ul>{% for line in readings %}<li>{{ line }}</li>{% endfor %}</ul>
{% for t in results %}{{ table(t) }}{% endfor %}
{% if planned.rows %}{{ table(planned) }}{% endif %}
{% if notes %}<h3>Notes of the run</h3>
<ul>{% for note in notes %}<li>{{ note }}</li>{% endfor %}</ul>{% endif %}
</section>

<section id="claims" aria-labelledby="h-claims">
<h2 id="h-claims">Claims</h2>
<p class="quiet">Supported: the interval lies above 0 and the effect reaches the threshold that \
was set before the run. Refuted: the interval lies below the threshold. Inconclusive: neither, or \
an effect at the threshold could hardly have been found.</p>
<ul class="cards">
{% for card in cards if card.tested %}<li class="card {{ card.style }}">
<h3>{{ card.claim }}</h3>
<p class="verdict"><span aria-hidden="true">{{ card.sign }}</span> {{ card.verdict }}</p>
<p class="quiet">{{ card.scope }}</p>
{% for line in card.facts %}<p>{{ line }}</p>
{% endfor %}<p>{{ card.says }}</p>
</li>
{% endfor %}</ul>
{% if untested %}<details><summary>{{ untested | length }} not tested by this run</summary>
<ul>{% for card in untested %}<li>{{ card.claim }} ({{ card.scope }}). {{ card.says }}</li>
{% endfor %}</ul></details>{% endif %}
</section>
"""

FIGURES = """
<section id="figures" aria-labelledby="h-figures">
<h2 id="h-figures">Figures</h2>
{% for f in figures %}<figure aria-labelledby="t-{{ f.stem }}">
<h3 id="t-{{ f.stem }}">{{ f.title }}</h3>
<p class="quiet">{{ f.subtitle }}</p>
<div class="wide" role="region" aria-label="Figure: {{ f.title }}" tabindex="0">
<div class="plot" id="plot-{{ f.stem }}" data-spec="spec-{{ f.stem }}" role="group" \
aria-label="{{ f.alt }}"></div>
</div>
<script type="application/json" id="spec-{{ f.stem }}">{{ f.spec }}</script>
<noscript><p>{{ f.alt }}</p></noscript>
<figcaption>{{ f.caption }}</figcaption>
<details><summary>The numbers of this figure</summary>
<p class="download"><a href="{{ f.csv }}" download="{{ f.stem }}.csv">Save as CSV</a></p>
{{ table(f.table) }}
</details>
</figure>
{% endfor %}</section>
"""

REST = """
<section id="items" aria-labelledby="h-items">
<h2 id="h-items">Items helped and harmed</h2>
{% for line in changed.lines %}<p>{{ line }}</p>
{% endfor %}{% for t in changed.tables %}<details><summary>{{ t.caption }}</summary>
{{ table(t) }}
</details>
{% endfor %}</section>

<section id="cost" aria-labelledby="h-cost">
<h2 id="h-cost">Cost</h2>
{% for line in cheaper %}<p>{{ line }}</p>{% endfor %}
{{ table(costs) }}
</section>

<section id="provenance" aria-labelledby="h-provenance">
<h2 id="h-provenance">Provenance</h2>
<dl>{% for name, value in provenance %}<dt>{{ name }}</dt><dd>{{ value }}</dd>{% endfor %}</dl>
</section>

<section id="again" aria-labelledby="h-again">
<h2 id="h-again">The same again</h2>
<p>Save the settings as <code>config.toml</code> and run</p>
<pre>cast-lens run --config config.toml --out OUT</pre>
<p class="download"><a href="{{ settings_link }}" download="config.toml">Save the settings</a></p>
<details open><summary>The settings</summary><pre>{{ settings }}</pre></details>
<p>The command as it was given then:</p>
<pre>{{ command }}</pre>
</section>
</main>
<script>{{ plotly }}</script>
<script>{{ draw }}</script>
</body>
</html>
"""

TEMPLATE = MACROS + HEAD + FOUND + FIGURES + REST

# one figure after the other, so that the page can be scrolled meanwhile; on paper all are as wide
# as the style sheet's zoom expects, and what was folded away there is no way to open
DRAW = """
"use strict";
const plots = [...document.querySelectorAll("[data-spec]")];
function draw(rest) {
  if (!rest.length) { document.body.dataset.drawn = plots.length; return; }
  const [plot, ...others] = rest;
  const spec = JSON.parse(document.getElementById(plot.dataset.spec).textContent);
  Plotly.newPlot(plot, spec).then(() => {
    // its words are in the alt text: a voice would read every tick
    plot.querySelectorAll(".main-svg").forEach((svg) => svg.setAttribute("aria-hidden", "true"));
    setTimeout(draw, 0, others);
  });
}
draw(plots);
const widen = (width) => plots.forEach((plot) => {
  plot.style.width = width; // a print resizes plots to their boxes
  if (plot.data) Plotly.Plots.resize(plot);
});
addEventListener("beforeprint", () => {
  document.querySelectorAll("details").forEach((folded) => { folded.open = true; });
  widen("900px");
});
addEventListener("afterprint", () => widen(""));
"""
