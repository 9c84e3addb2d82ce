"""Soda's contract refuses what the contract's gate refuses, by the same columns."""

import re
from pathlib import Path

import pytest
import yaml

from integrations.contract_rules import rules_of
from integrations.soda_contract import contract as soda_contract
from integrations.soda_contract import export, source
from problems import creditcard, transactions
from tests.graph import ROOT
from tests.integrations.helpers_contract import LAST_DAY, contract, faults, refused, table
from tests.integrations.helpers_environments import call, programs

FAILED = re.compile(r"^\|[^|]*\| (?P<columns>[\w, ]+) \w+ +\|[^|]*\| ❌ FAILED", re.MULTILINE)


@pytest.mark.parametrize("problem", [transactions.PROBLEM, creditcard.PROBLEM], ids=["transactions", "creditcard"])
def test_every_rule_is_a_check_under_a_name_of_its_own(problem) -> None:
    rules = rules_of(problem, LAST_DAY)
    written = soda_contract(rules)
    assert [column["name"] for column in written["columns"]] == list(problem.columns)
    checks = [*written["checks"][1:], *(check for column in written["columns"] for check in column["checks"])]
    names = [content["name"] for check in checks for content in check.values()]
    assert len(set(names)) == len(names) == len(rules)


def test_the_command_writes_files_that_are_read_back(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(ROOT)
    export(["--folder", str(tmp_path)])
    assert yaml.safe_load((tmp_path / "contract.yml").read_text(encoding="utf-8"))["dataset"] == "project/main/records"
    assert yaml.safe_load((tmp_path / "source.yml").read_text(encoding="utf-8")) == source("data/raw/records.parquet")


@pytest.mark.nightly
@pytest.mark.parametrize("name", ["good", *faults()])
def test_soda_refuses_what_the_gate_refuses(name: str, tmp_path: Path) -> None:
    programs("soda")  # skipped before anything is written
    rows = {"good": table(), **faults()}[name]
    rows.to_parquet(tmp_path / "records.parquet")
    expected = refused(rows)
    content = {"contract.yml": soda_contract(rules_of(contract(), LAST_DAY)), "source.yml": source("records.parquet")}
    for file, part in content.items():
        (tmp_path / file).write_text(yaml.safe_dump(part, sort_keys=False, allow_unicode=True), encoding="utf-8")
    arguments = ("contract", "verify", "--contract", "contract.yml", "--data-source", "source.yml")
    printed = call("soda", "soda", *arguments, folder=tmp_path, code=1 if expected else 0)
    assert {column for match in FAILED.finditer(printed) for column in match["columns"].split(", ")} == expected
