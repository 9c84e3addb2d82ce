"""Daily counts: the same as a plain groupby, whatever days and records there are."""

import numpy as np
import pandas as pd
import pytest

from lifecycle.monitoring.detectors.daily_counts import daily_counts, joined, key_of
from lifecycle.splits.time_windows import DAY
from tests.lifecycle.monitoring.helpers_streams import DAYS, START, TIME, kept, reference, refused, stream

AXES = [one.axis for one in reference().axes]


def plain(given, axis, column):
    """Return what a groupby counts of a column, by day and bin."""
    day = given.records[TIME].dt.floor("D")
    table = pd.DataFrame({"day": day, "bin": axis.codes(given.records[axis.column]), "value": column})
    days = pd.date_range(given.first, periods=given.days)
    found = table.pivot_table(index="day", columns="bin", values="value", aggfunc="sum", fill_value=0, observed=False)
    return found.reindex(index=days, columns=range(axis.size), fill_value=0).to_numpy()


@pytest.fixture
def given_stream():
    found = stream(kept(0.0, 5, 7))
    loss = found.loss.copy()
    loss[::3] = np.nan
    return found._replace(loss=loss)


@pytest.mark.parametrize("axis", AXES, ids=key_of)
def test_counts_labels_and_losses_are_those_of_a_groupby(given_stream, axis):
    found, known = daily_counts(given_stream, AXES, TIME), ~np.isnan(given_stream.loss)
    key = key_of(axis)
    np.testing.assert_array_equal(found.counts[key], plain(given_stream, axis, 1))
    np.testing.assert_array_equal(found.labelled[key], plain(given_stream, axis, known.astype(int)))
    np.testing.assert_allclose(found.loss[key], plain(given_stream, axis, np.nan_to_num(given_stream.loss)))


def test_days_have_their_records_and_squares(given_stream):
    found = daily_counts(given_stream, AXES, TIME)
    day = given_stream.records[TIME].dt.floor("D")
    days = pd.date_range(START, periods=DAYS)
    np.testing.assert_array_equal(found.records, day.value_counts().reindex(days, fill_value=0))
    squares = pd.Series(given_stream.loss**2).groupby(day.to_numpy()).sum().reindex(days, fill_value=0)
    np.testing.assert_allclose(found.square, squares)
    assert found.records[5] == found.records[6] == 0


def test_a_stream_without_records_has_days_of_nothing():
    empty = stream(kept(0.0, 0))
    found = daily_counts(empty, AXES, TIME)
    assert found.days == DAYS
    assert not found.records.any()
    assert all(found.counts[key_of(axis)].shape == (DAYS, axis.size) for axis in AXES)
    assert daily_counts(empty._replace(days=0), AXES, TIME).days == 0


def test_records_and_refusals_outside_of_the_days_do_not_count():
    full = refused(stream(), "amount", 0, 0.1, schema=False)
    later = full._replace(first=START + 3 * DAY, days=10)
    found, whole = daily_counts(later, AXES, TIME), daily_counts(full, AXES, TIME)
    np.testing.assert_array_equal(found.records, whole.records[3:13])
    np.testing.assert_array_equal(found.square, whole.square[3:13])
    for axis in AXES:
        np.testing.assert_array_equal(found.loss[key_of(axis)], whole.loss[key_of(axis)][3:13])
    np.testing.assert_array_equal(found.rejected["amount"], whole.rejected["amount"][3:13])
    assert found.records.sum() < whole.records.sum()


def test_refusals_count_by_column_and_those_of_the_schema_apart():
    first = refused(stream(), "amount", 2, 0.2, schema=True, until=4)
    other = refused(stream(), "shop", 3, 0.1, schema=False)
    found = daily_counts(first._replace(rejected=pd.concat([first.rejected, other.rejected])), AXES, TIME)
    for name, table, schema in (("amount", first.rejected, 1), ("shop", other.rejected, 0)):
        by_day = [(table[TIME].dt.floor("D") == START + place * DAY).sum() for place in range(DAYS)]
        assert found.rejected[name].tolist() == by_day
        assert found.misfits[name].tolist() == [count * schema for count in by_day]


def test_joined_runs_are_their_days_in_a_row():
    whole = stream()
    bad = refused(whole._replace(first=START + 20 * DAY, days=8), "amount", 20, 0.1, schema=True)
    first, second = (daily_counts(part, AXES, TIME) for part in (whole._replace(days=20), bad))
    found = joined([first, second])
    assert found.days == DAYS
    np.testing.assert_array_equal(found.records, np.concatenate([first.records, second.records]))
    assert found.rejected["amount"][:20].sum() == 0
    assert found.rejected["amount"].sum() == second.rejected["amount"].sum() > 0
    key = key_of(AXES[0])
    np.testing.assert_array_equal(found.loss[key][20:], second.loss[key])
