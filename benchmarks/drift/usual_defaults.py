"""The usual detectors at their usual settings: what people reach for first. Not run by itself.

All see the same: the model's features and its score, week by week, after the contract. A week's alarm is known at its
end, ADWIN's on the day of the record, or when its label is there. They are held against
the training week (Kolmogorov-Smirnov, population stability index, Evidently) or the last six weeks before the training
(mean and standard deviation, NannyML).
"""

import json
import os
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Protocol, Self

import numpy as np
import pandas as pd

from benchmarks.drift.worlds import END, LABELS, TRAIN, WATCH, WEEK, between, days_of
from benchmarks.locked_environments import made, python_of
from lifecycle.core.errors import PipelineError
from lifecycle.core.stability_index import stability_index
from problems.transactions import LABEL_DELAY_DAYS

SILENT = {"NML_DISABLE_USAGE_LOGGING": "1", "DO_NOT_TRACK": "1"}  # they would tell their makers of each use
PEERS = Path(__file__).parent / "peers"
REFERENCE_WEEKS = 6
DAYS = {"train": TRAIN, "labels": LABELS, "watch": WATCH, "end": END, "delay": LABEL_DELAY_DAYS}
ALPHA, LARGE_INDEX, SPREADS = 0.05, 0.25, 3.0
BINS = np.arange(0.1, 1.0, 0.1)


class Detector(Protocol):
    """A detector, and the CPU seconds that it took in other processes."""

    seconds: float

    def alarms(self, names: list[str], calm: pd.DataFrame, watched: pd.DataFrame) -> set[int]:
        """Return the days on which it alarms.

        `names` are the columns; `calm` is the table of a world without drift, which has the reference.
        """


def weeks(table: pd.DataFrame, first: int = WATCH, end: int = END) -> Iterator[tuple[int, pd.DataFrame]]:
    """Yield the last day of each week and its records."""
    for start in range(first, end, WEEK):
        yield start + WEEK - 1, between(table, start, start + WEEK)


class KolmogorovSmirnov:
    """Two-sample test of each column against the training week, p < .05 on any of them."""

    seconds = 0.0

    def alarms(self, names: list[str], calm: pd.DataFrame, watched: pd.DataFrame) -> set[int]:
        """Return the last day of each week with a p-value below `ALPHA`."""
        train = between(calm, TRAIN, LABELS)
        return {day for day, week in weeks(watched) if any(differ(train[name], week[name]) for name in names)}


def differ(first: pd.Series, second: pd.Series) -> bool:
    """Tell whether the two-sample test rejects at `ALPHA`, by its asymptotic critical value."""
    a, b = (np.sort(part.dropna().to_numpy(np.float64)) for part in (first, second))
    if not len(a) or not len(b):
        return len(a) != len(b)
    both = np.concatenate([a, b])
    distance = np.abs(np.searchsorted(a, both, "right") / len(a) - np.searchsorted(b, both, "right") / len(b)).max()
    return bool(distance > np.sqrt(-np.log(ALPHA / 2) / 2 * (len(a) + len(b)) / (len(a) * len(b))))


class StabilityIndex:
    """Population stability index of any column above .25, in tenths of the training week."""

    seconds = 0.0

    def alarms(self, names: list[str], calm: pd.DataFrame, watched: pd.DataFrame) -> set[int]:
        """Return the last day of each week with an index above `LARGE_INDEX`."""
        train = between(calm, TRAIN, LABELS)
        edges = {name: np.unique(train[name].quantile(BINS)) for name in names}
        shares = {name: _shares(train[name], edges[name]) for name in names}
        return {
            day
            for day, week in weeks(watched)
            if any(stability_index(shares[name], _shares(week[name], edges[name])) > LARGE_INDEX for name in names)
        }


def _shares(values: pd.Series, edges: np.ndarray) -> np.ndarray:
    place = np.where(values.isna(), len(edges) + 1, np.searchsorted(edges, values))
    return np.bincount(place, minlength=len(edges) + 2) / max(len(values), 1)


class ThreeSpreads:
    """A week's mean of any column further than three standard deviations from that of six weeks."""

    seconds = 0.0

    def alarms(self, names: list[str], calm: pd.DataFrame, watched: pd.DataFrame) -> set[int]:
        """Return the last day of each week with such a mean, or without records."""
        usual = np.array([week[names].mean() for _, week in weeks(calm, TRAIN - REFERENCE_WEEKS * WEEK, TRAIN)])
        low, high = (usual.mean(axis=0) + sign * SPREADS * usual.std(axis=0, ddof=1) for sign in (-1, 1))
        means = {day: week[names].mean().to_numpy() for day, week in weeks(watched)}
        return {day for day, mean in means.items() if not ((mean >= low) & (mean <= high)).all()}


USUAL: dict[str, Detector] = {
    "Kolmogorov-Smirnov, p < .05": KolmogorovSmirnov(),
    "stability index > .25": StabilityIndex(),
    "mean +- 3 sd": ThreeSpreads(),
}
ELSEWHERE = {"river": "river's ADWIN", "evidently": "Evidently's defaults", "nannyml": "NannyML's recipe"}


def _arrays(part: str, names: list[str], table: pd.DataFrame) -> dict[str, np.ndarray]:
    return {
        f"{part}_day": days_of(table["tx_time"]),
        f"{part}_values": table[names].to_numpy(np.float64),
        f"{part}_score": table["score"].to_numpy(np.float64),
        f"{part}_error": (table["alert"] != table["is_fraud"]).to_numpy(np.float64),
    }


class Elsewhere:
    """A detector in an environment of its own: a process that reads paths of arrays, and answers with days."""

    def __init__(self, name: str, folder: Path, scratch: Path) -> None:
        self.name, self._scratch = name, scratch
        home = made(name, PEERS / f"{name}.lock", folder)
        command = [str(python_of(home)), "-W", "ignore", str(PEERS / f"{name}_peer.py")]
        self._process = subprocess.Popen(
            command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, env=os.environ | SILENT
        )
        self.seconds = 0.0

    def alarms(self, names: list[str], calm: pd.DataFrame, watched: pd.DataFrame) -> set[int]:
        """Return the days on which the process says that it alarms."""
        path = self._scratch / f"{self.name}.npz"
        calm, watched = between(calm, TRAIN - REFERENCE_WEEKS * WEEK, WATCH), between(watched, WATCH, END)
        parts = _arrays("calm", names, calm) | _arrays("watched", names, watched)
        arrays: dict[str, Any] = {"names": names, **DAYS, **parts}
        np.savez(path, **arrays)
        answer = self._ask(str(path))
        self.seconds += answer["seconds"]
        return set(answer["days"])

    def _ask(self, path: str) -> dict[str, Any]:
        stdin, stdout = self._process.stdin, self._process.stdout
        if stdin is None or stdout is None:
            raise PipelineError(f"{self.name}: its process has no pipes")
        stdin.write(f"{path}\n")
        stdin.flush()
        line = stdout.readline()
        if not line:
            raise PipelineError(f"{self.name}: its process ended")
        return dict(json.loads(line))

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._process.kill()
        self._process.communicate()
