"""What happens to the service, for the log and the metrics."""

from lifecycle.model.servable import Servable
from lifecycle.serving.live.live import Current
from lifecycle.serving.telemetry.logs import Log
from lifecycle.serving.telemetry.metrics import Meters


class Reporter:
    """Tells what happens.

    Parameters
    ----------
    current : Current
        The model.
    meters : Meters
        What is counted.
    log : Log
        Where it is told.
    """

    def __init__(self, current: Current, meters: Meters, log: Log) -> None:
        self._current, self._meters, self._log = current, meters, log
        self._problem: str | None = None

    def listening(self, url: str, port: int) -> None:
        """Tell that requests are answered."""
        servable = self._current.live.servable
        said = f"{servable.name} {servable.version} answers on {url}"
        self._log.event("listening", said, more={"service.version": servable.version, "server.port": port})
        self._meters.set("up", 1.0)

    def swapped(self, servable: Servable) -> None:
        """Serve another model, and tell it."""
        before = self._current.live.servable.version
        self._current.put(servable)
        self._meters.add("swaps", "result", "ok")
        said = f"{servable.version} is served instead of {before}"
        self._log.event("swap", said, more={"event.outcome": "success", "service.version": servable.version})

    def failed(self, reason: str) -> None:
        """Tell that another model can't be served."""
        version = self._current.live.servable.version
        self._meters.add("swaps", "result", "failed")
        said = f"the bundle is not served, {version} goes on: {reason}"
        self._log.event("swap", said, "error", {"event.outcome": "failure", "service.version": version})

    def store(self, sizes: dict[str, int], problem: str | None) -> None:
        """Tell how the online store does."""
        for kind, count in sizes.items():
            self._meters.set("store", count, "kind", kind)
        if problem != self._problem:
            self._problem = problem
            self._log.event("store", problem or "events are kept again", "error" if problem else "info")
        self._meters.set("store_problem", float(problem is not None))
