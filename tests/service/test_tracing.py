import pytest

from service.tracing import request_id, span

TRACE, SPAN = "0af7651916cd43dd8448eb211c80319c", "b7ad6b7169203331"


def test_an_id_that_comes_with_a_request_is_kept() -> None:
    assert request_id({b"x-request-id": b"order-17/a.b:c"}) == "order-17/a.b:c"


@pytest.mark.parametrize("given", [b"", b"a b", b'x"y', b"\x1b[31m", "ü".encode(), b"x" * 129, b"a\n"])
def test_an_id_that_could_spoil_a_log_is_replaced(given: bytes) -> None:
    found = request_id({b"x-request-id": given})
    assert found.isalnum()
    assert len(found) == 16


def test_ids_differ() -> None:
    assert len({request_id({}) for _ in range(1000)}) == 1000


def test_a_request_is_a_child_in_its_trace() -> None:
    found = span({b"traceparent": f"00-{TRACE}-{SPAN}-01".encode()})
    assert found is not None
    assert (found.trace, found.parent, found.flags) == (TRACE, SPAN, "01")
    assert found.id not in {SPAN, "0" * 16}
    assert found.header() == f"00-{TRACE}-{found.id}-01".encode()


@pytest.mark.parametrize(
    "given",
    [
        f"00-{'0' * 32}-{SPAN}-01", f"00-{TRACE}-{'0' * 16}-01", f"ff-{TRACE}-{SPAN}-01",
        f"00-{TRACE.upper()}-{SPAN}-01", f"00-{TRACE}-{SPAN}-01-more", f"00-{TRACE}-{SPAN}", "",
    ],
)  # fmt: skip
def test_a_traceparent_that_the_standard_forbids_is_passed_over(given: str) -> None:
    assert span({b"traceparent": given.encode()}) is None


def test_a_later_version_may_say_more() -> None:
    assert span({b"traceparent": f"01-{TRACE}-{SPAN}-00-what-comes".encode()}) is not None
