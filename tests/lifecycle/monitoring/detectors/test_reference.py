"""What is usual: limits from whole windows, none from too few, and the same after JSON."""

import json

import numpy as np
import pytest

from lifecycle.monitoring.detectors.axis import Axis
from lifecycle.monitoring.detectors.backtest import axes_of
from lifecycle.monitoring.detectors.daily_counts import daily_counts, key_of
from lifecycle.monitoring.detectors.reference import LEAST_INDEX, LEAST_WINDOWS, LossReference, Reference, calibrate
from lifecycle.monitoring.detectors.statistics_by_day import drift_index
from lifecycle.monitoring.signals import signals
from lifecycle.splits.time_windows import DAY
from tests.lifecycle.monitoring.helpers_streams import (
    FEATURES,
    FIRST,
    LIMITS,
    TASK,
    TIME,
    altered,
    counted,
    reference,
    refused,
    stream,
    stream_of,
    visits,
)  # fmt: skip


def runs_of(*lengths, gap=3):
    """Return counts of runs of days, some days apart, with their axes."""
    streams, first = [], FIRST
    for place, days in enumerate(lengths):
        streams.append(stream_of(visits(first, days, 20 + place), first, days))
        first += (days + gap) * DAY
    axes = axes_of(TASK, FEATURES, streams[0].records)
    return [daily_counts(one, axes, TIME) for one in streams], axes


def test_limits_are_at_least_the_factor_times_the_largest_index_of_a_whole_window():
    runs, axes = runs_of(60, 30)
    found = calibrate(runs, axes, LIMITS)
    assert found.windows == 8 + 4
    for one in found.of("score"):
        key = key_of(one.axis)
        total = sum(run.counts[key].sum(axis=0) for run in runs)
        shares = total / total.sum()
        whole = [drift_index(run.counts[key], shares, 7)[0][6:] for run in runs]
        assert one.limit >= 1.5 * max(*np.concatenate(whole), LEAST_INDEX) - 1e-12
        assert one.shares == pytest.approx(shares)


def test_where_windows_differ_by_more_than_chance_the_factor_decides():
    runs, axes = runs_of(60, 30)
    limits = LIMITS.model_copy(update={"drift_factor": 9.0})
    found = calibrate(runs, axes, limits).of("score")[0]
    key = key_of(found.axis)
    largest = max(drift_index(run.counts[key], np.array(found.shares), 7)[0][6:].max() for run in runs)
    assert found.limit == pytest.approx(9.0 * max(largest, LEAST_INDEX))


@pytest.mark.parametrize("lengths", [(), (1,), (6,), (55,), (27, 27)])
def test_too_few_windows_give_no_limits_and_no_crash(lengths):
    runs, axes = runs_of(*lengths or (0,))
    found = calibrate(runs, axes, LIMITS)
    assert found.windows < LEAST_WINDOWS
    assert not found.is_calibrated
    assert (found.volume, found.loss) == ((), None)
    assert all(one.limit is None for one in found.axes)
    ratios = signals(counted(stream(altered("amount", 1e9))), found)
    assert all(np.isnan(ratio).all() for ratio in (*ratios.covariate.values(), ratios.volume, ratios.loss))
    assert ratios.quality["amount"].max() > 1
    assert Reference.from_json(json.loads(json.dumps(found.as_json(), allow_nan=False))) == found


def test_a_reference_comes_back_from_json_as_it_was():
    found = reference()
    text = json.dumps(found.as_json(), allow_nan=False)
    assert Reference.from_json(json.loads(text)) == found
    assert found.is_calibrated


def test_usual_faults_are_known():
    bad = refused(stream(altered("age", np.nan, 0, share=0.1)), "shop", 0, 0.05, schema=False)
    found = calibrate([counted(bad)], [one.axis for one in reference().axes], LIMITS)
    missing = bad.records["age"].isna().groupby(bad.records[TIME].dt.floor("D").to_numpy()).mean().max()
    by_name = {one.axis.name: one for one in found.of("feature")}
    assert by_name["age"].missing == pytest.approx(missing)
    assert by_name["amount"].missing == by_name["amount"].strange == 0
    assert found.rejected["shop"] == pytest.approx(0.05, abs=0.05)
    again = refused(stream(altered("age", np.nan, 0, share=0.1), seed=5), "shop", 0, 0.05, schema=False)
    assert max(ratio.max() for ratio in signals(counted(again), found).quality.values()) < 1


def test_the_usual_volume_is_that_of_each_weekday():
    runs, _ = runs_of(60, 30)
    mondays = np.concatenate([run.records[-run.first.weekday() % 7 :: 7] for run in runs])
    halved = [run._replace(records=run.records // 2) for run in runs[:1]] + runs[1:]
    found = calibrate(halved, [], LIMITS)
    assert calibrate(runs, [], LIMITS).volume[0] == pytest.approx(mondays.mean())
    weighed = found.volume[0]
    assert 100 < weighed < 200
    assert found.volume_limit == pytest.approx(1.5 * np.log(200.5 / (min(found.volume) + 0.5)), rel=0.05)


def test_the_loss_knows_its_mean_its_spread_and_how_days_vary():
    found, given = reference().loss, stream_of(visits(FIRST, 84, 0), FIRST, 84)
    assert found.mean == pytest.approx(given.loss.mean())
    assert found.spread == pytest.approx(given.loss.std())
    assert found.dispersion >= 1
    assert found.limit >= LIMITS.least_cusum
    excess = found.excess(np.array([found.mean + found.spread]), np.array([400]))
    assert excess[0] == pytest.approx(20 / found.dispersion)


def test_where_losses_are_all_the_same_rounding_is_no_rise():
    same = LossReference(0.1, 0.0, 1.0, 6.0, 9.0)
    assert abs(same.excess(np.array([0.1 + 2e-17]), np.array([100]))[0]) < 1e-5
    assert same.excess(np.array([0.2]), np.array([100]))[0] > 1e6


def test_without_labels_there_is_no_loss_to_watch():
    given = stream_of(visits(FIRST, 84, 0), FIRST, 84)
    counts = daily_counts(given._replace(loss=np.full(len(given.loss), np.nan)), [Axis("a", "age", "feature")], TIME)
    found = calibrate([counts], [Axis("a", "age", "feature")], LIMITS)
    assert found.loss is None
    assert found.is_calibrated
    assert found.axes[0].loss_shares == found.axes[0].shares


def test_only_what_is_there_is_watched():
    found = reference().only(["amount", "score", "unknown"])
    assert {(one.axis.kind, one.axis.name) for one in found.axes} == {
        ("feature", "amount"), ("slice", "spent"), ("score", "score"),
    }  # fmt: skip
