"""How long a rollback takes under load, and what a route costs those who wait for answers.

Run from the repository root; it takes some minutes, and needs wrk:

    python benchmarks/serving/rollback.py [--seconds 5] [--rollbacks 40]

Two forests of 200 trees stand behind one route. Four clients ask without a pause while the challenger is promoted and
taken back again and again; a rollback begins before the file is written, and ends with the first answer of the earlier
model. Then the same service is loaded over 8 connections, and at 200 requests a second, in each mode of the route.
Exits with 1 when a request has failed, or the median of the rollbacks is above the aim of 100 ms.
"""

import argparse
import asyncio
import shutil
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from statistics import median
from typing import Any, NamedTuple

import uvloop

sys.path.extend(str(Path(__file__).parents[2] / folder) for folder in ("", "src"))

from benchmarks.serving import protocols
from benchmarks.serving.connection import HOST, request
from benchmarks.serving.environments import OWN, ROOT
from benchmarks.serving.forest import Made, fitted, made, records, write_bundle
from benchmarks.serving.load import check_wrk, saturated
from benchmarks.serving.pace import paced
from benchmarks.serving.processes import Running
from benchmarks.serving.server import Server
from lifecycle.bundle.servable import Servable
from lifecycle.core.errors import PipelineError, run
from lifecycle.release.route import BUNDLES, Route, change_route

CLIENTS, RATE, AIM = 4, 200, 0.1  # connections; requests a second; seconds that a rollback may take
ROUNDS = 3  # of each mode, one after the other, so that a busy moment of the machine does not hit one mode alone
EPOCH = b"x-route-epoch: "


class Two(NamedTuple):
    """An environment with two versions of a model."""

    folder: Path
    versions: tuple[str, str]
    model: Made

    def route(self, champion: int, **more: Any) -> Route:
        """Change its route; the other version is the previous champion."""
        fields = {"mode": "single", "previous": self.versions[1 - champion], **more}
        return change_route(self.folder, lambda _: Route(0, champion=self.versions[champion], **fields))


class Clients:
    """Clients that ask without a pause, and the time at which an answer of each epoch has first come."""

    def __init__(self, port: int, body: bytes) -> None:
        self._port, self._request = port, request("/predict", body)
        self.first: dict[int, float] = {}
        self.answered = self.failed = 0
        self._news = asyncio.Event()

    async def ask(self) -> None:
        """Ask for ever."""
        reader, writer = await asyncio.open_connection(HOST, self._port)
        while True:
            writer.write(self._request)
            try:
                head = await reader.readuntil(b"\r\n\r\n")
                await reader.readexactly(int(head.split(b"content-length: ")[1].split(b"\r")[0]))
            except (OSError, asyncio.IncompleteReadError):
                self.failed += 1
                reader, writer = await asyncio.open_connection(HOST, self._port)
                continue
            self.answered += 1
            self.failed += not head.startswith(b"HTTP/1.1 200")
            epoch = int(head.split(EPOCH)[1].split(b"\r")[0])
            if epoch not in self.first:
                self.first[epoch] = time.perf_counter()
                self._news.set()

    async def seen(self, epoch: int) -> float:
        """Wait for the first answer of an epoch; return when it came."""
        while epoch not in self.first:
            self._news.clear()
            await asyncio.wait_for(self._news.wait(), 30)
        return self.first[epoch]


def two_versions(folder: Path) -> Two:
    """Fit two models, and put them into an environment whose route names the first."""
    model = made(folder)
    other = folder / "other"
    learned = records(6_000, 2)
    write_bundle(other, fitted(learned), learned)
    environment = folder / "environment"
    (environment / BUNDLES).mkdir(parents=True)
    first, second = (Servable.load(bundle).version for bundle in (model.bundle, other))
    for version, bundle in ((first, model.bundle), (second, other)):
        shutil.copytree(bundle, environment / BUNDLES / version)
    found = Two(environment, (first, second), model)
    found.route(0)
    return found


