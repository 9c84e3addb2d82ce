"""The model card's figures: on the whole, by slice and group, over seeds and age, and what the scores rest on."""

from collections.abc import Mapping
from typing import Any

from lifecycle.audit.fairness import BETWEEN
from lifecycle.audit.slices import WHOLE
from lifecycle.card.facts import Facts
from lifecycle.card.wording import LEVEL, between, bullets, number, with_interval
from lifecycle.core.params import AuditParams
from lifecycle.document.blocks import Block, Code, Strong, Table, listed, text

MOST_FEATURES = 10
WORST = 3
SHOWN = ("recall", "false_positive_rate", "selection_rate")
LOWEST = 3


def analyses(facts: Facts) -> tuple[Block, ...]:
    """Return the section's blocks."""
    parts = (_whole(facts), slices(facts), groups(facts), _age(facts), _features(facts))
    return tuple(block for part in parts for block in part)


def _whole(facts: Facts) -> tuple[Block, ...]:
    test, rivals = (facts.json["metrics/evaluate/evaluation.json"][key] for key in ("test", "baseline"))
    ends, seeds = (
        facts.json["metrics/evaluate/intervals.json"]["test"],
        facts.json["metrics/audit/stability.json"]["over_seeds"],
    )
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
    aged = facts.json["metrics/audit/stability.json"]["with_age"]
    slope = aged["average_precision_per_window"]
    rows = tuple(
        (line["start"][:16], number(line["age_days"]), number(line["records"]), number(line["positives"]),
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
    found = facts.json["metrics/explain/explanation.json"]
    ranked = sorted(found["features"].items(), key=lambda item: -item[1]["importance"])[:MOST_FEATURES]
    rows = tuple((Code(name), number(one["importance"]), between(one["low"], one["high"])) for name, one in ranked)
    title = (Strong("What the scores rest on."), " Importance is the average precision that is lost when the feature"
             " is shuffled")  # fmt: skip
    if "no_contributions" in found:
        return (
            text(*title, ". ", found["no_contributions"], " The most important first:"),
            Table(("feature", "importance", LEVEL), rows),
        )
    added = tuple((*row, number(one["mean_abs_contribution"])) for row, (_, one) in zip(rows, ranked, strict=True))
    return (
        text(*title, "; the contribution is its mean absolute part in a score, in the unit ",
             Code(found["unit"]), ", over ", number(found["rows"]), " test records. The most important first:"),
        Table(("feature", "importance", LEVEL, "contribution"), added),
    )  # fmt: skip


def slices(facts: Facts) -> tuple[Block, ...]:
    """Return the paragraph's blocks."""
    found = facts.json["metrics/audit/slices.json"]
    judged = [
        (name, value, figures)
        for name, values in found["slices"].items()
        for value, figures in values.items()
        if name != WHOLE and not figures["few"] and figures["average_precision"] is not None
    ]
    lowest = sorted(judged, key=lambda one: one[2]["average_precision"])[:WORST]
    rows = tuple(
        (name, Code(value), number(one["records"]), number(one["positives"]), with_interval(one, "average_precision"),
         with_interval(one, "recall"))
        for name, value, one in lowest
    )  # fmt: skip
    title = text(Strong("Slices."), " The lowest average precision of the slices with enough frauds:")
    if not rows:
        return (text(Strong("Slices."), " None has enough frauds to be judged."),)
    header = ("slice", "which", "records", "frauds", f"average precision ({LEVEL})", f"recall ({LEVEL})")
    return title, Table(header, rows, left=2), *_beyond_noise(found["worst"])


def _beyond_noise(worst: list[dict[str, Any]]) -> tuple[Block, ...]:
    """Return what is worse there than on the whole by more than the interval of the difference allows."""
    rows = tuple(
        (one["slice"], Code(one["value"]), Code(one["figure"]), number(one["at"]), number(one["of_whole"]),
         f"{number(one['difference'])} ({between(one['low'], one['high'])})")
        for one in worst[:WORST]
    )  # fmt: skip
    if not rows:
        return (text("No slice is worse than the whole by more than noise."),)
    header = ("slice", "which", "figure", "there", "on the whole", f"difference ({LEVEL})")
    return text("Worse than the whole by more than noise:"), Table(header, rows, left=3)


def groups(facts: Facts) -> tuple[Block, ...]:
    """Return the paragraph's blocks."""
    found = facts.json["metrics/audit/fairness.json"]
    if not found:
        return (text(Strong("Groups of people."), " The problem declares none, so nothing is known of them."),)
    alone = {name: one for name, one in found.items() if BETWEEN not in name}
    rows = tuple(_row(name, group, line) for name, one in alone.items() for group, line in one["groups"].items())
    header = ("cut", "group", "few", "records", "frauds", *(f"{name} ({LEVEL})".replace("_", " ") for name in SHOWN))
    crossed = {name: one for name, one in found.items() if BETWEEN in name}
    return (
        text(Strong("Groups of people.")),
        Table(header, rows, left=3),
        text("Between the groups of a cut that are not few: the largest difference, and the smallest rate divided by"
             " the largest."),
        _apart(alone),
        text(_limits(facts.audit)),
        *(_intersections(crossed, header) if crossed else ()),
    )  # fmt: skip


def widest_gap(facts: Facts) -> list[str]:
    """Return a sentence on the cut whose groups' recalls lie farthest apart; none where no two can be compared."""
    ends = []
    for cut, one in facts.json["metrics/audit/fairness.json"].items():
        told = {g: f["recall"] for g, f in one["groups"].items() if not f["few"] and f["recall"] is not None}
        if BETWEEN not in cut and len(told) > 1:
            low, high = min(told, key=told.__getitem__), max(told, key=told.__getitem__)
            ends.append(
                (told[high] - told[low], cut, f"{number(told[low])} for {low}, {number(told[high])} for {high}")
            )
    return [f"Recall differs most between the groups of {max(ends)[1]}: {max(ends)[2]}."] if ends else []


def _limits(audit: AuditParams) -> str:
    """Return what the pipeline stops at."""
    words = {
        "a difference in recall of": audit.max_recall_difference,
        "a ratio of false positive rates of": audit.max_false_positive_ratio,
        "a ratio of observed to predicted frauds of": audit.max_calibration_ratio,
    }
    told = [f"{text} {limit:g}" for text, limit in words.items() if limit is not None]
    return f"The pipeline stops beyond {', or '.join(told)}, noise allowed for." if told else "No limit is set on them."


def _row(cut: str, group: str, line: Mapping[str, Any]) -> tuple[str, ...]:
    counts = (number(line["records"]), number(line["positives"]))
    return cut, Code(group), "few" if line["few"] else "", *counts, *(with_interval(line, name) for name in SHOWN)


def _apart(alone: Mapping[str, Any]) -> Table:
    rows = tuple(
        (name, Code(figure), number(one["between_groups"][figure]["difference"]),
         number(one["between_groups"][figure]["ratio"]))
        for name, one in alone.items()
        for figure in SHOWN
    )  # fmt: skip
    return Table(("cut", "figure", "difference", "ratio"), rows, left=2)


def _intersections(crossed: Mapping[str, Any], header: tuple[str, ...]) -> tuple[Block, ...]:
    """Return the intersections with the lowest recall, and the names of those with too few frauds."""
    lines = [(name, group, line) for name, one in crossed.items() for group, line in one["groups"].items()]
    judged = [line for line in lines if not line[2]["few"] and line[2]["recall"] is not None]
    rows = tuple(_row(*line) for line in sorted(judged, key=lambda line: line[2]["recall"])[:LOWEST])
    few = {name: [group for group, line in one["groups"].items() if line["few"]] for name, one in crossed.items()}
    blocks: list[Block] = []
    if rows:
        blocks += [text("Intersections with the lowest recall, of those that are not few:"), Table(header, rows, 3)]
    named = [(f"{name}: ", *listed(names, len(names))) for name, names in few.items() if names]
    if named:
        blocks += [text("Intersections with too few frauds to be judged:"), bullets(named)]
    return (*blocks, text("All of them stand in ", Code("metrics/audit/fairness.json"), "."))
