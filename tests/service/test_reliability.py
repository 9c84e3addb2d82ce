"""A running service under load, signals, kills and new models: no request is lost that it took.

    pytest tests/service/test_reliability.py                   for CI: half a minute
    RELIABILITY=full pytest tests/service/test_reliability.py  8 times overload for 30 s, 50 SIGTERMs, 100 hot swaps,
                                                           50 kills under load, with one worker and with two,
                                                           10 kills of a worker, 20 minutes of soak
    python benchmarks/serving/reliability.py                       the same, and prints the figures

`tests.service.helpers_load.LENGTHS` names the variable that sets the length of each.
"""

import asyncio
import itertools
import signal
import statistics
import time
from collections import Counter
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import psutil
import pytest
from prometheus_client.parser import text_string_to_metric_families

from tests.service.helpers_home import START
from tests.service.helpers_load import (
    CutError,
    OpenLoop,
    Wire,
    cancel,
    figures,
    get,
    length,
    once,
    post,
    quantile,
    run,
)
from tests.service.helpers_protocols import history_bundle
from tests.service.helpers_serving import Load, Service, service, small_bundle

pytestmark = [pytest.mark.chaos, pytest.mark.slow]
ROW = {"number": 0.5, "gaps": 12.0, "shop": "bakery"}
ONE = post("/predict", {"records": [ROW]})
COSTLY = post(
    "/predict", {"records": [ROW] * 16, "reasons": 3}
)  # so costly that one client asks for eight servers' worth


async def closed_loop(port: int, request: bytes, seconds: float, clients: int = 3) -> float:
    """Return how many requests a second are answered when clients ask as fast as they get answers."""
    end, count = time.monotonic() + seconds, 0

    async def client() -> None:
        nonlocal count
        wire = await Wire(port).open()
        while time.monotonic() < end:
            answer = await wire.ask(request)
            count += answer.status == 200
        wire.close()

    await asyncio.gather(*(client() for _ in range(clients)))
    return count / seconds


async def overload(port: int, seconds: float) -> dict[str, Any]:
    capacity = await closed_loop(port, COSTLY, 1.0)
    loop = await OpenLoop(port, COSTLY).run(8 * capacity, seconds)
    end = time.monotonic()
    while (await once(port, COSTLY)).status != 200:
        assert time.monotonic() < end + 10, "still overloaded"
    recovered = time.monotonic() - end
    after = [(await once(port, COSTLY)).status for _ in range(50)]
    assert not loop.cut, loop.cut[:5]
    assert {answer.status for answer in loop.answers} <= {200, 503}
    assert all(answer.headers.get("retry-after") for answer in loop.answers if answer.status == 503)
    assert after == [200] * 50
    served = [w for w, answer in zip(loop.waited, loop.answers, strict=True) if answer.status == 200]
    took = [answer.came - answer.sent for answer in loop.answers if answer.status == 200]
    return {
        "capacity": round(capacity),
        "asked": round(8 * capacity * seconds),
        "not_sent": loop.skipped,
        "served": len(served),
        "shed": len(loop.answers) - len(served),
        "goodput": round(len(served) / seconds / capacity, 2),
        "p50_ms": round(1e3 * quantile(took, 0.5), 1),
        "p99_ms": round(1e3 * quantile(took, 0.99), 1),
        "p99_from_due_ms": round(1e3 * quantile(served, 0.99), 1),
        "recovered_s": round(recovered, 3),
    }


def test_eight_times_the_load_it_can_bear(tmp_path):
    with service(tmp_path, small_bundle(tmp_path / "bundle", "random_forest")) as running:
        found = run(overload(running.port, length("OVERLOAD")))
        figures("overload", **found)
    assert found["shed"] > found["served"] / 2 > 0  # the client may not reach eight times
    assert found["p50_ms"] < 500
    assert found["p99_ms"] < 2000  # of those who came before anybody had waited for long
    assert found["recovered_s"] < 1


def test_no_request_is_cut_by_sigterm(tmp_path):
    bundle, rounds = small_bundle(tmp_path / "bundle"), length("SIGTERMS")
    answered, ends = Counter[int](), list[float]()

    async def ended(running: Service) -> int:
        slow = {"records": [ROW] * 1000, "reasons": 3}  # still being answered when the signal comes
        async with Load(running.port, 4) as kept, Load(running.port, 4, slow, close=True) as fresh:
            await fresh.answered(4)
            begin = time.monotonic()
            running.process.send_signal(signal.SIGTERM)
            code = await asyncio.to_thread(running.process.wait, 40)
            ends.append(time.monotonic() - begin)
            await asyncio.sleep(0.02)  # what was cut at the very end is told now
        assert not kept.cut + fresh.cut, (kept.cut, fresh.cut)
        answered.update(kept.statuses + fresh.statuses)
        return code

    for n in range(rounds):
        with service(tmp_path / str(n), bundle, linger_seconds=("0", "0.2")[n % 2], max_wait_ms="9000") as running:
            assert run(ended(running)) == 0
    assert set(answered) <= {200, 503}
    figures("sigterm", rounds=rounds, answered=answered.total(), cut=0, median_s=round(statistics.median(ends), 2))


