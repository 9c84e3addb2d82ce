"""Trees of LightGBM and XGBoost, walked by hand, lead where the libraries lead."""

import numpy as np
import pandas as pd
import pytest

from lifecycle.explanation.shapley import contributions
from lifecycle.models.families import FAMILIES
from lifecycle.models.trees import of_lightgbm, of_xgboost

HYPERPARAMETERS = {
    "lightgbm": [{}, {"boosting_type": "dart"}, {"min_child_samples": 5_000}, {"class_weight": "balanced"}],
    "xgboost": [{}, {"gamma": 2.0, "tree_method": "exact"}, {"num_parallel_tree": 3}, {"gamma": 1e6}],
}
CASES = [(model, values) for model, listed in HYPERPARAMETERS.items() for values in listed]


def table(rows, seed, gaps=True):
    rng = np.random.default_rng(seed)
    X = rng.normal(size=(rows, 5))
    X[:, 4] = rng.integers(0, 3, rows)
    X[:, 3] = 0
    X[rng.random(X.shape) < 0.1 * gaps] = np.nan
    return X, (np.nan_to_num(X[:, 0]) + np.nan_to_num(X[:, 1] * X[:, 2]) + rng.normal(size=rows) > 1.5).astype(int)


def learned(model, gaps=True, **hyperparameters):
    library = pytest.importorskip(model)
    kind = FAMILIES[model].classifier.split(".")[1]
    quiet = {"verbosity": -1} if model == "lightgbm" else {}
    return getattr(library, kind)(n_estimators=20, n_jobs=1, **quiet, **hyperparameters).fit(*table(2_000, 0, gaps))


def walked(tree, row):
    place = 0
    while tree.left[place] >= 0:
        value = row[tree.feature[place]]
        left = tree.missing_left[place] if np.isnan(value) else value <= tree.threshold[place]
        place = (tree.left if left else tree.right)[place]
    return tree.value[place]


def ensemble(model):
    return of_lightgbm(model) if "LGBM" in type(model).__name__ else of_xgboost(model)


def margins(model, X):
    """Add the trees up as the estimator's own library does."""
    found = ensemble(model)
    kind = np.float32 if found.narrow else np.float64
    X = X.astype(kind).astype(np.float64)
    totals = np.full(len(X), found.base[0], kind)
    for tree in found.trees:
        totals += np.array([walked(tree, row) for row in X], kind)
    return totals


def own_margins(model, X):
    raw = {"raw_score": True} if "LGBM" in type(model).__name__ else {"output_margin": True}
    return model.predict(X, **raw)


@pytest.mark.parametrize(("model", "hyperparameters"), CASES)
def test_the_sum_over_the_trees_is_the_library_s_own(model, hyperparameters):
    trained, X = learned(model, **hyperparameters), table(200, 1)[0]
    np.testing.assert_array_equal(margins(trained, X), own_margins(trained, X))


@pytest.mark.parametrize("model", HYPERPARAMETERS)
def test_gaps_that_training_did_not_have_go_where_the_library_sends_them(model):
    trained, X = learned(model, gaps=False), table(200, 1)[0]
    np.testing.assert_array_equal(margins(trained, X), own_margins(trained, X))


def test_what_lightgbm_takes_for_zero_is_taken_for_zero():
    trained = learned("lightgbm")
    edge = np.float32(1e-35)
    near = [
        0.0,
        edge,
        -edge,
        *np.nextafter(edge, [0, 1], dtype=np.float32),
        *-np.nextafter(edge, [0, 1], dtype=np.float32),
    ]
    X = np.random.default_rng(0).choice(np.array(near, np.float64), (500, 5))
    np.testing.assert_array_equal(margins(trained, X), own_margins(trained, X))


@pytest.mark.parametrize(("model", "hyperparameters"), CASES)
def test_contributions_are_the_library_s_own(model, hyperparameters):
    trained, X = learned(model, **hyperparameters), table(200, 1)[0]
    if model == "lightgbm":
        theirs = trained.predict(X, pred_contrib=True)
    else:
        import xgboost

        theirs = trained.get_booster().predict(xgboost.DMatrix(X, nthread=1), pred_contribs=True)
    found = ensemble(trained).leaves()
    limit = 1e-12 if model == "lightgbm" else 1e-5  # XGBoost computes them in single precision
    np.testing.assert_allclose(contributions(found, X), theirs[:, :-1], rtol=0, atol=limit)
    assert float(found.base) == pytest.approx(float(theirs[0, -1]), abs=limit)


def test_a_splits_by_sets_of_values_is_refused():
    from lifecycle.core.errors import PipelineError

    library = pytest.importorskip("lightgbm")
    X, y = table(2_000, 0)
    frame = pd.DataFrame(X[:, :2]).assign(kind=pd.Categorical(np.nan_to_num(X[:, 4]).astype(int)))
    frame.columns = ["a", "b", "kind"]
    trained = library.LGBMClassifier(n_estimators=20, verbosity=-1).fit(frame, y + (frame["kind"] == 1) > 0)
    with pytest.raises(PipelineError, match=r"train\.categorical_feature: splits by sets"):
        ensemble(trained)
