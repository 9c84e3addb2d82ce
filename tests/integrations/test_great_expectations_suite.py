"""The suite refuses what the contract's gate refuses, by the same columns."""

import json
import re
from datetime import date
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from integrations.contract_rules import rules_of, rules_of_project
from integrations.great_expectations_suite import export, suite
from lifecycle.contract.row_validation import check
from lifecycle.core.tables import write_json
from problems import creditcard, transactions
from tests.graph import ROOT
from tests.helpers_data import payments_table
from tests.integrations.helpers_contract import LAST_DAY, contract, faults, refused, table
from tests.integrations.helpers_environments import call

RUN = """
import json, sys
from pathlib import Path
from integrations.great_expectations_suite import verdict
folder = Path(sys.argv[1])
found = {path.stem: verdict(folder / "suite.json", path) for path in sorted(folder.glob("*.parquet"))}
print(json.dumps(found))
"""
CENTS = st.integers(0, 10**5).map(lambda cents: cents / 100)
KINDS = {"type", "present", "at_least", "at_most", "before", "one_of", "decimals", "readable", "unique", "distinct"}


def test_the_small_contract_has_every_kind_of_rule_and_the_gate_refuses_each_fault() -> None:
    assert {rule.kind for rule in rules_of(contract(), LAST_DAY)} == KINDS
    assert refused(table()) == set()
    assert all(len(refused(rows)) in (1, 2) for rows in faults().values())


@pytest.mark.parametrize("problem", [transactions.PROBLEM, creditcard.PROBLEM], ids=["transactions", "creditcard"])
def test_every_column_has_its_type_and_nothing_is_said_of_others(problem) -> None:
    expectations = suite(rules_of(problem, None))["expectations"]
    typed = [one["kwargs"]["column"] for one in expectations if one["type"].endswith("in_type_list")]
    assert typed == list(problem.columns)
    assert {one["kwargs"].get("column", problem.key) for one in expectations} == set(problem.columns)


def test_the_command_writes_the_suite_of_the_project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(ROOT)
    export(["--folder", str(tmp_path), "--as-of", "2018-09-30"])
    written = json.loads((tmp_path / "suite.json").read_text(encoding="utf-8"))
    assert written == suite(rules_of_project(date(2018, 9, 30)))


@settings(deadline=None, max_examples=50)
@given(value=st.one_of(st.decimals(0, 10**6, places=4).map(float), st.lists(CENTS, min_size=2, max_size=9).map(sum)))
def test_the_pattern_of_decimals_says_what_the_gate_says(value: float) -> None:
    (pattern,) = (
        one["kwargs"]["regex"]
        for one in suite(rules_of(transactions.PROBLEM, None))["expectations"]
        if one["type"].endswith("to_match_regex") and "not" not in one["type"]
    )
    rows = payments_table(2).assign(amount=[1.0, value])
    assert bool(re.search(pattern, str(value))) == (not check(rows, transactions.PROBLEM, None).failed)


@pytest.mark.nightly
def test_great_expectations_refuses_what_the_gate_refuses(tmp_path: Path) -> None:
    write_json(suite(rules_of(contract(), LAST_DAY)), tmp_path / "suite.json")
    for name, rows in {"good": table(), **faults()}.items():
        rows.to_parquet(tmp_path / f"{name}.parquet")
    printed = call("great_expectations", "python", "-c", RUN, str(tmp_path), folder=ROOT).splitlines()[-1]
    found = {
        name: {column for _, names in failed for column in names.split(", ")}
        for name, failed in json.loads(printed).items()
    }
    assert found == {"good": set(), **{name: refused(rows) for name, rows in faults().items()}}
