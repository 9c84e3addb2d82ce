"""A bundle of each kind of target: what it says of itself, how it decides, and why."""

from dataclasses import replace

import numpy as np
import pytest

from lifecycle.bundle.bundle_writer import schema
from lifecycle.bundle.parity import Parity, as_batch, compare, rows_on_thresholds
from lifecycle.bundle.servable import ClassScored, NumberScored, Scored
from lifecycle.core.errors import PipelineError
from lifecycle.evaluation.decision import decision_of
from lifecycle.explanation.contributions import explainer
from lifecycle.models.prediction import predict
from tests.helpers_bundle import SHOPS, decision_of_task, of_task, shops_of, write_bundle
from tests.helpers_model import EVERY, TASKS, learnable_of


def bundle(folder, model, task):
    return write_bundle(folder / "bundle", of_task(model, task), decision_of_task(task), shops_of(task))


def rows(task, count=700):
    return learnable_of(task, count, seed=5)[0].assign(sale=range(count))


@pytest.mark.parametrize(("model", "task"), EVERY)
def test_what_is_served_is_what_the_pipeline_and_the_decision_say(model, task, tmp_path):
    served = bundle(tmp_path, model, task)
    found = served.score(as_batch(served, rows(task)))
    score = predict(of_task(model, task), rows(task))
    expected = decision_of(task, decision_of_task(task)).apply(score)
    assert type(found) is {"binary": Scored, "multiclass": ClassScored, "regression": NumberScored}[task]
    for part, own in zip(found, (score, *expected), strict=True):
        np.testing.assert_array_equal(part, own, strict=True)


@pytest.mark.parametrize(("model", "task"), EVERY)
def test_an_exact_export_passes_the_gate(model, task, tmp_path):
    served, pipeline = bundle(tmp_path, model, task), of_task(model, task)
    edge = rows_on_thresholds(pipeline, rows(task), frozenset(), 1_000, seed=0).assign(sale=range(1_000))
    assert compare(served, pipeline, rows(task), "sale", 0.0) == Parity(700, 0.0, 0, 0)
    assert compare(served, pipeline, edge, "sale", 0.0) == Parity(1_000, 0.0, 0, 0)


def shifted(served, monkeypatch, change):
    right = served.session.score
    monkeypatch.setattr(served.session, "score", lambda batch: change(right(batch)))


def test_the_ranking_of_each_class_counts(tmp_path, monkeypatch):
    served = bundle(tmp_path, "extra_trees", "multiclass")
    shifted(served, monkeypatch, lambda score: score[:, [0, 1, 3, 2]])
    with pytest.raises(PipelineError, match=r"of 700 rows [1-9]\d* decisions and [1-9]\d* places"):
        compare(served, of_task("extra_trees", "multiclass"), rows("multiclass"), "sale", 2.0)


def test_a_class_that_is_decided_otherwise_is_a_flip(tmp_path, monkeypatch):
    served = bundle(tmp_path, "extra_trees", "multiclass")
    shifted(served, monkeypatch, lambda score: score + 0.05 * (np.arange(4) == 2))
    with pytest.raises(PipelineError, match=r"of 700 rows [1-9]\d* decisions and 0 places"):
        compare(served, of_task("extra_trees", "multiclass"), rows("multiclass"), "sale", 2.0)


@pytest.mark.parametrize(("factor", "passes"), [(1 + 1e-8, True), (1 + 1e-5, False)])
def test_a_number_s_difference_is_a_share_of_the_largest(factor, passes, tmp_path, monkeypatch):
    served = bundle(tmp_path, "extra_trees", "regression")
    shifted(served, monkeypatch, lambda score: score * factor)
    pipeline = of_task("extra_trees", "regression")
    if passes:
        assert compare(served, pipeline, rows("regression"), "sale", 1e-6).largest_difference == pytest.approx(1e-8)
    else:
        with pytest.raises(PipelineError, match=r"up to 1\.0e-05|1e-05"):
            compare(served, pipeline, rows("regression"), "sale", 1e-6)


@pytest.mark.parametrize("task", TASKS)
@pytest.mark.parametrize("model", ["random_forest", "lightgbm"])
def test_reasons_are_what_raises_the_score_of_the_class_that_is_meant(model, task, tmp_path):
    served, features = bundle(tmp_path, model, task), rows(task, 40)
    outputs = np.arange(40) % 4 if task == "multiclass" else None
    found = served.reasons(as_batch(served, features), features.to_dict("records"), 2, outputs)
    values = explainer(of_task(model, task))(features).values
    for place, because in enumerate(found):
        added = values[0 if outputs is None else outputs[place], place]
        best = sorted((-value, name) for value, name in zip(added.tolist(), served.features, strict=True) if value > 0)
        assert [(-reason.contribution, reason.feature) for reason in because] == best[:2]


def test_the_schema_says_task_and_labels_as_the_source_has_them(tmp_path):
    served = bundle(tmp_path, "decision_tree", "multiclass")
    assert (served.task, served.classes) == ("multiclass", ("low", "middle", "high", "top"))
    label = served.schema["columns"][-1]
    assert (label["name"], label["type"], label["isin"]) == ("is_fraud", "integer", [0, 1, 2, 3])
    assert bundle(tmp_path, "decision_tree", "binary").classes == (0, 1)
    number = bundle(tmp_path, "decision_tree", "regression")
    assert (number.classes, number.schema["columns"][-1]["type"]) == ((), "number")
    assert np.isnan(number.threshold)


@pytest.mark.parametrize(("legal", "classes"), [(("no", "yes"), ["no", "yes"]), (None, [None, "yes"])])
def test_the_labels_of_two_classes_are_those_of_the_source(legal, classes):
    label = replace(SHOPS.columns["is_fraud"], type="text", isin=legal)
    problem = replace(SHOPS, contract=(*SHOPS.contract[:-1], label), positive="yes")
    train = learnable_of("binary", 600)[0]
    assert schema("shops", problem, of_task("decision_tree", "binary"), train)["classes"] == classes
