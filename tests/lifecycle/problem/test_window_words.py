import dataclasses

import pytest

from lifecycle.core.errors import PipelineError
from lifecycle.problem.record_words import DAY_US, Difference, Hour, Night, Ratio, Raw, Weekend
from lifecycle.problem.window_words import Where, Window, depths, features_of

COUNT = Window("n", "count", by="card", days=(1, 7))
LATE = Window("late", "count", by="card", days=(1.5,), delay_days=7)
SHARE = Ratio("share", "n_1d", "n_7d")
BUSY = Window("busy", "count", by="shop", days=(2,), where=(Where("share", ">=", 0.5),))
CHANGE = Difference("change", "busy_2d", "amount")
MOST = Window("most", "max", by="card", of="change", days=(0.5,))
LIST = (Raw("amount"), Hour(), COUNT, LATE, SHARE, BUSY, CHANGE, MOST)


@pytest.mark.parametrize(
    ("feature", "names"),
    [
        (Raw("amount"), ("amount",)),
        (Weekend(), ("is_weekend",)),
        (Night(), ("is_night",)),
        (Hour("hour_of_day"), ("hour_of_day",)),
        (Ratio("r", "a", "b"), ("r",)),
        (Difference("d", "a", "b"), ("d",)),
        (Window("n", "count", by="card"), ("n_1d", "n_7d", "n_30d")),
        (Window("n", "count", by="card", days=(0.25, 1, 7.5)), ("n_0.25d", "n_1d", "n_7.5d")),
        (Window("n", "count", by="card", days=(1.0, 14.0)), ("n_1d", "n_14d")),
    ],
)
def test_a_feature_names_its_columns(feature, names):
    assert feature.names == names


@pytest.mark.parametrize(
    ("feature", "reads"),
    [
        (Raw("amount"), ("amount",)),
        (Hour(), ()),
        (Ratio("r", "a", "b"), ("a", "b")),
        (Difference("d", "a", "b"), ("a", "b")),
        (COUNT, ("card",)),
        (MOST, ("card", "change")),
        (dataclasses.replace(MOST, where=(Where("a", "==", 1), Where("b", "!=", 2))), ("card", "change", "a", "b")),
    ],
)
def test_a_feature_tells_what_it_reads(feature, reads):
    assert feature.reads == reads


def test_a_window_reads_of_other_records_all_but_the_entity():
    assert (COUNT.sees, BUSY.sees, MOST.sees) == ((), ("share",), ("change",))


def test_a_window_is_one_deeper_than_what_it_sees_and_a_feature_of_the_record_as_deep_as_its_sides():
    single = {"amount": 0, "hour": 0, "share": 1, "change": 2}
    assert depths(LIST) == single | {"n_1d": 1, "n_7d": 1, "late_1.5d": 1, "busy_2d": 2, "most_0.5d": 3}
    assert depths(()) == {}


def test_the_edges_of_a_window_are_whole_microseconds():
    assert (LATE.age_us, LATE.reach_us) == (7 * DAY_US, 8.5 * DAY_US)
    tenth = Window("n", "count", by="card", days=(0.1, 0.2), delay_days=0.1)
    assert (tenth.age_us, tenth.reach_us) == (8_640_000_000, 25_920_000_000)


def test_a_window_covers_its_own_record_unless_it_is_told_otherwise():
    assert (COUNT.delay_days, COUNT.current, COUNT.where) == (0, True, ())


@pytest.mark.parametrize("feature", [Night(), Raw("amount"), COUNT, SHARE, CHANGE, BUSY.where[0]])
def test_a_declaration_is_a_value(feature):
    name = dataclasses.fields(feature)[0].name
    with pytest.raises(dataclasses.FrozenInstanceError):
        setattr(feature, name, "other")
    assert feature == dataclasses.replace(feature)
    assert hash(feature) == hash(dataclasses.replace(feature))
    assert feature != dataclasses.replace(feature, **{name: "other"})


def test_a_declaration_that_newer_code_made_is_refused_with_the_words_there_are():
    with pytest.raises(PipelineError, match="unknown feature word 'Sine'; known: Raw, "):
        features_of([{"word": "Sine", "name": "s"}])
