import math

import numpy as np
import pytest

from lifecycle.evaluation.comparison import apart, unpaired


def test_symmetric_intervals_give_the_interval_of_a_difference_of_normals():
    found = apart("recall", (0.5, (0.47, 0.53)), (0.6, (0.56, 0.64)))
    assert (found.value, found.low, found.high) == pytest.approx((0.1, 0.05, 0.15))
    assert found.verdict == "better"
    assert found.floor == pytest.approx(0.05)


def test_the_interval_covers_a_true_difference_in_95_of_100_cases():
    rng = np.random.default_rng(0)
    pairs = rng.normal((0.5, 0.6), (0.02, 0.03), (4000, 2))
    ends = [
        apart("x", *((v, (v - 1.96 * s, v + 1.96 * s)) for v, s in zip(p, (0.02, 0.03), strict=True))) for p in pairs
    ]
    assert np.mean([found.low <= 0.1 <= found.high for found in ends]) == pytest.approx(0.95, abs=0.012)


@pytest.mark.parametrize(
    ("name", "head", "verdict"),
    [
        ("recall", 0.3, "worse"),
        ("recall", 0.52, "no difference"),
        ("brier", 0.3, "better"),
        ("cost_per_record", 0.7, "worse"),
        ("alerts_per_day", 0.9, "no difference"),
    ],
)
def test_better_is_what_is_good(name, head, verdict):
    assert apart(name, (0.5, (0.48, 0.52)), (head, (head - 0.02, head + 0.02))).verdict == verdict


def test_without_an_interval_nothing_is_ruled_out():
    found = apart("recall", (0.5, None), (0.9, (0.8, 0.95)))
    assert found.verdict == "no difference"
    assert found.floor == -math.inf


def test_figures_of_one_side_only_are_left_out():
    base, head = (dict.fromkeys(names, (0.5, (0.4, 0.6))) for names in ("ab", "ac"))
    assert list(unpaired(base, head).figures) == ["a"]
