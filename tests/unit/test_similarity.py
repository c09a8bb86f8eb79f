"""Laws of CKA and principal angles, held against direct sums."""

from __future__ import annotations

from itertools import permutations

import numpy as np
import pytest
from scipy.linalg import subspace_angles
from scipy.stats import kstest

from cast_lens.analysis.similarity import debiased_cka, principal_angles


def normal(n: int, width: int, seed: int) -> np.ndarray:
    return np.random.default_rng(seed).normal(size=(n, width))


def unbiased_hsic(x: np.ndarray, y: np.ndarray) -> float:
    """Song et al. 2012 as first defined: a mean over all ordered four different rows."""
    k, m = x @ x.T, y @ y.T
    terms = [
        k[i, j] * (m[i, j] + m[q, r] - 2 * m[i, q]) for i, j, q, r in permutations(range(len(x)), 4)
    ]
    return float(np.mean(terms))


def test_cka_is_the_ratio_of_hsic_summed_over_all_fours_of_rows() -> None:
    x, y = normal(7, 4, 0) + 2, normal(7, 3, 1)
    y[:, 0] += x[:, 1]
    expected = unbiased_hsic(x, y) / np.sqrt(unbiased_hsic(x, x) * unbiased_hsic(y, y))
    assert debiased_cka(x, y, permutations=9).value == pytest.approx(expected)


def test_the_biased_one_is_the_cosine_of_centred_cross_products() -> None:
    x, y = normal(12, 5, 0), normal(12, 4, 1)
    a, b = x - x.mean(axis=0), y - y.mean(axis=0)
    expected = np.linalg.norm(a.T @ b) ** 2 / np.linalg.norm(a.T @ a) / np.linalg.norm(b.T @ b)
    assert debiased_cka(x, y, permutations=9).biased == pytest.approx(expected)


def test_unrelated_wide_states_look_alike_to_the_biased_one_only() -> None:
    found = [debiased_cka(normal(20, 600, i), normal(20, 600, 100 + i), i, 9) for i in range(100)]
    assert min(one.biased for one in found) > 0.9
    assert np.mean([one.value for one in found]) == pytest.approx(0, abs=0.03)


def test_cka_does_not_change_when_a_set_is_moved_rotated_or_scaled() -> None:
    x = normal(15, 8, 0)
    y = x[:, :5] + normal(15, 5, 1)
    turn = np.linalg.qr(normal(8, 8, 2))[0]
    moved = debiased_cka(3 * x @ turn + 4, y, permutations=99)
    assert moved == debiased_cka(x, y, permutations=99).model_copy(
        update={
            "value": pytest.approx(moved.value),
            "biased": pytest.approx(moved.biased),
            "null_high": pytest.approx(moved.null_high),
        }
    )
    assert debiased_cka(x, 2 * x @ turn, permutations=99).value == pytest.approx(1)


def test_pairing_of_rows_is_what_cka_sees() -> None:
    x = normal(20, 30, 0)
    y = x + normal(20, 30, 1)
    paired, torn = (debiased_cka(x, rows, permutations=199) for rows in (y, y[::-1]))
    assert paired.value > 0.3 > paired.null_high
    assert paired.p == pytest.approx(1 / 200)
    assert torn.p > 0.05


def test_the_null_is_cka_with_the_rows_of_one_set_permuted() -> None:
    x = normal(9, 5, 0)
    y = x[:, :3] + normal(9, 3, 1)
    generator = np.random.default_rng(3)
    orders = [generator.permutation(9) for _ in range(40)]
    null = [debiased_cka(x, y[order], permutations=1).value for order in orders]
    found = debiased_cka(x, y, 3, 40)
    assert found.null_high == pytest.approx(np.quantile(null, 0.95))
    assert found.p == pytest.approx((1 + sum(v >= found.value for v in null)) / 41)


