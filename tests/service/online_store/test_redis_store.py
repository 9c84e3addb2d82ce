import os
import subprocess
import sys

import pytest
from hypothesis import HealthCheck, given, settings

from benchmarks.replay import redis_server
from lifecycle.features.online.state import State
from lifecycle.problem.record_words import DAY_US
from tests.graph import ROOT
from tests.helpers_model import quick
from tests.helpers_online import LATENESS_DAYS, PLAN, SCHEMA, differing, payment_of, streams, take
from tests.service.helpers_redis import needs_redis, prefixes, store_on

pytestmark = needs_redis


@pytest.fixture(scope="module")
def server():
    with redis_server() as url:
        yield url


@given(events=streams)
@settings(parent=quick, max_examples=25, suppress_health_check=list(HealthCheck))
def test_a_store_answers_as_a_state_in_memory(server, events):
    store, state = store_on(server), State(PLAN, SCHEMA, lateness_days=LATENESS_DAYS)
    for event in events:
        if event.row is not None:
            assert not differing(store.features(event.row), state.features(event.row))
        found, wanted = take(store, event), take(state, event)
        assert (found is None and wanted is None) or not differing(found, wanted)
    for row in (event.row for event in events if event.row is not None):
        try:
            wanted = state.update(row)
        except ValueError as error:
            with pytest.raises(type(error), match="days older than the newest"):
                store.update(row)
        else:
            assert not differing(store.update(row), wanted)
    store.close()


def test_what_windows_can_no_longer_reach_is_dropped_and_what_is_not_seen_expires(server):
    store = store_on(server)
    for key in range(300):
        store.update(payment_of(6 * key) | {"tx_time": key * DAY_US})
        store.label(6 * key, {"is_fraud": 1})
    names = store._server.keys(f"{store._keys.entity('', '')[:-2]}*")
    assert len(names) == 2
    for name in names:
        assert store._server.llen(name) < 2 * (40 + 10)  # a payment and its label a day, for 38 days and lateness
        assert 0 < store._server.ttl(name) <= 41 * 86_400
    assert 0 < store._server.ttl(store._keys.record(0)) <= 41 * 86_400
    assert not store.label(0, {"is_fraud": 0})
    assert not store.label(1, {"is_fraud": 0})


HAMMER = """
import sys
sys.path.append("src")
from benchmarks.serving.row_stores import RowsOnRedis
from tests.helpers_online import PLAN, SCHEMA, payment_of
store = RowsOnRedis(sys.argv[1], PLAN, SCHEMA, sys.argv[2])
input()
for key in range(int(sys.argv[3]), 300, 2):
    found = store.update(payment_of(key) | {"customer_id": 1, "terminal_id": key % 2, "tx_time": 0})
    print(found["card_count_30d"])
    store.label(key, {"is_fraud": 1})
"""


@pytest.mark.slow
def test_two_processes_at_the_same_card_lose_nothing(server):
    prefix, pipes = next(prefixes), {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE, "text": True}
    command = [sys.executable, "-c", HAMMER, server, prefix]
    both = [subprocess.Popen([*command, str(n)], cwd=ROOT, env=dict(os.environ), **pipes) for n in range(2)]
    for process in both:
        process.stdin.write("\n")
        process.stdin.flush()
    counts = [int(line) for process in both for line in process.communicate()[0].split()]
    assert sorted(counts) == list(range(1, 301))  # each saw a state that no other one saw
    assert [process.returncode for process in both] == [0, 0]
    store = store_on(server, prefix=prefix, lateness_days=1.0)
    found = store.features(payment_of(1_000) | {"customer_id": 1, "terminal_id": 1, "tx_time": 7 * DAY_US})
    assert found["card_count_30d"] == 301
    assert found["since_fraud_14d"] == 7
    first, second = (
        store.features(payment_of(1_000) | {"terminal_id": shop, "tx_time": 7 * DAY_US})["shop_count_30d"]
        for shop in range(2)
    )
    assert first + second == sum(payment_of(key)["amount"] <= 150 for key in range(300))
