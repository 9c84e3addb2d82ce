"""E-values against numeric integration, and how often they are reached by chance."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.stats import beta

from lifecycle.release.evidence.e_value import share_evidence

GRID = (np.arange(200_000) + 0.5) / 200_000


def integrated(hits: int, misses: int, share: float, prior: float) -> tuple[float, float]:
    """Return both e-values as sums over a grid of shares: the winnings of each bet by its weight."""
    weight = beta.pdf(GRID, 2 * prior * share, 2 * prior * (1 - share)) / len(GRID)
    winnings = np.exp(hits * np.log(GRID / share) + misses * np.log((1 - GRID) / (1 - share)))
    parts = weight * winnings
    return float(parts[share < GRID].sum()), float(parts[share > GRID].sum())


@pytest.mark.parametrize(("hits", "misses"), [(0, 0), (1, 0), (30, 12), (12, 30), (90, 60), (3, 41)])
@pytest.mark.parametrize(("share", "prior"), [(0.5, 10.0), (0.5, 2.0), (0.05, 40.0), (0.3, 5.0)])
def test_it_is_the_mixture_of_the_bets_on_each_side(hits, misses, share, prior):
    found = share_evidence(np.array(hits), np.array(misses), share, prior)
    np.testing.assert_allclose(np.exp([found.above, found.below]), integrated(hits, misses, share, prior), rtol=1e-3)


@given(st.integers(0, 10**6), st.integers(0, 10**6), st.floats(0.5, 100))
def test_sides_change_places_with_the_models(hits, misses, prior):
    one = share_evidence(np.array(hits), np.array(misses), 0.5, prior)
    other = share_evidence(np.array(misses), np.array(hits), 0.5, prior)
    assert one == pytest.approx(other[::-1], rel=1e-9, abs=1e-9)
    assert np.exp(np.logaddexp(*share_evidence(np.array(0), np.array(0), 0.5, prior))) == pytest.approx(1)


@pytest.mark.parametrize("share", [0.5, 0.48, 0.3])
def test_it_hardly_ever_speaks_for_a_share_above_while_the_true_one_is_not(share):
    won = np.random.default_rng(3).binomial(15, share, (3000, 100)).cumsum(axis=1)  # a look each day
    found = share_evidence(won, np.arange(15, 1501, 15) - won, 0.5, 10)
    assert np.mean((found.above >= np.log(20)).any(axis=1)) <= 1 / 40 + 0.005


def test_the_unsplit_mixture_would_promote_what_is_slightly_worse():
    """Why the halves: evidence against a half, read by which side is ahead, is no evidence for that side."""
    found = share_evidence(np.array(9_700), np.array(10_300), 0.5, 10)
    assert np.exp(found.below) > 20 > np.exp(found.above)
    assert np.exp(np.logaddexp(*found)) > 20
