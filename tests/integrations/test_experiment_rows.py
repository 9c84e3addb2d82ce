"""Rows for trackers: one for each state that has figures, under names with dots; what is no number is a fact."""

import copy
from typing import Any

import pytest

from integrations.experiment_rows import WORKSPACE, check_installed, experiments, rows_of, workspace_of
from lifecycle.core.errors import PipelineError


def state(rev: str, recall: Any, experiments: Any = None) -> dict[str, Any]:
    metrics = {"test": {"recall": recall}, "data": {"last": "2018-09-30"}}
    data = {
        "params": {"params.yaml": {"data": {"train": {"depth": 8, "class_weight": None}}}},
        "metrics": {"metrics/evaluate.json": {"data": metrics}},
    }
    return {"rev": rev, "name": None, "data": data, "experiments": experiments}


def test_experiments_stand_beside_their_commit_and_states_without_figures_are_left_out() -> None:
    inner = [{"revs": [state("e1", 0.5)]}, {"revs": [state("e2", 0.75), state("e3", 1)]}]
    empty = {"rev": "old", "name": None, "data": None, "experiments": None}
    rows = list(rows_of([state(WORKSPACE, 0.5), state("c1", 0.5, inner), empty]))
    assert [row.revision for row in rows[1:]] == ["c1", "e1", "e2", "e3"]
    assert rows[3].params == {"train.depth": 8, "train.class_weight": None}
    assert (rows[3].metrics, rows[3].facts) == ({"test.recall": 0.75}, {"data.last": "2018-09-30"})


def test_another_state_of_the_workspace_is_another_row_and_the_same_one_is_the_same() -> None:
    first, same, other = (next(rows_of([state(WORKSPACE, recall)])) for recall in (0.5, 0.5, 0.75))
    assert first == same
    assert first.revision.startswith(f"{WORKSPACE}-")
    assert first.revision != other.revision


def test_metrics_of_several_files_are_one_row() -> None:
    one = copy.deepcopy(state("c1", 0.5))
    one["data"]["metrics"]["more.json"] = {"data": {"validation": {"recall": 0.25}}}
    one["data"]["metrics"]["broken.json"] = {"error": {"msg": "not there"}}
    (row,) = rows_of([one])
    assert row.metrics == {"test.recall": 0.5, "validation.recall": 0.25}


def test_no_dvc_on_the_path_is_said(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", "")
    with pytest.raises(PipelineError, match=r"activate the project's \.venv"):
        experiments()


def test_a_workspace_without_figures_and_an_environment_without_the_tool_are_said() -> None:
    with pytest.raises(PipelineError, match="`dvc repro` makes them"):
        workspace_of(rows_of([state("c1", 0.5)]))
    with pytest.raises(PipelineError, match=r"tests/integrations/no_such_tool\.lock"):
        check_installed("no_such_tool")
