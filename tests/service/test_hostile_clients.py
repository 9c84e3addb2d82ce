"""Clients that are slow, send too much, or the wrong thing: each is told why, and nobody else waits for them."""

import asyncio
import gzip
import json
import time
from typing import Any

import pytest

from tests.service.helpers_load import Answer, Wire, figures, once, post, quantile, run
from tests.service.helpers_serving import VECTOR, service, small_bundle

pytestmark = pytest.mark.chaos
TIMEOUT = 0.6  # seconds for a request to come
ROW = {"number": 0.5, "gaps": 12.0, "shop": "bakery"}
HEAD = b"POST /predict HTTP/1.1\r\nhost: x\r\ncontent-type: application/json\r\n"


@pytest.fixture(scope="module")
def port(tmp_path_factory):
    folder = tmp_path_factory.mktemp("hostile")
    settings = {"request_timeout": str(TIMEOUT), "max_body": "100000", "max_header": "8192", "max_rows": "100"}
    with service(folder, small_bundle(folder / "bundle"), **settings) as running:
        yield running.port


async def dripped(port: int, request: bytes, pause: float, at_once: int = 0) -> Answer:
    """Send a request byte by byte, its first part at once, until it is answered."""
    wire, sent = await Wire(port).open(), time.monotonic()
    answer = asyncio.create_task(wire.answer(sent))
    wire.writer.write(request[:at_once])
    for byte in request[at_once:]:
        wire.writer.write(bytes([byte]))
        await asyncio.wait({answer}, timeout=pause)
        if answer.done():
            break
    found = await asyncio.wait_for(answer, 10)
    wire.close()
    return found


@pytest.mark.parametrize("part", ["head", "body"])
def test_a_client_that_is_too_slow_gets_a_408(port, part):
    request = post("/predict", VECTOR)
    answer = run(dripped(port, request, 0.05, 0 if part == "head" else request.index(b"\r\n\r\n") + 4))
    assert answer.status == 408
    assert answer.json["kind"] == "slow_request"
    assert TIMEOUT - 0.15 < answer.came - answer.sent < TIMEOUT + 1  # the service looks ten times a second


def test_a_client_that_sends_byte_by_byte_in_time_is_answered(port):
    assert run(dripped(port, post("/predict", VECTOR), 0.0005)).status == 200


def test_nobody_waits_for_slow_clients(port):
    async def beside() -> list[float]:
        slow = [asyncio.create_task(dripped(port, post("/predict", VECTOR), 0.05)) for _ in range(100)]
        wire, took = await Wire(port).open(), []
        while not all(task.done() for task in slow):
            answer = await wire.ask(post("/predict", VECTOR))
            assert answer.status == 200
            took.append(answer.came - answer.sent)
        assert {task.result().status for task in slow} == {408}
        return took

    took = run(beside())
    figures("beside 100 slow clients", answered=len(took), p99_ms=round(1e3 * quantile(took, 0.99), 1))
    assert quantile(took, 0.99) < 0.25


def with_body(body: bytes, *headers: str) -> bytes:
    lines = "".join(f"{header}\r\n" for header in headers)
    return HEAD + f"{lines}content-length: {len(body)}\r\n\r\n".encode() + body


BOMB = gzip.compress(bytes(200 << 20), mtime=0)  # 200 MB in 200 kB
NESTED = gzip.compress(b'{"features": [' + b" " * (5 << 20) + b"1]}", mtime=0)


@pytest.mark.parametrize(
    ("request_", "status", "kind"),
    [
        (with_body(json.dumps(VECTOR).encode().ljust(100_001)), 413, "body_too_large"),
        (HEAD + b"content-length: 99999999999\r\n\r\n" + bytes(70_000), 413, "body_too_large"),
        (HEAD + b"expect: 100-continue\r\ncontent-length: 200000\r\n\r\n", 413, "body_too_large"),
        (HEAD + b"transfer-encoding: chunked\r\n\r\n" + (b"4e20\r\n%b\r\n" % bytes(20_000)) * 6, 413, "body_too_large"),
        (with_body(NESTED, "content-encoding: gzip"), 413, "body_too_large"),
        (with_body(BOMB[:90_000], "content-encoding: gzip"), 413, "body_too_large"),
        (with_body(b"no gzip", "content-encoding: gzip"), 400, "broken_body"),
        (with_body(b"x", "content-encoding: br"), 415, "wrong_encoding"),
        (HEAD + b"x: " + b"y" * 8192 + b"\r\n\r\n", 431, "header_too_large"),
        (HEAD + b"".join(b"h%d: v\r\n" % n for n in range(2000)) + b"\r\n", 431, "header_too_large"),
        (b"GET /" + b"p" * 9000 + b" HTTP/1.1\r\nhost: x\r\n\r\n", 431, "header_too_large"),
        (with_body(json.dumps({"records": [ROW] * 101}).encode()), 413, "too_many_rows"),
    ],
)  # fmt: skip
def test_too_much_of_anything(port, request_, status, kind):
    answer = run(once(port, request_, 5))
    assert (answer.status, answer.json["kind"]) == (status, kind), answer
    assert run(once(port, post("/predict", VECTOR))).status == 200


@pytest.mark.parametrize(
    ("field", "value", "words"),
    [
        ("number", "0.5", "a number"),
        ("number", True, "a number"),
        ("number", [0.5], "a number"),
        ("number", None, "missing"),
        ("number", 1e300, "between"),
        ("number", 10**400, "between"),
        ("shop", 7, "text"),
        ("shop", "\ud800", "character"),
    ],
)
def test_a_wrong_value_is_refused_and_named(port, field, value, words):
    answer = run(once(port, post("/predict", {"records": [ROW, ROW | {field: value}]})))
    assert answer.status in {400, 422}
    if answer.status == 422:  # else it is no JSON at all
        assert answer.json["field"] == field
        assert "row 1" in answer.json["error"]
        assert words in answer.json["error"]


@pytest.mark.parametrize("number", [b"NaN", b"Infinity", b"-Infinity", b"1e999", b"0x1", b"1_000", b"01"])
def test_what_is_no_number_of_json(port, number):
    answer = run(once(port, with_body(b'{"features": [%b, 12.0, "bakery"]}' % number)))
    assert answer.status in {400, 422}
    assert "error" in answer.json


def names(answer: Answer) -> Any:
    return answer.json.get("field")


@pytest.mark.parametrize(
    ("record", "field"), [({"number": 0.5}, "gaps"), (ROW | {"nummber": 1}, "nummber"), ({}, "number")]
)
def test_a_name_that_is_missing_or_unknown_is_told(port, record, field):
    answer = run(once(port, post("/predict", {"records": [record]})))
    assert (answer.status, names(answer)) == (422, field)
