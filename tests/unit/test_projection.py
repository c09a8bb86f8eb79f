"""Laws of maps of states, held against scikit-learn and against clusters made by hand."""

from __future__ import annotations

import numpy as np
import pytest
from sklearn.decomposition import PCA
from sklearn.manifold import trustworthiness

from cast_lens.analysis.projection import project, project_blocks

WIDTH = 12


def states(n: int = 40, seed: int = 0) -> np.ndarray:
    generator = np.random.default_rng(seed)
    return generator.normal(size=(n, WIDTH)) * np.arange(WIDTH, 0, -1) + 3


def distances(at: np.ndarray) -> np.ndarray:
    return np.linalg.norm(at[:, None] - at[None], axis=-1)


def clusters() -> tuple[np.ndarray, np.ndarray]:
    """Three clusters far from each other, and which each point belongs to."""
    member = np.repeat([0, 1, 2], 15)
    noise = np.random.default_rng(1).normal(size=(45, WIDTH))
    return noise + 40 * np.eye(WIDTH)[member], member


@pytest.mark.parametrize("dimensions", [2, 3])
def test_pca_is_scikit_learns_up_to_the_sign_of_an_axis(dimensions: int) -> None:
    given = states()
    oracle = PCA(n_components=dimensions).fit(given)
    found = project(given, "pca", dimensions)
    assert found.coordinates.shape == (len(given), dimensions)
    assert np.abs(found.coordinates) == pytest.approx(np.abs(oracle.transform(given)))
    assert found.explained == pytest.approx(oracle.explained_variance_ratio_)
    assert found.trustworthiness == pytest.approx(
        trustworthiness(given, oracle.transform(given), n_neighbors=found.neighbours)
    )


def test_a_component_points_to_where_its_largest_loading_is_positive() -> None:
    given = states()
    for flipped in (given, -given):
        at = project(flipped, "pca", 2).coordinates
        loadings = np.linalg.lstsq(at, flipped - flipped.mean(axis=0), rcond=None)[0]
        strongest = np.abs(loadings).argmax(axis=1)
        assert (loadings[[0, 1], strongest] > 0).all()


def test_moving_and_rotating_the_states_keeps_distances_on_the_map() -> None:
    given = states()
    turn = np.linalg.qr(np.random.default_rng(5).normal(size=(WIDTH, WIDTH)))[0]
    moved = project(given @ turn + 7, "pca", 2)
    assert distances(moved.coordinates) == pytest.approx(
        distances(project(given, "pca", 2).coordinates)
    )


def test_umap_is_the_same_for_the_same_seed_and_leaves_the_callers_random_state_alone() -> None:
    given, member = clusters()
    np.random.seed(3)
    before = np.random.get_state()[1].copy()
    one, again = (project(given, "umap", 2, seed=4) for _ in range(2))
    assert (np.random.get_state()[1] == before).all()
    other = project(given, "umap", 2, seed=5)
    assert (one.coordinates == again.coordinates).all()
    assert (one.coordinates != other.coordinates).any()
    assert one.explained is None
    apart = distances(one.coordinates)
    same = member[:, None] == member[None]
    assert apart[same].max() < apart[~same].min()
    assert one.trustworthiness > 0.8


def test_trustworthiness_tells_a_map_from_chance() -> None:
    laid = project(states(80), "pca", 2)
    noise = project(np.random.default_rng(0).normal(size=(80, 2000)), "pca", 2)
    assert laid.trustworthiness > 0.75 > noise.trustworthiness > 0.4


def test_blocks_that_only_mirror_and_rotate_do_not_move() -> None:
    given = states()
    turn = np.linalg.qr(np.random.default_rng(2).normal(size=(WIDTH, WIDTH)))[0]
    first, second, third = project_blocks(np.stack([given, -given @ turn, given]), "pca", 3)
    assert second.coordinates == pytest.approx(first.coordinates)
    assert third.coordinates == pytest.approx(first.coordinates)


@pytest.mark.parametrize("dimensions", [2, 3])
def test_turning_a_block_keeps_its_distances_and_comes_closest(dimensions: int) -> None:
    # the first three components change places in a circle
    scales = np.r_[0.8, 1.2, 1.0, np.full(WIDTH - 3, 0.2)]
    given = np.stack([states(), states() * scales + 0.1 * states(seed=1)])
    first, second = project_blocks(given, "pca", dimensions)
    alone = project(given[1], "pca", dimensions)
    assert first.coordinates == pytest.approx(project(given[0], "pca", dimensions).coordinates)
    assert distances(second.coordinates) == pytest.approx(distances(alone.coordinates))
    assert second.explained is not None
    assert alone.explained is not None
    assert sum(second.explained) == pytest.approx(sum(alone.explained))
    gap = np.linalg.norm(second.coordinates - first.coordinates)
    generator = np.random.default_rng(0)
    for _ in range(200):
        turn = np.linalg.qr(generator.normal(size=(dimensions, dimensions)))[0]
        assert gap <= np.linalg.norm(alone.coordinates @ turn - first.coordinates) + 1e-9


@pytest.mark.parametrize(
    ("given", "method", "dimensions"),
    [
        (np.ones((9, WIDTH)), "pca", 2),
        (states(5), "pca", 2),
        (np.full((9, WIDTH), np.nan), "pca", 2),
        (states(), "tsne", 2),
        (states(), "pca", 4),
    ],
)
def test_what_has_no_map_is_refused(given: np.ndarray, method: str, dimensions: int) -> None:
    with pytest.raises(ValueError, match="map"):
        project(given, method, dimensions)  # type: ignore[arg-type]


@pytest.mark.parametrize("method", ["pca", "umap"])
def test_the_smallest_set_still_has_a_map(method: str) -> None:
    assert np.isfinite(project(states(6), method, 3).coordinates).all()  # type: ignore[arg-type]
