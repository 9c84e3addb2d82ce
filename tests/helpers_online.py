"""Streams of payments as a service sees them, and what the batch evaluator makes of what has arrived so far."""

from collections.abc import Iterable, Mapping
from math import isnan
from typing import Any, NamedTuple

import pandas as pd
from hypothesis import strategies as st

from lifecycle.features.batch import evaluate
from lifecycle.features.online.plan import Plan
from lifecycle.features.online.record_schema import Schema
from lifecycle.features.online.state import State
from lifecycle.problem.record_words import DAY_US
from lifecycle.problem.window_words import Feature
from problems.transactions import PROBLEM
from tests.helpers_payments import EVERYTHING

PLAN = Plan(EVERYTHING, PROBLEM.decimals)
SCHEMA = Schema.of(PROBLEM, PLAN)
START = pd.Timestamp("2018-03-20").value // 1000  # the clocks change on the fifth day, in Europe
QUARTER = DAY_US // 4


class Event(NamedTuple):
    """A payment that arrives (`row` given), or its label that has become known."""

    at: int
    key: int
    row: dict[str, Any] | None
    fraud: int


# Gaps of quarter days: many windows end on, or just beside, a record. The long ones leave records out of every reach.
payment = st.tuples(
    st.sampled_from([0, 0, 0, 1, 1, 2, 4, 28, 30, 80, 149]),
    st.integers(-1, 1),
    st.integers(0, 1),
    st.integers(0, 2),
    st.sampled_from([0, 1, 7_530, 15_000, 15_001, 90_000]),
    st.integers(0, 1),
    st.sampled_from([0, 0, 0, 1, 2, 4]),
    st.sampled_from([None, 0, 2, 28, 28, 29, 32, 60]),
)


def _events(payments: list[Any]) -> list[Event]:
    events, time = [], START
    for key, (gap, beside, card, shop, cents, fraud, late, known) in enumerate(payments):
        time += gap * QUARTER
        row = {
            "transaction_id": key,
            "tx_time": time + beside,
            "customer_id": card,
            "terminal_id": shop,
            "amount": cents / 100,
        }
        events.append(Event(time + late * QUARTER, key, row, 0))
        if known is not None:
            events.append(Event(time + known * QUARTER, key, None, fraud))
    return sorted(events, key=lambda event: event.at)


# Late by up to a day and a little: two records can lie a microsecond each to the side.
LATENESS_DAYS = 1.25
streams = st.lists(payment, min_size=1, max_size=14).map(_events)


def payments_of(events: Iterable[Event]) -> pd.DataFrame:
    """Return the payments that have arrived, in order of time and arrival, with the labels that are known."""
    arrived: dict[int, dict[str, Any]] = {}
    for event in events:
        if event.row is not None:
            arrived.setdefault(event.key, {**event.row, "is_fraud": 0})
        elif event.key in arrived:
            arrived[event.key]["is_fraud"] = event.fraud
    frame = pd.DataFrame(arrived.values()).sort_values("tx_time", kind="stable", ignore_index=True)
    return frame.assign(tx_time=frame["tx_time"].astype("datetime64[us]"))


def expected(frame: pd.DataFrame, features: tuple[Feature, ...] = EVERYTHING) -> dict[Any, dict[str, Any]]:
    """Return the features of each payment in a table, by its key."""
    found = evaluate(features, frame, PROBLEM.time, PROBLEM.decimals).to_dict("records")
    return dict(zip(frame[PROBLEM.key].tolist(), found, strict=True))


def differing(found: Mapping[str, Any], wanted: Mapping[str, Any]) -> dict[str, tuple[Any, Any]]:
    """Return the columns that are not exactly equal; missing values are."""
    assert list(found) == list(wanted)
    pairs = {name: (found[name], wanted[name]) for name in found}
    return {name: (a, b) for name, (a, b) in pairs.items() if a != b and not (isnan(a) and isnan(b))}


def take(state: State, event: Event) -> dict[str, Any] | None:
    """Let a state see an event; return the features of a payment."""
    if event.row is not None:
        return state.update(event.row)
    state.label(event.key, {"is_fraud": event.fraud})
    return None


def payment_of(key: int) -> dict[str, Any]:
    """Return the payment of a key: a quarter of an hour after the one before, or half a day late."""
    late = DAY_US // 2 if key % 11 == 10 else 0
    return {
        "transaction_id": key,
        "tx_time": key * DAY_US // 96 - late,
        "customer_id": key % 3,
        "terminal_id": key % 2,
        "amount": key % 400 + 0.25,
    }


def see(store: Any, key: int) -> None:
    """Let a store or a state see a payment and its label."""
    store.update(payment_of(key))
    if key % 7 == 0:
        store.label(key, {"is_fraud": 1})


def state_after(keys: Iterable[int]) -> State:
    """Return a state in memory that has seen some payments."""
    state = State(PLAN, SCHEMA)
    for key in keys:
        see(state, key)
    return state
