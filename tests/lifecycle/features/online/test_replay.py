import functools

import pytest

from benchmarks.replay import Table, replay
from lifecycle.features.aggregates.count_sum_mean import Mean
from lifecycle.features.online import entity
from lifecycle.features.online.plan import Plan
from lifecycle.features.online.record_schema import Schema
from lifecycle.features.online.state import State
from lifecycle.problem.record_words import DAY_US
from problems.transactions import LABEL_DELAY_DAYS, PROBLEM
from tests.helpers_model import payments
from tests.helpers_payments import EVERYTHING


class Everything:
    """The default problem with every word of the vocabulary."""

    features = EVERYTHING

    def __getattr__(self, name):
        return getattr(PROBLEM, name)


@functools.cache
def table():
    """Return a table in which many payments stand on the edge of another's window, and some at the same time."""
    rounded = payments().assign(tx_time=payments()["tx_time"].dt.floor("10min"))
    return Table.of(Everything(), rounded, LABEL_DELAY_DAYS)


def replayed(events, seen=None):
    """Return how many rows differ, by feature, in those events that come after forty-five days."""
    start = int(table().time.searchsorted(table().time[0] + 45 * DAY_US))
    plan = Plan(EVERYTHING, PROBLEM.decimals)
    state = State(plan, Schema.of(PROBLEM, plan), (seen or table()).snapshot(plan, start))
    return +replay(state, seen or table(), start, start + events).differ


@pytest.mark.slow
def test_event_by_event_every_feature_of_every_payment_is_that_of_the_table():
    assert not replayed(6_000)


def test_a_mean_that_is_off_by_its_last_bit_is_found(monkeypatch):
    online = Mean.online
    monkeypatch.setattr(Mean, "online", lambda *args: online(*args) * (1 + 2**-52))
    assert {"card_mean_30d", "shop_mean_7.5d"} <= replayed(300).keys()


@pytest.mark.parametrize("edge", [0, 1], ids=["oldest", "youngest"])
def test_a_window_whose_end_is_a_second_off_is_found(monkeypatch, edge):
    edges = entity._edges

    def moved(aggregate):
        found = list(edges(aggregate))
        found[edge] += 1_000_000 * (found[edge] > 0)
        return tuple(found)

    monkeypatch.setattr(entity, "_edges", moved)
    assert "shop_count_30d" in replayed(2_000)


def test_a_label_that_is_a_day_late_is_found():
    late = table()._replace(known=table().known + DAY_US)
    assert {"shop_rate_7.5d", "since_fraud_14d"} <= replayed(2_000, late).keys()


def test_a_label_that_is_a_day_early_is_not_seen_early():
    assert not replayed(500, table()._replace(known=table().known - DAY_US))
