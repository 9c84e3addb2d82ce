"""Simulate card transactions with planted fraud: the published benchmark, bit for bit, without a network.

Source of the process and of its constants: Le Borgne, Siblini, Lebichot and Bontempi, "Reproducible Machine Learning
for Credit Card Fraud Detection" (2022), chapter 3. With the default size and seed 0 every value of the columns
`PUBLISHED` equals the published table; where transactions share a second, the rows stand in customer order (the
published order of ties is arbitrary).
"""

from __future__ import annotations

import random
from typing import TYPE_CHECKING, NamedTuple

import joblib
import numpy as np
from tqdm import tqdm

from lifecycle.core.portable_math import stable_argsort

if TYPE_CHECKING:
    import pandas as pd


RANGES = {"customers": (1, 1_000_000), "terminals": (1, 10**9), "days": (2, 36_500), "seed": (0, 4_000)}
START = np.datetime64("2018-04-01", "us")
PUBLISHED = ("transaction_id", "tx_time", "customer_id", "terminal_id", "amount", "is_fraud", "fraud_scenario")
COLUMNS = (*PUBLISHED, "region")
DAY = 86_400  # seconds
RADIUS = 5.0  # a customer uses the terminals nearer than this, on a map of 100 x 100
SEED_STRIDE = 1_000_000  # keeps the streams of two seeds apart; legacy numpy seeds end at 2**32
CUSTOMERS_PER_TASK = 250
CUSTOMERS_PER_PROCESS = 10_000  # fewer are simulated sooner than another process starts


class Profiles(NamedTuple):
    """Spending habits, one entry per customer."""

    position: np.ndarray  # (customers, 2)
    mean_amount: np.ndarray
    transactions_per_day: np.ndarray


