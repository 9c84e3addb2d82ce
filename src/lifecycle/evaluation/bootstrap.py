"""Bootstrap by entity: the records of an entity are not independent, so an interval resamples entities."""

from collections.abc import Callable, Iterator, Mapping

import numpy as np
import pandas as pd
from tqdm import tqdm

LEVEL = 95.0  # per cent
TAIL = (100 - LEVEL) / 2


def resamples(
    units: int, samples: int, seed: int | np.random.Generator, title: str = "resamples"
) -> Iterator[np.ndarray]:
    """Draw entities with replacement (Efron 1979; of clusters: Davison and Hinkley 1997, section 3.8).

    `units` is the number of entities, or of records where there are none. A generator as `seed` is used as it is.

    Yields
    ------
    numpy.ndarray of int64, shape (units,)
        How often each entity stands in a resample.

    Examples
    --------
    >>> next(resamples(units=5, samples=1, seed=0)).tolist()
    [0, 2, 1, 1, 1]
    """
    rng = np.random.default_rng(seed)
    for _ in tqdm(range(samples), title, disable=None):
        yield np.bincount(rng.integers(0, units, units), minlength=units)


def entity_codes(records: pd.DataFrame, entity: str | None) -> np.ndarray | None:
    """Return the entity of each record as a code 0..entities-1, or None where the problem has no entities."""
    return None if entity is None else pd.factorize(records[entity])[0]


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


def intervals(
    figures: Callable[[np.ndarray], Mapping[str, float]], units: int, samples: int, seed: int
) -> dict[str, list[float]]:
    """Return the 95 % percentile interval of each figure over resamples of entities, as [low, high]; see `resamples`.

    `figures` gives the figures by name from the copies of each entity. A figure that no resample defines has no entry.
    """
    draws = [figures(copies) for copies in resamples(units, samples, seed)]
    ends = interval(np.array([list(one.values()) for one in draws])).T
    return {name: pair.tolist() for name, pair in zip(draws[0], ends, strict=True) if not np.isnan(pair).any()}
