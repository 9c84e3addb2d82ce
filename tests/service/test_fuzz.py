"""Requests that are broken on purpose, on every route: each gets an answer that the service documents, none hurts it.

    pytest tests/service/test_fuzz.py                              2,000 requests, for CI
    RELIABILITY=full pytest tests/service/test_fuzz.py             10,000
    RELIABILITY_FUZZED=100000 FUZZ_SEED=7 pytest -s ...    as many, and others

The same seed gives the same requests. One that is answered wrongly is printed, with its number.
"""

import asyncio
import os
import random
import re
from collections import Counter
from typing import Any

import pytest

from tests.service.helpers_fuzz import Operation, broken, operations
from tests.service.helpers_load import Answer, CutError, Wire, figures, length, run
from tests.service.helpers_protocols import history_bundle
from tests.service.helpers_serving import Service, service

pytestmark = pytest.mark.fuzz
SEED = os.environ.get("FUZZ_SEED", "0")
CLIENTS = 16
TIMEOUT = 0.3  # seconds for a request to come: what announces more than it sends gets a 408 then
# Before there is a route: no HTTP, headers too long or too slow, more connections than allowed.
ANYWHERE = {
    (400, "bad_http"),
    (501, "wrong_coding"),
    (431, "header_too_large"),
    (408, "slow_request"),
    (503, "connections"),
}
VECTOR = [23.72, 25.77, 24.04, 24.38, 24.81, 24.68]


@pytest.fixture(scope="module")
def running(tmp_path_factory):
    folder = tmp_path_factory.mktemp("fuzzed")
    bundle = history_bundle(folder / "bundle").folder
    settings = {"request_timeout": str(TIMEOUT), "max_wait_ms": "60000", "max_body": "1000000"}
    with service(folder, bundle, store=str(folder / "store"), **settings) as found:
        yield found


def number(n: int, known: list[Operation]) -> tuple[Operation, bytes]:
    """Return the n-th request, whatever came before."""
    rng = random.Random(f"{SEED}:{n}")
    operation = known[n % len(known)]
    return operation, broken(operation, rng)


def documented(document: Any, request: bytes) -> set[int]:
    """Return the statuses that a request may get by what the service says of its route."""
    method, _, rest = request.partition(b" ")
    path = re.split(rb"[ ?#]", rest.removeprefix(b"http://x"), maxsplit=1)[0].decode("latin-1")
    names = {"name": "[^/:]+", "version": "[^/:]+"}
    for template, methods in document["paths"].items():
        if re.fullmatch(template.replace(".", r"\.").format(**names), path):
            described = methods.get({b"HEAD": "get"}.get(method, method.decode("latin-1").lower()))
            return {405} if described is None else {int(status) for status in described["responses"]}
    return {404}


def fault(document: Any, operation: Operation, request: bytes, answer: Answer) -> str | None:
    """Return what is wrong with an answer."""
    if answer.status < 300:
        return None if request.startswith(b"HEAD") or answer.body else "an empty answer"
    content = {} if request.startswith(b"HEAD") else answer.json
    if content and not {"error", "kind", "request_id"} <= content.keys():
        return "an error without words"
    if answer.status >= 500 and answer.status not in {501, 503}:
        return "an error of the service"
    allowed = documented(document, request)
    of_connection = any(status == answer.status and content.get("kind", kind) == kind for status, kind in ANYWHERE)
    known = answer.status in allowed or of_connection
    if not known and not request.startswith(operation.method.encode() + b" " + operation.path.encode() + b" "):
        known = answer.status in {400, 404, 405}  # another path or method than those that are documented
    return None if known else f"not documented: only {sorted(allowed)} are"


async def sent(port: int, request: bytes) -> Answer | None:
    """Send a request; None when the service takes it for unfinished and hangs up, as clients that went away."""
    wire = await Wire(port).open()
    try:
        answer = await wire.ask(request, 10)
        while answer.status == 100:
            answer = await wire.answer(answer.sent, request.startswith(b"HEAD "))
        return answer
    finally:
        wire.close()


async def everything(running: Service, document: Any, count: int) -> tuple[Counter[int], list[str]]:
    known, statuses, wrong, numbers = operations(document), Counter[int](), list[str](), iter(range(count))

    async def client() -> None:
        for n in numbers:
            operation, request = number(n, known)
            try:
                answer = await sent(running.port, request)
                statuses[answer.status] += 1
                found = fault(document, operation, request, answer)
            except CutError as error:
                answer, found = None, f"no answer: {error}"
            except (ValueError, KeyError) as error:
                answer, found = None, f"no HTTP answer: {error!r}"
            if found is not None:
                wrong.append(f"request {n} of seed {SEED}: {found}\n  {request[:1500]!r}\n  {str(answer)[:500]}")

    await asyncio.gather(*(client() for _ in range(CLIENTS)))
    return statuses, wrong


@pytest.mark.slow
def test_broken_requests_get_documented_answers(running):
    document, count = running.ask("GET", "/openapi.json").json, length("FUZZED")
    right = running.ask("POST", "/predict", {"features": VECTOR})
    statuses, wrong = run(everything(running, document, count))
    figures("fuzz", requests=count, wrong=len(wrong), statuses=dict(sorted(statuses.items())))
    assert not wrong, f"{len(wrong)} of {count}\n" + "\n".join(wrong[:10])
    assert statuses[200] > count / 100  # faults that hurt nothing are let through
    assert len(statuses) >= 8, statuses  # and the others are of many kinds
    assert running.ask("POST", "/predict", {"features": VECTOR}).body == right.body
    assert running.ask("GET", "/health/ready").json["ready"]
    assert [line for line in running.lines() if line["log.level"] == "error"] == []


def test_every_documented_example_is_answered(running):
    """Otherwise the requests above would be broken before they are broken."""
    document = running.ask("GET", "/openapi.json").json
    for operation in operations(document):
        if operation.kind in {"", "application/json"}:
            headers = {"content_type": operation.kind} if operation.kind else {}
            answer = running.ask(operation.method, operation.path, operation.body or None, **headers)
            assert answer.status == 200, (operation, answer)
