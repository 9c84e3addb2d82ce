"""Card payments, some of them fraud: the published benchmark, or a file of its shape.

Le Borgne, Siblini, Lebichot and Bontempi, "Reproducible Machine Learning for Credit Card Fraud Detection" (2022). An
investigation takes a week, so a label is known seven days after its payment.
"""

from typing import Any

from lifecycle.problem import Band, Column, Hour, Problem, Purpose, Ratio, Raw, Where, Window, Words

LABEL_DELAY_DAYS = 7
LABELLED: dict[str, Any] = {"days": (30,), "delay_days": LABEL_DELAY_DAYS}
# Limits and window lengths were chosen on the validation weeks: python benchmarks/constants.py prints others'.
LARGE = Where("amount_ratio", ">=", 3.0)
# A fraud with an unusual amount is a sign of a stolen card, any other one of a compromised terminal.
ORDINARY = (Where("amount", "<=", 200.0), Where("amount_ratio", "<=", 3.0))
GENUINE = Where("is_fraud", "==", 0)
REGIONS = ("south-west", "south-east", "north-west", "north-east")

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
        # The published table has no such column.
        Column("region", "integer", "where the customer lives: quarter of the map", isin=(0, 1, 2, 3, 4), default=0),
    ),
    ignored=("TX_TIME_SECONDS", "TX_TIME_DAYS"),
    features=(
        Raw("amount"),
        Window("customer_median", "median", of="amount", by="customer_id", days=(60,), current=False, empty=0.0),
        Ratio("amount_ratio", "amount", "customer_median_60d", empty=1.0),
        Window("customer_since_large", "since", by="customer_id", where=(LARGE,), days=(10,), current=False),
        Window("terminal_since_genuine", "since", by="terminal_id", where=(GENUINE,), **LABELLED),
        Window("terminal_fraud_run", "run_length", of="is_fraud", by="terminal_id", where=ORDINARY, **LABELLED),
        Window("terminal_fraud_run_age", "run_days", of="is_fraud", by="terminal_id", where=ORDINARY, **LABELLED),
        # Not for the model, but for `slices` and `groups`.
        Hour("hour"),
        Window("customer_seen", "count", by="customer_id", days=(30,), current=False),
        Window("terminal_seen", "count", by="terminal_id", days=(30,), current=False),
    ),
    hidden=("customer_median_60d", "hour", "customer_seen_30d", "terminal_seen_30d"),
    key="transaction_id",
    time="tx_time",
    target="is_fraud",
    entity="customer_id",
    amount="amount",
    slices=(
        Band("amount", "amount", edges=(25, 50, 100, 220)),
        Band("hour", "hour", edges=(6, 12, 18)),
        Band("customer", "customer_seen_30d", edges=(0,), labels=("new", "known")),
        Band("terminal", "terminal_seen_30d", edges=(0,), labels=("new", "known")),
        Band("fraud", "fraud_scenario", edges=(0, 1, 2), labels=("none", "large amount", "terminal", "customer")),
    ),
    groups=(
        Band("spending", "customer_median_60d", quantiles=3, labels=("low", "middle", "high")),
        Band("region", "region", edges=(0, 1, 2, 3), labels=("unknown", *REGIONS)),
        Band("terminal activity", "terminal_seen_30d", quantiles=3, labels=("low", "middle", "high")),
    ),
    sensitive=("region",),
    defaults={
        # A week of training, a week until its labels are known, a week of testing: the book's protocol and its week. A
        # card whose fraud is known is blocked, so its payments need no decision.
        "split": {
            "train_days": 7,
            "delay_days": LABEL_DELAY_DAYS,
            "test_days": 7,
            "test_start": "2018-08-08",
            "drop_known_entities": True,
        },
        "decide": {"cost_false_positive": 5.0, "cost_false_negative": "amount"},
        # These data allow an average precision of about .76; more is a leak.
        "evaluate": {"rule_amount": 220.0, "leak_alarm": 0.78},
        "package": {"name": "fraud"},
        "monitor": {"review_capacity_per_day": 100},
    },
    generator="card_simulator",
    words=Words(record="payment", positive="fraud", negative="genuine", entity="card"),
    purpose=Purpose(
        task="Rank card payments by the probability of fraud, and raise an alert where a review is worth its cost.",
        users=("Investigators who call the cardholder.", "Those who retrain and watch the model."),
        uses=(
            "Choosing which payments an investigator reviews, soon after they were made.",
            "Comparing features, models and protocols on the published benchmark.",
        ),
        forbidden=(
            "Blocking a card or refusing a customer without a person's review.",
            "Judging a person's credit, trustworthiness or guilt: the score is about a payment.",
            "Real payments, before the model is trained and audited on records of the bank that uses it.",
        ),
        ethics=(
            "A false alert costs a cardholder a call and perhaps a refused payment; a missed fraud costs the amount.",
            "A region can stand in for origin or income, so no feature is made from it, and every group is audited.",
            "Spending tells of income: a feature that compares a payment with the customer's usual amount may treat"
            " those who spend little differently from others.",
        ),
        caveats=(
            "The default records are simulated: fraud follows a few planted patterns, and real fraudsters adapt.",
            "Terminal features rest on labels; they weaken where investigations take longer or reports are missing.",
            "Cards whose fraud was known before a test day are left out, as they would be blocked, unless params say"
            " otherwise.",
        ),
    ),
)
