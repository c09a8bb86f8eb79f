"""Laws of choosing examples: against dense matrices, enumeration, scikit-learn and hand-work."""

from __future__ import annotations

import itertools
import math
import tracemalloc
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st
from scipy.sparse import csr_array
from sklearn.neighbors import NearestNeighbors

from cast_lens.analysis.selection import cascade, graph, selectors
from cast_lens.analysis.selection.choice import METHODS, Selection, select_examples
from cast_lens.analysis.selection.graph import directions, nearest, neighbour_graph
from cast_lens.analysis.selection.influence import influences
from cast_lens.analysis.selection.pool import NEIGHBOURS, pool_of
from cast_lens.errors import SelectionError

few = settings(max_examples=40, deadline=None)
SEEDED = ("ideal", "k_center", "random")


# --- oracles: whole matrices, plain loops, ids compared as ids ---


def dense_cosines(embeddings: np.ndarray) -> np.ndarray:
    centred = embeddings - embeddings.mean(axis=0)
    lengths = np.sqrt((centred**2).sum(axis=1))
    kept = lengths > 1e-9
    unit = np.zeros_like(centred)
    unit[kept] = centred[kept] / lengths[kept, None]
    return np.round(unit @ unit.T, 9)


def sorted_neighbours(cosines: np.ndarray, ids: Sequence[str], k: int) -> list[list[int]]:
    everyone = range(len(ids))
    return [
        sorted(set(everyone) - {i}, key=lambda j, i=i: (-cosines[i, j], ids[j]))[:k]
        for i in everyone
    ]


def dense_graph(cosines: np.ndarray, ids: Sequence[str], k: int = NEIGHBOURS) -> np.ndarray:
    weights = np.zeros_like(cosines)
    for i, chosen in enumerate(sorted_neighbours(cosines, ids, k)):
        weights[i, chosen] = np.maximum(cosines[i, chosen], 0)
        weights[i] /= weights[i].sum() or 1
    return weights


def dense_influence(weights: np.ndarray, gamma: float, steps: int) -> np.ndarray:
    ones = np.ones(len(weights))
    return sum(gamma**t * np.linalg.matrix_power(weights.T, t) @ ones for t in range(1, steps + 1))


def shared_ranks(values: np.ndarray) -> np.ndarray:
    values = np.round(values, 9)
    return np.array(
        [(np.sum(values < v) + (np.sum(values == v) - 1) / 2) / (len(values) - 1) for v in values]
    )


def plain_greedy(
    score: Callable[[int, list[int]], float], ids: Sequence[str], budget: int
) -> tuple[list[int], list[float]]:
    chosen: list[int] = []
    scores = []
    for _ in range(budget):
        left = [i for i in range(len(ids)) if i not in chosen]
        value = {i: round(score(i, chosen), 9) for i in left}
        best = min(left, key=lambda i: (-value[i], ids[i]))
        scores.append(value[best])
        chosen.append(best)
    return chosen, scores


def served(cosines: np.ndarray, chosen: Sequence[int]) -> float:
    return float(np.maximum(cosines[:, list(chosen)], 0).max(axis=1, initial=0).sum())


def radius(cosines: np.ndarray, chosen: Sequence[int]) -> float:
    distance = np.sqrt(np.maximum(2 - 2 * cosines, 0))
    np.fill_diagonal(distance, 0)
    return float(distance[:, list(chosen)].min(axis=1).max())


def closure(live: np.ndarray) -> np.ndarray:
    """Who reaches whom, by squaring, for graphs (graph, example, example)."""
    reach = live | np.eye(live.shape[1], dtype=bool)
    for _ in range(math.ceil(math.log2(live.shape[1])) + 1):
        reach = (reach.astype(np.int32) @ reach.astype(np.int32)) > 0
    return reach


# --- pools ---


def names(n: int) -> list[str]:
    """Ids whose order is not the order of rows: e9 stands after e10."""
    return [f"e{(7 * i) % n if n % 7 else i}" for i in range(n)]


def cloud(n: int, width: int = 6, seed: int = 0) -> np.ndarray:
    return np.random.default_rng(seed).normal(size=(n, width))


