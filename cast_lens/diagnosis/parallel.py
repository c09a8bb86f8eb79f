"""Are the difference vectors of several tasks parallel, and is that more than text before?"""

from __future__ import annotations

from cast_lens.analysis.cosines.measure import FEWEST_EXAMPLES
from cast_lens.analysis.cosines.records import RAW, CosineMatrices
from cast_lens.errors import ConfigError
from cast_lens.experiment.cells import Cells
from cast_lens.experiment.config import CastConfig, Selector
from cast_lens.experiment.parallel import NULLS, block_of
from cast_lens.experiment.sources import read_source
from cast_lens.model.lens import Lens
from cast_lens.progress import progress_bar
from cast_lens.records import Record, Rows, as_row
from cast_lens.tasks.find import find_tasks
from cast_lens.tasks.task import Task


class ParallelTasks(Record):
    """The finding on one model.

    Attributes:
        model, model_fingerprint: what was read.
        n_layers: blocks it has.
        shots: demonstrations in a few-shot prompt.
        selector: how each task's examples were chosen.
        seed: of every draw.
        tasks: fingerprints by name.
        blocks: one record a block, ascending.
    """

    model: str
    model_fingerprint: str
    n_layers: int
    shots: int
    selector: Selector
    seed: int
    tasks: dict[str, str]
    blocks: tuple[CosineMatrices, ...]

    def as_rows(self) -> Rows:
        """One row a block: raw cosines, means over pairs of tasks; see `CosineMatrices`."""
        return [
            as_row(
                {"layer": block.layer, "flips_p": block.flips_p, "random_band": block.random_band}
                | {one.whose: one.mean for one in block.cosines if one.kind == RAW}
                | {"above": block.against}
            )
            for block in self.blocks
        ]


def parallel_tasks(lens: Lens, config: CastConfig) -> ParallelTasks:
    """Measure how parallel the vectors of `config.sources` are after every searched block.

    The arms of the settings do not matter: read are the plain few-shot and zero-shot states and
    those of both nulls. Random directions have the covariance of all tasks' zero-shot states.

    Raises:
        CastLensError: when a task is not there, there are fewer than two, or one has too few
            examples; when a block is not in the model.
    """
    if len(config.sources) < 2:
        raise ConfigError("Cosines between tasks need at least two tasks.", "Name more of them.")
    tasks = find_tasks(config.tasks, config.sources)
    for task in tasks:
        _check_size(config, task)
    for layer in config.layers_of(lens.n_layers):
        lens.hook_name(layer)
    config = config.model_copy(update={"arms": ("zero_shot", "cast", *NULLS)})
    digests = {task.name: task.fingerprint() for task in tasks}
    if len(digests) < len(tasks):
        raise ConfigError("Two of the tasks have the same name in task.toml.")
    cells = Cells(None, lens, config, digests)
    layers = config.layers_of(lens.n_layers)
    sources, blocks = [], []
    with progress_bar(len(tasks) + len(layers), "parallelism", unit="stage") as bar:
        for task in tasks:
            sources.append(read_source(lens, config, task, cells))
            bar.update()
        for layer in layers:
            blocks.append(block_of(sources, layer, config.seed))
            bar.update()
    return ParallelTasks(
        model=lens.name,
        model_fingerprint=lens.fingerprint,
        n_layers=lens.n_layers,
        shots=config.shots,
        selector=config.selector,
        seed=config.seed,
        tasks=digests,
        blocks=tuple(blocks),
    )


def _check_size(config: CastConfig, task: Task) -> None:
    fixed = config.shots if config.demonstrations == "fixed" else 0
    pool = min(config.examples, len(task.train) - fixed)
    fewest = max(FEWEST_EXAMPLES, 0 if fixed else config.shots + 1)
    if pool < fewest:
        raise ConfigError(
            f"{task.name}: {pool} examples, but {config.shots} shots need at least {fewest}.",
            "Raise examples, lower shots, or leave the task out.",
        )
