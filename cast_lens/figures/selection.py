"""Where chosen examples lie in their pool."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import numpy as np
import plotly.graph_objects as go
from jaxtyping import Float

from cast_lens.analysis.selection.choice import Selection
from cast_lens.analysis.written import percent
from cast_lens.figures.exhibit import Exhibit, Value
from cast_lens.figures.style import ACCENT, FAINT, plain, styled

HOVER = 160  # characters of an example's text


def selection_map(
    selection: Selection,
    embeddings: Float[np.ndarray, "example width"],
    texts: Sequence[str],
    labels: Sequence[str],
    task: str,
) -> Exhibit:
    """The pool on its first two principal components, the chosen numbered in order of choice.

    Args:
        selection: what was chosen.
        embeddings: of the whole pool, as given to `select_examples`.
        texts: of the whole pool, shown on hovering.
        labels: likewise.
        task: the pool's name.
    """
    from sklearn.decomposition import PCA

    projection = PCA(n_components=2, svd_solver="full").fit(embeddings)
    place = projection.transform(embeddings)
    share = projection.explained_variance_ratio_.sum()
    told = [
        f"<b>{plain(la)}</b><br>{plain(t[:HOVER])}" for t, la in zip(texts, labels, strict=True)
    ]
    chosen = selection.indices
    figure = go.Figure()
    figure.add_scatter(
        x=place[:, 0],
        y=place[:, 1],
        mode="markers",
        name=f"pool ({len(texts)})",
        marker={"color": FAINT, "size": 6, "opacity": 0.5},
        text=told,
        hovertemplate="%{text}<extra></extra>",
    )
    figure.add_scatter(
        x=place[chosen, 0],
        y=place[chosen, 1],
        mode="markers+text",
        name=f"chosen ({len(chosen)}), in order; larger: more influential",
        marker={
            "color": ACCENT,
            "opacity": 1,
            "size": 9 + 11 * selection.rank,
            "line": {"color": "white", "width": 1},
        },
        text=[str(i + 1) for i in range(len(chosen))],
        textposition="top center",
        textfont={"size": 10},
        customdata=[
            f"{told[i]}<br>influence {inf:.2f}, diversity {div:.2f}"
            for i, inf, div in zip(chosen, selection.influence, selection.diversity, strict=True)
        ],
        hovertemplate="%{customdata}<extra></extra>",
    )
    figure.update_xaxes(title="component 1", zeroline=False)
    figure.update_yaxes(title="component 2", zeroline=False)
    title = f"{len(chosen)} of {len(texts)} examples of {task}, chosen by {selection.method}"
    subtitle = f"first two principal components of the embeddings, {percent(share)} of the variance"
    styled(figure, plain(title), subtitle)
    figure.update_layout(margin_b=90)
    return Exhibit(
        "selection",
        figure,
        f"The pool of {len(texts)} examples on the first two principal components of their "
        f"embeddings, which hold {percent(share)} of the variance: near here need not be near "
        "there. Numbers give the order of choice, size the rank of influence. A choice, not an "
        "estimate: no interval; whether it beats a random choice is what the curve over "
        "examples tests.",
        f"Map of {len(texts)} examples, {len(chosen)} of them chosen.",
        list(_rows(selection, place, texts, labels)),
    )


def _rows(
    selection: Selection,
    place: Float[np.ndarray, "example two"],
    texts: Sequence[str],
    labels: Sequence[str],
) -> Iterator[dict[str, Value]]:
    order = {int(at): i for i, at in enumerate(selection.indices, start=1)}
    for at, (text, label) in enumerate(zip(texts, labels, strict=True)):
        yield {
            "order": order.get(at),
            "component_1": float(place[at, 0]),
            "component_2": float(place[at, 1]),
            "label": label,
            "input": text,
        }
