"""The stage on small projects: what it watches of each, and what it writes where there is nothing to watch."""

import contextlib
import shutil

import joblib
import pandas as pd
import pytest

import monitor as stage
from lifecycle.bundle.manifest import NOT_SERVED
from lifecycle.bundle.servable import Servable
from lifecycle.core.errors import PipelineError
from lifecycle.core.tables import read_json, read_table, write_json, write_table
from lifecycle.evaluation.tasks.registry import task_of
from lifecycle.models.prediction import predict
from lifecycle.monitoring.detectors import backtest, refusals
from lifecycle.monitoring.replay import reference_of
from lifecycle.problem.loading import load_problem
from problems.transactions import LABEL_DELAY_DAYS
from tests.conftest import run
from tests.graph import ROOT, holds, stages
from tests.helpers_bundle import start_packaging
from tests.helpers_model import git_init, params, payments, run_stages, write_params
from tests.helpers_wines import STAGES, TASKS, start, wines, write_problem

BEGIN, DAYS = pd.Timestamp("2018-05-19"), 11  # after the test window; the last of the sixty days may lack records
CHANGES = {
    "split.test_start": "2018-05-12",
    "package.threshold_rows": 1000,
    "package.monitoring.window_days": 2,
    "monitor.samples": 50,
}
NAMES = {"days", "features", "performance", "costs", "scores", "causes"}


@pytest.fixture(scope="module")
def packaged(tmp_path_factory):
    folder = tmp_path_factory.mktemp("packaged")
    start_packaging(folder, CHANGES)
    run_stages(folder, "package")
    (folder / "models/previous").mkdir()
    return folder


@pytest.fixture
def project(packaged, tmp_path):
    return shutil.copytree(packaged, tmp_path / "project", symlinks=True)


def monitored(folder):
    (folder / "models/previous").mkdir(exist_ok=True)
    run_stages(folder, "monitor")
    return tables_of(folder)


def tables_of(folder):
    return {name: pd.read_csv(folder / f"metrics/monitor/{name}.csv") for name in NAMES}


def content(folder):
    return {path.name: path.read_bytes() for path in (folder / "metrics/monitor").iterdir()}


def records_after(folder):
    """Return the records of the days after the test, with the predictions of the pipeline's own model."""
    records = read_table(folder / "data/features/features.parquet")
    problem, model = load_problem("transactions"), joblib.load(folder / "models/model.joblib")
    task = task_of(problem)
    known = records[(records["tx_time"] >= BEGIN) & (records["tx_time"] < BEGIN + pd.Timedelta(days=DAYS))]
    with contextlib.chdir(folder):
        decision = task.read_decision()
    return task, decision, task.score_table(known, predict(model, known[model.feature_names_in_]), decision)


def test_the_days_after_the_test_are_watched(project):
    found = monitored(project)
    days = found["days"]
    assert days["day"].tolist() == [str((BEGIN + pd.Timedelta(days=place)).date()) for place in range(DAYS)]
    _, _, scored = records_after(project)
    day = scored["tx_time"].dt.strftime("%Y-%m-%d")
    kept = day.value_counts().sort_index().to_numpy()
    assert (days["records"] <= kept).all()  # those of known entities are left out, as in the test
    assert (days["records"] > 0.4 * kept).all()
    figures = read_json(project / "metrics/monitor/monitor.json")["monitor"]
    assert figures["records"] == days["records"].sum()
    assert figures["calibrated_on_windows"] >= 8
    assert figures["largest_drift_score"] >= 0


def test_the_windows_have_the_evaluations_figures_of_their_records(project):
    write_params(project, CHANGES | {"split.drop_known_entities": False, "split.delay_days": 0})
    found = monitored(project)
    task, decision, scored = records_after(project)
    by_day = scored.groupby(scored["tx_time"].dt.floor("D"))
    assert found["days"]["records"].tolist() == by_day.size().tolist()
    assert found["days"]["alert_share"].tolist() == pytest.approx(by_day["alert"].mean().tolist(), rel=1e-5)
    first = scored[scored["tx_time"] < BEGIN + pd.Timedelta(days=2)]
    expected = task.figures(task.window(first, decision, params().evaluate, 2.0))
    window = found["performance"].query("window == '2018-05-19'").set_index("metric")
    assert window["records"].eq(len(first)).all()
    for name in ("average_precision", "recall", "cost_per_record"):
        assert window.loc[name, "value"] == pytest.approx(expected[name], rel=1e-5)
    cost = found["costs"].set_index(["window", "of"])["value"]
    assert cost["2018-05-19", "model"] == pytest.approx(expected["cost_per_record"] * len(first) / 2, rel=1e-5)


def test_labels_that_are_younger_than_the_delay_are_not_used(project):
    found = monitored(project)
    known = found["days"]["labelled_share"]
    assert known.tolist() == [float(place + LABEL_DELAY_DAYS < DAYS) for place in range(DAYS)]
    assert 0 < known.sum() < DAYS


def test_a_second_run_writes_the_same_bytes(project):
    monitored(project)
    first = content(project)
    monitored(project)
    assert content(project) == first


def test_refused_records_are_counted_on_their_days(project):
    raw = payments()
    rows = [int(raw["tx_time"].searchsorted(BEGIN + pd.Timedelta(days=2))) + place for place in range(40)]
    bad = raw.iloc[rows].assign(source_row=rows, reason="amount: below 0")
    bad["tx_time"] = bad["tx_time"].astype(str).where(bad.index % 2 == 0, "soon")
    bad["reason"] = bad["reason"].where(bad.index % 2 == 0, "tx_time: not of type timestamp")
    write_table(bad, project / "data/quarantine/rejected.parquet")
    found = monitored(project)
    assert found["days"]["rejected"].tolist() == [0, 0, 40] + [0] * (DAYS - 3)
    alarms = read_json(project / "metrics/monitor/alarms.json")["alarms"]
    assert {(alarm["class"], alarm["since"]) for alarm in alarms} >= {("quality", "2018-05-21")}


