"""What is known of queries before any state is read: which belong together, how they begin."""

from __future__ import annotations

from collections.abc import Sequence
from os.path import commonprefix

import numpy as np

from cast_lens.tasks.task import Example


def together(queries: Sequence[Example]) -> list[str]:
    """A name for each query that it shares with those it must not be parted from in a split.

    Queries of one id are translations of each other, or the same query asked twice; those of one
    input or one passage show the same text. Whoever belongs together through others does so too.
    """
    from scipy.sparse import coo_array
    from scipy.sparse.csgraph import connected_components

    shown = [
        (i, text)
        for i, query in enumerate(queries)
        for text in {("id", query.id), ("input", query.input), ("passage", query.passage or "")}
        if text != ("passage", "")
    ]
    places = {text: place for place, text in enumerate(dict.fromkeys(text for _, text in shown))}
    rows, columns = [i for i, _ in shown], [len(queries) + places[text] for _, text in shown]
    size = len(queries) + len(places)
    links = coo_array((np.ones(len(shown)), (rows, columns)), shape=(size, size))
    _, members = connected_components(links, directed=False)
    return [str(member) for member in members[: len(queries)]]


def letters_of(queries: Sequence[Example]) -> list[str]:
    """First letter of each query of a task beyond what all of them begin with.

    Control tasks label these at random; inputs may all begin with one word, such as "Review:".
    """
    same = len(commonprefix([query.input for query in queries]))  # noqa: RUF071 - letters
    return [next((c for c in q.input[same:].lower() if c.isalnum()), "") for q in queries]
