"""Try a vector on one prompt: every number the workbench and `cast-lens try` show.

What is costly (a source's states, the reading of a prompt) is done once and kept, so that another
block or strength costs one pass over the prompt's last token.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from cast_lens.analysis.estimates import proportion
from cast_lens.diagnosis.readout import readout
from cast_lens.diagnosis.try_case import Case, case_of, view
from cast_lens.diagnosis.try_dev import dev_questions, on_dev
from cast_lens.diagnosis.try_held import Held, hold
from cast_lens.diagnosis.try_map import states_map
from cast_lens.diagnosis.try_records import (
    Answers,
    ArmAnswer,
    BlockCurve,
    BlockTexts,
    Continuations,
    DevAccuracy,
    PromptView,
    SiteMap,
    StatesMap,
)
from cast_lens.diagnosis.try_said import TOP, followed_probability, said
from cast_lens.diagnosis.try_setting import ArmName, Measure, Setting
from cast_lens.diagnosis.try_source import Kept, Sources, Watch
from cast_lens.errors import PromptError
from cast_lens.experiment.evaluate import Questions
from cast_lens.model.lens import Lens
from cast_lens.score.labels import Given
from cast_lens.steer.injection import Injection
from cast_lens.steer.residual import read_residual
from cast_lens.steer.states import ResidualStates
from cast_lens.tasks.find import find_tasks
from cast_lens.tasks.task import Task

STRENGTHS = (0.25, 0.5, 0.75, 1.0, 1.5, 2.0, 3.0, 4.0)
DEV_ITEMS = 20
RULES = {
    "labels": "the likeliest label is right",
    "free": "a right answer is the model's first choice at every token",
}
NOBODY = Watch()


class Trial:
    """One lens and some tasks, asked about one setting after another.

    Args:
        lens: the model.
        tasks: `bundled`, `hub:NAME`, a folder, or tasks in hand.
    """

    def __init__(self, lens: Lens, tasks: str | Sequence[Task] = "bundled") -> None:
        self.lens = lens
        self.tasks = tasks
        in_hand = () if isinstance(tasks, str) else tasks
        self._tasks = {task.name: task for task in in_hand}
        self.sources = Sources(lens, self.task)
        self._held: Kept[Held] = Kept(16)
        self._plain: Kept[tuple[ArmAnswer, ...]] = Kept(16)
        self._texts: Kept[list[str]] = Kept(16)
        self._cases: Kept[Case] = Kept(16)
        self._states: Kept[ResidualStates] = Kept(8)

    def task(self, name: str) -> Task:
        """One task by name.

        Raises:
            TaskError: when there is none, or it is unusable.
        """
        if name not in self._tasks:
            from_disk = self.tasks if isinstance(self.tasks, str) else "bundled"
            (self._tasks[name],) = find_tasks(from_disk, [name])
        return self._tasks[name]

    def case(self, setting: Setting) -> Case:
        """The question of a setting; what an own prompt follows is found out where not given."""
        return self._cases.get(_asked(setting), lambda: self._case(setting))

    def _case(self, setting: Setting) -> Case:
        case = case_of(setting, self.task(setting.target))
        if case.followed:
            return case
        if case.options:
            held = hold(self.lens, case.few, case.options)
            (found,) = held.likelihoods([()])
            best = max(zip(found, case.options, strict=True), key=lambda pair: pair[0].logprob)
            return case.following(best[1])
        (text,) = hold(self.lens, case.few, ["?"]).texts([()])
        if not text.strip():
            raise PromptError(
                "The few-shot prompt says nothing, so there is no answer to follow.",
                "Name one: --answer TEXT, or the box `answer` of the workbench.",
            )
        return case.following(text.strip())

    def _hold(self, setting: Setting, case: Case, *, few: bool) -> Held:
        prompt = case.few if few else case.zero
        return self._held.get((_asked(setting), few), lambda: hold(self.lens, prompt, case.options))

    def prompt_view(self, setting: Setting) -> PromptView:
        """The zero-shot prompt as tokens, with those marked where vectors are read and written."""
        case = self.case(setting)
        return view(self.lens, case.zero, case.followed, setting.policy)

    def answers(self, setting: Setting, watch: Watch = NOBODY) -> Answers:
        """What zero-shot, few-shot, the steered model and its placebo say.

        Args:
            setting: what is asked.
            watch: is told how far it is; so in all other questions.

        Raises:
            CastLensError: when a task, item, block or setting is not there, or a prompt does not
                fit; so in all other questions.
        """
        both = self.sources.injections(setting, setting.layer, setting.strength, watch)
        case = self.case(setting)
        zero = self._hold(setting, case, few=False)

        def plain() -> tuple[ArmAnswer, ...]:
            few = self._hold(setting, case, few=True)
            return (*said(zero, case, {"zero-shot": ()}), *said(few, case, {"few-shot": ()}))

        before = self._plain.get(_asked(setting), plain)
        steered, random = both
        after = said(zero, case, {"steered": (steered,), "random direction": (random,)})
        return Answers(kind=case.kind, followed=case.followed, why=case.why, arms=(*before, *after))

    def continuations(self, setting: Setting, watch: Watch = NOBODY) -> Continuations:
        """What every arm writes, greedily."""
        steered, random = self.sources.injections(setting, setting.layer, setting.strength, watch)
        case = self.case(setting)
        zero = self._hold(setting, case, few=False)

        def plain() -> list[str]:
            return [*zero.texts([()]), *self._hold(setting, case, few=True).texts([()])]

        texts = [*self._texts.get(_asked(setting), plain), *zero.texts([(steered,), (random,)])]
        arms: tuple[ArmName, ...] = ("zero-shot", "few-shot", "steered", "random direction")
        return Continuations(texts=dict(zip(arms, texts, strict=True)))

    def block_curve(self, setting: Setting, watch: Watch = NOBODY) -> BlockCurve:
        """Probability of the followed answer at every block, at the setting's strength."""
        layers = tuple(range(self.lens.n_layers))
        steered, random = self._at(setting, layers, setting.strength, watch)
        answers = self.answers(setting, watch)
        return BlockCurve(
            followed=answers.followed,
            strength=setting.strength,
            layers=layers,
            steered=tuple(steered),
            random=tuple(random),
            zero_shot=answers.find("zero-shot").probability,
            few_shot=answers.find("few-shot").probability,
        )

    def site_map(
        self,
        setting: Setting,
        measure: Measure = "probability",
        *,
        strengths: Sequence[float] = STRENGTHS,
        dev_items: int = DEV_ITEMS,
        watch: Watch = NOBODY,
    ) -> SiteMap:
        """Every block at several strengths.

        Args:
            setting: its layer and strength are not used.
            measure: `probability` of this prompt's followed answer, or `accuracy` on dev items.
            strengths: what to try.
            dev_items: at most so many.
            watch: see `answers`.
        """
        layers = tuple(range(self.lens.n_layers))
        rows: list[tuple[list[float], list[float]]] = []
        if measure == "probability":
            n, plain = 1, self.answers(setting, watch).find("zero-shot").probability
            for done, strength in enumerate(strengths):
                watch.between("map of this prompt", done, len(strengths))
                rows.append(self._at(setting, layers, strength, watch))
        else:
            asked = self._dev(setting, dev_items)
            what = "map on dev items"
            n, plain = len(asked.items), float(on_dev(self.lens, asked, [None], what, watch).mean())
            for strength in strengths:
                variants = self._variants(setting, layers, strength, watch)
                hits = on_dev(self.lens, asked, variants, f"{what}, strength {strength:g}", watch)
                rows.append(_halves(hits.mean(axis=1).tolist()))
        return SiteMap(
            measure=measure,
            n=n,
            layers=layers,
            strengths=tuple(strengths),
            values=tuple(tuple(steered) for steered, _ in rows),
            random=tuple(tuple(random) for _, random in rows),
            zero_shot=plain,
        )

    def states_map(self, setting: Setting, watch: Watch = NOBODY) -> StatesMap:
        """Principal components of the source's states, with this prompt's laid on them."""
        vector, _ = self.sources.vectors(setting, setting.layer, watch)
        case = self.case(setting)
        mine = self._states.get(
            _asked(setting), lambda: read_residual(self.lens, [case.zero, case.few])
        )
        source = self.sources.source(setting, watch)
        return states_map(source, mine, vector, setting.strength)

    def readout(self, setting: Setting, watch: Watch = NOBODY) -> BlockTexts:
        """What each block would say: the logit lens of the plain and the steered prompt."""
        steered, random = self.sources.injections(setting, setting.layer, setting.strength, watch)
        case = self.case(setting)
        variants: dict[str, Given] = {"zero-shot": None, "steered": steered}
        variants["random direction"] = random
        return BlockTexts(found=readout(self.lens, case.zero, case.followed[0], variants, top=TOP))

    def dev_accuracy(
        self, setting: Setting, *, items: int = DEV_ITEMS, watch: Watch = NOBODY
    ) -> DevAccuracy:
        """Share of the target's dev items that each arm answers rightly."""
        both = self.sources.injections(setting, setting.layer, setting.strength, watch)
        zero = self._dev(setting, items)
        few = self._dev(setting, items, few=True)
        what = "accuracy on dev items"
        plain, steered, random = on_dev(self.lens, zero, [None, *both], what, watch)
        (shown,) = on_dev(self.lens, few, [None], f"{what}, few-shot", watch)
        arms: dict[ArmName, np.ndarray] = {"zero-shot": plain, "few-shot": shown}
        arms |= {"steered": steered, "random direction": random}
        kind = "free" if self.task(setting.target).free_answers else "labels"
        return DevAccuracy(rule=RULES[kind], arms={a: proportion(h) for a, h in arms.items()})

    def _dev(self, setting: Setting, limit: int, *, few: bool = False) -> Questions:
        return dev_questions(self.task(setting.target), setting, limit, few=few)

    def _variants(
        self, setting: Setting, layers: Sequence[int], strength: float, watch: Watch
    ) -> list[Injection]:
        """The vector at every block, then the placebo at every one."""
        pairs = [self.sources.injections(setting, layer, strength, watch) for layer in layers]
        return [*(one for one, _ in pairs), *(other for _, other in pairs)]

    def _at(
        self, setting: Setting, layers: Sequence[int], strength: float, watch: Watch
    ) -> tuple[list[float], list[float]]:
        """Probabilities by block: with the vector, and with the placebo."""
        variants = self._variants(setting, layers, strength, watch)
        case = self.case(setting)
        scored = self._hold(setting, case, few=False).likelihoods([(one,) for one in variants])
        return _halves([followed_probability(case, one) for one in scored])


def _asked(setting: Setting) -> tuple[object, ...]:
    """What a prompt and its plain answers depend on."""
    return (
        setting.target,
        setting.item,
        setting.prompt,
        setting.answer,
        setting.shots,
        setting.seed,
    )


def _halves(values: list[float]) -> tuple[list[float], list[float]]:
    return values[: len(values) // 2], values[len(values) // 2 :]
