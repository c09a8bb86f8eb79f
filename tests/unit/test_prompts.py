"""Laws of prompts as text, and of which demonstrations they show."""

from __future__ import annotations

import random
from collections import Counter

import pytest
from builders import make_example, make_examples, make_task
from hypothesis import given
from hypothesis import strategies as st

from cast_lens.errors import PromptError
from cast_lens.prompts.demonstrations import (
    draw_demonstrations,
    fixed_demonstrations,
    item_generator,
    sample_examples,
)
from cast_lens.prompts.prompt import Prompt, cross_task, few_shot, zero_shot
from cast_lens.tasks.task import Example

NEWS = make_task("news", "Sort the text.")
CAPITAL = make_task("capital", "Name the capital.", form="qa", labels=())
PERU = Example(id="q", input="Peru", label="Lima")
SHOWN = (
    Example(id="d1", input="France", label="Paris"),
    Example(id="d2", input="Chad", label="N'Djamena"),
)


def test_definition_prompts_are_written_as_the_benchmark_writes_them() -> None:
    assert zero_shot(NEWS, PERU).text == "Definition: Sort the text.\nPeru"
    assert few_shot(NEWS, PERU, SHOWN).text == (
        "Definition: Sort the text.\nFrance Paris\nChad N'Djamena\nPeru"
    )
    assert few_shot(NEWS, PERU, SHOWN).demonstration_ids == ("d1", "d2")


def test_word_prompts_ask_and_answer_after_a_blank_line() -> None:
    assert zero_shot(CAPITAL, PERU).text == "Name the capital.\n\nQ: Peru\nA:"
    assert few_shot(CAPITAL, PERU, SHOWN).text == (
        "Name the capital.\n\nQ: France\nA: Paris\n\nQ: Chad\nA: N'Djamena\n\nQ: Peru\nA:"
    )


def test_cross_task_prompts_put_the_source_before_the_targets_zero_shot_prompt() -> None:
    sports = make_task("sports", "Name the sport.")
    assert cross_task(sports, NEWS, PERU, SHOWN).text == (
        "Definition: Name the sport.\nFrance Paris\nChad N'Djamena\n"
        "Definition: Sort the text.\nPeru"
    )
    assert cross_task(CAPITAL, NEWS, PERU, SHOWN[:1]).text == (
        "Name the capital.\n\nQ: France\nA: Paris\n\nDefinition: Sort the text.\nPeru"
    )
    assert cross_task(sports, NEWS, PERU, SHOWN).text.endswith(zero_shot(NEWS, PERU).text)


def test_a_source_equal_to_the_target_gives_the_few_shot_prompt() -> None:
    assert cross_task(NEWS, NEWS, PERU, SHOWN) == few_shot(NEWS, PERU, SHOWN)
    assert few_shot(NEWS, PERU, ()) == zero_shot(NEWS, PERU)
    with pytest.raises(PromptError, match="among its own demonstrations"):
        cross_task(NEWS, NEWS, PERU, [*SHOWN, PERU])


def test_the_content_free_form_keeps_the_answer_cue_and_the_demonstrations() -> None:
    lines = Example(id="q", input="Review: fine.\nLabel:", label="good")
    assert zero_shot(NEWS, PERU).content_free().text == "Definition: Sort the text.\nN/A"
    assert zero_shot(NEWS, lines).content_free().text == "Definition: Sort the text.\nN/A\nLabel:"
    assert zero_shot(CAPITAL, PERU).content_free().text == "Name the capital.\n\nQ: N/A\nA:"
    assert few_shot(NEWS, PERU, SHOWN).content_free().text == (
        "Definition: Sort the text.\nFrance Paris\nChad N'Djamena\nN/A"
    )
    assert cross_task(CAPITAL, NEWS, PERU, SHOWN[:1]).content_free().text == (
        "Name the capital.\n\nQ: France\nA: Paris\n\nDefinition: Sort the text.\nN/A"
    )


def test_a_query_among_its_demonstrations_is_refused_by_id_and_by_text() -> None:
    same_id = Example(id="q", input="Cuba", label="Havana")
    same_text = Example(id="other", input="Peru", label="Lima")
    for twin in (same_id, same_text):
        with pytest.raises(PromptError, match=r"^q: the query is among its own demonstrations"):
            few_shot(CAPITAL, PERU, [*SHOWN, twin])


def test_dropping_the_first_demonstration_is_the_prompt_without_it() -> None:
    full = few_shot(CAPITAL, PERU, SHOWN, template="chat")
    assert full.without_first_demonstration() == few_shot(CAPITAL, PERU, SHOWN[1:], template="chat")
    empty = full.without_first_demonstration().without_first_demonstration()
    assert empty == zero_shot(CAPITAL, PERU, template="chat")


def test_demonstrations_and_their_ids_come_in_pairs() -> None:
    with pytest.raises(PromptError, match="2 demonstrations but 1 ids"):
        Prompt("q", "head", ("one", "two"), ("1",), "query", "N/A")


POOL = make_examples("pool", 20)


