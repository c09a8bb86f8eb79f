"""Where chosen examples lie in their pool."""

from __future__ import annotations

import html
from collections.abc import Sequence

import numpy as np
import plotly.graph_objects as go
from jaxtyping import Float

from cast_lens.analysis.selection.choice import Selection
from cast_lens.figures.style import ACCENT, FAINT, styled

HOVER = 160  # characters of an example's text


def selection_map(
    selection: Selection,
    embeddings: Float[np.ndarray, "example width"],
    texts: Sequence[str],
    labels: Sequence[str],
    title: str,
) -> go.Figure:
    """The pool on its first two principal components, the chosen numbered in order of choice.

    Args:
        selection: what was chosen.
        embeddings: of the whole pool, as given to `select_examples`.
        texts: of the whole pool, shown on hovering.
        labels: likewise.
        title: one line.
    """
    from sklearn.decomposition import PCA

    projection = PCA(n_components=2, svd_solver="full").fit(embeddings)
    place = projection.transform(embeddings)
    share = projection.explained_variance_ratio_.sum()
    told = [
        f"<b>{html.escape(la)}</b><br>{html.escape(t[:HOVER])}"
        for t, la in zip(texts, labels, strict=True)
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
    subtitle = (
        f"selector {selection.method}; first two principal components of the embeddings, "
        f"{share:.0%} of their variance"
    )
    figure.update_xaxes(title="component 1", zeroline=False)
    figure.update_yaxes(title="component 2", zeroline=False)
    return styled(figure, html.escape(title), subtitle)
