"""What a connection leaves behind once it is closed: nothing, and at once.

Whatever is only freed by the collector of garbage stays for good when the heap is frozen in between.
"""

import asyncio
import gc
import weakref
from collections.abc import Awaitable, Iterator
from contextlib import contextmanager

import pytest

from service.admission import Admission
from service.exchange import Exchange
from service.http_messages import JSON, Reply, Request
from service.refusal import Refusal
from service.request_handler import RequestHandler
from service.routing import Route, Routes
from service.server.connection import Connection
from service.server.server import Server
from service.settings import Settings
from service.telemetry import shared_numbers as cells
from service.telemetry.service_metrics import Meters
from service.telemetry.shared_numbers import Cells
from tests.service.server.test_connection import head

EMPTY = Reply(200, JSON, b"{}", ())


def fails(exchange: Exchange, request: Request) -> Reply:
    raise ValueError("an error of the service")


def refuses(exchange: Exchange, request: Request) -> Reply:
    try:
        return fails(exchange, request)
    except ValueError as error:
        raise Refusal(422, "wrong", "not right") from error


def later(exchange: Exchange, request: Request, fault: Exception | None = None) -> Awaitable[Reply]:
    async def wait() -> Reply:
        await asyncio.sleep(0.01)
        if fault is not None:
            raise fault
        return EMPTY

    return wait()


ROUTES = [
    Route("GET", "/now", lambda exchange, request: EMPTY),
    Route("POST", "/now", lambda exchange, request: EMPTY),
    Route("GET", "/later", later),
    Route("GET", "/fails", fails),
    Route("GET", "/refuses", refuses),
    Route("GET", "/fails-later", lambda exchange, request: later(exchange, request, ValueError("it too"))),
]


def asked(method: str, path: str, *lines: str, length: int = 0) -> bytes:
    return head(*lines, method=method, path=path, length=f"content-length: {length}\r\n")


@contextmanager
def no_collector() -> Iterator[None]:
    gc.collect()
    gc.disable()
    try:
        yield
    finally:
        gc.enable()


async def leftover(sent: bytes) -> list[Connection]:
    """Send something, read what comes, close; return the connections of the server that are still there."""
    settings, meters = Settings(), Meters(Cells(cells.create(1), 0))
    handler = RequestHandler(Routes(ROUTES), settings, meters, None, Admission(1.0), lambda exchange: None)
    server = Server(handler, settings, meters, frozenset())
    server.loop = asyncio.get_running_loop()
    made: list[weakref.ref[Connection]] = []

    def connection() -> Connection:
        new = Connection(server)
        made.append(weakref.ref(new))
        return new

    async with await asyncio.get_running_loop().create_server(connection, "127.0.0.1", 0) as found:
        _, writer = await asyncio.open_connection(*found.sockets[0].getsockname())
        with no_collector():
            writer.write(sent)
            await asyncio.sleep(0.05)
            writer.close()
            await writer.wait_closed()
            for _ in range(100):
                if not server.connections and not server.tasks:
                    break
                await asyncio.sleep(0.01)
            await asyncio.sleep(0.01)  # the loop forgets what it has called
            left = [each() for each in made]
    assert len(left) == 1
    return [each for each in left if each is not None]


@pytest.mark.parametrize(
    "sent",
    {
        "nothing": b"",
        "a request": asked("GET", "/now"),
        "a body": asked("POST", "/now", length=2) + b"{}",
        "many in a row": asked("GET", "/now") * 40,
        "a large body": asked("POST", "/now", length=200_000) + b" " * 200_000,
        "answered later": asked("GET", "/later"),
        "gone before the answer": asked("GET", "/later") * 2,
        "half a head": b"GET /now HTT",
        "half a body": asked("POST", "/now", length=200) + b"{}",
        "half a large body": asked("POST", "/now", length=200_000) + b" " * 100_000,
        "a question": asked("POST", "/now", "expect: 100-continue", length=2),
        "no HTTP": b"nonsense\r\n\r\n",
        "a head too long": asked("GET", "/now", "x-long: " + "y" * 20_000),
        "refused": asked("GET", "/nowhere"),
        "refused before its body": asked("POST", "/nowhere", length=200_000) + b" " * 100_000,
        "another protocol": asked("POST", "/now", "connection: upgrade", "upgrade: h2c", length=2) + b"{}",
        "refused for a fault": asked("GET", "/refuses"),
        "a fault": asked("GET", "/fails"),
        "a fault later": asked("GET", "/fails-later"),
    }.items(),
    ids=lambda case: case[0],
)
def test_a_closed_connection_is_freed_at_once(sent: tuple[str, bytes]) -> None:
    assert asyncio.run(leftover(sent[1])) == []
