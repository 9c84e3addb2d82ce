"""The space of a search: the values of hyper-parameters that may be tried, checked before any trial."""

from collections.abc import Mapping
from math import remainder
from typing import Any

import pandas as pd

from lifecycle.core.errors import PipelineError
from lifecycle.core.params import Dimension, TrainParams
from lifecycle.models.families import build, family_named
from lifecycle.models.training import train_model
from lifecycle.problem.problem import Problem, Task

Values = dict[str, Any]


def distributions(space: Mapping[str, Dimension]) -> dict[str, Any]:
    """Return the space as Optuna's distributions."""
    from optuna.distributions import CategoricalDistribution, FloatDistribution, IntDistribution

    def distribution(dimension: Dimension) -> Any:
        if dimension.choices is not None:
            return CategoricalDistribution(dimension.choices)
        fields: dict[str, Any] = dimension.model_dump(exclude={"choices"})
        whole = _is_whole(dimension)
        return IntDistribution(**fields | {"step": dimension.step or 1}) if whole else FloatDistribution(**fields)

    return {name: distribution(dimension) for name, dimension in space.items()}


def starting_point(train: TrainParams, task: Task, space: Mapping[str, Dimension], features: pd.DataFrame) -> Values:
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
            raise PipelineError(f"{place}: {train.model} has no such parameter; it has: {', '.join(defaults)}")
        if name not in train.hyperparameters:
            raise PipelineError(
                f"{place}: the search starts from train.{name}, and there is none; its default is {defaults[name]}"
            )
        present = train.hyperparameters[name]
        if not _allows(dimension, present):
            kind = "" if dimension.choices is not None or _is_whole(dimension) else " (write it with a point)"
            raise PipelineError(f"{place}: the search starts from train.{name} = {present!r}, allow it there{kind}")
    return {name: train.hyperparameters[name] for name in space}


def probe(train: TrainParams, space: Mapping[str, Dimension], problem: Problem, rows: pd.DataFrame) -> None:
    """Fit a few rows with both ends of each range and with each choice; raise for a value that the model refuses."""
    sample = rows.groupby(problem.target).head(50)
    for name, dimension in space.items():
        for value in dimension.choices or [dimension.low, dimension.high]:
            try:
                train_model(train.model_copy(update={name: value}), problem, sample)
            except PipelineError as error:
                raise PipelineError(f"params.yaml: tune.space.{name}: {value!r} is refused: {error}") from error


def legible(drawn: Values, space: Mapping[str, Dimension], present: Values) -> Values:
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
