"""Resamples of entities, from which every interval comes. The records of an entity are not independent."""

import math
from collections.abc import Iterator
from typing import Any

import numpy as np
from tqdm import tqdm

LEVEL = 95.0  # per cent
TAIL = (100 - LEVEL) / 2


def resamples(units: int, samples: int, seed: int, what: str = "resamples") -> Iterator[np.ndarray]:
    """Draw entities with replacement (Efron 1979; of clusters: Davison and Hinkley 1997, section 3.8).

    Parameters
    ----------
    units : int
        Number of entities (or of records where there are no entities).
    samples, seed : int
        Number of resamples, and their seed.
    what : str
        Named beside the progress bar.

    Yields
    ------
    numpy.ndarray of int64, shape (units,)
        How often each entity stands in a resample.
    """
    rng = np.random.default_rng(seed)
    for _ in tqdm(range(samples), what, disable=None):
        yield np.bincount(rng.integers(0, units, units), minlength=units)


def units_of(entity: np.ndarray | None, rows: int) -> int:
    """Return the number of entities behind codes 0..entities-1, or of records where there are no entities."""
    return rows if entity is None else int(entity.max(initial=-1)) + 1


def weights_of(copies: np.ndarray, entity: np.ndarray | None) -> np.ndarray:
    """Return the weight of each record in a resample, float64 of shape (n,)."""
    return (copies if entity is None else copies[entity]).astype(np.float64)


def interval(draws: np.ndarray) -> np.ndarray:
    """Return the percentile interval of each column at 95 %.

    Parameters
    ----------
    draws : numpy.ndarray, shape (samples, figures)
        A figure that a resample does not define is NaN there.

    Returns
    -------
    numpy.ndarray, shape (2, figures)
        Low and high; NaN where no resample defines the figure.
    """
    ends = np.full((2, draws.shape[1]), np.nan)
    defined = ~np.isnan(draws).all(axis=0)
    ends[:, defined] = np.nanpercentile(draws[:, defined], [TAIL, 100 - TAIL], axis=0)
    return ends


def told(value: Any) -> Any:
    """Return a figure as JSON can hold it: None where it is not defined."""
    return None if isinstance(value, float) and math.isnan(value) else value