@given(seed=st.integers(0, 2**32), k=st.integers(0, 12), order=st.randoms(use_true_random=False))
def test_a_draw_depends_on_the_seed_and_the_query_only(
    seed: int, k: int, order: random.Random
) -> None:
    shuffled = list(POOL)
    order.shuffle(shuffled)
    query = make_example("asked")
    first = draw_demonstrations(POOL, query, k, seed)
    draw_demonstrations(POOL, make_example("another"), k, seed)
    assert draw_demonstrations(POOL, query, k, seed) == first
    assert draw_demonstrations(shuffled, query, k, seed) == first
    assert len({e.id for e in first}) == k


def test_other_seeds_and_other_queries_draw_differently() -> None:
    query = make_example("asked")
    by_seed = {draw_demonstrations(POOL, query, 4, seed) for seed in range(20)}
    by_query = {draw_demonstrations(POOL, make_example(f"asked-{i}"), 4, 0) for i in range(20)}
    assert len(by_seed) > 15
    assert len(by_query) > 15


@given(seed=st.integers(0, 1000), k=st.integers(1, 9), colours=st.integers(1, 4))
def test_labels_are_balanced_while_the_pool_has_them(seed: int, k: int, colours: int) -> None:
    pool = make_examples("pool", 40, ("red", "blue", "green", "grey")[:colours])
    drawn = Counter(e.label for e in draw_demonstrations(pool, make_example("q"), k, seed))
    counts = sorted([*drawn.values(), *[0] * (colours - len(drawn))])
    assert sum(counts) == k
    assert counts[-1] - counts[0] <= 1


@given(seed=st.integers(0, 1000), k=st.integers(1, 9), order=st.randoms(use_true_random=False))
def test_a_fixed_set_depends_on_the_seed_only_and_is_balanced(
    seed: int, k: int, order: random.Random
) -> None:
    shuffled = list(POOL)
    order.shuffle(shuffled)
    shown = fixed_demonstrations(POOL, k, seed)
    assert fixed_demonstrations(shuffled, k, seed) == shown
    counts = Counter(e.label for e in shown)
    assert len({e.id for e in shown}) == k
    assert max(counts.values()) - min(counts.get(e.label, 0) for e in POOL) <= 1


def test_a_fixed_set_larger_than_the_pool_is_refused() -> None:
    with pytest.raises(PromptError, match="21 demonstrations asked, 20 examples"):
        fixed_demonstrations(POOL, 21, 0)


def test_no_label_and_no_place_is_favoured() -> None:
    drawn = [draw_demonstrations(POOL, make_example(f"q{i}"), 3, 0) for i in range(400)]
    # odd k: each label is in the majority half the time; 5 standard errors of 400 coins are 50
    majority = sum(Counter(e.label for e in d)["red"] == 2 for d in drawn)
    first = sum(d[0].label == "red" for d in drawn)
    counts = Counter(e.id for d in drawn for e in d)
    assert abs(majority - 200) < 50
    assert abs(first - 200) < 50
    assert set(counts) == {e.id for e in POOL}


def test_labels_do_not_simply_take_turns() -> None:
    drawn = [draw_demonstrations(POOL, make_example(f"q{i}"), 4, 0) for i in range(400)]
    # two red and two blue in random order: the first two agree in a third of all draws
    agreeing = sum(one.label == two.label for one, two, *_ in drawn)
    assert abs(agreeing - 133) < 47  # 5 standard errors


def test_a_rare_label_is_shown_as_often_as_the_pool_allows() -> None:
    pool = [*make_examples("red", 9, ("red",)), make_example("rare", "blue")]
    drawn = draw_demonstrations(pool, make_example("q"), 4, seed=3)
    assert Counter(e.label for e in drawn) == {"red": 3, "blue": 1}


@given(seed=st.integers(0, 1000))
def test_the_query_is_never_drawn_by_id_or_by_text(seed: int) -> None:
    query = POOL[0]
    twin = Example(id="twin", input=query.input, label="blue")
    drawn = draw_demonstrations([*POOL, twin], query, 19, seed)
    assert query.id not in {e.id for e in drawn}
    assert query.input not in {e.input for e in drawn}


def test_a_pool_that_is_too_small_is_refused_with_both_numbers() -> None:
    with pytest.raises(PromptError, match=r"pool-0: 20 demonstrations asked, 19 other examples"):
        draw_demonstrations(POOL, POOL[0], 20, seed=0)
    assert len(draw_demonstrations(POOL, POOL[0], 19, seed=0)) == 19


@given(seed=st.integers(0, 1000), n=st.integers(1, 25), order=st.randoms(use_true_random=False))
def test_sampling_is_the_same_whatever_the_order_of_the_pool(
    seed: int, n: int, order: random.Random
) -> None:
    shuffled = list(POOL)
    order.shuffle(shuffled)
    sample = sample_examples(POOL, n, seed)
    assert sample_examples(shuffled, n, seed) == sample
    assert len({e.id for e in sample}) == min(n, 20)
    assert sample == sample_examples(POOL, 20, seed)[:n]


def test_an_impossible_sample_is_refused() -> None:
    for pool, n in (((), 3), (POOL, 0), (POOL, -1)):
        with pytest.raises(PromptError, match=f"Cannot draw {n} examples"):
            sample_examples(pool, n, seed=0)


def test_generators_of_different_keys_are_independent_of_each_other() -> None:
    one, again = (item_generator(7, "a", "b").random(4).tolist() for _ in range(2))
    assert one == again
    assert one != item_generator(7, "ab").random(4).tolist()
    assert one != item_generator(8, "a", "b").random(4).tolist()
