"""Figures of sweeps: what they draw, mark and say, on made-up records."""

from __future__ import annotations

import numpy as np
import pytest

from cast_lens.analysis.estimates import Estimate
from cast_lens.analysis.stability import stability
from cast_lens.diagnosis.dose import DoseCurve, DosePoint
from cast_lens.experiment.config import Arm
from cast_lens.experiment.curves import CurvePoint
from cast_lens.experiment.record import ArmResult, Cell, Site
from cast_lens.figures.budgets import budget, examples_curve
from cast_lens.figures.exhibit import Exhibit
from cast_lens.figures.style import headings
from cast_lens.figures.sweeps import dose_figure, site_map

LAYERS, STRENGTHS = (4, 9, 14), (0.5, 2.0)


def _one(value: float) -> Estimate:
    return Estimate(value=value, low=value - 0.1, high=value + 0.1, n=20, method="made up")


def _site(layer: int, strength: float, acc: float) -> Site:
    return Site(layer=layer, depth=0, strength=strength, dose=1, dev_acc=acc, cells=6, dev_n=20)


def _arm(arm: Arm, accuracies: list[list[float]], sites: tuple[Site, ...]) -> ArmResult:
    places = [(layer, strength) for layer in LAYERS for strength in STRENGTHS]
    cells = tuple(
        Cell(draw=draw, layer=layer, strength=strength, acc=acc, loglikelihood=-1.0)
        for draw, values in enumerate(accuracies)
        for (layer, strength), acc in zip(places, values, strict=True)
    )
    return ArmResult(
        target="<b>target",
        arm=arm,
        source="source",
        sites=sites,
        search=cells,
        metrics={},
        differences={},
        labels=None,
        dropped_demonstrations=0,
    )


CAST = _arm("cast", [[0.1, 0.2, 0.3, 0.9, 0.5, 0.6]], (_site(9, 2.0, 0.9),))
RANDOM = _arm(
    "random_direction",
    [[0.0, 0.0, 0.4, 0.0, 0.0, 0.0], [0.0, 0.2, 0.0, 0.0, 0.0, 0.0]],
    (_site(9, 0.5, 0.4), _site(4, 2.0, 0.2)),
)


def _words(drawn: Exhibit) -> str:
    return headings(drawn.figure)[0]


def test_a_site_map_shows_every_cell_and_the_placebo_on_the_same_scale() -> None:
    drawn = site_map(CAST, RANDOM)
    method, control = drawn.figure.data
    assert [list(row) for row in method.z] == [[0.1, 0.2], [0.3, 0.9], [0.5, 0.6]]
    assert np.array(control.z) == pytest.approx(np.array([[0, 0.1], [0.2, 0], [0, 0]]))
    assert (method.zmin, method.zmax) == (control.zmin, control.zmax) == (0, 0.9)
    assert (list(method.y), list(method.x)) == (["4", "9", "14"], ["0.5", "2"])
    assert len(drawn.rows) == 6 + 12
    assert "<b>target" not in drawn.figure.to_json().replace("<b>On", "")


def test_a_site_map_frames_what_was_chosen_on_dev() -> None:
    drawn = site_map(CAST, RANDOM)
    framed = {(s.xref, (s.x0 + s.x1) / 2, (s.y0 + s.y1) / 2) for s in drawn.figure.layout.shapes}
    assert framed == {("x", 1, 1), ("x2", 0, 1), ("x2", 1, 0)}
    starred = [
        (y, x)
        for y, row in enumerate(drawn.figure.data[0].text)
        for x, told in enumerate(row)
        if "★" in told
    ]
    assert starred == [(1, 1)]
    assert "block 9, strength 2: 0.90; the best random direction reaches 0.40" in _words(drawn)
    alone = site_map(CAST)
    assert len(alone.figure.data) == 1
    assert "random" not in _words(alone)


def _dose_points(accuracies: list[float], kl: list[float]) -> tuple[DosePoint, ...]:
    return tuple(
        DosePoint(
            strength=float(i),
            dose=i / 2,
            accuracy=_one(a),
            helped=_one(0.0),
            harmed=_one(0.1),
            kl=_one(k),
        )
        for i, (a, k) in enumerate(zip(accuracies, kl, strict=True))
    )


