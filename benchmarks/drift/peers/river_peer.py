"""ADWIN of river at its defaults, on the score and on the decision's errors as their labels come.

Reads paths of arrays (benchmarks/drift/usual_defaults.py), one a line; answers with days, one object a line.
"""

import json
import sys
import time
from collections.abc import Mapping

import numpy as np
from river.drift import ADWIN  # type: ignore[import-not-found]  # in an environment of its own


def alarms(arrays: Mapping[str, np.ndarray]) -> set[int]:
    """Return the days on which one of the two sees a change; its past are the two weeks before the watched days."""
    watch, found = int(arrays["watch"]), set()
    past = arrays["calm_day"] >= arrays["labels"]  # not what the model has learned
    for values, delay in (("score", 0), ("error", int(arrays["delay"]))):
        detector = ADWIN()
        stream = np.concatenate([arrays[f"calm_{values}"][past], arrays[f"watched_{values}"]])
        days = np.concatenate([arrays["calm_day"][past], arrays["watched_day"]]) + delay
        for value, day in zip(stream.tolist(), days.tolist(), strict=True):
            detector.update(value)
            if detector.drift_detected and day >= watch:
                found.add(day)
    return {day for day in found if day < int(arrays["end"])}


for line in sys.stdin:
    start = time.process_time()
    with np.load(line.strip()) as arrays:
        days = alarms(arrays)
    print(json.dumps({"days": sorted(days), "seconds": time.process_time() - start}), flush=True)
