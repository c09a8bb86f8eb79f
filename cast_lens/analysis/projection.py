"""Maps of states in two or three dimensions, and how far each can be trusted."""

from __future__ import annotations

import warnings
from collections.abc import Callable
from dataclasses import replace
from importlib.metadata import version
from typing import Literal, get_args

import numpy as np
from jaxtyping import Float

from cast_lens.records import Rows, Tabular
from cast_lens.shapes import shaped

Method = Literal["pca", "umap"]
METHODS: tuple[Method, ...] = get_args(Method)
NEIGHBOURS = 15  # fewer where there are few examples
FEWEST = 6  # examples that a map can be made of
Coordinates = Float[np.ndarray, "example dimension"]
States = Float[np.ndarray, "example d_model"]


@shaped
class Projection(Tabular):
    """Where each example lies on a map.

    Attributes:
        coordinates: centred; for PCA in the unit of the states, for UMAP without one.
        method: "pca" or "umap".
        explained: share of the states' variance along each axis, for PCA; None for UMAP.
        trustworthiness: 1 when all neighbours on the map are neighbours among the states, about
            0.5 for a random map; Venna and Kaski 2001, as scikit-learn computes it.
        neighbours: how many were compared for it, and how many UMAP joined.
        seed: of UMAP's draws; PCA draws nothing.
        library: what computed it, with its version.
    """

    coordinates: Float[np.ndarray, "example dimension"]
    method: Method
    explained: tuple[float, ...] | None
    trustworthiness: float
    neighbours: int
    seed: int
    library: str

    def as_rows(self) -> Rows:
        """One row an example."""
        names = ("x", "y", "z")
        return [dict(zip(names, map(float, one), strict=False)) for one in self.coordinates]


def project(states: States, method: Method, dimensions: int, seed: int = 0) -> Projection:
    """Lay states on a map.

    PCA is exact, and each component points to where its largest loading is positive, so the same
    states give the same map anywhere. UMAP gives the same map for the same seed, versions and
    machine only; distances and sizes of clusters on it mean nothing.

    Args:
        states: or differences of states; centred here, not scaled.
        method: "pca" or "umap".
        dimensions: 2 or 3.
        seed: of UMAP.

    Raises:
        ValueError: when there are fewer than six examples, all are the same or one is not finite,
            or the method or the number of dimensions is another.
    """
    if method not in METHODS or dimensions not in (2, 3):
        raise ValueError(f"no map by {method!r} in {dimensions} dimensions")
    states = np.asarray(states, dtype=float)
    if len(states) < FEWEST or not np.isfinite(states).all() or not np.ptp(states, axis=0).any():
        raise ValueError(f"a map needs {FEWEST} finite examples that are not all the same")
    neighbours = min(NEIGHBOURS, (len(states) - 1) // 2)
    laid, library = _MAKERS[method](states, dimensions, neighbours, seed)
    return Projection(
        coordinates=laid - laid.mean(axis=0),
        method=method,
        explained=_explained(laid, states) if method == "pca" else None,
        trustworthiness=_trustworthiness(states, laid, neighbours),
        neighbours=neighbours,
        seed=seed,
        library=library,
    )


def project_blocks(
    states: Float[np.ndarray, "block example d_model"],
    method: Method,
    dimensions: int,
    seed: int = 0,
) -> tuple[Projection, ...]:
    """One map a block of the same examples, each turned towards the one before it.

    Every block is laid out by itself, then rotated or mirrored, never stretched, to lie as close
    as it can to the map before it (orthogonal Procrustes, Schönemann 1966), so that points do not
    jump where a component merely changed its sign or rank. Distances within a map stay what they
    were. After turning, an axis is a mixture of components; `explained` is the share along the
    axes as they then are, and its sum is unchanged.

    Raises:
        ValueError: see `project`.
    """
    from scipy.linalg import orthogonal_procrustes

    made: list[Projection] = []
    for values in states:
        found = project(values, method, dimensions, seed)
        if made:
            turn, _ = orthogonal_procrustes(found.coordinates, made[-1].coordinates)
            laid = found.coordinates @ turn
            explained = None if found.explained is None else _explained(laid, values)
            found = replace(found, coordinates=laid, explained=explained)
        made.append(found)
    return tuple(made)


def _pca(states: States, dimensions: int, _neighbours: int, _seed: int) -> tuple[Coordinates, str]:
    from sklearn.decomposition import PCA

    fitted = PCA(n_components=dimensions, svd_solver="full").fit(states)
    loadings = fitted.components_
    strongest = np.abs(loadings).argmax(axis=1)
    # scikit-learn before 1.5 turns components otherwise
    signs = np.sign(loadings[np.arange(dimensions), strongest])
    return fitted.transform(states) * signs, _named("scikit-learn")


def _umap(states: States, dimensions: int, neighbours: int, seed: int) -> tuple[Coordinates, str]:
    with warnings.catch_warnings():
        # it warns of optional libraries it lacks and of small inputs, which the record tells
        warnings.simplefilter("ignore")
        from umap import UMAP

        made = UMAP(
            n_components=dimensions,
            n_neighbors=max(2, neighbours),
            init="pca",  # the spectral start fails where neighbours fall into many pieces
            random_state=seed,
            n_jobs=1,
        ).fit_transform(states)
    return np.asarray(made, dtype=float), _named("umap-learn")


_MAKERS: dict[Method, Callable[[States, int, int, int], tuple[Coordinates, str]]] = {
    "pca": _pca,
    "umap": _umap,
}


def _named(package: str) -> str:
    return f"{package} {version(package)}"


def _explained(laid: Coordinates, states: States) -> tuple[float, ...]:
    total = states.astype(float).var(axis=0).sum()
    return tuple(map(float, laid.var(axis=0) / total))


def _trustworthiness(states: States, laid: Coordinates, neighbours: int) -> float:
    from sklearn.manifold import trustworthiness

    return float(trustworthiness(states, laid, n_neighbors=neighbours))
