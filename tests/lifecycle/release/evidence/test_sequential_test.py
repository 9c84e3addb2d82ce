"""An A/B test that is looked at daily: false promotions, the plan, the sizes of the arms, and guards."""

import numpy as np
import pytest

from lifecycle.release.evidence.sequential_test import (
    MULTIPLES,
    Trial,
    guard_evidence,
    plan,
    rate_evidence,
    ratio_evidence,
)

LIMIT = np.log(20)


def trials(rates: tuple[float, float], share: float, shape: tuple[int, int], a_day: int = 400, seed: int = 1) -> Trial:
    rng = np.random.default_rng(seed)
    challenger = rng.binomial(a_day, share, shape)
    champion = a_day - challenger
    return Trial(champion, rng.binomial(champion, rates[0]), challenger, rng.binomial(challenger, rates[1]))


def promoted(trial: Trial, share: float, effect: float) -> float:
    return float((rate_evidence(trial, share, effect).above >= LIMIT).any(axis=1).mean())


@pytest.mark.parametrize("share", [0.1, 0.5])
@pytest.mark.parametrize("rates", [(0.02, 0.02), (0.75, 0.75), (0.3, 0.29), (0.02, 0.015), (0.999, 0.999)])
def test_what_is_not_better_is_hardly_ever_promoted(rates, share):
    assert promoted(trials(rates, share, (2000, 60)), share, 0.1) <= 0.05


def test_the_bets_win_nothing_on_average_while_nothing_differs():
    found = rate_evidence(trials((0.3, 0.3), 0.5, (20_000, 4), a_day=30), 0.5, 0.02)
    for side in found:
        assert np.exp(side[:, -1]).mean() == pytest.approx(1, abs=0.01)


def test_the_first_days_bets_are_none_and_the_second_days_are_by_the_formula():
    trial = Trial(np.array([10, 20]), np.array([3, 6]), np.array([10, 20]), np.array([5, 9]))
    rate = 8.5 / 21
    expected = 0.0
    for multiple, weight in MULTIPLES.items():
        low = rate / (1 + 0.5 * 0.1 * multiple)
        high = low * (1 + 0.1 * multiple)
        both = (low + high) / 2
        arms = ((6, low), (9, high))
        expected += weight * np.prod([(p / both) ** k * ((1 - p) / (1 - both)) ** (20 - k) for k, p in arms])
    assert np.exp(rate_evidence(trial, 0.5, 0.1).above) == pytest.approx([1.0, expected])


@pytest.mark.parametrize(
    ("rate", "effect", "share", "power", "a_day"),
    [
        (0.1, 0.1, 0.5, 0.8, 4000),
        (0.75, 0.0667, 0.5, 0.9, 200),
        (0.1, 0.1, 0.1, 0.8, 12_000),
        (0.3, 0.05, 0.3, 0.6, 4000),
    ],
)
def test_the_plan_gives_the_power_that_it_says(rate, effect, share, power, a_day):
    planned = plan(rate, effect, share, (0.05, power), a_day)
    trial = trials((rate, rate * (1 + effect)), share, (1000, planned.days), a_day)
    at_end = float((rate_evidence(trial, share, effect).above[:, -1] >= LIMIT).mean())
    assert at_end == pytest.approx(power, abs=0.05)
    assert promoted(trial, share, effect) >= power - 0.03
    assert planned.days == -(-planned.entities // a_day) + 1


def test_a_wrong_sample_ratio_is_found_and_a_right_one_is_not():
    found = {share: ratio_evidence(trials((0.1, 0.1), share, (1000, 28), 2000), 0.5) for share in (0.5, 0.52)}
    reached = {share: float((one >= np.log(1000)).any(axis=1).mean()) for share, one in found.items()}
    assert reached[0.5] <= 0.003
    assert reached[0.52] == 1.0


@pytest.mark.parametrize("share", [0.1, 0.5])
def test_a_guard_may_be_worse_by_its_margin_and_not_by_far_more(share):
    rng = np.random.default_rng(4)
    for rate, least, most in ((0.01, 0.0, 0.03), (0.012, 0.0, 0.05), (0.03, 0.95, 1.0)):
        events = [rng.binomial(int(4000 * part), of, (1000, 28)) for part, of in ((1 - share, 0.01), (share, rate))]
        reached = float((guard_evidence(events[0], events[1], share, 0.2) >= LIMIT).any(axis=1).mean())
        assert least <= reached <= most
