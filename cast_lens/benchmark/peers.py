"""The same works done by others, where they are installed."""

from __future__ import annotations

import json
import subprocess
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import torch

from cast_lens.benchmark.works import NEW_TOKENS, WRITTEN, Material
from cast_lens.errors import RunError
from cast_lens.model.lens import Lens
from cast_lens.model.tokens import Tokens, length_sorted_batches, pad_rows, tokenise
from cast_lens.prompts.prompt import Prompt

SCRIPT = Path(__file__).with_name("steering_vectors_peer.py")
BATCH = 8  # prompts; caching every hook of more would not fit a laptop
EXTRACTION = "extraction, one demonstration set"


@dataclass(frozen=True)
class Peer:
    """One library's way of doing a work, or why it was not run.

    Attributes:
        name: whose way.
        work: which work, by name.
        run: does it.
        reason: why it cannot be run; empty where it can.
    """

    name: str
    work: str
    run: Callable[[], object] = field(repr=False, default=lambda: None)
    reason: str = ""


def peers(lens: Lens, hf: Any, given: Material, generation: str) -> list[Peer]:
    """TransformerLens with and without a names filter, and Hugging Face.

    Args:
        lens: the model.
        hf: the same weights as a plain Hugging Face model, or None.
        given: the prompts.
        generation: name of the work that Hugging Face's generate is compared with.
    """
    both = [*given.few, *given.zero]
    found = [
        Peer("TransformerLens, every hook", EXTRACTION, lambda: _cached(lens, both, None)),
        Peer(
            "TransformerLens, names filter",
            EXTRACTION,
            lambda: _cached(lens, both, [lens.hook_name(i) for i in range(lens.n_layers)]),
        ),
    ]
    if hf is None:
        reason = "no Hugging Face folder of these weights"
        return [
            *found,
            Peer("Hugging Face, batched", EXTRACTION, reason=reason),
            Peer("Hugging Face generate", generation, reason=reason),
        ]
    return [
        *found,
        Peer("Hugging Face, batched", EXTRACTION, lambda: _hidden(lens, hf, both)),
        Peer("Hugging Face generate", generation, lambda: _greedy(lens, hf, given.zero[:WRITTEN])),
    ]


def _batches(lens: Lens, prompts: Sequence[Prompt]) -> list[Tokens]:
    tokens = tokenise(lens, prompts)
    rows = [tuple(i[m].tolist()) for i, m in zip(tokens.ids, tokens.mask, strict=True)]
    batches = length_sorted_batches([len(row) for row in rows], BATCH * max(map(len, rows)))
    return [pad_rows([rows[i] for i in batch], lens.pad_id) for batch in batches]


@torch.no_grad()
def _cached(lens: Lens, prompts: Sequence[Prompt], names: list[str] | None) -> None:
    for batch in _batches(lens, prompts):
        tokens = batch.to(lens.device)
        _, cache = lens.model.run_with_cache(
            tokens.ids, attention_mask=tokens.mask.long(), names_filter=names
        )
        rows = torch.arange(len(tokens.ids))
        [cache[lens.hook_name(i)][rows, tokens.last].clone() for i in range(lens.n_layers)]


@torch.no_grad()
def _hidden(lens: Lens, hf: Any, prompts: Sequence[Prompt]) -> None:
    for batch in _batches(lens, prompts):
        tokens = batch.to(lens.device)
        states = hf(
            input_ids=tokens.ids, attention_mask=tokens.mask.long(), output_hidden_states=True
        ).hidden_states
        rows = torch.arange(len(tokens.ids))
        [layer[rows, tokens.last].clone() for layer in states[1:]]


@torch.no_grad()
def _greedy(lens: Lens, hf: Any, prompts: Sequence[Prompt]) -> None:
    tokens = tokenise(lens, prompts, side="left").to(lens.device)
    hf.generate(
        input_ids=tokens.ids,
        attention_mask=tokens.mask.long(),
        max_new_tokens=NEW_TOKENS,
        do_sample=False,
        pad_token_id=lens.pad_id,
    )


def steering_vectors(python: Path, model: str, given: Material, repeats: int) -> dict[str, Any]:
    """Seconds that steering-vectors takes for the extraction, and its versions.

    Args:
        python: the interpreter of the environment that has it.
        model: a Hugging Face folder or hub id.
        given: the prompts.
        repeats: how often.

    Raises:
        RunError: when it cannot be run there.
    """
    job = {
        "model": model,
        "threads": torch.get_num_threads(),
        "few": [prompt.text for prompt in given.few],
        "zero": [prompt.text for prompt in given.zero],
        "repeats": repeats,
        "batch": BATCH,
    }
    said: dict[str, Any] = json_of([str(python), str(SCRIPT)], "steering-vectors", json.dumps(job))
    return said


def json_of(command: Sequence[str], what: str, given: str = "") -> Any:
    """What a process, given a text on its standard input, says on its standard output.

    Raises:
        RunError: when it cannot be started or fails; it ends with the last line of its complaint.
    """
    try:
        done = subprocess.run(command, input=given, capture_output=True, text=True, check=False)
    except OSError as error:
        raise RunError(f"{command[0]}: cannot be run ({error.strerror}).") from error
    if done.returncode:
        reason = next(iter(reversed(done.stderr.strip().splitlines())), "no message")
        raise RunError(f"{command[0]}: {what} did not run ({reason}).")
    return json.loads(done.stdout)
