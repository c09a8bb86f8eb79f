"""All blocks from several sides: what a person runs first on a new model or task."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
from jaxtyping import Float

from cast_lens.analysis.agreement import agreement, separation
from cast_lens.analysis.comparisons import Comparison, compare_paired
from cast_lens.analysis.cosines.records import CosineMatrices
from cast_lens.analysis.estimates import proportion
from cast_lens.analysis.families import benjamini_hochberg
from cast_lens.analysis.probing import Probe, probe
from cast_lens.diagnosis.diagnosed import DiagnosedBlock, Diagnosis
from cast_lens.diagnosis.queries import letters_of, together
from cast_lens.diagnosis.readout import MeanReadout, mean_readout
from cast_lens.experiment.cells import Cells
from cast_lens.experiment.config import Arm, CastConfig
from cast_lens.experiment.evaluate import Questions, likelihoods_of
from cast_lens.experiment.parallel import IRRELEVANT, NULLS, block_of
from cast_lens.experiment.search import Chosen, choose_sites, relative_dose, trials
from cast_lens.experiment.sources import Source, demonstrations_for, read_source
from cast_lens.experiment.summary import clusters_of
from cast_lens.experiment.target import questions_of
from cast_lens.model.lens import Lens
from cast_lens.model.tokens import fit_prompt
from cast_lens.progress import progress_bar
from cast_lens.prompts.prompt import few_shot
from cast_lens.steer.injection import Injection
from cast_lens.steer.residual import read_residual
from cast_lens.steer.states import ResidualStates, contrast
from cast_lens.tasks.find import find_tasks

SEARCHED: tuple[Arm, ...] = ("cast", "random_direction")


def diagnose(lens: Lens, config: CastConfig) -> Diagnosis:
    """Look at every searched block: what can be read there, and what writing there does.

    The first of `config.sources` is the source, the others only give the shared direction; the
    first of `config.targets` is the target. Strengths are chosen on dev at each block, for the
    placebo as for the vector, and scored on test. The arms of the settings do not matter.

    Raises:
        CastLensError: when a task is not there or too small, or a block is not in the model.
    """
    names = list(dict.fromkeys([*config.sources, config.targets[0]]))
    tasks = {name: find_tasks(config.tasks, [name])[0] for name in names}
    layers = config.layers_of(lens.n_layers)
    for layer in layers:
        lens.hook_name(layer)
    config = config.model_copy(
        update={"arms": ("zero_shot", *SEARCHED, *NULLS), "random_directions": 1}
    )
    digests = {task.name: task.fingerprint() for task in tasks.values()}
    cells = Cells(None, lens, config, digests)
    with progress_bar(len(names) + 3, "diagnosis", unit="stage") as bar:
        sources = []
        for name in names:
            sources.append(read_source(lens, config, tasks[name], cells))
            bar.update()
        target = next(s for s in sources if s.task.name == tasks[config.targets[0]].name)
        written = _write(lens, config, sources[0], target, cells)
        bar.update()
        said = _read_out(lens, config, target, written.test)
        bar.update()
        blocks = _blocks(lens, sources, target, written, said)
        bar.update()
    first = written.chosen[0]
    return Diagnosis(
        model=lens.name,
        source=sources[0].task.name,
        target=target.task.name,
        beside=tuple(s.task.name for s in sources[1:] if s is not target),
        examples=len(sources[0].chosen),
        dev_n=first.site.dev_n,
        test_n=len(written.test.items),
        shots=config.shots,
        zero_shot=proportion(written.plain.astype(bool)),
        strengths=config.strengths,
        site=first.site,
        question=_question(sources[0], target),
        identity={"model_fingerprint": lens.fingerprint, "tasks": digests},
        blocks=tuple(blocks),
    )


@dataclass(frozen=True, eq=False)
class _Written:
    """What writing at every block did.

    Attributes:
        test: the target's items.
        chosen: the search on dev, for the vector and for its placebo.
        steered: of each, the best strength of every block.
        plain: accuracy of each item without steering; `hits` with, of each.
        states: zero-shot states of the target's dev prompts.
    """

    test: Questions
    chosen: tuple[Chosen, ...]
    steered: tuple[tuple[Injection, ...], ...]
    plain: Float[np.ndarray, " item"]
    hits: tuple[Float[np.ndarray, "layer item"], ...]
    states: ResidualStates

    def compared(self, which: int, block: int) -> Comparison:
        """Steered against zero-shot at one block."""
        clusters = clusters_of([e.passage or e.id for e in self.test.items])
        return compare_paired(self.hits[which][block], self.plain, clusters=clusters)


def _write(
    lens: Lens, config: CastConfig, source: Source, target: Source, cells: Cells
) -> _Written:
    dev = questions_of(config, target.task, "dev")
    test = questions_of(config, target.task, "test")
    asked = [trial for trial in trials(config, [source]) if trial.arm in SEARCHED]
    chosen = choose_sites(lens, config, dev, asked, cells)
    steered = tuple(one.best_by_layer() for one in chosen)
    every = [None, *(injection for one in steered for injection in one)]
    hits, _ = likelihoods_of(lens, test, every, description=f"{target.task.name}: every block")
    blocks = len(steered[0])
    scored = hits.astype(float)
    layers = config.layers_of(lens.n_layers)
    return _Written(
        test=test,
        chosen=tuple(chosen),
        steered=steered,
        plain=scored[0],
        hits=tuple(scored[1 + i * blocks : 1 + (i + 1) * blocks] for i in range(len(steered))),
        states=read_residual(lens, dev.prompts, layers=layers, description="dev states"),
    )


def _read_out(
    lens: Lens, config: CastConfig, target: Source, test: Questions
) -> tuple[MeanReadout, MeanReadout]:
    """Logit lens at the target's zero-shot and few-shot prompts."""
    layers = config.layers_of(lens.n_layers)
    task, right = target.task, [example.label for example in test.items]
    full = [
        few_shot(task, e, demonstrations_for(config, target.shown, e), template=config.template)
        for e in test.items
    ]
    shown = [fit_prompt(lens, prompt)[0] for prompt in full]
    return (
        mean_readout(lens, test.prompts, right, layers=layers),
        mean_readout(lens, shown, right, layers=layers),
    )


