"""The model card's sections on data: what the model learned from, and what it was judged on."""

from lifecycle.model.card.facts import Facts, Window
from lifecycle.model.card.words import number
from lifecycle.report.document import Block, Code, Strong, Table, Text, text


def evaluation_data(facts: Facts) -> tuple[Block, ...]:
    """Return the section's blocks."""
    late = ""
    if facts.delay_days:
        late = f" A label is known {number(facts.delay_days)} days late; no feature or training row knew one before."
    return (
        _window("Test window", facts.windows["test"]),
        text("It is later than all that the model, the calibration and the threshold were made from.", late),
    )


def training_data(facts: Facts) -> tuple[Block, ...]:
    """Return the section's blocks."""
    found = facts.json["metrics/data_quality.json"]["data"]
    words = {column["name"]: column for column in facts.json["models/features.json"]["columns"]}
    rows = tuple(
        (Code(name), words[name]["definition"], words[name]["unit"])
        for name in facts.json["metrics/explanation.json"]["features"]  # those that the model sees
    )
    return (
        _window("Training window", facts.windows["training"]),
        text("Cut from ", number(found["rows_kept"]), " records with ", number(found["positives"]), " frauds, ",
             f"{_time(found['first'])} to {_time(found['last'])}. Of ", number(found["rows_in"]), " that came in, ",
             number(found["rows_rejected"]), " were put in quarantine because they broke the contract, and ",
             number(found["rows_out_of_order"]), " stood behind a later one and were sorted."),
        text("What the model sees of a record:"),
        Table(("feature", "definition", "unit"), rows, left=3),
    )  # fmt: skip


def _window(title: str, found: Window) -> Text:
    return text(
        Strong(f"{title}."), f" {number(found.records)} records, {number(found.frauds)} of them frauds;",
        " the first of ", found.first, ", the last of ", found.last, ".",
    )  # fmt: skip


def _time(moment: str) -> str:
    return moment[:16].replace("T", " ")  # to the minute
