import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.metrics import average_precision_score, roc_auc_score

from lifecycle.core.ranking import EntityRanking, Ranking, average_precision, roc_auc, separation
from tests.helpers_model import quick, ranked

SEEDS = st.integers(0, 10_000)
labelled = st.lists(
    st.tuples(st.integers(0, 1), st.integers(-4, 4) | st.floats(-1e300, 1e300)), min_size=2, max_size=60
)


@given(SEEDS, st.sampled_from([2, 20, 10_000]), st.booleans())
@quick
def test_rankings_agree_with_scikit_learn_ties_and_weights_included(seed, steps, weighted):
    target, score, weight = ranked(200, seed, steps)
    weight = weight.astype(float) if weighted else None
    counts = Ranking(target, score).counts(weight)
    assert average_precision(*counts) == pytest.approx(average_precision_score(target, score, sample_weight=weight))
    assert roc_auc(*counts) == pytest.approx(roc_auc_score(target, score, sample_weight=weight))


def test_counts_are_of_all_rows_at_or_above_each_threshold():
    target, score, weight = ranked()
    ranking = Ranking(target, score)
    hits, alarms = ranking.counts(weight)
    assert (np.diff(ranking.thresholds) < 0).all()
    for threshold, hit, alarm in zip(ranking.thresholds, hits, alarms, strict=True):
        assert hit == weight[(score >= threshold) & (target == 1)].sum()
        assert alarm == weight[(score >= threshold) & (target == 0)].sum()


@pytest.mark.parametrize(
    ("target", "precision", "area"), [([0, 0], np.nan, np.nan), ([1, 1], 1, np.nan), ([], np.nan, np.nan)]
)
def test_what_one_class_can_not_tell_is_not_a_number(target, precision, area):
    counts = Ranking(np.array(target), np.linspace(0, 1, len(target))).counts()
    np.testing.assert_equal([average_precision(*counts), roc_auc(*counts)], [precision, area])


@quick
@given(labelled.filter(lambda rows: {label for label, _ in rows} == {0, 1}))
def test_area_is_that_of_scikit_learn_in_the_better_direction(rows):
    target, values = (np.array(column) for column in zip(*rows, strict=True))
    area = roc_auc_score(target, values.astype(float))
    assert separation(values, target) == pytest.approx(max(area, 1 - area), abs=1e-12)


def test_missing_values_rank_last():
    target = np.array([0, 1, 0, 1, 1, 0, 0])
    values = np.array([0.5, np.nan, 0.1, 0.4, np.nan, np.nan, 0.9])
    area = roc_auc_score(target, np.nan_to_num(values, nan=10.0))
    assert separation(values, target) == pytest.approx(max(area, 1 - area))


@pytest.mark.parametrize("target", [[0, 0, 0], [1, 1, 1]])
def test_area_of_one_class_says_nothing(target):
    assert separation(np.array([1, 2, 3]), np.array(target)) == 0.5


def plain_card_precision(rows, k, copies):
    """Rank the cards of one day after the other, by hand."""
    found, shares = set(), []
    for _, day in rows.groupby("day"):
        cards = day[~day["card"].isin(found)].groupby("card").agg(score=("score", "max"), fraud=("target", "max"))
        ranking = cards.sort_values("score", ascending=False, kind="stable")
        reviewed = [card for card in ranking.index for _ in range(copies[card])][:k]
        hits = [card for card in reviewed if ranking.loc[card, "fraud"]]
        shares.append(len(hits) / k)
        found |= set(hits)
    return np.mean(shares)


@given(SEEDS, st.integers(1, 12), st.booleans())
@settings(parent=quick, max_examples=20)
def test_card_precision_agrees_with_a_loop_over_days(seed, k, resampled):
    target, score, _ = ranked(60, seed, steps=7)
    rng = np.random.default_rng(seed)
    rows = pd.DataFrame(
        {"day": np.sort(rng.integers(0, 5, 60)), "card": rng.integers(0, 15, 60), "target": target, "score": score}
    )
    copies = rng.integers(0, 3, 15) if resampled else np.ones(15, int)
    ranking = EntityRanking(*(rows[name].to_numpy() for name in ("day", "card", "target", "score")))
    expected = plain_card_precision(rows, k, copies)
    assert ranking.precision_at(k, copies if resampled else None) == pytest.approx(expected)


def test_a_card_detected_on_one_day_is_not_reviewed_on_the_next():
    day, card = np.array([0, 0, 1, 1]), np.array([0, 1, 0, 1])
    ranking = EntityRanking(day, card, np.array([1, 0, 1, 1]), np.array([0.9, 0.1, 0.9, 0.1]))
    assert ranking.precision_at(1) == 1.0  # on day 1 card 0 is gone, so card 1 is the first
    assert ranking.precision_at(2) == 0.5


def test_a_card_that_was_ranked_too_low_to_be_seen_stays():
    day, card = np.array([0, 0, 1]), np.array([0, 1, 0])
    ranking = EntityRanking(day, card, np.array([1, 0, 1]), np.array([0.1, 0.9, 0.9]))
    assert ranking.precision_at(1) == 0.5


def test_of_equal_scores_the_earlier_row_comes_first_however_many_there_are():
    target, score = np.tile([1, 0], 500), np.tile([0.5, 0.5, 0.7], 400)[:1000]
    order = Ranking(target, score).order
    assert order.tolist() == sorted(range(1000), key=lambda row: -score[row])


def test_of_equal_entities_the_first_one_is_reviewed_however_many_there_are():
    score, target = np.tile([0.5, 0.7], 500), np.zeros(1000, int)
    target[1:21:2] = 1  # the first ten of the more suspicious
    ranking = EntityRanking(np.zeros(1000, int), np.arange(1000), target, score)
    assert ranking.precision_at(10) == 1.0
