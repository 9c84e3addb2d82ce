"""Clients that send too much, too slowly, or not what HTTP is."""

import contextlib
import json
import socket
import time
from collections.abc import Iterator
from contextlib import contextmanager

import psutil
import pytest

from tests.service.helpers_serving import VECTOR, Service, service, small_bundle

BODY = json.dumps(VECTOR).encode()
LENGTH = f"content-length: {len(BODY)}\r\n"


@pytest.fixture(scope="module")
def running(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Service]:
    folder = tmp_path_factory.mktemp("connection")
    sizes = {"max_header": "1000", "max_body": "300000", "max_connections": "20"}
    times = {"request_timeout": "0.6", "keep_alive": "0.8"}
    with service(folder, small_bundle(folder / "bundle"), **sizes, **times) as found:
        yield found


@contextmanager
def connected(running: Service) -> Iterator[socket.socket]:
    with socket.create_connection(("127.0.0.1", running.port), timeout=10) as found:
        yield found


def head(*lines: str, method: str = "POST", path: str = "/predict", length: str = LENGTH) -> bytes:
    given = "".join(f"{line}\r\n" for line in ("host: x", "content-type: application/json", *lines))
    return f"{method} {path} HTTP/1.1\r\n{given}{length}\r\n".encode()


def answer(client: socket.socket, kept: bytes = b"") -> tuple[int, bytes, bytes, bytes]:
    """Read one answer: status, head, body, and what came after it."""
    while b"\r\n\r\n" not in kept:
        part = client.recv(65536)
        assert part, f"closed after {kept!r}"
        kept += part
    top, _, rest = kept.partition(b"\r\n\r\n")
    length = int(top.lower().split(b"content-length: ")[1].split(b"\r\n")[0])
    while len(rest) < length:
        part = client.recv(65536)
        assert part, f"closed after {rest!r}"
        rest += part
    return int(top[9:12]), top.lower(), rest[:length], rest[length:]


def refused(client: socket.socket, status: int, kind: str) -> None:
    found, top, body, rest = answer(client)
    assert (found, json.loads(body)["kind"], rest) == (status, kind, b"")
    assert b"connection: close" in top
    assert client.recv(10) == b""  # and the connection ends, without a reset


def test_a_request_may_come_byte_by_byte(running: Service) -> None:
    with connected(running) as client:
        for byte in head() + BODY:
            client.sendall(bytes([byte]))
        assert answer(client)[0] == 200


def test_requests_that_follow_without_waiting_are_answered_in_turn(running: Service) -> None:
    with connected(running) as client:
        paths = ["/health/live", "/nothing", "/version", "/health/ready"] * 20
        client.sendall(b"".join(head(method="GET", path=path, length="") for path in paths) + head() + BODY)
        rest, found = b"", []
        for _ in range(81):
            status, _, body, rest = answer(client, rest)
            found.append((status, b"alive" in body, b"ready" in body))
        assert found[:4] * 20 == found[:80]
        assert [status for status, *_ in found[:4]] == [200, 404, 200, 200]
        assert found[80][0] == 200


def test_a_body_may_come_in_chunks(running: Service) -> None:
    with connected(running) as client:
        client.sendall(head("transfer-encoding: chunked", length=""))
        for part in (BODY[:7], BODY[7:]):
            client.sendall(b"%x\r\n%b\r\n" % (len(part), part))
            time.sleep(0.02)
        client.sendall(b"0\r\n\r\n")
        assert answer(client)[0] == 200


def test_a_large_body_is_read_to_its_limit(running: Service) -> None:
    with connected(running) as client:
        client.sendall(head(length="content-length: 300000\r\n") + BODY + b" " * (300_000 - len(BODY)))
        assert answer(client)[0] == 200
        client.sendall(head() + BODY)
        assert answer(client)[0] == 200


@pytest.mark.parametrize("chunked", [False, True])
def test_a_body_that_is_too_large_is_refused_and_the_refusal_can_be_read(running: Service, chunked: bool) -> None:
    """The client sends all of it before it reads: the connection must not be reset meanwhile."""
    with connected(running) as client:
        if chunked:
            client.sendall(
                head("transfer-encoding: chunked", length="") + b"100000\r\n" + b" " * 0x100000 + b"\r\n0\r\n\r\n"
            )
        else:
            client.sendall(head(length=f"content-length: {0x100000}\r\n") + b" " * 0x100000)
        status, _, body, _ = answer(client)
        assert (status, json.loads(body)["kind"]) == (413, "body_too_large")
        client.sendall(head() + BODY)
        assert answer(client)[0] == 200


