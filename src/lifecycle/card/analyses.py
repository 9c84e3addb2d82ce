"""The model card's figures: on the whole, by slice and group, over seeds and age, and what the scores rest on."""

from collections.abc import Mapping
from typing import Any

from lifecycle.audit.fairness import BETWEEN
from lifecycle.audit.slices import WHOLE
from lifecycle.card.facts import Facts
from lifecycle.core.params import AuditParams
from lifecycle.document.blocks import NOT_DEFINED, Block, Code, Strong, Table, between, bullets, listed, number, text
from lifecycle.evaluation.bootstrap import LEVEL
from lifecycle.evaluation.metrics import GROUPS, label, shown
from lifecycle.problem.purpose import Words

INTERVAL = f"{LEVEL:g} % interval"
MOST_FEATURES = 10
WORST_SLICES = LOWEST_INTERSECTIONS = 3


def analyses(facts: Facts) -> tuple[Block, ...]:
    """Return the section's blocks."""
    parts = (_whole(facts), slices(facts), groups(facts), _age(facts), _features(facts))
    return tuple(block for part in parts for block in part)


def _whole(facts: Facts) -> tuple[Block, ...]:
    evaluation = facts.json["metrics/evaluate/evaluation.json"]
    ends = facts.json["metrics/evaluate/intervals.json"]["test"]
    seeds = facts.json["metrics/audit/stability.json"]["over_seeds"]
    rows = tuple(
        (Code(name), number(value), between(*ends.get(name, (None, None))),
         number(seeds["standard_deviation"].get(name)))
        for name, value in evaluation["test"].items()
    )  # fmt: skip
    rivals = tuple((Code(name), number(value)) for name, value in evaluation["baseline"].items())
    return (
        text(Strong("On the whole."), " The last column is the standard deviation over models that differ in their"
             " training seed only, with the seeds ", ", ".join(map(str, seeds["seeds"])), "."),
        Table(("figure (test window)", "value", INTERVAL, "over seeds"), rows),
        text("Simpler rankings to compare with:"),
        Table(("baseline", "average precision"), rivals),
    )  # fmt: skip


def _age(facts: Facts) -> tuple[Block, ...]:
    aged = facts.json["metrics/audit/stability.json"]["with_age"]
    trend = _trend(aged["average_precision_per_window"])
    rows = tuple(
        (line["start"][:16], number(line["age_days"]), number(line["records"]), number(line["positives"]),
         _with_interval(line, "average_precision"))
        for line in aged["windows"]
    )  # fmt: skip
    header = ("window from", "age, days", "records", facts.words.positives, f"average precision ({INTERVAL})")
    return (
        text(Strong("With age."), " A model of this recipe, trained early and never again:", trend),
        Table(header, rows),
    )


def _trend(slope: Mapping[str, Any]) -> str:
    """Say how average precision changes from one window to the next."""
    if slope["value"] is None:
        return " there are too few windows to tell how it changes."
    change = f" its average precision changes by {number(slope['value'])} per window"
    if slope["low"] is None:
        return f"{change}."
    noise = ", no more than noise" if slope["low"] <= 0 <= slope["high"] else ""
    return f"{change} ({INTERVAL}: {between(slope['low'], slope['high'])}){noise}."


def _features(facts: Facts) -> tuple[Block, ...]:
    explanation = facts.json["metrics/explain/explanation.json"]
    ranked = sorted(explanation["features"].items(), key=lambda item: -item[1]["importance"])[:MOST_FEATURES]
    rows = tuple(
        (Code(name), number(one["importance"]), between(one["low"], one["high"]), number(one["mean_abs_contribution"]))
        for name, one in ranked
    )
    return (
        text(Strong("What the scores rest on."), " Importance is the average precision that is lost when the feature"
             " is shuffled; the contribution is its mean absolute part in a score, in the unit ",
             Code(explanation["unit"]), ", over ", number(explanation["rows"]), " test records. The most important"
             " first:"),
        Table(("feature", "importance", INTERVAL, "contribution"), rows),
    )  # fmt: skip


def slices(facts: Facts) -> tuple[Block, ...]:
    """Return the paragraph's blocks: the slices with the lowest average precision, and those beyond noise."""
    content, positives = facts.json["metrics/audit/slices.json"], facts.words.positives
    large = [
        (name, value, figures)
        for name, values in content["slices"].items()
        for value, figures in values.items()
        if name != WHOLE and not figures["few"] and figures["average_precision"] is not None
    ]
    if not large:
        return (text(Strong("Slices."), f" None has enough {positives} to be judged."),)
    lowest = sorted(large, key=lambda one: one[2]["average_precision"])[:WORST_SLICES]
    rows = tuple(
        (name, Code(value), number(one["records"]), number(one["positives"]),
         _with_interval(one, "average_precision"), _with_interval(one, "recall"))
        for name, value, one in lowest
    )  # fmt: skip
    header = ("slice", "which", "records", positives, f"average precision ({INTERVAL})", f"recall ({INTERVAL})")
    return (
        text(Strong("Slices."), f" The lowest average precision of the slices with enough {positives}:"),
        Table(header, rows, left=2),
        *_beyond_noise(content["worst"]),
    )


