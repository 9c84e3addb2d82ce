"""The space of a search: the values of hyper-parameters that may be tried, checked before any trial."""

from collections.abc import Mapping
from math import remainder
from typing import Any

import pandas as pd

from lifecycle.core.errors import PipelineError
from lifecycle.core.params import Dimension, TrainParams, TuneParams
from lifecycle.models.families import build, family_named
from lifecycle.models.training import train_model
from lifecycle.problem.problem import Problem, Task

Values = dict[str, Any]
Space = Mapping[str, Dimension]


def spaces(train: TrainParams, tune: TuneParams, task: Task) -> list[tuple[TrainParams, Space]]:
    """Return what is searched: the present model, then each further family from its defaults; each with its space.

    Raises
    ------
    PipelineError
        There is no such family, it is not for the task, or nothing can be searched.
    """
    found = [(train, tune.space) if tune.space else _own_space(train, task)]
    for name in dict.fromkeys(tune.models):
        plain = TrainParams(model=name, seed=train.seed, exclude_features=train.exclude_features)
        if name != train.model:
            try:
                found.append(_own_space(plain, task))
            except PipelineError as error:
                raise PipelineError(f"params.yaml: tune.models: {error}") from error
    if len(found) == 1 and not found[0][1]:
        raise PipelineError(f"params.yaml: tune.space: {train.model} brings no space of its own; say what to search")
    return found


def _own_space(train: TrainParams, task: Task) -> tuple[TrainParams, Space]:
    """Return params that say every value that the family's own space starts from, and this space."""
    family = family_named(train.model, task)
    defaults = family.hyperparameters(task)
    unsaid = {name: defaults[name] for name in family.space if name not in train.hyperparameters}
    return train.model_copy(update=unsaid), family.space


def distributions(space: Space) -> dict[str, Any]:
    """Return the space as Optuna's distributions."""
    from optuna.distributions import CategoricalDistribution, FloatDistribution, IntDistribution

    def distribution(dimension: Dimension) -> Any:
        if dimension.choices is not None:
            return CategoricalDistribution(dimension.choices)
        fields: dict[str, Any] = dimension.model_dump(exclude={"choices"})
        whole = _is_whole(dimension)
        return IntDistribution(**fields | {"step": dimension.step or 1}) if whole else FloatDistribution(**fields)

    return {name: distribution(dimension) for name, dimension in space.items()}


def starting_point(train: TrainParams, task: Task, space: Space, features: pd.DataFrame) -> Values:
    """Return the present values of the hyper-parameters that are searched.

    Raises
    ------
    PipelineError
        The model has no such hyper-parameter, the block train does not set it, or its value is outside of the range.
    """
    build(train.model, task, train.seed, train.hyperparameters, features)  # refuses a wrong block train
    defaults = family_named(train.model, task).hyperparameters(task)
    for name, dimension in space.items():
        place = f"params.yaml: tune.space.{name}"
        if name not in defaults:
            raise PipelineError(
                f"{place}: {train.model} has no such parameter; it has: {', '.join(defaults)}."
                " Write tune.space: {} to search the family's own space"
            )
        if name not in train.hyperparameters:
            raise PipelineError(
                f"{place}: the search starts from train.{name}, and there is none; its default is {defaults[name]}"
            )
        present = train.hyperparameters[name]
        if not _allows(dimension, present):
            kind = "" if dimension.choices is not None or _is_whole(dimension) else " (write it with a point)"
            raise PipelineError(f"{place}: the search starts from train.{name} = {present!r}, allow it there{kind}")
    return {name: train.hyperparameters[name] for name in space}


def probe(train: TrainParams, space: Space, problem: Problem, rows: pd.DataFrame) -> None:
    """Fit a few rows with both ends of each range and with each choice; raise for a value that the model refuses."""
    sample = rows.groupby(problem.target).head(50) if problem.class_names else rows.iloc[:: max(1, len(rows) // 100)]
    for name, dimension in space.items():
        for value in dimension.choices or [dimension.low, dimension.high]:
            try:
                train_model(train.model_copy(update={name: value}), problem, sample)
            except PipelineError as error:
                raise PipelineError(f"params.yaml: tune.space.{name}: {value!r} is refused: {error}") from error


def legible(drawn: Values, space: Space, present: Values) -> Values:
    """Round the values that a sampler draws: to multiples of the step where there is one, else to three digits.

    >>> legible({"rate": 0.0714321}, {"rate": Dimension(low=0.01, high=0.3, log=True)}, {"rate": 0.05})
    {'rate': 0.0714}
    """
    return {name: value if value == present[name] else _rounded(value, space[name]) for name, value in drawn.items()}


def _rounded(value: Any, dimension: Dimension) -> Any:
    if not isinstance(value, float) or dimension.low is None or dimension.high is None:
        return value
    if dimension.step:
        return round(value, 10)
    return min(max(float(f"{value:.3g}"), float(dimension.low)), float(dimension.high))


def _is_whole(dimension: Dimension) -> bool:
    """Return whether it is a range of integers: none of its numbers has a point."""
    return not any(isinstance(number, float) for number in (dimension.low, dimension.high, dimension.step))


def _allows(dimension: Dimension, value: Any) -> bool:
    """Return whether the search may try a value. 1 is not 1.0: one feature is not all of them."""
    if dimension.choices is not None:
        return any(type(value) is type(choice) and value == choice for choice in dimension.choices)
    low, high, step = dimension.low, dimension.high, dimension.step
    if low is None or high is None or type(value) is not (int if _is_whole(dimension) else float):
        return False
    return low <= value <= high and (step is None or abs(remainder(value - low, step)) < 1e-9)
