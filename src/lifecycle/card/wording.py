"""The words and the rounding of a model card."""

import re
from collections.abc import Iterable, Mapping
from typing import Any

from lifecycle.document.blocks import Text
from lifecycle.evaluation.bootstrap import TAIL

NOT_DEFINED = "not defined"
LEVEL = f"{100 - 2 * TAIL:g} % interval"
MEANINGS = {
    "average_precision": "how well the scores rank frauds above the rest: precision, averaged over recall",
    "roc_auc": "chance that a fraud scores higher than a genuine record",
    "entity_precision_at": "share of compromised cards among those with a day's highest scores, mean over days",
    "recall": "share of frauds that raise an alert",
    "precision": "share of alerts that are frauds",
    "f1": "harmonic mean of precision and recall",
    "accuracy": "share of right decisions; high for any model where frauds are rare",
    "brier": "mean squared error of the probability; lower is better",
    "cost_per_record": "cost of false alerts and missed frauds, per record",
    "saved_share_vs_no_model": "share saved of the cost of raising no alert at all",
    "saved_share_vs_rule": "share saved of the cost of a fixed rule on the amount",
    "alerts_per_day": "alerts raised a day",
    "calibration_error": "mean gap between predicted and observed share of frauds; lower is better",
    "selection_rate": "share of the group's records that raise an alert",
    "false_positive_rate": "share of genuine records that raise an alert",
}


def number(value: Any) -> str:
    """Return a figure with about four digits, a count with all; text as it is.

    Parameters
    ----------
    value : number, str or None
        None: not defined.
    """
    if value is None:
        return NOT_DEFINED
    if isinstance(value, str | bool):
        return str(value)
    if float(value).is_integer():
        return f"{value:,.0f}"
    size = abs(value)
    return f"{value:.{2 if size >= 10 else 4 if size >= 0.01 else 6}f}"


def between(low: float | None, high: float | None) -> str:
    """Return an interval."""
    return NOT_DEFINED if low is None or high is None else f"{number(low)} to {number(high)}"


def with_interval(figures: Mapping[str, Any], name: str) -> str:
    """Return a figure of a slice or a group with its interval in brackets."""
    if figures[name] is None:
        return NOT_DEFINED
    return f"{number(figures[name])} ({between(figures[f'{name}_low'], figures[f'{name}_high'])})"


def meaning(figure: str) -> str:
    """Return what a figure tells; nothing for one that has no words yet."""
    return MEANINGS.get(re.sub(r"_at_\d+$", "_at", figure), "")


def bullets(items: Iterable[str | tuple[str, ...]]) -> Text:
    """Return a list: one paragraph, each line an item of plain words or of parts."""
    lines = [(item,) if isinstance(item, str) else item for item in items]
    return Text(tuple(part for place, line in enumerate(lines) for part in ("\n- " if place else "- ", *line)))
