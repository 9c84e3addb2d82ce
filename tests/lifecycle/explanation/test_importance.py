import numpy as np
import pandas as pd
import pytest
from sklearn.metrics import average_precision_score

from lifecycle.explanation.importance import permutation_importance
from lifecycle.models.families import build
from lifecycle.models.prediction import predict
from lifecycle.models.training import fit
from tests.helpers_model import learnable

ROWS, TARGET = learnable(400, seed=2)
CARD = (ROWS["number"] * 20).to_numpy().astype(np.int64)  # the rows of a card are alike


def by_hand(rows):
    """Score by the number and the shop; the column with gaps is ignored, and scores tie."""
    return np.round(rows["number"].to_numpy() + 0.3 * (rows["shop"] == "garage").to_numpy(), 1)


def importance(function=by_hand, rows=ROWS, entity=CARD, samples=50, seed=3):
    return permutation_importance(function, rows, TARGET.to_numpy(), "binary", entity, (samples, seed))


def test_one_column_at_a_time_is_shuffled_and_what_average_precision_loses_is_told():
    seen = []

    def watched(rows):
        seen.append(rows)
        return by_hand(rows)

    found = importance(watched)
    assert list(found["feature"]) == list(ROWS)
    pd.testing.assert_frame_equal(seen[0], ROWS)
    whole = average_precision_score(TARGET, by_hand(ROWS))
    for name, rows, lost in zip(ROWS, seen[1:], found["importance"], strict=True):
        pd.testing.assert_frame_equal(rows.drop(columns=name), ROWS.drop(columns=name))
        assert rows[name].tolist() != ROWS[name].tolist()
        pd.testing.assert_series_equal(*(table[name].sort_values(ignore_index=True) for table in (rows, ROWS)))
        assert lost == pytest.approx(whole - average_precision_score(TARGET, by_hand(rows)), abs=1e-12)


def test_what_the_model_ignores_is_worth_exactly_nothing():
    found = importance().set_index("feature")
    assert found.loc["gaps"].tolist() == [0, 0, 0]
    assert (found.loc[["number", "shop"]] > 0).all(axis=None)
    assert found.loc["number", "importance"] > found.loc["shop", "importance"]


def precision(score, weight):
    """Return the average precision: at each score, the precision of what is as high, by the recall that it adds."""
    place = np.unique(-score, return_inverse=True)[1]
    alerts, hits = (np.cumsum(np.bincount(place, weight * of)) for of in (1, TARGET))
    return (np.diff(hits, prepend=0) * hits / np.maximum(alerts, 1)).sum() / hits[-1]


@pytest.mark.parametrize("entity", [CARD, None], ids=["cards", "rows"])
def test_the_interval_is_that_of_resampled_cards_or_else_rows(entity):
    shuffled = []

    def watched(rows):
        shuffled.append(by_hand(rows))
        return shuffled[-1]

    found = (
        importance(watched, entity=entity, rows=ROWS[["number", "shop"]], samples=500)
        .set_index("feature")
        .loc["number"]
    )
    rng, losses = np.random.default_rng(99), []
    units = np.arange(len(ROWS)) if entity is None else entity
    for _ in range(500):
        drawn = np.bincount(rng.choice(np.unique(units), len(np.unique(units))), minlength=units.max() + 1)[units]
        whole, without = (precision(score, drawn) for score in shuffled[:2])
        losses.append(whole - without)
    low, high = np.quantile(losses, [0.025, 0.975])
    assert found["low"] == pytest.approx(low, abs=0.1 * (high - low))
    assert found["high"] == pytest.approx(high, abs=0.1 * (high - low))
    assert found["low"] < found["importance"] < found["high"]


def test_rows_of_one_card_are_drawn_together():
    # However often the only card is drawn, its rows are the same.
    found = importance(entity=np.zeros(len(ROWS), np.int64))
    np.testing.assert_allclose(found["low"], found["importance"], atol=1e-12)
    np.testing.assert_allclose(found["high"], found["importance"], atol=1e-12)


def test_a_seed_repeats_and_another_shuffles_in_another_way():
    pd.testing.assert_frame_equal(importance(), importance(), check_exact=True)
    assert importance(seed=4)["importance"].tolist() != importance()["importance"].tolist()


def test_the_rows_stay_as_they_are():
    rows = ROWS.copy()
    importance(rows=rows)
    pd.testing.assert_frame_equal(rows, ROWS)


def test_a_fitted_pipeline_is_asked_with_its_own_columns():
    model = fit(build("extra_trees", "binary", 0, {"n_estimators": 10}, ROWS), ROWS, TARGET)
    unseen, target = learnable(400, seed=7)
    found = permutation_importance(
        lambda rows: predict(model, rows), unseen, target.to_numpy(), "binary", None, (50, 0)
    )
    assert found.loc[found["importance"].idxmax(), "feature"] == "number"
    assert (found["low"] <= found["high"]).all()
