"""The gate sees what a served model does otherwise, and refuses it."""

from dataclasses import replace

import numpy as np
import pytest

from lifecycle.bundle import onnx_export
from lifecycle.bundle.bundle_writer import seal
from lifecycle.bundle.onnx_export import export
from lifecycle.bundle.parity import (
    UNKNOWN,
    Parity,
    as_metrics,
    beside,
    compare,
    rows_on_thresholds,
    served_scores,
    thresholds,
)
from lifecycle.bundle.servable import Servable
from lifecycle.core.errors import PipelineError
from lifecycle.models.prediction import predict
from tests.helpers_bundle import ORIGIN, fitted, of_shops, some_decision, write_bundle
from tests.helpers_model import CLASSIFIERS, learnable

BOUND = 1e-6
GAPS = frozenset({"gaps"})


def rows(count=700):
    return learnable(count, seed=5)[0].assign(sale=range(1_000, 1_000 + count))


def edge(pipeline):
    found = rows_on_thresholds(pipeline, rows(), GAPS, 2_000, seed=0)
    return found.assign(sale=range(2_000))


@pytest.mark.parametrize("model", CLASSIFIERS)
def test_an_exact_export_passes(model, tmp_path):
    pipeline = of_shops(model)
    bundle = write_bundle(tmp_path / "bundle", pipeline)
    assert compare(bundle, pipeline, rows(), "sale", 0.0) == Parity(700, 0.0, 0, 0)
    assert compare(bundle, pipeline, edge(pipeline), "sale", 0.0) == Parity(2_000, 0.0, 0, 0)


def tampered(folder, pipeline, monkeypatch, change):
    """Return a bundle whose manifest is right and whose model was exported wrongly."""
    write_bundle(folder, pipeline)
    right = onnx_export.ensemble_score

    def wrong(graph, columns, found):
        return right(graph, columns, change(found))

    monkeypatch.setattr(onnx_export, "ensemble_score", wrong)
    (folder / "model.onnx").write_bytes(export(pipeline))
    for name in ("manifest.json", "provenance.json"):
        (folder / name).unlink()
    seal(folder, ORIGIN)
    return Servable.load(folder)


def one_leaf_moved(found):
    tree = found.trees[0]
    value = tree.value.copy()
    value[np.flatnonzero(tree.left < 0)[-1]] += 0.01
    return found._replace(trees=[tree._replace(value=value), *found.trees[1:]])


def one_tree_less(found):
    return found._replace(trees=found.trees[:-1])


def thresholds_in_double(found):
    return found._replace(single=False)


def gaps_go_right(found):
    return found._replace(trees=[tree._replace(missing_left=np.zeros_like(tree.missing_left)) for tree in found.trees])


@pytest.mark.parametrize("change", [one_leaf_moved, one_tree_less, gaps_go_right])
def test_a_tampered_export_is_refused_with_the_worst_rows(change, tmp_path, monkeypatch):
    pipeline = of_shops("extra_trees")
    bundle = tampered(tmp_path / "bundle", pipeline, monkeypatch, change)
    with pytest.raises(PipelineError, match="the exported model is not the pipeline's: of 700 rows") as refusal:
        compare(bundle, pipeline, rows(), "sale", BOUND)
    first, header, *worst = str(refusal.value).splitlines()
    assert "(package.max_difference: 1e-06)" in first
    assert header.split() == ["sale", "served", "pipeline"]
    assert len(worst) == 5
    for line in worst:
        sale, found, expected = line.split()
        row = rows().set_index("sale", drop=False).loc[[int(sale)]]
        assert float(expected) == predict(pipeline, row[["number", "gaps", "shop"]])[0] != float(found)


def test_only_rows_on_thresholds_see_values_that_are_compared_in_another_precision(tmp_path, monkeypatch):
    pipeline = of_shops("random_forest")
    bundle = tampered(tmp_path / "bundle", pipeline, monkeypatch, thresholds_in_double)
    assert compare(bundle, pipeline, rows(), "sale", BOUND).largest_difference == 0
    with pytest.raises(PipelineError, match="of 2000 rows"):
        compare(bundle, pipeline, edge(pipeline), "sale", BOUND)


