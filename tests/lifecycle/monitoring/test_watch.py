"""Watching: nothing is known before its time, and what was known once stays so."""

import functools

import numpy as np
import pandas as pd
import pytest

from lifecycle.monitoring import watch as module
from lifecycle.monitoring.watch import only_known, watch
from lifecycle.splits.time_windows import DAY
from tests.helpers_model import params
from tests.lifecycle.monitoring.helpers_streams import (
    DAYS,
    DECISION,
    FIRST,
    START,
    TASK,
    TIME,
    altered,
    kept,
    options,
    refused,
    since,
    stream,
    stream_of,
    visits,
    watched,
)  # fmt: skip

EVALUATE = params().evaluate
BEGINS = START - DAY
DELAYS = [2.5, *(pytest.param(days, marks=pytest.mark.nightly) for days in (0.0, 2.0, 7.0))]


def reversed_labels(records):
    return 1 - records["is_bad"]


@functools.cache
def eventful():
    """Return a stream with faults of all kinds, one after the other."""
    given = stream(
        altered("age", np.nan, day=3, until=5, share=0.3),
        altered("shop", "garage", day=9, until=13, share=0.4),
        altered("is_bad", reversed_labels, day=7, until=14, share=0.25),
        altered("is_bad", reversed_labels, day=30, until=36, share=0.25),
        altered("score", lambda rows: rows["score"] ** 0.7, day=20, until=24),
        kept(0.0, 17, 19),
        kept(0.5, 22, 25),
        altered("age", np.nan, day=33, until=34, share=0.3),
        days=42,
    )
    return refused(given, "amount", 26, 0.9, schema=True, until=28)


