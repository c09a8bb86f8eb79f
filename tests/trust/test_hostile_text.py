"""Text of a task commands no terminal, and is neither obeyed nor turned round in a notebook."""

from __future__ import annotations

import json
import unicodedata
from html.parser import HTMLParser

import pytest
from trust_ground import CARD, SPLITS, Ground, cast_lens, jsonl, row

from cast_lens.diagnosis.try_records import Continuations, MarkedToken, PromptView
from cast_lens.visible import escaped, escaped_json, visible
from cast_lens.widgets import markup

TURNING = "".join(map(chr, [*range(0x202A, 0x202F), *range(0x2066, 0x206A)]))
COMMANDING = "\x1b[31mred\x1b]0;owned\x07\x9b2J\x7f"
HOSTILE = f"{TURNING}{COMMANDING}</title><script>alert(1)</script> **bold** <img src=x onerror=y>"
WORKBENCH = [
    markup.heading(HOSTILE),
    markup.note(HOSTILE),
    markup.trouble(HOSTILE),
    markup.same(HOSTILE, HOSTILE),
    markup.shown(HOSTILE),
]
TOKEN = MarkedToken(id=0, text=HOSTILE, read=True, written=True)
VIEW = PromptView(query_id=HOSTILE, text=HOSTILE, accepted=(HOSTILE,), tokens=(TOKEN,), later=True)
SAID = Continuations(texts={"zero-shot": HOSTILE})


def _hidden(text: str) -> set[str]:
    """Controls that are no line break, and marks of direction, as Unicode's own table has them."""
    turning = {"LRE", "RLE", "LRO", "RLO", "PDF", "LRI", "RLI", "FSI", "PDI"}
    return {
        c
        for c in text
        if (unicodedata.category(c) == "Cc" and c not in "\n\t")
        or unicodedata.bidirectional(c) in turning
    }


class _Tags(HTMLParser):
    def __init__(self, page: str) -> None:
        super().__init__()
        self.tags: set[str] = set()
        self.handlers: list[str] = []
        self.feed(page)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.add(tag)
        self.handlers += [name for name, _ in attrs if name.startswith("on")]


@pytest.mark.parametrize(
    "page", [*WORKBENCH, markup.tokens(VIEW), markup.texts_table(SAID), VIEW._repr_html_()]
)
def test_a_notebook_shows_hostile_text_and_obeys_none_of_it(page: str) -> None:
    tags = _Tags(page)
    assert not tags.tags & {"script", "title", "img", "b"}
    assert tags.handlers == []
    assert _hidden(page) == set()
    assert "&lt;script&gt;alert(1)" in page


def test_what_is_hidden_is_written_out_and_all_else_is_left() -> None:
    assert _hidden(HOSTILE) >= set(TURNING)
    every = "".join(map(chr, range(0x3000)))
    for shown in (escaped(every), visible(every), escaped_json(every)):
        assert _hidden(shown) == set()
    assert escaped("\x1b\u202e\n\t\u200c é") == "\\x1b\\u202e\n\t\u200c é"
    assert json.loads(escaped_json(json.dumps(every, ensure_ascii=False))) == every


@pytest.mark.parametrize("more", [[], ["--json"]])
@pytest.mark.parametrize("command", ["list", "prompts", "select", "try"])
def test_no_terminal_is_commanded_or_turned_round(
    ground: Ground, command: str, more: list[str]
) -> None:
    splits = {
        f"{s}.jsonl": jsonl(
            *(row(f"{s}{i}", ("red", "blue")[i % 2], input=f"{HOSTILE}{s}{i}") for i in range(6))
        )
        for s in SPLITS
    }
    card = CARD.replace('"Name the colour."', json.dumps(HOSTILE))
    ground.task({"task.toml": card.encode(), **splits})
    model = ["--tasks", "tasks", "--model", str(ground.model)]
    pair = ["--source", "colours", "--target", "colours", "--layer", "0", "--selector", "random"]
    words = {
        "list": ["tasks", "list", "tasks"],
        "prompts": ["prompts", "colours", *model],
        "select": ["select", "colours", "--embeddings", "model", "--examples", "2", *model],
        "try": ["try", *pair, "--examples", "4", "--shots", "2", "--show", "prompt", *model],
    }
    done = cast_lens(*words[command], *more)
    assert done.code == 0, done.stderr
    assert _hidden(done.stdout + done.stderr) == set()
    # the tiny tokenizer's tokens are single bytes
    assert "\\u202e" in done.stdout or command == "try"