def test_a_difference_within_the_bound_passes_unless_it_flips_a_decision(tmp_path, monkeypatch):
    pipeline = of_shops("extra_trees")
    score = np.unique(predict(pipeline, rows()[["number", "gaps", "shop"]]))
    folder = tmp_path / "bundle"

    def slightly_less(found):
        return found._replace(trees=[tree._replace(value=tree.value * (1 - 1e-9)) for tree in found.trees])

    bundle = tampered(folder, pipeline, monkeypatch, slightly_less)
    bundle.decision = replace(bundle.decision, threshold=2.0)
    assert 0 < compare(bundle, pipeline, rows(), "sale", BOUND).largest_difference < 1e-8
    bundle.decision = replace(bundle.decision, threshold=float(score[-3]))
    with pytest.raises(PipelineError, match=r"of 700 rows [1-9][0-9]* decisions and 0 places"):
        compare(bundle, pipeline, rows(), "sale", BOUND)


def test_a_ranking_that_is_turned_round_is_refused_however_small_the_difference(tmp_path, monkeypatch):
    pipeline = of_shops("extra_trees")

    def other_way_round(found):
        trees = [tree._replace(value=1 - tree.value) for tree in found.trees]
        return found._replace(trees=trees)

    bundle = tampered(tmp_path / "bundle", pipeline, monkeypatch, other_way_round)
    bundle.decision = replace(bundle.decision, threshold=2.0)
    with pytest.raises(PipelineError, match=r"0 decisions and [1-9][0-9]* places in the ranking"):
        compare(bundle, pipeline, rows(), "sale", 1.0)


def test_rows_alone_and_rows_together_keep_their_order(tmp_path):
    pipeline = of_shops("extra_trees")
    bundle = write_bundle(tmp_path / "bundle", pipeline, some_decision())
    for count in (0, 1, 499, 500, 501, 700):
        found = served_scores(bundle, rows()[:count])
        np.testing.assert_array_equal(found, predict(pipeline, rows()[["number", "gaps", "shop"]])[:count])


def test_figures_are_those_of_all_tables():
    assert as_metrics(Parity(15, 1e-9, 0, 0), Parity(7, 2e-9, 0, 0), 1_234) == {
        "rows_compared": 15,
        "rows_on_thresholds": 7,
        "largest_difference": 2e-9,
        "decisions_that_differ": 0,
        "rankings_that_differ": 0,
        "bundle_bytes": 1_234,
    }


def drawn(model="random_forest", missing=GAPS, count=4_000, seed=0):
    return rows_on_thresholds(of_shops(model), learnable()[0], missing, count, seed)


@pytest.mark.parametrize("model", [model for model in CLASSIFIERS if model != "logistic_regression"])
def test_three_quarters_of_the_numbers_stand_on_a_threshold_or_right_beside_it(model):
    found = drawn(model)
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
    found = drawn()
    assert found["gaps"].isna().mean() > 0.1
    assert not found[["number", "shop"]].isna().any(axis=None)
    assert drawn(missing=frozenset({"shop"}))["shop"].isna().mean() == pytest.approx(0.1, abs=0.03)


def test_texts_are_those_of_training_and_one_that_is_not():
    assert set(drawn()["shop"]) == {"bakery", "garage", "florist", UNKNOWN}


def test_a_model_without_thresholds_gets_real_numbers():
    found = drawn("logistic_regression")
    assert set(found["number"]) <= set(learnable()[0]["number"])


def test_draws_follow_the_seed():
    assert drawn().equals(drawn())
    assert not drawn().equals(drawn(seed=1))


def test_a_family_that_is_exported_by_its_own_nodes_passes(network, tmp_path):
    pipeline = fitted("neural_network", *learnable(600), hidden_layer_sizes=[8, 4], max_iter=30)
    bundle = write_bundle(tmp_path / "bundle", pipeline)
    assert compare(bundle, pipeline, rows(), "sale", 0.0) == Parity(700, 0.0, 0, 0)
    assert compare(bundle, pipeline, edge(pipeline), "sale", 0.0) == Parity(2_000, 0.0, 0, 0)
