"""The script that measures what a new day costs: the figures that it prints, and the growth that it refuses."""

import sys

import pandas as pd
import pytest

from benchmarks import append
from lifecycle.core.errors import PipelineError
from lifecycle.core.params import load_params
from tests.graph import ROOT


@pytest.fixture
def costs(monkeypatch):
    """Let a run cost so many CPU seconds for each length of history."""

    def of(by_days):
        monkeypatch.setattr(append, "measure", lambda days, folder: {"window moved": {"train": by_days[days]}})
        monkeypatch.setattr(sys, "argv", ["append.py", *map(str, by_days)])

    monkeypatch.chdir(ROOT)
    return of


def test_every_stage_has_a_line_and_the_sums_stand_below(costs, capsys):
    costs({183: 7.0, 366: 8.0})
    append.main()
    lines = {line.split()[0]: line.split()[1:] for line in capsys.readouterr().out.splitlines()}
    assert lines["train"] == lines["sum"] == ["7.0", "8.0"]
    assert lines["ingest"] == lines["dvc"] == ["0.0", "0.0"]


def test_a_cost_that_grows_with_the_history_is_refused(costs):
    costs({183: 7.0, 366: 14.0})
    with pytest.raises(PipelineError, match=r"a new day costs 2\.00 times as much, 1\.5 is allowed"):
        append.main()


def test_the_window_is_set_where_the_params_have_it(tmp_path):
    (tmp_path / "params.yaml").write_text((ROOT / "params.yaml").read_text(encoding="utf-8"), encoding="utf-8")
    append.set_test_start(tmp_path, pd.Timestamp("2026-11-30"))
    assert load_params(tmp_path / "params.yaml").split.test_start == pd.Timestamp("2026-11-30").date()
    (tmp_path / "params.yaml").write_text("split: {}\n", encoding="utf-8")
    with pytest.raises(PipelineError, match="test_start stands there 0 times"):
        append.set_test_start(tmp_path, pd.Timestamp("2026-11-30"))
