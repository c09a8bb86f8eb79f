"""What blocks would say: the logit lens of plain and steered runs."""

from __future__ import annotations

import html
import math
from collections.abc import Mapping

import plotly.graph_objects as go
from plotly.subplots import make_subplots

from cast_lens.diagnosis.readout import BlockReadout, MeanReadout, Promoted, Readout
from cast_lens.figures.bands import Line, Place, add_estimates, add_line, room_for_panels
from cast_lens.figures.exhibit import Exhibit
from cast_lens.figures.style import ACCENT, COLOURS, DASHES, FAINT, INK, plain, styled

ILLUSTRATION = (
    "The logit lens is an illustration, not evidence: early blocks do not write in the "
    "unembedding's coordinates, and a readable token does not show that the model uses it."
)
MARKS = {" ": "␣", "\n": "↵", "\t": "⇥", "\r": "␍"}
ROW = 21  # pixels of a block
LONGEST = 14  # characters of a token that fit a cell
SYMBOLS = ("circle", "square", "x", "diamond")


def visible(token: str, longest: int = LONGEST) -> str:
    """A token as text that can be seen: spaces, breaks and control characters marked, escaped."""
    marked = "".join(MARKS.get(c) or (c if c.isprintable() else _escape(c)) for c in token)
    cut = marked if len(marked) <= longest else marked[: longest - 1] + "…"
    return plain(cut) or "(empty)"


def _escape(character: str) -> str:
    return character.encode("unicode_escape").decode()


def readout_map(found: Readout) -> Exhibit:
    """Blocks against variants, each cell its likeliest token; beside it the right answer's share.

    Returns:
        An exhibit with one row a block and variant.
    """
    names = list(found.blocks)
    layers = [str(block.layer) for block in found.blocks[names[0]]]
    figure = make_subplots(
        cols=2,
        shared_yaxes=True,
        column_widths=[0.66, 0.34],
        horizontal_spacing=0.03,
        subplot_titles=("likeliest next token", f"probability of {visible(found.answer)}"),
    )
    columns = list(found.blocks.values())
    shown = [[visible(b.top[0].token) for b in row] for row in zip(*columns, strict=True)]
    figure.add_heatmap(
        x=[plain(name) for name in names],
        y=layers,
        z=[[b.top[0].value for b in row] for row in zip(*columns, strict=True)],
        text=shown,
        texttemplate="%{text}",
        customdata=[[_told(b) for b in row] for row in zip(*columns, strict=True)],
        hovertemplate="block %{y}, %{x}<br>%{customdata}<extra></extra>",
        zmin=0,
        zmax=1,
        colorscale="Cividis",
        xgap=3,
        ygap=1,
        colorbar={
            "title": {"text": "its probability", "side": "right"},
            "len": 0.5,
            "y": 0.75,
            "x": 1.02,
        },
        row=1,
        col=1,
    )
    for line, (name, blocks) in enumerate(found.blocks.items()):
        ys = [math.exp(b.logprob) for b in blocks]
        add_line(figure, ys, layers, _line(line, name), Place(col=2))
    _mark_written(figure, found)
    figure.update_xaxes(range=[-0.04, 1.04], title="probability", row=1, col=2)
    figure.update_xaxes(side="bottom", showgrid=False, row=1, col=1)
    figure.update_yaxes(type="category", showgrid=False, range=[-0.5, len(layers) - 0.5])
    figure.update_yaxes(title="block", row=1, col=1)
    title = _finding(found)
    styled(
        figure,
        title,
        f"{plain(found.query_id)}; each block's last-token state through the final norm and "
        "unembedding",
        height=210 + ROW * len(layers),
    )
    room_for_panels(figure)
    return Exhibit(
        stem="readout",
        figure=figure,
        caption=f"One prompt (n = 1, no interval), {len(layers)} blocks; a line marks the block "
        f"that is written to. ␣ is a space, ↵ a line break. {ILLUSTRATION}",
        alt=f"{html.unescape(title)}. Cells give the likeliest token of each block and variant.",
        rows=[
            {
                "variant": name,
                "block": b.layer,
                "likeliest": b.top[0].token,
                "its_probability": b.top[0].value,
                "entropy_nats": b.entropy,
                "answer_logprob": b.logprob,
                "answer_rank": b.rank,
            }
            for name, blocks in found.blocks.items()
            for b in blocks
        ],
    )


def _line(place: int, name: str) -> Line:
    return Line(name, COLOURS[place % len(COLOURS)], DASHES[place % 4], SYMBOLS[place % 4])


def _told(block: BlockReadout) -> str:
    top = ", ".join(f"{visible(one.token, 30)} {one.value:.2f}" for one in block.top)
    return f"{top}<br>entropy {block.entropy:.2f} nats; right answer's rank {block.rank}"