def test_p_of_unrelated_sets_is_uniform() -> None:
    p = [debiased_cka(normal(10, 6, i), normal(10, 6, 1000 + i), i, 99).p for i in range(120)]
    assert kstest(p, "uniform").pvalue > 0.01


def plane(angle: float, n: int = 400, seed: int = 0) -> np.ndarray:
    """Points near a plane of six dimensions that shares one direction with that of angle 0."""
    second = np.zeros(6)
    second[1], second[2] = np.cos(angle), np.sin(angle)
    span = np.stack([np.eye(6)[0], second])
    return normal(n, 2, seed) * [5, 3] @ span + 1


@pytest.mark.parametrize("degrees", [0.0, 20.0, 75.0, 90.0])
def test_angles_are_those_the_subspaces_were_made_with(degrees: float) -> None:
    found = principal_angles(plane(0), plane(np.radians(degrees), seed=1), 2, permutations=9)
    assert found.degrees == pytest.approx((0, degrees), abs=1e-4)
    assert found.overlap == pytest.approx((1 + np.cos(np.radians(degrees)) ** 2) / 2)
    assert found.chance == pytest.approx(2 / 6)


def test_angles_are_scipys_between_principal_components() -> None:
    x, y = normal(30, 9, 0) * np.arange(1, 10), normal(25, 9, 1) * np.arange(1, 10)
    bases = [np.linalg.eigh(np.cov(one.T))[1][:, -3:] for one in (x, y)]
    expected = np.degrees(subspace_angles(*bases))[::-1]
    assert principal_angles(x, y, 3, permutations=9).degrees == pytest.approx(expected)


def noisy(x: np.ndarray, seed: int) -> np.ndarray:
    return x + 0.2 * normal(*x.shape, seed)


def test_different_subspaces_are_told_from_random_splits_and_same_ones_are_not() -> None:
    first = noisy(plane(0, 30, 0), 2)
    same, other = (noisy(plane(angle, 30, 1), 3) for angle in (0, np.pi / 2))
    apart = principal_angles(first, other, 2, permutations=99)
    assert apart.p == pytest.approx(1 / 100)
    assert apart.overlap < apart.null_low <= apart.null_mean
    alike = principal_angles(first, same, 2, permutations=99)
    assert alike.p > 0.05
    assert alike.overlap == pytest.approx(alike.null_mean, abs=0.05)


def test_p_of_two_samples_of_one_distribution_is_uniform() -> None:
    scale = np.array([4, 3, 2, 1, 1, 1])
    p = [
        principal_angles(
            normal(12, 6, i) * scale, normal(15, 6, 500 + i) * scale, 2, i, permutations=49
        ).p
        for i in range(100)
    ]
    assert kstest(p, "uniform").pvalue > 0.01


def test_paired_splits_keep_one_partner_on_each_side() -> None:
    """A set beside itself is the same whichever partners are swapped."""
    x = normal(15, 8, 0)
    found = principal_angles(x, x, 2, paired=True, permutations=20)
    assert (found.overlap, found.null_low) == (pytest.approx(1), pytest.approx(1))
    assert found.p == 1
    assert principal_angles(x, x, 2, permutations=20).null_mean < 0.99


@pytest.mark.parametrize(
    "call",
    [
        lambda: debiased_cka(normal(5, 3, 0), normal(6, 3, 0)),
        lambda: debiased_cka(normal(3, 3, 0), normal(3, 3, 0)),
        lambda: debiased_cka(np.ones((5, 3)), normal(5, 3, 0)),
        lambda: principal_angles(normal(5, 3, 0), normal(5, 4, 0), 2),
        lambda: principal_angles(normal(5, 9, 0), normal(5, 9, 1), 5),
        lambda: principal_angles(normal(5, 3, 0), normal(6, 3, 0), 2, paired=True),
    ],
)
def test_what_cannot_be_compared_is_refused(call: object) -> None:
    with pytest.raises(ValueError, match=r"CKA needs|no subspaces|paired rows|geomet"):
        call()  # type: ignore[operator]