def test_who_asks_before_sending_is_told(running: Service) -> None:
    with connected(running) as client:
        client.sendall(head("expect: 100-continue"))
        assert client.recv(100) == b"HTTP/1.1 100 Continue\r\n\r\n"
        client.sendall(BODY)
        assert answer(client)[0] == 200
    with connected(running) as client:
        client.sendall(head("expect: 100-continue", length="content-length: 300001\r\n"))
        assert answer(client)[0] == 413  # and nothing had to be sent


@pytest.mark.parametrize("cut", [20, 500, 5000])
def test_too_long_a_head_is_refused(running: Service, cut: int) -> None:
    with connected(running) as client:
        sent = head(f"x-long: {'y' * 2000}")
        client.sendall(sent[:cut])
        time.sleep(0.05)
        client.sendall(sent[cut:])
        refused(client, 431, "header_too_large")
    with connected(running) as client:
        client.sendall(head(path="/" + "p" * 2000))
        refused(client, 431, "header_too_large")


def test_a_head_that_never_ends_is_refused(running: Service) -> None:
    with connected(running) as client:
        client.sendall(b"GET / HTTP/1.1\r\n" + b"a: b\r\n" * 500)
        refused(client, 431, "header_too_large")


@pytest.mark.parametrize("begun", [b"P", b"POST /predict HTTP/1.1\r\nhost", head(), head() + BODY[:-1]])
def test_who_takes_too_long_to_ask_is_refused(running: Service, begun: bytes) -> None:
    with connected(running) as client:
        client.sendall(begun)
        start = time.monotonic()
        refused(client, 408, "slow_request")
        assert 0.4 < time.monotonic() - start < 5


def test_a_trickle_does_not_keep_a_request_open(running: Service) -> None:
    with connected(running) as client:
        client.sendall(head("transfer-encoding: chunked", length=""))
        start = time.monotonic()
        with pytest.raises(OSError, match=r"."):  # as soon as it is closed, sending fails
            while time.monotonic() - start < 10:
                client.sendall(b"1\r\n \r\n")
                time.sleep(0.05)
        assert time.monotonic() - start < 5


def test_an_idle_connection_is_closed_without_a_word(running: Service) -> None:
    with connected(running) as client:
        client.sendall(head() + BODY)
        assert answer(client)[0] == 200
        assert client.recv(10) == b""


@pytest.mark.parametrize(
    "sent",
    [b"nonsense\r\n\r\n", b"\x16\x03\x01\x02\x00", b"GET / HTTP/3.7\r\n\r\n", head(length="content-length: -1\r\n"),
     head(length="content-length: 1\r\ncontent-length: 2\r\n"), b"CONNECT x:1 HTTP/1.1\r\nhost: x\r\n\r\n",
     b"GET * HTTP/1.1\r\nhost: x\r\n\r\n", b"GET \xff HTTP/1.1\r\nhost: x\r\n\r\n"],
)  # fmt: skip
def test_what_is_no_request_is_refused(running: Service, sent: bytes) -> None:
    with connected(running) as client:
        client.sendall(sent)
        status, top, body, _ = answer(client)
        assert status in {400, 404}
        assert json.loads(body)["kind"] in {"bad_http", "unknown_path"}
        assert status == 404 or b"connection: close" in top


def test_what_came_before_nonsense_is_answered_first(running: Service) -> None:
    with connected(running) as client:
        client.sendall(head() + BODY + b"nonsense\r\n\r\n")
        status, top, _, _ = answer(client)
        assert (status, b"connection: close" in top) == (200, True)


H2C = ("connection: Upgrade, HTTP2-Settings", "upgrade: h2c", "http2-settings: AAEAAEAAAAIAAAAB")
CHUNKED = b"%x\r\n%b\r\n0\r\n\r\n" % (len(BODY), BODY)


@pytest.mark.parametrize("cut", [0, 30, 150, 260, 400])
@pytest.mark.parametrize("chunked", [False, True])
def test_an_offer_of_another_protocol_is_passed_over(running: Service, chunked: bool, cut: int) -> None:
    """Java's client and curl --http2 make it with every request; the body is none of theirs, and all goes on."""
    sent = head(*H2C, "transfer-encoding: chunked", length="") + CHUNKED if chunked else head(*H2C) + BODY
    with connected(running) as client:
        client.sendall(sent[:cut])
        time.sleep(0.02)
        client.sendall(sent[cut:] + head(*H2C, method="GET", path="/health/live", length=""))
        status, top, body, rest = answer(client)
        assert (status, b"connection: close" in top) == (200, False)
        assert "probability" in json.loads(body)
        assert answer(client, rest)[2] == b'{"alive":true}'


