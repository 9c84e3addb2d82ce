import asyncio
import gzip
import zlib
from typing import Any

import hypothesis
import pytest
from hypothesis import strategies as st

from service import body
from service.body import MEMBERS, GoneError, check_type, decompressed, read_body
from service.refusal import Refusal

TEXT = b'{"features": [1, 2, 3]}' * 20
RAW = zlib.compressobj(wbits=-15)
CODED = {
    "gzip": [gzip.compress(TEXT), gzip.compress(TEXT[:100]) + gzip.compress(TEXT[100:])],
    "deflate": [zlib.compress(TEXT), RAW.compress(TEXT) + RAW.flush()],
    "GZIP ": [gzip.compress(TEXT)],
    "identity": [TEXT],
}


def read(parts: list[bytes], limit: int = 100, gone: bool = False, **headers: bytes) -> bytes:
    messages: list[Any] = [{"type": "http.request", "body": part, "more_body": True} for part in parts]
    messages.append({"type": "http.disconnect"} if gone else messages.pop() | {"more_body": False})

    async def receive() -> Any:
        return messages.pop(0)

    return asyncio.run(read_body(receive, {k.replace("_", "-").encode(): v for k, v in headers.items()}, limit))


def refused(body: bytes, coding: str, limit: int = 10_000) -> Refusal:
    with pytest.raises(Refusal) as error:
        decompressed(body, {b"content-encoding": coding.encode()}, limit)
    return error.value


def test_a_body_comes_in_parts() -> None:
    assert read([b"ab", b"", b"c"]) == b"abc"
    assert read([b"x" * 60, b"x" * 40]) == b"x" * 100


def test_a_body_that_is_too_large_is_refused_before_all_of_it_has_come() -> None:
    with pytest.raises(Refusal, match="larger than 100 bytes") as error:
        read([b"x" * 60, b"x" * 41, b"never asked for"])
    assert error.value.status == 413
    with pytest.raises(Refusal):
        read([b"never asked for"], content_length=b"101")


def test_nobody_is_answered_who_has_gone() -> None:
    with pytest.raises(GoneError):
        read([b"ab"], gone=True)


@pytest.mark.parametrize("coding", CODED)
def test_a_compressed_body_is_unpacked(coding: str) -> None:
    for packed in CODED[coding]:
        assert decompressed(packed, {b"content-encoding": coding.encode()}, len(TEXT)) == TEXT


@pytest.mark.parametrize("coding", ["gzip", "deflate"])
def test_no_more_is_unpacked_than_allowed(coding: str) -> None:
    bomb = gzip.compress(bytes(50_000_000)) if coding == "gzip" else zlib.compress(bytes(50_000_000))
    assert len(bomb) < 60_000
    assert refused(bomb, coding, 60_000).status == 413
    assert refused(gzip.compress(bytes(9_000)) * 2, "gzip").status == 413  # each member for itself would do


def test_what_is_not_compressed_as_it_says_is_refused() -> None:
    for packed in (TEXT, gzip.compress(TEXT)[:-9], gzip.compress(TEXT) + b"rest"):
        assert refused(packed, "gzip").kind == "broken_body"


@pytest.mark.parametrize("coding", ["br", "gzip, gzip", "zstd"])
def test_another_compression_is_refused_and_told_what_is_read(coding: str) -> None:
    found = refused(TEXT, coding)
    assert found.status == 415
    assert found.headers == [(b"accept-encoding", b"gzip, deflate")]


def test_the_content_type_must_be_one_that_the_route_reads() -> None:
    for given in (b"application/json", b"Application/JSON; charset=utf-8", None):
        check_type({} if given is None else {b"content-type": given}, (b"application/json",))
    with pytest.raises(Refusal, match="send Content-Type: application/json or text/csv") as error:
        check_type({b"content-type": b"application/x-www-form-urlencoded"}, (b"application/json", b"text/csv"))
    assert error.value.status == 415


def test_members_are_read_up_to_a_number_of_them() -> None:
    """Each costs something, the smallest as much as a large one: a body of nothing else would stop everybody."""
    empty, one = gzip.compress(b""), gzip.compress(b"x")
    assert decompressed(one * MEMBERS, {b"content-encoding": b"gzip"}, 1 << 20) == b"x" * MEMBERS
    for member in (empty, one):
        refusal = refused(member * (MEMBERS + 1), "gzip", 1 << 20)
        assert (refusal.status, refusal.kind) == (400, "broken_body")
        assert "parts" in refusal.message


@hypothesis.given(parts=st.lists(st.binary(max_size=300), min_size=1, max_size=20), piece=st.integers(1, 100))
def test_a_body_may_be_cut_anywhere(parts: list[bytes], piece: int) -> None:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(body, "PIECE", piece)
        packed = b"".join(map(gzip.compress, parts))
        assert decompressed(packed, {b"content-encoding": b"gzip"}, 10_000) == b"".join(parts)
        if parts[-1]:
            assert refused(packed[:-1], "gzip").kind == "broken_body"