def simulate(
    customers: int = 5_000, terminals: int | None = None, days: int = 183, seed: int = 0, n_jobs: int | None = None
) -> pd.DataFrame:
    """Simulate a transaction table, sorted by time.

    Parameters
    ----------
    customers, days : int
        Size; the published table has 5,000 and 183. From 1 to 1,000,000, and from 2 to 36,500.
    terminals : int, optional
        From 1; by default twice as many as customers, as in the published table.
    seed : int
        0 is the published table; up to 4,000.
    n_jobs : int, optional
        Processes; by default as many as pay off. Their number never changes a bit.

    Returns
    -------
    pandas.DataFrame
        Columns `COLUMNS`; `amount` in currency units, `fraud_scenario` 0 (genuine) to 3, `region` the quarter of the
        map that the customer lives in: 1 south-west, 2 south-east, 3 north-west, 4 north-east.

    Raises
    ------
    ValueError
        Names the argument that is out of its range.
    """
    import pandas as pd  # here, so that the worker processes start without it

    terminals = 2 * customers if terminals is None else terminals
    for name, value in {"customers": customers, "terminals": terminals, "days": days, "seed": seed}.items():
        least, most = RANGES[name]
        if type(value) is not int or not least <= value <= most:
            raise ValueError(f"{name} = {value!r}: a whole number from {least} to {most}")
    profiles = _profiles(customers, seed)
    second, customer, terminal, amount = _all_transactions(profiles, terminals, days, seed, n_jobs)
    amount, scenario = _plant_fraud(second // DAY, customer, terminal, amount, (customers, terminals, days, seed))
    return pd.DataFrame(
        {
            "transaction_id": np.arange(len(second)),
            "tx_time": START + second.astype("timedelta64[s]"),
            "customer_id": customer,
            "terminal_id": terminal,
            "amount": amount,
            "is_fraud": (scenario > 0).astype(np.int8),
            "fraud_scenario": scenario,
            "region": _quarter(profiles.position)[customer],
        }
    )


def _all_transactions(
    profiles: Profiles, terminals: int, days: int, seed: int, n_jobs: int | None
) -> tuple[np.ndarray, ...]:
    """Return second, customer, terminal and amount of all transactions, in order of time."""
    customers = len(profiles.position)
    terminal_position = np.random.RandomState(seed * SEED_STRIDE + 1).uniform(0, 100, (terminals, 2))
    tasks = [range(c, min(c + CUSTOMERS_PER_TASK, customers)) for c in range(0, customers, CUSTOMERS_PER_TASK)]
    jobs = max(1, min(joblib.cpu_count(), customers // CUSTOMERS_PER_PROCESS)) if n_jobs is None else n_jobs
    parts = joblib.Parallel(n_jobs=jobs, return_as="generator")(
        joblib.delayed(_transactions_of)(task, profiles, terminal_position, days, seed) for task in tasks
    )
    progress = tqdm(parts, "customers", total=len(tasks), unit_scale=CUSTOMERS_PER_TASK, disable=None)
    columns = [np.concatenate(column) for column in zip(*progress, strict=True)]
    order = stable_argsort(columns[0])
    return tuple(column[order] for column in columns)


def _profiles(customers: int, seed: int) -> Profiles:
    # One row of uniforms per customer, drawn in this order: x, y, mean amount, transactions per day.
    draws = np.random.RandomState(seed * SEED_STRIDE).uniform((0, 0, 5, 0), (100, 100, 100, 4), (customers, 4))
    return Profiles(draws[:, :2], draws[:, 2], draws[:, 3])


def _quarter(position: np.ndarray) -> np.ndarray:
    east, north = (position >= 50).T  # the published table leaves positions out, but not what they were drawn from
    return (1 + east + 2 * north).astype(np.int8)


def _transactions_of(
    customers: range, profiles: Profiles, terminal_position: np.ndarray, days: int, seed: int
) -> tuple[np.ndarray, ...]:
    """Return second, customer, terminal and amount of all transactions of some customers, customer by customer."""
    parts = [(np.empty(0, np.int64), np.empty(0, np.int64), np.empty(0, np.int64), np.empty(0))]
    for customer in customers:
        x, y = profiles.position[customer]
        distance = np.sqrt((terminal_position[:, 0] - x) ** 2 + (terminal_position[:, 1] - y) ** 2)
        reachable = np.flatnonzero(distance < RADIUS)
        if len(reachable):
            mean, rate = float(profiles.mean_amount[customer]), float(profiles.transactions_per_day[customer])
            second, index, amount = _spend(mean, rate, len(reachable), days, seed * SEED_STRIDE + customer)
            parts.append((second, np.full(len(second), customer), reachable[index], np.round(amount, 2)))
    return tuple(np.concatenate(column) for column in zip(*parts, strict=True))


def _spend(mean: float, rate: float, choices: int, days: int, stream: int) -> tuple[np.ndarray, ...]:
    """Return second, index of the chosen terminal and amount of one customer's transactions.

    Two generators run side by side, numpy's legacy one and Python's, drawn in exactly this order: so were the
    published rows. Standard normals are scaled here, and `random.choice` is spelled out, because those calls cost more
    than what they compute.
    """
    numbers, bits = np.random.RandomState(stream), random.Random(stream).getrandbits
    normal, poisson, width, half = numbers.standard_normal, numbers.poisson, choices.bit_length(), mean / 2
    seconds, indices, amounts = [], [], []
    for midnight in range(0, days * DAY, DAY):
        for _ in range(poisson(rate)):
            second = int(DAY / 2 + 20_000 * normal())
            if 0 < second < DAY:
                amount = mean + half * normal()
                if amount < 0:
                    amount = numbers.uniform(0, mean * 2)
                index = bits(width)
                while index >= choices:
                    index = bits(width)
                seconds.append(midnight + second)
                indices.append(index)
                amounts.append(amount)
    return np.array(seconds, np.int64), np.array(indices, np.int64), np.array(amounts, np.float64)


def _plant_fraud(
    day: np.ndarray, customer: np.ndarray, terminal: np.ndarray, amount: np.ndarray, size: tuple[int, int, int, int]
) -> tuple[np.ndarray, np.ndarray]:
    """Return the amounts and the fraud scenario of each row; a later scenario overwrites an earlier one."""
    customers, terminals, days, seed = size
    scenario = np.zeros(len(day), dtype=np.int8)
    scenario[amount > 220] = 1
    rows_of_terminal, rows_of_customer = _rows_by_id(terminal), _rows_by_id(customer)
    for start in range(days - 1):  # compromised terminals: all they see in 28 days
        for chosen in np.random.RandomState(seed * SEED_STRIDE + start).choice(
            terminals, min(2, terminals), replace=False
        ):
            rows = rows_of_terminal.get(int(chosen), np.empty(0, np.int64))
            scenario[rows[(day[rows] >= start) & (day[rows] < start + 28)]] = 2
    amount = amount.copy()
    for start in range(days - 1):  # compromised customers: a third of their payments in 14 days, at 5 times the amount
        chosen = np.random.RandomState(seed * SEED_STRIDE + start).choice(customers, min(3, customers), replace=False)
        rows = np.sort(np.concatenate([rows_of_customer.get(int(c), np.empty(0, np.int64)) for c in chosen]))
        rows = rows[(day[rows] >= start) & (day[rows] < start + 14)]
        hit = random.Random(seed * SEED_STRIDE + start).sample(rows.tolist(), k=len(rows) // 3)
        amount[hit] *= 5
        scenario[hit] = 3
    return amount, scenario


def _rows_by_id(ids: np.ndarray) -> dict[int, np.ndarray]:
    if not len(ids):  # nobody reaches a terminal
        return {}
    order = stable_argsort(ids)
    values, starts = np.unique(ids[order], return_index=True)
    return dict(zip(values.tolist(), np.split(order, starts[1:]), strict=True))
