"""Going on from a middle block is a whole pass."""

from __future__ import annotations

import pytest
import torch
from oracle import TEXTS, Case, at_columns, hf_pass, ids_of, random_vector, relative

from cast_lens.model.forward import KeyValues, forward
from cast_lens.model.resume import can_resume, recorded, resumed
from cast_lens.model.tokens import pad_rows
from cast_lens.steer.injection import Injection, injected_by_row

STRENGTHS = (0.5, -2.0)


def test_upper_blocks_alone_say_what_a_whole_pass_says(case: Case) -> None:
    assert can_resume(case.lens)
    row = tuple(ids_of(case, TEXTS[3])[0].tolist())
    read = KeyValues(case.lens, 1)
    read.prefill(pad_rows([row[:-1]], case.lens.pad_id))
    last = pad_rows([row[-1:]], case.lens.pad_id)
    with recorded(case.lens) as outputs:
        plain = read.select(torch.tensor([0])).read_for_next(last)
    assert relative(plain[0], hf_pass(case.plain, torch.tensor([row]))[1][-1]) < case.tolerance
    for layer in range(case.lens.n_layers):
        vector = random_vector(case.lens, layer)
        variants = [(Injection(vector, s),) for s in STRENGTHS]
        rows = read.select(torch.zeros(2, dtype=torch.long))
        tokens = pad_rows([row[-1:]] * 2, case.lens.pad_id)
        with (
            injected_by_row(case.lens, variants, tokens, tokens.last),
            resumed(case.lens, outputs, layer, 2),
        ):
            found = rows.read_for_next(tokens)
        for got, strength in zip(found, STRENGTHS, strict=True):
            added = strength * vector.direction
            edits = {layer: at_columns(-1, lambda states, v=added: states + v)}
            right = hf_pass(case.plain, torch.tensor([row]), edits)[1][-1]
            assert relative(got, right) < case.tolerance


def test_the_model_is_itself_again_even_after_a_fault(case: Case) -> None:
    tokens = pad_rows([(1, 2, 3)], case.lens.pad_id)
    before = forward(case.lens, tokens)
    with recorded(case.lens) as outputs:
        forward(case.lens, tokens)
    top = case.lens.n_layers - 1
    with pytest.raises(KeyError), resumed(case.lens, outputs, top, 1):
        raise KeyError
    assert torch.equal(forward(case.lens, tokens), before)


def test_where_blocks_hand_on_more_the_whole_model_is_run(
    case: Case, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("cast_lens.model.resume._CHECKED", {})
    monkeypatch.setattr(
        "cast_lens.model.resume._by_tensor", lambda output, change: change(torch.zeros_like(output))
    )
    assert not can_resume(case.lens)
