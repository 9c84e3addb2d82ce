import asyncio
from typing import Any

import pytest

from service import app
from service.refusal import Refusal


class Store:
    """A home whose store is away the second time that it is asked."""

    problem: str | None = None

    def __init__(self) -> None:
        self.asked = 0

    async def size(self) -> dict[str, int]:
        self.asked += 1
        self.problem = "away" if self.asked == 2 else None
        if self.problem:
            raise Refusal(503, "store_unavailable", "the store process is away")
        return {"records": self.asked}


def test_a_store_that_is_away_is_told_and_asked_again(monkeypatch: pytest.MonkeyPatch) -> None:
    home, told, settled = Store(), list[Any](), list[int]()

    class Told:
        def store(self, sizes: dict[str, int], problem: str | None) -> None:
            told.append((sizes, problem))

        def files(self) -> None:
            pass

    async def run() -> None:
        task = asyncio.create_task(app.look_after(home, Told(), 0.001))  # type: ignore[arg-type]
        while len(told) < 3 and not task.done():
            await asyncio.sleep(0.001)
        assert not task.done()
        task.cancel()

    monkeypatch.setattr(app, "settle", lambda: settled.append(1))
    asyncio.run(run())
    assert told == [({"records": 1}, None), ({}, "away"), ({"records": 3}, None)]
    assert len(settled) >= 2