def _question(source: Source, target: Source) -> str:
    return "kind" if source is target else "task"


def _blocks(
    lens: Lens,
    sources: Sequence[Source],
    target: Source,
    written: _Written,
    said: tuple[MeanReadout, MeanReadout],
) -> list[DiagnosedBlock]:
    compared = [
        [written.compared(which, i) for i in range(len(written.steered[0]))] for which in (0, 1)
    ]
    adjusted = benjamini_hochberg({str(i): one.p for i, one in enumerate(compared[0])})
    return [
        DiagnosedBlock(
            **_reading(lens, sources, target, injection.vector.layer),
            dose=relative_dose(Injection(injection.vector), written.states),
            state_norm=_length(written.states, injection.vector.layer),
            vector_norm=injection.vector.norm,
            strength=injection.strength,
            gain=compared[0][i].difference,
            p=compared[0][i].p,
            adjusted_p=adjusted[i].adjusted,
            placebo_gain=compared[1][i].difference,
            entropy=said[0].entropy[i],
            entropy_few=said[1].entropy[i],
            right=said[0].probability[i],
            right_few=said[1].probability[i],
        )
        for i, injection in enumerate(written.steered[0])
    ]


def _length(states: ResidualStates, layer: int) -> float:
    return float(torch.median(states.at(layer).double().norm(dim=-1)))


def _reading(
    lens: Lens, sources: Sequence[Source], target: Source, layer: int
) -> dict[str, object]:
    """What the states of one block show, nothing written."""
    source = sources[0]
    differences = contrast(source.few, source.zero).at(layer).numpy()
    words = contrast(source.altered[IRRELEVANT], source.zero).at(layer).numpy()
    v = differences.mean(axis=0)
    others = [contrast(s.few, s.zero).at(layer).numpy().mean(axis=0) for s in sources[1:]]
    pair = None if source is target else block_of([source, target], layer)
    return {
        "layer": layer,
        "depth": lens.depth(layer),
        "agreement": agreement(differences),
        "separation": separation(source.few.at(layer).numpy(), source.zero.at(layer).numpy()),
        "shared": _share(v, np.mean([_unit(one) for one in others], axis=0)) if others else None,
        "text": _share(v, words.mean(axis=0)),
        "probe": _probe(source, target, layer),
        **_cosines(pair),
    }


def _cosines(pair: CosineMatrices | None) -> dict[str, object]:
    if pair is None:
        return dict.fromkeys(("cosine", "cosine_p", "random_band", "text_cosine", "excess"))
    words = pair.find(IRRELEVANT)
    assert words is not None  # it is one of the nulls
    return {
        "cosine": pair.pairs[0].cosine.value,
        "cosine_p": pair.pairs[0].flips_p,
        "random_band": pair.random_band,
        "text_cosine": words.mean.value,
        "excess": pair.pairs[0].against[IRRELEVANT].excess,
    }


def _unit(vector: Float[np.ndarray, " d_model"]) -> Float[np.ndarray, " d_model"]:
    return np.asarray(vector / max(float(np.linalg.norm(vector)), 1e-30))


def _share(v: Float[np.ndarray, " d_model"], along: Float[np.ndarray, " d_model"]) -> float:
    """Squared cosine: the share of v's squared length along a direction."""
    return float((_unit(v) @ _unit(along)) ** 2)


def _probe(source: Source, target: Source, layer: int) -> Probe:
    kinds = (
        [(source.few, "few-shot"), (source.zero, "zero-shot")]
        if source is target
        else [(source.few, source.task.name), (target.few, target.task.name)]
    )
    asked = [source.chosen, source.chosen if source is target else target.chosen]
    return probe(
        np.concatenate([states.at(layer).numpy() for states, _ in kinds]),
        [label for states, label in kinds for _ in states.query_ids],
        together([e for examples in asked for e in examples]),
        types=[letter for examples in asked for letter in letters_of(examples)],
    )
