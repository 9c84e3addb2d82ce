import json

import pytest

from tests.service.helpers_protocols import ask, request, route


@pytest.mark.parametrize("path", ["/ping", "/health", "/v2/health/ready"])
def test_readiness_is_a_status(path):
    assert ask(path, request(), method="GET").status == 200
    reply = ask(path, request(), method="GET", ready=False)
    assert (reply.status, json.loads(reply.body)) == (503, {"ready": False})


@pytest.mark.parametrize("path", ["/", "/v2/health/live"])
def test_a_process_that_is_not_ready_is_alive(path):
    assert ask(path, request(), method="GET", ready=False).status == 200


def test_kserve_reads_alive_at_the_root():
    assert json.loads(ask("/", request(), method="GET").body) == {"status": "alive"}


def test_the_version_is_plain_text():
    reply = ask("/version", request(), method="GET")
    assert (reply.body, reply.content_type) == (b"0123456789ab", b"text/plain; charset=utf-8")


@pytest.mark.parametrize("path", ["/", "/ping", "/health", "/version", "/v2/health/live", "/v2/health/ready"])
def test_platforms_ask_without_a_key(path):
    assert route(path, "GET").endpoint.exempt
