"""What is known of a request while it is answered, and the line that the log keeps of it."""

import time
from collections.abc import Container, Mapping, Sequence
from typing import Any

from lifecycle.bundle.servable import Batch, Servable
from service.answers.kinds import kind_of
from service.arms import Assigned
from service.current_model import Routed
from service.live_bundle import Live
from service.refusal import Refusal
from service.tracing import request_id, span

NOTHING: Mapping[str, int] = {}


class Exchange:
    """Filled in as a request is answered.

    Parameters
    ----------
    scope : mapping
        The request's, of ASGI; `began` in it is `time.perf_counter()` at its last byte, where the server says that.
    """

    route, action, logged = "none", "predict", True
    status, at, seconds = 0, 0.0, 0.0
    live: Live
    client: str | None = None
    servable: Servable | None = None
    scored: Any = None
    batch: Batch | None = None  # the rows of `scored`
    records: Sequence[Mapping[str, Any]] | None = None  # what they were made from, where the service made them
    reasons: Sequence[Sequence[Any]] | None = None  # of each row, where they were asked for
    shown: Batch | None = None  # rows whose values the log shows
    kept: Mapping[str, int] = NOTHING  # how many events
    routed: Routed | None = None
    assigned: Assigned | None = None  # while a challenger is tried
    failure: Refusal | None = None

    def __init__(self, scope: Mapping[str, Any]) -> None:
        self.method: str = scope["method"]
        self.headers: dict[bytes, bytes] = dict(scope["headers"])
        self.began: float = scope.get("began") or time.perf_counter()
        self.id, self.span = request_id(self.headers), span(self.headers)

    def answered_by(self, live: Live) -> None:
        """Note that another model than the one it began with has scored its rows."""
        self.live, self.servable = live, live.servable

    def end(self, status: int) -> None:
        """Note that it was answered just now."""
        self.status, self.seconds, self.at = status, time.perf_counter() - self.began, time.time()

    def fields(self) -> dict[str, Any]:
        """Return what the log says, in names of the Elastic Common Schema; `decision` and `events` are our own."""
        failure = self.failure
        found = {
            "log.level": "info" if self.status < 400 else "warn" if self.status < 500 else "error",
            "message": self._message(),
            "event.action": self.action,
            "event.outcome": "failure" if failure else "success",
            "event.duration": int(self.seconds * 1e9),
            "http.request.id": self.id,
            "http.request.method": self.method,
            "http.response.status_code": self.status,
            "url.path": self.route,
        }
        if self.client is not None:
            found["user.name"] = self.client
        if self.span is not None:
            found |= {"trace.id": self.span.trace, "span.id": self.span.id, "parent.id": self.span.parent}
        if self.servable is not None:
            self._add_decision(self.servable, found)
        elif failure is not None:
            found["error.type"] = failure.kind
        return found

    def _message(self) -> str:
        if self.failure is not None:
            return f"refused: {self.failure.kind}"
        return "answered" if self.scored is None else f"{len(self.scored.score)} scored"

    def _add_decision(self, servable: Servable, found: dict[str, Any]) -> None:
        """Add what was decided, by which version, or why nothing was."""
        failure, scored = self.failure, self.scored
        found["service.version"] = servable.version
        if self.routed is not None:
            found["route.epoch"] = self.routed.epoch
        if failure is not None:
            found["error.type"] = failure.kind
            if failure.field in servable.features:  # never a word of the client's own
                found["labels.feature"] = failure.field
        elif scored is not None:
            found |= kind_of(servable).logged(servable, scored)
            if self.assigned is not None:
                found |= self.assigned.logged()
            if self.shown is not None:
                found["decision.features"] = values(servable, self.shown, identities(servable))
        for name, count in self.kept.items():
            found[f"events.{name}"] = count


def identities(servable: Servable) -> frozenset[str]:
    """Return the columns that say whose a record is: key, entity, and what histories are kept by. No log holds them."""
    by = (feature.get("by") for feature in servable.contract["declaration"])
    return frozenset((servable.schema["key"], *filter(None, (servable.schema.get("entity"), *by))))


def values(servable: Servable, batch: Batch, hidden: Container[str] = ()) -> list[dict[str, Any]]:
    """Return the features of rows by name, but for some."""
    rows = [dict(zip(servable.numbers, row, strict=True)) for row in batch.numbers.tolist()]
    if batch.texts is not None:
        rows = [
            row | dict(zip(servable.texts, texts, strict=True)) for row, texts in zip(rows, batch.texts, strict=True)
        ]
    return [{name: value for name, value in row.items() if name not in hidden} for row in rows]
