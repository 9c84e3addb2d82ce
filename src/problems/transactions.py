"""Card payments, some of them fraud: the published benchmark, or a file of its shape.

Le Borgne, Siblini, Lebichot and Bontempi, "Reproducible Machine Learning for Credit Card Fraud Detection" (2022). The
features are the book's fifteen. An investigation takes a week, so a label is known seven days after its payment.
"""

from lifecycle.features.vocabulary import Night, Raw, Weekend, Window
from lifecycle.problem import Column, Problem

LABEL_DELAY_DAYS = 7

PROBLEM = Problem(
    contract=(
        Column("transaction_id", "integer", "position in time", ("TRANSACTION_ID",), ge=0, unique=True),
        Column("tx_time", "timestamp", "when the card was used", ("TX_DATETIME",), ge="2000-01-01"),
        Column("customer_id", "integer", "the card", ("CUSTOMER_ID",), ge=0),
        Column("terminal_id", "integer", "where it was used", ("TERMINAL_ID",), ge=0),
        Column("amount", "number", "currency units", ("TX_AMOUNT",), ge=0, le=1_000_000, decimals=2),
        Column("is_fraud", "integer", "the label", ("TX_FRAUD",), isin=(0, 1)),
        Column(
            "fraud_scenario",
            "integer",
            "how it was planted; 0: genuine",
            ("TX_FRAUD_SCENARIO",),
            isin=(0, 1, 2, 3),
            late=True,
        ),
    ),
    ignored=("TX_TIME_SECONDS", "TX_TIME_DAYS"),
    features=(
        Raw("amount"),
        Weekend("is_weekend"),
        Night("is_night", last_hour=6),
        Window("customer_tx_count", "count", by="customer_id", days=(1, 7, 30)),
        Window("customer_amount_mean", "mean", of="amount", by="customer_id", days=(1, 7, 30)),
        Window("terminal_tx_count", "count", by="terminal_id", days=(1, 7, 30), delay_days=LABEL_DELAY_DAYS),
        Window(
            "terminal_fraud_rate", "rate", of="is_fraud", by="terminal_id", days=(1, 7, 30), delay_days=LABEL_DELAY_DAYS
        ),
    ),
    key="transaction_id",
    time="tx_time",
    target="is_fraud",
    card="customer_id",
    amount="amount",
    slices=("fraud_scenario",),
    defaults={
        # A week to learn from, a week until its labels are known, a week to judge: the book's protocol and its week.
        "split": {"train_days": 7, "delay_days": LABEL_DELAY_DAYS, "test_days": 7, "test_start": "2018-08-08"},
        "decide": {"cost_false_positive": 5.0, "cost_false_negative": "amount"},
        # What the data can tell ends at an average precision of about .76; more is a leak.
        "evaluate": {"rule_amount": 220.0, "leak_alarm": 0.78},
    },
)
