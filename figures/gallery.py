"""Draw the gallery of the README on the default model: `make figures`.

It takes two small runs (kept in runs/, gone on with where stopped), all word tasks read with both
nulls, and some smaller readings: about half an hour on two cores.
Each PNG is put beside this file, all of them with their captions in README.md, and what they rest
on in provenance.json.
"""

from __future__ import annotations

import json
import shutil
from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from cast_lens import (
    BUNDLED,
    CastConfig,
    Injection,
    Lens,
    contrast,
    diagnose,
    dose_curve,
    draw_demonstrations,
    few_shot,
    load_lens,
    logit_lens,
    made_of,
    make_config,
    map_blocks,
    map_states,
    mean_readout,
    mean_vector,
    parallel_tasks,
    placebo,
    random_weights,
    read_labelled,
    read_residual,
    readout,
    run_exhibits,
    sample_examples,
    vector_stability,
    write_bundles,
    zero_shot,
)
from cast_lens.diagnosis.geometry import differences
from cast_lens.diagnosis.grids import cka_grid
from cast_lens.diagnosis.probes import probe_rows, read_rows, transfer_rows
from cast_lens.experiment.choosing import embeddings_of, select
from cast_lens.experiment.grid import finish_run
from cast_lens.experiment.machine import versions
from cast_lens.experiment.store import load_curves
from cast_lens.figures.budgets import examples_curve
from cast_lens.figures.diagnosis import diagnosis_page
from cast_lens.figures.exhibit import Exhibit
from cast_lens.figures.geometry import moving_map, state_map
from cast_lens.figures.grids import similarity_map
from cast_lens.figures.mixture import mixture_bars
from cast_lens.figures.parallel_course import parallel_course
from cast_lens.figures.parallelism import parallel_matrices
from cast_lens.figures.probing import probe_curve, transfer_map
from cast_lens.figures.readout import direction_tokens, mean_readout_curves, readout_map
from cast_lens.figures.selection import selection_map
from cast_lens.figures.style import headings
from cast_lens.figures.sweeps import dose_figure
from cast_lens.steer.states import ResidualStates
from cast_lens.tasks.find import find_tasks
from cast_lens.tasks.task import Task

RUN, LABELS = Path("runs/gallery_run"), Path("runs/gallery_labels")
PAGES, HERE = Path("runs/gallery"), Path(__file__).parent
TASK = "present_past"
WORDS = [TASK, "singular_plural", "country_capital", "en_fr"]
FEELINGS = ["sentiment_en", "sentiment_de", "sentiment_es", "sentiment_fr"]
OF_RUN = {"gains", "accuracy_1_present_past", "claims", "search_1_present_past_from_1"}
OF_RUN |= {"curve_layers", "budget", "costs"}
SITE = 22  # the block that dev chooses for present_past
MIXED = "country_capital"  # some answers after demonstrations are right
LANDMARK, LANDMARK_SITE = "landmark_country", 25  # some of its items are right at zero-shot
PNG_SCALE = 1.0  # a page shows them small


def of_the_run() -> Iterator[Exhibit]:
    """Of runs: gains beside their placebos, claims, a search, curves, costs, chosen labels."""
    finish_run(run_settings(), RUN)
    yield from (exhibit for exhibit in run_exhibits(RUN) if exhibit.stem in OF_RUN)
    finish_run(label_settings(), LABELS)
    yield from (one for one in run_exhibits(LABELS) if one.stem.startswith("labels_"))


def run_settings() -> CastConfig:
    """One target with its own vector and with another task's; the number of examples varied."""
    names: dict[str, Any] = {"sources": [TASK, "country_capital"], "targets": [TASK]}
    arms = ["zero_shot", "icl_in_task", "cast", "few_only", "irrelevant_demos", "random_direction"]
    sizes = {"examples": 32, "dev_items": 12, "test_items": 40, "max_new_tokens": 8}
    curve: dict[str, Any] = {"curves": ["examples", "layers"], "curve_seeds": 3}
    curve |= {"curve_examples": [1, 2, 4, 8, 16]}
    return make_config(names | {"arms": arms, "strengths": [1, 2]} | sizes | curve)


def label_settings() -> CastConfig:
    """One target whose answers are a few labels."""
    names: dict[str, Any] = {"sources": [FEELINGS[1]], "targets": [FEELINGS[0]]}
    arms = ["zero_shot", "icl_in_task", "icl_cross_task", "cast", "random_direction"]
    sizes = {"examples": 32, "dev_items": 12, "test_items": 40, "max_new_tokens": 8}
    return make_config(names | {"arms": arms, "strengths": [1, 2]} | sizes)


