import math
from itertools import pairwise

import numpy as np
import pandas as pd
import pytest
from sklearn.metrics import average_precision_score

from lifecycle.audit.stability import (
    Ageing,
    AgeWindow,
    ageing,
    as_json,
    no_ageing,
    over_seeds,
    score_windows,
    spread,
    windows_of_age,
)
from lifecycle.core.params import SplitParams, TrainParams
from lifecycle.evaluation.bootstrap import resamples
from lifecycle.evaluation.tasks.binary import Binary
from lifecycle.models.prediction import predict
from lifecycle.models.training import train_model
from lifecycle.problem.problem import Column
from lifecycle.problem.record_words import Raw
from lifecycle.splits.time_windows import TimeWindow
from tests.helpers_audit import people, scored
from tests.helpers_data import small_problem
from tests.helpers_model import learnable

DAY = pd.Timedelta(days=1)
START = pd.Timestamp("2020-03-01")
SPLIT = SplitParams(
    strategy="time",
    folds=2,
    test_share=0.2,
    seed=1,
    window="sliding",
    train_days=7,
    delay_days=3,
    test_days=5,
    test_start=None,
    drop_known_entities=True,
    max_feature_auc=0.95,
)
FINAL = TimeWindow(START - 10 * DAY, START - 3 * DAY, START, START + 5 * DAY)


def test_windows_follow_each_other_up_to_the_test_window_and_labels_of_training_are_known():
    found = windows_of_age(SPLIT, FINAL, START - 100 * DAY, 4)
    assert len(found) == 4
    assert found[-1] == FINAL
    assert all(b.test_start == a.test_end for a, b in pairwise(found))
    assert all(one.test_start - one.train_end == 3 * DAY for one in found)
    assert all(one.train_end - one.train_start == 7 * DAY for one in found)


@pytest.mark.parametrize(("before", "number"), [(10, 1), (14.9, 1), (15, 2), (20, 3), (999, 10)])
def test_there_are_as_many_windows_as_records_reach_back_for(before, number):
    first = START - before * DAY
    found = windows_of_age(SPLIT, FINAL, first, 10)
    assert len(found) == number
    assert found[0].train_start >= first or number == 1


def aged(losses, samples=100):
    windows = windows_of_age(SPLIT, FINAL, START - 200 * DAY, len(losses))
    parts = [scored(800, seed=seed) for seed in range(len(losses))]
    noise = np.random.default_rng(0)
    scores = [p["score"].to_numpy() + lost * noise.random(len(p)) for p, lost in zip(parts, losses, strict=True)]
    judged = [AgeWindow(*one, left_out=7) for one in zip(windows, parts, scores, strict=True)]
    return ageing(judged, Binary(people()), (samples, 1)), parts, scores


def test_each_window_has_its_own_figure_with_an_interval_and_its_age():
    found, parts, scores = aged([0, 0, 0])
    table = found.table
    assert table["age_days"].tolist() == [3, 8, 13]
    assert found.headline == "average_precision"
    assert table["left_out"].tolist() == [7, 7, 7]
    assert table["positives"].tolist() == [part["label"].sum() for part in parts]
    expected = [average_precision_score(part["label"], score) for part, score in zip(parts, scores, strict=True)]
    assert table["average_precision"].tolist() == pytest.approx(expected)
    assert (table["average_precision_low"] < table["average_precision"]).all()
    assert (table["average_precision"] < table["average_precision_high"]).all()
    assert found.slope[0] == pytest.approx(np.polyfit([0, 1, 2], expected, 1)[0])


def test_intervals_are_of_the_same_resampled_cards_in_all_windows():
    found, parts, scores = aged([0, 1, 2], samples=20)
    cards = sorted(set().union(*(part["card"] for part in parts)))
    order = list(dict.fromkeys(card for part in parts for card in part["card"]))  # as they first occur
    drawn = []
    for copies in resamples(len(cards), 20, 1):
        weight = dict(zip(order, copies.tolist(), strict=True))
        weights = [part["card"].map(weight) for part in parts]
        drawn.append(
            [
                average_precision_score(part["label"], score, sample_weight=own)
                for part, score, own in zip(parts, scores, weights, strict=True)
            ]
        )
    ends = np.percentile(drawn, [2.5, 97.5], axis=0)
    np.testing.assert_allclose(found.table["average_precision_low"], ends[0])
    np.testing.assert_allclose(found.table["average_precision_high"], ends[1])
    slopes = [np.polyfit([0, 1, 2], one, 1)[0] for one in drawn]
    assert found.slope[1:] == pytest.approx(np.percentile(slopes, [2.5, 97.5]))


