import itertools

import pytest

from benchmarks.replay import redis_server
from lifecycle.core.errors import PipelineError
from lifecycle.features.online.plan import Plan
from lifecycle.features.online.state import State
from problems.transactions import PROBLEM
from tests.helpers_online import LATENESS_DAYS, PLAN, SCHEMA, differing, payment_of, see
from tests.helpers_payments import EVERYTHING
from tests.service.helpers_redis import needs_redis, prefixes, store_on

pytestmark = needs_redis


@pytest.fixture(scope="module")
def server():
    with redis_server() as url:
        yield url


redis_base = pytest.importorskip("service.online_store.redis_entity_store")


def test_a_store_goes_on_from_a_snapshot(server, monkeypatch):
    monkeypatch.setattr(redis_base, "CHUNK", 7)
    state = State(PLAN, SCHEMA, lateness_days=LATENESS_DAYS)
    for key in range(60):
        see(state, key)
    base, prefix = state.snapshot(), next(prefixes)
    first, second = (store_on(server, prefix=prefix, base=base) for _ in range(2))
    for key in range(50, 120):  # ten retries among them
        store = (first, second)[key % 2]
        if key % 7 == 0:
            store.label(key - 30, {"is_fraud": 1})
            state.label(key - 30, {"is_fraud": 1})
        assert not differing(store.update(payment_of(key)), state.update(payment_of(key)))


def test_a_process_that_died_while_loading_is_replaced(server, monkeypatch):
    state, prefix = State(PLAN, SCHEMA, lateness_days=LATENESS_DAYS), next(prefixes)
    for key in range(30):
        see(state, key)
    monkeypatch.setattr(redis_base, "CHUNK", 3)
    monkeypatch.setattr(redis_base, "LEASE_SECONDS", 1)
    commands = redis_base._commands

    def die(*args):
        yield from itertools.islice(commands(*args), 4)
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(redis_base, "_commands", die)
        with pytest.raises(KeyboardInterrupt):
            store_on(server, prefix=prefix, base=state.snapshot())
    store = store_on(server, prefix=prefix, base=state.snapshot())
    assert not differing(store.update(payment_of(30)), state.update(payment_of(30)))


def test_one_that_only_slept_while_loading_writes_no_more(server):
    state, prefix = State(PLAN, SCHEMA, lateness_days=LATENESS_DAYS), next(prefixes)
    see(state, 0)
    store = store_on(server, prefix=prefix, base=state.snapshot())
    store.update(payment_of(6))
    commands = redis_base._commands(store._keys, PLAN, state.snapshot())
    redis_base._load(store._server, store._keys, "the token of the sleeper", commands)
    assert store.features(payment_of(12))["card_count_30d"] == 3


def test_another_payment_under_a_key_that_is_taken_is_refused(server):
    store = store_on(server)
    store.update(payment_of(1))
    with pytest.raises(ValueError, match="record 1: already kept with another amount"):
        store.update(payment_of(1) | {"amount": 7.0})


def test_another_list_or_a_snapshot_that_comes_too_late_is_refused_in_words(server):
    store = store_on(server, prefix="refused")
    other = Plan(EVERYTHING[:-1], PROBLEM.decimals)
    with pytest.raises(PipelineError, match="the store was made for another feature list"):
        store_on(server, prefix="refused", plan=other)
    with pytest.raises(PipelineError, match="the store was made for another feature list"):
        store_on(server, prefix="refused", lateness_days=2)
    store.update(payment_of(0))
    with pytest.raises(PipelineError, match="records have come before the snapshot was loaded; use another prefix"):
        store_on(server, prefix="refused", base=State(PLAN, SCHEMA, lateness_days=2).snapshot())