class Swapped:
    """A link that is set to one of several bundles after the other, and when each of them may have been served."""

    def __init__(self, link: Path, bundles: list[Path], port: int) -> None:
        self._link, self._bundles, self._port = link, itertools.cycle(bundles), port
        self.intervals: list[list[Any]] = []  # version, from, to

    async def next(self) -> float:
        """Serve the next; return how long it took."""
        bundle, begin = next(self._bundles), time.monotonic()
        new = self._link.with_suffix(".new")
        new.symlink_to(bundle)
        new.replace(self._link)
        before = self.intervals[-1][0] if self.intervals else None
        while (version := (await once(self._port, get("/health/ready"))).json["version"]) == before:
            assert time.monotonic() < begin + 20, "the new bundle is not served"
            await asyncio.sleep(0.005)
        if self.intervals:
            self.intervals[-1][2] = time.monotonic()
        self.intervals.append([version, begin, float("inf")])
        return time.monotonic() - begin

    def live(self, version: str, sent: float, came: float) -> bool:
        """Tell whether a version was served at some time while a request was under way."""
        return any(version == v and begin <= came and sent <= end for v, begin, end in self.intervals)


async def swaps(running: Service, link: Path, bundles: list[Path], count: int) -> dict[str, Any]:
    answers, scores = [], {}
    swapped = Swapped(link, bundles, running.port)
    await swapped.next()

    async def client() -> None:
        wire = await Wire(running.port).open()
        while True:
            answers.append(await wire.ask(ONE))

    clients = [asyncio.create_task(client()) for _ in range(6)]
    took = []
    for _ in range(count):
        took.append(await swapped.next())
        await asyncio.sleep(0.03)  # only the new one may answer now
    await cancel(clients)
    assert {answer.status for answer in answers} == {200}
    for answer in answers:
        content = answer.json
        assert swapped.live(content["version"], answer.sent, answer.came), (answer, swapped.intervals)
        decided = (content["threshold"], str(content["predictions"]))
        assert scores.setdefault(content["version"], decided) == decided  # all of an answer is of one model
    assert len(scores) == 2
    assert len(set(scores.values())) == 2
    return {"swaps": count, "answers": len(answers), "errors": 0, "p95_s": round(quantile(took, 0.95), 3)}


def test_hot_swaps_under_load(tmp_path):
    bundles = [
        small_bundle(tmp_path / "a", threshold=0.5),
        small_bundle(tmp_path / "b", "random_forest", threshold=0.3),
    ]
    link = tmp_path / "bundle"
    link.symlink_to(bundles[0])
    with service(tmp_path, link, poll_seconds="0.02") as running:
        figures("swaps", **run(swaps(running, link, bundles, length("SWAPS"))))
        assert running.metric("serve_swaps_total", result="failed") == 0


def event(key: int) -> dict[str, Any]:
    """Return a payment, a second after the one before."""
    row = {"transaction_id": key, "customer_id": key % 50, "terminal_id": key % 20, "amount": key % 400 + 0.25}
    return row | {"tx_time": (START + timedelta(seconds=key)).isoformat()}


async def killed(running: Service, keys: Iterator[int], acknowledged: set[int]) -> int:
    """Post events until the service is killed in the midst of it; return how many it acknowledged."""
    before = len(acknowledged)

    async def client() -> None:
        wire = await Wire(running.port).open()
        while True:
            sent = [next(keys) for _ in range(3)]
            answer = await wire.ask(post("/events", {"events": list(map(event, sent))}))
            if dead.is_set():  # the store's process may be gone before this one, and then the answer is a 503
                return
            assert answer.status == 200, answer
            assert answer.json["accepted"] == 3, answer
            acknowledged.update(sent)

    async def guarded() -> None:
        try:
            await client()
        except (CutError, OSError):
            assert dead.is_set()  # no connection breaks before

    dead = asyncio.Event()
    clients = [asyncio.create_task(guarded()) for _ in range(8)]
    while len(acknowledged) < before + 200:
        await asyncio.sleep(0.01)
    dead.set()
    running.process.kill()
    await asyncio.gather(*clients)
    return len(acknowledged) - before


async def kept(port: int, keys: list[int]) -> int:
    """Return how many events the service knows of already."""
    parts = [keys[n : n + 500] for n in range(0, len(keys), 500)]
    return sum([(await once(port, post("/events", {"events": list(map(event, p))}))).json["repeated"] for p in parts])


