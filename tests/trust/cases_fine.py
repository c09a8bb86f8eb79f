"""Odd but fine: what must work, and what must then be said or shown."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path

from cases_settings import PROMPTS, SELECT, setting
from cases_tasks import Case, Prepare
from trust_ground import CARD, SPLITS, Ground, jsonl, row, rows

ACUTE = "\N{COMBINING ACUTE ACCENT}"
ESCAPE = "\x1b[31mred\x1b[2J\x1b]0;owned\x07\u202egnp\u2066"


def labelled(labels: Sequence[str], text: str = "thing") -> Prepare:
    """A run over a task with these labels and this text in every input."""

    def prepare(ground: Ground) -> list[str]:
        ground.task(_files(labels, text))
        return ground.run()

    return prepare


def _files(labels: Sequence[str], text: str) -> dict[str, bytes | None]:
    card = CARD.replace('["red", "blue"]', json.dumps(list(labels), ensure_ascii=False))
    splits = {
        f"{split}.jsonl": jsonl(
            *(
                row(f"{split}-{i}", labels[i % len(labels)], input=f"{text} {split} {i}")
                for i in range(6)
            )
        )
        for split in SPLITS
    }
    return {"task.toml": card.encode(), **splits}


def marked(*words: str) -> Prepare:
    """Ids, labels and texts that look like markup; a run where no words are given."""

    def prepare(ground: Ground) -> list[str]:
        files = _files(("[/red]", "[bold]"), ":smile: [link=x]")
        for split in SPLITS:
            lines = files[f"{split}.jsonl"] or b""
            files[f"{split}.jsonl"] = lines.replace(b'"id": "', b'"id": "[/]')
        ground.task(files)
        return [str(ground.model) if word == "MODEL" else word for word in words] or ground.run()

    return prepare


def commanding(*words: str) -> Prepare:
    """Ids, labels and texts that would command a terminal; a run where no words are given."""

    def prepare(ground: Ground) -> list[str]:
        labels = (f"red{ESCAPE}", "blue")
        card = CARD.replace('["red", "blue"]', json.dumps(labels))
        splits = {
            f"{split}.jsonl": jsonl(
                *(
                    row(f"{split}{ESCAPE}{i}", labels[i % 2], input=f"{ESCAPE} {split} {i}")
                    for i in range(6)
                )
            )
            for split in SPLITS
        }
        ground.task({"task.toml": card.encode(), **splits})
        return [str(ground.model) if word == "MODEL" else word for word in words] or ground.run()

    return prepare


def told(*names: str | None) -> Prepare:
    """A run with a model whose tokenizer lacks some special tokens."""

    def prepare(ground: Ground) -> list[str]:
        def breaks(folder: Path) -> None:
            path = folder / "tokenizer_config.json"
            kept = {k: v for k, v in json.loads(path.read_text()).items() if k not in names}
            path.write_text(json.dumps(kept))

        ground.task()
        return ground.run(model=str(ground.broken_model(breaks)))

    return prepare


def _leaked(ground: Ground) -> list[str]:
    leak = jsonl(row("leak", "red", input="thing test-0"))
    ground.task({"train.jsonl": rows("train") + leak})
    return ground.run()


def _windows(ground: Ground) -> list[str]:
    ground.task({"train.jsonl": rows("train").replace(b"\n", b"\r\n\r\n")})
    return ground.run()


FINE: list[Case] = [
    ("right to left", labelled(("أحمر", "אדום"), "ما هذا؟ מה זה \u202eabc"), "cast"),
    ("combining marks", labelled((f"e{ACUTE}", "é", "e"), f"cafe{ACUTE}"), "cast"),
    ("joined emoji", labelled(("👩\u200d👧", "👩"), "👩\u200d👩\u200d👧 🏳\ufe0f\u200d🌈"), "cast"),
    ("labels that share a first token", labelled(("red one", "red two")), "cast"),
    ("a label that begins another", labelled(("red", "red one")), "cast"),
    ("labels of one letter", labelled(("A", "a")), "cast"),
    ("NUL inside a text", labelled(("red", "blue"), "a\x00b"), "cast"),
    ("line breaks inside a text", labelled(("red", "blue"), "a\r\n\u2028b\n\nLabel: red"), "cast"),
    ("markup in a run", marked(), "[/red]"),
    ("markup in a selection", marked(*SELECT), "[/]train-"),
    ("markup in a prompt", marked(*PROMPTS), ":smile: [link=x] test 0"),
    ("markup in a check", marked("tasks", "check", "tasks"), "none"),
    ("terminal commands in a run", commanding(), "red\\x1b[31mred"),
    ("terminal commands in a selection", commanding(*SELECT), "train\\x1b[31mred"),
    (
        "terminal commands in a prompt",
        commanding(*PROMPTS),
        "owned\\x07\\u202egnp\\u2066 test 0",
    ),
    ("terminal commands in a check", commanding("tasks", "check", "tasks"), "none"),
    ("a test text in train", _leaked, "1 test items left out"),
    ("Windows line ends", _windows, "cast"),
    ("no pad token", told("pad_token"), "cast"),
    ("no end token", told("eos_token"), "cast"),
    ("no special token", told("pad_token", "eos_token", "bos_token"), "cast"),
    ("strength 0", setting(strengths="0"), "+0.00"),
    ("strength negative", setting(strengths="-1"), "cast"),
    ("a new folder in new folders", setting(out="ö ä/b c/ü"), "ö ä/b c/ü"),
    ("more examples than there are", setting(examples="500"), "cast"),
    ("more items than there are", setting(test_items="500", dev_items="500"), "cast"),
]
