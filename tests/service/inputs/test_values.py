import re
from datetime import UTC, datetime, timedelta, timezone

import pytest
from hypothesis import given
from hypothesis import strategies as st

from service.inputs.values import instant, pattern, years

EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
zones = st.none() | st.integers(-1439, 1439).map(lambda minutes: timezone(timedelta(minutes=minutes)))
moments = st.datetimes(datetime(1000, 1, 3), datetime(9999, 12, 29), timezones=zones)


@given(moments)
def test_every_iso_time_is_read(moment):
    passed = (moment if moment.tzinfo else moment.replace(tzinfo=UTC)) - EPOCH
    assert instant(moment.isoformat()) == passed // timedelta(microseconds=1)
    assert re.search(pattern(), moment.isoformat(" "))


@given(st.from_regex(pattern(1990)))
def test_what_the_pattern_takes_is_a_time(text):
    text = text.rstrip("\n")  # in Python a $ lets one pass
    if not text.startswith("9999-12-31"):  # taken out of its zone it can be later than there are years
        assert instant(text) >= (datetime(1989, 12, 31, tzinfo=UTC) - EPOCH) // timedelta(microseconds=1)


@pytest.mark.parametrize(
    "text",
    [
        "",
        "2026-01-31\n",
        "2026-02-29",
        "1900-02-29",
        "2026-04-31",
        "2026-13-01",
        "20260131",
        "2026-W05-6",
        "2026-01-31T24:00",
        "2026-01-31T12",
        "2026-01-31T12:30:00.1234567Z",
        "2026-01-31T12:30:00 Z",
        "\uff19\uff19\uff19\uff19-01-31",
        "9999-12-31T23:59-23:59",
        "0999-12-31",
    ],
)
def test_anything_else_is_no_time_and_is_not_repeated(text):
    with pytest.raises(ValueError, match=r"^is no time such as 2026-01-31T12:30:00Z$"):
        instant(text)


@pytest.mark.parametrize("first", [1000, 1990, 1995, 2000, 2018, 9999])
def test_years_begin_where_they_are_told_to(first):
    expression = re.compile(years(first))
    assert [year for year in range(1000, 10000) if expression.fullmatch(str(year))] == list(range(first, 10000))


def test_leap_days_also_begin_there():
    assert re.search(pattern(2020), "2020-02-29")
    assert not re.search(pattern(2021), "2020-02-29")
    assert not re.search(pattern(2021), "2020-02-28")
