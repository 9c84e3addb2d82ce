"""Many rows, slow reasons and a throttled processor are no overload; see test_reliability.py for what is."""

import os
import signal
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager

import pytest

from tests.service.helpers_load import figures, run
from tests.service.helpers_serving import Load, Service, service, small_bundle

pytestmark = pytest.mark.slow
ROW = {"number": 0.5, "gaps": 12.0, "shop": "bakery"}
ONE = {"records": [ROW]}
ROWS = {"records": [ROW] * 1000}
REASONS = {"records": [ROW] * 1000, "reasons": 3}
RUN, REST = 0.02, 0.08  # seconds: a fifth of a processor, in the slices of a container's quota


@pytest.fixture(scope="module")
def running(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Service]:
    folder = tmp_path_factory.mktemp("overload")
    with service(folder, small_bundle(folder / "bundle", "random_forest")) as found:
        yield found


@contextmanager
def throttled(running: Service, wanted: bool = True) -> Iterator[None]:
    """Let a service run for a fifth of the time."""
    ended = threading.Event()

    def beat() -> None:
        while not ended.is_set():
            os.kill(running.process.pid, signal.SIGSTOP)
            time.sleep(REST)
            os.kill(running.process.pid, signal.SIGCONT)
            time.sleep(RUN)

    thread = threading.Thread(target=beat)
    if wanted:
        thread.start()
    try:
        yield
    finally:
        ended.set()
        if wanted:
            thread.join()


@pytest.mark.parametrize("throttle", [False, True])
@pytest.mark.parametrize(
    ("clients", "body", "count"), [(6, ROWS, 60), (8, ROWS, 60), (8, REASONS, 16), (8, ONE, 300), (32, ONE, 600),
    (64, ONE, 600)],
)  # fmt: skip
def test_nobody_is_refused_without_need(
    running: Service, clients: int, body: object, count: int, throttle: bool
) -> None:
    async def asked() -> Load:
        async with Load(running.port, clients, body) as load:
            await load.answered(count, 120)
        return load

    with throttled(running, throttle):
        load = run(asked())
    figures("clients", clients=clients, throttled=throttle, statuses=dict(load.statuses))
    assert load.cut == []
    assert set(load.statuses) == {200}
