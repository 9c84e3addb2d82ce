import asyncio
import sqlite3
import threading

import pytest

from service.online_store.journal import Journal
from tests.service.helpers_home import ask, opened, payment, refused, run


class Disk:
    """Stands in for the journal's disk: counts commits, waits for leave, or is full."""

    def __init__(self, monkeypatch):
        self.groups, self.free, self.full = [], threading.Event(), False
        self.free.set()
        append = Journal.append

        def slow(journal, changes):
            self.free.wait(20)
            if self.full:
                raise sqlite3.OperationalError("database or disk is full")
            self.groups.append(len(changes))
            append(journal, changes)

        monkeypatch.setattr(Journal, "append", slow)


@pytest.fixture
def disk(monkeypatch):
    return Disk(monkeypatch)


def test_all_who_come_while_a_commit_runs_share_the_next_one(servable, place, disk):
    async def work():
        async with opened(servable, place) as home:
            disk.free.clear()
            first = asyncio.create_task(home.keep([payment(0)], servable))
            await asyncio.sleep(0.05)
            others = [asyncio.create_task(home.keep([payment(key)], servable)) for key in range(1, 40)]
            await asyncio.sleep(0.05)
            assert not first.done()
            disk.free.set()
            assert [await each for each in (first, *others)] == [(1, 0, 0)] * 40
            assert disk.groups == [1, 39]

    run(work())


def test_questions_do_not_wait_for_the_disk_and_see_what_is_on_its_way_there(servable, place, disk):
    async def work():
        async with opened(servable, place) as home:
            disk.free.clear()
            keeping = asyncio.create_task(home.keep([payment(0)], servable))
            await asyncio.sleep(0.05)
            (row,) = await ask(home, servable, payment(3))
            assert row["card_count_30d"] == 2
            assert not keeping.done()
            disk.free.set()
            await keeping

    run(work())


def test_a_repeat_is_acknowledged_no_sooner_than_what_it_repeats(servable, place, disk):
    async def work():
        async with opened(servable, place) as home:
            disk.free.clear()
            first = asyncio.create_task(home.keep([payment(0)], servable))
            await asyncio.sleep(0.05)
            again = asyncio.create_task(home.keep([payment(0)], servable))
            await asyncio.sleep(0.05)
            assert not again.done()
            disk.free.set()
            assert (await first, await again) == ((1, 0, 0), (0, 1, 0))

    run(work())


def test_a_full_disk_is_told_nothing_is_lost_and_nothing_is_added_until_it_is_mended(servable, place, disk):
    async def work():
        async with opened(servable, place) as home:
            await home.keep([payment(0)], servable)
            disk.full = True
            refusal = await refused(lambda: home.keep([payment(3)], servable))
            assert (refusal.status, refusal.kind) == (503, "store_unavailable")
            assert "database or disk is full" in refusal.message
            assert home.problem == "database or disk is full"
            await refused(lambda: home.keep([payment(6)], servable))
            assert await home.size() == {"entities": 3, "records": 2}  # the second one was not even taken
            (row,) = await ask(home, servable, payment(9))  # predictions go on
            assert row["card_count_30d"] == 3
            disk.full = False
            assert await home.keep([payment(3), payment(6)], servable) == (1, 1, 0)
            assert home.problem is None
        async with opened(servable, place) as home:
            assert await home.keep([payment(key) for key in (0, 3, 6)], servable) == (0, 3, 0)

    run(work())


def test_everybody_in_a_group_that_fails_is_told(servable, place, disk):
    async def work():
        async with opened(servable, place) as home:
            disk.free.clear()
            first = asyncio.create_task(home.keep([payment(0)], servable))
            await asyncio.sleep(0.05)
            others = [
                asyncio.create_task(refused(lambda key=key: home.keep([payment(key)], servable))) for key in (1, 2)
            ]
            await asyncio.sleep(0.05)
            disk.full = True
            disk.free.set()
            refusals = [await refused(lambda: first), *[await each for each in others]]
            assert [refusal.status for refusal in refusals] == [503] * 3
            disk.full = False
            assert await home.keep([payment(key) for key in range(3)], servable) == (0, 3, 0)

    run(work())


def test_a_client_who_goes_away_does_not_take_the_commit_of_others_along(servable, place, disk):
    async def work():
        async with opened(servable, place) as home:
            disk.free.clear()
            first = asyncio.create_task(home.keep([payment(0)], servable))
            await asyncio.sleep(0.05)
            gone, waiting = (asyncio.create_task(home.keep([payment(key)], servable)) for key in (1, 2))
            await asyncio.sleep(0.05)
            first.cancel()
            gone.cancel()
            await asyncio.sleep(0.05)
            disk.free.set()
            assert await waiting == (1, 0, 0)
        async with opened(servable, place) as home:
            assert await home.keep([payment(key) for key in range(3)], servable) == (0, 3, 0)

    run(work())


@pytest.mark.slow
def test_a_real_disk_that_is_full_is_told_and_mended(servable, tmp_path):
    import resource

    async def work():
        async with opened(servable, tmp_path / "store") as home:
            await home.keep([payment(0)], servable)
            before = resource.getrlimit(resource.RLIMIT_FSIZE)
            size = (tmp_path / "store/journal.sqlite-wal").stat().st_size
            resource.setrlimit(resource.RLIMIT_FSIZE, (size + 20_000, before[1]))
            try:
                events, refusals = [payment(key) for key in range(1, 2_000)], []
                for start in range(0, len(events), 100):
                    try:
                        await home.keep(events[start : start + 100], servable)
                    except Exception as error:
                        refusals.append(error)
                assert refusals
                assert {getattr(error, "kind", error) for error in refusals} == {"store_unavailable"}
            finally:
                resource.setrlimit(resource.RLIMIT_FSIZE, before)
            outcome = await home.keep(events, servable)
            assert outcome.accepted + outcome.repeated == len(events)
            assert outcome.repeated
        async with opened(servable, tmp_path / "store") as home:
            assert await home.keep([payment(0), *events], servable) == (0, 2_000, 0)

    run(work())


def test_a_service_can_end_while_the_disk_is_full(servable, place, disk, caplog):
    async def work():
        async with opened(servable, place) as home:
            await home.keep([payment(0)], servable)
            disk.full = True
            await refused(lambda: home.keep([payment(3)], servable))
            caplog.clear()
        assert "could not commit 1 changes" in caplog.text
        disk.full = False
        async with opened(servable, place) as home:
            assert await home.keep([payment(0), payment(3)], servable) == (1, 1, 0)

    run(work())
