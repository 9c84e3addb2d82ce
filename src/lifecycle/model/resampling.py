"""Resamples of cards: what every interval comes from. The records of a card go together: they are not independent."""

import math
from collections.abc import Iterator
from typing import Any

import numpy as np
from tqdm import tqdm

LEVEL = 95.0  # per cent
TAIL = (100 - LEVEL) / 2


def resamples(units: int, samples: int, seed: int, what: str = "resamples") -> Iterator[np.ndarray]:
    """Draw cards with replacement (Efron 1979; of clusters: Davison and Hinkley 1997, section 3.8).

    Parameters
    ----------
    units : int
        Number of cards (or of records where there are no cards).
    samples, seed : int
        Number of resamples, and their seed.
    what : str
        Named beside the progress bar.

    Yields
    ------
    numpy.ndarray of int64, shape (units,)
        How often each card stands in a resample.
    """
    rng = np.random.default_rng(seed)
    for _ in tqdm(range(samples), what, disable=None):
        yield np.bincount(rng.integers(0, units, units), minlength=units)


def units_of(card: np.ndarray | None, rows: int) -> int:
    """Return the number of cards behind codes 0..cards-1, or of records where there are no cards."""
    return rows if card is None else int(card.max(initial=-1)) + 1


def weights_of(copies: np.ndarray, card: np.ndarray | None) -> np.ndarray:
    """Return the weight of each record in a resample, float64 of shape (n,)."""
    return (copies if card is None else copies[card]).astype(np.float64)


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
