"""How firm the figures are: over training seeds, and as a model grows older."""

from collections.abc import Callable, Mapping, Sequence
from itertools import pairwise
from typing import Any, NamedTuple

import numpy as np
import pandas as pd
from tqdm import tqdm

from lifecycle.core.numbers import none_if_nan
from lifecycle.core.params import SplitParams, TrainParams
from lifecycle.core.ranking import Ranking, average_precision
from lifecycle.evaluation.bootstrap import interval, resamples, units_of, weights_of
from lifecycle.evaluation.metrics import Figures
from lifecycle.models.families import predict
from lifecycle.models.training import train_model
from lifecycle.problem.problem import Problem
from lifecycle.splits.time_windows import TimeWindow, left_out, lengths, rows_to_judge, take

SEEDS = 2**32


class AgeWindow(NamedTuple):
    """A window on which an ageing model is judged."""

    window: TimeWindow
    records: pd.DataFrame  # that are judged
    score: np.ndarray  # of each
    left_out: int  # records of known entities, which are not judged


class Ageing(NamedTuple):
    """A model on the windows that follow its training."""

    table: pd.DataFrame  # a line per window: age in days, counts, average precision and its interval
    slope: tuple[float, float, float]  # of the average precision, per window: value, low, high


def windows_of_age(split: SplitParams, final: TimeWindow, first: pd.Timestamp, most: int) -> list[TimeWindow]:
    """Lay out the windows in which a model grows old, up to the final one; fewer where records begin too late.

    The first window has the training window that the model learns from.
    """
    train, delay, test = lengths(split)
    reach = (final.test_end - first - train - delay) // test
    starts = [final.test_start - step * test for step in range(max(min(most, reach), 1))][::-1]
    return [TimeWindow(start - delay - train, start - delay, start, start + test) for start in starts]


def score_windows(
    records: pd.DataFrame, windows: Sequence[TimeWindow], problem: Problem, params: TrainParams, drop_known: bool
) -> list[AgeWindow]:
    """Train on the training window of the first, and score the rows that are judged in each."""
    train = take(records, problem.time, windows[0].train_start, windows[0].train_end)
    model = train_model(params, problem, train)
    scored = []
    for window in tqdm(windows, "ageing", disable=None):
        rows = rows_to_judge(records, window, problem, drop_known)
        score = predict(model, rows)
        scored.append(AgeWindow(window, rows, score, left_out(records, window, problem.time, rows)))
    return scored


def ageing(windows: Sequence[AgeWindow], problem: Problem, draws: tuple[int, int]) -> Ageing:
    """Judge the scores that one model gives to window after window.

    `draws` is the number of resamples of entities, the same entities in all windows, and their seed.
    """
    whole = pd.concat([one.records for one in windows], ignore_index=True)
    entity = None if problem.entity is None else pd.factorize(whole[problem.entity])[0]
    ends = np.cumsum([0, *(len(one.records) for one in windows)])
    places = [slice(a, b) for a, b in pairwise(ends)]
    target = whole[problem.target].to_numpy()
    rankings = [Ranking(target[place], one.score) for place, one in zip(places, windows, strict=True)]

    def precisions(weight: np.ndarray | None) -> list[float]:
        weights = [None if weight is None else weight[place] for place in places]
        return [average_precision(*ranking.counts(w)) for ranking, w in zip(rankings, weights, strict=True)]

    value = np.array(precisions(None))
    drawn = np.array([precisions(weights_of(c, entity)) for c in resamples(units_of(entity, len(whole)), *draws)])
    low, high = interval(drawn)
    trained = windows[0].window.train_end
    columns = {
        "start": [str(one.window.test_start) for one in windows],
        "age_days": np.array([(one.window.test_start - trained) / pd.Timedelta(days=1) for one in windows]),
        "records": [len(one.records) for one in windows],
        "positives": [int(target[place].sum()) for place in places],
        "left_out": [one.left_out for one in windows],
        "average_precision": value,
        "average_precision_low": low,
        "average_precision_high": high,
    }
    ends_of_slope = interval(_slopes(drawn)[:, None])[:, 0].tolist()
    return Ageing(pd.DataFrame(columns), (float(_slopes(value[None])[0]), *ends_of_slope))


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
    params : TrainParams
        The recipe; further seeds follow its own.
    problem : Problem
        Its roles.
    train : pandas.DataFrame
        The final training window.
    more : (int, model)
        Number of further seeds, and the model of the recipe's own seed.
    figures : callable
        From a fitted model to its figures on the test window.
    """
    seeds = [(params.seed + step) % SEEDS for step in range(more[0] + 1)]
    further = (train_model(params.model_copy(update={"seed": seed}), problem, train) for seed in seeds[1:])
    by_seed = [figures(more[1]), *(figures(model) for model in tqdm(further, "training seeds", more[0], disable=None))]
    return {"seeds": seeds, "figures": {name: [one[name] for one in by_seed] for name in by_seed[0]}}


def spread(values: Sequence[float]) -> float:
    """Return the standard deviation over seeds; 0 for a single one."""
    return float(np.std(values, ddof=1)) if len(values) > 1 else 0.0


def as_json(seeds: Mapping[str, Any], aged: Ageing) -> dict[str, Any]:
    """Return the content of metrics/audit/stability.json; None where a figure is not defined."""
    windows = [{str(k): none_if_nan(v) for k, v in line.items()} for line in aged.table.to_dict("records")]
    spreads = {name: spread(values) for name, values in seeds["figures"].items()}
    slope = dict(zip(("value", "low", "high"), map(none_if_nan, aged.slope), strict=True))
    return {
        "over_seeds": {**seeds, "standard_deviation": spreads},
        "with_age": {"average_precision_per_window": slope, "windows": windows},
    }
