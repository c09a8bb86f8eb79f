"""Which labels each arm chooses: is a gain only a shift of their prior?"""

from __future__ import annotations

import plotly.graph_objects as go

from cast_lens.experiment.record import ArmResult, CastResult
from cast_lens.figures.exhibit import Exhibit, Value
from cast_lens.figures.stems import stem_of
from cast_lens.figures.style import plain, styled

ROW = 26  # pixels
RIGHT = "right answers"


def labels(result: CastResult, target: str) -> Exhibit | None:
    """Share of items for which each arm chooses each label; None where answers are free."""
    own = [one for one in result.results if one.target == target and one.labels is not None]
    if not own:
        return None
    n = result.find(target, "zero_shot").metrics["acc,none"].n
    rows = _rows(own, n)
    arms = list(dict.fromkeys(str(row["arm"]) for row in rows))
    names = list(dict.fromkeys(str(row["label"]) for row in rows))
    share = {(row["arm"], row["label"]): float(row["share"] or 0) for row in rows}
    z = [[share[arm, label] for label in names] for arm in arms]
    figure = go.Figure()
    figure.add_heatmap(
        z=z,
        x=[plain(name) for name in names],
        y=[plain(arm) for arm in arms],
        zmin=0,
        zmax=1,
        colorscale="Cividis",
        text=[[f"{value:.2f}" for value in row] for row in z],
        texttemplate="%{text}",
        colorbar={"title": "share of items", "tickformat": ".1f"},
        xgap=2,
        ygap=2,
    )
    figure.update_xaxes(title={"text": "label", "standoff": 8}, type="category", automargin=True)
    figure.update_yaxes(autorange="reversed", type="category", automargin=True, ticklabelstandoff=6)
    subtitle = (
        f"{plain(result.config.model)}; n = {n}; share of items for which a label is likeliest"
    )
    styled(figure, _title(target, arms, names, share), subtitle, height=220 + ROW * len(arms))
    return Exhibit(
        f"labels_{stem_of(result, target)}",
        figure,
        f"How often each arm's likeliest label is which, over {n} test items of {target}, first "
        "draw of each arm; counts, without intervals. Top row: how often a label is right. An arm "
        "whose row changes while its accuracy does not has moved the label prior only; controls "
        "stand in the same rows.",
        _title(target, arms, names, share),
        rows,
    )


def _rows(own: list[ArmResult], n: int) -> list[dict[str, Value]]:
    rows: list[dict[str, Value]] = []
    for one in own:
        assert one.labels is not None
        name = f"{one.arm} ← {one.source}" if one.source else one.arm
        if not rows:
            rows += [_cell(RIGHT, la.label, la.true, n) for la in one.labels.histogram]
        rows += [_cell(name, la.label, la.predicted, n) for la in one.labels.histogram]
    return rows


def _cell(arm: str, label: str, count: int, n: int) -> dict[str, Value]:
    return {"arm": arm, "label": label, "items": count, "n": n, "share": count / n}


def _title(
    target: str, arms: list[str], names: list[str], share: dict[tuple[Value, Value], float]
) -> str:
    """How far zero-shot and the first steered arm lean to the label that zero-shot likes best."""
    zero = "zero_shot"
    liked = max(names, key=lambda label: share[zero, label])
    told = [f"zero-shot chooses “{liked}” in {share[zero, liked]:.2f} of cases"]
    cast = next((arm for arm in arms if arm.startswith("cast ")), None)
    if cast:
        told.append(f"{cast} in {share[cast, liked]:.2f}")
    told.append(f"it is right in {share[RIGHT, liked]:.2f}")
    return plain(f"{target}: {', '.join(told)}")
