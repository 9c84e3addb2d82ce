import numpy as np
import pytest

from lifecycle.bundle.parity import UNKNOWN, beside, placed, thresholds
from lifecycle.models.families import FAMILIES
from tests.helpers_bundle import of_shops
from tests.helpers_model import learnable

GAPS = frozenset({"gaps"})


def rows(model="random_forest", missing=GAPS, count=4_000, seed=0):
    return placed(of_shops(model), learnable()[0], missing, count, seed)


@pytest.mark.parametrize("model", [model for model in FAMILIES if model != "logistic_regression"])
def test_three_quarters_of_the_numbers_stand_on_a_threshold_or_right_beside_it(model):
    found = rows(model)
    for name, at in thresholds(of_shops(model)).items():
        assert len(at) > 3
        values = found[name].dropna().to_numpy()
        distance = np.abs(values[:, None] - at).min(axis=1)
        near = distance <= 2 * np.spacing(values.astype(np.float32)).astype(float)
        assert near.mean() == pytest.approx(0.75, abs=0.05)
        assert 0.1 < (distance == 0).mean() < 0.6


def test_beside_a_number_stand_its_neighbours_in_both_precisions():
    up, down = np.nextafter(0.1, 1), np.nextafter(0.1, 0)
    narrow = np.float32(0.1)
    single = [narrow, np.nextafter(narrow, np.float32(0)), np.nextafter(narrow, np.float32(1))]
    assert set(beside(np.array([0.1])).tolist()) == {0.1, up, down, *map(float, single)}


def test_only_what_training_lacked_is_missing():
    found = rows()
    assert found["gaps"].isna().mean() > 0.1
    assert not found[["number", "shop"]].isna().any(axis=None)
    assert rows(missing=frozenset({"shop"}))["shop"].isna().mean() == pytest.approx(0.1, abs=0.03)


def test_texts_are_those_of_training_and_one_that_is_not():
    assert set(rows()["shop"]) == {"bakery", "garage", "florist", UNKNOWN}


def test_a_model_without_thresholds_gets_real_numbers():
    found = rows("logistic_regression")
    assert set(found["number"]) <= set(learnable()[0]["number"])


def test_draws_follow_the_seed():
    assert rows().equals(rows())
    assert not rows().equals(rows(seed=1))
