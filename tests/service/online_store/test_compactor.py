import asyncio
import logging
import os
import sys

import pytest

from lifecycle.features.online.snapshot import Snapshot
from lifecycle.features.online.state import Draft
from lifecycle.problem.record_words import DAY_US
from service.online_store import compactor as compacting
from tests.service.helpers_home import ask, label, opened, payment, refused, run

NAMES = {"journal.newest", "journal.sqlite", "state.npz"}


async def compacted(home):
    """Wait until nothing is being compacted."""
    compactor = home._store._compactor
    compactor.look()
    while compactor._running is not None:
        await asyncio.sleep(0.01)


SLOW = "import time; time.sleep(30)"


def shorten(monkeypatch, longest):
    monkeypatch.setattr(compacting.Compactor.__init__, "__defaults__", (longest,))


def test_a_long_journal_becomes_a_snapshot_while_the_service_goes_on(servable, place, monkeypatch):
    shorten(monkeypatch, 500)

    async def work():
        async with opened(servable, place) as home:
            await home.keep(
                [*(payment(key) for key in range(400)), *(label(key) for key in range(0, 400, 3))], servable
            )
            compactor = home._store._compactor
            assert compactor._running is not None
            compactor._longest = 10**6  # once is enough
            key = 400
            while compactor._running is not None:  # events and questions while it runs
                await home.keep([payment(key), label(key - 50)], servable)
                await ask(home, servable, payment(key + 1))
                key += 1
            assert key > 401
            position = Snapshot.load(place / "state.npz").position
            assert 400 + 134 <= position < home._store._store.journal.position
            assert home._store._store.backlog == home._store._store.journal.position - position
            before = await ask(home, servable, *(payment(key + more) for more in (1, 50, 900, 3000)))
            size = await home.size()
        assert {path.name for path in place.iterdir()} == NAMES
        async with opened(servable, place) as home:
            assert repr(before) == repr(
                await ask(home, servable, *(payment(key + more) for more in (1, 50, 900, 3000)))
            )
            assert await home.size() == size
            assert (await home.keep([payment(number) for number in range(key)], servable)).repeated == key

    run(work())


@pytest.mark.parametrize("pause", [0, 0.002, 0.01, 0.1])
def test_a_service_that_ends_in_the_middle_ends_at_once_and_loses_nothing(servable, place, monkeypatch, pause):
    shorten(monkeypatch, 50)
    monkeypatch.setattr(compacting, "COMMAND", [sys.executable, "-c", SLOW])

    async def work():
        async with opened(servable, place) as home:
            await home.keep([payment(key) for key in range(60)], servable)
            assert home._store._compactor._running is not None
            await asyncio.sleep(pause)
            snapshot = (place / "state.npz").read_bytes()
        assert (place / "state.npz").read_bytes() == snapshot  # thrown away, not waited for
        assert {path.name for path in place.iterdir()} == NAMES
        monkeypatch.undo()
        async with opened(servable, place) as home:
            assert await home.keep([payment(key) for key in range(60)], servable) == (0, 60, 0)

    run(work())


def test_a_compaction_that_fails_is_told_and_tried_again_later(servable, place, monkeypatch, caplog):
    shorten(monkeypatch, 50)
    monkeypatch.setattr(compacting, "COMMAND", ["false"])

    async def work():
        async with opened(servable, place) as home:
            with caplog.at_level(logging.ERROR):
                await home.keep([payment(key) for key in range(60)], servable)
                await compacted(home)
                await home.keep([payment(60)], servable)
            assert "could not be compacted" in caplog.text
            assert home._store._compactor._running is None
            assert home.problem is None
            monkeypatch.undo()
            await home.keep([payment(key) for key in range(61, 120)], servable)
            await compacted(home)
            assert home._store._store.backlog == 0

    run(work())


def test_what_a_killed_process_left_behind_is_taken_away(servable, place):
    place.mkdir()
    for name in (f"compaction.{os.getpid()}.sqlite", "compaction.1.npz", ".compaction.1.npz.2.tmp"):
        (place / name).write_bytes(b"left")
    (place / "my_compaction.csv").write_bytes(b"somebody's own")

    async def work():
        async with opened(servable, place) as home:
            await home.keep([payment(1)], servable)

    run(work())
    assert {path.name for path in place.iterdir()} == {*NAMES, "my_compaction.csv"}


DAY = 96  # payments a day


def test_cards_that_are_idle_for_long_are_forgotten_and_their_new_payments_still_have_the_right_features(
    servable, place, monkeypatch
):
    shorten(monkeypatch, 200)
    old, new = (
        [payment(start + key, customer_id=card) for key in range(60)] for start, card in ((0, 1), (80 * DAY, 2))
    )
    later = [payment(80 * DAY + key, customer_id=1) for key in (70, 71)]

    async def work():
        async with opened(servable, place) as home, opened(servable, "memory") as other:
            for each in (home, other):
                await each.keep([*old, *new, *map(label, range(0, 60))], servable)
            await home.keep([payment(81 * DAY + key, customer_id=3) for key in range(60)], servable)
            await compacted(home)
            kept = home._store._state.store
            assert 1 not in kept._entities["customer_id"]
            assert {2, 3} <= kept._entities["customer_id"].keys()
        async with opened(servable, place) as home:
            assert (await home.size())["records"] < 180
            await home.keep(later[:1], servable)
            await other.keep(later[:1], servable)
            (found,), (wanted,) = [await ask(each, servable, later[1]) for each in (home, other)]
            cards = [name for name in found if name.startswith(("card", "since"))]
            assert repr([found[name] for name in cards]) == repr([wanted[name] for name in cards])
            refusal = await refused(lambda: home.keep([payment(45 * DAY, transaction_id=9, customer_id=1)], servable))
            assert refusal.kind == "late_record"

    run(work())


def test_one_payment_that_is_ahead_of_the_clock_makes_nobody_forgotten(servable, place, monkeypatch):
    shorten(monkeypatch, 40)
    monkeypatch.setattr(Draft, "_check_lateness", lambda self, by, record: None)

    async def work():
        async with opened(servable, place, max_ahead=1e12) as home:
            await home.keep([payment(key) for key in range(50)], servable)
            await home.keep([payment(51, tx_time="2200-01-01T00:00:00Z")], servable)
            await compacted(home)
            assert home._store._state.store.horizon < home._store._state.store.newest - 150 * 365 * DAY_US

    run(work())