def _beyond_noise(worst: list[dict[str, Any]]) -> tuple[Block, ...]:
    """Return what is worse there than on the whole by more than the interval of the difference allows."""
    rows = tuple(
        (one["slice"], Code(one["value"]), Code(one["figure"]), number(one["at"]), number(one["of_whole"]),
         f"{number(one['difference'])} ({between(one['low'], one['high'])})")
        for one in worst[:WORST_SLICES]
    )  # fmt: skip
    if not rows:
        return (text("No slice is worse than the whole by more than noise."),)
    header = ("slice", "which", "figure", "there", "on the whole", f"difference ({INTERVAL})")
    return text("Worse than the whole by more than noise:"), Table(header, rows, left=3)


def groups(facts: Facts) -> tuple[Block, ...]:
    """Return the paragraph's blocks."""
    content = facts.json["metrics/audit/fairness.json"]
    if not content:
        return (text(Strong("Groups of people."), " The problem declares none, so nothing is known of them."),)
    single = {name: one for name, one in content.items() if BETWEEN not in name}
    crossed = {name: one for name, one in content.items() if BETWEEN in name}
    rows = tuple(_row(name, group, line) for name, one in single.items() for group, line in one["groups"].items())
    figures = tuple(f"{label(name, facts.words)} ({INTERVAL})" for name in shown(GROUPS))
    header = ("cut", "group", "few", "records", facts.words.positives, *figures)
    return (
        text(Strong("Groups of people.")),
        Table(header, rows, left=3),
        text("Between the groups of a cut that are not few: the largest difference, and the smallest rate divided by"
             " the largest."),
        _distances(single),
        text(_limits(facts.audit, facts.words)),
        *(_intersections(crossed, header, facts.words) if crossed else ()),
    )  # fmt: skip


def widest_gap(facts: Facts) -> list[str]:
    """Return a sentence on the cut whose groups' recalls lie farthest apart; none where no two can be compared."""
    gaps = []
    for cut, one in facts.json["metrics/audit/fairness.json"].items():
        recalls = {g: f["recall"] for g, f in one["groups"].items() if not f["few"] and f["recall"] is not None}
        if BETWEEN not in cut and len(recalls) > 1:
            low, high = min(recalls, key=recalls.__getitem__), max(recalls, key=recalls.__getitem__)
            ends = f"{number(recalls[low])} for {low}, {number(recalls[high])} for {high}"
            gaps.append((recalls[high] - recalls[low], cut, ends))
    return [f"Recall differs most between the groups of {max(gaps)[1]}: {max(gaps)[2]}."] if gaps else []


def _limits(audit: AuditParams, words: Words) -> str:
    """Return what the pipeline stops at."""
    limits = {
        "a difference in recall of": audit.max_recall_difference,
        "a ratio of false positive rates of": audit.max_false_positive_ratio,
        f"a ratio of observed to predicted {words.positives} of": audit.max_calibration_ratio,
    }
    stops = [f"{name} {limit:g}" for name, limit in limits.items() if limit is not None]
    return (
        f"The pipeline stops beyond {', or '.join(stops)}, noise allowed for." if stops else "No limit is set on them."
    )


def _row(cut: str, group: str, line: Mapping[str, Any]) -> tuple[str, ...]:
    counts = (number(line["records"]), number(line["positives"]))
    figures = (_with_interval(line, name) for name in shown(GROUPS))
    return cut, Code(group), "few" if line["few"] else "", *counts, *figures


def _with_interval(figures: Mapping[str, Any], name: str) -> str:
    """Return a figure of a slice or a group with its interval in brackets."""
    if figures[name] is None:
        return NOT_DEFINED
    return f"{number(figures[name])} ({between(figures[f'{name}_low'], figures[f'{name}_high'])})"


def _distances(single: Mapping[str, Any]) -> Table:
    rows = tuple(
        (name, Code(figure), number(one["between_groups"][figure]["difference"]),
         number(one["between_groups"][figure]["ratio"]))
        for name, one in single.items()
        for figure in shown(GROUPS)
    )  # fmt: skip
    return Table(("cut", "figure", "difference", "ratio"), rows, left=2)


def _intersections(crossed: Mapping[str, Any], header: tuple[str, ...], words: Words) -> tuple[Block, ...]:
    """Return the intersections with the lowest recall, and the names of those with too few positives."""
    lines = [(name, group, line) for name, one in crossed.items() for group, line in one["groups"].items()]
    large = [line for line in lines if not line[2]["few"] and line[2]["recall"] is not None]
    lowest = sorted(large, key=lambda line: line[2]["recall"])[:LOWEST_INTERSECTIONS]
    few = {name: [group for group, line in one["groups"].items() if line["few"]] for name, one in crossed.items()}
    blocks: list[Block] = []
    if lowest:
        rows = tuple(_row(*line) for line in lowest)
        blocks += [text("Intersections with the lowest recall, of those that are not few:"), Table(header, rows, 3)]
    named = [(f"{name}: ", *listed(names, len(names))) for name, names in few.items() if names]
    if named:
        blocks += [text(f"Intersections with too few {words.positives} to be judged:"), bullets(named)]
    return (*blocks, text("All of them stand in ", Code("metrics/audit/fairness.json"), "."))
