"""The loss of parts of the records: what stands in one bin is seen there, before it is seen in the whole."""

import numpy as np
import pytest

from lifecycle.monitoring.detectors.statistics_by_day import PART_ALLOWANCE, cusum, part_excess

SHARES = np.array([0.1, 0.3, 0.57, 0.03])
LOSS_SHARES = np.array([0.2, 0.3, 0.4, 0.1])


def day(records: int, factors: list[float], mean: float = 0.1) -> tuple[np.ndarray, np.ndarray]:
    """Return records and loss of a day whose bins have so many times their usual loss."""
    return (records * SHARES)[None], (records * mean * LOSS_SHARES * factors)[None]


def test_the_usual_loss_is_no_excess_and_tiny_and_huge_bins_are_left_out() -> None:
    assert part_excess(*day(1000, [1, 1, 1, 1]), SHARES, LOSS_SHARES, 0.1, 0.5) == pytest.approx(np.zeros((1, 2)))


def test_only_the_bin_that_lost_more_is_above_and_more_records_make_it_surer() -> None:
    few, many = (part_excess(*day(n, [1.5, 1, 1, 9]), SHARES, LOSS_SHARES, 0.1, 0.5) for n in (1000, 4000))
    assert few[0, 0] > 0.5
    assert few[0, 1] == pytest.approx(0)
    assert many[0, 0] == pytest.approx(2 * few[0, 0])


def test_more_records_of_a_bin_are_no_excess() -> None:
    records, loss = day(1000, [1, 1, 1, 1])
    assert part_excess(3 * records, 3 * loss, SHARES, LOSS_SHARES, 0.1, 0.5) == pytest.approx(np.zeros((1, 2)))


def test_a_bin_without_labels_is_unknown_and_leaves_its_sum_as_it_is() -> None:
    records, loss = day(1000, [1.5, 1, 1, 1])
    records[0, 0] = 0
    excess = part_excess(records, loss, SHARES, LOSS_SHARES, 0.1, 0.5)
    assert np.isnan(excess[0, 0])
    sums = cusum(np.array([[3.0, 0.0], [np.nan, 3.0]]), PART_ALLOWANCE)
    assert sums.tolist() == [[1.5, 0.0], [1.5, 1.5]]


def test_the_sum_stops_at_its_ceiling_and_comes_down_from_there() -> None:
    assert cusum(np.array([9.0, 9.0, -1.0]), allowance=1.0, most=10.0).tolist() == [8.0, 10.0, 8.0]
