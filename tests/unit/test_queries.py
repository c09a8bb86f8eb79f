"""Which queries belong together in a split, and what a control task calls them."""

from __future__ import annotations

from itertools import combinations

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from cast_lens.diagnosis.queries import letters_of, together
from cast_lens.tasks.task import Example

few = st.sampled_from("abcd")
examples = st.builds(
    lambda id_, text, passage: Example(id=id_, input=text, label="x", passage=passage),
    few.map("id-{}".format),
    st.sampled_from("efgh"),
    st.none() | few,
)


def test_translations_stay_on_one_side_though_no_word_is_the_same() -> None:
    english = [Example(id=f"review-{i}", input=f"good {i}", label="positive") for i in range(3)]
    german = [Example(id=f"review-{i}", input=f"gut {i}", label="positive") for i in range(3)]
    groups = together([*english, *german])
    assert groups[:3] == groups[3:]
    assert len(set(groups)) == 3


@given(st.lists(examples, min_size=1, max_size=12))
def test_a_group_is_what_shared_ids_inputs_and_passages_connect(queries: list[Example]) -> None:
    n = len(queries)
    alike = np.eye(n, dtype=bool)
    for i, j in combinations(range(n), 2):
        one, other = queries[i], queries[j]
        passage = one.passage is not None and one.passage == other.passage
        alike[i, j] = alike[j, i] = one.id == other.id or one.input == other.input or passage
    reached = np.linalg.matrix_power(alike.astype(float), n) > 0
    groups = together(queries)
    assert np.array_equal(reached, np.equal.outer(groups, groups))


def test_letters_are_those_after_what_all_inputs_begin_with() -> None:
    asked = [Example(id=word, input=f"Review: {word}", label="x") for word in ("so", "Well", "“No")]
    assert letters_of(asked) == ["s", "w", "n"]