def test_without_cards_records_are_resampled():
    windows = windows_of_age(SPLIT, FINAL, START - 200 * DAY, 1)
    part = scored(300)
    found = ageing([AgeWindow(windows[0], part, part["score"].to_numpy(), 0)], Binary(people(entity=None)), (20, 1))
    drawn = [
        average_precision_score(part["label"], part["score"], sample_weight=copies)
        for copies in resamples(len(part), 20, 1)
    ]
    ends = found.table[["average_precision_low", "average_precision_high"]].iloc[0]
    assert ends.tolist() == pytest.approx(np.percentile(drawn, [2.5, 97.5]).tolist())


def test_where_records_are_not_cut_in_time_there_is_no_window_and_no_slope():
    found = no_ageing(Binary(people()))
    assert found.headline == "average_precision"
    assert np.isnan(found.slope).all()
    assert len(found.table) == 0
    assert list(found.table) == list(aged([0])[0].table)
    written = as_json({"seeds": [1], "figures": {}}, found)["with_age"]
    assert written == {"average_precision_per_window": {"value": None, "low": None, "high": None}, "windows": []}


def test_windows_are_told_by_their_start_and_two_have_a_slope():
    found = aged([0, 3])[0]
    assert found.table["start"].tolist() == [str(START - 5 * DAY), str(START)]
    first, second = found.table["average_precision"]
    assert found.slope[0] == pytest.approx(second - first)


def test_a_model_that_loses_with_age_has_a_slope_below_zero_beyond_noise():
    falling, steady = aged([0, 1, 2, 3, 4])[0].slope, aged([0, 0, 0, 0, 0])[0].slope
    assert falling[1] < falling[0] < falling[2] < 0
    assert steady[1] < 0 < steady[2]


@pytest.mark.filterwarnings("error")
def test_one_window_has_no_slope():
    assert np.isnan(aged([0])[0].slope).all()


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


def test_without_further_seeds_there_is_the_model_on_file():
    result = found(recipe(n_estimators=3), more=0)
    assert result["seeds"] == [2**32 - 2]
    assert len(result["figures"]["score"]) == 1


def test_a_model_whose_training_has_no_chance_has_no_spread():
    scores = found(recipe(model="logistic_regression"))["figures"]["score"]
    assert spread(scores) == 0


def test_spread_is_the_sample_s_and_zero_for_one():
    assert spread([1.0, 3.0]) == math.sqrt(2)
    assert spread([1.0]) == 0


def test_undefined_figures_are_written_as_none():
    table = pd.DataFrame({"start": ["2020-01-01"], "average_precision": [float("nan")]})
    written = as_json(
        {"seeds": [1, 2], "figures": {"recall": [0.5, 0.7]}}, Ageing("average_precision", table, (float("nan"),) * 3)
    )
    assert written["with_age"]["windows"] == [{"start": "2020-01-01", "average_precision": None}]
    assert written["with_age"]["average_precision_per_window"] == {"value": None, "low": None, "high": None}
    assert written["over_seeds"]["standard_deviation"]["recall"] == spread([0.5, 0.7])


def test_records_of_known_entities_are_counted_where_they_are_left_out():
    days = np.arange(30)
    table = pd.DataFrame({"id": days, "time": START - 20 * DAY + days * DAY, "label": (days % 2 == 0).astype(int)})
    table = table.assign(card=days % 2, number=days % 3)
    problem = small_problem(
        Column("card", "integer", ""), Column("number", "number", ""), features=(Raw("number"),), entity="card"
    )
    windows = windows_of_age(SPLIT, FINAL, START - 20 * DAY, 2)
    for drop_known in (True, False):
        judged = score_windows(table, windows, problem, recipe(n_estimators=2), drop_known)
        inside = [((table["time"] >= w.test_start) & (table["time"] < w.test_end)).sum() for w in windows]
        assert [len(one.records) + one.left_out for one in judged] == inside
        assert any(one.left_out for one in judged) is drop_known


def test_an_ageing_model_learns_from_the_first_training_window_and_scores_each_window():
    table = records().assign(id=range(len(records())))
    table = table.assign(time=START - 30 * DAY + np.arange(len(table)) * DAY * 40 / len(table))
    windows, train = windows_of_age(SPLIT, FINAL, START - 20 * DAY, 2), recipe(n_estimators=5, max_depth=2)
    judged = score_windows(table, windows, PROBLEM, train, drop_known=False)
    first = windows[0]
    learned = table[(table["time"] >= first.train_start) & (table["time"] < first.train_end)]
    model = train_model(train, PROBLEM, learned)
    assert [one.window for one in judged] == windows
    for one in judged:
        inside = table[(table["time"] >= one.window.test_start) & (table["time"] < one.window.test_end)]
        np.testing.assert_array_equal(one.score, predict(model, inside))
