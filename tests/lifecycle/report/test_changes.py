import pytest

from lifecycle.report.changes import differences, feature_changes, not_run, stage_changes
from lifecycle.repository.revision_files import out_hash


def test_differences_are_told_by_dotted_name_as_yaml_writes_them():
    base = {"problem": "a", "train": {"depth": 14, "rate": 1.0e-5, "gone": True}, "same": [1]}
    head = {"problem": "a", "train": {"depth": None, "rate": 2.0e-5, "new": {"low": 1}}, "same": [1]}
    assert differences(base, head) == [
        ("train.depth", "14", "null"),
        ("train.rate", "1e-05", "2e-05"),
        ("train.new.low", "-", "1"),
        ("train.gone", "true", "-"),
    ]
    assert differences(base, base) == []


def test_true_and_one_are_not_the_same_value_of_text():
    assert differences({"a": "1"}, {"a": 1}) == [("a", '"1"', "1")]


def feature(name: str, definition: str = "d") -> dict:
    return {"name": name, "definition": definition}


def test_features_are_added_removed_and_redefined():
    base = {"hidden": ["h"], "columns": [feature("a"), feature("b"), feature("c"), feature("h")]}
    head = {"hidden": [], "columns": [feature("a"), feature("b", "other"), feature("x"), feature("h")]}
    assert feature_changes(base, head) == (["x"], ["c"], ["b", "h"], 4)


def lock(depth: int, scores: str, code: str = "1") -> dict:
    train = {
        "cmd": "python src/train.py",
        "deps": [{"path": "data/train.parquet", "md5": "t"}, {"path": "src/train.py", "md5": code}],
        "params": {"params.yaml": {"train": {"depth": depth}, "problem": "p"}},
        "outs": [{"path": "data/scores.parquet", "md5": scores}, {"path": "m", "md5": "same"}],
    }
    judge = {"cmd": "x", "deps": [{"path": "data/scores.parquet", "md5": scores}], "outs": [{"path": "f", "md5": "f"}]}
    return {"stages": {"train": train, "evaluate": judge}}


def test_stages_that_ran_tell_why_and_what_came_out():
    assert list(stage_changes(lock(14, "a"), lock(5, "b"))) == [
        ("train", ["train.depth"], [], [], (1, 2)),
        ("evaluate", [], ["data/scores.parquet"], [], (0, 1)),
    ]
    assert list(stage_changes(lock(14, "a"), lock(14, "a", code="2"))) == [
        ("train", [], [], ["src/train.py"], (0, 2)),
    ]
    assert list(stage_changes(lock(14, "a"), lock(14, "a"))) == []


def test_a_stage_that_the_base_has_not_is_one_that_ran():
    base = {"stages": {"evaluate": lock(14, "a")["stages"]["evaluate"]}}
    (found,) = stage_changes(base, lock(14, "a"))
    assert found.name == "train"
    assert found.outs == (2, 2)


def test_the_hash_of_an_output():
    assert out_hash(lock(14, "abc"), "data/scores.parquet") == "abc"
    assert out_hash({}, "data/scores.parquet") is None


@pytest.mark.parametrize(("depth", "stale"), [(14, []), (5, ["train.depth"])])
def test_params_that_changed_after_the_last_run_are_found(depth, stale):
    assert not_run(lock(14, "a"), {"train": {"depth": depth}, "problem": "p", "tune": {"trials": 1}}) == stale


def test_an_empty_mapping_is_a_value_and_nothing_has_none():
    assert differences({"a": {}}, {"a": {"b": 1}}) == [("a.b", "-", "1"), ("a", "{}", "-")]
    assert differences({}, {}) == []
    assert differences({}, {"a": 1}) == [("a", "-", "1")]


def test_a_version_without_features_has_had_them_all_added_or_removed():
    contract = {"hidden": ["h"], "columns": [feature("a"), feature("h")]}
    assert feature_changes({}, contract) == (["a", "h"], [], [], 2)
    assert feature_changes(contract, {}) == ([], ["a", "h"], [], 0)
    assert feature_changes(contract, contract) == ([], [], [], 2)


def test_params_and_outputs_that_only_one_side_has_are_told():
    stage = {"deps": [{"path": "src/a.py", "md5": "1"}], "params": {"params.yaml": {"train": 1}}}
    base = {"stages": {"first": stage, "same": {"deps": []}, "last": {"deps": [{"path": "notes.txt", "md5": "1"}]}}}
    head = {
        "stages": {
            "first": {"deps": [], "params": {"params.yaml": {"train": 1}, "other.yaml": {"x": 2}}},
            "same": {"deps": []},
            "last": {"deps": [{"path": "notes.txt", "md5": "2"}, {"path": "src/made.py", "md5": "3"}]},
            "maker": {"outs": [{"path": "src/made.py", "md5": "3"}]},
        }
    }
    assert list(stage_changes(base, head)) == [
        ("first", ["x"], [], ["src/a.py"], (0, 0)),
        ("last", [], ["notes.txt", "src/made.py"], [], (0, 0)),  # what a stage made is data, wherever it lies
        ("maker", [], [], [], (1, 1)),
    ]


def test_params_that_are_gone_or_lie_deeper_are_stale_too():
    kept = {"stages": {"one": {"params": {"params.yaml": {"a.b.c": 1, "a.b": {"c": 1}, "d.e": 2}}}, "two": {}}}
    assert not_run(kept, {"a": {"b": {"c": 1}}, "d": {"e": 2}}) == []
    assert not_run(kept, {"a": {"b": {"c": 1}}, "d": 5}) == ["d.e"]
    assert not_run(kept, {"a": {"b": {"c": 1}}}) == ["d.e"]
    assert not_run({}, {}) == []
