import json

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from benchmarks.tampering import decision
from lifecycle.core.errors import PipelineError
from lifecycle.release.audit.audit_chain import (
    BrokenLineError,
    beginning,
    chains,
    parsed,
    records_of,
    sealed,
    segments,
)
from lifecycle.release.audit.audit_writer import canonical

VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    max_leaves=6,
)
FIELDS = st.dictionaries(st.text(max_size=8).filter(lambda name: name not in ("seq", "prev", "kind", "hash")), VALUES)
LINE, LINK = sealed(beginning("chain-0"), *decision("r-1", 3))


@settings(max_examples=40, deadline=None)
@given(FIELDS)
def test_a_record_is_one_line_of_json_that_is_read_back(fields: dict) -> None:
    line, link = sealed(LINK, "label", canonical(fields))
    assert line.count(b"\n") == 1
    assert parsed(line) == link
    content = json.loads(line)
    assert content == {"seq": 2, "prev": LINK.hash, "kind": "label", **fields, "hash": link.hash}


@given(st.integers(0, len(LINE) * 8 - 1))
def test_no_bit_of_a_line_can_change(bit: int) -> None:
    changed = bytearray(LINE)
    changed[bit // 8] ^= 1 << bit % 8
    with pytest.raises(BrokenLineError):
        parsed(bytes(changed))


@given(st.binary(max_size=300))
def test_whatever_else_a_line_is_it_is_told_to_be_no_record(line: bytes) -> None:
    with pytest.raises(BrokenLineError, match="unreadable"):
        parsed(line)


def test_the_hash_is_that_of_the_line_up_to_it() -> None:
    import hashlib

    content = json.loads(LINE)
    assert content["hash"] == hashlib.sha256(LINE[: LINE.index(b',"hash"')]).hexdigest()
    assert content["prev"] == hashlib.sha256(b"audit chain chain-0").hexdigest()


def test_the_same_content_has_the_same_bytes() -> None:
    assert canonical({"b": 1, "a": 0.1}) == canonical({"a": 0.1, "b": 1}) == b'{"a":0.1,"b":1}'
    with pytest.raises(ValueError, match="not JSON compliant"):
        canonical({"a": float("nan")})


def test_a_folder_without_a_log_is_told_how_one_is_made(tmp_path) -> None:
    with pytest.raises(PipelineError, match=r"no audit log; the service writes one with SERVE_AUDIT="):
        chains(tmp_path / "nothing")


def test_a_file_that_is_no_segment_is_refused(tmp_path) -> None:
    (tmp_path / "mine.jsonl").write_text("{}\n")
    with pytest.raises(PipelineError, match=r"mine\.jsonl: no segment"):
        segments(tmp_path)


def test_what_is_no_whole_record_is_not_among_the_records(tmp_path) -> None:
    (tmp_path / "events").mkdir()
    broken = LINE.replace(b'"row":3', b'"row":,') + b"[1]\n{}\n\xff\n" + LINE[:-1]
    (tmp_path / "events/000000000000001-2026-11-30.jsonl").write_bytes(LINE + broken[:-20])
    assert [record["row"] for record in records_of(tmp_path, "events", b"")] == [3]
