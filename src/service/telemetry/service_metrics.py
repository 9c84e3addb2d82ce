"""What is counted and timed: of requests, rows, scores, the log, the bundle and the store."""

import os
import time
from bisect import bisect_left
from collections.abc import Sequence

import numpy as np

from lifecycle.bundle.servable import Servable
from service.telemetry.shared_numbers import Cells

SECONDS = (1e-4, 2.5e-4, 5e-4, 1e-3, 2.5e-3, 5e-3, 1e-2, 2.5e-2, 5e-2, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0)
# Scores of a rare class are crowded at zero: steps grow there, and are even above.
SHARES = (0.001, 0.002, 0.005, 0.01, 0.02, 0.05, 0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8, 0.9, 0.95, 0.99, 1.0)
ROUTE_GAUGES = ("route_epoch", "route_wanted", "route_problem")
GAUGES = frozenset(
    {"up", "model", "arm", "loaded", "connections", "in_flight", "store", "store_problem", *ROUTE_GAUGES}
)


class Histogram:
    """Counts of values up to each bound, and their sum."""

    def __init__(self, cells: Cells, name: str, bounds: Sequence[float], *labels: str) -> None:
        self._values, self._bounds, self._array = cells.values, list(bounds), np.array(bounds)
        marks = [*map(repr, bounds), "+Inf"]
        self._places = [cells.at(f"{name}_bucket", *labels, "le", mark) for mark in marks]
        self._sum = cells.at(f"{name}_sum", *labels)

    def add(self, value: float) -> None:
        """Take one value."""
        self._values[self._places[bisect_left(self._bounds, value)]] += 1.0
        self._values[self._sum] += value

    def add_all(self, values: np.ndarray) -> None:
        """Take many."""
        counts = np.bincount(np.searchsorted(self._array, values), minlength=len(self._places)).tolist()
        for place, count in zip(self._places, counts, strict=True):
            self._values[place] += count
        self._values[self._sum] += float(values.sum())


class Tally:
    """Counts of rows by decision, and of one number of each.

    Parameters
    ----------
    cells : Cells
        The row of the process.
    decisions : sequence of str
        What can be decided.
    name : str
        What the histogram of the numbers is called.
    bounds : sequence of float
        Of its buckets.
    """

    def __init__(self, cells: Cells, decisions: Sequence[str], name: str, bounds: Sequence[float]) -> None:
        self._values, self._rows = cells.values, cells.at("rows")
        self._decisions = [cells.at("decisions", "decision", decision) for decision in decisions]
        self._numbers = Histogram(cells, name, bounds)

    def add(self, numbers: np.ndarray, places: np.ndarray) -> None:
        """Count rows: their numbers, and the places of their decisions."""
        if len(numbers) == 1:
            self._numbers.add(numbers.item())
            self._values[self._decisions[places.item()]] += 1.0
            self._values[self._rows] += 1.0
            return
        self._numbers.add_all(numbers)
        counts = np.bincount(places, minlength=len(self._decisions)).tolist()
        for place, count in zip(self._decisions, counts, strict=True):
            self._values[place] += count
        self._values[self._rows] += len(numbers)


class Meters:
    """The counters of one process.

    Parameters
    ----------
    cells : Cells
        Its row.
    """

    def __init__(self, cells: Cells) -> None:
        self.cells, self._values = cells, cells.values
        self._requests: dict[tuple[str, int], int] = {}
        self._latency: dict[str, Histogram] = {}
        self.set("pid", float(os.getpid()))
        cells.clear(GAUGES)  # a process that has died and left its row has left nothing open
        for key in (("swaps", "result", "ok"), ("swaps", "result", "failed"), ("shed",), ("audit_dropped",)):
            cells.at(*key)  # a graph begins with a 0, not with a gap
        for reason in ("full", "unwritable"):
            cells.at("log_dropped", "reason", reason)

    def add(self, name: str, *labels: str, amount: float = 1.0) -> None:
        """Count something that is rare."""
        self._values[self.cells.at(name, *labels)] += amount

    def set(self, name: str, value: float, *labels: str) -> None:
        """Set a gauge."""
        self._values[self.cells.at(name, *labels)] = value

    def serves(self, servable: Servable, before: Servable | None = None) -> None:
        """Say which model this process serves from now on."""
        if before is not None:
            self.set("model", 0.0, "name", before.name, "version", before.version)
        self.set("model", 1.0, "name", servable.name, "version", servable.version)
        self.set("loaded", time.time())

    def request(self, route: str, status: int, seconds: float) -> None:
        """Count an answer: its route, its status, and how long it took from the request's last byte."""
        place = self._requests.get((route, status))
        if place is None:
            place = self.cells.at("requests", "route", route, "status", str(status))
            self._requests[route, status] = place
        self._values[place] += 1.0
        latency = self._latency.get(route)
        if latency is None:
            latency = self._latency[route] = Histogram(self.cells, "latency_seconds", SECONDS, "route", route)
        latency.add(seconds)
