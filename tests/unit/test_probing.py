"""Probes on planted states: what is there is read, what is not is not, and nothing leaks."""

from __future__ import annotations

import numpy as np
import pytest
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from cast_lens.analysis import probing
from cast_lens.analysis.probing import FOLDS, probe, probe_accuracy, transfer

WIDTH, QUERIES = 24, 32
KINDS = ("few", "zero")


@pytest.fixture(autouse=True)
def _one_penalty(monkeypatch: pytest.MonkeyPatch) -> None:
    """Fewer fits; the penalty is still chosen by the same search."""
    monkeypatch.setattr(probing, "PENALTIES", (1e-2,))


def twins(queries: int = QUERIES) -> tuple[list[str], list[str]]:
    """Labels and groups of two rows a query, one of each kind."""
    return list(KINDS) * queries, [f"q{i // 2}" for i in range(2 * queries)]


def states(
    labels: list[str], shift: float, generator: np.random.Generator, axis: int = 0
) -> np.ndarray:
    """Noise, and on four coordinates, of one axis in six, what the label is."""
    rows = generator.standard_normal((len(labels), WIDTH))
    rows[:, 4 * axis : 4 * axis + 4] += shift * (np.array(labels) == KINDS[0])[:, None]
    return rows


def test_what_is_planted_is_read_and_random_labels_are_not() -> None:
    labels, groups = twins()
    rows = states(labels, 6.0, np.random.default_rng(0))
    found = probe(rows, labels, groups)
    assert found.accuracy.value > 0.9
    assert found.chance == 0.5
    assert found.groups == QUERIES
    assert abs(found.control.value - 0.5) < 0.15
    assert found.selectivity.low > 0.3
    assert found.selectivity.value == pytest.approx(found.accuracy.value - found.control.value)
    assert np.mean(found.by_seed) == pytest.approx(found.accuracy.value)
    assert probe_accuracy(rows, labels, groups) == found.accuracy


def test_noise_is_at_chance_and_its_interval_covers_it() -> None:
    labels, groups = twins()
    inside = 0
    for seed in range(8):
        rows = states(labels, 0.0, np.random.default_rng(seed))
        accuracy = probe_accuracy(rows, labels, groups, seeds=(0,))
        assert 0.25 < accuracy.value < 0.75
        inside += accuracy.low <= 0.5 <= accuracy.high
    assert inside >= 6


def test_a_query_that_gives_itself_away_helps_only_across_a_split_through_it() -> None:
    """The label is a coin per query, and each query has an axis of its own."""
    generator = np.random.default_rng(1)
    queries = np.repeat(np.arange(QUERIES), 2)
    labels = np.array(KINDS)[generator.permutation(QUERIES) % 2][queries].tolist()
    rows = 5.0 * np.eye(QUERIES)[queries] + 0.1 * generator.standard_normal((2 * QUERIES, QUERIES))
    split = probe_accuracy(rows, labels, queries.tolist(), seeds=(0,))
    leaky = probe_accuracy(rows, labels, [f"row{i}" for i in range(2 * QUERIES)], seeds=(0,))
    assert split.value < 0.6
    assert leaky.value > 0.75


def test_the_control_says_when_a_probe_could_learn_any_labels_of_the_types() -> None:
    """Types that lie far apart carry random labels as well as true ones."""
    generator = np.random.default_rng(2)
    types = np.arange(120) % 6
    labels = np.array(KINDS)[types % 2].tolist()
    rows = 5.0 * np.eye(WIDTH)[types] + generator.standard_normal((120, WIDTH))
    found = probe(rows, labels, [f"q{i}" for i in range(120)], types=types.tolist(), seeds=(0, 1))
    assert found.accuracy.value > 0.9
    assert found.control.value > 0.9
    assert found.selectivity.high < 0.1


def test_the_controls_labels_are_as_often_as_the_true_ones_in_every_task() -> None:
    labels, groups = twins()
    plain = {
        name: probing._checked(np.zeros((len(labels), 1)), labels, groups, types)
        for name, types in {"a": [g[-1] for g in groups], "b": [g[:2] for g in groups]}.items()
    }
    for seed in range(5):
        for rows in probing._at_random(plain, seed).values():
            share = (rows.labels == KINDS[0]).mean()
            assert 0.35 < share < 0.65
            for one in set(rows.types):
                assert len(set(rows.labels[rows.types == one])) == 1
    tables = {str(probing._at_random(plain, seed)["a"].labels) for seed in range(5)}
    assert len(tables) > 2


