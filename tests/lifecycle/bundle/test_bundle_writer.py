import dataclasses
import json
import shutil
from pathlib import Path

import numpy as np
import pytest

from lifecycle.bundle.bundle_writer import new_folder, schema, seal, write_refusal
from lifecycle.bundle.manifest import FILES, verify
from lifecycle.bundle.servable import Servable
from lifecycle.core.errors import PipelineError
from lifecycle.problem.problem import Column
from problems.transactions import PROBLEM
from tests.helpers_bundle import ORIGIN, SHOPS, fitted, of_shops, write_bundle
from tests.helpers_model import learnable


def filled(folder, text):
    (folder / "file").write_text(text)


def content(folder):
    return {path.name: path.read_bytes() for path in folder.iterdir()}


@pytest.fixture
def target(tmp_path):
    with new_folder(tmp_path / "models/bundle") as folder:
        filled(folder, "old")
    return tmp_path / "models/bundle"


def test_a_folder_takes_the_place_of_the_old_one_whole(target):
    (target / "more").touch()
    with new_folder(target) as folder:
        filled(folder, "new")
        assert content(target) == {"file": b"old", "more": b""}
    assert content(target) == {"file": b"new"}
    assert [path.name for path in target.parent.iterdir()] == ["bundle"]


@pytest.mark.parametrize("error", [ValueError, KeyboardInterrupt])
def test_a_failed_run_leaves_the_old_folder_and_nothing_else(target, error):
    with pytest.raises(error), new_folder(target) as folder:
        filled(folder, "new")
        raise error
    assert content(target) == {"file": b"old"}
    assert [path.name for path in target.parent.iterdir()] == ["bundle"]


def test_what_can_not_be_put_in_place_leaves_the_old_folder_there(target, monkeypatch):
    rename = Path.rename

    def spy(self, other):
        if self.name.endswith(".new.tmp"):
            raise PermissionError("not today")
        return rename(self, other)

    monkeypatch.setattr(Path, "rename", spy)
    with pytest.raises(PermissionError), new_folder(target) as folder:
        filled(folder, "new")
    assert content(target) == {"file": b"old"}
    assert [path.name for path in target.parent.iterdir()] == ["bundle"]


def killed(monkeypatch, renames):
    """Let a run end like one that is killed: after so many renames, and without tidying up."""
    done, rename = [], Path.rename

    def spy(self, other):
        if len(done) == renames:
            monkeypatch.setattr(shutil, "rmtree", lambda *args, **kwargs: None)
            raise KeyboardInterrupt
        done.append(rename(self, other))

    monkeypatch.setattr(Path, "rename", spy)


@pytest.mark.parametrize(("renames", "left"), [(0, {"file": b"old"}), (1, None)])
def test_a_killed_run_leaves_the_old_folder_or_none_and_the_next_clears_up(target, renames, left):
    with pytest.MonkeyPatch.context() as patch:
        killed(patch, renames)
        with pytest.raises(KeyboardInterrupt), new_folder(target) as folder:
            filled(folder, "half")
    assert (content(target) if target.exists() else None) == left
    assert len(list(target.parent.iterdir())) > 1
    with new_folder(target) as folder:
        assert content(folder) == {}
        filled(folder, "new")
    assert content(target) == {"file": b"new"}
    assert [path.name for path in target.parent.iterdir()] == ["bundle"]


def test_the_same_inputs_give_the_same_bytes(tmp_path):
    for name in ("one", "two"):
        write_bundle(tmp_path / name / "bundle", of_shops("extra_trees"))
    assert content(tmp_path / "one/bundle") == content(tmp_path / "two/bundle")
    assert set(content(tmp_path / "one/bundle")) == {*FILES, "manifest.json"}


def test_manifest_and_provenance_name_every_file_and_what_it_was_made_from(tmp_path):
    folder = tmp_path / "bundle"
    write_bundle(folder, of_shops("extra_trees"))
    manifest = verify(folder).content
    assert list(manifest)[:3] == ["format", "name", "problem"]
    assert {key: manifest[key] for key in ORIGIN._fields} == ORIGIN._asdict()
    stated = json.loads((folder / "provenance.json").read_text())
    assert [subject["name"] for subject in stated["subject"]] == [name for name in FILES if name != "provenance.json"]
    for subject in stated["subject"]:
        assert subject["digest"]["sha256"] == manifest["files"][subject["name"]]["sha256"]


def test_a_file_that_is_not_there_can_t_be_sealed(tmp_path):
    with pytest.raises(FileNotFoundError, match=r"model\.onnx"):
        seal(tmp_path, ORIGIN)


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
        "aliases": ["TX_AMOUNT"],
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


def test_a_family_that_can_t_be_served_leaves_a_folder_that_says_so_to_whoever_opens_it(tmp_path, neighbours):
    text = write_refusal(tmp_path, neighbours)
    assert text.startswith("no bundle was made: the model family k_nearest_neighbours has no exact export")
    with pytest.raises(
        PipelineError, match=r"no bundle was made.* can be served: random_forest, .*xgboost$"
    ) as refusal:
        Servable.load(tmp_path)
    assert "k_nearest_neighbours" not in str(refusal.value).split("can be served:")[1]
    with pytest.raises(PipelineError, match="no bundle was made"):
        verify(tmp_path)


def test_the_unit_of_times_that_are_numbers_is_told_and_no_other_column_has_one():
    problem = dataclasses.replace(SHOPS, contract=(*SHOPS.contract, Column("at", "timestamp", "when", unit="ms")))
    *others, last = schema("shops", problem, of_shops("extra_trees"), learnable()[0])["columns"]
    assert (last["since_1970"], last["unit"]) == ("ms", "when")
    assert not any("since_1970" in column for column in others)


@pytest.mark.parametrize("entity", [None, "shop"])
def test_a_schema_says_which_column_is_the_entity(entity):
    train = learnable(60)[0]
    problem = dataclasses.replace(SHOPS, entity=entity)
    assert schema("shops", problem, of_shops("decision_tree"), train)["entity"] == entity