@st.composite
def pools(draw: st.DrawFn, most: int = 12) -> tuple[np.ndarray, list[str]]:
    """Small pools full of ties: few levels, few directions, copies."""
    n, width = draw(st.integers(2, most)), draw(st.integers(1, 4))
    level = st.integers(-2, 2)
    row = st.lists(level, min_size=width, max_size=width)
    rows = np.array(draw(st.lists(row, min_size=n, max_size=n)), dtype=float)
    assume((rows != rows[0]).any())
    return rows, draw(st.permutations([f"e{i}" for i in range(n)]))


def in_order_of_id(rows: np.ndarray, ids: Sequence[str]) -> tuple[np.ndarray, list[str]]:
    order = sorted(range(len(ids)), key=lambda i: ids[i])
    return rows[order], [ids[i] for i in order]


# --- the graph ---


@few
@given(pool=pools(), k=st.integers(1, 5))
def test_neighbours_are_those_of_the_whole_matrix_and_ties_go_to_the_earlier_id(
    pool: tuple[np.ndarray, list[str]], k: int
) -> None:
    rows, ids = in_order_of_id(*pool)
    cosines = dense_cosines(rows)
    found, near = nearest(directions(rows), k)
    assert found.tolist() == sorted_neighbours(cosines, ids, k)
    np.testing.assert_allclose(near, np.take_along_axis(cosines, found, 1), atol=2e-9)