def truncated(given, delay_days, as_of):
    """Return what there is at a time, cut out by hand: the records before it, the labels that had come by then."""
    before = (given.records[TIME] < as_of).to_numpy()
    come = (given.records[TIME] + pd.Timedelta(days=delay_days) <= as_of).to_numpy()
    loss = np.where(come, given.loss, np.nan)[before]
    records = given.records.assign(is_bad=given.records["is_bad"].where(come).astype(float))[before]
    rejected = given.rejected[(given.rejected[TIME] < as_of).to_numpy()]
    return given._replace(
        records=records.reset_index(drop=True), loss=loss, rejected=rejected, days=-((given.first - as_of) // DAY)
    )


def tables_of(found):
    """Return findings in a form that can be held against others."""
    windows = [window._replace(figures=dict(window.figures)) for window in found.windows]
    return [alarm.as_json() for alarm in found.alarms], windows, found.counts.records.tolist()


@pytest.fixture
def fast(monkeypatch):
    """Leave figures and money out: they have tests of their own, and take most of the time."""
    monkeypatch.setattr(module, "_judged", lambda labelled, *rest: ({"records": len(labelled)}, {"days": rest[-1]}))


@pytest.mark.parametrize("delay_days", DELAYS)
def test_at_each_day_the_whole_stream_says_what_its_beginning_says(fast, delay_days):
    given, about = eventful(), watched(delay_days)
    for day in range(1, given.days + 5):
        as_of = START + day * DAY
        cut = truncated(given, delay_days, as_of)
        ours = watch(given, about, options(), EVALUATE, as_of)
        theirs = watch(cut._replace(days=min(cut.days, given.days)), about, options(), EVALUATE, as_of)
        assert tables_of(ours) == tables_of(theirs)
        for name in ("loss", "volume"):
            np.testing.assert_array_equal(getattr(ours.signals, name), getattr(theirs.signals, name))
        known = ~np.isnan(only_known(given, about, as_of).loss)
        latest = given.records[TIME][: len(known)][known].max()
        assert not known.any() or latest + pd.Timedelta(days=delay_days) <= as_of


@pytest.mark.parametrize("delay_days", DELAYS)
def test_an_alarm_that_was_raised_never_changes(fast, delay_days):
    given, about, earlier, kinds = eventful(), watched(delay_days), [], set()
    for day in range(1, given.days + 6):
        now = watch(given, about, options(), EVALUATE, START + day * DAY).alarms
        lasting = [(one.kind, one.size, one.since, one.raised, one.suspects, one.cut, one.action) for one in now]
        assert lasting[: len(earlier)] == earlier
        assert all(one[3] == BEGINS + day * DAY for one in lasting[len(earlier) :])
        earlier = lasting
        kinds |= {one[0] for one in lasting}
    assert kinds >= {"schema", "quality", "volume", "covariate", "score"}
    assert kinds & {"concept", "performance"}


def test_a_rise_of_the_loss_is_raised_no_earlier_than_the_delay_after_its_records(fast):
    given, about = stream(altered("is_bad", reversed_labels, day=10, share=0.5)), watched(7.0)
    (alarm,) = watch(given, about, options(), EVALUATE, START + DAYS * DAY).alarms
    assert alarm.since >= START + 9 * DAY
    assert alarm.raised + DAY >= alarm.since + 8 * DAY
    assert watch(given, about, options(), EVALUATE, alarm.raised).alarms == []
    assert watch(given, about, options(), EVALUATE, alarm.raised + DAY).alarms[0].raised == alarm.raised


def test_a_rise_of_the_loss_is_open_while_no_later_label_says_otherwise(fast):
    given, about = stream(altered("is_bad", reversed_labels, day=10, share=0.5)), watched(7.0)
    (alarm,) = watch(given, about, options(), EVALUATE, START + DAYS * DAY).alarms
    assert alarm.open
    assert alarm.until == START + (DAYS - 8) * DAY


def test_labels_that_never_came_are_not_known(fast):
    given = stream()
    loss = np.where(np.arange(len(given.loss)) % 2, given.loss, np.nan)
    found = watch(given._replace(loss=loss), watched(), options(), EVALUATE, START + 40 * DAY)
    assert [window.labelled for window in found.windows] == [700] * 4
    assert [window.records for window in found.windows] == [1400] * 4


def test_the_day_that_is_not_over_is_counted_but_not_its_volume(fast):
    noon = START + 10 * DAY + pd.Timedelta(hours=12)
    found = watch(stream(), watched(), options(), EVALUATE, noon)
    assert found.counts.days == 11
    assert 0 < found.counts.records[-1] < 200
    assert np.isnan(found.signals.volume[-1])
    assert found.alarms == []
    whole = watch(stream(days=11), watched(), options(), EVALUATE, START + 11 * DAY + pd.Timedelta(hours=12))
    assert not np.isnan(whole.signals.volume).any()


def test_records_outside_of_the_days_are_in_no_window(fast):
    given = stream()._replace(first=START + 2 * DAY, days=9)
    found = watch(given, watched(), options(), EVALUATE, START + 50 * DAY)
    assert [window.records for window in found.windows] == [1400, 400]
    assert found.counts.records.tolist() == [200] * 9


def test_before_the_first_day_nothing_is_known(fast):
    for as_of in (START, START - 3 * DAY):
        found = watch(stream(), watched(), options(), EVALUATE, as_of)
        assert (found.alarms, found.windows, found.counts.days) == ([], [], 0)


@pytest.mark.parametrize(
    ("silent", "unlabelled", "days"), [(None, None, 7), ((2, 3), None, 7), (None, (2, 3), 6), ((0, 2), (4, 7), 4)]
)
def test_the_days_of_a_window_are_those_whose_labels_count(fast, silent, unlabelled, days):
    given = stream(*([kept(0.0, *silent)] if silent else []), days=7)
    if unlabelled:
        given = given._replace(loss=np.where(since(*unlabelled)(given.records), np.nan, given.loss))
    (window,) = watch(given, watched(), options(), EVALUATE, START + 7 * DAY).windows
    assert window.costs["days"] == days


def test_labels_that_were_merged_into_records_are_classes_again():
    given = stream(days=7)
    half = np.arange(len(given.loss)) % 2 == 0
    merged = given.records.assign(is_bad=given.records["is_bad"].where(half).astype(float))
    given = given._replace(records=merged, loss=TASK.losses(merged))
    (window,) = watch(given, watched(), options(), EVALUATE, START + 7 * DAY).windows
    assert window.labelled == half.sum()
    plain = TASK.window(stream(days=7).records[half], DECISION, EVALUATE, 7.0)
    assert {name: figure.value for name, figure in window.figures.items()} == pytest.approx(TASK.figures(plain))


def test_the_reference_itself_raises_no_alarm(fast):
    given = stream_of(visits(FIRST, 84, 0), FIRST, 84)
    assert watch(given, watched(), options(), EVALUATE, FIRST + 84 * DAY).alarms == []
