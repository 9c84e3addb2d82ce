import re
from datetime import UTC, datetime, timedelta, timezone

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lifecycle.contract.row_validation import check
from lifecycle.problem.problem import Column
from service.inputs.value_checks import checker, instant, pattern, years
from tests.helpers_data import small_problem, small_table
from tests.helpers_model import quick

EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
zones = st.none() | st.integers(-1439, 1439).map(lambda minutes: timezone(timedelta(minutes=minutes)))
moments = st.datetimes(datetime(1678, 1, 3), datetime(2261, 12, 29), timezones=zones)


@quick
@given(moments)
def test_every_iso_time_is_read(moment):
    passed = (moment if moment.tzinfo else moment.replace(tzinfo=UTC)) - EPOCH
    assert instant(moment.isoformat()) == passed // timedelta(microseconds=1)
    assert re.search(pattern(), moment.isoformat(" "))


@quick
@given(st.from_regex(pattern(1990)))
def test_what_the_pattern_takes_is_a_time(text):
    text = text.rstrip("\n")  # in Python a $ lets one pass
    if not text.startswith("2261-12-31"):  # taken out of its zone it can be later than the last year
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
        "0999-12-31",
    ],
)
def test_anything_else_is_no_time_and_is_not_repeated(text):
    with pytest.raises(ValueError, match=r"^is no time such as 2026-01-31T12:30:00Z$"):
        instant(text)


@pytest.mark.parametrize(
    "text",
    ["1677-12-31T23:59:59", "2262-01-01", "2261-12-31T23:00-01:00", "9999-12-31T23:59-23:59", "1000-01-01T00:00+01:00"],
)
def test_times_beyond_the_years_that_the_pipeline_keeps_are_refused(text):
    with pytest.raises(ValueError, match=r"^is not between the years 1678 and 2261$"):
        instant(text)


@pytest.mark.parametrize("last", [2261, 2999, 9999])
@pytest.mark.parametrize("first", [1000, 1678, 1990, 1995, 2000, 2018, 2261])
def test_years_are_those_from_one_to_another(first, last):
    expression = re.compile(years(first, last))
    assert [year for year in range(1000, 10000) if expression.fullmatch(str(year))] == list(range(first, last + 1))


def test_leap_days_also_begin_there():
    assert re.search(pattern(2020), "2020-02-29")
    assert not re.search(pattern(2021), "2020-02-29")
    assert not re.search(pattern(2021), "2020-02-28")


@pytest.mark.parametrize(
    ("unit", "value", "found"),
    [
        ("s", 1522540831, 1522540831_000000),
        ("s", 1522540831.25, 1522540831_250000),
        ("s", "1522540831", 1522540831_000000),
        ("d", 1.5, 129_600_000_000),
        ("ms", -5, -5_000),
        ("us", 7, 7),
        ("ns", 7_000, 7),
    ],
)
def test_a_number_since_1970_is_read_in_its_unit(unit, value, found):
    assert checker({"type": "timestamp", "since_1970": unit})(value) == found


@pytest.mark.parametrize(
    ("value", "words"),
    [
        (True, "is true or false; it must be a number"),
        ([], "must be a number"),
        ("2018-04-01", "is not of type timestamp"),
        (10**12, "is not between the years 1678 and 2261"),
        (0.0000001, "is finer than a microsecond"),
        (2.0**60, r"is a float of 2\*\*53 or more"),
        (-1, "is below 1970-01-01"),
    ],
)
def test_what_is_no_number_of_the_unit_is_refused(value, words):
    with pytest.raises(ValueError, match=words):
        checker({"type": "timestamp", "since_1970": "s", "ge": "1970-01-01"})(value)


@quick
@given(
    value=st.integers(-(2**70), 2**70)
    | st.integers(-(10**11), 10**11)
    | st.floats(allow_nan=False, allow_infinity=False),
    unit=st.sampled_from(["d", "s", "ms", "us", "ns"]),
)
def test_a_number_since_1970_is_taken_here_when_the_pipeline_takes_it(value, unit):
    column = Column("seen", "timestamp", "", unit=unit)
    verdict = check(small_table(1, seen=[repr(value)]), small_problem(column), None)
    try:
        found = checker({"type": "timestamp", "since_1970": unit})(value)
    except ValueError:
        assert len(verdict.rejected) == 1 or abs(value) >= 2**53  # a float that may have been rounded
    else:
        assert verdict.kept["seen"].astype("int64").tolist() == [found]
