"""How often features are missing."""

import time
from collections.abc import Iterator, Sequence
from typing import NamedTuple

import numpy as np
from prometheus_client import ProcessCollector
from prometheus_client.exposition import choose_encoder
from prometheus_client.metrics_core import Metric

from lifecycle.bundle.servable import Batch, Servable
from service.telemetry.shared_numbers import Cells, Key

NOTHING = np.array(None)  # numpy compares arrays with arrays
SUFFIX = {"counter": "_total", "gauge": "", "info": "_info", "histogram": ""}
Row = Sequence[tuple[Key, float]]


class Nulls:
    """Counts of missing values, of the features that may be missing."""

    def __init__(self, cells: Cells, servable: Servable) -> None:
        def places(names: Sequence[str]) -> list[tuple[int, int]]:
            return [(n, cells.at("feature_nulls", "feature", name)) for n, name in enumerate(names) if name in missing]

        missing, self._values = servable.missing, cells.values
        self._numbers, self._texts = places(servable.numbers), places(servable.texts)

    def add(self, batch: Batch) -> None:
        """Count those of some rows."""
        if self._numbers:
            nulls = np.isnan(batch.numbers)
            if nulls.any():
                self._count(nulls, self._numbers)
        if self._texts and batch.texts is not None:
            self._count(np.equal(batch.texts, NOTHING), self._texts)

    def _count(self, nulls: np.ndarray, places: Sequence[tuple[int, int]]) -> None:
        counts = nulls.sum(axis=0).tolist()
        for column, place in places:
            self._values[place] += counts[column]


class Family(NamedTuple):
    """A metric: its cells' name, its type, and what it says. `serve_` goes before the name."""

    name: str
    type: str
    help: str


FAMILIES = (
    Family("requests", "counter", "Answers, by route and status."),
    Family("errors", "counter", "Requests that were not answered with scores, by cause."),
    Family("latency_seconds", "histogram", "From the arrival of a request's last byte to its answer."),
    Family("score", "histogram", "Scores; of several classes the highest."),
    Family("prediction", "histogram", "Predicted numbers."),
    Family("decisions", "counter", "Rows, by decision."),
    Family("rows", "counter", "Rows scored."),
    Family("feature_nulls", "counter", "Missing values, by feature."),
    Family("shed", "counter", "Requests refused because too many were waiting."),
    Family("swaps", "counter", "Attempts to load a changed bundle, by result."),
    Family("log_dropped", "counter", "Lines that the decision log could not take."),
    Family("audit_dropped", "counter", "Decisions that were answered and are not in the audit log."),
    Family("spans_dropped", "counter", "Spans that were not sent to the collector, by cause."),
    Family("files_exhausted", "counter", "Times that no more files could be opened, and so no connection accepted."),
    Family("connections", "gauge", "Open connections."),
    Family("in_flight", "gauge", "Requests being answered."),
    Family("model", "info", "Models that are served; two while processes change over."),
    Family("route_changes", "counter", "Changes of the route, by result."),
    Family("arm", "info", "The versions of a trial, by arm."),
    Family("arm_requests", "counter", "Answers of a trial, by arm; one with rows of both arms counts for both."),
    Family("arm_errors", "counter", "Those that were errors of the service."),
    Family("arm_latency_seconds", "histogram", "From the arrival of a request's last byte to its answer, by arm."),
    Family("arm_score", "histogram", "Scores, by arm; of several classes the highest."),
    Family("arm_prediction", "histogram", "Predicted numbers, by arm."),
    Family("arm_decisions", "counter", "Rows, by arm and decision."),
    Family("arm_rows", "counter", "Rows scored, by arm."),
    Family("challenger_failed", "counter", "Requests that the challenger could not score; the champion answered."),
    Family("entity_unknown", "counter", "Rows of a trial whose entity is not known: the request's id stands for it."),
    Family("shadow_scored", "counter", "Requests that the challenger has scored without answering."),
    Family("shadow_dropped", "counter", "Requests that it has not, because too many waited."),
)
# Every process would say the same, so the greatest is told and not the sum.
SHARED = (
    Family("store", "gauge", "What the online store holds, by kind."),
    Family("store_problem", "gauge", "1: events can't be kept; the log says why."),
    Family("route_wanted", "gauge", "Epoch of the route in the file, as far as it can be read."),
    Family("route_problem", "gauge", "1: a process can't follow the route; the log says why."),
)
# Processes follow by themselves, so the least is told: all are as far.
LEAST = (Family("route_epoch", "gauge", "Epoch of the route that is followed, of the process that is behind most."),)


class Scrape:
    """What prometheus_client calls a registry: it collects the metrics of one moment."""

    def __init__(self, cells: Cells) -> None:
        self._rows = list(cells.each())

    def collect(self) -> Iterator[Metric]:
        """Yield all metrics that have a value."""
        values: dict[Key, list[float]] = {}
        for key, value in (cell for row in self._rows for cell in row):
            values.setdefault(key, []).append(value)
        for family in FAMILIES:
            yield metric(family, [(key, sum(found)) for key, found in values.items()])
        for family in SHARED:
            yield metric(family, [(key, max(found)) for key, found in values.items()])
        for family in LEAST:
            yield metric(family, [(key, min(filter(None, found), default=0.0)) for key, found in values.items()])
        since = min(filter(None, values.get(("loaded",), [])), default=None)
        if since is not None:
            age = Metric("serve_model_age_seconds", "Since a process has loaded its model, the oldest.", "gauge")
            age.add_sample("serve_model_age_seconds", {}, max(0.0, time.time() - since))  # the clock may be set back
            yield age
        yield from process_metrics([dict(row).get(("pid",)) for row in self._rows])


def process_metrics(pids: Sequence[float | None]) -> Iterator[Metric]:
    """Yield what the system says of processes (`process_*`), each by its row; those that have ended are left out."""
    found: dict[str, Metric] = {}
    for row, pid in enumerate(pids):
        collector = ProcessCollector(pid=lambda pid=pid: int(pid or 0), registry=None)  # type: ignore[misc]
        for each in collector.collect() if pid else ():
            known = found.setdefault(each.name, Metric(each.name, each.documentation, each.type))
            for sample in each.samples:
                known.add_sample(sample.name, {"process": str(row)}, sample.value)
    yield from found.values()


def metric(family: Family, row: Row) -> Metric:
    """Return a metric with the samples that a row holds of it."""
    found = Metric(f"serve_{family.name}", family.help, family.type)
    count = 0.0
    for (name, *rest), value in row:
        labels = dict(zip(rest[::2], rest[1::2], strict=True))
        if name == family.name and (value or family.type != "info"):
            found.add_sample(f"serve_{name}{SUFFIX[family.type]}", labels, 1.0 if family.type == "info" else value)
        elif name == f"{family.name}_bucket":  # a cell counts what lies between two bounds, Prometheus all below
            count += value
            found.add_sample(f"serve_{name}", labels, count)
        elif name == f"{family.name}_sum":  # always the cell behind the last bucket
            found.add_sample(f"serve_{name}", labels, value)
            found.add_sample(f"serve_{family.name}_count", labels, count)
            count = 0.0
    return found


def text(cells: Cells, accept: str) -> tuple[bytes, bytes]:
    """Return the content type and the text of all metrics, in the format that the header Accept prefers."""
    try:
        encode, content_type = choose_encoder(accept)
    except (TypeError, ValueError):  # a version that is none
        encode, content_type = choose_encoder("")
    return content_type.encode(), encode(Scrape(cells))
