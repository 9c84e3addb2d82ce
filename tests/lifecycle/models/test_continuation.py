"""An earlier model learns on: its trees stay, further ones follow, and the bundle gives the same scores."""

import pickle
from dataclasses import replace

import numpy as np
import pytest

import train
from lifecycle.bundle.parity import Parity, compare
from lifecycle.core.errors import PipelineError
from lifecycle.core.params import TrainParams
from lifecycle.core.tables import write_model
from lifecycle.models.families import FAMILIES
from lifecycle.models.prediction import predict
from lifecycle.models.training import continue_training, train_model
from tests.helpers_bundle import SHOPS, decision_of_task, shops_of, write_bundle
from tests.helpers_model import learnable, learnable_of

ABLE = [name for name, family in FAMILIES.items() if family.continues]
MORE = 7


def options(model, **changes):
    return TrainParams(
        model=model, seed=3, exclude_features=[], n_estimators=10, max_depth=4, more_trees=MORE, **changes
    )


def shops(seed=0, rows=300):
    features, target = learnable(rows, seed)
    return features.assign(is_fraud=target)


def rows_of(task, seed=0):
    features, target = learnable_of(task, 600, seed)
    return features.assign(is_fraud=target)


def tasks():
    """Return each family with each task; all but the first are tried at night."""
    others = [
        pytest.param(name, task, marks=pytest.mark.nightly) for name in ABLE for task in ("multiclass", "regression")
    ]
    return [*((name, "binary") for name in ABLE), *others]


def trees_of(model):
    """Return the values of all leaves, tree by tree."""
    return [tree.value.tolist() for tree in FAMILIES[model[0]].trees(model[1][-1]).trees]


@pytest.mark.parametrize("model", ABLE)
def test_the_earlier_trees_stay_and_further_ones_follow(model):
    earlier = train_model(options(model), SHOPS, shops())
    before = trees_of((model, earlier))
    after = trees_of((model, continue_training(earlier, options(model), SHOPS, shops(1))))
    assert after[: len(before)] == before
    assert len(after) == len(before) + MORE


@pytest.mark.parametrize("model", ABLE)
def test_the_same_rows_give_the_same_bits(model):
    earlier = pickle.dumps(train_model(options(model), SHOPS, shops()))
    found = [continue_training(pickle.loads(earlier), options(model), SHOPS, shops(1)) for _ in range(2)]
    assert predict(found[0], shops(2)).tobytes() == predict(found[1], shops(2)).tobytes()
    assert trees_of((model, found[0])) == trees_of((model, found[1]))
    assert found[0][-1].get_params()["n_estimators"] == 10 + MORE


@pytest.mark.parametrize(("model", "task"), tasks())
def test_the_bundle_gives_the_same_scores(model, task, tmp_path):
    problem = shops_of(task)
    earlier = train_model(options(model), problem, rows_of(task))
    pipeline = continue_training(earlier, options(model), problem, rows_of(task, 1))
    served = write_bundle(tmp_path / "bundle", pipeline, decision_of_task(task), problem)
    table = rows_of(task, 2).assign(sale=range(600))
    assert compare(served, pipeline, table, "sale", 0.0) == Parity(600, 0.0, 0, 0)


@pytest.mark.parametrize("model", ABLE)
def test_it_learns_from_the_new_rows(model):
    new = shops(1, 600)
    new = new.assign(is_fraud=1 - new["is_fraud"])  # the world has turned
    earlier = train_model(options(model), SHOPS, shops(0, 600))
    before = predict(earlier, new)
    after = predict(continue_training(earlier, options(model), SHOPS, new), new)
    truth = new["is_fraud"].to_numpy()
    assert np.mean((after - truth) ** 2) < np.mean((before - truth) ** 2)


@pytest.mark.parametrize("model", ["hist_gradient_boosting", "logistic_regression", "decision_tree"])
def test_a_family_that_can_not_says_so(model):
    params = TrainParams(model=model, seed=3, exclude_features=[])
    with pytest.raises(PipelineError, match=f"{model} can't learn on from other rows; those that can: random_forest"):
        continue_training(train_model(params, SHOPS, shops()), params, SHOPS, shops())


def test_another_family_other_features_and_other_classes_are_refused():
    earlier = train_model(options("extra_trees"), SHOPS, shops())
    refusals = {
        "of the family extra_trees, train.model = 'random_forest'": (options("random_forest"), SHOPS, shops()),
        "other features: gaps": (
            options("extra_trees").model_copy(update={"exclude_features": ["gaps"]}),
            SHOPS,
            shops(),
        ),
        "other features: their order": (options("extra_trees"), replace(SHOPS, features=SHOPS.features[::-1]), shops()),
        "the rows have others": (options("extra_trees"), SHOPS, shops().assign(is_fraud=1)),
    }
    for words, given in refusals.items():
        with pytest.raises(PipelineError, match=words):
            continue_training(earlier, *given)


def test_a_hyper_parameter_that_is_no_value_is_refused_by_the_library_s_own_words():
    earlier = train_model(options("extra_trees"), SHOPS, shops())
    wrong = options("extra_trees", min_samples_leaf=-1)
    with pytest.raises(PipelineError, match=r"params\.yaml: train: .*min_samples_leaf"):
        continue_training(earlier, wrong, SHOPS, shops())


def test_an_empty_folder_means_a_new_model(tmp_path, capsys):
    params = options("extra_trees", continue_from=str(tmp_path))
    new = train_model(params, SHOPS, shops())
    assert trees_of(("extra_trees", train.final_model(params, SHOPS, shops()))) == trees_of(("extra_trees", new))
    write_model(new, tmp_path / "model.joblib")
    assert len(train.final_model(params, SHOPS, shops(1))[-1].estimators_) == 10 + MORE
    assert "gets 7 further trees" in capsys.readouterr().out
