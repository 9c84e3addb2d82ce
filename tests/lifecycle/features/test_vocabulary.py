import dataclasses

import pytest

from lifecycle.features.vocabulary import Hour, Night, Raw, Weekend, Window


@pytest.mark.parametrize(
    ("feature", "names"),
    [
        (Raw("amount"), ("amount",)),
        (Weekend(), ("is_weekend",)),
        (Night(), ("is_night",)),
        (Hour("hour_of_day"), ("hour_of_day",)),
        (Window("n", "count", by="card"), ("n_1d", "n_7d", "n_30d")),
        (Window("n", "count", by="card", days=(0.25, 1, 7.5)), ("n_0.25d", "n_1d", "n_7.5d")),
        (Window("n", "count", by="card", days=(1.0, 14.0)), ("n_1d", "n_14d")),
    ],
)
def test_a_feature_names_its_columns(feature, names):
    assert feature.names == names


def test_a_window_sees_its_own_record_unless_a_delay_is_declared():
    assert Window("n", "count", by="card").delay_days == 0


def test_a_declared_feature_can_not_be_changed():
    with pytest.raises(dataclasses.FrozenInstanceError):
        Night().last_hour = 5


def test_equal_declarations_are_equal():
    assert Window("n", "count", by="card") == Window("n", "count", by="card")
    assert Window("n", "count", by="card") != Window("n", "count", by="card", delay_days=7)