def test_usual_refusals_are_in_the_limits_of_the_bundle(project):
    raw = payments()
    rows = list(range(0, len(raw), 50))
    bad = raw.iloc[rows].assign(source_row=rows, reason="amount: below 0")
    write_table(bad, project / "data/quarantine/rejected.parquet")
    run_stages(project, "package")
    reference = reference_of(Servable.load(project / "models/bundle"))
    assert reference.rejected["amount"] == pytest.approx(0.05, abs=0.02)
    monitored(project)
    assert read_json(project / "metrics/monitor/alarms.json") == {"alarms": []}


@pytest.mark.slow
def test_an_earlier_bundle_is_held_against_the_same_days(project):
    shutil.copytree(project / "models/bundle", project / "models/earlier")
    write_params(project, CHANGES | {"split.delay_days": 0, "monitor.previous": "models/earlier"})
    costs = monitored(project)["costs"].pivot(index="window", columns="of", values="value")
    assert (costs["previous"] == costs["model"]).all()
    write_params(project, CHANGES | {"monitor.previous": "models/nowhere"})
    with pytest.raises(PipelineError, match="models/nowhere"):
        run_stages(project, "monitor")


def test_where_no_day_follows_the_test_there_is_nothing_to_tell(project):
    write_params(project, CHANGES | {"split.test_start": "2018-05-23"})
    found = monitored(project)
    assert all(table.empty for table in found.values())
    figures = read_json(project / "metrics/monitor/monitor.json")["monitor"]
    assert (figures["days"], figures["records"], figures["alarms"]) == (0, 0, 0)
    assert figures["largest_drift_score"] is None


def test_a_model_that_is_not_served_is_not_watched(project):
    monitored(project)
    before = tables_of(project)
    shutil.rmtree(project / "models/bundle")
    (project / "models/bundle").mkdir()
    (project / "models/bundle" / NOT_SERVED).write_text("no exact export\n", encoding="utf-8")
    after = monitored(project)
    assert {name: list(table) for name, table in after.items()} == {name: list(table) for name, table in before.items()}
    assert all(table.empty for table in after.values())
    figures = read_json(project / "metrics/monitor/monitor.json")
    assert figures == {"monitor": {"not_watched": "the model is not served"}}


@pytest.mark.slow
@pytest.mark.parametrize(
    "task", ["binary", *(pytest.param(task, marks=pytest.mark.nightly) for task in TASKS if task != "binary")]
)
def test_records_without_a_time_have_limits_and_no_days(task, tmp_path, monkeypatch):
    name = write_problem(tmp_path, task, monkeypatch)
    git_init(tmp_path)
    (tmp_path / "src").mkdir()
    for file in (ROOT / "src").iterdir():
        if file.name != "problems":
            (tmp_path / "src" / file.name).symlink_to(file)
    shutil.copytree(ROOT / "src/problems", tmp_path / "src/problems")
    shutil.copy(tmp_path / f"{name}.py", tmp_path / "src/problems")
    for file in ("dvc.yaml", "requirements.lock"):
        shutil.copy(ROOT / file, tmp_path / file)
    changes = {"package.threshold_rows": 1000, "decide.cost_false_positive": None, "decide.cost_false_negative": None}
    start(tmp_path, name, wines(400), changes, *STAGES, "train", "decide")
    write_json({}, tmp_path / "metrics/card/model_card.json")
    (tmp_path / "metrics/card/model_card.md").write_text("# Wines\n", encoding="utf-8")
    run_stages(tmp_path, "package")
    reference = reference_of(Servable.load(tmp_path / "models/bundle"))
    assert reference.is_calibrated
    assert (reference.volume, reference.loss is None) == ((), False)
    assert all(one.limit > 0 for one in reference.axes)
    found = monitored(tmp_path)
    assert all(table.empty for table in found.values())
    assert read_json(tmp_path / "metrics/monitor/monitor.json")["monitor"]["days"] == 0


@pytest.mark.parametrize("figures", ["figures", "nothing known", "not watched"])
def test_dvc_shows_the_figures_without_a_complaint(figures, tmp_path):
    known = {"days": 3, "largest_drift_score": 0.5, "alarms_by_action": {"ticket": 1}}
    nothing = {"days": 0, "largest_drift_score": None, "alarms_by_action": {}}
    shown = {"figures": known, "nothing known": nothing, "not watched": {"not_watched": "the model is not served"}}
    write_json({"monitor": shown[figures]}, tmp_path / "metrics/monitor/monitor.json")
    git_init(tmp_path)
    (tmp_path / "dvc.yaml").write_text("metrics: [metrics/monitor/monitor.json]\n", encoding="utf-8")
    done = run("dvc metrics show", tmp_path)
    assert done.stderr == ""
    assert next(iter(shown[figures])) in done.stdout


def test_the_stage_declares_what_it_reads():
    declared = {dep for dep in stages()["monitor"]["deps"] if not dep.startswith(("src/", "${"))}
    read = {
        backtest.FEATURES, backtest.TEST, refusals.QUARANTINE, refusals.RAW, str(stage.BUNDLE), "requirements.lock",
    }  # fmt: skip
    assert {name for name in read if not any(holds(place, name) for place in declared)} == set()
    assert {place for place in declared if not any(holds(place, name) for name in read)} == set()
