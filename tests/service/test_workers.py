"""Several processes behind one socket."""

import asyncio
import os
import shutil
import signal
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Iterator
from datetime import datetime
from pathlib import Path

import psutil
import pytest

from service.workers import FIRST
from tests.graph import ROOT
from tests.service.helpers_protocols import history_bundle
from tests.service.helpers_serving import VECTOR, Load, Service, refused_at_start, service, small_bundle


@pytest.fixture
def bundle(tmp_path: Path) -> Path:
    return small_bundle(tmp_path / "bundle")


@pytest.fixture
def running(tmp_path: Path, bundle: Path) -> Iterator[Service]:
    with service(tmp_path, bundle, "--workers", "2", poll_seconds="0") as found:
        assert wait_for(lambda: found.metric("serve_model_info") == 1 and len(listening(found)) == 2)
        yield found


def wait_for(condition: object, seconds: float = 20) -> bool:
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        if condition():  # type: ignore[operator]
            return True
        time.sleep(0.05)
    return False


def listening(running: Service) -> Counter[str]:
    """Return how often each worker has started."""
    return Counter(line["service.node.name"] for line in running.lines() if line["event.action"] == "listening")


def predicted(running: Service) -> Counter[str]:
    """Return how many requests each worker has logged."""
    return Counter(line["service.node.name"] for line in running.lines() if line["event.action"] == "predict")


def workers(running: Service) -> list[psutil.Process]:
    return [child for child in psutil.Process(running.process.pid).children() if child.status() != psutil.STATUS_ZOMBIE]


def ask(running: Service, count: int) -> Load:
    async def run() -> Load:
        async with Load(running.port, 8, close=True) as load:
            await load.answered(count)
        return load

    return asyncio.run(run())


def test_requests_go_to_all_and_any_of_them_tells_the_sum(running: Service) -> None:
    def counted() -> float:
        return running.metric("serve_requests_total", route="/predict", status="200")

    load = ask(running, 400)
    assert load.cut == []
    assert wait_for(lambda: predicted(running).total() == counted() >= load.statuses[200])
    assert set(predicted(running)) == {"0", "1"}
    assert len({counted() for _ in range(10)}) == 1  # whoever is asked


def test_a_worker_that_dies_is_started_again_and_what_it_counted_stays(running: Service) -> None:
    for _ in range(20):
        running.ask("POST", "/predict", VECTOR)
    victim = workers(running)[0]
    os.kill(victim.pid, signal.SIGKILL)
    assert running.find("died")["message"].endswith("is started again")
    assert running.ask("POST", "/predict", VECTOR).status == 200  # by the other one
    assert wait_for(lambda: sorted(listening(running).values()) == [1, 2])
    assert len(workers(running)) == 2
    assert running.metric("serve_requests_total", route="/predict", status="200") == 21


def test_a_hangup_reaches_all(running: Service, bundle: Path, tmp_path: Path) -> None:
    new = small_bundle(tmp_path / "new", threshold=0.01)
    bundle.rename(tmp_path / "old")
    new.rename(bundle)
    time.sleep(0.3)
    assert not [line for line in running.lines() if line["event.action"] == "swap"]  # nobody polls here
    running.process.send_signal(signal.SIGHUP)
    assert wait_for(lambda: running.metric("serve_swaps_total", result="ok") == 2)
    assert running.ask("POST", "/predict", VECTOR).json["prediction"] == 1


def test_when_the_parent_is_killed_the_workers_end(running: Service) -> None:
    children = workers(running)
    running.process.kill()
    running.process.wait()
    assert len(psutil.wait_procs(children, timeout=15)[1]) == 0


def test_one_worker_that_is_ended_takes_no_request_with_it(running: Service) -> None:
    async def run() -> Load:
        async with Load(running.port, 8) as load:
            await load.answered(200)
            os.kill(workers(running)[0].pid, signal.SIGTERM)
            await load.answered(200)
            await asyncio.to_thread(running.find, "died", 15)
            await load.answered(200)
        return load

    load = asyncio.run(run())
    assert load.cut == []
    assert set(load.statuses) == {200}


def test_what_no_worker_can_serve_is_told_once(tmp_path: Path, bundle: Path) -> None:
    (bundle / "decision.json").write_text("{}")
    words = refused_at_start("--workers", "3", SERVE_BUNDLE=str(bundle), SERVE_PORT="0", SERVE_LOG="none")
    assert words.count("error:") == 1
    assert "decision.json" in words


def test_a_worker_that_can_not_start_again_is_tried_ever_more_rarely(running: Service, bundle: Path) -> None:
    shutil.rmtree(bundle)
    os.kill(workers(running)[0].pid, signal.SIGKILL)
    begin, died = time.monotonic(), []
    while len(died) < 3:
        died = [line["@timestamp"] for line in running.lines() if line["event.action"] == "died"]
        assert time.monotonic() < begin + 60
        time.sleep(0.05)
    first, second, third = map(datetime.fromisoformat, died)
    assert (second - first).total_seconds() > 2 * FIRST  # and the time that it takes to start
    assert (third - second).total_seconds() > 4 * FIRST
    assert running.ask("POST", "/predict", VECTOR).status == 200


STORM = """
import os, signal, socket, sys, time
from service.workers import Parent
from service.settings import Settings

parent = Parent(Settings(log="none"), socket.socket())
parent.heed()
if not os.fork():
    for _ in range(20_000):
        os.kill(os.getppid(), signal.SIGCHLD)
    os.kill(os.getppid(), signal.SIGTERM)
    os._exit(0)
while not parent._ending():
    parent._wait(0.01)
"""


def test_signals_that_come_in_bursts_do_not_stop_the_parent() -> None:
    environment = os.environ | {"PYTHONPATH": str(ROOT / "src")}
    for _ in range(3):
        assert subprocess.run([sys.executable, "-c", STORM], env=environment, timeout=60, check=False).returncode == 0


@pytest.mark.slow
def test_a_second_service_on_the_same_store_is_refused(tmp_path: Path) -> None:
    """And not served by the store process of the first."""
    bundle, store = history_bundle(tmp_path / "history").folder, str(tmp_path / "store")
    with service(tmp_path, bundle, "--workers", "2", store=store) as first:
        settings = {"SERVE_BUNDLE": str(bundle), "SERVE_PORT": "0", "SERVE_LOG": "none", "SERVE_STORE": store}
        assert "another process has this store open" in refused_at_start("--workers", "2", **settings)
        assert first.ask("GET", "/health/ready").status == 200
        assert first.metric("serve_store_problem") == 0
