"""An A/B test of two rates that may be looked at every day: for what only an answer can bring about, like a purchase.

Entities are split by chance. If the arm makes no difference, the arms of those that succeed are as random as those of
the others. So the bet is on the arms: given that an entity has succeeded or not, what is the chance that it was the
challenger's? Such bets make an e-value (Turner, Ly and Grünwald 2024, "Generic E-variables for exact sequential
k-sample tests"): valid at any look, for any number of entities and any rate, without a normal approximation.
"""

import math
from typing import NamedTuple

import numpy as np
from scipy.special import ndtri, xlogy

from lifecycle.release.evidence.e_value import Evidence, share_evidence

MULTIPLES = {1.0: 0.5, 2.0: 0.25, 4.0: 0.125, 8.0: 0.125}  # of the planned effect: where the bets lie, and how much
RATIO_PRIOR = 100.0  # of the sample ratio: made for shares that are off by a few per cent
GUARD_PRIOR = 5.0  # of a guard: made for rates that are higher by half and more


class Trial(NamedTuple):
    """Counts of the entities of each day, each of shape (..., days); an entity counts on its first day."""

    champion: np.ndarray
    champion_hits: np.ndarray
    challenger: np.ndarray
    challenger_hits: np.ndarray


def rate_evidence(trial: Trial, share: float, effect: float) -> Evidence:
    """Return the evidence up to each day that the challenger's rate is higher (`above`), or lower (`below`).

    The bets of a day suppose the rate that the days before it have shown, for both arms together, and a challenger that
    is better (or worse) by the effect, or by a multiple of it.

    Parameters
    ----------
    trial : Trial
        Counts by day.
    share : float
        Of the entities that the challenger gets; between 0 and 1.
    effect : float
        The least difference that matters, as a share of the rate; above 0.

    Returns
    -------
    Evidence
        Natural logarithms, of the shape of the counts. Each side is an e-value by itself: it reaches E with a chance of
        at most 1 / E while the challenger is not on that side.

    Examples
    --------
    >>> day = np.full(20, 500)
    >>> found = rate_evidence(Trial(day, day // 10, day, day // 8), share=0.5, effect=0.1)
    >>> np.exp(found.above[[0, 9, 19]]).round(0).tolist()
    [1.0, 203.0, 183613.0]
    """
    hits = trial.champion_hits + trial.challenger_hits
    entities = trial.champion + trial.challenger
    before = np.cumsum(entities, axis=-1) - entities
    rate = (np.cumsum(hits, axis=-1) - hits + 0.5) / (before + 1.0)
    above, below = (
        _mixed([_bets(trial, share, rate, sign * effect * multiple) for multiple in MULTIPLES]) for sign in (1, -1)
    )
    return Evidence(above, below)


def _bets(trial: Trial, share: float, rate: np.ndarray, effect: float) -> np.ndarray:
    """Return the logarithm of the winnings up to each day of bets on one effect; nothing is bet on the first day."""
    champion = np.clip(rate / (1 + share * effect), 1e-9, 1 - 1e-9)
    challenger = np.clip(champion * (1 + effect), 1e-9, 1 - 1e-9)
    both = share * challenger + (1 - share) * champion
    winnings = (
        xlogy(trial.challenger_hits, challenger / both)
        + xlogy(trial.challenger - trial.challenger_hits, (1 - challenger) / (1 - both))
        + xlogy(trial.champion_hits, champion / both)
        + xlogy(trial.champion - trial.champion_hits, (1 - champion) / (1 - both))
    )
    winnings[..., 0] = 0.0
    return np.cumsum(winnings, axis=-1)


def _mixed(bets: list[np.ndarray]) -> np.ndarray:
    weights = np.log(list(MULTIPLES.values())).reshape(-1, *[1] * bets[0].ndim)
    return np.asarray(np.logaddexp.reduce(np.stack(bets) + weights, axis=0))


def ratio_evidence(trial: Trial, share: float) -> np.ndarray:
    """Return the evidence up to each day that the challenger does not get its share of the entities, as a logarithm.

    A test whose arms are not of the planned sizes has lost entities of one arm, and its rates mean nothing (Fabijan et
    al. 2019, "Diagnosing sample ratio mismatch").
    """
    challenger, champion = (np.cumsum(arm, axis=-1) for arm in (trial.challenger, trial.champion))
    return np.asarray(np.logaddexp(*share_evidence(challenger, champion, share, RATIO_PRIOR)))


def guard_evidence(champion: np.ndarray, challenger: np.ndarray, share: float, margin: float) -> np.ndarray:
    """Return the evidence up to each day that a guard is worse than allowed at the challenger, as a logarithm.

    Parameters
    ----------
    champion, challenger : numpy.ndarray of int, shape (..., days)
        Entities of each day with an event that must not become more frequent, such as a complaint.
    share : float
        Of the entities that the challenger gets.
    margin : float
        So much more frequent it may be, as a share of its rate; from 0.

    Examples
    --------
    >>> day = np.ones(30)
    >>> guard_evidence(2 * day, 6 * day, share=0.5, margin=0.2)[[0, 9, 29]].round(2).tolist()
    [-0.2, 5.28, 19.01]
    """
    odds = share * (1 + margin) / (1 - share)
    hits, misses = (np.cumsum(arm, axis=-1) for arm in (challenger, champion))
    return share_evidence(hits, misses, odds / (1 + odds), GUARD_PRIOR).above


class Plan(NamedTuple):
    """What a test needs, on average over what it may meet: entities of both arms, and days."""

    entities: int
    days: int


def plan(rate: float, effect: float, share: float, levels: tuple[float, float], entities_a_day: float) -> Plan:
    """Return how long a test has to run to find an effect with a power, before it starts.

    After n entities the logarithm of the bets on an effect is about normal with a mean of n D and a variance of 2 n D,
    where D is the gain per entity: the relative entropy of the arms' rates and the rate of both, weighted by share
    (Wald 1945 calls n the sample number of the sequential test). The plan is the n at which it exceeds log(1 / alpha),
    and what the mixture costs, with a chance of `power`.

    Parameters
    ----------
    rate : float
        Of the champion; between 0 and 1.
    effect : float
        The least difference to find, as a share of the rate.
    share : float
        Of the entities that the challenger gets.
    levels : (float, float)
        Alpha and power.
    entities_a_day : float
        New entities of both arms.

    Examples
    --------
    >>> plan(rate=0.1, effect=0.1, share=0.5, levels=(0.05, 0.8), entities_a_day=5000)
    Plan(entities=51034, days=12)
    """
    alpha, power = levels
    higher = rate * (1 + effect)
    both = share * higher + (1 - share) * rate
    gain = share * _entropy(higher, both) + (1 - share) * _entropy(rate, both)
    needed, spread = math.log(1 / alpha) - math.log(MULTIPLES[1.0]), float(ndtri(power)) * math.sqrt(2 * gain)
    root = (spread + math.sqrt(spread**2 + 4 * gain * needed)) / (2 * gain)
    return Plan(math.ceil(root**2), math.ceil(root**2 / entities_a_day) + 1)  # nothing is bet on the first day


def _entropy(rate: float, other: float) -> float:
    """Return the relative entropy of two shares, in nats."""
    return float(xlogy(rate, rate / other) + xlogy(1 - rate, (1 - rate) / (1 - other)))
