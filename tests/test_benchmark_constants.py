"""benchmarks/constants.py changes one constant at a time, and all of them."""

import dataclasses

import pytest

from benchmarks import constants, protocol
from lifecycle.problem.window_words import Window
from tests.helpers_benchmarks import PROBLEM, reaching, two_trees

NAMES = PROBLEM.feature_names


def atoms(value: object) -> list[object]:
    """Return all that a feature list is made of, from left to right."""
    if dataclasses.is_dataclass(value):
        return [type(value), *atoms(tuple(vars(value).values()))]
    return [atom for part in value for atom in atoms(part)] if isinstance(value, tuple) else [value]


def declared_value(constant: str) -> float | None:
    change, values = constants.CONSTANTS[constant]
    (value,) = (value for value in values if change(PROBLEM.features, value) == PROBLEM.features)
    return value


@pytest.mark.parametrize("constant", constants.CONSTANTS)
def test_a_constant_is_the_only_thing_that_changes(constant: str) -> None:
    change, values = constants.CONSTANTS[constant]
    own = declared_value(constant)
    for value in set(values) - {own, None}:
        features = change(PROBLEM.features, value)
        pairs = zip(atoms(PROBLEM.features), atoms(features), strict=True)
        different = {pair for pair in pairs if pair[0] != pair[1]}
        renamed = {(old, old.replace(f"_{own:g}d", f"_{value:g}d")) for old, _ in different if isinstance(old, str)}
        assert different == {(own, value)} | renamed
        assert change(features, own) == PROBLEM.features


@pytest.mark.parametrize("constant", [name for name, (_, values) in constants.CONSTANTS.items() if None in values])
def test_without_a_limit_its_conditions_are_gone_and_no_others(constant: str) -> None:
    change, _ = constants.CONSTANTS[constant]
    gone = atoms(PROBLEM.features)
    left = atoms(change(PROBLEM.features, None))
    assert len(gone) - len(left) == 8  # one condition of two windows: a class, a column, an operator and a value
    assert gone.count(declared_value(constant)) - left.count(declared_value(constant)) == 2


def test_the_constants_are_all_there_are() -> None:
    windows = [feature for feature in protocol.needed(PROBLEM.features, NAMES) if isinstance(feature, Window)]
    lasting = [name for change, _ in constants.CONSTANTS.values() for name in change.keywords.get("windows", ())]
    assert sorted(window.name for window in windows) == sorted(lasting)
    known = {tuple(change.keywords.values()) for change, _ in constants.CONSTANTS.values() if "is_" in change.keywords}
    assert known == {(c.column, c.is_) for window in windows for c in window.where} - {("is_fraud", "==")}


def test_what_the_model_sees_follows_a_changed_name() -> None:
    features = constants.lasting(PROBLEM.features, 90, ("customer_median", "customer_since_large"))
    assert constants.seen(PROBLEM, PROBLEM.features) == NAMES
    assert constants.seen(PROBLEM, features) == [name.replace("large_10d", "large_90d") for name in NAMES]


def test_constants_prints_each_value_and_marks_the_declared_one(monkeypatch, capsys) -> None:
    monkeypatch.setattr(constants, "load_params", two_trees)
    monkeypatch.setattr(constants, "simulated", lambda problem: reaching())
    monkeypatch.setattr(constants, "VALIDATION_STARTS", ("2018-07-25",))
    name = "ordinary: amount up to"
    monkeypatch.setattr(constants, "CONSTANTS", {name: (constants.CONSTANTS[name][0], (100.0, 200.0, None))})
    constants.main()
    _, _, lower, declared, without = capsys.readouterr().out.splitlines()
    assert name in lower
    assert "100 " in lower
    assert declared.split()[:2] == ["200", "*"]
    assert declared.split()[-2:] == ["+0.0000", "0"]
    assert without.split()[0] == "none"
