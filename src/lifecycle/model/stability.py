"""How firm the figures are over training seeds, with which two trainings of one recipe differ."""

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np
import pandas as pd
from tqdm import tqdm

from lifecycle.model.ageing import Aged, fit_with_seed
from lifecycle.model.evaluation import Figures
from lifecycle.model.resampling import told
from lifecycle.params import TrainParams
from lifecycle.problem import Problem

SEEDS = 2**32


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
        figures_of(fit_with_seed(params, problem, train, seed))
        for seed in tqdm(seeds[1:], "training seeds", disable=None)
    ]
    return {"seeds": seeds, "figures": {name: [one[name] for one in found] for name in found[0]}}


def spread(values: Sequence[float]) -> float:
    """Return the standard deviation over seeds; 0 for a single one."""
    return float(np.std(values, ddof=1)) if len(values) > 1 else 0.0


def as_json(seeds: Mapping[str, Any], aged: Aged) -> dict[str, Any]:
    """Return both parts of metrics/stability.json; None where a figure is not defined."""
    windows = [{str(k): told(v) for k, v in line.items()} for line in aged.table.to_dict("records")]
    spreads = {name: spread(values) for name, values in seeds["figures"].items()}
    value, low, high = map(told, aged.slope)
    slope = {"value": value, "low": low, "high": high}
    return {
        "over_seeds": {**seeds, "standard_deviation": spreads},
        "with_age": {"average_precision_per_window": slope, "windows": windows},
    }
