import shutil

import numpy as np
import pandas as pd
import pytest

import audit as stage
from lifecycle.audit import slices, stability
from lifecycle.core.errors import run
from lifecycle.core.tables import read_json, read_table, write_table
from lifecycle.evaluation.tasks.registry import task_of
from tests.helpers_audit import people, scored, window
from tests.helpers_model import git_init, run_stages, start_project, write_params

OPTIONS = {"evaluate.leak_alarm": 1.0, "audit.samples": 50, "audit.more_seeds": 2, "audit.ageing_windows": 3}
NO_LIMITS = {f"audit.max_{name}": None for name in ("recall_difference", "false_positive_ratio", "calibration_ratio")}
WRITTEN = [f"metrics/audit/{name}.json" for name in ("audit", "fairness", "slices", "stability")]
WRITTEN += [f"metrics/audit/{name}.csv" for name in ("fairness", "slices", "staleness")]


@pytest.fixture(scope="module")
def evaluated(tmp_path_factory):
    folder = tmp_path_factory.mktemp("evaluated")
    start_project(folder, OPTIONS)
    git_init(folder)
    run_stages(folder, "featurize", "split", "train", "decide", "evaluate")
    return folder


@pytest.fixture
def project(evaluated, tmp_path):
    return shutil.copytree(evaluated, tmp_path / "project", ignore=shutil.ignore_patterns("validated", "state.npz"))


def audit(folder, **changes):
    write_params(folder, OPTIONS | NO_LIMITS | {f"audit.{key}": value for key, value in changes.items()})
    run_stages(folder, "audit")
    return {
        name: read_json(folder / f"metrics/audit/{name}.json") for name in ("audit", "fairness", "slices", "stability")
    }


def test_what_is_told_of_the_whole_is_what_evaluate_told(project):
    found = audit(project)
    figures = read_json(project / "metrics/evaluate/evaluation.json")["test"]
    whole = found["slices"]["slices"]["all"]["all"]
    for name in ("average_precision", "recall", "precision", "cost_per_record"):
        assert whole[name] == pytest.approx(figures[name])
        assert found["stability"]["over_seeds"]["figures"][name][0] == pytest.approx(figures[name])
    assert whole["records"] == len(read_table(project / "data/scores/test.parquet"))


def test_every_group_of_the_problem_is_there_sensitive_ones_too(project):
    found = audit(project)["fairness"]
    assert {"spending", "region", "terminal activity", "spending x region"} <= set(found)
    assert set(found["region"]["groups"]) == {"south-west", "south-east", "north-west", "north-east"}
    table = pd.read_csv(project / "metrics/audit/fairness.csv")
    assert len(table) == sum(len(one["groups"]) for one in found.values())


def test_the_model_grows_old_on_windows_that_end_with_the_test_window(project):
    windows = audit(project)["stability"]["with_age"]["windows"]
    assert [one["start"][:10] for one in windows] == ["2018-05-06", "2018-05-13", "2018-05-20"]
    assert [one["age_days"] for one in windows] == [7, 14, 21]
    assert windows[-1]["records"] == len(read_table(project / "data/splits/test.parquet"))
    split = read_json(project / "metrics/split/split.json")["split"]
    assert windows[-1]["left_out"] == split["test_rows_left_out"] > 0


def test_a_second_run_writes_the_same_bytes(project):
    written = []
    for _ in range(2):
        audit(project)
        written.append([(project / name).read_bytes() for name in WRITTEN])
    assert written[0] == written[1]


def test_the_key_figures_are_few_and_of_the_tables(project):
    found = audit(project)
    assert len(found["audit"]["audit"]) == 4
    spread = found["stability"]["over_seeds"]["standard_deviation"]["average_precision"]
    assert found["audit"]["audit"]["seed_spread_average_precision"] == spread


def test_key_figures_that_can_not_be_told_are_none():
    nothing = stability.Ageing("average_precision", pd.DataFrame(), (float("nan"),) * 3)
    table, task = scored(), task_of(people())
    sliced = slices.slice_figures(task, window(table), table, (), (50, 1))
    figures = stage.key_figures(task, sliced, {}, {"figures": {"average_precision": [0.5, 0.7]}}, nothing, 10_000)
    assert figures.pop("seed_spread_average_precision") == pytest.approx(np.std([0.5, 0.7], ddof=1))
    assert list(figures.values()) == [None] * 3


def test_frauds_of_one_region_that_are_missed_end_the_stage_after_the_tables_are_written(project, monkeypatch):
    scores = read_table(project / "data/scores/test.parquet")
    scores["alert"] = scores["is_fraud"].where(scores["region"] != 2, 0)
    write_table(scores, project / "data/scores/test.parquet")
    write_params(project, OPTIONS | NO_LIMITS | {"audit.max_recall_difference": 0.3, "audit.min_positives": 10})
    monkeypatch.chdir(project)
    with pytest.raises(SystemExit, match=r"recall of region 'south-west' is 1\.0000, of 'south-east' 0\.0000"):
        run(stage.main)
    assert read_json("metrics/audit/audit.json")["audit"]["largest_recall_difference"] == 1