@pytest.mark.parametrize("workers", ["1", pytest.param("2", marks=pytest.mark.nightly)])
def test_every_acknowledged_event_outlives_a_kill(tmp_path, workers):
    bundle, keys = history_bundle(tmp_path / "bundle").folder, itertools.count()
    rounds, acknowledged, ready = length("KILLS"), set[int](), list[float]()
    settings = {"store": str(tmp_path / "store"), "max_wait_ms": "10000"}
    for n in range(rounds + 1):
        begin = time.monotonic()
        with service(tmp_path / str(n), bundle, **settings, workers=workers) as running:
            assert running.ask("GET", "/health/ready").status == 200
            ready.append(time.monotonic() - begin)
            for worker in range(int(workers)):
                running.find("listening", service_node_name=str(worker))
            family = psutil.Process(running.process.pid).children(recursive=True)
            newest = sorted(acknowledged) if n == rounds else sorted(acknowledged)[-1000:]
            assert run(kept(running.port, newest)) == len(newest), f"events are lost after kill {n}"
            if n < rounds:
                run(killed(running, keys, acknowledged))
                _, left = psutil.wait_procs(family, 15)  # a worker without its parent would keep the port
                assert not left, f"after kill {n}: {left}"
    figures(
        f"kills, {workers} worker(s)", kills=rounds, acknowledged=len(acknowledged), lost=0,
        ready_p50_s=round(quantile(ready[1:], 0.5), 2), ready_p95_s=round(quantile(ready[1:], 0.95), 2),
    )  # fmt: skip


def counters(text: str) -> dict[Any, float]:
    """Return what may never become less."""
    return {
        (sample.name, *sorted(sample.labels.items())): sample.value
        for family in text_string_to_metric_families(text)
        if family.type in {"counter", "histogram"} and not family.name.startswith("process_")  # of one that has died
        for sample in family.samples
    }


def listening(running: Service) -> int:
    """Return how often a worker has begun to answer."""
    return running.log.read_text(encoding="utf-8").count('"listening"')


async def worker_killed(running: Service, times: int) -> dict[str, Any]:
    parent, back, scrapes = psutil.Process(running.process.pid), [], 0

    async def scrape() -> None:
        nonlocal scrapes
        before: dict[Any, float] = {}
        while True:
            now = counters((await once(running.port, get("/metrics"))).body.decode())
            assert not {key: (value, now.get(key)) for key, value in before.items() if now.get(key, -1) < value}
            before, scrapes = now, scrapes + 1
            await asyncio.sleep(0.02)

    async def patient() -> None:  # only what the killed one was answering may be cut
        while True:
            try:
                await scrape()
            except (CutError, OSError):
                continue

    while listening(running) < 2:
        await asyncio.sleep(0.02)
    async with Load(running.port, 8, close=True) as load:
        scraping = asyncio.create_task(patient())
        await load.answered(200)
        for n in range(times):
            before = listening(running)
            parent.children()[n % 2].kill()
            begin = time.monotonic()
            await load.answered(200, 5)  # by the other one
            while listening(running) == before:
                assert time.monotonic() < begin + 20, "the worker is not started again"
                await asyncio.sleep(0.02)
            back.append(time.monotonic() - begin)
            await load.answered(200)
            assert len(parent.children()) == 2
        await cancel([scraping])
    assert set(load.statuses) == {200}
    assert len(load.cut) <= 8 * times, load.cut  # one for each client at most
    return {
        "kills": times,
        "answered": load.statuses.total(),
        "cut": len(load.cut),
        "scrapes": scrapes,
        "back_s": round(max(back), 2),
    }


def test_a_worker_is_killed(tmp_path):
    with service(tmp_path, small_bundle(tmp_path / "bundle"), "--workers", "2") as running:
        figures("worker kills", **run(worker_killed(running, length("WORKER_KILLS"))))


async def soak(running: Service, seconds: float) -> dict[str, Any]:
    process, samples = psutil.Process(running.process.pid), list[tuple[float, int]]()
    requests = [ONE, COSTLY, get("/metrics"), post("/predict", {"features": "x"}), get("/nowhere"), b"no HTTP\r\n\r\n"]

    async def client() -> None:
        for n in itertools.count():
            answer = await once(running.port, requests[n % len(requests)])
            assert answer.status in {200, 400, 404, 422, 503}, answer
            await asyncio.sleep(0.002)

    clients = [asyncio.create_task(client()) for _ in range(4)]
    await asyncio.sleep(max(2, seconds / 20))  # caches fill, the allocator settles
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        samples.append((process.memory_info().rss / 2**20, process.num_fds()))
        await asyncio.sleep(max(0.05, seconds / 1000))
    await cancel(clients)
    await asyncio.sleep(0.3)
    quarter = len(samples) // 4
    first, last = (statistics.median(mib for mib, _ in part) for part in (samples[:quarter], samples[-quarter:]))
    return {"seconds": seconds, "mib": round(last, 1), "grown_mib": round(last - first, 2), "files": process.num_fds()}


@pytest.mark.nightly
def test_nothing_grows(tmp_path):
    bundle = small_bundle(tmp_path / "bundle", "random_forest")
    with service(tmp_path, bundle, max_wait_ms="1000") as running:
        before = psutil.Process(running.process.pid).num_fds()
        found = run(soak(running, length("SOAK")))
        figures("soak", **found, files_before=before)
    assert found["grown_mib"] < 4
    assert found["files"] <= before + 2
