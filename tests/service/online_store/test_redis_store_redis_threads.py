import asyncio
import threading

import pytest

from benchmarks.replay import redis_server
from lifecycle.core.errors import PipelineError
from service.app import open_home
from service.settings import Settings
from tests.helpers_payments import EVERYTHING
from tests.service.helpers_home import ask, label, listed, opened, payment, refused, run
from tests.service.helpers_redis import needs_redis, prefixes

pytestmark = needs_redis


@pytest.fixture(scope="module")
def server():
    with redis_server() as url:
        yield url


@pytest.fixture
def servable(tmp_path):
    found = listed(tmp_path / "bundle")
    found.name = next(prefixes)
    return found


def test_workers_see_one_history_and_it_is_that_of_a_store_in_process(server, servable, tmp_path):
    events = [payment(key) for key in range(40)] + [label(key) for key in range(0, 40, 3)] + [label(99), payment(3)]
    probes = [payment(900 + n, customer_id=n % 3, terminal_id=n % 2) for n in range(6)]

    async def work():
        async with opened(servable, server, workers=2) as one, opened(servable, server, workers=2) as other:
            assert await one.keep(events, servable) == (54, 1, 1)
            assert await other.keep(events, servable) == (0, 55, 1)
            async with opened(servable, tmp_path / "alone") as alone:
                await alone.keep(events, servable)
                wanted = repr(await ask(alone, servable, *probes))
            assert repr(await ask(one, servable, *probes)) == wanted == repr(await ask(other, servable, *probes))
            assert await one.size() == {}

    run(work())


def test_the_loop_goes_on_while_the_server_is_asked(server, servable, monkeypatch):
    from service.online_store.redis_store import RedisStore

    free, keep = threading.Event(), RedisStore.keep
    monkeypatch.setattr(RedisStore, "keep", lambda *args: (free.wait(20), keep(*args))[1])

    async def work():
        async with opened(servable, server) as home:
            keeping = asyncio.create_task(home.keep([payment(0)], servable))
            await asyncio.sleep(0.1)
            (row,) = await ask(home, servable, payment(3))
            assert row["card_count_30d"] == 1
            assert not keeping.done()
            free.set()
            assert await keeping == (1, 0, 0)

    run(work())


def test_values_are_checked_for_all_before_one_is_kept_and_the_rest_as_they_come(server, servable):
    async def work():
        async with opened(servable, server) as home:
            refusal = await refused(lambda: home.keep([payment(0), payment(1, amount=-1)], servable))
            assert refusal.kind == "out_of_contract"
            assert await home.keep([payment(0)], servable) == (1, 0, 0)
            refusal = await refused(lambda: home.keep([payment(3), payment(0, amount=1.0)], servable))
            assert (refusal.status, refusal.kind) == (409, "other_content")
            assert "row 1" in refusal.message
            assert await home.keep([payment(3)], servable) == (0, 1, 0)

    run(work())


def test_a_server_that_is_away_is_told_and_reached_again(servable):
    async def work():
        with redis_server() as url:
            home = await open_home(servable, Settings(store=url))
            await home.keep([payment(0)], servable)
        for call in (lambda: home.keep([payment(3)], servable), lambda: ask(home, servable, payment(3))):
            refusal = await refused(call)
            assert (refusal.status, refusal.kind) == (503, "store_unavailable")
        assert home.problem.startswith("Redis: ")
        await home.close()

    run(work())


def test_another_list_of_the_same_name_and_a_server_that_is_not_there_are_refused_in_words(server, servable, tmp_path):
    other = listed(tmp_path / "other", EVERYTHING[:-1])
    other.name = servable.name

    async def work():
        async with opened(servable, server):
            with pytest.raises(PipelineError, match="made for another feature list"):
                await opened(other, server).__aenter__()
        with pytest.raises(PipelineError, match="SERVE_STORE: "):
            await opened(servable, f"unix://{tmp_path}/nobody").__aenter__()

    run(work())
