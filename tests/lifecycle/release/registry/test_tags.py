"""Names of tags: what is written is read again, and gto reads the same."""

import re

import pytest
from gto.constants import assert_name_is_valid
from gto.exceptions import GTOException
from gto.tag import parse_name
from hypothesis import given
from hypothesis import strategies as st

from lifecycle.core.errors import PipelineError
from lifecycle.release.registry.tags import NAME, STAGE, TagName, check_artifact, next_number, order, parse_tag
from tests.helpers_model import quick

ARTIFACTS = st.from_regex(re.compile(NAME, re.ASCII), fullmatch=True).filter(
    lambda name: "//" not in name and not name.startswith("asked/")
)
NUMBERS = st.tuples(*[st.integers(0, 10**6)] * 3).map(lambda parts: "v{}.{}.{}".format(*parts))
STAGES = st.from_regex(STAGE, fullmatch=True)
COUNTERS = st.integers(1, 10**6)
WORDS = st.from_regex("[a-z]+", fullmatch=True)
TAGS = st.one_of(
    st.tuples(ARTIFACTS, NUMBERS),
    st.tuples(ARTIFACTS, st.just(""), STAGES, st.booleans(), COUNTERS),
).map(lambda parts: TagName(*parts))
REQUESTS = st.tuples(ARTIFACTS, NUMBERS, STAGES, st.just(False), COUNTERS, WORDS).map(lambda parts: TagName(*parts))


@quick
@given(tag=st.one_of(TAGS, REQUESTS.filter(lambda tag: "/" not in tag.artifact)))
def test_what_is_written_is_read_again(tag):
    assert parse_tag(str(tag)) == tag


@quick
@given(tag=TAGS)
def test_gto_reads_the_same(tag):
    theirs = parse_name(str(tag))
    assert theirs["name"] == tag.artifact
    assert (theirs.get("version", ""), theirs.get("stage", "")) == (tag.number, tag.stage)
    assert theirs.get("counter", 0) == tag.counter
    action = ("un" if tag.leaves else "") + "assign" if tag.stage else "register"
    assert theirs["action"].value == action


@quick
@given(tag=REQUESTS)
def test_gto_passes_requests_over(tag):
    assert parse_name(str(tag), raise_on_fail=False) == {}


@quick
@given(name=st.one_of(st.text(), st.text("ab1-_/.# ")))
def test_a_name_that_is_taken_is_one_of_gto_s(name):
    try:
        check_artifact(name)
    except PipelineError:
        return
    assert_name_is_valid(name)
    assert parse_tag(f"{name}@v1.0.0") == TagName(name, "v1.0.0")


@pytest.mark.parametrize(
    "name", ["", "m", "my model", "fraud.model", "-model", "model/", "${problem}", "asked/x", "a//b"]
)
def test_a_name_that_can_be_none_is_refused_in_words(name):
    with pytest.raises(PipelineError, match="can't be a name in the registry"):
        check_artifact(name)


@pytest.mark.parametrize("name", ["fraud.model", "-model", "my model"])
def test_gto_refuses_them_too(name):
    with pytest.raises(GTOException):
        assert_name_is_valid(name)


@pytest.mark.parametrize(
    "text", ["v1.2.0", "model@1.2.0", "model@v1.2", "model#prod", "model@v01.2.0", "model@v1.2.0!", ""]
)
def test_other_tags_are_none_of_the_registry(text):
    assert parse_tag(text) is None


@quick
@given(numbers=st.lists(NUMBERS, max_size=5), bump=st.sampled_from(["major", "minor", "patch"]))
def test_the_next_number_is_above_all_others(numbers, bump):
    assert all(order(next_number(numbers, bump)) > order(number) for number in numbers)
    assert next_number(["v1.9.9", "v1.10.1"], "minor") == "v1.11.0"