@pytest.mark.parametrize("k", [1, 10, 150])
def test_neighbours_are_those_of_scikit_learn(k: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(graph, "CELLS", 1_999 * 300)  # several blocks, the last one shorter
    unit = directions(cloud(1_999, 24))
    found, near = nearest(unit, k)
    peer = NearestNeighbors(n_neighbors=k + 1, metric="cosine", algorithm="brute").fit(unit)
    distance, everyone = peer.kneighbors(unit)
    assert (everyone[:, 0] == np.arange(len(unit))).all()
    # two cosines within 1e-9 of each other are a tie here, and two numbers there
    assert (found == everyone[:, 1:]).mean() > 0.9999
    np.testing.assert_allclose(near, 1 - distance[:, 1:], atol=2e-9)


def test_cosines_closer_than_single_precision_are_told_apart() -> None:
    generator = np.random.default_rng(3)
    # angles about 1e-4: cosines differ near 1e-9, where float32 sees steps of 6e-8
    fan = np.stack([np.ones(300), 1e-4 * generator.normal(size=300)], axis=1)
    rows = np.concatenate([fan, -fan])
    unit = directions(rows)
    found, _ = nearest(unit, 5)
    assert found.tolist() == sorted_neighbours(
        dense_cosines(rows), [f"{i:04}" for i in range(600)], 5
    )
    assert len(np.unique((unit @ unit.T).astype(np.float32)[0])) < 30


def test_copies_crowd_out_no_neighbour_but_by_id() -> None:
    rows = np.concatenate([cloud(30), np.tile(cloud(1, seed=1), (40, 1)), cloud(30, seed=2)])
    ids = [f"{i:03}" for i in range(100)]
    found, near = nearest(directions(rows), 10)
    assert found.tolist() == sorted_neighbours(dense_cosines(rows), ids, 10)
    assert found[69].tolist() == list(range(30, 40))
    assert (near[30:70] == 1).all()


@few
@given(pool=pools())
def test_weights_are_positive_cosines_shared_out_among_neighbours(
    pool: tuple[np.ndarray, list[str]],
) -> None:
    rows, ids = in_order_of_id(*pool)
    edges = neighbour_graph(*nearest(directions(rows), 3))
    assert isinstance(edges, csr_array)
    assert (edges.data > 0).all()
    assert not edges.diagonal().any()
    np.testing.assert_allclose(edges.toarray(), dense_graph(dense_cosines(rows), ids, 3), atol=1e-8)


@pytest.mark.parametrize("method", ["cast", "vote_k", "k_center", "facility_location"])
def test_no_matrix_of_pool_by_pool_is_held(method: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(graph, "CELLS", 2**16)
    monkeypatch.setattr("cast_lens.analysis.selection.coverage.CELLS", 2**16)
    monkeypatch.setattr(selectors, "VOTERS", 20)
    n = 4_000
    rows = cloud(n, 8)
    tracemalloc.start()
    try:
        select_examples(rows, names(n), 2, method)
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert peak < n * n  # one byte a pair


# --- influence ---


def test_influence_worked_by_hand_on_a_chain_and_a_ring() -> None:
    chain = csr_array(np.array([[0.0, 1, 0], [0, 0, 1], [0, 0, 0]]))
    # into the second flows the first; into the third the second, and a step later the first
    assert influences(chain, 0.5, 1).tolist() == [0, 0.5, 0.5]
    assert influences(chain, 0.5, 3).tolist() == [0, 0.5, 0.75]
    ring = csr_array(np.array([[0.0, 1], [1, 0]]))
    assert influences(ring, 0.8, 3) == pytest.approx([0.8 + 0.64 + 0.512] * 2)


# --- each greedy choice ---


@few
@given(
    pool=pools(),
    alpha=st.sampled_from([0.0, 0.3, 0.5, 1.0]),
    gamma=st.sampled_from([0.1, 0.8, 1.0]),
    steps=st.integers(1, 4),
)
def test_cast_picks_what_the_whole_matrix_says(
    pool: tuple[np.ndarray, list[str]], alpha: float, gamma: float, steps: int
) -> None:
    rows, ids = pool
    cosines = dense_cosines(rows)
    influence = dense_influence(dense_graph(cosines, ids), gamma, steps)
    rank = shared_ranks(influence)

    def diversity(i: int, chosen: list[int]) -> float:
        return 1 - max((cosines[i, j] for j in chosen), default=0)

    chosen, scores = plain_greedy(
        lambda i, chosen: alpha * rank[i] + (1 - alpha) * diversity(i, chosen), ids, len(ids)
    )
    got = select_examples(rows, ids, len(ids), alpha=alpha, gamma=gamma, steps=steps)
    assert got.indices.tolist() == chosen
    assert got.score == pytest.approx(scores, abs=2e-9)
    assert got.influence == pytest.approx(influence[chosen], abs=1e-7)
    assert got.rank == pytest.approx(rank[chosen])
    assert got.diversity == pytest.approx(
        [diversity(i, chosen[:turn]) for turn, i in enumerate(chosen)], abs=2e-9
    )


def test_alpha_1_is_influence_and_alpha_0_is_diversity() -> None:
    rows, ids = cloud(60), names(60)
    chosen = {}
    for method, alpha in (("influence", 1.0), ("diverse", 0.0)):
        chosen[method] = select_examples(rows, ids, 20, method, alpha=0.3).ids
        assert chosen[method] == select_examples(rows, ids, 20, "cast", alpha=alpha).ids
        assert chosen[method] != select_examples(rows, ids, 20, "cast", alpha=0.5).ids
    by_influence = select_examples(rows, ids, 60, "influence")
    assert (np.diff(by_influence.influence) <= 0).all()
    assert chosen["diverse"][0] == min(ids)


@few
@given(pool=pools())
def test_facility_location_picks_what_plain_greedy_picks(
    pool: tuple[np.ndarray, list[str]],
) -> None:
    rows, ids = pool
    cosines = dense_cosines(rows)
    chosen, scores = plain_greedy(
        lambda i, chosen: served(cosines, [*chosen, i]) - served(cosines, chosen), ids, len(ids)
    )
    got = select_examples(rows, ids, len(ids), "facility_location")
    assert got.score == pytest.approx(scores, abs=1e-7)
    assert got.indices.tolist() == chosen


def test_lazy_gains_in_blocks_are_those_of_plain_greedy(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("cast_lens.analysis.selection.coverage.BLOCK", 3)
    monkeypatch.setattr("cast_lens.analysis.selection.coverage.CELLS", 150 * 4)
    rows, ids = cloud(150, 5), names(150)
    cosines = dense_cosines(rows)
    chosen, _ = plain_greedy(
        lambda i, chosen: served(cosines, [*chosen, i]) - served(cosines, chosen), ids, 12
    )
    assert select_examples(rows, ids, 12, "facility_location").indices.tolist() == chosen


@settings(max_examples=40, deadline=None)
@given(seed=st.integers(0, 10_000), budget=st.integers(1, 4))
def test_facility_location_serves_within_1_minus_1_over_e_of_the_best(
    seed: int, budget: int
) -> None:
    rows = cloud(9, 3, seed)
    cosines = dense_cosines(rows)
    best = max(served(cosines, some) for some in itertools.combinations(range(9), budget))
    got = select_examples(rows, names(9), budget, "facility_location")
    assert served(cosines, got.indices) >= (1 - 1 / math.e) * best
    assert got.score.sum() == pytest.approx(served(cosines, got.indices))


@few
@given(pool=pools(), seed=st.integers(0, 99))
def test_k_center_takes_the_farthest_after_its_start(
    pool: tuple[np.ndarray, list[str]], seed: int
) -> None:
    rows, ids = pool
    cosines = dense_cosines(rows)
    got = select_examples(rows, ids, len(ids), "k_center", seed=seed)
    start = int(got.indices[0])

    def distance(i: int, chosen: list[int]) -> float:
        if not chosen:
            return float(i == start)
        return math.sqrt(2 - 2 * max(cosines[i, j] for j in chosen))

    chosen, scores = plain_greedy(distance, ids, len(ids))
    assert got.indices.tolist() == chosen
    assert got.score == pytest.approx([0, *scores[1:]], abs=1e-4)


@settings(max_examples=40, deadline=None)
@given(seed=st.integers(0, 10_000), budget=st.integers(1, 4))
def test_k_center_covers_within_twice_the_best_radius(seed: int, budget: int) -> None:
    rows = cloud(9, 3, seed)
    cosines = dense_cosines(rows)
    best = min(radius(cosines, some) for some in itertools.combinations(range(9), budget))
    got = select_examples(rows, names(9), budget, "k_center", seed=seed)
    assert radius(cosines, got.indices) <= 2 * best + 1e-6


def test_k_center_can_start_anywhere() -> None:
    rows, ids = cloud(6), names(6)
    starts = {select_examples(rows, ids, 1, "k_center", seed=seed).ids for seed in range(60)}
    assert len(starts) == 6


def vote_by_hand(cosines: np.ndarray, ids: Sequence[str], k: int, budget: int) -> Any:
    neighbours = [set(row) for row in sorted_neighbours(cosines, ids, k)]

    def votes(i: int, chosen: list[int]) -> float:
        return sum(
            10.0 ** -len(neighbours[voter].intersection(chosen))
            for voter in range(len(ids))
            if i in neighbours[voter] and voter not in chosen
        )

    return plain_greedy(votes, ids, budget)


@few
@given(pool=pools(), voters=st.integers(1, 4))
def test_vote_k_counts_votes_by_how_often_a_voter_was_served(
    pool: tuple[np.ndarray, list[str]], voters: int
) -> None:
    rows, ids = pool
    chosen, scores = vote_by_hand(dense_cosines(rows), ids, voters, len(ids))
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(selectors, "VOTERS", voters)
        got = select_examples(rows, ids, len(ids), "vote_k")
    assert got.indices.tolist() == chosen
    assert got.score == pytest.approx(scores, abs=1e-8)


def test_vote_k_asks_150_neighbours() -> None:
    rows, ids = cloud(190, 5), names(190)
    chosen, scores = vote_by_hand(dense_cosines(rows), ids, 150, 4)
    got = select_examples(rows, ids, 4, "vote_k")
    assert got.indices.tolist() == chosen
    assert got.score == pytest.approx(scores)


# --- the expected spread ---


def exact_spread(weights: np.ndarray, chosen: Sequence[int]) -> float:
    """Sum over every live-edge graph of its probability and what the chosen reach in it."""
    edges = np.argwhere(weights > 0)
    share = weights[tuple(edges.T)]
    live = np.zeros((2 ** len(edges), *weights.shape), dtype=bool)
    states = np.array(list(itertools.product([False, True], repeat=len(edges))))
    live[:, edges[:, 0], edges[:, 1]] = states
    chance = np.where(states, share, 1 - share).prod(axis=1)
    reached = closure(live)[:, list(chosen)].any(axis=1).sum(axis=1)
    return float(chance @ reached)


@pytest.mark.parametrize("seed", [0, 1, 11])
def test_ideal_estimates_the_exact_expected_spread_and_gains_nearly_the_most(seed: int) -> None:
    rows, ids = cloud(6, 2, seed), names(6)
    weights = dense_graph(dense_cosines(rows), ids)
    assert 5 < (weights > 0).sum() <= 12
    got = select_examples(rows, ids, 6, "ideal", seed=seed)
    # a spread lies between 1 and 6, so its mean over 1,000 graphs errs by under 0.08; four of them
    error = 4 * 2.5 / math.sqrt(cascade.GRAPHS)
    for turn in range(6):
        before = got.indices[:turn].tolist()
        gains = {
            i: exact_spread(weights, [*before, i]) - (exact_spread(weights, before) if turn else 0)
            for i in set(range(6)) - set(before)
        }
        assert got.score[turn] == pytest.approx(gains[int(got.indices[turn])], abs=error)
        assert gains[int(got.indices[turn])] >= max(gains.values()) - 2 * error


def test_ideal_worked_by_hand_on_a_chain() -> None:
    # 0 -> 1 with 0.5, 1 -> 2 with 0.25: spreads 1.625, 1.25, 1
    chain = csr_array(np.array([[0, 0.5, 0], [0, 0, 0.25], [0, 0, 0]]))
    live = cascade.LiveGraphs(chain, 20_000, seed=0)
    assert live.gains(np.arange(3)) == pytest.approx([1.625, 1.25, 1], abs=0.02)
    live.take(1)
    # 0 now brings itself alone; 2 was reached in a quarter of the graphs
    assert live.gains(np.arange(3)) == pytest.approx([1, 0, 0.75], abs=0.02)


def test_ideal_picks_what_plain_greedy_picks_on_the_same_graphs() -> None:
    rows, ids = in_order_of_id(cloud(40, 3), names(40))
    edges = pool_of(rows, 0.8, 3).edges
    drawn = cascade.LiveGraphs(edges, cascade.GRAPHS, seed=5)
    live = np.zeros((cascade.GRAPHS, 40, 40), dtype=bool)
    origin = np.repeat(np.arange(drawn.bounds.size - 1), np.diff(drawn.bounds))
    assert (origin // 40 == drawn.targets // 40).all()
    live[origin // 40, origin % 40, drawn.targets % 40] = True
    reach = closure(live)

    def gain(i: int, chosen: list[int]) -> float:
        before = reach[:, chosen].any(axis=1)
        return float((reach[:, i] & ~before).sum() / cascade.GRAPHS)

    chosen, scores = plain_greedy(gain, ids, 40)
    got = select_examples(rows, ids, 40, "ideal", seed=5)
    assert got.indices.tolist() == chosen
    assert got.score == pytest.approx(scores)


def test_each_edge_is_live_as_often_as_its_weight_says() -> None:
    edges = pool_of(cloud(30, 3), 0.8, 3).edges
    drawn = cascade.LiveGraphs(edges, 4_000, seed=1)
    origin = np.repeat(np.arange(drawn.bounds.size - 1), np.diff(drawn.bounds)) % 30
    seen = np.zeros((30, 30))
    np.add.at(seen, (origin, drawn.targets % 30), 1 / 4_000)
    assert np.abs(seen - edges.toarray()).max() < 5 * 0.5 / math.sqrt(4_000)
    assert ((seen > 0) <= (edges.toarray() > 0)).all()


def test_the_graphs_are_drawn_once() -> None:
    got = select_examples(cloud(80), names(80), 80, "ideal")
    assert (np.diff(got.score) <= 0).all()
    # once all are chosen every example of every graph was counted, and counted once
    assert got.score.sum() == pytest.approx(80, abs=1e-6)


# --- laws of every method ---

every_method = pytest.mark.parametrize("method", METHODS)


@pytest.fixture
def few_graphs(monkeypatch: pytest.MonkeyPatch) -> None:
    """Laws of all methods need no exact spread."""
    monkeypatch.setattr(cascade, "GRAPHS", 50)


@every_method
@settings(max_examples=12, deadline=None)
@given(pool=pools(most=9), data=st.data())
def test_permuting_the_pool_permutes_the_choice(
    method: str, pool: tuple[np.ndarray, list[str]], data: st.DataObject
) -> None:
    rows, ids = pool
    order = data.draw(st.permutations(range(len(ids))))
    budget = data.draw(st.integers(1, len(ids)))
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(cascade, "GRAPHS", 20)
        one = select_examples(rows, ids, budget, method, seed=3)
        other = select_examples(rows[order], [ids[i] for i in order], budget, method, seed=3)
    assert other.ids == one.ids
    assert [order[index] for index in other.indices] == one.indices.tolist()
    for name in ("influence", "rank", "diversity", "score"):
        assert (getattr(other, name) == getattr(one, name)).all()


@every_method
@pytest.mark.usefixtures("few_graphs")
def test_permuting_a_large_pool_permutes_the_choice(method: str) -> None:
    rows, ids = cloud(300, 16).astype(np.float32), names(300)
    order = np.random.default_rng(9).permutation(300)
    one = select_examples(rows, ids, 12, method)
    other = select_examples(rows[order], [ids[i] for i in order], 12, method)
    assert other.ids == one.ids
    assert (order[other.indices] == one.indices).all()


@every_method
@pytest.mark.usefixtures("few_graphs")
def test_nothing_is_chosen_twice_and_the_whole_pool_can_be(method: str) -> None:
    rows = np.concatenate([cloud(40), cloud(20)])  # twenty copies
    ids = names(60)
    got = select_examples(rows, ids, 60, method)
    assert sorted(got.indices) == list(range(60))
    assert got.ids == tuple(ids[index] for index in got.indices)
    assert got.method == method


@every_method
@pytest.mark.usefixtures("few_graphs")
def test_a_smaller_budget_chooses_the_beginning_of_a_larger_one(method: str) -> None:
    rows, ids = cloud(60), names(60)
    large = select_examples(rows, ids, 12, method, seed=4)
    small = select_examples(rows, ids, 5, method, seed=4)
    assert small.ids == large.ids[:5]
    assert (small.score == large.score[:5]).all()


@every_method
@pytest.mark.usefixtures("few_graphs")
def test_the_seed_decides_where_there_is_one(method: str) -> None:
    rows, ids = cloud(60), names(60)
    chosen = [select_examples(rows, ids, 12, method, seed=seed).ids for seed in (0, 0, 1, 2)]
    assert chosen[0] == chosen[1]
    assert (len(set(chosen)) > 1) == (method in SEEDED)


@every_method
@pytest.mark.usefixtures("few_graphs")
def test_moving_and_scaling_all_embeddings_changes_nothing(method: str) -> None:
    rows, ids = np.random.default_rng(0).integers(-5, 6, size=(64, 4)).astype(float), names(64)
    one = select_examples(rows, ids, 10, method)
    assert len(set(one.ids)) == 10
    for moved in (rows + 3, rows * 2.0**1000, rows * 2.0**-1000, rows.astype(int)):
        assert select_examples(moved, ids, 10, method).ids == one.ids


@every_method
@pytest.mark.usefixtures("few_graphs")
def test_influence_and_diversity_are_told_whatever_the_method(method: str) -> None:
    rows, ids = cloud(50, 4), names(50)
    cosines = dense_cosines(rows)
    influence = dense_influence(dense_graph(cosines, ids), 0.7, 2)
    got = select_examples(rows, ids, 8, method, gamma=0.7, steps=2)
    assert got.influence == pytest.approx(influence[got.indices], abs=1e-7)
    assert got.rank == pytest.approx(shared_ranks(influence)[got.indices])
    by_hand = [1 - cosines[i, got.indices[:t]].max() for t, i in enumerate(got.indices) if t]
    assert got.diversity == pytest.approx([1, *by_hand], abs=2e-9)
    assert got.recipe == {
        "budget": 8,
        "alpha": 0.5,
        "gamma": 0.7,
        "steps": 2,
        "seed": 0,
        "pool": 50,
        "neighbours": 10,
    }


@every_method
@pytest.mark.usefixtures("few_graphs")
def test_a_pool_of_one_is_chosen(method: str) -> None:
    got = select_examples(np.ones((1, 3)), ["only"], 1, method)
    assert (got.ids, got.diversity.tolist()) == (("only",), [1.0])


@every_method
@pytest.mark.usefixtures("few_graphs")
def test_a_pool_of_two_opposites_can_be_chosen(method: str) -> None:
    got = select_examples(np.array([[1.0], [2.0]]), ["b", "a"], 2, method)
    assert sorted(got.ids) == ["a", "b"]
    assert got.diversity.tolist() == [1, 2]


def test_the_random_choice_is_even() -> None:
    rows, ids, draws = cloud(5), names(5), 200
    chosen = [select_examples(rows, ids, 2, "random", seed=seed).ids for seed in range(draws)]
    counts = [sum(one in ids for ids in chosen) for one in ids]
    spread = math.sqrt(draws * 0.4 * 0.6)
    assert all(abs(count - 0.4 * draws) < 4 * spread for count in counts)
    assert len(set(chosen)) == 20


# --- refusals ---

FINE: dict[str, Any] = {"embeddings": cloud(6), "ids": list("abcdef"), "budget": 2}


@pytest.mark.parametrize(
    ("change", "problem", "remedy"),
    [
        ({"budget": 7}, "budget is 7, the pool holds 6", "at most 6"),
        ({"budget": 0}, "budget is 0, expected a whole number from 1 up", "budget=1 or more"),
        ({"budget": 2.5}, "budget is 2.5, expected a whole number", "as an int"),
        ({"embeddings": np.zeros((0, 3)), "ids": []}, "pool is empty", "Give a pool"),
        ({"ids": list("abcdea")}, "id 'a' stands twice", "Rename or remove"),
        ({"ids": [*"abcde", 6]}, "id 6 is of type int", "as a str"),
        ({"ids": list("abcde")}, r"shape \(6, 6\) for 5 ids", "one embedding and one id"),
        ({"embeddings": np.zeros(6)}, r"shape \(6,\) for 6 ids", "one embedding and one id"),
        ({"embeddings": np.full((6, 2), 0.1)}, "All 6 embeddings are alike", "encoder"),
        ({"alpha": 1.1}, "alpha is 1.1, expected a number from 0 to 1", "0 for diversity"),
        ({"alpha": -0.1}, "alpha is -0.1", "0 for diversity"),
        ({"alpha": math.nan}, "alpha is nan", "0 for diversity"),
        ({"gamma": 0}, "gamma is 0.0, expected a number above 0 and at most 1", "0.8"),
        ({"gamma": 1.5}, "gamma is 1.5", "0.8"),
        ({"steps": 0}, "steps is 0, expected a whole number from 1 up", "steps=1 or more"),
        ({"seed": -1}, "seed is -1, expected a whole number from 0 up", "seed=0 or more"),
        ({"method": "vote-k"}, "'vote-k' is no method", "Did you mean 'vote_k'"),
        ({"method": "facility"}, "expected one of cast, ideal", "'facility_location'"),
    ],
)
def test_what_cannot_be_done_is_refused_with_a_way_out(
    change: dict[str, Any], problem: str, remedy: str
) -> None:
    assert select_examples(**FINE).indices.size == 2
    with pytest.raises(SelectionError, match=problem) as refused:
        select_examples(**{**FINE, **change})
    assert remedy in refused.value.remedy


@pytest.mark.parametrize("bad", [math.nan, math.inf, -math.inf])
def test_embeddings_that_are_not_finite_are_refused_by_id(bad: float) -> None:
    rows = cloud(6)
    rows[[2, 4], 1] = bad
    with pytest.raises(SelectionError, match=r"2 of 6 examples .* first 'c'") as refused:
        select_examples(**{**FINE, "embeddings": rows})
    assert "Remove" in refused.value.remedy


def test_embeddings_alike_but_for_rounding_are_refused() -> None:
    rows = np.full((5, 3), 0.1) * (1 + 1e-16 * cloud(5, 3))
    with pytest.raises(SelectionError, match="alike"):
        select_examples(rows, list("abcde"), 1)


def test_a_selection_that_names_an_example_twice_is_refused() -> None:
    numbers = np.ones(2)
    for ids in (("a", "a"), ("a",)):
        with pytest.raises(SelectionError, match="none twice"):
            Selection(np.arange(2), ids, "cast", numbers, numbers, numbers, numbers, {})
