"""Spans for an OpenTelemetry collector: one for each request, sent by a thread as OTLP over HTTP in JSON."""

import os
import urllib.error
import urllib.request
from collections.abc import Callable, Mapping
from typing import Any

import msgspec

from service.exchange import Exchange
from service.telemetry.background_queue import BackgroundQueue

PAUSE = 1.0  # seconds between two messages
WAITING = 4096  # spans that may wait; more are dropped
TIMEOUT = 5.0  # seconds for an answer of the collector
SERVER, ERROR = 2, 2  # of OTLP's kinds and states of a span


class Spans:
    """Spans, and what sends them beside the service.

    Parameters
    ----------
    endpoint : str
        Of the collector, without the path /v1/traces.
    resource : mapping of str to str
        What every span says of the service.
    dropped : callable
        Told why a span was not sent: `full` or `unreachable`.
    """

    def __init__(self, endpoint: str, resource: Mapping[str, str], dropped: Callable[[str], None]) -> None:
        self._address, self._dropped = f"{endpoint.rstrip('/')}/v1/traces", dropped
        self._resource = {"attributes": attributes(resource)}
        self._queue = BackgroundQueue("spans", PAUSE, self._send)

    def add(self, exchange: Exchange) -> None:
        """Take the span of a request that was answered, unless its caller does not sample it; never waits."""
        span = exchange.span
        if span is not None and not int(span.flags, 16) & 1:
            return
        if len(self._queue) >= WAITING:
            self._dropped("full")
            return
        self._queue.put(span_of(exchange))

    def close(self, seconds: float) -> None:
        """Send what is left, for so long at most."""
        self._queue.close(seconds)

    def _send(self, spans: list[dict[str, Any]]) -> None:
        scope = {"scope": {"name": "service"}, "spans": spans}
        body = msgspec.json.encode({"resourceSpans": [{"resource": self._resource, "scopeSpans": [scope]}]})
        request = urllib.request.Request(self._address, body, {"Content-Type": "application/json"})
        try:
            with urllib.request.urlopen(request, timeout=TIMEOUT):
                pass
        except (OSError, ValueError):
            for _ in spans:
                self._dropped("unreachable")


def span_of(exchange: Exchange) -> dict[str, Any]:
    """Return the span of a request in OTLP's form: a child of its caller's, or the root of a trace of its own."""
    span, end = exchange.span, int(exchange.at * 1e9)
    about: dict[str, Any] = {"http.request.method": exchange.method, "http.route": exchange.route}
    about |= {"http.response.status_code": exchange.status, "http.request.id": exchange.id}
    if exchange.failure is not None:
        about["error.type"] = exchange.failure.kind
    found = {
        "traceId": os.urandom(16).hex() if span is None else span.trace,
        "spanId": os.urandom(8).hex() if span is None else span.id,
        "name": f"{exchange.method} {exchange.route}",
        "kind": SERVER,
        "startTimeUnixNano": str(end - int(exchange.seconds * 1e9)),
        "endTimeUnixNano": str(end),
        "attributes": attributes(about),
    }
    if span is not None:
        found["parentSpanId"] = span.parent
    return found | ({"status": {"code": ERROR}} if exchange.status >= 500 else {})


def attributes(values: Mapping[str, Any]) -> list[dict[str, Any]]:
    """Return names and values in OTLP's form."""
    return [
        {"key": key, "value": {"intValue": str(value)} if type(value) is int else {"stringValue": value}}
        for key, value in values.items()
    ]
