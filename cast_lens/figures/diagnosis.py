"""One page for all blocks: what can be read there and what writing there does."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import plotly.graph_objects as go
from plotly.subplots import make_subplots

from cast_lens.analysis.estimates import Estimate
from cast_lens.analysis.written import difference
from cast_lens.diagnosis.diagnosed import DiagnosedBlock, Diagnosis
from cast_lens.figures.bands import Line, Place, add_band
from cast_lens.figures.exhibit import Exhibit, Value
from cast_lens.figures.style import ACCENT, FAINT, INK, head_height, plain, styled

PANELS = (
    "Accuracy on test, minus zero-shot",
    "Cosine of both tasks' vectors",
    "Agreement of single differences; shares of the vector",
    "Few- and zero-shot states along the vector (d′)",
    "Length of the vector over the state's (dose)",
    "Linear probe: {question}",
    "Logit lens: entropy, nats",
    "Logit lens: probability of the right answer",
)
ROWS = 4
TALL = 1180  # pixels
ONE_TASK = "One task: there is no second vector to compare"
Values = Sequence[float | None]


@dataclass(frozen=True)
class _Line:
    """One line of a panel; grey tells lines apart by dash and symbol."""

    name: str
    values: Values
    colour: str
    dash: str = "solid"
    symbol: str = "circle"
    band: Sequence[Estimate] | None = None


def diagnosis_page(found: Diagnosis) -> Exhibit:
    """Eight panels over the blocks; a dotted line marks the block that dev chose."""
    blocks = found.blocks
    asked = {"task": "which task?", "kind": "few-shot or zero-shot?"}[found.question]
    titles = [panel.format(question=asked) for panel in PANELS]
    if found.source == found.target:
        titles[1] = ONE_TASK
    figure = make_subplots(
        rows=ROWS,
        cols=2,
        subplot_titles=titles,
        vertical_spacing=0.1,
        horizontal_spacing=0.09,
    )
    for i, lines in enumerate(_panels(blocks)):
        for line in lines:
            _draw(figure, line, [block.layer for block in blocks], i)
    figure.add_vline(x=found.site.layer, line={"color": FAINT, "dash": "dot", "width": 1.5})
    figure.add_hline(y=0, line={"color": INK, "width": 1}, row=1, col=1)
    figure.update_xaxes(title="block", row=ROWS)
    figure.update_annotations(font={"size": 13}, yshift=20)
    best, arrow = found.best, f"{plain(found.source)} → {plain(found.target)}"
    title = (
        f"{arrow}: {difference(best.gain)} at block {best.layer}, "
        f"a random direction {best.placebo_gain.value:+.2f}"
    )
    styled(figure, title, f"{plain(found.model)}, {found.test_n} test items", height=TALL)
    for panel in range(len(PANELS)):
        _place_legend(figure, panel)
    figure.update_layout(margin={"t": head_height(figure) + 85, "b": 60})
    return Exhibit(
        stem="diagnosis",
        figure=figure,
        caption=(
            f"{' '.join(found.in_words)} Vector from {found.examples} examples with {found.shots} "
            f"shots; strength chosen on {found.dev_n} dev items at each block among "
            f"{', '.join(f'{s:g}' for s in found.strengths)}, for the random direction likewise; "
            f"bands: 95 % bootstrap over {found.test_n} test items (accuracy, logit lens) or over "
            "queries (probe). Dotted: the block that dev chose."
        ),
        alt=f"Eight small charts over {len(blocks)} blocks. {' '.join(found.in_words)}",
        rows=[_row(block) for block in blocks],
    )


def _panels(blocks: Sequence[DiagnosedBlock]) -> list[list[_Line]]:
    gains, placebos = [b.gain for b in blocks], [b.placebo_gain for b in blocks]
    accuracy, control = [b.probe.accuracy for b in blocks], [b.probe.control for b in blocks]
    readouts = (
        ([b.entropy for b in blocks], [b.entropy_few for b in blocks]),
        ([b.right for b in blocks], [b.right_few for b in blocks]),
    )
    return [
        [
            _Line("vector", _of(gains), INK, band=gains),
            _Line("random direction", _of(placebos), ACCENT, "dash", "x", band=placebos),
        ],
        [
            _Line("vector", [b.cosine for b in blocks], INK),
            _Line("random words'", [b.text_cosine for b in blocks], ACCENT, "dash", "x"),
            _Line(
                "random directions, 95 %", [b.random_band for b in blocks], FAINT, "dot", "line-ew"
            ),
        ],
        [
            _Line("agreement", [b.agreement for b in blocks], INK),
            _Line("along random words", [b.text for b in blocks], ACCENT, "dash", "x"),
            _Line("along other tasks", [b.shared for b in blocks], FAINT, "dot", "diamond"),
        ],
        [_Line("vector", [b.separation for b in blocks], INK)],
        [_Line("vector", [b.dose for b in blocks], INK)],
        [
            _Line("probe", _of(accuracy), INK, band=accuracy),
            _Line("control task", _of(control), ACCENT, "dash", "x", band=control),
        ],
        *(
            [
                _Line("zero-shot", _of(zero), INK, band=zero),
                _Line("few-shot", _of(few), ACCENT, "dash", "x", band=few),
            ]
            for zero, few in readouts
        ),
    ]


def _of(estimates: Sequence[Estimate]) -> list[float]:
    return [one.value for one in estimates]


def _place_legend(figure: go.Figure, panel: int) -> None:
    """Each panel has its own, between its title and its lines."""
    axes = (
        figure.layout["xaxis" + str(panel + 1) * (panel > 0)],
        figure.layout["yaxis" + str(panel + 1) * (panel > 0)],
    )
    figure.layout[_legend(panel)] = {
        "x": axes[0].domain[0],
        "y": axes[1].domain[1],
        "yref": "paper",
        "yanchor": "bottom",
        "orientation": "h",
        "font": {"size": 11},
    }


def _legend(panel: int) -> str:
    return "legend" + str(panel + 1) * (panel > 0)


def _draw(figure: go.Figure, line: _Line, layers: Sequence[int], panel: int) -> None:
    if all(value is None for value in line.values):
        return
    row, col = panel // 2 + 1, panel % 2 + 1
    if line.band is not None:
        lows, highs = [e.low for e in line.band], [e.high for e in line.band]
        look = Line(line.name, line.colour, line.dash, line.symbol)
        add_band(figure, layers, lows, highs, look, Place(row, col))
    figure.add_scatter(
        x=layers,
        y=line.values,
        name=line.name,
        legend=_legend(panel),
        mode="lines+markers",
        line={"color": line.colour, "dash": line.dash, "width": 2},
        marker={"symbol": line.symbol, "size": 5},
        row=row,
        col=col,
    )


def _row(block: DiagnosedBlock) -> dict[str, Value]:
    """Every number of a block; intervals as columns of their own."""
    row: dict[str, Value] = {}
    for name in DiagnosedBlock.model_fields:
        value = getattr(block, name)
        if name == "probe":
            value = block.probe.accuracy
            row["probe_control"] = block.probe.control.value
            row["probe_selectivity"] = block.probe.selectivity.value
        if isinstance(value, Estimate):
            row |= {name: value.value, f"{name}_low": value.low, f"{name}_high": value.high}
        else:
            row[name] = value
    return row
