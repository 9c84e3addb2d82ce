"""The model card's figures: on the whole, over seeds and age, and what the scores rest on."""

from collections.abc import Mapping
from typing import Any

from lifecycle.model.card.facts import Facts
from lifecycle.model.card.groups import groups
from lifecycle.model.card.slices import slices
from lifecycle.model.card.words import LEVEL, between, number, with_interval
from lifecycle.report.document import Block, Code, Strong, Table, text

MOST_FEATURES = 10


def analyses(facts: Facts) -> tuple[Block, ...]:
    """Return the section's blocks."""
    parts = (_whole(facts), slices(facts), groups(facts), _age(facts), _features(facts))
    return tuple(block for part in parts for block in part)


def _whole(facts: Facts) -> tuple[Block, ...]:
    test, rivals = (facts.json["metrics/evaluation.json"][key] for key in ("test", "baseline"))
    ends, seeds = facts.json["metrics/intervals.json"]["test"], facts.json["metrics/stability.json"]["over_seeds"]
    rows = tuple(
        (Code(name), number(value), between(*ends.get(name, (None, None))),
         number(seeds["standard_deviation"].get(name)))
        for name, value in test.items()
    )  # fmt: skip
    others = tuple((Code(name), number(value)) for name, value in rivals.items())
    return (
        text(Strong("On the whole."), " The last column is the standard deviation over models that differ in their"
             " training seed only, with the seeds ", ", ".join(map(str, seeds["seeds"])), "."),
        Table(("figure (test window)", "value", LEVEL, "over seeds"), rows),
        text("Simpler rankings to compare with:"),
        Table(("baseline", "average precision"), others),
    )  # fmt: skip


def _age(facts: Facts) -> tuple[Block, ...]:
    aged = facts.json["metrics/stability.json"]["with_age"]
    slope = aged["average_precision_per_window"]
    rows = tuple(
        (line["start"][:16], number(line["age_days"]), number(line["records"]), number(line["frauds"]),
         with_interval(line, "average_precision"))
        for line in aged["windows"]
    )  # fmt: skip
    title = text(Strong("With age."), " A model of this recipe, trained early and never again:", _trend(slope))
    header = ("window from", "age, days", "records", "frauds", f"average precision ({LEVEL})")
    return title, Table(header, rows)


def _trend(slope: Mapping[str, Any]) -> str:
    """Say how average precision changes from one window to the next."""
    if slope["value"] is None:
        return " there are too few windows to tell how it changes."
    change = f" its average precision changes by {number(slope['value'])} per window"
    if slope["low"] is None:
        return f"{change}."
    noise = ", no more than noise" if slope["low"] <= 0 <= slope["high"] else ""
    return f"{change} ({LEVEL}: {between(slope['low'], slope['high'])}){noise}."


def _features(facts: Facts) -> tuple[Block, ...]:
    found = facts.json["metrics/explanation.json"]
    ranked = sorted(found["features"].items(), key=lambda item: -item[1]["importance"])[:MOST_FEATURES]
    rows = tuple(
        (Code(name), number(one["importance"]), between(one["low"], one["high"]), number(one["mean_abs_contribution"]))
        for name, one in ranked
    )
    return (
        text(Strong("What the scores rest on."), " Importance is the average precision that is lost when the feature"
             " is shuffled; the contribution is its mean absolute part in a score, in the unit ",
             Code(found["unit"]), ", over ", number(found["rows"]), " test records. The most important first:"),
        Table(("feature", "importance", LEVEL, "contribution"), rows),
    )  # fmt: skip
