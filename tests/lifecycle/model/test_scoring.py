import dataclasses

import numpy as np
import pandas as pd
import pytest

from lifecycle.bands import Band
from lifecycle.model.scoring import feature_names, identity
from lifecycle.stage import PipelineError
from problems.transactions import PROBLEM
from tests.helpers_model import params, payments


def test_without_exclusions_the_model_sees_the_declared_list():
    assert feature_names(PROBLEM, params().train) == PROBLEM.feature_names


def test_excluded_features_are_left_out_and_the_order_stays():
    names = feature_names(PROBLEM, params(train__exclude_features=["amount_ratio", "amount"]).train)
    assert names == [name for name in PROBLEM.feature_names if name not in ("amount_ratio", "amount")]


@pytest.mark.parametrize(
    ("excluded", "fault"),
    [
        (["amout"], "'amout' is no feature"),
        (["is_fraud"], "'is_fraud' is no feature"),
        (PROBLEM.feature_names, "no feature is left"),
    ],
)
def test_a_wrong_exclusion_is_refused_with_the_list_of_features(excluded, fault):
    with pytest.raises(PipelineError, match=r"params\.yaml: train\.exclude_features") as refusal:
        feature_names(PROBLEM, params(train__exclude_features=excluded).train)
    assert fault in str(refusal.value)
    assert ", ".join(PROBLEM.feature_names) in str(refusal.value)


def test_a_score_lies_beside_what_identifies_its_record_and_what_its_groups_are_made_from():
    made = {name: np.arange(10) for name in PROBLEM.hidden}
    records = payments().iloc[10:20].assign(fold=1, **made)
    roles = ["fold", "transaction_id", "tx_time", "customer_id", "amount", "is_fraud"]
    found = identity(records, PROBLEM, extra=("fold",))
    assert list(found) == roles + [name for name in PROBLEM.banded if name not in roles]
    assert {"region", "fraud_scenario", "customer_median_60d"} <= set(found)
    pd.testing.assert_frame_equal(found, records[list(found)].reset_index(drop=True))


def test_roles_that_a_problem_does_not_have_and_columns_with_two_are_no_trouble():
    bands = (Band("how", "fraud_scenario"), Band("key", "transaction_id", edges=(9,)))
    problem = dataclasses.replace(PROBLEM, card=None, amount=None, slices=bands, groups=())
    assert list(identity(payments(), problem)) == ["transaction_id", "tx_time", "is_fraud", "fraud_scenario"]
