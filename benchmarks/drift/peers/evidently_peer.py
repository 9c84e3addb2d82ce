"""Evidently's default test and threshold for each column, a week against the training week: any column.

Its own code without the report around it, whose plots would take a second a week. Reads paths of arrays
(benchmarks/drift/usual_defaults.py), one a line; answers with days, one object a line.
"""

import json
import sys
import time
from collections.abc import Mapping

import numpy as np
import pandas as pd
from evidently.legacy.calculations.stattests import get_stattest  # type: ignore[import-not-found]  # in an environment of its own
from evidently.legacy.core import ColumnType  # type: ignore[import-not-found]  # in an environment of its own

WEEK = 7


def drifted(reference: pd.Series, current: pd.Series) -> bool:
    """Tell whether the test that Evidently chooses for two columns of numbers says drift."""
    if not len(current):
        return len(reference) > 0
    test = get_stattest(reference, current, ColumnType.Numerical, None)
    return bool(test(reference, current, ColumnType.Numerical, None).drifted)


def alarms(arrays: Mapping[str, np.ndarray]) -> set[int]:
    """Return the last day of each week in which a column has drifted."""
    train = (arrays["calm_day"] >= arrays["train"]) & (arrays["calm_day"] < arrays["labels"])
    reference, found = arrays["calm_values"][train], set()
    for start in range(int(arrays["watch"]), int(arrays["end"]), WEEK):
        inside = (arrays["watched_day"] >= start) & (arrays["watched_day"] < start + WEEK)
        current = arrays["watched_values"][inside]
        pairs = zip(reference.T, current.T, strict=True)
        if any(drifted(*(pd.Series(part).dropna() for part in pair)) for pair in pairs):
            found.add(start + WEEK - 1)
    return found


for line in sys.stdin:
    begin = time.process_time()
    with np.load(line.strip()) as arrays:
        days = alarms(arrays)
    print(json.dumps({"days": sorted(days), "seconds": time.process_time() - begin}), flush=True)
