"""Draw the gallery of the README on the default model: `make figures`.

It takes the tour (kept in runs/tour, gone on with where it was stopped) and some minutes of
reading. Each PNG is copied beside this file, with what it rests on in provenance.json.
"""

from __future__ import annotations

import json
import shutil
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

from cast_lens import (
    Injection,
    Lens,
    draw_demonstrations,
    few_shot,
    load_lens,
    make_config,
    mean_vector,
    placebo,
    read_config,
    read_residual,
    sample_examples,
    zero_shot,
)
from cast_lens.diagnosis.diagnose import diagnose
from cast_lens.diagnosis.dose import dose_curve
from cast_lens.diagnosis.geometry import map_blocks, map_states, read_labelled
from cast_lens.diagnosis.grids import cka_grid
from cast_lens.diagnosis.made_of import made_of
from cast_lens.diagnosis.parallel import parallel_tasks
from cast_lens.diagnosis.probes import probe_rows, read_rows
from cast_lens.diagnosis.readout import readout
from cast_lens.experiment.grid import finish_run
from cast_lens.experiment.machine import versions
from cast_lens.experiment.presets import preset_file
from cast_lens.figures.bundle import write_bundles
from cast_lens.figures.diagnosis import diagnosis_page
from cast_lens.figures.exhibit import Exhibit
from cast_lens.figures.geometry import moving_map, state_map
from cast_lens.figures.grids import similarity_map
from cast_lens.figures.mixture import mixture_bars
from cast_lens.figures.of_run import run_exhibits
from cast_lens.figures.parallel_course import parallel_course
from cast_lens.figures.parallelism import parallel_matrices
from cast_lens.figures.probing import probe_curve
from cast_lens.figures.readout import readout_map
from cast_lens.figures.sweeps import dose_figure
from cast_lens.model.random_weights import random_weights
from cast_lens.tasks.find import find_tasks

RUN, PAGES, HERE = Path("runs/tour"), Path("runs/gallery"), Path(__file__).parent
WORDS = ["present_past", "singular_plural", "country_capital", "en_fr"]
OF_RUN = {"gains", "search_1_present_past_from_1"}


def of_the_run() -> Iterator[Exhibit]:
    """Of what the tour allows to draw: gains beside their placebos, and one search that works."""
    finish_run(read_config(preset_file("tour"), {}), RUN)
    yield from (exhibit for exhibit in run_exhibits(RUN) if exhibit.stem in OF_RUN)


def of_blocks(lens: Lens) -> Iterator[Exhibit]:
    """Every block: diagnosis, parallelism, what the vector is made of, probes."""
    base = {"selector": "random", "examples": 24, "targets": ["singular_plural"]}
    one = make_config(
        {**base, "sources": ["country_capital"], "layers": "all", "dev_items": 20, "test_items": 40}
    )
    yield diagnosis_page(diagnose(lens, one))
    many = make_config({**base, "sources": WORDS})
    found = parallel_tasks(lens, many)
    yield parallel_course(found.blocks, lens.name)
    yield parallel_matrices(found.blocks[len(found.blocks) // 2], lens.name)
    yield mixture_bars(made_of(lens, find_tasks("bundled", ["present_past"])[0], many))
    tasks = find_tasks("bundled", WORDS)
    trained = read_rows(lens, tasks, many)
    untrained = read_rows(random_weights(lens), tasks, many)
    yield probe_curve(probe_rows(trained, "task", untrained=untrained))


def of_geometry(lens: Lens) -> Iterator[Exhibit]:
    """States on maps, and how alike they are."""
    states = read_labelled(lens, find_tasks("bundled", WORDS), layers=[5, 15, 22, 28])
    yield replace(state_map(states, map_states(states, 22, "pca"), 22), stem="map_pca")
    yield replace(state_map(states, map_states(states, 22, "umap"), 22), stem="map_umap")
    yield replace(state_map(states, map_states(states, 22, "pca", 3), 22), stem="map_pca_3d")
    yield replace(moving_map(states, map_blocks(states, "pca")), stem="map_moving")
    own = [group for group in states.groups() if group.task == "present_past"]
    yield similarity_map(cka_grid(states, own, own))


def of_steering(lens: Lens) -> Iterator[Exhibit]:
    """One vector: what it makes the model say, and how much of it is too much."""
    (task,) = find_tasks("bundled", ["present_past"])
    chosen = sample_examples(task.train, 24, seed=0)
    shots = [few_shot(task, q, draw_demonstrations(chosen, q, 4, seed=0)) for q in chosen]
    zero = [zero_shot(task, q) for q in chosen]
    v = mean_vector(read_residual(lens, shots), read_residual(lens, zero), layer=22)
    item = task.test[0]
    variants = {"plain": None, "steered": Injection(v), "placebo": Injection(placebo(v, seed=0))}
    yield readout_map(readout(lens, zero_shot(task, item), item.label, variants))
    strengths = [0, 0.25, 0.5, 0.75, 1, 1.5, 2, 3, 4]
    yield dose_figure(dose_curve(lens, task, v, strengths, items=task.test[:40]))


def main() -> None:
    """Draw everything, copy the images, say what they rest on."""
    lens = load_lens("smollm2-135m")
    exhibits = [*of_blocks(lens), *of_geometry(lens), *of_steering(lens), *of_the_run()]
    write_bundles(exhibits, PAGES)
    for exhibit in exhibits:
        shutil.copy(PAGES / f"{exhibit.stem}.png", HERE)
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
