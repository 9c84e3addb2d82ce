import json

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from service.protocols.json_body import parsed
from service.refusal import Refusal

texts = st.text(st.characters(exclude_categories=["Cs"])) | st.sampled_from(["a:b", "::", "\\", '"', "\\u003a"])
values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | texts,
    lambda inner: st.lists(inner) | st.dictionaries(texts, inner),
)


def refused(body):
    with pytest.raises(Refusal) as found:
        parsed(body)
    return found.value.status, found.value.kind


@given(values, st.booleans(), st.sampled_from([None, 1]))
@example({"a": "b:c", "d": ["::", {"e:": {}}]}, False, None)
def test_json_is_read_however_it_is_written(value, ascii_only, indent):
    text = json.dumps(value, ensure_ascii=ascii_only, indent=indent)
    assert parsed(text.encode()) == value


@given(st.binary() | st.text().map(lambda text: text.encode("utf-8", "surrogatepass")))
def test_any_bytes_are_read_or_refused(body):
    try:
        parsed(body)
    except Refusal as refusal:
        assert refusal.status in {400, 422}
        assert json.dumps(str(refusal)).encode()  # it can be sent
        str(refusal).encode()


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b" ",
        b"{",
        b"[1,]",
        b"[1] 2",
        b"[01]",
        b"[NaN]",
        b"[Infinity]",
        b"[-Infinity]",
        b"nan",
        b"'a'",
        b"\xef\xbb\xbf[1]",
        b'["\xff"]',
        b'["\xed\xa0\x80"]',
        b'["\\ud800"]',
        b'{"\\udc00": 1}',
        b'[1e999, "\\ud800"]',
        "[1]".encode("utf-16"),
        b"[" * 100_000,
        b"[" * 100_000 + b"]" * 100_000,
        b'{"a":' * 5_000 + b"1" + b"}" * 5_000,
    ],
)
def test_what_is_no_json_is_malformed(body):
    assert refused(body) == (400, "malformed_json")


def test_who_sends_nan_is_told_about_null():
    with pytest.raises(Refusal, match="a missing value is null"):
        parsed(b'{"features": [NaN]}')


def test_a_number_beyond_floats_is_left_to_who_knows_its_row():
    assert parsed(b"[1e999, -1e999]") == [float("inf"), float("-inf")]
    assert parsed(b"[" + b"1" * 401 + b"]") == [int("1" * 401)]
    assert refused(b"[" + b"1" * 5_000 + b"]") == (422, "out_of_range")


@pytest.mark.parametrize(
    "body",
    [
        b'{"a": 1, "a": 1}',
        b'{"a": 1, "\\u0061": 2}',
        b'{"x": [{"b": {"a": "c:d", "a": "e"}}]}',
        b'{"a": ":", "a": "\\u003a"}',
        b'{"a": 1, "a": "\\u003a"}',
        b'{"a": ":::", "b": 1, "a": 2}',
        b'{"a": [], "a": {}}',
    ],
)
def test_a_name_that_stands_twice_is_refused(body):
    with pytest.raises(Refusal, match="'a' stands 2 times"):
        parsed(body)


@given(st.lists(st.tuples(st.sampled_from("abc:"), values), min_size=2, max_size=6), st.booleans())
def test_names_are_counted_whatever_stands_beside_them(pairs, ascii_only):
    inside = ", ".join(f"{json.dumps(name)}: {json.dumps(value, ensure_ascii=ascii_only)}" for name, value in pairs)
    body = f"[{{{inside}}}]".encode()
    if len({name for name, _ in pairs}) == len(pairs):
        assert parsed(body) == [dict(pairs)]
    else:
        assert refused(body) == (400, "duplicate_name")