def test_every_side_of_the_controls_splits_has_its_labels_alike(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Else a control that cannot be learnt is below chance, and selectivity gets the difference."""
    real, shares = probing._fitted, []

    def spy(rows: probing._Rows) -> object:
        shares.append((rows.labels == KINDS[0]).mean())
        return real(rows)

    monkeypatch.setattr(probing, "_fitted", spy)
    labels, groups = twins()
    probe(states(labels, 1.0, np.random.default_rng(0)), labels, groups)
    assert len(shares) == 2 * 3 * FOLDS
    assert np.abs(np.array(shares) - 0.5).max() < 0.03


def test_the_rotation_into_the_span_loses_nothing() -> None:
    """scikit-learn's regression on the unrotated states gives the same decisions."""
    labels, groups = twins()
    wide = np.random.default_rng(3).standard_normal((2 * QUERIES, 5 * QUERIES))
    wide[:, 0] += 3 * (np.array(labels) == KINDS[0])
    train = probing._Rows(*(np.array(c)[:60] for c in (wide, labels, groups, groups)))
    ours = probing._fitted(train)
    (penalty,) = ours[-1].best_params_.values()
    plain = make_pipeline(StandardScaler(), LogisticRegression(C=penalty, max_iter=1000))
    plain.fit(wide[:60], labels[:60])
    assert ours.decision_function(wide[60:]) == pytest.approx(
        plain.decision_function(wide[60:]), abs=0.02
    )


def test_scaler_rotation_and_penalty_never_see_a_tested_group(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    labels, groups = twins()
    real, seen = probing._fitted, []

    def spy(rows: probing._Rows) -> object:
        seen.append(set(rows.groups.tolist()))
        return real(rows)

    monkeypatch.setattr(probing, "_fitted", spy)
    probe_accuracy(states(labels, 1.0, np.random.default_rng(4)), labels, groups, seeds=(0,))
    assert len(seen) == FOLDS
    left_out = [set(groups) - trained for trained in seen]
    assert sum(map(len, left_out)) == QUERIES
    assert set.union(*left_out) == set(groups)


def test_a_probe_carries_over_where_the_axis_is_shared_and_not_where_it_is_not() -> None:
    generator = np.random.default_rng(5)
    labels, groups = twins()
    rows = {
        name: states(labels, 10.0, generator, axis)
        for name, axis in zip("abc", (0, 0, 1), strict=True)
    }
    found = transfer(
        rows,
        dict.fromkeys("abc", labels),
        {name: [f"{name}-{group}" for group in groups] for name in "abc"},
        seeds=(0,),
    )
    accuracy = np.array([[cell.value for cell in row] for row in found.accuracy])
    assert found.tasks == ("a", "b", "c")
    assert accuracy.diagonal().min() > 0.9
    assert min(accuracy[0, 1], accuracy[1, 0]) > 0.85
    assert max(accuracy[0, 2], accuracy[2, 0], accuracy[1, 2], accuracy[2, 1]) < 0.75
    assert max(cell.value for row in found.control for cell in row) < 0.75
    assert found.chance == (0.5, 0.5, 0.5)


def test_the_diagonal_of_the_matrix_is_the_probe_itself() -> None:
    labels, groups = twins()
    rows = states(labels, 1.0, np.random.default_rng(6))
    found = transfer({"a": rows}, {"a": labels}, {"a": groups}, seeds=(1,))
    same = probe(rows, labels, groups, seeds=(1,))
    assert found.accuracy[0][0] == same.accuracy
    assert found.control[0][0] == same.control


def test_a_query_two_tasks_share_is_not_trained_on_in_one_and_tested_in_the_other() -> None:
    generator = np.random.default_rng(7)
    queries = np.repeat(np.arange(QUERIES), 2)
    labels = np.array(KINDS)[generator.permutation(QUERIES) % 2][queries].tolist()
    rows = 5.0 * np.eye(QUERIES)[queries]
    shared = transfer(
        {"a": rows, "b": rows}, {"a": labels, "b": labels}, {"a": queries, "b": queries}, seeds=(0,)
    )
    assert shared.accuracy[0][1].value < 0.7
    apart = transfer(
        {"a": rows, "b": rows},
        {"a": labels, "b": labels},
        {"a": queries, "b": queries + 99},
        seeds=(0,),
    )
    assert apart.accuracy[0][1].value > 0.8


def test_the_callers_random_state_is_untouched_and_a_seed_repeats() -> None:
    labels, groups = twins()
    rows = states(labels, 0.5, np.random.default_rng(8))
    before = np.random.get_state()[1].tolist()
    first = probe(rows, labels, groups, seeds=(3,))
    assert probe(rows, labels, groups, seeds=(3,)) == first
    assert np.random.get_state()[1].tolist() == before


def test_too_little_or_crooked_data_is_refused() -> None:
    labels, groups = twins()
    rows = states(labels, 1.0, np.random.default_rng(9))
    with pytest.raises(ValueError, match="two labels"):
        probe(rows, ["few"] * len(labels), groups)
    with pytest.raises(ValueError, match="two labels"):
        probe(rows[:6], labels[:6], groups[:6])
    with pytest.raises(ValueError, match="different lengths"):
        probe(rows, labels, groups[1:])
    with pytest.raises(ValueError, match="two types"):
        probe(rows, labels, groups, types=["t"] * len(labels))
    with pytest.raises(ValueError, match="same labels"):
        transfer(
            {"a": rows, "b": rows},
            {"a": labels, "b": [f"{label}?" for label in labels]},
            {"a": groups, "b": groups},
        )
