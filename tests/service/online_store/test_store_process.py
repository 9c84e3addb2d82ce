import asyncio
import os
import signal
import stat
import subprocess
import sys
import threading
import time
from contextlib import contextmanager
from pathlib import Path

import pytest

from lifecycle.core.errors import PipelineError
from service.online_store import store_client
from service.online_store.store_messages import SOCKET
from tests.graph import ROOT
from tests.helpers_payments import EVERYTHING
from tests.service.helpers_home import ask, label, listed, opened, payment, refused, run


def started(servable, place):
    command = [sys.executable, "-m", "service.online_store.store_process", str(servable.folder), str(place)]
    environment = os.environ | {"PYTHONPATH": str(ROOT / "src")}
    return subprocess.Popen(command, env=environment, stderr=subprocess.PIPE, text=True)


@contextmanager
def begun(servable, place):
    """Run a store process."""
    process = started(servable, place)
    try:
        yield process
    finally:
        process.kill()
        process.wait()
        process.stderr.close()


@contextmanager
def running(servable, place):
    """Run a store process; at the end it must end well."""
    with begun(servable, place) as process:
        yield process
        process.terminate()
        assert process.wait(20) == 0, process.stderr.read()


def shared(servable, place):
    return opened(servable, place, workers=2)


def test_workers_see_one_history(servable, place):
    async def work():
        async with shared(servable, place) as one, shared(servable, place) as other:
            assert await one.keep([payment(0), payment(3)], servable) == (2, 0, 0)
            assert await other.keep([payment(3), payment(6), label(0), label(77)], servable) == (2, 1, 1)
            for home in (one, other):
                rows = await ask(home, servable, *(payment(9, transaction_id=100 + n) for n in range(6)))
                assert [row["card_count_30d"] for row in rows] == [4] * 6
                (row,) = await ask(home, servable, payment(9))
                assert row["card_count_30d"] == 4
                assert await home.size() == {"entities": 3, "records": 3}
                assert home.problem is None
        assert stat.S_IMODE((place / SOCKET).stat().st_mode) == 0o600

    with running(servable, place):
        run(work())


def test_the_answer_is_that_of_a_store_in_process(servable, place, tmp_path):
    events = [payment(key) for key in range(50)] + [label(key) for key in range(0, 50, 3)]
    probes = [payment(900 + n, customer_id=n % 3, terminal_id=n % 2) for n in range(6)]

    async def work():
        async with shared(servable, place) as home, opened(servable, tmp_path / "alone") as alone:
            for each in (home, alone):
                await each.keep(events, servable)
            assert repr(await ask(home, servable, *probes)) == repr(await ask(alone, servable, *probes))

    with running(servable, place):
        run(work())


def test_refusals_come_through(servable, place):
    async def work():
        async with shared(servable, place) as home:
            await home.keep([payment(0), payment(960, customer_id=0)], servable)
            late = payment(3, terminal_id=9)
            for count in (1, 8):
                refusal = await refused(
                    lambda n=count: ask(home, servable, *[payment(9, terminal_id=9)] * (n - 1), late)
                )
                assert (refusal.status, refusal.kind, refusal.field) == (409, "late_record", "customer_id")
            refusal = await refused(lambda: home.keep([payment(1), payment(0, amount=1.0)], servable))
            assert (refusal.status, refusal.kind, refusal.field) == (409, "other_content", "amount")
            assert "row 1" in refusal.message
            assert (await home.size())["records"] == 2

    with running(servable, place):
        run(work())


def test_many_requests_at_once_get_their_own_answers(servable, place):
    async def work():
        async with shared(servable, place) as home:
            kept = await asyncio.gather(*(home.keep([payment(key)], servable) for key in range(300)))
            assert set(kept) == {(1, 0, 0)}
            found = await asyncio.gather(*(ask(home, servable, payment(300, amount=n + 0.5)) for n in range(300)))
            assert [row["amount"] for (row,) in found] == [n + 0.5 for n in range(300)]

    with running(servable, place):
        run(work())


def test_a_process_that_dies_is_reached_again_once_it_is_back_and_has_lost_nothing(servable, place):
    async def work():
        first = started(servable, place)
        async with shared(servable, place) as home:
            await home.keep([payment(0)], servable)
            first.kill()
            first.wait()
            first.stderr.close()
            refusal = await refused(lambda: home.keep([payment(3)], servable))
            assert (refusal.status, refusal.kind) == (503, "store_unavailable")
            assert home.problem == store_client.AWAY
            back = threading.Timer(0.2, lambda: processes.append(started(servable, place)))
            back.start()
            outcomes = []
            while not outcomes:  # a request waits a second for it
                try:
                    outcomes.append(await home.keep([payment(0), payment(3)], servable))
                except Exception as error:
                    assert getattr(error, "status", error) == 503
            assert outcomes == [(1, 1, 0)]
            assert home.problem is None

    processes = []
    run(work())
    processes[0].terminate()
    assert processes[0].wait(20) == 0
    processes[0].stderr.close()


