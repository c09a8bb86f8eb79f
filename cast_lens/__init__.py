"""cast_lens: cross-task activation steering transfer, read, carried over, put back and tested.

The public names are below; each is loaded from its module when first used, so that importing the
package costs nothing.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from cast_lens.analysis.comparisons import compare_paired as compare_paired
    from cast_lens.analysis.estimates import Estimate as Estimate
    from cast_lens.analysis.estimates import proportion as proportion
    from cast_lens.analysis.selection.choice import Selection as Selection
    from cast_lens.analysis.selection.choice import select_examples as select_examples
    from cast_lens.diagnosis.diagnose import diagnose as diagnose
    from cast_lens.diagnosis.diagnosed import Diagnosis as Diagnosis
    from cast_lens.diagnosis.dose import dose_curve as dose_curve
    from cast_lens.diagnosis.dose import largest_safe as largest_safe
    from cast_lens.diagnosis.geometry import map_blocks as map_blocks
    from cast_lens.diagnosis.geometry import map_states as map_states
    from cast_lens.diagnosis.geometry import read_labelled as read_labelled
    from cast_lens.diagnosis.made_of import made_of as made_of
    from cast_lens.diagnosis.parallel import parallel_tasks as parallel_tasks
    from cast_lens.diagnosis.probes import probe_layers as probe_layers
    from cast_lens.diagnosis.readout import logit_lens as logit_lens
    from cast_lens.diagnosis.readout import mean_readout as mean_readout
    from cast_lens.diagnosis.readout import readout as readout
    from cast_lens.diagnosis.stability import vector_stability as vector_stability
    from cast_lens.diagnosis.try_one import Trial as Trial
    from cast_lens.diagnosis.try_setting import Setting as Setting
    from cast_lens.errors import CastLensError as CastLensError
    from cast_lens.experiment.claims import claim_cards as claim_cards
    from cast_lens.experiment.config import CastConfig as CastConfig
    from cast_lens.experiment.config import make_config as make_config
    from cast_lens.experiment.config import read_config as read_config
    from cast_lens.experiment.grid import finish_run as finish_run
    from cast_lens.experiment.record import CastResult as CastResult
    from cast_lens.experiment.run import run_cast as run_cast
    from cast_lens.experiment.store import load_run as load_run
    from cast_lens.experiment.store import save_run as save_run
    from cast_lens.figures.bundle import write_bundles as write_bundles
    from cast_lens.figures.diagnosis import diagnosis_page as diagnosis_page
    from cast_lens.figures.of_run import run_exhibits as run_exhibits
    from cast_lens.figures.parallel_course import parallel_course as parallel_course
    from cast_lens.figures.selection import selection_map as selection_map
    from cast_lens.model.catalog import named_model as named_model
    from cast_lens.model.lens import Lens as Lens
    from cast_lens.model.load import load_lens as load_lens
    from cast_lens.model.planted import planted as planted
    from cast_lens.model.random_weights import random_weights as random_weights
    from cast_lens.model.tiny import tiny_lens as tiny_lens
    from cast_lens.model.tokens import Tokens as Tokens
    from cast_lens.model.tokens import tokenise as tokenise
    from cast_lens.prompts.demonstrations import draw_demonstrations as draw_demonstrations
    from cast_lens.prompts.demonstrations import sample_examples as sample_examples
    from cast_lens.prompts.prompt import Prompt as Prompt
    from cast_lens.prompts.prompt import cross_task as cross_task
    from cast_lens.prompts.prompt import few_shot as few_shot
    from cast_lens.prompts.prompt import zero_shot as zero_shot
    from cast_lens.records import to_frame as to_frame
    from cast_lens.report.page import report_page as report_page
    from cast_lens.score.generation import generate as generate
    from cast_lens.score.generation import parse_answer as parse_answer
    from cast_lens.score.labels import AnswerScores as AnswerScores
    from cast_lens.score.labels import LabelScores as LabelScores
    from cast_lens.score.labels import score_answers as score_answers
    from cast_lens.score.labels import score_labels as score_labels
    from cast_lens.steer.injection import Injection as Injection
    from cast_lens.steer.injection import steering as steering
    from cast_lens.steer.residual import read_residual as read_residual
    from cast_lens.steer.residual import residual_moments as residual_moments
    from cast_lens.steer.states import ResidualStates as ResidualStates
    from cast_lens.steer.states import contrast as contrast
    from cast_lens.steer.vectors import SteeringVector as SteeringVector
    from cast_lens.steer.vectors import load_vectors as load_vectors
    from cast_lens.steer.vectors import mean_state as mean_state
    from cast_lens.steer.vectors import mean_vector as mean_vector
    from cast_lens.steer.vectors import placebo as placebo
    from cast_lens.steer.vectors import save_vectors as save_vectors
    from cast_lens.tasks.check import check_task as check_task
    from cast_lens.tasks.find import find_tasks as find_tasks
    from cast_lens.tasks.reader import BUNDLED as BUNDLED
    from cast_lens.tasks.reader import read_task as read_task
    from cast_lens.tasks.reader import read_tasks as read_tasks
    from cast_lens.tasks.task import Example as Example
    from cast_lens.tasks.task import Task as Task
    from cast_lens.widgets.app import workbench as workbench

_HOMES = {
    "analysis.comparisons": "compare_paired",
    "analysis.estimates": "Estimate proportion",
    "analysis.selection.choice": "Selection select_examples",
    "diagnosis.diagnose": "diagnose",
    "diagnosis.diagnosed": "Diagnosis",
    "diagnosis.dose": "dose_curve largest_safe",
    "diagnosis.geometry": "map_blocks map_states read_labelled",
    "diagnosis.made_of": "made_of",
    "diagnosis.parallel": "parallel_tasks",
    "diagnosis.probes": "probe_layers",
    "diagnosis.readout": "logit_lens mean_readout readout",
    "diagnosis.stability": "vector_stability",
    "diagnosis.try_one": "Trial",
    "diagnosis.try_setting": "Setting",
    "errors": "CastLensError",
    "experiment.claims": "claim_cards",
    "experiment.config": "CastConfig make_config read_config",
    "experiment.grid": "finish_run",
    "experiment.record": "CastResult",
    "experiment.run": "run_cast",
    "experiment.store": "load_run save_run",
    "figures.bundle": "write_bundles",
    "figures.diagnosis": "diagnosis_page",
    "figures.of_run": "run_exhibits",
    "figures.parallel_course": "parallel_course",
    "figures.selection": "selection_map",
    "model.catalog": "named_model",
    "model.lens": "Lens",
    "model.load": "load_lens",
    "model.planted": "planted",
    "model.random_weights": "random_weights",
    "model.tiny": "tiny_lens",
    "model.tokens": "Tokens tokenise",
    "prompts.demonstrations": "draw_demonstrations sample_examples",
    "prompts.prompt": "Prompt cross_task few_shot zero_shot",
    "records": "to_frame",
    "report.page": "report_page",
    "score.generation": "generate parse_answer",
    "score.labels": "AnswerScores LabelScores score_answers score_labels",
    "steer.injection": "Injection steering",
    "steer.residual": "read_residual residual_moments",
    "steer.states": "ResidualStates contrast",
    "steer.vectors": "SteeringVector load_vectors mean_state mean_vector placebo save_vectors",
    "tasks.check": "check_task",
    "tasks.find": "find_tasks",
    "tasks.reader": "BUNDLED read_task read_tasks",
    "tasks.task": "Example Task",
    "widgets.app": "workbench",
}
_HOME_OF = {name: home for home, names in _HOMES.items() for name in names.split()}

__all__ = sorted(_HOME_OF)  # noqa: PLE0605 - the names are all in the table above


def __getattr__(name: str) -> Any:
    if name not in _HOME_OF:
        raise AttributeError(f"module 'cast_lens' has no attribute {name!r}")
    return getattr(import_module(f"cast_lens.{_HOME_OF[name]}"), name)


def __dir__() -> list[str]:
    return [*globals(), *_HOME_OF]
