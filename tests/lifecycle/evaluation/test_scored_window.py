import numpy as np
import pytest

from lifecycle.evaluation.bootstrap import weights_of
from lifecycle.evaluation.scored_window import Sample
from tests.helpers_audit import scored, window


def test_a_total_counts_each_record_as_often_as_its_entity_is_drawn():
    one = window(scored(200, cards=20))
    copies = np.random.default_rng(0).integers(0, 4, one.units)
    weight = weights_of(copies, one.entity)
    assert one.units == len(np.unique(one.entity))

    def column(window):
        return window.score

    assert Sample(one, copies).total(column) == pytest.approx((one.score * weight).sum())
    assert Sample(one).total(column) == one.score.sum()
