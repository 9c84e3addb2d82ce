"""How firm the figures are: over training seeds, and as a model grows older."""

from collections.abc import Callable, Mapping, Sequence
from itertools import pairwise
from typing import Any, NamedTuple

import numpy as np
import pandas as pd
from tqdm import tqdm

from lifecycle.core.params import SplitParams, TrainParams
from lifecycle.evaluation.bootstrap import interval, resamples, told, units_of, weights_of
from lifecycle.evaluation.figures import Figures
from lifecycle.evaluation.metrics import Ranking, average_precision
from lifecycle.models.families import predict
from lifecycle.models.training import train_model
from lifecycle.problem.problem import Problem
from lifecycle.splits.time_windows import TimeWindow, lengths, rows_to_judge, take

SEEDS = 2**32


def windows_of_age(split: SplitParams, final: TimeWindow, first: pd.Timestamp, windows: int) -> list[TimeWindow]:
    """Lay out the windows in which a model grows old; the first one has the training window that it learns from.

    Parameters
    ----------
    split : SplitParams
        Filled.
    final : TimeWindow
        The last of them.
    first : pandas.Timestamp
        Time of the oldest record.
    windows : int
        Most windows; fewer where the records do not reach back so far.
    """
    train, delay, test = lengths(split)
    reach = (final.test_end - first - train - delay) // test
    starts = [final.test_start - step * test for step in range(max(min(windows, reach), 1))][::-1]
    return [TimeWindow(start - delay - train, start - delay, start, start + test) for start in starts]


def grow_old(
    records: pd.DataFrame, windows: Sequence[TimeWindow], problem: Problem, params: TrainParams, drop_known: bool
) -> tuple[list[pd.DataFrame], list[np.ndarray]]:
    """Train on the training window of the first, and score the rows that are judged in each; return rows and scores."""
    train = take(records, problem.time, windows[0].train_start, windows[0].train_end)
    model = train_model(params, problem, train)
    parts = [rows_to_judge(records, window, problem, drop_known) for window in windows]
    return parts, [predict(model, part) for part in tqdm(parts, "ageing", disable=None)]


class Aged(NamedTuple):
    """A model on the windows that follow its training."""

    table: pd.DataFrame  # a line per window: age in days, records, positives, average precision and its interval
    slope: tuple[float, float, float]  # of the average precision, per window: value, low, high


def staleness(
    parts: Sequence[pd.DataFrame],
    windows: Sequence[TimeWindow],
    problem: Problem,
    scores: Sequence[np.ndarray],
    draws: tuple[int, int],
) -> Aged:
    """Judge the scores that one model gives to window after window.

    Parameters
    ----------
    parts : sequence of pandas.DataFrame
        The records judged in each window.
    windows : sequence of TimeWindow
        From `windows_of_age`.
    problem : Problem
        Its roles.
    scores : sequence of array
        Of each window's records.
    draws : (int, int)
        Number of resamples of entities, the same entities in all windows, and their seed.
    """
    whole = pd.concat(parts, ignore_index=True)
    entity = None if problem.entity is None else pd.factorize(whole[problem.entity])[0]
    ends = np.cumsum([0, *map(len, parts)])
    places = [slice(a, b) for a, b in pairwise(ends)]
    target = whole[problem.target].to_numpy()
    rankings = [Ranking(target[place], score) for place, score in zip(places, scores, strict=True)]

    def precisions(weight: np.ndarray | None) -> list[float]:
        weights = [None if weight is None else weight[place] for place in places]
        return [average_precision(*ranking.counts(w)) for ranking, w in zip(rankings, weights, strict=True)]

    value = np.array(precisions(None))
    drawn = np.array([precisions(weights_of(c, entity)) for c in resamples(units_of(entity, len(whole)), *draws)])
    low, high = interval(drawn)
    age = np.array([(window.test_start - windows[0].train_end) / pd.Timedelta(days=1) for window in windows])
    columns = {"start": [str(window.test_start) for window in windows], "age_days": age}
    counts = {"records": list(map(len, parts)), "positives": [int(target[place].sum()) for place in places]}
    figures = {"average_precision": value, "average_precision_low": low, "average_precision_high": high}
    ends_of_slope = interval(_slopes(drawn)[:, None])[:, 0].tolist()
    slope = (float(_slopes(value[None])[0]), *ends_of_slope)
    return Aged(pd.DataFrame(columns | counts | figures), slope)


def _slopes(values: np.ndarray) -> np.ndarray:
    """Return the least-squares slope of each row over its places; NaN where a value is missing."""
    place = np.arange(values.shape[1]) - (values.shape[1] - 1) / 2
    return (values * place).sum(axis=1) / (place**2).sum() if values.shape[1] > 1 else np.full(len(values), np.nan)


def over_seeds(
    params: TrainParams, problem: Problem, train: pd.DataFrame, more: tuple[int, Any], figures_of: Callable
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
    figures_of : callable
        From a fitted model to its figures on the test window.

    Returns
    -------
    dict
        `seeds`, and `figures`: one list per figure.
    """
    seeds = [(params.seed + step) % SEEDS for step in range(more[0] + 1)]
    found: list[Figures] = [figures_of(more[1])]
    found += [
        figures_of(train_model(params.model_copy(update={"seed": seed}), problem, train))
        for seed in tqdm(seeds[1:], "training seeds", disable=None)
    ]
    return {"seeds": seeds, "figures": {name: [one[name] for one in found] for name in found[0]}}


def spread(values: Sequence[float]) -> float:
    """Return the standard deviation over seeds; 0 for a single one."""
    return float(np.std(values, ddof=1)) if len(values) > 1 else 0.0


def as_json(seeds: Mapping[str, Any], aged: Aged) -> dict[str, Any]:
    """Return both parts of metrics/audit/stability.json; None where a figure is not defined."""
    windows = [{str(k): told(v) for k, v in line.items()} for line in aged.table.to_dict("records")]
    spreads = {name: spread(values) for name, values in seeds["figures"].items()}
    value, low, high = map(told, aged.slope)
    slope = {"value": value, "low": low, "high": high}
    return {
        "over_seeds": {**seeds, "standard_deviation": spreads},
        "with_age": {"average_precision_per_window": slope, "windows": windows},
    }
