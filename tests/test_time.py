"""Time is honest: what is computed for a moment is the same whether or not the future exists."""

import numpy as np
import pandas as pd
import pytest

from lifecycle.features.batch import evaluate
from lifecycle.model.splits import TimeWindow, plan
from lifecycle.params import Params
from lifecycle.problem import fill
from problems.transactions import PROBLEM
from split import cut
from tests import helpers_model
from train import judge

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
    folds = [cut(records, window, PROBLEM, drop_compromised=True) for window in windows[:-1]]
    return [*folds, (learned(records, windows[-1]), records.head(0))]


def learned(records: pd.DataFrame, window: TimeWindow) -> pd.DataFrame:
    inside = (records["tx_time"] >= window.train_start) & (records["tx_time"] < window.train_end)
    return records[inside]


@pytest.fixture(params=MOMENTS)
def moment(request: pytest.FixtureRequest) -> pd.Timestamp:
    return (pd.Timestamp("2018-04-01") + pd.Timedelta(days=request.param)).floor("s")


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
    fold = pd.concat([train.assign(fold=1, role="train"), valid.assign(fold=1, role="valid")])
    return judge(params.train, PROBLEM, fold)[1]["score"].tolist()
