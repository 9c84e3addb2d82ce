"""Tables without a time: from a file up to the parts that are drawn from it."""

import numpy as np
import pandas as pd
import pytest

from lifecycle.core.errors import PipelineError
from lifecycle.core.tables import read_json, read_table
from lifecycle.features.online.plan import Plan
from lifecycle.features.online.snapshot import Snapshot
from lifecycle.problem.loading import load_problem
from tests.helpers_wines import STAGES, TASKS, start, wines, write_problem


@pytest.fixture
def project(tmp_path, monkeypatch):
    """Return what makes a project of a task, and runs its first four stages."""

    def make(task, *, changes=None, table=None, column="", feature="", roles="", stages=STAGES):
        name = write_problem(tmp_path, task, monkeypatch, column, feature, roles)
        start(tmp_path, name, wines() if table is None else table, changes or {}, *stages)
        return tmp_path

    return make


def parts(folder):
    return (read_table(folder / f"data/splits/{name}.parquet") for name in ("train", "folds", "test"))


@pytest.mark.parametrize("task", TASKS)
@pytest.mark.parametrize("strategy", [None, "group"])
def test_rows_are_counted_and_dealt_out(project, task, strategy):
    folder = project(task, changes={"split.strategy": strategy})
    train, folds, test = parts(folder)
    assert sorted([*train["row_number"], *test["row_number"]]) == list(range(150))
    assert len(test) == 30
    valid = folds[folds["role"] == "valid"]
    assert sorted(valid["row_number"]) == train["row_number"].tolist()
    assert folds["fold"].unique().tolist() == [1, 2, 3]
    assert folds.columns[-2:].tolist() == ["fold", "role"]
    if strategy:
        assert not set(train["farm"]) & set(test["farm"])


@pytest.mark.parametrize(
    ("task", "counted"), [("binary", "positives"), ("multiclass", "classes"), ("regression", None)]
)
def test_figures_are_those_of_the_task_and_name_no_time(project, task, counted):
    folder = project(task)
    data = read_json(folder / "metrics/validate/data_quality.json")["data"]
    figures = read_json(folder / "metrics/split/split.json")["split"]
    assert not {"first", "last"} & set(data)
    own = {key: value for key, value in figures.items() if key.split("_")[-1] in ("positives", "classes")}
    if counted is None:
        assert own == {}
        assert "positives" not in data
        assert "classes" not in data
    else:
        whole, two = data[counted], [own[f"training_{counted}"], own[f"test_{counted}"]]
        assert pd.Series(two[0]).add(pd.Series(two[1])).tolist() == pd.Series(whole).tolist()


def test_few_records_of_a_part_are_written_down_and_said(project, capsys):
    folder = project("multiclass")
    warnings = read_json(folder / "metrics/split/warnings.json")
    assert len([warning for warning in warnings if warning.startswith("validation part 1 has ")]) == 1
    assert [line.removeprefix("split: ") for line in capsys.readouterr().out.splitlines()] == warnings


def test_the_features_are_described_on_the_rows_to_learn_from_and_the_state_is_empty(project):
    folder = project("regression")
    train = next(parts(folder))
    contract = read_json(folder / "models/features.json")
    assert contract["rows"] == len(train)
    (acid,) = (column for column in contract["columns"] if column["name"] == "acid")
    assert acid["quantiles"]["1"] == train["acid"].max()
    problem = load_problem("wines_regression")
    state = Snapshot.load(folder / "data/features/state.npz")
    state.check(Plan(problem.features, problem.decimals), 0)
    assert len(state.time) == 0


def test_equal_rows_of_both_parts_are_a_warning_only(project):
    folder = project("regression", table=pd.concat([wines(40)] * 4))
    assert any("equal to one of the test part" in text for text in read_json(folder / "metrics/split/warnings.json"))


@pytest.mark.parametrize(
    ("task", "leak", "said"),
    [
        ("multiclass", lambda t: (t["kind"] == "pink") * 1.0, r"alone, acid \(1\.000\).* separates the classes"),
        ("regression", lambda t: np.exp(-t["price"] / 9), r"alone, acid \(1\.000\).* orders records by price"),
        ("regression", lambda t: t["price"] - t["sugar"] + 9, "a weighted sum of acid, sugar equals price"),
    ],
)
def test_a_feature_that_gives_the_target_away_is_named(project, task, leak, said):
    table = wines()
    with pytest.raises(PipelineError, match=f"leak alarm: {said}"):
        project(task, table=table.assign(acid=leak(table)))


def test_a_class_that_no_fold_could_learn_is_refused_by_name(project):
    table = wines().assign(kind=["pink"] * 2 + ["red", "white"] * 74)
    with pytest.raises(PipelineError, match=r"2 records of class 'pink' can't fill 4 parts"):
        project("multiclass", table=table)


def test_a_window_needs_a_time(project):
    with pytest.raises(PipelineError, match="feature 'n': it needs a time, and the problem has none"):
        project("regression", feature=', Window("n", "count", by="farm")')


def with_time(project, **changes):
    """Start a project whose records have a time."""
    table = wines().assign(sold=pd.Timestamp("2024-01-01") + pd.to_timedelta(np.arange(150), "h"))
    column = ', Column("sold", "timestamp", "")'
    return project("regression", table=table, column=column, roles=', time="sold"', **changes)


def test_all_that_nobody_has_set_is_named_before_a_record_is_read(project):
    with pytest.raises(PipelineError, match=r"^not set: split\.train_days, split\.delay_days, split\.test_days; set"):
        with_time(project, stages=("ingest",))


def test_a_problem_with_a_time_may_be_drawn_too(project):
    counts = ', Window("n", "count", by="farm", days=(1,))'
    folder = with_time(project, changes={"split.strategy": "group"}, feature=counts)
    assert "do not tell how it does on later ones" in read_json(folder / "metrics/split/warnings.json")[0]
    assert len(Snapshot.load(folder / "data/features/state.npz").time) > 0
    with pytest.raises(PipelineError, match="feature 'n' sees labels of other records"):
        with_time(project, changes={"split.strategy": "group"}, feature=counts.replace('"count"', '"max", of="price"'))
