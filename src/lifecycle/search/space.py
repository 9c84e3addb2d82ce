"""The space of a search: values of the present model's hyper-parameters, checked before any trial."""

from collections.abc import Mapping
from math import remainder
from typing import Any

import pandas as pd

from lifecycle.core.errors import PipelineError
from lifecycle.core.params import Dimension, TrainParams
from lifecycle.models import families

Values = dict[str, Any]


def distributions(space: Mapping[str, Dimension]) -> dict[str, Any]:
    """Return the space in Optuna's words."""
    from optuna.distributions import CategoricalDistribution, FloatDistribution, IntDistribution

    def one(of: Dimension) -> Any:
        if of.choices is not None:
            return CategoricalDistribution(of.choices)
        numbers: dict[str, Any] = of.model_dump(exclude={"choices"})
        return IntDistribution(**numbers | {"step": of.step or 1}) if _whole(of) else FloatDistribution(**numbers)

    return {name: one(dimension) for name, dimension in space.items()}


def starting_point(train: TrainParams, space: Mapping[str, Dimension], features: pd.DataFrame) -> Values:
    """Return the present values of what is searched.

    Raises
    ------
    PipelineError
        The model has no such hyper-parameter, the block train does not set it, or its value is outside of the range.
    """
    model = families.build(train.model, train.seed, train.hyperparameters, features)[-1].get_params()
    legal = sorted(set(model) - families.OURS - set(families.FAMILIES[train.model].fixed))
    for name, dimension in space.items():
        place, present = f"params.yaml: tune.space.{name}", train.hyperparameters.get(name, model.get(name))
        if name not in legal:
            raise PipelineError(f"{place}: {train.model} has no such parameter; it has: {', '.join(legal)}")
        if name not in train.hyperparameters:
            raise PipelineError(
                f"{place}: the search starts from train.{name}, and there is none; its default is {present}"
            )
        if not _allows(dimension, present):
            kind = "" if dimension.choices is not None or _whole(dimension) else " (write it with a point)"
            raise PipelineError(f"{place}: the search starts from train.{name} = {present!r}, allow it there{kind}")
    return {name: train.hyperparameters[name] for name in space}


def probe(train: TrainParams, space: Mapping[str, Dimension], features: pd.DataFrame, target: pd.Series) -> None:
    """Fit a handful of rows with either end of each range and with each choice: the model knows what it refuses.

    Raises
    ------
    PipelineError
        Names the value.
    """
    few = target.groupby(target).head(50).index
    for name, dimension in space.items():
        for value in dimension.choices or [dimension.low, dimension.high]:
            hyperparameters = train.hyperparameters | {name: value}
            pipeline = families.build(train.model, train.seed, hyperparameters, features)
            try:
                families.fit(pipeline, features.loc[few], target.loc[few])
            except PipelineError as error:
                raise PipelineError(f"params.yaml: tune.space.{name}: {value!r} is refused: {error}") from error


def legible(drawn: Values, space: Mapping[str, Dimension], present: Values) -> Values:
    """Round what a sampler draws to what a person would write: multiples of a step exact, else three digits."""
    return {name: value if value == present[name] else _rounded(value, space[name]) for name, value in drawn.items()}


def _rounded(value: Any, of: Dimension) -> Any:
    if not isinstance(value, float) or of.low is None or of.high is None:
        return value
    return round(value, 10) if of.step else min(max(float(f"{value:.3g}"), float(of.low)), float(of.high))


def _whole(of: Dimension) -> bool:
    """Say whether it is a range of integers: none of its numbers has a point."""
    return not any(isinstance(number, float) for number in (of.low, of.high, of.step))


def _allows(of: Dimension, value: Any) -> bool:
    """Say whether the search may try a value. 1 is not 1.0: one feature is not all of them."""
    if of.choices is not None:
        return any(type(value) is type(choice) and value == choice for choice in of.choices)
    if of.low is None or of.high is None or type(value) is not (int if _whole(of) else float):
        return False
    return of.low <= value <= of.high and (of.step is None or abs(remainder(value - of.low, of.step)) < 1e-9)
