"""Small things to test with: tasks in memory, task folders, tokenizers, a lens without a model."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

from cast_lens.tasks.task import SPLITS, Example, Task

CARD = """name = "colours"
instruction = "Name the colour."
labels = ["red", "blue"]
format = "definition"
"""
LABELS = ("red", "blue")
USER, ASSISTANT = "<|user|>", "<|assistant|>"
TURNS = (
    "{% for m in messages %}<|user|>{{ m['content'] }}{% endfor %}"
    "{% if add_generation_prompt %}<|assistant|>{% endif %}"
)


def make_example(key: str, label: str = "red") -> Example:
    """An example whose input follows from its id."""
    return Example(id=key, input=f"thing {key}", label=label)


def make_examples(prefix: str, n: int, labels: tuple[str, ...] = LABELS) -> tuple[Example, ...]:
    """Examples whose labels take turns."""
    return tuple(make_example(f"{prefix}-{i}", labels[i % len(labels)]) for i in range(n))


def make_task(
    name: str = "colours",
    instruction: str = "Name the colour.",
    form: Literal["definition", "qa"] = "definition",
    labels: tuple[str, ...] = LABELS,
    n: int = 6,
) -> Task:
    """A task of n items a split."""
    splits = {split: make_examples(f"{name}-{split}", n, labels or LABELS) for split in SPLITS}
    return Task(name=name, instruction=instruction, labels=labels, format=form, **splits)


def jsonl(*rows: dict[str, Any]) -> bytes:
    """Rows as a file holds them."""
    return "".join(json.dumps(row, ensure_ascii=False) + "\n" for row in rows).encode()


def row(key: str, label: str = "red", **more: Any) -> dict[str, Any]:
    """One row of a split."""
    return {"id": key, "input": f"thing {key}", "label": label, **more}


def rows(split: str, n: int = 6) -> bytes:
    """One sound split."""
    return jsonl(*(row(f"{split}-{i}", LABELS[i % 2]) for i in range(n)))


def write_task(folder: Path, files: dict[str, bytes | None] | None = None) -> Path:
    """A sound task folder in which some files are replaced, or left out where None."""
    sound: dict[str, bytes | None] = {f"{split}.jsonl": rows(split) for split in SPLITS}
    sound["task.toml"] = CARD.encode()
    folder.mkdir(parents=True, exist_ok=True)
    for name, content in (sound | (files or {})).items():
        if content is not None:
            (folder / name).write_bytes(content)
    return folder


def byte_tokenizer(
    *,
    bos: bool = False,
    eos: bool = False,
    chat: bool = False,
    bos_in_chat: bool = False,
    merges: tuple[tuple[str, str], ...] = (),
) -> Any:
    """A tokenizer with one token a byte, and one more a merge.

    Args:
        bos, eos: whether it puts `<s>` before, `</s>` after every text by habit.
        chat: whether it has a chat template.
        bos_in_chat: whether that template starts with `<s>` itself.
        merges: pairs that become one token; a space is written Ġ.
    """
    from tokenizers import Tokenizer, decoders, models, pre_tokenizers, processors
    from transformers import PreTrainedTokenizerFast

    specials = ["<s>", "</s>", "<pad>", USER, ASSISTANT]
    words = [*specials, *sorted(pre_tokenizers.ByteLevel.alphabet()), *map("".join, merges)]
    vocabulary = {word: i for i, word in enumerate(words)}
    raw = Tokenizer(models.BPE(vocab=vocabulary, merges=list(merges)))
    raw.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=False)
    raw.decoder = decoders.ByteLevel()
    raw.add_special_tokens(specials)
    raw.post_processor = processors.TemplateProcessing(
        single=f"{'<s> ' if bos else ''}$A{' </s>' if eos else ''}",
        special_tokens=[("<s>", 0), ("</s>", 1)],
    )
    fast = PreTrainedTokenizerFast(
        tokenizer_object=raw, bos_token="<s>", eos_token="</s>", pad_token="<pad>"
    )
    if chat:
        fast.chat_template = ("{{ bos_token }}" if bos_in_chat else "") + TURNS
    return fast


BOS_ID, EOS_ID, PAD_ID = 0, 1, 2


@dataclass(frozen=True)
class PaperLens:
    """What tokenising needs of a lens, and nothing else."""

    tokenizer: Any
    n_ctx: int = 512
    pad_id: int = PAD_ID
