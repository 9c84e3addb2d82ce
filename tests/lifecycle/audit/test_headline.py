import numpy as np
import pandas as pd
import pytest

from lifecycle.audit.ageing import Aged
from lifecycle.audit.fairness import audit
from lifecycle.audit.headline import headline
from lifecycle.audit.slices import slice_figures
from lifecycle.problem.bands import Band
from tests.helpers_audit import GROUPS, scored, window

SEEDS = {"figures": {"average_precision": [0.5, 0.7]}}


def of(table, least, slope=-0.01, groups=GROUPS):
    judged = window(table)
    sliced = slice_figures(judged, table, (Band("place", "place"),), 5.0, (50, 1))
    audited = audit(judged, table, groups, (50, 1))
    return headline(sliced, audited, SEEDS, Aged(pd.DataFrame(), (slope, slope, slope)), least), sliced


def test_the_worst_slice_and_the_largest_difference_of_single_groups_are_told():
    table = scored(6_000, recall=(0.9, 0.5))
    found, sliced = of(table, 30)
    recall = table[table["label"] == 1].groupby("place")["alert"].mean()
    assert found["largest_recall_difference"] == pytest.approx(recall["east"] - recall["west"])
    assert found["worst_slice_average_precision"] == sliced.table["average_precision"].min()
    assert found["seed_spread_average_precision"] == pytest.approx(np.std([0.5, 0.7], ddof=1))
    assert found["average_precision_per_window_of_age"] == -0.01


def test_where_nothing_can_be_told_none_stands():
    found, _ = of(scored(), 10_000, slope=float("nan"), groups=())
    assert [found[name] for name in found if name != "seed_spread_average_precision"] == [None] * 3
