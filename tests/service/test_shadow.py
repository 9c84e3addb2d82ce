"""The challenger's decisions on what the champion has answered: the same bits, none lost uncounted, none in the way."""

import asyncio
import json
import threading
from collections.abc import Callable, Coroutine
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from lifecycle.bundle.servable import Batch, Scored
from lifecycle.release.route import Route
from service import shadow as module
from service.arms import Trial
from service.exchange import Exchange
from service.live_bundle import TOGETHER, Live
from service.shadow import Shadow
from service.telemetry import shared_numbers as cells
from service.telemetry.arm_metrics import ArmMeters
from service.telemetry.log import Log, Output
from service.telemetry.service_metrics import Meters
from service.telemetry.shared_numbers import Cells
from tests.service.helpers_protocols import Model

ROUTE = Route(4, "shadow", "a", "b", salt="s")


class Tried(Model):
    """A challenger that counts the rows it gets at a time, and can't take some."""

    version = "bbbbbbbbbbbb"

    def __init__(self, poison: float = np.inf) -> None:
        super().__init__(("amount",))
        self.poison, self.sizes, self.go = poison, list[int](), threading.Event()
        self.go.set()

    def score(self, batch: Batch) -> Scored:
        self.go.wait(10)
        self.sizes.append(len(batch.numbers))
        if (batch.numbers == self.poison).any():
            raise ValueError("poison")
        return super().score(batch)


class World:
    """A shadow with a log of its own, and requests that the champion has answered."""

    def __init__(self, folder: Path, challenger: Tried, alike: bool, with_values: bool) -> None:
        self.path, self.meters = folder / "log.jsonl", Meters(Cells(cells.create(1), 0))
        self.log = Log(Output(str(self.path)), lambda _: None, {"ecs.version": "8"})
        self.shadow = Shadow(self.log, self.meters, ArmMeters(self.meters), with_values)
        champion: Any = Model(("amount", "ratio"))
        self.champion, self.tried = champion, challenger
        lives = (Live(champion, self.meters, True), Live(challenger, self.meters, alike))  # type: ignore[arg-type]
        self.trial = Trial(ROUTE, *lives)

    def answer(self, name: str, *amounts: float) -> Batch:
        batch = Batch(np.array([[amount, 5.0] for amount in amounts]))
        exchange = Exchange({"method": "POST", "headers": [(b"x-request-id", name.encode())]})
        exchange.route, exchange.scored = "/predict", self.champion.score(batch)
        exchange.end(200)
        self.shadow.add(exchange, self.trial.assign(batch, None, None, name))
        return batch

    def metric(self, *key: str) -> float:
        return self.meters.cells.values[self.meters.cells.at(*key)]


def run(
    folder: Path, challenger: Tried, steps: Callable[[World], Coroutine[Any, Any, None]], alike: bool = True,
    with_values: bool = False,
) -> tuple[World, list[dict[str, Any]]]:  # fmt: skip
    """Return what is left of a world after some steps, and the lines of its log."""

    async def main() -> World:
        world = World(folder, challenger, alike, with_values)
        await asyncio.wait_for(steps(world), 20)
        await world.shadow.close(5)
        await asyncio.sleep(0)
        world.log.close(5)
        return world

    world = asyncio.run(main())
    text = world.path.read_text() if world.path.exists() else ""
    return world, list(map(json.loads, text.splitlines()))


async def scored(world: World, count: int) -> None:
    """Wait until so many requests have been scored."""
    while world.metric("shadow_scored") < count:
        await asyncio.sleep(0.002)


@pytest.mark.parametrize("alike", [True, False])
def test_each_answered_request_has_a_line_with_the_challenger_s_own_bits(tmp_path: Path, alike: bool) -> None:
    amounts = {f"r-{n}": [n + 0.1 * place for place in range(1 + n % 3)] for n in range(50)}

    async def steps(world: World) -> None:
        for name, rows in amounts.items():
            world.answer(name, *rows)
        await scored(world, 50)

    world, lines = run(tmp_path, Tried(), steps, alike)
    assert [line["http.request.id"] for line in lines] == list(amounts)
    for line in lines:
        rows = amounts[line["http.request.id"]]
        expected = Model(("amount",)).score(Batch(np.array(rows)[:, None]))
        assert line["decision.scores"] == expected.score.tolist()
        assert line["decision.alerts"] == expected.alert.tolist()
        assert line.items() >= {
            "event.action": "shadow", "event.outcome": "success", "service.version": "bbbbbbbbbbbb",
            "url.path": "/predict", "route.epoch": 4, "decision.arm": "challenger", "message": f"{len(rows)} scored",
        }.items()  # fmt: skip
        assert len(line["decision.places"]) == len(rows)
        assert "decision.features" not in line
    assert max(world.tried.sizes) <= TOGETHER
    assert (len(world.tried.sizes) < 50) == alike
    labels = ("arm", "challenger", "version", "bbbbbbbbbbbb")
    assert world.metric("arm_rows", *labels) == sum(map(len, amounts.values()))
    assert world.metric("arm_requests", *labels) == 0  # it has answered nobody


def test_features_are_in_the_lines_when_they_are_asked_for(tmp_path: Path) -> None:
    async def steps(world: World) -> None:
        world.answer("one", 7.5)
        await scored(world, 1)

    _, (line,) = run(tmp_path, Tried(), steps, with_values=True)
    assert line["decision.features"] == [{"amount": 7.5}]


def test_what_is_too_much_is_dropped_and_counted(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "WAITING", 10)
    challenger = Tried()
    challenger.go.clear()

    async def steps(world: World) -> None:
        for n in range(25):
            world.answer(f"r-{n}", n)
        assert world.metric("shadow_dropped") == 15
        challenger.go.set()
        await scored(world, 10)
        world.answer("later", 1.0)  # there is room again
        await scored(world, 11)

    world, lines = run(tmp_path, challenger, steps)
    assert [line["http.request.id"] for line in lines] == [*(f"r-{n}" for n in range(10)), "later"]
    assert world.metric("shadow_dropped") == 15


def test_what_the_end_leaves_unscored_is_counted_too(tmp_path: Path) -> None:
    challenger = Tried()

    async def steps(world: World) -> None:
        challenger.go.clear()
        for n in range(100):
            world.answer(f"r-{n}", n)
        threading.Timer(0.2, challenger.go.set).start()

    world, lines = run(tmp_path, challenger, steps, alike=False)
    assert len(lines) + world.metric("shadow_dropped") == 100


def test_a_challenger_that_raises_spoils_no_other_request(tmp_path: Path) -> None:
    async def steps(world: World) -> None:
        for n in range(5):
            world.answer(f"r-{n}", n)
        await scored(world, 5)

    world, lines = run(tmp_path, Tried(poison=2.0), steps)
    outcomes = {line["http.request.id"]: line["event.outcome"] for line in lines}
    assert outcomes == {f"r-{n}": "failure" if n == 2 else "success" for n in range(5)}
    assert lines[2]["error.type"] == "ValueError"
    assert world.metric("challenger_failed") == 1
