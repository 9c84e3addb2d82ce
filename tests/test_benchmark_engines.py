"""The four engines of benchmarks/features.py give the same features, and a difference is refused."""

import json
from importlib.util import find_spec

import numpy as np
import pandas as pd
import pytest

from benchmarks import engines, features, protocol
from lifecycle.core.errors import PipelineError
from lifecycle.core.tables import read_table, write_table
from tests.helpers_benchmarks import PROBLEM, simulated

INSTALLED = [side for side in engines.ENGINES if side == "project" or find_spec(side)]


@pytest.fixture(scope="module")
def records() -> pd.DataFrame:
    """Give 60 days of payments; the record after the fiftieth is its twin, with another amount."""
    table = simulated(100, 80, 60)
    twin = table.iloc[[50]].assign(amount=1.0)
    table = pd.concat([table[:51], twin, table[51:]], ignore_index=True)
    return table.assign(transaction_id=np.arange(len(table)))


@pytest.fixture(scope="module")
def own(records: pd.DataFrame) -> pd.DataFrame:
    return protocol.with_features(records, PROBLEM, protocol.PUBLISHED)


@pytest.mark.parametrize(("side", "differ"), [("project", 0), ("pandas", 0), ("polars", 1), ("duckdb", 1)])
def test_an_engine_agrees_away_from_ties(side: str, differ: int, records, own, tmp_path) -> None:
    if side not in INSTALLED:
        pytest.skip(f"{side} is not installed")
    source, target = tmp_path / "records.parquet", tmp_path / "features.parquet"
    write_table(records, source)
    engines.ENGINES[side](source, target)
    found = features.compare(own, read_table(target), side)
    assert found == f"{side}: equal; 2 tied records stand apart, {differ} of them differ"


@pytest.mark.parametrize(
    ("name", "change", "refused"),
    [
        ("customer_amount_mean_7d", 1e-10, False),
        ("customer_amount_mean_7d", 1e-8, True),
        ("terminal_fraud_rate_30d", 1e-10, True),
        ("terminal_tx_count_7d", 1, True),
        ("is_night", np.nan, True),
    ],
)
def test_a_planted_difference_is_refused(name: str, change: float, refused: bool, own) -> None:
    other = own.assign(**{name: own[name].where(own["transaction_id"] != 9, own[name] + change)})
    if not refused:
        assert features.compare(own, other, "other").endswith(" 0 of them differ")
        return
    with pytest.raises(PipelineError, match=f"other: differs .*'{name}': 1}}"):
        features.compare(own, other, "other")


def test_records_are_found_in_any_order_and_a_missing_one_is_refused(own) -> None:
    assert "other: equal" in features.compare(own, own.sample(frac=1, random_state=0), "other")
    with pytest.raises(PipelineError, match="other records"):
        features.compare(own, own.drop(index=7), "other")


def test_the_windows_are_the_published_ones() -> None:
    windows = [feature for feature in protocol.PUBLISHED if feature.name.startswith(("customer", "terminal"))]
    assert {window.days for window in windows} == {engines.DAYS}
    assert {window.delay_days for window in windows} == {0, engines.DELAY}


def test_a_side_that_is_not_installed_is_skipped_in_words(monkeypatch, capsys) -> None:
    monkeypatch.setattr(features, "find_spec", lambda side: None if side in ("polars", "duckdb") else side)
    assert features.installed() == ["project", "pandas"]
    assert capsys.readouterr().out.count("skipped, it is not installed") == 2


def test_ratios_are_to_this_project_and_without_imports() -> None:
    least = pd.DataFrame({"cpu": [2.0, 5.0], "imports": [100.0, 50.0], "peak": [300.0, 350.0]}, ["project", "pandas"])
    assert features.summary(least, 10_000).loc["pandas"].to_dict() == {
        "CPU-seconds": "5.00",
        "records per CPU-second": "2,000",
        "CPU ratio": "2.5",
        "peak MB": "350",
        "beyond imports": "300",
        "memory ratio": "1.5",
    }


def test_an_engine_tells_what_it_took_of_the_work_and_not_of_imports(records, tmp_path, capsys) -> None:
    few, source = tmp_path / "few.parquet", tmp_path / "records.parquet"
    write_table(records.head(10), few)
    write_table(records, source)
    engines.main("pandas", str(few), str(source), str(tmp_path / "out.parquet"))
    took = json.loads(capsys.readouterr().out)
    assert 0 < took["imports"] <= took["peak"]
    assert took["cpu"] > 0


def test_a_side_that_fails_is_told_by_name(tmp_path) -> None:
    write_table(pd.DataFrame({"amount": [1.0]}), tmp_path / "records.parquet")
    with pytest.raises(PipelineError, match="pandas: "):
        features.measure("pandas", tmp_path / "records.parquet", tmp_path)


def test_features_measures_compares_and_prints(records, tmp_path, monkeypatch, capsys) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(features, "ROUNDS", 1)
    monkeypatch.setattr(features, "installed", lambda: ["project", "pandas"])
    write_table(records.head(500).drop(columns="fraud_scenario"), features.VALIDATED)
    features.main()
    out = capsys.readouterr().out
    assert out.startswith("500 records, 15 features")
    assert out.endswith("pandas: equal; 2 tied records stand apart, 0 of them differ\n")


def test_without_validated_records_of_this_problem_they_are_simulated(records, tmp_path, monkeypatch) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(features, "simulated", lambda problem: records)
    write_table(records.drop(columns="terminal_id"), features.VALIDATED)
    assert features.records_of(PROBLEM, tmp_path) == tmp_path / "records.parquet"
    write_table(records, features.VALIDATED)
    assert features.records_of(PROBLEM, tmp_path) == features.VALIDATED
