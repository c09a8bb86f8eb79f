"""Settings of a run: a TOML file, overridden from the command line, checked before it starts."""

from __future__ import annotations

import difflib
import math
import tomllib
from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any, Literal, get_args

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, ValidationError
from pydantic_core import ErrorDetails

from cast_lens.errors import ConfigError
from cast_lens.model.lens import Backend
from cast_lens.prompts.prompt import Template
from cast_lens.score.generation import MAX_NEW_TOKENS
from cast_lens.steer.injection import Policy, Rule

Arm = Literal[
    "zero_shot",
    "icl_in_task",
    "icl_cross_task",
    "cast",
    "few_only",
    "mean_centred",
    "task_vector",
    "shuffled_labels",
    "irrelevant_demos",
    "random_direction",
    "opposite",
]
ARMS: tuple[Arm, ...] = get_args(Arm)
Selector = Literal[
    "cast",
    "ideal",
    "vote_k",
    "k_center",
    "facility_location",
    "influence",
    "diverse",
    "random",
]
COARSE_LAYERS = 8
LARGEST_STRENGTH = 1e6  # more leaves float32 within a few blocks
COARSE_DEPTHS = (0.3, 0.95)


def _sane(value: float) -> float:
    if not math.isfinite(value):
        raise ValueError("must be a finite number")
    if abs(value) > LARGEST_STRENGTH:
        raise ValueError(f"must lie between -{LARGEST_STRENGTH:g} and {LARGEST_STRENGTH:g}")
    return value


def _distinct(values: tuple[Any, ...]) -> tuple[Any, ...]:
    if len(set(values)) != len(values):
        raise ValueError("holds a value twice")
    return values


Strength = Annotated[float, AfterValidator(_sane)]
Names = Annotated[tuple[str, ...], Field(min_length=1), AfterValidator(_distinct)]
Layer = Annotated[int, Field(ge=0)]
Counts = Annotated[
    tuple[Annotated[int, Field(ge=1)], ...], Field(min_length=1), AfterValidator(_distinct)
]
CurveKind = Literal["layers", "examples", "shots", "instructions"]


