"""NannyML's univariate drift at its defaults: Jensen-Shannon distance, limits of mean +- 3 sd over reference weeks.

Reads paths of arrays (benchmarks/drift/usual_defaults.py), one a line; answers with days, one object a line.
"""

import json
import sys
import time
from collections.abc import Mapping

import nannyml  # type: ignore[import-not-found]  # in an environment of its own
import numpy as np
import pandas as pd

WEEK = 7
FITTED: dict[bytes, nannyml.UnivariateDriftCalculator] = {}
MONDAY = pd.Timestamp("2024-01-01")


def table(arrays: Mapping[str, np.ndarray], part: str) -> pd.DataFrame:
    """Return the columns of a part, with times whose weeks begin where those that are watched begin."""
    names = [str(name) for name in arrays["names"]]
    time_column = MONDAY + pd.to_timedelta(arrays[f"{part}_day"] - int(arrays["watch"]), "D")
    return pd.DataFrame(arrays[f"{part}_values"], columns=names).assign(time=time_column)


def calculator(arrays: Mapping[str, np.ndarray], names: list[str]) -> nannyml.UnivariateDriftCalculator:
    """Return the calculator that knows the weeks before the training; worlds that are changed have the same."""
    key = arrays["calm_values"].tobytes()
    if key not in FITTED:
        FITTED.clear()
        calm = table(arrays, "calm")[arrays["calm_day"] < arrays["train"]]
        made = nannyml.UnivariateDriftCalculator(names, timestamp_column_name="time", chunk_period="W")
        FITTED[key] = made.fit(calm)
    return FITTED[key]


def alarms(arrays: Mapping[str, np.ndarray]) -> set[int]:
    """Return the last day of each week with an alert of any column, or without a record."""
    watch, end = int(arrays["watch"]), int(arrays["end"])
    names, watched = [str(name) for name in arrays["names"]], table(arrays, "watched")
    every = {start + WEEK - 1 for start in range(watch, end, WEEK)}
    if not len(watched):
        return every
    found = calculator(arrays, names).calculate(watched).filter(period="analysis").to_df()
    alert = found.xs("alert", axis=1, level=2).any(axis=1)
    start = pd.to_datetime(found[("chunk", "chunk", "start_date")])
    days = ((start - MONDAY) // pd.Timedelta(days=1)).astype(int) + watch + WEEK - 1
    return set(days[alert].tolist()) | (every - set(days.tolist()))


for line in sys.stdin:
    begin = time.process_time()
    with np.load(line.strip()) as arrays:
        days = alarms(arrays)
    print(json.dumps({"days": sorted(days), "seconds": time.process_time() - begin}), flush=True)
