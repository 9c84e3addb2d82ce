"""Evidently's report is one page that needs no network, and says what was planted."""

import json
import re
from pathlib import Path

import pandas as pd
import pytest

from integrations.evidently_report import window
from lifecycle.core.errors import PipelineError
from tests.integrations.helpers_environments import call


@pytest.mark.parametrize(("rows", "most", "kept"), [(10, 5, 5), (11, 5, 4), (4, 5, 4), (5, 5, 5), (0, 5, 0)])
def test_a_window_is_thinned_out_evenly(rows: int, most: int, kept: int, tmp_path: Path) -> None:
    pd.DataFrame({"a": range(rows), "b": range(rows)}).to_parquet(tmp_path / "rows.parquet")
    values = window(tmp_path / "rows.parquet", ["a"], most)["a"]
    assert len(values) == kept <= most
    assert values.diff().dropna().nunique() <= 1


def test_a_table_without_a_feature_is_refused(tmp_path: Path) -> None:
    pd.DataFrame({"a": [1]}).to_parquet(tmp_path / "rows.parquet")
    with pytest.raises(PipelineError, match="no column b"):
        window(tmp_path / "rows.parquet", ["a", "b"], 5)


@pytest.mark.nightly
def test_the_report_names_the_column_that_was_changed(reproduced: Path, tmp_path: Path) -> None:
    test, cents = reproduced / "data/splits/test.parquet", tmp_path / "cents.parquet"
    rows = pd.read_parquet(test)
    rows.assign(amount=rows["amount"] * 100).to_parquet(cents)
    features = json.loads((reproduced / "models/bundle/schema.json").read_text(encoding="utf-8"))["features"]
    for current, count in ((test, 0), (cents, 1)):
        page = tmp_path / f"{current.stem}.html"
        options = ("--reference", str(test), "--current", str(current), "--report", str(page))
        printed = call("evidently", "python", "-m", "integrations.evidently_report", *options, folder=reproduced)
        assert f"{count} of {len(features)} features drifted" in printed
        assert not re.search(r"<(?:script|link|img)[^>]+(?:src|href)=\"https?:", page.read_text(encoding="utf-8"))