def _dose() -> DoseCurve:
    return DoseCurve(
        task="<b>task",
        layer=7,
        zero_shot=_one(0.2),
        vector=_dose_points([0.2, 0.5, 0.8], [0.0, 0.3, 0.9]),
        placebo=_dose_points([0.2, 0.2, 0.1], [0.0, 0.2, 0.4]),
        placebos=3,
        items=20,
        texts=24,
    )


def test_a_dose_figure_marks_the_largest_strength_under_the_stated_bound() -> None:
    drawn = dose_figure(_dose(), kl_bound=0.5)
    upright = [s for s in drawn.figure.layout.shapes if s.x0 == s.x1]
    assert {s.x0 for s in upright} == {1.0}
    assert "strength 2 (0.80)" in _words(drawn)
    assert "within 0.5 nats on neutral text up to strength 1 (0.50)" in _words(drawn)
    bound = [s for s in drawn.figure.layout.shapes if s.y0 == s.y1 == 0.5]
    assert len(bound) == 1
    strict = dose_figure(_dose(), kl_bound=0.01)
    assert "up to strength 0 (0.20)" in _words(strict)


def test_a_dose_figure_has_the_placebo_in_every_panel_and_all_numbers_in_its_rows() -> None:
    drawn = dose_figure(_dose())
    named = [t for t in drawn.figure.data if t.name]
    for axis in ("y", "y2", "y3"):
        names = [t.name for t in named if t.yaxis == axis]
        assert names == ["vector", "random direction, mean of 3"]
    assert [row["kl"] for row in drawn.rows] == [0.0, 0.3, 0.9, 0.0, 0.2, 0.4]
    assert "n = 20 items and 24 neutral texts" in drawn.caption
    assert "4 of the items are right at zero-shot" in drawn.caption
    assert "<b>task" not in drawn.figure.to_json()


def _curve_point(selector: str, seed: int, n: int, right: int, source: str = "s") -> CurvePoint:
    hits = tuple(i < right for i in range(10))
    return CurvePoint("examples", "t", source, n, selector, seed, hits)


POINTS = [
    _curve_point("cast", 0, 1, 5),
    _curve_point("cast", 0, 4, 9),
    *(_curve_point("random", seed, 1, right) for seed, right in enumerate((3, 4, 8))),
    *(_curve_point("random", seed, 4, right) for seed, right in enumerate((6, 7, 8))),
]


def test_a_budget_has_the_random_seeds_mean_and_their_whole_range() -> None:
    drawn = budget(POINTS)
    band, random = [t for t in drawn.figure.data if t.name != "cast"]
    assert list(band.x) == [1, 4, 4, 1]
    assert list(band.y) == [0.8, 0.8, 0.6, 0.3]
    assert list(random.y) == pytest.approx([0.5, 0.7])
    (own,) = [t for t in drawn.figure.data if t.name == "cast"]
    assert list(own.y) == [0.5, 0.9]
    # at N = 1 it lies among them, at N = 4 above all
    assert "beats every random choice at 1 of 2 points and loses to every one at 0" in _words(drawn)
    assert "3 seeds" in drawn.caption
    assert {row["selector"] for row in drawn.rows} == {"cast", "random"}


def test_a_budget_has_a_panel_for_every_pair() -> None:
    several = [_curve_point("random", 0, n, 5, source) for source in "abcd" for n in (1, 2)]
    drawn = budget(several)
    titles = [a.text for a in drawn.figure.layout.annotations]
    assert titles == [f"{source} → t" for source in "abcd"]
    assert "beats" not in _words(drawn)
    assert budget([CurvePoint("layers", "t", "s", 3, "", 0, (True,))]) is None


def test_an_examples_curve_is_a_mean_over_selections_with_stability_below() -> None:
    rows = np.random.default_rng(0).normal(size=(16, 5)) + 1
    found = stability(rows, [1, 4, 16], layer=3)
    drawn = examples_curve(POINTS, found)
    accuracy = [row for row in drawn.rows if row["what"] == "accuracy"]
    assert [row["value"] for row in accuracy] == pytest.approx([0.5, 0.75])
    kinds = [row["what"] for row in drawn.rows]
    assert [kinds.count(kind) for kind in ("predicted", "cosine", "null")] == [3, 2, 2]
    assert all(t.showlegend for t in drawn.figure.data if t.name)
    assert "From 1 to 4 examples accuracy goes from 0.50 to 0.75" in _words(drawn)
    with pytest.raises(ValueError, match="one target and source"):
        examples_curve([*POINTS, _curve_point("cast", 0, 1, 5, "other")], found)