def test_an_offer_does_not_make_a_long_head_short(running: Service) -> None:
    with connected(running) as client:
        client.sendall(head(*H2C, f"x-long: {'y' * 2000}"))
        refused(client, 431, "header_too_large")


@pytest.mark.parametrize("path", ["/predict", "/health/live"])
def test_who_asks_and_says_that_it_will_ask_no_more_is_answered(running: Service, path: str) -> None:
    sent = head() + BODY if path == "/predict" else head(method="GET", path=path, length="")
    for _ in range(20):
        with connected(running) as client:
            client.sendall(sent * 3)
            client.shutdown(socket.SHUT_WR)
            rest = b""
            for _ in range(3):
                status, _, _, rest = answer(client, rest)
                assert status == 200
            assert client.recv(10) == b""


def test_trailers_are_no_headers(running: Service) -> None:
    with connected(running) as client:
        client.sendall(head("transfer-encoding: chunked", "x-request-id: mine", length="") + CHUNKED[:-2])
        client.sendall(b"x-request-id: late\r\ncontent-encoding: gzip\r\n\r\n")
        status, top, _, _ = answer(client)
        assert status == 200
        assert b"x-request-id: mine" in top


@pytest.mark.parametrize("line", [b"x-a: b\r\n" * 50, b"b" * 400])
def test_trailers_without_end_are_refused(running: Service, line: bytes) -> None:
    with connected(running) as client:
        client.sendall(head("transfer-encoding: chunked", length="") + CHUNKED[:-2])
        with contextlib.suppress(OSError):  # as soon as it is refused, sending fails
            for _ in range(100):
                client.sendall(line)
                time.sleep(0.002)
        refused(client, 431, "header_too_large")


def test_who_does_not_take_its_answers_gets_no_more_of_them(running: Service) -> None:
    """Or one client could fill the memory with them."""
    before = psutil.Process(running.process.pid).memory_info().rss
    with connected(running) as client:
        client.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        client.settimeout(2)
        with contextlib.suppress(OSError):  # nothing more is read from it either, and soon it is thrown out
            for _ in range(400):
                client.sendall(head(method="GET", path="/openapi.json", length="") * 100)
        assert psutil.Process(running.process.pid).memory_info().rss < before + 30e6
    assert running.ask("GET", "/health/live").status == 200


def test_who_takes_its_answers_late_gets_all_of_them(running: Service) -> None:
    with connected(running) as client:
        client.sendall(head(method="GET", path="/openapi.json", length="") * 100)
        time.sleep(0.3)
        rest = b""
        for _ in range(100):
            status, _, body, rest = answer(client, rest)
            assert status == 200
            assert json.loads(body)["openapi"]


def test_an_old_client_gets_its_answer_and_the_end(running: Service) -> None:
    with connected(running) as client:
        client.sendall(b"GET /health/live HTTP/1.0\r\n\r\n")
        assert answer(client)[0] == 200
        assert client.recv(10) == b""


def test_who_goes_without_an_answer_does_no_harm(running: Service) -> None:
    for sent in (head(), head() + BODY, b"GET", head(length="content-length: 200000\r\n") + b" " * 100_000):
        with connected(running) as client:
            client.sendall(sent)
    assert running.ask("POST", "/predict", VECTOR).status == 200
    assert not [line for line in running.lines() if line["log.level"] == "error"]


def busy(running: Service, count: int) -> list[socket.socket]:
    """Open connections in the midst of a request each, once all others are closed."""
    time.sleep(1.2)
    clients = [socket.create_connection(("127.0.0.1", running.port), timeout=10) for _ in range(count)]
    for client in clients:
        client.sendall(head()[:-2])
    time.sleep(0.05)
    return clients


def test_one_connection_too_many_is_told_so_unless_it_asks_for_health(running: Service) -> None:
    clients = busy(running, 20)
    with connected(running) as client:
        client.sendall(head() + BODY)
        status, top, body, _ = answer(client)
        assert (status, json.loads(body)["kind"]) == (503, "connections")
        assert b"retry-after: 1" in top
    for path in ("/health/live", "/health/ready", "/metrics"):
        assert running.ask("GET", path).status == 200
    for each in clients:
        each.close()
    time.sleep(0.3)
    assert running.ask("POST", "/predict", VECTOR).status == 200


