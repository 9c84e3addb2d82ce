import math

import pandas as pd

from lifecycle.audit.ageing import Aged, as_json, over_seeds, spread
from lifecycle.core.params import TrainParams
from lifecycle.models.families import predict
from lifecycle.models.training import train_model
from lifecycle.problem.problem import Column
from lifecycle.problem.record_words import Raw
from tests.helpers_data import small_problem
from tests.helpers_model import learnable

PROBLEM = small_problem(Column("number", "number", ""), features=(Raw("number"),))


def recipe(seed=2**32 - 2, model="extra_trees", **hyperparameters):
    return TrainParams(model=model, seed=seed, exclude_features=[], **hyperparameters)


def records():
    frame, label = learnable()
    return frame[["number"]].assign(label=label)


def first_score(model):
    return {"score": float(predict(model, records()[["number"]])[0])}


def found(train, more=3):
    own = train_model(train, PROBLEM, records())
    return over_seeds(train, PROBLEM, records(), (more, own), first_score)


def test_the_model_on_file_comes_first_and_the_seeds_that_follow_it_next():
    train = recipe(n_estimators=3, max_depth=2)
    result = found(train)
    assert result["seeds"] == [2**32 - 2, 2**32 - 1, 0, 1]
    again = first_score(train_model(train.model_copy(update={"seed": 2**32 - 1}), PROBLEM, records()))
    assert result["figures"]["score"][1] == again["score"]
    assert len(set(result["figures"]["score"])) > 1
    assert result == found(train)


def test_a_model_whose_training_has_no_chance_has_no_spread():
    scores = found(recipe(model="logistic_regression"))["figures"]["score"]
    assert spread(scores) == 0


def test_spread_is_the_sample_s_and_zero_for_one():
    assert spread([1.0, 3.0]) == math.sqrt(2)
    assert spread([1.0]) == 0


def test_undefined_figures_are_written_as_none():
    table = pd.DataFrame({"start": ["2020-01-01"], "average_precision": [float("nan")]})
    written = as_json({"seeds": [1, 2], "figures": {"recall": [0.5, 0.7]}}, Aged(table, (float("nan"),) * 3))
    assert written["with_age"]["windows"] == [{"start": "2020-01-01", "average_precision": None}]
    assert written["with_age"]["average_precision_per_window"] == {"value": None, "low": None, "high": None}
    assert written["over_seeds"]["standard_deviation"]["recall"] == spread([0.5, 0.7])
