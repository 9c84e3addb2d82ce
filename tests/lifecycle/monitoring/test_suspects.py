"""Who is suspect of a rise of the loss: the feature in one bin of which it is concentrated, or the labels."""

import numpy as np

from lifecycle.monitoring.detectors.axis import Axis
from lifecycle.monitoring.root_cause import Change, concentrated, worst_cut


def change(name: str, excess: list[float], kind: str = "feature") -> Change:
    axis = Axis(name, name, kind, tuple(float(edge) for edge in range(9)))  # type: ignore[arg-type]
    extra = [0.0] * (axis.size - len(excess))  # for what is far or missing
    return Change(axis, np.array([*excess, *extra]), np.array([0.1] * 10 + extra), np.full(axis.size, 0.1))


def test_a_loss_that_is_spread_as_usual_tells_of_no_feature() -> None:
    noisy = change("amount", [3, 1, 2, 0.5, 1.5, 2, 1, 3, 1, 2])
    assert concentrated([noisy]) == []
    assert worst_cut([noisy]) is None


def test_the_feature_in_one_bin_of_which_the_loss_stands_is_named_first() -> None:
    spread, narrow = change("amount", [6, 4, 1, 0, 0, 0, 0, 0, 1, 0]), change("hour", [9, 0, 0, 0, 1, 0, 0, 0, 1, 0])
    assert concentrated([spread, narrow]) == ["hour", "amount"]
    cut = worst_cut([spread, narrow])
    assert cut is not None
    assert cut.where == "hour up to 0"


def test_a_slice_is_a_cut_but_no_suspect() -> None:
    only = change("region", [9, 0, 0, 0, 0, 0, 0, 0, 0, 0], kind="slice")
    assert concentrated([only]) == []
    assert worst_cut([only]) is not None
