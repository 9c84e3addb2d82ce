"""Time is honest: what is computed for a moment is the same whether or not the future exists."""

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from lifecycle.core.params import Params
from lifecycle.features.aggregates import AGGREGATES
from lifecycle.features.batch import evaluate
from lifecycle.models.training import Fold
from lifecycle.problem.loading import fill
from lifecycle.problem.window_words import Window, depths
from lifecycle.splits.time_windows import TimeWindow, plan
from problems.transactions import PROBLEM
from split import cut
from tests import helpers_model
from tests.helpers_payments import EVERYTHING
from train import validation_scores

DELAY = pd.Timedelta(days=PROBLEM.defaults["split"]["delay_days"])
MOMENTS = np.random.default_rng(11).uniform(47, 59, 4)  # days after the first record


def known_at(moment: pd.Timestamp, records: pd.DataFrame) -> pd.DataFrame:
    """Return the records before a moment, with those labels that are known at it; the others stand at 0."""
    past = records[records["tx_time"] < moment].copy()
    past.loc[past["tx_time"] >= moment - DELAY, ["is_fraud", "fraud_scenario"]] = 0
    return past


def with_features(records: pd.DataFrame) -> pd.DataFrame:
    features = evaluate(PROBLEM.features, records, PROBLEM.time, PROBLEM.decimals)
    return records.assign(**{name: features[name] for name in features})


def folds_at(moment: pd.Timestamp, records: pd.DataFrame, params: Params) -> list[tuple[pd.DataFrame, pd.DataFrame]]:
    """Cut the validation windows and the training window of a model that starts to judge at `moment`."""
    split = fill(params.split, PROBLEM, "split").model_copy(
        update={"test_start": moment, "train_days": 5, "test_days": 5}
    )
    windows = plan(split, records["tx_time"].iloc[0], moment + pd.Timedelta(days=30))
    folds = [cut(records, window, PROBLEM, drop_known=True)[:2] for window in windows[:-1]]
    return [*folds, (learned(records, windows[-1]), records.head(0))]


def learned(records: pd.DataFrame, window: TimeWindow) -> pd.DataFrame:
    inside = (records["tx_time"] >= window.train_start) & (records["tx_time"] < window.train_end)
    return records[inside]


@pytest.fixture(params=MOMENTS)
def moment(request: pytest.FixtureRequest) -> pd.Timestamp:
    return (pd.Timestamp("2018-04-01") + pd.Timedelta(days=request.param)).floor("s")


@pytest.fixture(scope="module")
def crowded() -> pd.DataFrame:
    """Payments of a few cards at a few terminals, many of them at the same time."""
    records = helpers_model.payments().iloc[::8].reset_index(drop=True)
    rng = np.random.default_rng(0)
    few = {name: rng.integers(0, 12, len(records)) for name in ("customer_id", "terminal_id")}
    return records.assign(**few, tx_time=records["tx_time"].dt.floor("12h"), is_fraud=rng.integers(0, 2, len(records)))


@pytest.fixture(scope="module")
def everything(crowded: pd.DataFrame) -> pd.DataFrame:
    return evaluate(EVERYTHING, crowded, PROBLEM.time, PROBLEM.decimals)


def test_the_list_that_is_tested_has_every_aggregate_and_windows_on_windows() -> None:
    windows = [feature for feature in EVERYTHING if isinstance(feature, Window)]
    assert {window.aggregate for window in windows} == set(AGGREGATES)
    assert {window.aggregate for window in windows if window.delay_days} == set(AGGREGATES)
    assert max(depths(EVERYTHING).values()) == 3


@given(rows=st.integers(1, 3_900), flip=st.booleans())
@settings(parent=helpers_model.quick, max_examples=25)
def test_no_word_of_the_vocabulary_sees_the_future_nor_unknown_labels(
    crowded: pd.DataFrame, everything: pd.DataFrame, rows: int, flip: bool
) -> None:
    past = crowded.iloc[:rows].copy()  # often in the middle of records of the same time
    unknown = past["tx_time"] > past["tx_time"].iloc[-1] - DELAY
    past.loc[unknown, "is_fraud"] = 1 - past["is_fraud"] if flip else 0
    then = evaluate(EVERYTHING, past, PROBLEM.time, PROBLEM.decimals)
    pd.testing.assert_frame_equal(everything.iloc[:rows], then, check_exact=True)


def test_features_do_not_see_the_future_nor_unknown_labels(moment: pd.Timestamp) -> None:
    records = helpers_model.payments()
    full, then = with_features(records), with_features(known_at(moment, records))
    names = PROBLEM.feature_names
    pd.testing.assert_frame_equal(full.loc[then.index, names], then[names], check_exact=True)


def test_splits_and_validation_scores_do_not_see_the_future(moment: pd.Timestamp) -> None:
    params = helpers_model.params(split__folds=2, train__n_estimators=8)
    records = helpers_model.payments()
    full = folds_at(moment, with_features(records), params)
    then = folds_at(moment, with_features(known_at(moment, records)), params)
    for ours, theirs in zip(full, then, strict=True):
        for part, known in zip(ours, theirs, strict=True):
            pd.testing.assert_frame_equal(part, known, check_exact=True)
    for ours, theirs in zip(full[:-1], then[:-1], strict=True):
        assert scores(params, *ours) == scores(params, *theirs)


def scores(params: Params, train: pd.DataFrame, valid: pd.DataFrame) -> list[float]:
    fold = Fold(train, valid.assign(fold=1))
    return validation_scores(params.train, PROBLEM, fold)[1]["score"].tolist()
