import json
from typing import Any

import msgspec
import numpy as np
import pytest

from lifecycle.bundle.servable import Batch, Scored
from service.exchange import Exchange, identities, values
from service.refusal import Refusal
from tests.service.helpers_protocols import Model

SCOPE = {
    "method": "POST",
    "headers": [(b"x-request-id", b"r-1"), (b"traceparent", b"00-" + b"a" * 32 + b"-" + b"b" * 16 + b"-01")],
}


@pytest.fixture
def exchange() -> Exchange:
    found = Exchange(SCOPE)
    found.route, found.servable = "/predict", Model()  # type: ignore[assignment]
    found.end(200)
    return found


def line(exchange: Exchange) -> dict[str, Any]:
    return dict(json.loads(msgspec.json.encode(exchange.fields())))


def test_a_decision_is_told_with_all_that_it_came_from(exchange: Exchange) -> None:
    exchange.scored = Scored(np.array([0.25, 0.75]), np.array([0.1, 0.6]), np.array([False, True]))
    assert line(exchange).items() >= {
        "http.request.id": "r-1", "http.request.method": "POST", "http.response.status_code": 200,
        "url.path": "/predict", "trace.id": "a" * 32, "parent.id": "b" * 16,
        "service.version": "0123456789ab", "event.outcome": "success", "message": "2 scored",
        "log.level": "info", "decision.threshold": 0.5, "decision.scores": [0.25, 0.75],
        "decision.alerts": [False, True],
    }.items()  # fmt: skip
    assert "decision.features" not in line(exchange)


def test_a_refusal_is_told_by_its_kind_and_never_quotes_the_client(exchange: Exchange) -> None:
    exchange.failure = Refusal(422, "wrong_type", "row 0: '4111-1111' is no number", "4111-1111")
    exchange.end(422)
    found = line(exchange)
    assert (found["error.type"], found["log.level"], found["event.outcome"]) == ("wrong_type", "warn", "failure")
    assert "4111-1111" not in json.dumps(found)  # four digits alone may stand in a time or an id
    exchange.failure = Refusal(422, "wrong_type", "row 0: ...", "amount")
    assert line(exchange)["labels.feature"] == "amount"


def test_a_fault_of_ours_is_an_error(exchange: Exchange) -> None:
    exchange.failure = Refusal(500, "internal", "...")
    exchange.end(500)
    assert line(exchange)["log.level"] == "error"


def test_values_are_told_when_asked_for_but_not_whose_they_are(exchange: Exchange) -> None:
    model = Model(("amount", "card", "shop", "id"), texts=("shop",))
    model.contract = {
        "declaration": [{"word": "Raw"}, {"word": "Window", "by": "card"}, {"word": "Window", "by": None}]
    }
    batch = Batch(np.array([[12.5, 4711.0, 99.0]]), np.array([["bakery"]], dtype=object))
    assert values(model, batch)[0] == {"amount": 12.5, "card": 4711, "id": 99, "shop": "bakery"}  # type: ignore[arg-type]
    exchange.servable, exchange.shown = model, batch  # type: ignore[assignment]
    exchange.scored = Scored(np.array([0.25]), np.array([0.1]), np.array([False]))
    assert line(exchange)["decision.features"] == [{"amount": 12.5, "shop": "bakery"}]
    assert identities(model) == {"id", "card"}  # type: ignore[arg-type]


def test_kept_events_are_counted(exchange: Exchange) -> None:
    exchange.action, exchange.kept = "events", {"accepted": 3, "repeated": 1}
    assert line(exchange).items() >= {"event.action": "events", "events.accepted": 3, "events.repeated": 1}.items()


def test_a_request_that_no_route_took_is_told_as_well() -> None:
    exchange = Exchange({"method": "GET", "headers": []})
    exchange.failure = Refusal(404, "unknown_path", "nothing is served at /4111")
    exchange.end(404)
    assert line(exchange).items() >= {"url.path": "none", "error.type": "unknown_path"}.items()
    assert "4111" not in json.dumps(line(exchange))
