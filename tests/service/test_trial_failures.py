"""A challenger that fails costs no request: the application itself is asked, with a challenger that is broken."""

import asyncio
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from lifecycle.bundle.servable import Batch, Servable
from lifecycle.release.route import BUNDLES
from service.app import Application
from service.process_identity import Place
from service.settings import Settings
from tests.service.helpers_routes import routed, two_models
from tests.service.helpers_serving import VECTOR

RECORD = {"number": 0.5, "gaps": 12.0, "shop": "bakery"}


def raising(batch: Batch) -> Any:
    raise ValueError("not today")


async def ask(app: Application, content: Any) -> tuple[int, dict[str, str], Any]:
    """Ask the application once; return status, headers and content of the answer."""
    body, sent = json.dumps(content).encode(), list[Any]()
    headers = [(b"content-type", b"application/json"), (b"content-length", b"%d" % len(body))]

    async def receive() -> Any:
        return {"type": "http.request", "body": body, "more_body": False}

    async def send(message: Any) -> None:
        sent.append(message)

    await app({"type": "http", "method": "POST", "path": "/predict", "headers": headers}, receive, send)
    named = {name.decode(): value.decode() for name, value in sent[0]["headers"]}
    return sent[0]["status"], named, json.loads(sent[1]["body"])


@pytest.mark.parametrize("breaks", ["it raises", "no number"])
@pytest.mark.parametrize("content", [VECTOR, {"records": [RECORD] * 3}, {"records": [RECORD] * 70, "reasons": 1}])
def test_the_champion_answers_what_the_challenger_can_not(tmp_path: Path, breaks: str, content: Any) -> None:
    one, two = two_models(tmp_path)
    routed(tmp_path, one, challenger=two, mode="canary", share=1.0)
    healthy = Servable.load(tmp_path / BUNDLES / two).score
    broken: Callable[[Batch], Any] = raising
    if breaks == "no number":
        broken = lambda batch: healthy(batch)._replace(score=np.full(len(batch.numbers), np.nan))  # noqa: E731

    async def main() -> tuple[Any, Any, Any]:
        app = Application(Settings(route=str(tmp_path), log=str(tmp_path / "log")), Place.only())
        async with app.opened():
            before = await ask(app, content)
            trial = app.watch._current.routed.trial  # type: ignore[union-attr]
            assert trial is not None
            trial.challenger.servable.score = broken  # type: ignore[method-assign]
            after = await asyncio.gather(*(ask(app, content) for _ in range(8)))
            count = app.meters.cells.values[app.meters.cells.at("challenger_failed")]
        return before, after, count

    before, after, count = asyncio.run(main())
    assert {status for status, _, _ in (before, *after)} == {200}
    assert count == 8
    expected = Servable.load(tmp_path / BUNDLES / one).score(
        Batch(np.array([[0.5, 12.0]]), np.array([["bakery"]], object))
    )
    for _, _, found in after:
        assert found.get("version", one) == one
        for row in found.get("predictions", [found]):
            assert row["probability"] == expected.probability[0]
    lines = [json.loads(line) for line in (tmp_path / "log").read_text().splitlines()]
    decisions = [line for line in lines if line["event.action"] == "predict"]
    assert [line["service.version"] for line in decisions] == [two, *[one] * 8]
    kind = "ValueError" if breaks == "it raises" else "ArithmeticError"
    assert [line.get("decision.challenger_failed") for line in decisions] == [None, *[kind] * 8]
    (told,) = (line for line in lines if line["event.action"] == "library")  # of eight failures one is told whole
    assert kind in told["error.stack_trace"]