@contextmanager
def served(two: Two, name: str, variables: dict[str, str]) -> Iterator[Running]:
    """Run the service."""
    model, command = two.model, ["{bin}/python", str(ROOT / "src" / "mlops.py"), "serve"]
    own = {"SERVE_PORT": "{port}", "SERVE_LOG": str(model.folder / f"{name}.jsonl")} | variables
    server = Server(name, OWN, command, model.folder, protocols.VECTOR.one(model.rows), variables=own)
    running = Running(server, Path(sys.prefix), model.folder / f"{name}.log")
    try:
        yield running
    finally:
        running.stop()


async def rollbacks(two: Two, running: Running, count: int) -> tuple[list[float], Clients]:
    """Return the seconds of each rollback under load."""
    clients = Clients(running.port, running.server.one.bodies[0])
    tasks = [asyncio.create_task(clients.ask()) for _ in range(CLIENTS)]
    seconds = []
    for _ in range(count):
        await clients.seen((await asyncio.to_thread(two.route, 1)).epoch)
        await asyncio.sleep(0.1)
        begin = time.perf_counter()
        route = await asyncio.to_thread(two.route, 0)
        seconds.append(await clients.seen(route.epoch) - begin)
        await asyncio.sleep(0.1)
    for task in tasks:
        task.cancel()
    return seconds, clients


def costs(two: Two, seconds: int) -> Iterator[str]:
    """Yield a line for each mode: throughput, CPU and waits under full load, and the wait at a fixed rate."""
    two.route(0)
    modes: dict[str, dict[str, Any] | None] = {
        "no route": None,
        "single": {},
        "shadow": {"mode": "shadow", "challenger": two.versions[1]},
        "canary 0.1": {"mode": "canary", "challenger": two.versions[1], "share": 0.1},
        "ab 0.5": {"mode": "ab", "challenger": two.versions[1], "share": 0.5},
    }
    found: dict[str, list[tuple[float, ...]]] = {name: [] for name in modes}
    bundle, route = {"SERVE_BUNDLE": str(two.model.bundle)}, {"SERVE_ROUTE": str(two.folder)}
    with served(two, "without", bundle) as plain, served(two, "with", route) as routed:
        for name in [*modes] * ROUNDS:
            more = modes[name]
            running = plain if more is None else routed
            if more is not None:
                two.route(0, **more)
            saturated(running, running.server.one, 1, two.model.folder)
            load = saturated(running, running.server.one, seconds, two.model.folder)
            pace = paced(running, running.server.one, RATE, seconds)
            found[name].append((load.rate, load.cpu, load.p50, load.p99, pace.p50, pace.p99))
    for name, rounds in found.items():
        rate, cpu, p50, p99, paced50, paced99 = (median(values) for values in zip(*rounds, strict=True))
        waits = f"p50 {p50:.2f} ms   p99 {p99:.2f} ms   at {RATE}/s p50 {paced50:.2f} ms   p99 {paced99:.2f} ms"
        yield f"{name:<12}{rate:>8,.0f} requests/s {cpu:>6.0f} us of CPU   {waits}"


def main() -> None:
    """Measure, print, and say whether the aims are met."""
    parser = argparse.ArgumentParser(description="How long a rollback takes, and what a route costs.")
    parser.add_argument("--seconds", type=int, default=5, help="of each load")
    parser.add_argument("--rollbacks", type=int, default=40)
    options = parser.parse_args()
    check_wrk()
    with tempfile.TemporaryDirectory() as name:
        two = two_versions(Path(name))
        with served(two, "rollbacks", {"SERVE_ROUTE": str(two.folder)}) as running:
            before = running.usage().cpu, time.perf_counter()
            time.sleep(5)
            idle = (running.usage().cpu - before[0]) / (time.perf_counter() - before[1])
            with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
                seconds, clients = runner.run(rollbacks(two, running, options.rollbacks))
        found = f"median {median(seconds) * 1e3:.0f} ms, at most {max(seconds) * 1e3:.0f} ms"
        print(f"{len(seconds)} rollbacks: {found}; {clients.answered:,} requests, {clients.failed} failed")
        print(f"the service takes {idle:.2%} of a processor while nobody asks")
        for line in costs(two, options.seconds):
            print(line)
    if clients.failed or median(seconds) > AIM:
        raise PipelineError(f"the aim is a median of {AIM * 1e3:g} ms, and no failed request")


if __name__ == "__main__":
    run(main)