def of_blocks(lens: Lens) -> Iterator[Exhibit]:
    """Every block: diagnosis, parallelism, what the vector is made of, probes."""
    base = {"selector": "random", "examples": 24, "targets": ["singular_plural"]}
    one = make_config(
        {**base, "sources": ["country_capital"], "layers": "all", "dev_items": 20, "test_items": 40}
    )
    yield diagnosis_page(diagnose(lens, one))
    words = sorted(folder.name for folder in (BUNDLED / "words").iterdir())
    found = parallel_tasks(lens, make_config({**base, "sources": words, "layers": [5, 13, 20, 26]}))
    yield parallel_course(found.blocks, lens.name)
    yield replace(parallel_matrices(found.blocks[2], lens.name), stem="parallel_matrices")
    many = make_config({**base, "sources": WORDS})
    yield mixture_bars(made_of(lens, find_tasks("bundled", [TASK])[0], many))
    tasks = find_tasks("bundled", WORDS)
    trained = read_rows(lens, tasks, many)
    untrained = read_rows(random_weights(lens), tasks, many)
    yield probe_curve(probe_rows(trained, "task", untrained=untrained))
    feelings = read_rows(lens, find_tasks("bundled", FEELINGS), many)
    yield probe_curve(probe_rows(feelings, "label"))
    transfers = transfer_rows(feelings, "label")
    yield replace(transfer_map(transfers[len(transfers) // 2]), stem="probe_transfer")


def of_geometry(lens: Lens) -> Iterator[Exhibit]:
    """States on maps, and how alike they are."""
    states = read_labelled(lens, find_tasks("bundled", WORDS), layers=[5, 15, 22, 28])
    yield replace(state_map(states, map_states(states, 22, "pca"), 22), stem="map_pca")
    yield replace(state_map(states, map_states(states, 22, "umap"), 22), stem="map_umap")
    yield replace(state_map(states, map_states(states, 22, "pca", 3), 22), stem="map_pca_3d")
    yield replace(moving_map(states, map_blocks(states, "pca")), stem="map_moving")
    some = find_tasks("bundled", [MIXED])
    apart = differences(read_labelled(lens, some, queries=60, layers=[SITE], answers=True))
    drawn = state_map(apart, map_states(apart, SITE, "pca"), SITE, "correct")
    yield replace(drawn, stem="map_differences")
    own = [group for group in states.groups() if group.task == TASK]
    yield similarity_map(cka_grid(states, own, own))


def of_steering(lens: Lens) -> Iterator[Exhibit]:
    """One vector: what it makes the model say, how much is too much, how many examples it takes."""
    (task,) = find_tasks("bundled", [TASK])
    few, zero = read_both(lens, task, SITE)
    v = mean_vector(few, zero, layer=SITE)
    other = placebo(v, seed=0)
    variants = {"plain": None, "steered": Injection(v), "placebo": Injection(other)}
    items = task.test[:40]
    asked, right = [zero_shot(task, item) for item in items], [item.label for item in items]
    yield readout_map(readout(lens, asked[0], right[0], variants))
    means = {name: mean_readout(lens, asked, right, one) for name, one in variants.items()}
    yield mean_readout_curves(means)
    yield direction_tokens(logit_lens(lens, v), logit_lens(lens, other))
    (other_task,) = find_tasks("bundled", [LANDMARK])
    own = mean_vector(*read_both(lens, other_task, LANDMARK_SITE), layer=LANDMARK_SITE)
    items, strengths = other_task.test[:40], [0, 0.25, 0.5, 1, 1.5, 2, 3, 4]
    yield replace(
        dose_figure(dose_curve(lens, other_task, own, strengths, items=items)), stem="dose"
    )
    (stable,) = vector_stability(contrast(few, zero), [1, 2, 4, 8, 16, 32])
    points = [p for p in load_curves(RUN) if p.source == TASK and p.kind == "examples"]
    yield replace(examples_curve(points, stable), stem="examples")
    pool, config = task.train, run_settings()
    rows = embeddings_of(lens, config, task, pool)
    texts, labels = [e.input for e in pool], [e.label for e in pool]
    yield selection_map(select(config, rows, pool, 16), rows, texts, labels, TASK)


def read_both(lens: Lens, task: Task, layer: int) -> tuple[ResidualStates, ResidualStates]:
    """Few-shot and zero-shot states of the same 64 examples."""
    chosen = sample_examples(task.train, 64, seed=0)
    shots = [few_shot(task, q, draw_demonstrations(chosen, q, 4, seed=0)) for q in chosen]
    zero = [zero_shot(task, q) for q in chosen]
    return read_residual(lens, shots, layers=[layer]), read_residual(lens, zero, layers=[layer])


def index(exhibits: Sequence[Exhibit]) -> str:
    """All figures with their captions, as Markdown."""
    parts = [
        "# Gallery\n\nDrawn by `make figures` on SmolLM2-135M-Instruct; see provenance.json.\n"
    ]
    for one in exhibits:
        title, below = headings(one.figure)
        said = f"{below}. {one.caption}".lstrip(". ")
        parts.append(f"## {title}\n\n![{one.alt}]({one.stem}.png)\n\n{said}\n")
    return "\n".join(parts)


def main() -> None:
    """Draw everything, copy the images, say what they rest on."""
    lens = load_lens("smollm2-135m")
    parts = (of_the_run(), of_blocks(lens), of_geometry(lens), of_steering(lens))
    exhibits = [one for part in parts for one in part]
    write_bundles(exhibits, PAGES, png_scale=PNG_SCALE)
    for exhibit in exhibits:
        shutil.copy(PAGES / f"{exhibit.stem}.png", HERE)
    (HERE / "README.md").write_text(index(exhibits), encoding="utf-8")
    provenance = {
        "command": "make figures",
        "model": lens.name,
        "model_fingerprint": lens.fingerprint,
        "versions": versions(),
        "figures": {exhibit.stem: exhibit.caption for exhibit in exhibits},
    }
    (HERE / "provenance.json").write_text(json.dumps(provenance, indent=2) + "\n")


if __name__ == "__main__":
    main()
