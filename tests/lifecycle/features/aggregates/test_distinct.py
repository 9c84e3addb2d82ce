import numpy as np

from lifecycle.features.batch import evaluate_windows
from lifecycle.problem.record_words import DAY_US
from lifecycle.problem.window_words import Where, Window


def distinct(column, card=None, days=1.0, **changes):
    """Count different values in a window over records a second apart."""
    rows = len(column)
    card = np.zeros(rows, np.int64) if card is None else np.array(card)
    table = {"time": np.arange(rows) * 1_000_000, "card": card, "x": np.array(column)}
    window = Window("w", "distinct", by="card", of="x", days=(days,), **changes)
    return evaluate_windows([window], table, table["time"], {})[window.names[0]].tolist()


def test_a_value_counts_once_however_often_it_is_covered():
    two_seconds = 2_000_000 / DAY_US
    assert distinct(["a", "b", "a", "a", "c"]) == [1, 2, 2, 2, 3]
    assert distinct(["a", "b", "a", "a", "c"], days=two_seconds) == [1, 2, 2, 1, 2]
    assert distinct([0.0, -0.0, 0.5]) == [1, 1, 2]


def test_only_values_that_are_covered_count():
    assert distinct([1, 2, 1, 1, 3], where=(Where("x", "!=", 1),)) == [0, 1, 1, 1, 2]
    assert distinct([1, 2, 1, 3], current=False) == [0, 1, 2, 2]
    assert distinct([1, 2, 1, 3], days=1e-6, delay_days=1 / 86_400) == [0, 1, 1, 1]


def test_each_entity_has_its_own_values():
    assert distinct(["a", "a", "b", "b", "a", "a"], card=[0, 1, 0, 1, 0, 1]) == [1, 1, 2, 2, 2, 2]
    assert distinct(["a", "b", "a", "b"], card=[0, 0, 1, 1]) == [1, 2, 1, 2]
    assert distinct(["a", "b", "a", "b"], card=["x", "y", "y", "x"]) == [1, 1, 2, 2]
