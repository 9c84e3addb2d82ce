"""The benchmark scripts on a small simulated table: the published table, chapter 3, and what they share."""

from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from benchmarks import chapter3, protocol, published
from lifecycle.core.errors import PipelineError
from lifecycle.core.params import load_params
from lifecycle.core.tables import write_table
from lifecycle.problem.loading import fill
from lifecycle.splits.time_windows import plan
from tests.helpers_benchmarks import PARAMS, PROBLEM, reaching

PUBLISHED_NAMES = {alias: column.name for column in PROBLEM.contract for alias in column.aliases}


@pytest.fixture
def records() -> pd.DataFrame:
    return reaching()


@pytest.fixture(autouse=True)
def small(monkeypatch: pytest.MonkeyPatch) -> None:
    for script in (chapter3, published):
        monkeypatch.setattr(script, "simulated", lambda problem: reaching())


def write_published(records: pd.DataFrame, path: Path) -> str:
    names = {name: alias for alias, name in PUBLISHED_NAMES.items()}
    write_table(records.rename(columns=names).sample(frac=1, random_state=0), path)
    return str(path)


def test_a_published_table_in_another_order_is_equal(records, tmp_path, capsys) -> None:
    published.main(write_published(records, tmp_path / "published.parquet"))
    assert f"equal     {len(records):>10,} rows" in capsys.readouterr().out


def test_one_cent_more_is_refused(records, tmp_path, capsys) -> None:
    changed = records.assign(amount=records["amount"].where(records.index != 7, records["amount"] + 0.01))
    with pytest.raises(PipelineError, match="1 simulated and 1 published rows"):
        published.main(write_published(changed, tmp_path / "published.parquet"))
    assert "terminal_id 0, amount 1, is_fraud 0" in capsys.readouterr().out


def test_a_repeated_and_a_missing_row_are_refused(records) -> None:
    repeated = pd.concat([records, records.iloc[[3]]])
    assert published.compare(records, repeated)[:3] == (len(records), 0, 1)
    assert published.compare(records, records.iloc[1:])[:3] == (len(records) - 1, 1, 0)
    with pytest.raises(PipelineError):
        published.check(published.compare(records, repeated))


def figures(shift: float) -> dict[str, tuple[float, float, float]]:
    found = {name: figures for name, (_, figures) in chapter3.MODELS.items()}
    auc, precision, cards = found["random forest"]
    return found | {"random forest": (auc, precision + shift, cards)}


@pytest.mark.parametrize("shift", [-0.0099, 0.0, 0.0099])
def test_chapter3_accepts_a_figure_within_the_tolerance(shift: float) -> None:
    chapter3.check(chapter3.side_by_side(figures(shift)))


@pytest.mark.parametrize("shift", [-0.0101, 0.0101, np.nan])
def test_chapter3_refuses_a_figure_that_is_off(shift: float) -> None:
    with pytest.raises(PipelineError, match=r"off by more than 0\.01: random forest: average precision$"):
        chapter3.check(chapter3.side_by_side(figures(shift)))


def test_chapter3_runs_and_refuses_another_table(capsys) -> None:
    with pytest.raises(PipelineError, match="off by more than"):
        chapter3.main()
    out = capsys.readouterr().out
    assert all(name in out for name in (*chapter3.MODELS, *chapter3.METRICS, "largest difference"))


def test_the_windows_are_a_week_apart(records) -> None:
    train, test = protocol.cut(records, PROBLEM, "2018-08-08")
    days = [part["tx_time"].dt.date.astype(str).unique().tolist() for part in (train, test)]
    assert [(first, last) for first, *_, last in days] == [("2018-07-25", "2018-07-31"), ("2018-08-08", "2018-08-14")]


def test_the_weeks_are_those_of_the_pipeline(records) -> None:
    times = records[PROBLEM.time]
    windows = plan(fill(load_params(PARAMS).split, PROBLEM, "split"), times.iloc[0], times.iloc[-1])
    starts = [str(window.test_start.date()) for window in windows]
    assert starts == [*protocol.VALIDATION_STARTS, protocol.TEST_STARTS[0]]


def test_needed_features_are_those_that_a_column_is_made_from() -> None:
    found = protocol.needed(PROBLEM.features, ["customer_since_large_10d"])
    assert [feature.name for feature in found] == ["amount", "customer_median", "amount_ratio", "customer_since_large"]
    assert protocol.needed(PROBLEM.features, []) == []
