"""The message of a tag: what is written is read again, and what another program wrote is known for that."""

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lifecycle.core.errors import PipelineError
from lifecycle.release.registry.ledger_entry import Entry, EntryTag, Person, parse_entry
from tests.helpers_model import quick

TAGGER = "Ann <ann@example.org> 1796019665 +0000"
ENTRY = Entry(
    sequence=3,
    after="0" * 40,
    step="promote",
    environment="prod",
    number="v1.0.0",
    version="0123456789ab",
    why="all well",
    who=Person("Ann", "ann@example.org"),
    tags=(EntryTag("model#prod#4", "v1.0.0", "1" * 40), EntryTag("model#prod-canary!#5", "v1.0.0", "1" * 40)),
    tagger=TAGGER,
)
TEXT = st.text(st.characters(exclude_categories=["Cs"]))


@quick
@given(why=TEXT, name=TEXT, actor=TEXT, share=st.floats(0, 1), second=st.booleans())
def test_what_is_written_is_read_again(why, name, actor, share, second):
    who = Person(name, "a@b", actor)
    entry = replace(ENTRY, why=why, who=who, share=share, asked_by=who if second else None, evidence={"gates": [why]})
    assert parse_entry(entry.message, TAGGER) == entry
    assert "\n" not in entry.sentence


@pytest.mark.parametrize(
    "message",
    ["", "Assigning stage prod", "a\n\n{", "a\n\n[]\n", 'a\n\n{"format": 1}', ENTRY.message.replace('"who"', '"whom"')],
)
def test_what_another_program_wrote_is_no_entry(message):
    assert parse_entry(message, TAGGER) is None


def test_a_later_format_is_not_misread():
    with pytest.raises(PipelineError, match="format 2; this program reads format 1"):
        parse_entry(ENTRY.message.replace('"format": 1', '"format": 2'), TAGGER)


def test_the_time_is_that_of_the_tag():
    assert f"{ENTRY.at:%Y-%m-%d %H:%M:%S}" == "2026-11-30 06:21:05"


@pytest.mark.parametrize(
    "one, other, same",
    [
        (Person("Ann", "ann@x.org"), Person("A. Nother", "Ann@X.org"), True),
        (Person("bot", "bot@x.org", "ann"), Person("Ann", "ann@x.org", "Ann"), True),
        (Person("Ann", "ann@x.org"), Person("Bob", "bob@x.org"), False),
        (Person("bot", "bot@x.org", "ann"), Person("Bob", "bob@x.org", "bob"), False),
    ],
)
def test_who_is_the_same_person(one, other, same):
    assert one.is_same(other) == same == other.is_same(one)
