import json

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from sklearn.isotonic import IsotonicRegression
from sklearn.linear_model import LogisticRegression

from lifecycle.evaluation import probability_calibration
from lifecycle.evaluation.probability_calibration import (
    METHODS,
    Calibration,
    brier,
    calibration_bins,
    calibration_error,
    fit,
    windows_out_of_time,
)
from tests.helpers_model import quick, ranked

GRID = np.linspace(-0.5, 1.5, 401)


@given(st.sampled_from(METHODS), st.integers(0, 10_000), st.integers(3, 200))
@quick
def test_every_map_is_monotone_and_gives_probabilities(method, seed, rows):
    target, score, _ = ranked(rows, seed)
    probability = fit(method, np.append(score, [0.1, 0.9]), np.append(target, [0, 1])).apply(
        np.sort(np.append(GRID, score))
    )
    assert (np.diff(probability) >= 0).all()
    assert probability.min() >= 0
    assert probability.max() <= 1


@pytest.mark.parametrize("method", METHODS)
def test_a_map_read_back_from_json_gives_the_same_bits(method):
    target, score, _ = ranked()
    before = fit(method, score, target)
    after = Calibration(**json.loads(json.dumps(before.as_json())))
    np.testing.assert_array_equal(after.apply(GRID), before.apply(GRID))


def test_none_leaves_scores_alone_and_clips_what_is_no_probability():
    assert fit("none", *ranked()[1::-1]).apply(np.array([-0.1, 0.3, 1.2])).tolist() == [0, 0.3, 1]


def test_sigmoid_is_the_unpenalised_logistic_regression_of_scikit_learn():
    target, score, _ = ranked()
    expected = (
        LogisticRegression(C=np.inf, tol=1e-10, max_iter=5_000).fit(score[:, None], target).predict_proba(GRID[:, None])
    )
    np.testing.assert_allclose(fit("sigmoid", score, target).apply(GRID), expected[:, 1], atol=1e-6)


def test_sigmoid_of_an_extreme_score_warns_nobody(recwarn):
    assert Calibration("sigmoid", slope=1e4, intercept=-5e3).apply(np.array([0.0, 1.0])).tolist() == [0, 1]
    assert not recwarn.list


def test_isotonic_is_the_one_of_scikit_learn():
    target, score, _ = ranked()
    expected = IsotonicRegression(y_min=0, y_max=1, out_of_bounds="clip").fit(score, target)
    np.testing.assert_allclose(fit("isotonic", score, target).apply(GRID), expected.predict(GRID), atol=1e-12)


def test_calibration_brings_distorted_scores_back():
    target, score, _ = ranked(4_000, steps=1_000)
    for method in ("sigmoid", "isotonic"):
        assert brier(target, fit(method, score**3, target).apply(score**3)) < brier(target, score**3)


def compared(score, target, fold, delay_in_folds=0):
    time = np.datetime64("2018-01-01") + (fold * 7).astype("timedelta64[D]")
    windows = windows_out_of_time(fold, time, np.timedelta64(7 * delay_in_folds, "D"))
    return probability_calibration.compare(score, target, windows)


def folds_of(rows=600):
    target, score, _ = ranked(rows)
    return score, target, np.repeat([1, 2, 3, 4], rows // 4)


def test_the_comparison_is_the_mean_over_later_folds_of_maps_learned_on_all_earlier_ones():
    score, target, fold = folds_of()
    for method, found in compared(score, target, fold).items():
        maps = {f: fit(method, score[fold < f], target[fold < f]) for f in (2, 3, 4)}
        assert found == pytest.approx(np.mean([((maps[f].apply(score) - target)[fold == f] ** 2).mean() for f in maps]))


def test_the_order_of_the_rows_does_not_matter_only_their_folds():
    score, target, fold = folds_of()
    shuffled = np.random.default_rng(0).permutation(len(score))
    assert compared(score[shuffled], target[shuffled], fold[shuffled]) == pytest.approx(compared(score, target, fold))


@pytest.mark.parametrize("newest", [2, 3])
def test_a_fold_is_judged_without_its_own_and_later_labels(monkeypatch, newest):
    score, target, fold = folds_of()
    seen = []
    monkeypatch.setattr(probability_calibration, "brier", lambda _, probability: seen.append(probability) or 0.0)
    compared(score, target, fold)
    compared(score, np.where(fold < newest, target, 1 - target), fold)
    before, after = seen[: len(seen) // 2], seen[len(seen) // 2 :]
    judged = [f for _ in METHODS for f in (2, 3, 4)]
    for f, one, other in zip(judged, before, after, strict=True):
        assert f > newest or (one == other).all()


def test_labels_that_are_not_known_when_a_fold_begins_teach_nothing():
    score, target, fold = folds_of()
    for method, found in compared(score, target, fold, delay_in_folds=1).items():
        maps = {f: fit(method, score[fold < f - 1], target[fold < f - 1]) for f in (3, 4)}
        assert found == pytest.approx(
            np.mean([brier(target[fold == f], maps[f].apply(score[fold == f])) for f in maps])
        )


def test_where_no_label_is_known_in_time_nothing_is_calibrated():
    score, target, fold = folds_of()
    assert list(compared(score, target, fold, delay_in_folds=4)) == ["none"]


def test_a_sigmoid_never_turns_the_ranking_round():
    target, score, _ = ranked(400)
    assert np.ptp(fit("sigmoid", 1 - score, target).apply(score)) == 0


def plain_calibration_error(target, probability, weight):
    error = 0.0
    for low in range(10):
        inside = (np.floor(probability * 10) == low) | ((probability == 1) & (low == 9))
        if weight[inside].sum():
            gap = np.average(target[inside], weights=weight[inside]) - np.average(
                probability[inside], weights=weight[inside]
            )
            error += weight[inside].sum() / weight.sum() * abs(gap)
    return error


@given(st.integers(0, 10_000), st.sampled_from([1, 10, 1_000]))
@quick
def test_calibration_error_agrees_with_a_plain_loop(seed, steps):
    target, probability, weight = ranked(150, seed, steps)
    assert calibration_error(target, probability, weight) == pytest.approx(
        plain_calibration_error(target, probability, weight)
    )
    once = np.ones(len(target))
    assert calibration_error(target, probability) == pytest.approx(plain_calibration_error(target, probability, once))


def test_calibration_bins_hold_every_row_and_the_last_takes_one():
    mass, predicted, observed = calibration_bins(np.array([1, 0, 1]), np.array([1.0, 0.0, 0.95]))
    assert mass.tolist() == [1, 0, 0, 0, 0, 0, 0, 0, 0, 2]
    assert (predicted[9], observed[9]) == (pytest.approx(0.975), 1)
    assert np.isnan(predicted[1:9]).all()
