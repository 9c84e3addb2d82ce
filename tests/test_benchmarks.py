"""The benchmark scripts, on a small simulated table: they run, and they refuse what they are there to refuse."""

from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from benchmarks import chapter3, features, prequential, protocol, published
from lifecycle.io import write_table
from lifecycle.params import load_params
from lifecycle.problem import load_problem
from lifecycle.stage import PipelineError

PROBLEM = load_problem("transactions")
PARAMS = Path(__file__).parent.parent / "params.yaml"
SMALL = (200, 500, 160, 0)  # reaches over the last test week of the prequential protocol
PUBLISHED_NAMES = {alias: column.name for column in PROBLEM.contract for alias in column.aliases}


@pytest.fixture(scope="module")
def records() -> pd.DataFrame:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(protocol, "SIZE", SMALL)
        return protocol.simulated(PROBLEM)


@pytest.fixture(autouse=True)
def small(records: pd.DataFrame, monkeypatch: pytest.MonkeyPatch) -> None:
    for script in (chapter3, features, prequential, published):
        monkeypatch.setattr(script, "simulated", lambda problem: records.copy())


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


def test_prequential_prints_weeks_mean_and_published_figures(monkeypatch, capsys) -> None:
    monkeypatch.setattr(prequential, "load_params", lambda: load_params(PARAMS))
    prequential.main()
    out = capsys.readouterr().out
    assert all(name in out for name in (*prequential.TEST_STARTS, "mean, ", *prequential.PUBLISHED))


def test_the_windows_are_a_week_apart(records) -> None:
    train, test = protocol.cut(records, PROBLEM, "2018-08-08")
    days = [part["tx_time"].dt.date.astype(str).unique().tolist() for part in (train, test)]
    assert [(first, last) for first, *_, last in days] == [("2018-07-25", "2018-07-31"), ("2018-08-08", "2018-08-14")]


@pytest.mark.parametrize("validated", [True, False])
def test_features_agree_with_pandas(validated: bool, records, tmp_path, monkeypatch, capsys) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(features, "ROUNDS", 1)
    if validated:
        tied = records.head(5_000)
        write_table(pd.concat([tied, tied.iloc[[50]]]).sort_values("tx_time", kind="stable"), features.VALIDATED)
    features.main()
    out = capsys.readouterr().out
    assert "rows per CPU-second" in out
    assert "2 tied rows, 1 of them differ" in out or not validated


def test_features_refuse_a_difference(records) -> None:
    own = protocol.with_features(records.head(100), PROBLEM, protocol.published_features(PROBLEM))
    names = ["customer_amount_mean_7d", "terminal_tx_count_7d"]
    tied = np.zeros(100, dtype=bool)
    features.check(features.disagreements(own, own.assign(**{names[0]: own[names[0]] + 1e-10}), names), tied)
    for name, change in zip(names, (1e-8, 1), strict=True):
        with pytest.raises(PipelineError, match=name):
            features.check(features.disagreements(own, own.assign(**{name: own[name] + change}), names), tied)
