import hashlib
import math
import random

import numpy as np
import pandas as pd
import pytest

from problems.generators import card_simulator
from problems.generators.card_simulator import COLUMNS, DAY, SEED_STRIDE, START, simulate

# Of the published table, its rows in order of these columns, checked row by row when this was written.
CONTENT = ["tx_time", "customer_id", "terminal_id", "amount", "is_fraud", "fraud_scenario"]
PUBLISHED_SHA256 = "39619a2220ce6342a2283df8605aea5e166e0b1260bc2e55fcbf54c41b7a95c8"
SMALL = {"customers": 60, "terminals": 500, "days": 20, "seed": 0}


def seconds_of(table):
    return ((table["tx_time"].to_numpy() - START) // np.timedelta64(1, "s")).astype(np.int64)


def spend_plainly(customers, terminals, days, seed):
    """Simulate the payments before fraud as the book describes them, one plain call after the other."""
    people, first = np.random.RandomState(seed * SEED_STRIDE), seed * SEED_STRIDE
    habits = [[people.uniform(*ends) for ends in ((0, 100), (0, 100), (5, 100), (0, 4))] for _ in range(customers)]
    places = np.random.RandomState(first + 1).uniform(0, 100, (terminals, 2)).tolist()
    rows = []
    for customer, (x, y, mean, rate) in enumerate(habits):
        near = [i for i, (tx, ty) in enumerate(places) if math.hypot(tx - x, ty - y) < 5]
        numbers, choose = np.random.RandomState(first + customer), random.Random(first + customer).choice
        for day in range(days if near else 0):
            for _ in range(numbers.poisson(rate)):
                second = int(numbers.normal(43_200, 20_000))
                if 0 < second < DAY:
                    amount = numbers.normal(mean, mean / 2)
                    amount = round(amount if amount >= 0 else numbers.uniform(0, 2 * mean), 2)
                    rows.append([day * DAY + second, customer, choose(near), amount, 0])
    return sorted(rows, key=lambda row: row[0])  # stable: ties stand in customer order


def plant_plainly(rows, customers, terminals, days, seed):
    """Plant the three kinds of fraud as the book describes them; a later one overwrites an earlier one."""
    for row in rows:
        row[4] = int(row[3] > 220)
    for start in range(days - 1):
        chosen = np.random.RandomState(seed * SEED_STRIDE + start).choice(terminals, 2, replace=False).tolist()
        for row in rows:
            if start <= row[0] // DAY < start + 28 and row[2] in chosen:
                row[4] = 2
    for start in range(days - 1):
        chosen = np.random.RandomState(seed * SEED_STRIDE + start).choice(customers, 3, replace=False).tolist()
        seen = [i for i, row in enumerate(rows) if start <= row[0] // DAY < start + 14 and row[1] in chosen]
        for i in random.Random(seed * SEED_STRIDE + start).sample(seen, int(len(seen) / 3)):
            rows[i][3:] = [rows[i][3] * 5, 3]


@pytest.mark.parametrize("seed", [0, 3])
def test_table_is_that_of_the_process_as_the_book_describes_it(seed):
    size = {"customers": 100, "terminals": 2000, "days": 32, "seed": seed}
    table, plain = simulate(**size), spend_plainly(**size)
    plant_plainly(plain, **size)
    found = table.assign(second=seconds_of(table))
    columns = ["second", "customer_id", "terminal_id", "amount", "fraud_scenario"]
    np.testing.assert_array_equal(found[columns], np.array(plain))
    assert set(table["fraud_scenario"]) == {0, 1, 2, 3}
    np.testing.assert_array_equal(table["is_fraud"], table["fraud_scenario"] > 0)


def test_table_is_in_time_order_with_its_position_as_key():
    table = simulate(**SMALL)
    assert tuple(table.columns) == COLUMNS
    assert table["transaction_id"].tolist() == list(range(len(table)))
    order = np.lexsort((table["customer_id"], table["tx_time"]))
    np.testing.assert_array_equal(order, np.arange(len(table)))


def test_same_bytes_however_the_customers_are_shared_out(monkeypatch):
    whole = simulate(**SMALL)
    monkeypatch.setattr(card_simulator, "CUSTOMERS_PER_TASK", 7)
    pd.testing.assert_frame_equal(simulate(**SMALL), whole, check_exact=True)


def test_same_bytes_with_one_process_and_with_two():
    size = {"customers": 600, "terminals": 800, "days": 3, "seed": 2}
    pd.testing.assert_frame_equal(simulate(**size, n_jobs=2), simulate(**size, n_jobs=1), check_exact=True)


def test_region_is_the_quarter_of_the_map_in_which_the_customer_lives():
    homes = np.random.RandomState(SMALL["seed"]).uniform((0, 0, 5, 0), (100, 100, 100, 4), (SMALL["customers"], 4))
    quarter = {(False, False): 1, (True, False): 2, (False, True): 3, (True, True): 4}
    table = simulate(**SMALL)
    expected = [quarter[x >= 50, y >= 50] for x, y in homes[table["customer_id"], :2].tolist()]
    assert table["region"].tolist() == expected
    assert table["region"].dtype == np.int8
    assert set(expected) == {1, 2, 3, 4}


@pytest.mark.parametrize("other", [1, 7, 4000])
def test_another_seed_is_another_table(other):
    one, two = simulate(**SMALL), simulate(**SMALL | {"seed": other})
    common = one[CONTENT].merge(two[CONTENT], on=["customer_id", "terminal_id", "amount"])
    assert len(common) < 3
    assert abs(len(one) / len(two) - 1) < 0.5


def test_a_longer_table_begins_with_the_same_payments():
    short, long = simulate(**SMALL | {"days": 8}), simulate(**SMALL)
    payments = ["tx_time", "customer_id", "terminal_id"]  # amounts of the last days may be hit by a later fraud
    pd.testing.assert_frame_equal(long[payments].head(len(short)), short[payments])


@pytest.mark.parametrize(
    ("customers", "terminals", "days"), [(1, 1, 2), (3, 1, 10), (1, 5000, 2), (900, 1, 3), (2, 9000, 30)]
)
def test_smallest_sizes_give_a_table_even_when_nobody_reaches_a_terminal(customers, terminals, days):
    table = simulate(customers, terminals, days, seed=0)
    assert tuple(table.columns) == COLUMNS
    assert (len(table) > 0) == (max(customers, terminals) > 500)
    assert table["customer_id"].isin(range(customers)).all()
    assert table["terminal_id"].isin(range(terminals)).all()
    assert ((seconds_of(table) // DAY) < days).all()


@pytest.mark.slow
def test_default_size_is_the_published_table():
    table = simulate(customers=5_000, terminals=10_000, days=183, seed=0)
    assert (len(table), table["is_fraud"].sum(), table["customer_id"].nunique()) == (1_754_155, 14_681, 4_990)
    assert table["tx_time"].iloc[0] == pd.Timestamp("2018-04-01 00:00:31")
    assert table["tx_time"].iloc[-1] == pd.Timestamp("2018-09-30 23:59:57")
    content, digest = table[CONTENT].sort_values(CONTENT), hashlib.sha256()
    for name in CONTENT:
        digest.update(content[name].to_numpy().tobytes())
    assert digest.hexdigest() == PUBLISHED_SHA256