class CastConfig(BaseModel):
    """Everything that decides a run's numbers.

    Attributes:
        model: short name, hub id, folder or GGUF file; see `load_lens`.
        tasks: `bundled`, `hub:cross_domain`, `hub:cross_lingual`, or a folder of task folders.
        sources, targets: task names; a source may be a target.
        arms: which to run; `zero_shot` is always among them, since all others are compared to it.
        shots: demonstrations in a few-shot prompt (K).
        demonstrations: `drawn` for each query, or one `fixed` set for the whole task, which is
            cheaper, since all prompts then begin alike.
        examples: source examples the vector is a mean over (N); fewer where the source has fewer.
        selector: how they are chosen; see `select_examples`. Nothing is embedded for `random`, nor
            where all of a source's examples are taken.
        embeddings: what selectors compare examples by: `minilm`, another sentence encoder's folder
            or hub id, or `model` for the model's own mean-pooled middle states.
        alpha, gamma, diffusion_steps: of the selectors that read them.
        seed: of every draw.
        template: plain text, or the model's chat template.
        layers: blocks to search: `coarse` (eight between depth 0.3 and 0.95), `all`, or a list.
        strengths: multipliers to search.
        policy, rule: where and how the vector is written; see `Injection`.
        random_directions: how many placebos, each searched as widely as the method.
        dev_items, test_items: how many items of the target to use; all when None.
        max_new_tokens: bound on a generated answer.
        curves: what to vary beside the arms, on test, at the site chosen on dev: `layers`, the
            number of source `examples` and how they are selected, the number of `shots`, the
            target's `instructions` (see `REWORDED` of curves).
        curve_examples, curve_shots: the numbers tried.
        curve_seeds: how many random choices of source examples are compared with the selector's.
        smallest_gain: difference in accuracy below which a claim is not worth making.
        smallest_cosine: the same for cosines. Both are fixed before the run, for its claim cards.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    model: str = "smollm2-135m"
    backend: Backend = "bridge"
    device: str | None = None
    dtype: Literal["float32", "bfloat16", "float16"] = "float32"
    tasks: str = "bundled"
    sources: Names
    targets: Names
    arms: Annotated[tuple[Arm, ...], AfterValidator(_distinct)] = ARMS
    shots: Annotated[int, Field(ge=1, le=64)] = 4
    demonstrations: Literal["drawn", "fixed"] = "drawn"
    examples: Annotated[int, Field(ge=1, le=100_000)] = 64
    selector: Selector = "cast"
    embeddings: str = "minilm"
    alpha: Annotated[float, Field(ge=0, le=1)] = 0.5
    gamma: Annotated[float, Field(gt=0, le=1)] = 0.8
    diffusion_steps: Annotated[int, Field(ge=1, le=100)] = 3
    seed: Annotated[int, Field(ge=0)] = 0
    template: Template = "plain"
    layers: (
        Literal["coarse", "all"]
        | Annotated[tuple[Layer, ...], Field(min_length=1), AfterValidator(_distinct)]
    ) = "coarse"
    strengths: Annotated[tuple[Strength, ...], Field(min_length=1), AfterValidator(_distinct)] = (
        0.5,
        1.0,
        2.0,
    )
    policy: Policy = "prompt_last"
    rule: Rule = "add"
    random_directions: Annotated[int, Field(ge=1, le=100)] = 3
    dev_items: Annotated[int, Field(ge=2)] | None = 40
    test_items: Annotated[int, Field(ge=2)] | None = None
    max_new_tokens: Annotated[int, Field(ge=1, le=512)] = MAX_NEW_TOKENS
    curves: Annotated[tuple[CurveKind, ...], AfterValidator(_distinct)] = ()
    curve_examples: Counts = (1, 2, 4, 8, 16, 32, 64)
    curve_shots: Counts = (1, 2, 4, 8)
    curve_seeds: Annotated[int, Field(ge=1, le=100)] = 5
    smallest_gain: Annotated[float, Field(gt=0, le=1)] = 0.1
    smallest_cosine: Annotated[float, Field(gt=0, le=1)] = 0.1

    def layers_of(self, n_layers: int) -> tuple[int, ...]:
        """The blocks to search in a model of `n_layers` blocks."""
        if self.layers == "all":
            return tuple(range(n_layers))
        if self.layers == "coarse":
            low, high = COARSE_DEPTHS
            step = (high - low) / (COARSE_LAYERS - 1)
            depths = [low + i * step for i in range(COARSE_LAYERS)]
            return tuple(sorted({round(depth * (n_layers - 1)) for depth in depths}))
        return tuple(sorted(self.layers))


def make_config(settings: Mapping[str, Any], where: str = "settings") -> CastConfig:
    """Check settings.

    Args:
        settings: by name.
        where: what to call them in an error, for example the file's name.

    Raises:
        ConfigError: naming the first unknown or wrong setting, with the nearest known name.
    """
    for name in settings:
        if name not in CastConfig.model_fields:
            near = difflib.get_close_matches(name, CastConfig.model_fields, n=1, cutoff=0.0)
            raise ConfigError(f"{where}: unknown setting {name!r}.", f"Did you mean {near[0]!r}?")
    try:
        return CastConfig.model_validate(dict(settings))
    except ValidationError as error:
        fault = _most_telling(error)
        name = str(fault["loc"][0])
        message = fault["msg"].removeprefix("Value error, ")
        if fault["type"] == "missing":
            raise ConfigError(
                f"{where}: {name} is not set.", f"Set {name} in the file or with --{name}."
            ) from None
        given = repr(fault["input"])[:80]
        raise ConfigError(f"{where}: {name} = {given}: {message}.") from None


def _most_telling(error: ValidationError) -> ErrorDetails:
    """The first fault; where a list was given and words too are allowed, what is wrong in it."""
    first, *others = error.errors()
    if first["type"] != "literal_error" or isinstance(first["input"], str):
        return first
    return next((one for one in others if one["loc"][0] == first["loc"][0]), first)


def read_config(path: Path | None, overrides: Mapping[str, Any]) -> CastConfig:
    """Read a TOML file, if any, and lay overrides over it.

    Raises:
        ConfigError: when the file cannot be read or a setting is unknown or wrong.
    """
    settings: dict[str, Any] = {}
    if path is not None:
        try:
            settings = tomllib.loads(path.read_text(encoding="utf-8"))
        except FileNotFoundError:
            raise ConfigError(f"{path}: no such file.") from None
        except OSError as error:
            raise ConfigError(f"{path}: cannot be read ({error.strerror}).") from error
        except (ValueError, RecursionError) as error:  # tomllib lets more than its own through
            raise ConfigError(f"{path}: cannot be read as TOML ({error}).") from error
    given = {name: value for name, value in overrides.items() if value is not None}
    return make_config(settings | given, str(path) if path else "settings")
