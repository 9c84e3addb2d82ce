"""The few figures of an audit that are compared from one version of the model to the next."""

from collections.abc import Mapping
from typing import Any

from lifecycle.audit.ageing import Aged, spread
from lifecycle.audit.fairness import BETWEEN, Audited, between_groups
from lifecycle.audit.slices import WHOLE, Sliced
from lifecycle.evaluation.bootstrap import told


def headline(
    sliced: Sliced, audited: Mapping[str, Audited], seeds: Mapping[str, Any], aged: Aged, min_positives: int
) -> dict[str, float | None]:
    """Return the worst slice, the largest recall difference, the seeds' spread and the loss with age.

    None stands where nothing can be told: no slice or group has `min_positives`, no window follows. Groups that are
    intersections are left to the table: the largest of many differences of small groups says little.
    """
    table = sliced.table[(sliced.table["slice"] != WHOLE) & (sliced.table["positives"] >= min_positives)]
    gaps = [
        between_groups(one.table, min_positives)["recall"]["difference"]
        for name, one in audited.items()
        if BETWEEN not in name
    ]
    slope = aged.slope[0]
    return {
        "worst_slice_average_precision": told(float(table["average_precision"].min())),
        "largest_recall_difference": max((gap for gap in gaps if gap is not None), default=None),
        "seed_spread_average_precision": spread(seeds["figures"]["average_precision"]),
        "average_precision_per_window_of_age": told(slope),
    }