def test_the_longest_idle_connection_makes_room_for_a_new_one(running: Service) -> None:
    clients = busy(running, 18)
    with connected(running) as first, connected(running) as second:
        for client in (first, second):
            client.sendall(head(method="GET", path="/health/live", length=""))
            assert answer(client)[0] == 200
            time.sleep(0.15)  # the clock of connections goes by tenths of a second
        assert running.ask("POST", "/predict", VECTOR).status == 200
        assert first.recv(10) == b""
        second.sendall(head() + BODY)
        assert answer(second)[0] == 200
    for each in clients:
        each.close()
    time.sleep(0.3)


@pytest.mark.parametrize("cut", [0, 1, 40, 100])
def test_a_head_is_not_charged_with_the_body_before_it(running: Service, cut: int) -> None:
    """A chunk may end a long body and begin the next head."""
    first = head(length="content-length: 30000\r\n") + BODY + b" " * (30_000 - len(BODY))
    second = head() + BODY
    with connected(running) as client:
        client.sendall(first + second[:cut])
        status, _, _, rest = answer(client)
        assert status == 200
        client.sendall(second[cut:])
        assert answer(client, rest)[0] == 200


@pytest.mark.parametrize("sent_at_once", [True, False])
def test_a_trailer_that_asks_for_the_end_gets_it(running: Service, sent_at_once: bool) -> None:
    """The parser is deaf behind it: a pooled connection would swallow what others ask on it."""
    asked = head("transfer-encoding: chunked", length="") + CHUNKED[:-2] + b"connection: close\r\n\r\n"
    with connected(running) as client:
        if sent_at_once:
            client.sendall(asked + head(method="GET", path="/health/live", length=""))
        else:
            client.sendall(asked)
        status, top, _, rest = answer(client)
        assert (status, b"connection: close" in top, rest) == (200, True, b"")
        assert client.recv(10) == b""


def test_a_trailer_ends_a_connection_that_was_answered_before_it_came(running: Service) -> None:
    with connected(running) as client:
        client.sendall(head("transfer-encoding: chunked", length="") + b"80000\r\n" + b" " * 0x80000)
        status, top, _, _ = answer(client)
        assert (status, b"connection: close" in top) == (413, False)
        client.sendall(b"\r\n0\r\nconnection: close\r\n\r\n")
        assert client.recv(10) == b""


@pytest.mark.parametrize(
    ("lines", "status", "kind"),
    [
        (b"GET /health/live HTTP/1.1\r\n\r\n", 400, "bad_http"),
        (b"GET /health/live HTTP/1.1\r\nhost: a\r\nhost: a\r\n\r\n", 400, "bad_http"),
        (b"POST /predict HTTP/1.1\r\nhost: a\r\ntransfer-encoding: gzip, chunked\r\n\r\n", 501, "wrong_coding"),
        (
            b"POST /predict HTTP/1.1\r\nhost: a\r\ntransfer-encoding: x\r\ntransfer-encoding: chunked\r\n\r\n",
            501,
            "wrong_coding",
        ),
    ],
)
def test_hosts_and_codings_are_those_of_the_standard(running: Service, lines: bytes, status: int, kind: str) -> None:
    with connected(running) as client:
        client.sendall(lines)
        refused(client, status, kind)


def test_an_early_refusal_of_who_asks_before_sending_ends_the_connection(running: Service) -> None:
    """The client must not guess whether a body follows: some wait for ever."""
    for lines in ("content-length: 300001\r\n", "content-length: 5\r\ncontent-encoding: br\r\n"):
        with connected(running) as client:
            path = "/predict" if "300001" in lines else "/nothing"
            client.sendall(head("expect: 100-continue", path=path, length=lines))
            status, top, _, _ = answer(client)
            assert status in {413, 404}
            assert b"connection: close" in top
            assert client.recv(10) == b""


@pytest.mark.parametrize(
    "sent",
    [
        b"GET /health/live HTTP/1.1\r\nhost: x\r\nexpect: 100-continue\r\n\r\n",
        b"GET /health/live HTTP/1.0\r\nexpect: 100-continue\r\ncontent-length: 2\r\n\r\n{}",
    ],
)
def test_nobody_is_told_to_go_on_who_has_nothing_to_send_or_would_not_understand(running: Service, sent: bytes) -> None:
    with connected(running) as client:
        client.sendall(sent)
        assert answer(client)[0] == 200
