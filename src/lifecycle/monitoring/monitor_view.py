"""What the sections of the monitor's page are made of."""

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
import pandas as pd

from lifecycle.evaluation.tasks.task import Task
from lifecycle.monitoring import monitor_tables
from lifecycle.monitoring.detectors.daily_counts import key_of
from lifecycle.monitoring.detectors.reference import AxisReference, Reference
from lifecycle.monitoring.watch import Findings, Watched, Window

LIMIT = ("limit", 1.0)  # of each ratio


class View(NamedTuple):
    """Findings with their days and tables."""

    found: Findings
    reference: Reference
    task: Task
    days: list[str]
    table: pd.DataFrame  # of days

    @classmethod
    def of(cls, found: Findings, watched: Watched) -> "View":
        """Return the view of findings."""
        table = monitor_tables.days_table(found, watched.reference)
        return cls(found, watched.reference, watched.task, monitor_tables.dates(found), table)

    def last_days(self, one: AxisReference) -> np.ndarray:
        """Return the shares of the last window's records in the bins of an axis."""
        counts = self.found.counts.counts[key_of(one.axis)][-self.reference.window_days :].sum(axis=0)
        return np.asarray(counts / max(counts.sum(), 1))

    def column(self, name: str) -> np.ndarray:
        """Return a column of the table of days."""
        return self.table[name].to_numpy(dtype=np.float64)

    @property
    def worst_part(self) -> np.ndarray:
        """Rise of the loss of the worst part of the records, to its limit; NaN on days without a label."""
        ratio = monitor_tables.worst(self.found.signals.loss_parts, len(self.days))
        return np.where(self.column("labelled_share") > 0, ratio, np.nan)


class Load(NamedTuple):
    """What people must look at, by day."""

    title: str
    by_day: np.ndarray
    recent: float  # mean of the last window


def load_of(view: View) -> Load | None:
    """Return alerts, or records that are left to a person; None where a decision asks nobody."""
    for one in view.reference.of("decision"):
        counts, alert = view.found.counts.counts[key_of(one.axis)], one.axis.name == "alert"
        own = counts[:, 1 if alert else 0].astype(np.float64)
        title = "Alerts a day" if alert else "Left to a person a day"
        return Load(title, own, float(own[-view.reference.window_days :].mean()))
    return None


def newest_labelled(windows: Sequence[Window]) -> Window | None:
    """Return the last window with figures."""
    return next((window for window in reversed(windows) if window.figures), None)
