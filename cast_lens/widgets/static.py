"""The workbench without widgets: a page of plain HTML that does not change."""

from __future__ import annotations

from cast_lens.diagnosis.try_one import Trial
from cast_lens.diagnosis.try_records import BlockCurve
from cast_lens.diagnosis.try_setting import Setting
from cast_lens.figures.style import ACCENT, COLOURS, FAINT
from cast_lens.widgets import markup

WIDTH, HEIGHT, EDGE = 560, 200, 30  # pixels
DASHES = {"steered": "", "random direction": "6 3 1 3", "zero-shot": "2 3", "few-shot": "8 4"}
LINES = dict(zip(DASHES, (ACCENT, COLOURS[3], FAINT, COLOURS[2]), strict=True))


class StaticPage:
    """Prompt, answers, continuations and the block curve at one setting.

    Args:
        trial: is asked once, when the page is first shown.
        setting: what is shown.
    """

    def __init__(self, trial: Trial, setting: Setting) -> None:
        self.trial = trial
        self.setting = setting

    def _repr_html_(self) -> str:
        setting = self.setting
        answers = self.trial.answers(setting)
        curve = self.trial.block_curve(setting)
        title = f"{setting.source} → {setting.target}, block {setting.layer}, strength"
        return "<br>".join(
            [
                markup.heading(f"{title} {setting.strength:g}"),
                markup.tokens(self.trial.prompt_view(setting)),
                markup.heading(markup.answers_title(answers)),
                markup.answers_table(answers),
                markup.texts_table(self.trial.continuations(setting)),
                markup.heading(markup.curve_title(curve)),
                _drawn(curve),
                markup.note("Widgets are missing: pip install ipywidgets anywidget, restart."),
            ]
        )


def _drawn(curve: BlockCurve) -> str:
    flat = len(curve.layers)
    lines = {
        "steered": curve.steered,
        "random direction": curve.random,
        "zero-shot": (curve.zero_shot,) * flat,
        "few-shot": (curve.few_shot,) * flat,
    }
    parts = []
    for number, (arm, values) in enumerate(lines.items()):
        points = " ".join(f"{_x(at, flat):.1f},{_y(value):.1f}" for at, value in enumerate(values))
        colour, y = LINES[arm], EDGE + 16 * number
        look = f'fill="none" stroke="{colour}" stroke-width="2" stroke-dasharray="{DASHES[arm]}"'
        parts.append(
            f'<polyline points="{points}" {look}/>'
            f'<line x1="{WIDTH + 8}" x2="{WIDTH + 38}" y1="{y - 4}" y2="{y - 4}" {look}/>'
            f'<text x="{WIDTH + 44}" y="{y}" font-size="12">{arm}</text>'
        )
    ticks = "".join(
        f'<text x="2" y="{_y(p):.1f}" font-size="11">{p:g}</text>' for p in (0.0, 0.5, 1.0)
    ) + "".join(
        f'<text x="{_x(at, flat):.1f}" y="{HEIGHT - 4}" font-size="11">{curve.layers[at]}</text>'
        for at in {0, flat // 2, flat - 1}
    )
    return (
        f'<svg width="{WIDTH + 160}" height="{HEIGHT + 16}" role="img" '
        f'aria-label="probability against block">{ticks}{"".join(parts)}'
        f'<text x="{WIDTH / 2}" y="{HEIGHT + 12}" font-size="12">block</text>'
        f'<text x="2" y="{EDGE / 2 - 6}" font-size="12">probability</text></svg>'
    )


def _x(at: int, of: int) -> float:
    return EDGE + (WIDTH - 2 * EDGE) * at / max(1, of - 1)


def _y(value: float) -> float:
    return EDGE + (HEIGHT - 2 * EDGE) * (1 - value)