def _mark_written(figure: go.Figure, found: Readout) -> None:
    layers = [block.layer for block in next(iter(found.blocks.values()))]
    for layer in sorted({one for written in found.written.values() for one in written}):
        if layer in layers:
            line = {"color": ACCENT, "width": 2, "dash": "dash"}
            figure.add_hline(y=layers.index(layer) - 0.5, line=line)
            figure.add_annotation(
                x=1,
                y=layers.index(layer) - 0.5,
                text=f"written after block {layer}",
                font={"size": 11},
                showarrow=False,
                xanchor="right",
                yanchor="bottom",
                row=1,
                col=2,
            )


def _finding(found: Readout) -> str:
    ends = [
        f"{math.exp(blocks[-1].logprob):.2f} {plain(name)}" for name, blocks in found.blocks.items()
    ]
    last = next(iter(found.blocks.values()))[-1].layer
    return f"After block {last} the answer “{visible(found.answer)}” has p = {', '.join(ends)}"


def mean_readout_curves(found: Mapping[str, MeanReadout]) -> Exhibit:
    """Mean log-probability of the right answer and mean entropy over blocks, by variant's name."""
    figure = make_subplots(
        cols=2,
        horizontal_spacing=0.09,
        subplot_titles=("right answer's first token", "spread of the distribution"),
    )
    for line, (name, one) in enumerate(found.items()):
        for col, estimates in enumerate((one.logprob, one.entropy), start=1):
            place = Place(col=col, named=col == 1)
            add_estimates(figure, one.layers, estimates, _line(line, name), place)
    figure.update_xaxes(title="block")
    figure.update_yaxes(title="log-probability (nats)", row=1, col=1)
    figure.update_yaxes(title="entropy (nats)", rangemode="tozero", row=1, col=2)
    first = next(iter(found.values()))
    ends = [f"{plain(n)} {one.probability[-1].value:.2f}" for n, one in found.items()]
    title = f"Mean probability of the right answer after block {first.layers[-1]}: " + ", ".join(
        ends
    )
    n = first.logprob[0].n
    styled(figure, title, f"{n} prompts; bands are 95 % bootstrap intervals over prompts")
    room_for_panels(figure)
    return Exhibit(
        stem="mean_readout",
        figure=figure,
        caption=f"n = {n} prompts, 95 % bootstrap bands over prompts. {ILLUSTRATION}",
        alt=html.unescape(title) + ". Two panels show log-probability and entropy over blocks.",
        rows=[
            {
                "variant": name,
                "block": layer,
                "logprob": one.logprob[i].value,
                "logprob_low": one.logprob[i].low,
                "logprob_high": one.logprob[i].high,
                "entropy_nats": one.entropy[i].value,
                "entropy_low": one.entropy[i].low,
                "entropy_high": one.entropy[i].high,
            }
            for name, one in found.items()
            for i, layer in enumerate(one.layers)
        ],
    )


def direction_tokens(vector: Promoted, placebo: Promoted) -> Exhibit:
    """Logits of the tokens a vector promotes and demotes, beside a random direction's."""
    sides = {"vector": vector, "random direction": placebo}
    figure = make_subplots(cols=2, horizontal_spacing=0.2, subplot_titles=tuple(sides))
    most = max(abs(s.value) for one in sides.values() for s in (*one.promoted, *one.demoted))
    for col, one in enumerate(sides.values(), start=1):
        said = [*one.demoted, *reversed(one.promoted)]
        figure.add_bar(
            x=[s.value for s in said],
            y=list(range(len(said))),
            orientation="h",
            marker={"color": INK if col == 1 else FAINT},
            showlegend=False,
            row=1,
            col=col,
        )
        names = [visible(s.token) for s in said]
        figure.update_yaxes(tickvals=list(range(len(said))), ticktext=names, row=1, col=col)
    figure.update_xaxes(title="logit", range=[-1.05 * most, 1.05 * most])
    top = ", ".join(visible(s.token) for s in vector.promoted[:3])
    title = f"Read as a state by itself, the vector of block {vector.layer} says {top}"
    rows = len(vector.promoted) + len(vector.demoted)
    styled(figure, title, "highest and lowest logits", height=210 + ROW * rows)
    room_for_panels(figure)
    return Exhibit(
        stem="direction_tokens",
        figure=figure,
        caption="Logits of one vector and of one random direction (n = 1 each, no interval), by "
        f"the final norm and unembedding, biases taken away. {ILLUSTRATION}",
        alt=f"{html.unescape(title)}. Bars show logits, a random direction's beside them.",
        rows=[
            {"direction": name, "token": s.token, "logit": s.value}
            for name, one in sides.items()
            for s in (*one.promoted, *one.demoted)
        ],
    )