def test_another_list_is_refused_when_a_service_starts(servable, place, tmp_path):
    other = listed(tmp_path / "other", EVERYTHING[:-1])
    with running(servable, place), pytest.raises(PipelineError, match="started with another feature list"):
        run(shared(other, place).__aenter__())


def test_a_process_that_never_comes_is_told(servable, place, monkeypatch):
    monkeypatch.setattr(store_client, "STARTING_SECONDS", 0.2)
    with pytest.raises(PipelineError, match="no store process listens there"):
        run(shared(servable, place).__aenter__())


def test_a_folder_whose_name_is_too_long_for_a_socket_is_refused_in_words(servable, tmp_path):
    with pytest.raises(PipelineError, match="a socket's path has at most 100 bytes; use a shorter folder"):
        run(shared(servable, tmp_path / ("x" * 100)).__aenter__())


@pytest.mark.slow
def test_what_can_not_start_says_why(servable, place, tmp_path):
    with running(servable, place), pytest.MonkeyPatch.context() as patch:
        patch.setenv("PYTHONPATH", str(ROOT / "src"))
        while not (place / SOCKET).exists():
            time.sleep(0.02)
        other = started(listed(tmp_path / "other", EVERYTHING[:-1]), tmp_path / "new")
        other.terminate()
        second = started(servable, place)
        assert second.wait(30) == 1
        assert "error: " in (said := second.stderr.read())
        assert "another process has this store open" in said
        second.stderr.close()
        other.wait()
        other.stderr.close()


def test_a_list_without_windows_is_waited_out(tmp_path):
    servable = listed(tmp_path / "bundle", EVERYTHING[:1])
    with running(servable, tmp_path / "store") as process:
        time.sleep(2)  # it has nothing to tell that it is ready
        assert process.poll() is None
    assert not (tmp_path / "store").exists()


PARENT = "import subprocess, sys, time; print(subprocess.Popen(sys.argv[1:]).pid, flush=True); time.sleep(60)"


def test_it_ends_with_the_service_that_started_it_however_that_ends(servable, place):
    command = [sys.executable, "-m", "service.online_store.store_process", str(servable.folder), str(place)]
    environment = os.environ | {"PYTHONPATH": str(ROOT / "src")}
    parent = subprocess.Popen(
        [sys.executable, "-c", PARENT, *command], env=environment, stdout=subprocess.PIPE, text=True
    )
    child = int(parent.stdout.readline())
    while not (place / SOCKET).exists():
        time.sleep(0.02)
    parent.kill()
    parent.wait()
    parent.stdout.close()
    end = time.monotonic() + 10
    while time.monotonic() < end and (ROOT.__class__(f"/proc/{child}")).exists():
        time.sleep(0.05)
    with pytest.raises(ProcessLookupError):
        os.kill(child, signal.SIGTERM)


def test_when_all_processes_are_told_to_end_workers_still_get_their_answers(servable, place):
    """A terminal's Ctrl-C reaches everybody at once."""

    async def work():
        async with shared(servable, place) as home:
            await home.keep([payment(0)], servable)
            process.send_signal(signal.SIGINT)
            await asyncio.sleep(0.5)
            assert await home.keep([payment(3)], servable) == (1, 0, 0)
            assert process.poll() is None
        assert await asyncio.to_thread(process.wait, 10) == 0

    with begun(servable, place) as process:
        run(work())


def test_a_second_signal_ends_it_at_once(servable, place):
    async def work():
        async with shared(servable, place):
            for _ in range(2):
                process.terminate()
                await asyncio.sleep(0.2)
            assert await asyncio.to_thread(process.wait, 10) == 0

    with begun(servable, place) as process:
        run(work())


def open_files():
    return len(list(Path("/proc/self/fd").iterdir()))


def test_who_is_refused_again_and_again_keeps_no_connection_open(servable, place, tmp_path):
    async def work():
        async with shared(servable, place):
            other = store_client.Client(str(place / SOCKET), "another list")
            await asyncio.sleep(0.5)
            before = open_files()
            await asyncio.sleep(1)
            assert open_files() <= before + 1
            assert other.refused.kind == "other_list"
            await other.close()

    with running(servable, place):
        run(work())
