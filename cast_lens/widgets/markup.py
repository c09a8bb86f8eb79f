"""What the workbench says in HTML: tokens, tables, commands. All of the user's text is escaped."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from cast_lens.diagnosis.try_records import (
    WHY,
    Answers,
    BlockCurve,
    BlockTexts,
    Continuations,
    DevAccuracy,
    PromptView,
    SiteMap,
    StatesMap,
)
from cast_lens.figures.style import ACCENT, FAINT, INK, plain

SANS = "font-family:Inter,Helvetica,Arial,sans-serif"
MONO = "font-family:ui-monospace,Menlo,Consolas,monospace"
CELL = "padding:2px 14px 2px 0;text-align:left;vertical-align:top"


def heading(text: str) -> str:
    """A panel's title."""
    return (
        f'<div style="{SANS};color:{INK};font-weight:600;font-size:14px;line-height:1.35">'
        f"{plain(text)}</div>"
    )


def note(text: str) -> str:
    """A line in small print."""
    return f'<div style="{SANS};color:#5b6775;font-size:12px;line-height:1.4">{plain(text)}</div>'


def trouble(text: str) -> str:
    """Why something could not be done."""
    return (
        f'<div class="cast-trouble" role="alert" style="{SANS};font-size:13px;color:{INK};'
        f'border-left:4px solid {ACCENT};padding:4px 10px">{plain(text)}</div>'
    )


def table(heads: Sequence[str], rows: Iterable[Sequence[str]], name: str) -> str:
    """Cells are HTML already."""
    head = "".join(f'<th style="{CELL};border-bottom:1px solid {FAINT}">{h}</th>' for h in heads)
    body = "".join(
        "<tr>" + "".join(f'<td style="{CELL}">{cell}</td>' for cell in row) + "</tr>"
        for row in rows
    )
    return (
        f'<table class="{name}" style="{SANS};color:{INK};font-size:13px;line-height:1.5;'
        f'border-collapse:collapse"><thead><tr>{head}</tr></thead><tbody>{body}</tbody></table>'
    )


def shown(token: str) -> str:
    """A token or text with spaces and breaks visible."""
    return plain(token.replace(" ", "␣").replace("\n", "↵")) or "(empty)"


def tokens(view: PromptView) -> str:
    """The prompt token by token: R where states are read, W where the vector is written."""
    spans = []
    for token in view.tokens:
        marks = "R" * token.read + "W" * token.written
        edge = ACCENT if token.written else "#d5dae0"
        flag = (
            f'<sup style="color:{ACCENT};font-weight:700;margin-left:2px">{marks}</sup>'
            if marks
            else ""
        )
        wide = f"border:{2 if marks else 1}px solid {edge}"
        spans.append(
            f'<span style="{wide};border-radius:3px;padding:0 3px;margin:0 2px 3px 0;'
            f'display:inline-block" data-marks="{marks}">{shown(token.text)}{flag}</span>'
            + ("<br>" if "\n" in token.text else "")
        )
    if view.later:
        spans.append(
            f'<span style="color:{ACCENT};font-weight:700" data-marks="W">'
            "… and every generated token W</span>"
        )
    return f'<div class="cast-tokens" style="{MONO};font-size:12.5px">{"".join(spans)}</div>'


def answers_table(found: Answers) -> str:
    """Numbers of the answers panel."""
    rows = [
        (
            one.arm,
            f'<b data-arm="{one.arm}">{one.probability:.4f}</b>',
            f"{one.mass:.4f}",
            ", ".join(f"{shown(s.token)} {s.value:.2f}" for s in one.top[:3]),
        )
        for one in found.arms
    ]
    name = ", ".join(map(plain, found.followed))
    mass = "all labels" if found.kind == "labels" else "all accepted"
    return table(("arm", f"p({name})", mass, "likeliest next tokens"), rows, "cast-answers")


def texts_table(found: Continuations) -> str:
    """Greedy continuations, side by side."""
    rows = [(arm, f'<span style="{MONO}">{shown(t)}</span>') for arm, t in found.texts.items()]
    return table(("arm", "writes"), rows, "cast-texts")


