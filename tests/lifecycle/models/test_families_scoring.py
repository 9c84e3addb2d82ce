import pytest

from lifecycle.core.errors import PipelineError
from lifecycle.models.families import feature_names
from problems.transactions import PROBLEM
from tests.helpers_model import params


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
