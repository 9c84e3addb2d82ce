"""Stores and states that have seen the payments of `tests.helpers_online`."""

from pathlib import Path
from typing import Any

from benchmarks.serving.row_stores import FolderStore
from lifecycle.features.online.state import State
from lifecycle.problem.record_words import DAY_US
from tests.helpers_online import PLAN, SCHEMA, differing, payment_of, see


def opened(folder: Path, **changes: Any) -> FolderStore:
    """Open a store."""
    return FolderStore(**{"folder": folder, "plan": PLAN, "schema": SCHEMA} | changes)


def assert_answers_alike(store: Any, state: State, key: int) -> None:
    """Ask for new payments of every card and shop, a day, a week and a month later, and for the newest one again."""
    for n, days in enumerate((0, 1, 8, 31)):
        probe = payment_of(6 * 10**6 + n) | {"tx_time": payment_of(key)["tx_time"] + days * DAY_US + 1}
        for card in range(3):
            row = probe | {"customer_id": card, "terminal_id": card % 2}
            assert not differing(store.features(row), state.features(row))
    assert not differing(store.features(payment_of(key)), state.features(payment_of(key)))


def filled_at(folder: Path) -> Path:
    """Make a store that has seen forty payments, and close it."""
    store = opened(folder)
    for key in range(40):
        see(store, key)
    store.close()
    return folder
