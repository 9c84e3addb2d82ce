"""How the service ends: no request that was sent is lost."""

import asyncio
import json
import signal
import socket
import subprocess
import time
from pathlib import Path

import psutil
import pytest
import uvloop

from lifecycle.core.errors import PipelineError
from service.server.server import Server
from service.settings import Settings
from service.telemetry import shared_numbers
from service.telemetry.service_metrics import Meters
from tests.service.helpers_serving import SERVE, VECTOR, Load, Service, clean, service, small_bundle
from tests.service.server.test_connection import BODY, answer, connected, head

STOPS = 6


@pytest.fixture(scope="module")
def bundle(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return small_bundle(tmp_path_factory.mktemp("server") / "bundle")


async def stopped_under_load(folder: Path, bundle: Path, workers: int, close: bool) -> Load:
    """End a service that is asked without a pause; return what became of the requests."""
    with service(folder, bundle, "--workers", str(workers), max_wait_ms="60000") as running:
        async with Load(running.port, 16, close=close) as load:
            await load.answered(200)
            assert await asyncio.to_thread(running.end) == 0
        assert running.process.stderr is not None
        assert running.process.stderr.read() == ""
        lines = sum(line["event.action"] == "predict" for line in running.lines())
        assert lines == load.statuses.total()  # the log is complete
    return load


@pytest.mark.parametrize(("workers", "close"), [(1, False), (1, True), (2, False)])
def test_no_request_is_cut_off(tmp_path: Path, bundle: Path, workers: int, close: bool) -> None:
    load = asyncio.run(stopped_under_load(tmp_path, bundle, workers, close))
    assert load.cut == []
    assert set(load.statuses) == {200}


@pytest.mark.nightly
def test_no_request_is_cut_off_however_often_it_ends(tmp_path: Path, bundle: Path) -> None:
    for stop in range(STOPS):
        load = asyncio.run(stopped_under_load(tmp_path / str(stop), bundle, 1 + stop % 2, close=stop % 3 == 0))
        assert load.cut == []


def test_the_end_is_told_to_who_asks_and_comes_when_all_is_done(tmp_path: Path, bundle: Path) -> None:
    with service(tmp_path, bundle, linger_seconds="0.5", request_timeout="5") as running:
        with connected(running) as slow, connected(running) as idle:
            slow.sendall(head() + BODY[:-1])
            idle.sendall(head() + BODY)
            assert answer(idle)[0] == 200
            time.sleep(0.1)
            running.process.send_signal(signal.SIGTERM)
            time.sleep(0.1)
            late = running.ask("GET", "/health/ready")
            assert (late.status, late.json["ready"], late.headers["connection"]) == (503, False, "close")
            assert running.ask("POST", "/predict", VECTOR).status == 200  # balancers need a moment to see it
            assert idle.recv(10) == b""
            assert running.process.poll() is None
            slow.sendall(BODY[-1:])
            status, top, _, _ = answer(slow)
            assert (status, b"connection: close" in top) == (200, True)
        assert running.process.wait(10) == 0
        assert running.lines()[-1]["event.action"] == "stopped"


def test_who_has_connected_just_before_the_end_may_still_ask(tmp_path: Path, bundle: Path) -> None:
    with service(tmp_path, bundle, linger_seconds="0") as running, connected(running) as client:
        running.process.send_signal(signal.SIGTERM)
        time.sleep(0.5)  # a client that has to wait for a processor
        client.sendall(head() + BODY)
        assert answer(client)[0] == 200
        assert running.process.wait(10) == 0


def test_who_does_not_finish_in_time_is_not_waited_for(tmp_path: Path, bundle: Path) -> None:
    with service(tmp_path, bundle, drain_seconds="0.6") as running, connected(running) as client:
        client.sendall(head() + BODY[:-1])
        time.sleep(0.1)
        start = time.monotonic()
        assert running.end() == 0
        assert 0.3 < time.monotonic() - start < 15  # less than what it has by itself


def test_a_second_interrupt_ends_it_at_once(tmp_path: Path, bundle: Path) -> None:
    with service(tmp_path, bundle, linger_seconds="30", drain_seconds="60") as running:
        running.process.send_signal(signal.SIGINT)
        time.sleep(0.2)
        assert running.process.poll() is None
        start = time.monotonic()
        assert running.end(signal.SIGINT) == 0
        assert time.monotonic() - start < 25  # less than what is left of its thirty seconds


def test_overload_is_refused_and_what_is_taken_is_answered_soon(tmp_path: Path, bundle: Path) -> None:
    """Two hundred clients that never wait are far more than a bound of 1 ms has room for."""

    async def run(port: int) -> Load:
        async with Load(port, 200) as load:
            await load.answered(3000)
        return load

    with service(tmp_path, bundle, max_wait_ms="1") as running:
        load = asyncio.run(run(running.port))
        assert load.cut == []
        assert set(load.statuses) == {200, 503}
        assert load.statuses[200] > 100
        refusal = next(json.loads(body) for body in load.bodies if b"overloaded" in body)
        assert "more than 1 ms" in refusal["error"]
        assert running.metric("serve_shed_total") >= load.statuses[503]
        took = sorted(
            line["event.duration"] / 1e6 for line in running.lines() if line.get("http.response.status_code") == 200
        )
        assert took[len(took) // 2] < 100
        assert running.ask("GET", "/health/live").status == 200


def test_health_is_answered_however_many_wait(tmp_path: Path, bundle: Path) -> None:
    with service(tmp_path, bundle, max_wait_ms="0.1") as running, connected(running) as client:
        for _ in range(20):
            client.sendall((head() + BODY) * 30)
            rest, statuses = b"", []
            for _ in range(30):
                status, _, _, rest = answer(client, rest)
                statuses.append(status)
            assert set(statuses) <= {200, 503}
            assert running.ask("GET", "/health/ready").status == 200


def test_of_two_services_that_start_together_on_one_port_one_serves(tmp_path: Path, bundle: Path) -> None:
    """Both can bind the port while neither listens."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = str(probe.getsockname()[1])
    settings = {"SERVE_PORT": port, "SERVE_LINGER_SECONDS": "0"}
    both = [Service(tmp_path / name, bundle, (), settings) for name in "ab" if not (tmp_path / name).mkdir()]
    end = time.monotonic() + 30
    while all(each.process.poll() is None for each in both):
        assert time.monotonic() < end
        time.sleep(0.05)
    (loser,) = (each for each in both if each.process.poll() is not None)
    (winner,) = (each for each in both if each.process.poll() is None)
    assert f"another program listens on port {port}" in loser.process.communicate()[1]
    assert loser.lines() == []
    assert winner.wait().ask("GET", "/health/live").status == 200
    assert winner.end() == 0
    winner.process.communicate()


def test_who_listens_second_on_a_port_that_both_have_bound_is_told_so() -> None:
    async def serve(listening: socket.socket) -> None:
        meters = Meters(shared_numbers.Cells(shared_numbers.create(1), 0))
        await Server(None, Settings(), meters, frozenset()).serve(listening, {}, lambda: pytest.fail("it listens"))

    with socket.socket() as first, socket.socket() as second:
        for each, address in ((first, ("127.0.0.1", 0)), (second, None)):
            each.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            each.bind(address or first.getsockname())
        first.listen()
        with pytest.raises(PipelineError, match=f"another program listens on port {first.getsockname()[1]}"):
            uvloop.run(serve(second))


def test_when_no_more_files_can_be_opened_the_log_and_a_metric_say_so(tmp_path: Path, bundle: Path) -> None:
    with service(tmp_path, bundle) as running:
        used = psutil.Process(running.process.pid)
        kept = [socket.create_connection(("127.0.0.1", running.port)) for _ in range(3)]
        time.sleep(0.1)
        used.rlimit(psutil.RLIMIT_NOFILE, (used.num_fds(), 4096))
        assert running.find("files")["log.level"] == "error"
        used.rlimit(psutil.RLIMIT_NOFILE, (4096, 4096))
        assert running.metric("serve_files_exhausted_total") == 1
        for each in kept:
            each.close()


def test_few_files_mean_few_connections_and_the_longest_idle_one_makes_room(tmp_path: Path, bundle: Path) -> None:
    starter = ["prlimit", "--nofile=64:64", *SERVE]
    environment = clean() | {"SERVE_BUNDLE": str(bundle), "SERVE_PORT": "0", "SERVE_LOG": str(tmp_path / "log.jsonl")}
    found = Service.__new__(Service)
    found.log = tmp_path / "log.jsonl"
    found.process = subprocess.Popen(
        starter, env=environment, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    )
    try:
        found.wait()
        assert "few files: 32 connections" in found.find("library")["message"]
        idle = [socket.create_connection(("127.0.0.1", found.port)) for _ in range(120)]
        assert found.ask("GET", "/health/live").status == 200
        assert found.ask("POST", "/predict", VECTOR).status == 200
        assert len(idle) == 120
    finally:
        found.process.terminate()
        found.process.communicate(timeout=30)
