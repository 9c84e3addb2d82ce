"""The monitor's exporter with values that a test sets: an alarm opens at the moment that is measured."""

import time
from collections.abc import Iterator
from contextlib import contextmanager

from prometheus_client import CollectorRegistry, Gauge, start_http_server

from tests.deploy.helpers_monitor import ALARM, GAUGES

MODEL = "fraud"


class Exporter:
    """Gauges of one model in which nothing is wrong, served on a free port."""

    def __init__(self) -> None:
        registry = CollectorRegistry()
        for name, labels in GAUGES.items():
            gauge = Gauge(name, name, ["model", *labels], registry=registry)
            if name == "monitor_alarm":
                self._alarm = gauge
            else:
                gauge.labels(MODEL, *labels.values()).set(time.time() if name.endswith("timestamp_seconds") else 0.9)
        self.server, _ = start_http_server(0, "127.0.0.1", registry)
        self.port = self.server.server_port

    def open(self, kind: str, cause: str, action: str, size: float = 2.5) -> float:
        """Open an alarm; return when."""
        assert list(ALARM) == ["class", "cause", "action"]
        self._alarm.labels(MODEL, kind, cause, action).set(size)
        return time.monotonic()


@contextmanager
def exporter() -> Iterator[Exporter]:
    """Serve the gauges until the block ends."""
    found = Exporter()
    try:
        yield found
    finally:
        found.server.shutdown()
        found.server.server_close()
