"""Features of the record alone, as functions of what has been found for it so far and of its time."""

import math
from collections.abc import Callable, Mapping
from typing import Any

from lifecycle.features.vocabulary import Difference, Feature, Hour, Night, Ratio, Weekend

Single = Callable[[Mapping[str, Any], int], Any]


def single(feature: Feature) -> Single:
    """Return the function of a feature."""
    match feature:
        case Ratio(_, of, over, empty):
            return lambda found, time: _ratio(found[of], found[over], float(empty))
        case Difference(_, of, minus):
            return lambda found, time: float(found[of]) - float(found[minus])
        case Hour():
            return lambda found, time: feature.at(time)
        case Weekend() | Night():
            return lambda found, time: int(feature.at(time))
    raise TypeError(f"{feature!r} is no feature of the record")


def _ratio(a: float, b: float, empty: float) -> float:
    return empty if b == 0 or math.isnan(b) else float(a) / float(b)
