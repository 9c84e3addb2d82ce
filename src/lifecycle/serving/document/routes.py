"""Every route of the service, described for one model."""

from collections.abc import Iterator
from typing import Any

from lifecycle.model.servable import Servable
from lifecycle.serving.document import examples
from lifecycle.serving.document.paths import JSON, TEXT, Operation
from lifecycle.serving.document.protocol_routes import platforms, version_1, version_2
from lifecycle.serving.document.row_schemas import keeps_history, takes_transactions
from lifecycle.serving.document.schemas import of_object, ref
from lifecycle.serving.protocols.health import one_more
from lifecycle.serving.settings import Settings

TAG = "Predictions and events"


def operations(servable: Servable, settings: Settings) -> Iterator[Operation]:
    """Yield what can be asked, in the order in which a reader wants it."""
    row = examples.features(servable)
    vector = list(row.values())
    raw = examples.transaction(servable) if takes_transactions(servable, settings) else None
    yield from _own(row, raw)
    if settings.store != "none" and keeps_history(servable):
        body = {"events": [examples.transaction(servable), {"label": examples.label(servable)}]}
        yield Operation(
            "/events",
            "post",
            "Keep transactions that have happened and labels that have become known; answered once they are on disk",
            TAG,
            {JSON: ref("Kept")},
            {JSON: ref("Events")},
            {"a transaction, and its label": body},
            refused=(409,),
        )
    yield from version_1(row, vector)
    yield from version_2(row, vector)
    yield from platforms(settings, row, vector)
    yield from _service(settings)


def _own(row: dict[str, Any], raw: dict[str, Any] | None) -> Iterator[Operation]:
    shown: dict[str, Any] = {"one vector": {"features": list(row.values())}}
    shown["rows by name, with reasons"] = {"records": [row], "reasons": 3}
    if raw is not None:
        shown["raw transactions"] = {"records": [raw]}
    yield Operation(
        "/predict",
        "post",
        "Score one vector of features, or named rows with reasons",
        TAG,
        {JSON: {"anyOf": [ref("OnePrediction"), ref("Decisions"), ref("Predictions")]}},
        {JSON: ref("Predict")},
        shown,
        refused=() if raw is None else (409,),
    )


def _service(settings: Settings) -> Iterator[Operation]:
    alive = {JSON: of_object({"status": {"const": "alive"}})}
    yield Operation("/", "get", "Whether the process answers", "service", alive, exempt=True)
    yield Operation("/health/live", "get", "Whether the process answers", "service", {JSON: ref("Alive")}, exempt=True)
    for path in ("/health/ready", *one_more(settings.health_route)):
        state = ref("ServiceReady")
        summary = "Whether requests should be sent here"
        yield Operation(path, "get", summary, "service", {JSON: state}, unready=state, exempt=True)
    yield Operation("/metrics", "get", "Metrics for Prometheus", "service", {TEXT: {"type": "string"}})
    yield Operation("/openapi.json", "get", "This document", "service", {JSON: {"type": "object"}}, exempt=True)
    page = {"text/html": {"type": "string"}}
    yield Operation("/docs", "get", "A page to try it out", "service", page, exempt=True)
