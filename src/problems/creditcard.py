"""The well-known creditcard.csv: two days of card payments, 28 anonymous components, no card numbers.

Set `ingest.path` to the file. Its label delay is unknown, so none is assumed; its cards are unknown, so intervals
resample single payments.
"""

import numpy as np
import pandas as pd

from lifecycle.problem import Band, Column, Hour, Problem, Purpose, Raw, Words

COMPONENTS = tuple(f"V{i}" for i in range(1, 29))
A_CENTURY = 36_525 * 86_400  # seconds
FIRST_DAY = np.datetime64("2013-09-01", "us")  # the month is published, the day is not


def prepare(source: pd.DataFrame) -> pd.DataFrame:
    """Add a number for each row, and a time from the seconds since the first payment."""
    seconds = pd.to_numeric(source["Time"], errors="coerce")
    seconds = seconds.where(seconds.abs() < A_CENTURY)  # what is no time is for the contract gate to report
    return source.assign(record_id=np.arange(len(source)), tx_time=FIRST_DAY + pd.to_timedelta(seconds, unit="s"))


PROBLEM = Problem(
    contract=(
        Column("record_id", "integer", "row of the file", ge=0, unique=True, derived=True),
        Column("tx_time", "timestamp", "when the card was used", derived=True),
        Column("Time", "number", "seconds since the first payment", ge=0),
        *(Column(name, "number", "a principal component of undisclosed columns") for name in COMPONENTS),
        Column("Amount", "number", "euro", ge=0, decimals=2),
        Column("Class", "integer", "1: fraud", isin=(0, 1)),
    ),
    features=(*(Raw(name) for name in COMPONENTS), Raw("Amount"), Hour("hour")),
    key="record_id",
    time="tx_time",
    target="Class",
    amount="Amount",
    slices=(Band("amount", "Amount", edges=(10, 50, 200)), Band("hour", "hour", edges=(6, 12, 18))),
    distinct=("Time", *COMPONENTS, "Amount", "Class"),
    prepare=prepare,
    defaults={
        "split": {"train_days": 0.5, "delay_days": 0.0, "test_days": 0.25},
        "decide": {"cost_false_positive": 5.0, "cost_false_negative": "amount"},
        "evaluate": {"rule_amount": 1_000.0, "leak_alarm": 0.95},
        "package": {"name": "fraud"},
    },
    words=Words(record="payment", positive="fraud", negative="genuine", entity="card"),
    purpose=Purpose(
        task="Rank card payments by the probability of fraud, from components whose meaning was never published.",
        users=("Learners and researchers.",),
        uses=("Comparing methods on a well-known table.",),
        forbidden=(
            "Any decision on a payment or a person: no other bank's records have these components.",
            "Naming a cause of fraud: the components can't be traced back to what was recorded.",
        ),
        ethics=("Nothing in the table tells one group of people from another, so unequal treatment can't be seen.",),
        caveats=(
            "Hours of learning and hours of judging are few: the time of day can't be told from a change in behaviour.",
            "Cards are unknown: payments of one card count as independent, so the intervals are likely too narrow.",
            "When labels became known is not published: none is taken to be late, which can flatter the figures.",
        ),
    ),
)
