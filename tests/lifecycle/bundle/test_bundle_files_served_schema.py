import json

import numpy as np

from lifecycle.bundle.bundle_files import schema
from problems.transactions import PROBLEM
from tests.helpers_bundle import SHOPS, fitted, of_shops
from tests.helpers_model import learnable


def test_features_are_told_in_the_order_of_training_and_by_kind():
    features, target = learnable()
    turned = features[["shop", "gaps", "number"]]
    found = schema("shops", SHOPS, fitted("extra_trees", turned, target), turned)
    assert (found["features"], found["numbers"], found["texts"]) == (
        ["shop", "gaps", "number"],
        ["gaps", "number"],
        ["shop"],
    )
    assert found["missing"] == ["gaps"]
    assert (found["problem"], found["key"], found["time"], found["target"]) == ("shops", "sale", "sold_at", "is_fraud")


def test_a_text_may_be_missing_where_it_was():
    features, target = learnable()
    features.loc[3, "shop"] = None
    assert schema("shops", SHOPS, fitted("extra_trees", features, target), features)["missing"] == ["gaps", "shop"]


def test_limits_are_those_of_the_contract():
    found = schema("transactions", PROBLEM, of_shops("extra_trees"), learnable()[0])
    columns = {column["name"]: column for column in found["columns"]}
    assert list(columns) == [column.name for column in PROBLEM.contract]
    assert columns["amount"] == {
        "name": "amount", "type": "number", "unit": "currency units", "nullable": False, "ge": 0, "le": 1_000_000,
        "isin": None, "decimals": 2, "derived": False, "late": False, "default": None,
    }  # fmt: skip
    assert columns["tx_time"]["ge"] == "2000-01-01"
    assert columns["region"]["default"] == 0
    assert found["labels"] == ["fraud_scenario", "is_fraud"]
    assert json.loads(json.dumps(found, allow_nan=False))["columns"][-1]["isin"] == [0, 1, 2, 3, 4]


def test_numbers_only_have_no_texts():
    features, target = learnable()
    found = schema("shops", SHOPS, fitted("decision_tree", features[["number"]], target), features)
    assert (found["numbers"], found["texts"], found["missing"]) == (["number"], [], [])
    assert np.isnan(features["gaps"]).any()
