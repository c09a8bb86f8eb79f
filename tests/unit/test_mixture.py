"""A planted mixture comes back, noise is credited to nobody, and shares sum to one."""

from __future__ import annotations

import numpy as np
import pytest

from cast_lens.analysis.mixture import Mixture, mixture

WIDTH, EXAMPLES = 200, 48
STAGES = ("length", "format", "labels", "full")


def planted(
    shares: tuple[float, ...], generator: np.random.Generator, noise: float, n: int = EXAMPLES
) -> dict[str, np.ndarray]:
    """Stages that add one orthogonal part each; noise is partly shared by an example's stages.

    `noise` is the length of one example's noise, where the whole has length 1.
    """
    axes = np.linalg.qr(generator.standard_normal((WIDTH, len(shares))))[0].T
    means = np.cumsum(np.sqrt(shares)[:, None] * axes, axis=0)
    scale = noise / np.sqrt(2 * WIDTH)
    shared = generator.standard_normal((n, WIDTH))
    return {
        stage: mean + scale * (shared + generator.standard_normal((n, WIDTH)))
        for stage, mean in zip(STAGES, means, strict=True)
    }


def values(found: Mixture) -> np.ndarray:
    return np.array([share.value for share in found.shares])


@pytest.mark.parametrize(
    "shares", [(0.4, 0.3, 0.2, 0.1), (0.1, 0.2, 0.3, 0.4), (0.7, 0.1, 0.1, 0.1)]
)
@pytest.mark.parametrize("noise", [0.5, 1.0])
def test_a_planted_mixture_comes_back_within_a_twentieth(
    shares: tuple[float, ...], noise: float
) -> None:
    generator = np.random.default_rng(0)
    found = np.array([values(mixture(planted(shares, generator, noise))) for _ in range(10)])
    assert np.abs(found.mean(axis=0) - shares).max() < 0.02
    # every single data set, not only their mean
    assert np.abs(found - shares).max() < 0.05


def by_hand(means: np.ndarray) -> np.ndarray:
    """Shares of means known exactly, stage by stage."""
    whole, before, shares = means[-1], np.zeros_like(means[0]), []
    for mean in means:
        shares.append(float(np.dot(mean - before, whole) / np.dot(whole, whole)))
        before = mean
    return np.array(shares)


def test_noise_an_examples_stages_share_is_not_credited_to_the_first_stage() -> None:
    """It stands in every stage's sample mean, so plain inner products would hold it."""
    shares, plain, ours = (0.1, 0.1, 0.1, 0.7), [], []
    for seed in range(10):
        generator = np.random.default_rng(seed)
        rows = planted(shares, generator, 0.3)
        shared = 3 / np.sqrt(WIDTH) * generator.standard_normal((EXAMPLES, WIDTH))
        rows = {stage: own + shared for stage, own in rows.items()}
        plain.append(by_hand(np.array([own.mean(axis=0) for own in rows.values()])))
        ours.append(values(mixture(rows)))
    assert np.abs(np.mean(ours, axis=0) - shares).max() < 0.03
    assert np.mean(plain, axis=0)[0] > 0.2


def test_without_noise_shares_are_those_of_the_means() -> None:
    means = np.cumsum(np.random.default_rng(2).standard_normal((4, 7)), axis=0)
    named = zip(STAGES, means, strict=True)
    found = mixture({stage: np.repeat(mean[None], 6, axis=0) for stage, mean in named})
    assert values(found) == pytest.approx(by_hand(means))
    assert found.norm == pytest.approx(np.linalg.norm(means[-1]))
    cosines = [np.corrcoef([*a, *-a], [*means[-1], *-means[-1]])[0, 1] for a in means]
    assert found.cosines == pytest.approx(cosines)


def test_shares_sum_to_one() -> None:
    for seed in range(5):
        rows = planted((0.4, 0.1, 0.2, 0.3), np.random.default_rng(seed), 1.5)
        assert values(mixture(rows)).sum() == pytest.approx(1, abs=1e-12)


def test_a_stage_that_adds_nothing_gets_nothing() -> None:
    generator = np.random.default_rng(3)
    rows = planted((0.5, 0.0, 0.2, 0.3), generator, 0.5)
    assert values(mixture(rows)) == pytest.approx([0.5, 0, 0.2, 0.3], abs=0.05)


def test_a_first_stage_of_hardly_any_length_gets_hardly_anything() -> None:
    """Even when it points along the whole exactly, where a projection would give it all."""
    rows = planted((0.1, 0.1, 0.1, 0.7), np.random.default_rng(4), 0.3)
    rows["length"] = 0.01 * rows["full"]
    found = mixture(rows)
    assert found.shares[0].value == pytest.approx(0.01, abs=1e-9)
    assert found.cosines[0] == pytest.approx(1)


def test_what_two_stages_have_in_common_goes_to_the_earlier_one() -> None:
    rows = planted((0.6, 0.1, 0.1, 0.2), np.random.default_rng(4), 0.5)
    swapped = {name: rows[name] for name in ("labels", "length", "format", "full")}
    assert mixture(rows).shares[0].value == pytest.approx(0.6, abs=0.05)
    assert mixture(swapped).shares[0].value == pytest.approx(0.8, abs=0.05)


def test_what_leads_away_from_the_whole_has_a_negative_share() -> None:
    rows = planted((0.1, 0.1, 0.1, 0.7), np.random.default_rng(5), 0.3)
    rows["format"] = -rows["full"]
    assert mixture(rows).shares[1].high < -1
    assert values(mixture(rows)).sum() == pytest.approx(1)


def test_the_intervals_cover_the_truth_about_as_often_as_they_say() -> None:
    shares = (0.4, 0.2, 0.1, 0.3)
    generator = np.random.default_rng(5)
    inside = np.zeros(4)
    for seed in range(40):
        found = mixture(planted(shares, generator, 1.0), seed)
        inside += [s.low <= truth <= s.high for s, truth in zip(found.shares, shares, strict=True)]
    assert inside.min() >= 0.85 * 40


def test_examples_are_drawn_for_all_stages_together() -> None:
    """Noise that every stage has in proportion cancels from the shares."""
    generator = np.random.default_rng(6)
    size = 1 + 0.3 * generator.standard_normal((EXAMPLES, 1))
    whole = np.concatenate([np.ones((1, 4)), np.zeros((1, 4))], axis=1) * size
    found = mixture({"half": whole / 2, "whole": whole})
    assert found.shares[0].value == pytest.approx(0.5)
    assert found.shares[0].high - found.shares[0].low < 1e-9


@pytest.mark.parametrize(
    ("rows", "reason"),
    [
        ({"full": np.ones((5, 3))}, "two stages of one shape"),
        ({"a": np.ones((5, 3)), "full": np.ones((6, 3))}, "two stages of one shape"),
        ({"a": np.ones((3, 3)), "full": np.ones((3, 3))}, "needs 4 examples"),
        (
            dict.fromkeys(("a", "full"), np.random.default_rng(0).standard_normal((9, 50))),
            "told from noise",
        ),
    ],
)
def test_too_little_is_refused(rows: dict[str, np.ndarray], reason: str) -> None:
    with pytest.raises(ValueError, match=reason):
        mixture(rows)
