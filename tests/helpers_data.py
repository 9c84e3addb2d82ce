"""Small tables and problems for the tests of data, params and the first two stages."""

from typing import Any

import numpy as np
import pandas as pd

from lifecycle.features.feature_declaration_checks import check_features
from lifecycle.problem.declaration_checks import check_declaration
from lifecycle.problem.problem import Column, Problem
from lifecycle.problem.record_words import Hour

CREDITCARD_COLUMNS = ("Time", *(f"V{i}" for i in range(1, 29)), "Amount", "Class")


def payments_table(rows: int = 6) -> pd.DataFrame:
    """Return hourly payments as the transactions problem has them, every second one a fraud."""
    number = np.arange(rows)
    return pd.DataFrame(
        {
            "transaction_id": number,
            "tx_time": pd.Timestamp("2018-04-01") + pd.to_timedelta(number, "h").astype("timedelta64[us]"),
            "customer_id": number + 10,
            "terminal_id": number + 20,
            "amount": number + 1.25,
            "is_fraud": number % 2,
            "fraud_scenario": number % 2 * 3,
            "region": number % 4 + 1,
        }
    )


def creditcard_table(rows: int = 6) -> pd.DataFrame:
    """Return a table of the shape of creditcard.csv, made up."""
    values = np.random.default_rng(0).normal(size=(rows, len(CREDITCARD_COLUMNS)))
    table = pd.DataFrame(values, columns=CREDITCARD_COLUMNS)
    return table.assign(Time=np.arange(rows) * 60.0, Amount=np.arange(rows) + 0.5, Class=np.arange(rows) % 2)


def with_cell(table: pd.DataFrame, row: int, column: str, value: Any) -> pd.DataFrame:
    """Return the table with one other value, whatever its type."""
    values = list(table[column])
    values[row] = value
    return table.assign(**{column: pd.Series(values, dtype=object)})


def small_problem(*columns: Column, **changes: Any) -> Problem:
    """Return a problem of three columns and the given ones, checked as the stages do."""
    needed = (
        Column("id", "integer", "", unique=True),
        Column("time", "timestamp", ""),
        Column("label", "integer", "", isin=(0, 1)),
    )
    roles: dict[str, Any] = {"key": "id", "time": "time", "target": "label", "features": (Hour(),)}
    problem = Problem(**{"contract": (*needed, *columns)} | roles | changes)
    check_declaration(problem)
    check_features(problem)
    return problem


def small_table(rows: int = 4, **columns: Any) -> pd.DataFrame:
    """Return daily records of the small problem, with the given columns."""
    number = np.arange(rows)
    times = pd.Timestamp("2018-01-01") + pd.to_timedelta(number, "D")
    return pd.DataFrame({"id": number, "time": times, "label": number % 2} | columns)
