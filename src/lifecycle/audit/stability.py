"""How stable the figures are: over training seeds, and as a model grows older."""

from collections.abc import Callable, Mapping, Sequence
from itertools import pairwise
from typing import Any, NamedTuple

import numpy as np
import pandas as pd
from tqdm import tqdm

from lifecycle.core.headline_metric import quality
from lifecycle.core.params import SplitParams, TrainParams
from lifecycle.core.value_limits import none_if_nan
from lifecycle.evaluation.bootstrap import entity_codes, interval, resamples, units_of, weights_of
from lifecycle.evaluation.metrics import Figures
from lifecycle.evaluation.tasks.task import Task
from lifecycle.models.prediction import predict
from lifecycle.models.training import train_model
from lifecycle.problem.problem import Problem
from lifecycle.splits.time_windows import TimeWindow, left_out, lengths, rows_to_test, take

SEEDS = 2**32


class AgeWindow(NamedTuple):
    """A window that an ageing model has scored."""

    window: TimeWindow
    records: pd.DataFrame  # those that are scored
    score: np.ndarray  # of each
    left_out: int  # records of known entities, which are not scored


class Ageing(NamedTuple):
    """A model on the windows that follow its training."""

    headline: str  # the figure that is watched
    table: pd.DataFrame  # a line per window: age in days, counts, the figure and its interval
    slope: tuple[float, float, float]  # of the figure, per window: value, low, high


def windows_of_age(split: SplitParams, final: TimeWindow, first: pd.Timestamp, most: int) -> list[TimeWindow]:
    """Lay out the windows in which a model grows old, up to the final one; fewer where records begin too late.

    The model learns from the training window of the first.
    """
    train, delay, test = lengths(split)
    reach = (final.test_end - first - train - delay) // test
    starts = [final.test_start - step * test for step in range(max(min(most, reach), 1))][::-1]
    return [TimeWindow(start - delay - train, start - delay, start, start + test) for start in starts]


def score_windows(
    records: pd.DataFrame, windows: Sequence[TimeWindow], problem: Problem, params: TrainParams, drop_known: bool
) -> list[AgeWindow]:
    """Train on the training window of the first window, and score the test rows of each."""
    train = take(records, problem.time_column, windows[0].train_start, windows[0].train_end)
    model = train_model(params, problem, train)
    scored = []
    for window in tqdm(windows, "ageing", disable=None):
        rows = rows_to_test(records, window, problem, drop_known)
        score = predict(model, rows)
        scored.append(AgeWindow(window, rows, score, left_out(records, window, problem.time_column, rows)))
    return scored


def ageing(windows: Sequence[AgeWindow], task: Task, draws: tuple[int, int]) -> Ageing:
    """Compute the headline figure of one model in window after window, with intervals, and its slope.

    `draws` is the number of resamples of entities, the same entities in all windows, and their seed.
    """
    problem = task.problem
    records = pd.concat([scored.records for scored in windows], ignore_index=True)
    entity = entity_codes(records, problem.entity)
    edges = np.cumsum([0, *(len(scored.records) for scored in windows)])
    places = [slice(low, high) for low, high in pairwise(edges)]
    qualities = [quality(task.name, scored.records[problem.target].to_numpy(), scored.score) for scored in windows]

    def figures(weight: np.ndarray | None) -> list[float]:
        weights = [None if weight is None else weight[place] for place in places]
        return [quality(w) for quality, w in zip(qualities, weights, strict=True)]

    values = np.array(figures(None))
    units = units_of(entity, len(records))
    resampled = np.array([figures(weights_of(copies, entity)) for copies in resamples(units, *draws)])
    slope = (float(_slopes(values[None])[0]), *interval(_slopes(resampled)[:, None])[:, 0].tolist())
    return Ageing(task.headline, _table(windows, task, values, interval(resampled)), slope)


def no_ageing(task: Task) -> Ageing:
    """Return what is known of a model's ageing where records are not cut in time: nothing."""
    return Ageing(task.headline, _table([], task, np.zeros(0), np.zeros((2, 0))), (np.nan, np.nan, np.nan))


def _table(windows: Sequence[AgeWindow], task: Task, values: np.ndarray, ends: np.ndarray) -> pd.DataFrame:
    trained_to = windows[0].window.train_end if windows else pd.Timestamp(0)
    columns = {
        "start": [str(scored.window.test_start) for scored in windows],
        "age_days": np.array([(scored.window.test_start - trained_to) / pd.Timedelta(days=1) for scored in windows]),
        "records": [len(scored.records) for scored in windows],
        "positives": [int((scored.records[task.problem.target] == 1).sum()) for scored in windows],
        "left_out": [scored.left_out for scored in windows],
        task.headline: values,
        f"{task.headline}_low": ends[0],
        f"{task.headline}_high": ends[1],
    }
    return pd.DataFrame({name: value for name, value in columns.items() if name != "positives" or name in task.counts})


def _slopes(values: np.ndarray) -> np.ndarray:
    """Return the least-squares slope of each row over its places; NaN where a value is missing."""
    place = np.arange(values.shape[1]) - (values.shape[1] - 1) / 2
    return (values * place).sum(axis=1) / (place**2).sum() if values.shape[1] > 1 else np.full(len(values), np.nan)


def over_seeds(
    params: TrainParams, problem: Problem, train: pd.DataFrame, more: tuple[int, Any], figures: Callable[[Any], Figures]
) -> dict[str, Any]:
    """Return every figure of models that differ in their training seed only, all with the same threshold.

    Parameters
    ----------
    params, problem, train : TrainParams, Problem, pandas.DataFrame
        What the models are trained with; further seeds follow that of the params.
    more : (int, model)
        Number of further seeds, and the model of the params' own seed.
    figures : callable
        From a fitted model to its figures on the test window.
    """
    seeds = [(params.seed + step) % SEEDS for step in range(more[0] + 1)]
    further = (train_model(params.model_copy(update={"seed": seed}), problem, train) for seed in seeds[1:])
    by_seed = [figures(more[1]), *(figures(model) for model in tqdm(further, "training seeds", more[0], disable=None))]
    return {"seeds": seeds, "figures": {name: [values[name] for values in by_seed] for name in by_seed[0]}}


def spread(values: Sequence[float]) -> float:
    """Return the standard deviation over seeds; 0 for a single one."""
    return float(np.std(values, ddof=1)) if len(values) > 1 else 0.0


def as_json(seeds: Mapping[str, Any], ageing: Ageing) -> dict[str, Any]:
    """Return the content of metrics/audit/stability.json; None where a figure is not defined."""
    windows = [{str(k): none_if_nan(v) for k, v in line.items()} for line in ageing.table.to_dict("records")]
    spreads = {name: spread(values) for name, values in seeds["figures"].items()}
    slope = dict(zip(("value", "low", "high"), map(none_if_nan, ageing.slope), strict=True))
    return {
        "over_seeds": {**seeds, "standard_deviation": spreads},
        "with_age": {f"{ageing.headline}_per_window": slope, "windows": windows},
    }
