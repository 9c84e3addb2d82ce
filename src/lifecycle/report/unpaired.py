"""Two versions without records in common: the differences of figures whose intervals are known."""

import math
from collections.abc import Sequence

from lifecycle.model.comparison import BETTER, LOWER_IS_BETTER, NEITHER, SAME, WORSE, Comparison, Difference
from lifecycle.report.revision import Workspace


def unpaired(base: Workspace, head: Workspace) -> Comparison:
    """Compare the figures of two versions as if their windows were independent.

    The interval of each difference comes from the two figures' own, by the method of variance estimates recovery (Zou
    and Donner 2008). On windows that do overlap it is too wide: then nothing is called real that is not.
    """
    values = [side.json("metrics/evaluation.json")["test"] for side in (base, head)]
    ends = [side.json("metrics/intervals.json").get("test", {}) for side in (base, head)]
    figures = {
        name: apart(name, (values[0][name], ends[0].get(name)), (values[1][name], ends[1].get(name)))
        for name in values[0]
        if name in values[1]
    }
    return Comparison(0, 0, 0, figures)


Known = tuple[float, Sequence[float] | None]


def apart(name: str, base: Known, head: Known) -> Difference:
    """Return the difference of two independent figures, each with its interval; without one, nothing is known of it."""
    (x, first), (y, second) = base, head
    if first is None or second is None:
        return Difference(x, y, y - x, math.nan, math.nan, math.nan, -math.inf, SAME)
    low = y - x - math.hypot(y - second[0], first[1] - x)
    high = y - x + math.hypot(second[1] - y, x - first[0])
    fall = name in LOWER_IS_BETTER
    verdict = SAME if name in NEITHER or low <= 0 <= high else BETTER if (low > 0) != fall else WORSE
    return Difference(x, y, y - x, low, high, math.nan, -high if fall else low, verdict)