def dev_table(found: DevAccuracy) -> str:
    """Numbers of the dev panel."""
    rows = [
        (arm, f"<b>{one.value:.3f}</b>", f"{one.low:.3f} to {one.high:.3f}", str(one.n))
        for arm, one in found.arms.items()
    ]
    return table(("arm", "accuracy", "95 % Wilson interval", "n"), rows, "cast-dev")


def answers_title(found: Answers) -> str:
    """What happened, in words."""
    plain_, few, steered, random = (one.probability for one in found.arms)
    moved = abs(steered - plain_)
    verb = "raises" if steered > plain_ else "lowers"
    if moved < 0.005:
        said = f"The vector hardly moves p({_named(found)})"
    else:
        said = f"The vector {verb} p({_named(found)}) from {plain_:.3f} to {steered:.3f}"
    return f"{said}; random direction {random:.3f}, few-shot {few:.3f}"


def _named(found: Answers) -> str:
    return ", ".join(found.followed)


def answers_note(found: Answers) -> str:
    """What is followed and why."""
    return f"Followed: {_named(found)} ({WHY[found.why]}). One prompt, so no interval."


def curve_title(found: BlockCurve) -> str:
    """The best block, in words."""
    best = max(found.layers, key=lambda layer: found.steered[layer])
    top = max(found.random)
    return (
        f"At strength {found.strength:g} block {best} gives most: {found.steered[best]:.3f}; "
        f"a random direction gives {top:.3f} at its own best block"
    )


def map_title(found: SiteMap) -> str:
    """The best cell, in words."""
    layer, strength = found.best()
    best, random = max(map(max, found.values)), max(map(max, found.random))
    return (
        f"Highest {found.measure} {best:.3f} at block {layer}, strength {strength:g}; "
        f"random direction's highest {random:.3f}"
    )


def map_note(found: SiteMap) -> str:
    """How much it rests on."""
    on = f"{found.n} dev items" if found.measure == "accuracy" else "this prompt only"
    cells = len(found.layers) * len(found.strengths)
    return f"On {on}; the best of {cells} cells is optimistic, with either direction."


def states_title(found: StatesMap) -> str:
    """How far the steered state lies from the few-shot one on the map."""
    zero, few, steered = found.points[-3:]

    def apart(x: float, y: float) -> float:
        return float((x**2 + y**2) ** 0.5)

    before = apart(zero.x - few.x, zero.y - few.y)
    after = apart(steered.x - few.x, steered.y - few.y)
    verb = "nearer to" if after < before else "further from"
    return (
        f"Block {found.layer}: steering moves this prompt {verb} its own few-shot state "
        f"({before:.1f} to {after:.1f} on this map)"
    )


def readout_title(found: BlockTexts) -> str:
    """What the last block says in each arm."""
    ends = ", ".join(
        f"{arm} {shown_bare(blocks[-1].top[0].token)}" for arm, blocks in found.found.blocks.items()
    )
    return f"After the last block: {ends}"


def shown_bare(token: str) -> str:
    """A token with spaces and breaks visible, not yet escaped."""
    return token.replace(" ", "␣").replace("\n", "↵") or "(empty)"


def dev_title(found: DevAccuracy) -> str:
    """Steered against zero-shot, in words."""
    zero, few, steered, random = (one.value for one in found.arms.values())
    return (
        f"Dev accuracy: steered {steered:.2f}, zero-shot {zero:.2f}, random direction "
        f"{random:.2f}, few-shot {few:.2f}"
    )


def same(command: str, python: str) -> str:
    """The command and the Python that give the same numbers, folded away."""
    block = f"{MONO};font-size:12px;background:#f4f6f8;padding:6px 8px;white-space:pre-wrap"
    return (
        f'<details class="cast-same" style="{SANS};font-size:12px;color:#5b6775">'
        "<summary>the same in a terminal and in Python</summary>"
        f'<pre class="cast-command" style="{block}">{plain(command)}</pre>'
        f'<pre class="cast-python" style="{block}">{plain(python)}</pre></details>'
    )
