"""A text of many values becomes mean targets, out of fold where the estimator learns from them."""

import numpy as np
import pandas as pd
import pytest
from sklearn.preprocessing import OneHotEncoder, TargetEncoder

from lifecycle.models.preprocessing import MOST_CATEGORIES, categories, inputs, preparation, sources
from tests.helpers_model import TASKS, learnable_of


def prepared(task, scaled=False, seed=3, rows=600):
    features, target = learnable_of(task, rows)
    prepare = preparation(features, scaled, task, seed)
    target = target.astype(float if task == "regression" else int)
    return prepare, prepare.fit_transform(features, target), features, target


@pytest.mark.parametrize("scaled", [False, True])
@pytest.mark.parametrize("task", TASKS)
def test_each_column_names_the_feature_that_it_is_made_from(task, scaled):
    prepare, columns, _, _ = prepared(task, scaled)
    flag = ["gaps"] if scaled else []
    streets = ["street"] * (4 if task == "multiclass" else 1)
    assert sources(prepare) == ["number", "gaps", *flag, "shop", "shop", "shop", *streets]
    assert columns.shape[1] == len(sources(prepare))
    assert inputs(prepare) == (["number", "gaps"], ["shop", "street"])


@pytest.mark.parametrize(("values", "kind"), [(MOST_CATEGORIES, OneHotEncoder), (MOST_CATEGORIES + 1, TargetEncoder)])
def test_the_number_of_values_decides_how_a_text_is_encoded(values, kind):
    text = [f"value {place % values}" for place in range(200)]
    features = pd.DataFrame({"text": pd.array(text, dtype="str")})
    prepare = preparation(features, False, "binary", 0).fit(features, np.arange(200) % 2)
    assert isinstance(prepare.transformers_[0][1], kind)
    assert sorted(categories(prepare)["text"]) == sorted(set(text))


def test_an_estimator_learns_from_means_that_a_row_s_own_label_has_no_part_in():
    features = pd.DataFrame({"text": pd.array([f"value {place}" for place in range(300)], dtype="str")})
    target = np.random.default_rng(0).integers(0, 2, 300)
    prepare = preparation(features, False, "binary", 0)
    learned_from = prepare.fit_transform(features, target)[:, 0]
    assert abs(np.corrcoef(learned_from, target)[0, 1]) < 0.4  # each text stands once: nothing can be known
    assert np.unique(learned_from).size <= 5  # the mean of the other folds


def test_a_text_never_seen_stands_for_the_mean_of_all():
    prepare, _, features, target = prepared("regression")
    unseen = features[:3].assign(street=pd.array(["nowhere", None, "street 7"], dtype="str"))
    found = prepare.transform(unseen)[:, -1]
    np.testing.assert_allclose(found[:2], target.mean(), rtol=1e-12)
    near = target[features["street"] == "street 7"].mean()
    assert abs(found[2] - near) < abs(target.mean() - near)


@pytest.mark.parametrize("code", range(4))
def test_of_several_classes_each_has_a_column_like_that_of_two(code):
    prepare, _, features, target = prepared("multiclass")
    alone = TargetEncoder(target_type="binary").fit(features[["street"]], (target == code).astype(int))
    np.testing.assert_allclose(prepare.transform(features)[:, -4 + code], alone.transform(features[["street"]])[:, 0])


def test_the_folds_follow_the_seed():
    first, second, other = (prepared("binary", seed=seed)[1] for seed in (3, 3, 4))
    np.testing.assert_array_equal(first, second)
    assert (first[:, -1] != other[:, -1]).any()
