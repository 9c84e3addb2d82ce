import asyncio
import threading
import time

import pytest

from lifecycle.core.errors import PipelineError
from service.online_store import folder_store
from service.online_store.events import list_of
from service.online_store.journal import EmbeddedStore
from tests.helpers_payments import EVERYTHING
from tests.service.helpers_home import ask, listed, opened, payment, run


def store_of(servable, folder):
    made = list_of(servable)
    return EmbeddedStore(folder, made.plan, made.schema)


def test_what_was_acknowledged_is_there_again_whoever_opens_the_folder(servable, tmp_path):
    async def work():
        async with opened(servable, tmp_path / "store") as home:
            await home.keep([payment(key) for key in range(9)], servable)
        async with opened(servable, tmp_path / "store") as home:
            (row,) = await ask(home, servable, payment(9))
            assert row["card_count_30d"] == 4

    run(work())


def test_a_new_folder_starts_with_the_bundles_snapshot_and_an_old_one_goes_on(tmp_path):
    seen = store_of(listed(tmp_path / "empty"), tmp_path / "seen")
    for key in range(9):
        seen.state.update(payment(key))
    servable = listed(tmp_path / "bundle", EVERYTHING, seen.state.snapshot())
    seen.close()

    async def work():
        for kept in (4, 5):
            async with opened(servable, tmp_path / "store") as home:
                (row,) = await ask(home, servable, payment(12))
                assert row["card_count_30d"] == kept
                await home.keep([payment(9)], servable)

    run(work())


def test_a_folder_of_another_list_is_refused_with_what_to_do(servable, tmp_path):
    async def work():
        async with opened(servable, tmp_path / "store"):
            pass
        with pytest.raises(PipelineError, match=r"made for another feature list.*start from it in an empty place"):
            await opened(listed(tmp_path / "other", EVERYTHING[:-1]), tmp_path / "store").__aenter__()

    run(work())


def test_a_folder_that_another_process_leaves_is_waited_for(servable, tmp_path):
    before = store_of(servable, tmp_path / "store")
    leaving = threading.Timer(0.3, before.journal.close)
    leaving.start()

    async def work():
        async with opened(servable, tmp_path / "store") as home:
            await home.keep([payment(1)], servable)

    run(work())


def test_a_folder_that_another_process_keeps_is_refused(servable, tmp_path, monkeypatch):
    monkeypatch.setattr(folder_store, "PATIENCE_SECONDS", 0.2)
    before = store_of(servable, tmp_path / "store")
    start = time.monotonic()
    with pytest.raises(PipelineError, match="another process has this store open"):
        run(opened(servable, tmp_path / "store").__aenter__())
    assert time.monotonic() - start > 0.2
    before.close()


def test_closing_waits_for_what_is_being_kept(servable, tmp_path):
    async def work():
        async with opened(servable, tmp_path / "store") as home:
            keeping = asyncio.create_task(home.keep([payment(1)], servable))
            await asyncio.sleep(0)
        assert await keeping == (1, 0, 0)

    run(work())
