"""The model card's section on metrics: what is measured, when an alert is raised, and how it was calibrated."""

from lifecycle.model.card.facts import Facts
from lifecycle.model.card.words import meaning, number
from lifecycle.report.document import Block, Code, Strong, Table, Text, text


def metrics(facts: Facts) -> tuple[Block, ...]:
    """Return the section's blocks."""
    figures = facts.json["metrics/evaluation.json"]["test"]
    rows = tuple((Code(name), meaning(name)) for name in figures)
    return (Table(("figure", "meaning"), rows, left=2), _decision(facts), *_calibration(facts))


def _decision(facts: Facts) -> Text:
    decision, chosen = facts.json["models/decision.json"], facts.json["metrics/decision.json"]["decision"]
    missed, budget = decision["cost_false_negative"], decision["alert_budget_per_day"]
    cost = ("the record's own ", Code(facts.problem.amount or missed)) if missed == "amount" else (number(missed),)
    return text(
        Strong("Decision."), " An alert is raised from a score of ", number(decision["threshold"]),
        ", a probability of ", number(chosen["probability_at_threshold"]),
        ": the threshold that costs least on the validation windows, where a false alert costs ",
        number(decision["cost_false_positive"]), " and a missed fraud ", *cost, ". There it cost ",
        number(chosen["cost_per_record"]), " per record, with ", number(chosen["alerts_per_day"]), " alerts a day. ",
        "No budget limits the alerts." if budget is None else f"At most {number(budget)} alerts a day are allowed.",
    )  # fmt: skip


def _calibration(facts: Facts) -> tuple[Block, ...]:
    decision, test = facts.json["models/decision.json"], facts.json["metrics/evaluation.json"]["test"]
    rows = tuple((Code(name), number(value)) for name, value in decision["brier_out_of_time"].items())
    said = text(
        Strong("Calibration."), " Scores become probabilities by the method ", Code(decision["calibration"]["method"]),
        "; on the test window the calibration error is ", number(test["calibration_error"]),
        ". Out of time, before the test window, the methods had these Brier scores:",
    )  # fmt: skip
    return said, Table(("method", "Brier score"), rows)
