"""A plotly figure in a notebook that is replaced as a whole and tells where it was clicked.

Not plotly's own `FigureWidget`: that one sends its changes as events, which are lost when they
arrive before the page has loaded it, and loads four megabytes for every figure.
"""

from __future__ import annotations

import json

import anywidget
import plotly.graph_objects as go
import traitlets
from plotly.offline import get_plotlyjs

DRAW = """
const pause = ms => new Promise(done => setTimeout(done, ms));
async function loaded() {
    while (!globalThis.Plotly) await pause(50);
    return globalThis.Plotly;
}
async function render({ model, el }) {
    const place = document.createElement('div');
    el.style.width = '100%';
    el.appendChild(place);
    const Plotly = await loaded();
    const config = { responsive: true, displaylogo: false };
    const draw = () => {
        const { data = [], layout = {} } = model.get('figure');
        return Plotly.react(place, data, layout, config);
    };
    await draw();
    place.on('plotly_click', event => {
        const { x, y } = event.points[0];
        model.set('clicked', { x, y, at: Date.now() });
        model.save_changes();
    });
    model.on('change:figure', draw);
    const resized = new ResizeObserver(() => Plotly.Plots.resize(place));
    resized.observe(el);
    return () => { resized.disconnect(); Plotly.purge(place); };
}
export default { render };
"""


class Library(anywidget.AnyWidget):
    """Loads the plotly library into the page, once for all plots; shows nothing."""

    _esm = f"{get_plotlyjs()}\n;export default {{ render() {{}} }};"


class Plot(anywidget.AnyWidget):
    """One figure.

    Attributes:
        figure: as plotly's JSON; empty before there is one.
        clicked: x and y of the last point that was clicked, and when.
    """

    _esm = DRAW
    figure = traitlets.Dict({}).tag(sync=True)
    clicked = traitlets.Dict({}).tag(sync=True)

    def draw(self, figure: go.Figure) -> None:
        """Show another figure."""
        self.figure = json.loads(figure.to_json())
