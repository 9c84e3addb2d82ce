import re
from xml.etree import ElementTree

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from lifecycle.monitoring.performance import UNKNOWN, Figure
from lifecycle.monitoring.svg_charts import HEIGHT, WIDTH, Scale, Series, bars, lines, strip, whiskers

DAYS = ["2026-03-02", "2026-03-03", "2026-03-04", "2026-03-05"]
NAN = np.nan
finite = st.floats(-1e9, 1e9, allow_subnormal=False)


def drawing(chart: str) -> ElementTree.Element:
    """Return the chart as a tree: a chart that is not well-formed fails here."""
    return ElementTree.fromstring(chart.replace("<br>", "<br/>"))


def shapes(chart: str, look: str) -> list[ElementTree.Element]:
    return [one for one in drawing(chart).iter() if one.get("class") == look]


def told(chart: str) -> str:
    return str(next(one for one in drawing(chart).iter() if one.get("aria-label")).get("aria-label"))


@given(st.lists(finite, min_size=1, max_size=9), st.booleans())
def test_every_value_stands_inside_the_chart_between_ticks_that_are_round(values: list[float], from_zero: bool) -> None:
    scale = Scale.of(values, len(values), from_zero)
    assert all(0 <= scale.x(place) <= WIDTH for place in range(len(values)))
    assert all(0 <= scale.y(value) <= HEIGHT for value in values)
    assert 1 <= len(scale.ticks) <= 6
    assert all(scale.low - 1e-6 <= tick <= scale.high + 1e-6 for tick in scale.ticks if abs(tick) < 1e6)
    assert not from_zero or scale.low <= 0


def test_a_line_has_a_gap_where_nothing_is_known_and_a_band_where_that_lasts() -> None:
    chart = lines("loss", DAYS, [Series("loss", np.array([1.0, NAN, 2.0, NAN]))])
    (path,) = shapes(chart, "path now")
    assert re.sub("[0-9. ]+", "", str(path.get("d"))) == "MM"
    assert len(shapes(chart, "dot now")) == 2  # each stands alone
    (band,) = shapes(chart, "unknown")
    whole = lines("loss", DAYS, [Series("loss", np.array([1.0, NAN, 2.0, 3.0]))])
    assert shapes(whole, "unknown") == []
    assert float(str(band.get("width"))) == pytest.approx((WIDTH - 46 - 6) / 4, abs=0.1)
    assert "not known yet" in chart
    assert "not known yet" not in whole


def test_what_is_usual_does_not_make_a_day_known() -> None:
    series = [Series("loss", np.array([1.0, 1.0, NAN, NAN])), Series("usual", np.ones(4), "usual")]
    assert len(shapes(lines("loss", DAYS, series), "unknown")) == 1


def test_days_above_the_limit_are_marked_and_the_days_of_an_alarm_set_off() -> None:
    chart = lines("ratio", DAYS, [Series("ratio", np.array([0.5, 1.0, 1.5, 4.0]))], ("limit", 1.0), (2, 3))
    assert len(shapes(chart, "dot over")) == 2
    assert len(shapes(chart, "limit")) == 1
    assert len(shapes(chart, "shaded")) == 2  # the band and its name
    assert told(chart) == "ratio. ratio: at most 4 on 2026-03-05, 4 on 2026-03-05."


def test_a_chart_without_a_value_says_that_nothing_is_known() -> None:
    assert told(lines("loss", DAYS, [Series("loss", np.full(4, NAN))])) == "loss. loss: not known yet."
    assert told(whiskers("recall", DAYS, [("value", "now", [UNKNOWN] * 4)])) == "recall. value: not known yet."


def test_each_known_window_has_its_interval() -> None:
    figures = [Figure(0.5, 0.4, 0.6), Figure(0.5, None, None), UNKNOWN, Figure(0.7, 0.6, 0.9)]
    chart = whiskers("recall", DAYS, [("value", "now", figures)])
    assert [len(shapes(chart, look)) for look in ("whisker now", "dot now", "unknown")] == [2, 3, 1]
    assert "0.7 (0.6 to 0.9) in the window from 2026-03-05" in told(chart)


def test_bars_leave_out_what_is_empty_and_name_the_largest_change() -> None:
    chart = bars("place", ["east", "west", "missing"], [0.75, 0.25, 0.0], [0.25, 0.75, 0.0], "now")
    assert [len(shapes(chart, f"bar {look}")) for look in ("usual", "now")] == [2, 2]
    assert "missing" not in chart
    assert told(chart) == "place. east: 75 % in the reference, 25 % now."
    before, after = (float(str(shapes(chart, f"bar {look}")[0].get("width"))) for look in ("usual", "now"))
    assert before == pytest.approx(3 * after, rel=0.01)


@pytest.mark.parametrize(
    ("name", "shown"),
    [("a" * 20, "a" * 20), ("a" * 21, "a" * 19 + "…"), ("金" * 10, "金" * 10), ("金" * 11, "金" * 9 + "…")],
)
def test_a_long_name_is_cut_by_the_room_that_its_letters_take(name: str, shown: str) -> None:
    chart = bars("place", [name], [1.0], [1.0], "now")
    assert shown in [one.text for one in drawing(chart).iter() if one.tag == "text"]


def test_a_strip_joins_days_of_the_same_colour() -> None:
    ratios = np.array([0.1, 0.2, NAN, 0.9, 1.0, 1.1, 5.0])
    chart = strip("dose", ratios, [f"day {place}" for place in range(7)])
    found = [(one.get("class"), one.get("x"), one.get("width")) for one in drawing(chart).iter() if one.tag == "rect"]
    assert found == [("h0", "0", "2"), ("h3", "3", "2"), ("h4", "5", "1"), ("h5", "6", "1")]
    assert told(chart) == "dose, ratio to the limit: at most 5 on day 6, 5 on day 6"


def test_names_are_text() -> None:
    evil = '<b onload="x">&\x1b'
    for chart in (
        bars(evil, [evil], [1.0], [0.5], evil),
        lines(evil, [evil], [Series(evil, np.ones(1))], (evil, 0.5)),
        whiskers(evil, [evil], [(evil, "now", [UNKNOWN])]),
        strip(evil, np.ones(1), [evil]),
    ):
        assert "<b " not in chart
        assert "\x1b" not in chart
        assert told(chart).count('<b onload="x">& ') >= 1
