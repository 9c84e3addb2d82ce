"""Contributions to each output add up to what the model says, for every family and kind of target."""

import numpy as np
import pandas as pd
import pytest

from lifecycle.core.portable_math import softmax
from lifecycle.core.tables import write_csv
from lifecycle.evaluation.pictures import draw_explanation
from lifecycle.explanation.attribution import from_bytes, to_bytes
from lifecycle.explanation.contributions import attribution, explainer, summary
from lifecycle.explanation.importance import partial_dependence, permutation_importance
from lifecycle.models.families import family_of
from lifecycle.models.prediction import predict
from tests.helpers_bundle import of_task
from tests.helpers_model import EVERY, TASKS, learnable_of

CLASSES = ("low", "middle", "high", "top")


def rows_of(task, rows=200):
    return learnable_of(task, rows, seed=5)[0]


@pytest.mark.parametrize(("model", "task"), EVERY)
def test_base_and_contributions_add_up_to_each_output(model, task):
    pipeline, rows = of_task(model, task), rows_of(task)
    explained, scores = explainer(pipeline)(rows), predict(pipeline, rows)
    assert explained.values.shape == (4 if task == "multiclass" else 1, 200, 4)
    of_classes = "probability" if family_of(pipeline).exact else "log-odds"
    assert explained.unit == ("number" if task == "regression" else of_classes)
    largest = np.abs(scores).max() if task == "regression" else 1
    assert np.abs(explained.scores() - scores).max() <= family_of(pipeline).limit(explained.unit) * largest


@pytest.mark.parametrize("model", ["hist_gradient_boosting", "lightgbm", "logistic_regression"])
def test_of_several_classes_the_log_odds_are_the_estimator_s_own(model):
    pipeline, rows = of_task(model, "multiclass"), rows_of("multiclass")
    explained, columns = explainer(pipeline)(rows), pipeline[:-1].transform(rows)
    raw = {"raw_score": True} if model == "lightgbm" else {}
    own = pipeline[-1].predict_proba(columns, **raw) if raw else pipeline[-1].decision_function(columns)
    totals = np.array(explained.base)[:, None] + explained.values.sum(axis=2)
    np.testing.assert_allclose(totals.T, own, rtol=0, atol=1e-9)
    np.testing.assert_allclose(softmax(own), predict(pipeline, rows), rtol=0, atol=6e-9)


@pytest.mark.parametrize("task", TASKS)
@pytest.mark.parametrize("model", ["extra_trees", "xgboost"])
def test_what_is_written_and_read_again_explains_each_output_the_same(model, task):
    pipeline, rows = of_task(model, task), rows_of(task, 30)
    found, expected = from_bytes(to_bytes(attribution(pipeline))), explainer(pipeline)(rows)
    for output, values in enumerate(expected.values):
        np.testing.assert_array_equal(found.of(pipeline[:-1].transform(rows), 4, output), values, strict=True)
    assert (found.base, found.unit) == (expected.base, expected.unit)


def test_the_summary_of_several_classes_has_figures_of_each_and_their_mean():
    pipeline, rows = of_task("extra_trees", "multiclass"), rows_of("multiclass")
    found = summary(pipeline, rows, predict(pipeline, rows), CLASSES)
    assert len(found.whole["base"]) == 4
    assert list(found.dots.columns) == ["output", "feature", "value", "level", "contribution"]
    assert found.dots["output"].unique().tolist() == list(CLASSES)
    features = found.as_json(pd.DataFrame({"feature": list(rows), "importance": 0.5}))["features"]
    size = np.abs(explainer(pipeline)(rows).values).mean(axis=1)
    for place, name in enumerate(rows):
        assert features[name]["mean_abs_contribution"] == pytest.approx(size[:, place].mean(), abs=1e-8)
        assert [features[name]["by_class"][each]["mean_abs_contribution"] for each in CLASSES] == pytest.approx(
            size[:, place], abs=1e-8
        )
    directions = [features["number"]["by_class"][each]["direction"] for each in ("top", "low")]
    assert directions[0] > 0.5 > -0.5 > directions[1]


def test_dependence_of_several_classes_is_the_mean_probability_of_each():
    pipeline, rows = of_task("extra_trees", "multiclass"), rows_of("multiclass")
    table = partial_dependence(lambda features: predict(pipeline, features), rows, ["number"], CLASSES)
    assert list(table.columns) == ["output", "feature", "value", "score"]
    whole = table.pivot_table(index="value", columns="output", values="score")
    np.testing.assert_allclose(whole.sum(axis=1), 1)
    value = whole.index[3]
    expected = predict(pipeline, rows.assign(number=value)).mean(axis=0)
    np.testing.assert_allclose(whole.loc[value, list(CLASSES)], expected)


@pytest.mark.parametrize("task", TASKS)
def test_importance_is_what_the_task_s_headline_loses(task):
    pipeline, rows, target = of_task("extra_trees", task), rows_of(task), learnable_of(task, 200, seed=5)[1]
    rows = rows.assign(nothing=0.0)
    found = permutation_importance(
        lambda features: predict(pipeline, features), rows, target.to_numpy(), task, None, (50, 0)
    ).set_index("feature")
    assert found["importance"].idxmax() == "number"
    assert found.loc["number", "low"] > 0
    assert found.loc["nothing", "importance"] == 0


def test_the_picture_of_several_classes_shows_each(tmp_path):
    pipeline, rows = of_task("extra_trees", "multiclass"), rows_of("multiclass")
    found = summary(pipeline, rows, predict(pipeline, rows), CLASSES)
    tables = {
        "importance": pd.DataFrame({"feature": list(rows), "importance": [0.3, 0.2, 0.1, 0], "low": 0.0, "high": 0.4}),
        "contribution_summary": found.dots,
        "partial_dependence": partial_dependence(lambda some: predict(pipeline, some), rows, ["number"], CLASSES),
    }
    for classes in (CLASSES, CLASSES[:2]):
        for name, table in tables.items():
            shown = table[table["output"].isin(classes)] if "output" in table else table
            write_csv(shown, tmp_path / f"{name}.csv")
        draw_explanation(tmp_path, "multiclass", "probability", tmp_path / f"{len(classes)}.png")
    assert (tmp_path / "4.png").stat().st_size > (tmp_path / "2.png").stat().st_size > 10_000
