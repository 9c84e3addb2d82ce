"""Who is right where the other is wrong, and an entity that counts once."""

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from lifecycle.core.errors import PipelineError
from lifecycle.release.evidence.paired_evidence import caught, outcomes, tally


def pairs(target, champion, challenger, day=0, **more) -> pd.DataFrame:
    """Return records of both models; `more` are their alerts and codes."""
    columns = {"target": target, "score_champion": champion, "score_challenger": challenger, "day": day}
    return pd.DataFrame({**columns, **more})


def test_both_models_get_the_champions_budget_of_each_day():
    table = pairs(
        target=[1, 1, 0, 1, 1, 0],
        champion=[0.9, 0.2, 0.8, 0.9, 0.1, 0.2],
        challenger=[0.1, 0.4, 0.3, 0.2, 0.3, 0.1],  # on another scale, far below any threshold
        day=[0, 0, 0, 1, 1, 1],
        alert_champion=[1, 0, 1, 1, 0, 0],
    )
    # Day 0, two alerts: the champion catches the first, the challenger the second. Day 1, one alert: one each.
    assert outcomes(table, "binary").tolist() == [-1, 1, 0, -1, 1, 0]


def test_a_negative_a_missing_label_and_a_missing_score_win_nothing():
    table = pairs([0, np.nan, 1], [0.1, 0.2, np.nan], [0.9, 0.8, np.nan], alert_champion=[1, 1, 1])
    assert outcomes(table, "binary").tolist() == [0, 0, 0]


def test_a_log_without_alerts_is_none_of_a_binary_target():
    with pytest.raises(PipelineError, match="not of a binary target"):
        outcomes(pairs([1], [0.5], [0.5], alert_champion=np.nan), "binary")


def test_of_several_classes_the_most_likely_one_is_right_or_wrong():
    table = pairs([2, 2, 2, np.nan], 0.9, 0.9, code_champion=[2, 1, 2, 1], code_challenger=[1, 2, 2, 1])
    assert outcomes(table, "multiclass").tolist() == [-1, 1, 0, 0]


def test_of_a_number_the_smaller_error_is_right_and_equal_ones_count_for_nobody():
    table = pairs([10.0, 10, 10, 10, np.nan], [9.0, 12, 11, 10, 1], [10.5, 7, 9, np.nan, 2])
    assert outcomes(table, "regression").tolist() == [1, -1, 0, -1, 0]


@given(st.lists(st.tuples(st.floats(0, 1), st.integers(0, 3)), max_size=40), st.lists(st.integers(0, 5), min_size=4))
def test_each_day_takes_as_many_of_its_highest_scores_as_it_may(records, budget):
    score, day = (np.array([record[place] for record in records], dtype=kind) for place, kind in ((0, float), (1, int)))
    taken = caught(score, day, np.array(budget[:4]))
    for number in range(4):
        own = day == number
        assert taken[own].sum() == min(budget[number], own.sum())
        assert score[own & ~taken].max(initial=0) <= score[own & taken].min(initial=1)


def test_thirty_frauds_of_one_card_are_one_piece_of_evidence():
    day, card = np.repeat([0, 1, 2], 10), np.full(30, 0.25)
    found = tally(np.ones(30, int), day, card, days=3)
    assert found.wins.tolist() == [1, 1, 1]
    assert found.losses.tolist() == [0, 0, 0]
    assert tally(np.ones(30, int), day, None, days=3).wins.tolist() == [10, 20, 30]


@given(st.lists(st.tuples(st.integers(0, 5), st.integers(0, 3), st.integers(-1, 1)), max_size=60))
@settings(max_examples=30)
def test_what_has_counted_stays_when_more_days_come(records):
    day, card, outcome = (np.array([record[place] for record in records], dtype=int) for place in range(3))
    whole = tally(outcome, day, card.astype(float), days=6)
    for days in range(1, 6):
        until = day < days
        part = tally(outcome[until], day[until], card[until].astype(float), days)
        assert [part.wins.tolist(), part.losses.tolist()] == [whole.wins[:days].tolist(), whole.losses[:days].tolist()]


def test_counted_by_fraud_clusters_promote_by_chance_and_by_card_they_do_not():
    """The records of a card stand and fall together, so they are no independent evidence."""
    rng, promoted = np.random.default_rng(5), {"card": 0, "fraud": 0}
    for _ in range(120):
        sign, size = rng.choice([1, -1], 200), rng.geometric(1 / 5, 200)
        outcome, card = np.repeat(sign, size), np.repeat(np.arange(200.0), size)
        day = (card // 10).astype(int)
        for name, entity in (("card", card), ("fraud", None)):
            evidence = tally(outcome, day, entity, days=20).evidence(10)
            promoted[name] += bool((evidence.above >= np.log(20)).any())
    assert promoted["card"] <= 0.05 * 120
    assert promoted["fraud"] > 0.15 * 120


def test_evidence_is_symmetric():
    found = tally(np.array([1, -1]), np.array([0, 0]), None, days=1).evidence(10)
    assert found.above == pytest.approx(found.below)
