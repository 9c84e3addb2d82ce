import pytest
from hypothesis import given
from hypothesis import strategies as st

from lifecycle.core.errors import PipelineError
from lifecycle.core.url_secrets import public, resolved

SECRET = "5ecret"


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("https://host/a.csv", "https://host/a.csv"),
        ("https://host:8443/a.csv?X-Amz-Signature=5ecret&x=1", "https://host:8443/a.csv?..."),
        ("https://me:5ecret@host/a.csv#5ecret", "https://...@host/a.csv#..."),
        ("{'url': 'https://host/a.csv?sig=5ecret', 'x': 'https://b?5ecret'}", "{'url': 'https://host/a.csv?...', 'x': 'https://b?...'}"),
        ("s3://bucket/a?versionId=5ecret", "s3://bucket/a?..."),
        ("azure://5ecret@box/a.csv?sv=1&sig=o'5ecret", "azure://...@box/a.csv?..."),
        ("what? no address, data/source/a?.csv", "what? no address, data/source/a?.csv"),
    ],
)  # fmt: skip
def test_of_an_address_neither_query_nor_user_is_shown(text, shown):
    assert public(text) == shown


@given(st.text("ab:/?#@&='\"%,;{}[]()", max_size=12), st.sampled_from(["?", "#", "?x=1&"]))
def test_whatever_stands_in_a_query_is_left_out(noise, begin):
    assert SECRET not in public(f"https://host/a.csv{begin}{noise}{SECRET}")


def test_an_address_may_stand_in_a_variable(monkeypatch):
    monkeypatch.setenv("RECORDS_URL", "https://host/a.csv?sig=1")
    assert resolved("$RECORDS_URL", "ingest.url") == "https://host/a.csv?sig=1"
    assert resolved("https://host/$x", "ingest.url") == "https://host/$x"


@pytest.mark.parametrize("value", [None, ""])
def test_a_variable_that_is_not_set_is_named(monkeypatch, value):
    monkeypatch.delenv("RECORDS_URL", raising=False)
    if value is not None:
        monkeypatch.setenv("RECORDS_URL", value)
    with pytest.raises(
        PipelineError, match=r"ingest\.url = '\$RECORDS_URL': the environment variable RECORDS_URL is not"
    ):
        resolved("$RECORDS_URL", "ingest.url")
