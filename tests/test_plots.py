"""`dvc plots` draws the tables of each kind of target, and complains of none of the others'."""

import json
import shutil
from pathlib import Path

import pandas as pd
import pytest
import yaml

from lifecycle.audit import fairness, slices, stability
from lifecycle.evaluation.plot_tables import COLUMNS, write_tables
from lifecycle.evaluation.tasks.registry import task_of
from lifecycle.monitoring.findings_files import write_not_watched
from lifecycle.monitoring.monitor_tables import tables as tables_of_monitor
from tests.conftest import run
from tests.graph import ROOT
from tests.helpers_kinds import DRAWS, KINDS, decided, problem
from tests.lifecycle.monitoring.helpers_findings import found_in, scorer_of, stream_like, watched_like

DRAWN = {  # by the kind of target: the plots of decide, evaluate and monitor that are not empty
    "binary": {"cost", "precision_recall", "roc", "calibration", "confusion", "scores", "days", "performance", "costs"},
    "multiclass": {"abstaining", "class_confusion", "class_calibration"},  # its model is not served: nothing to watch
    "regression": {"half_width", "predicted_actual", "residuals", "days", "performance"},
}
STAGES = {*COLUMNS, "monitor"}


def definitions() -> list[dict]:
    return yaml.safe_load((ROOT / "metrics/dvc.yaml").read_text(encoding="utf-8"))["plots"]


def test_every_table_of_every_kind_is_drawn_by_columns_that_it_has(tmp_path: Path) -> None:
    write_not_watched(tmp_path, "the model is not served")
    monitor = {name: pd.read_csv(tmp_path / f"{name}.csv").columns for name in ("days", "performance", "costs")}
    drawn = {}
    for one in definitions():
        (plot,) = one.values()
        for path, column in (plot.get("y") or {}).items():
            stage, name = path.split("/")[0], Path(path).stem
            drawn[stage, name] = {column, plot["x"]}
    for stage, tables in (COLUMNS | {"monitor": monitor}).items():
        for name, columns in tables.items():
            assert drawn[stage, name] <= set(columns)


@pytest.fixture(params=KINDS)
def project(request: pytest.FixtureRequest, tmp_path: Path) -> tuple[str, Path]:
    """Lay out what the stages write for plots, in a repository of its own."""
    kind, metrics = request.param, tmp_path / "metrics"
    task = task_of(problem(kind))
    chosen, scored, window = decided(task)
    write_tables(chosen.tables, metrics / "decide")
    write_tables(task.plot_tables(window), metrics / "evaluate")
    headline = pd.DataFrame({"step": [0, 1], task.headline: [0.5, 0.6]})
    by_slice = slices.slice_figures(task, window, scored, task.problem.slices, DRAWS)
    by_group = fairness.audit(task, window, scored, task.problem.groups, DRAWS)
    tables = {
        f"train/plots/metrics/validation/{task.headline}.tsv": headline,
        "train/learning_curve.csv": headline.rename(columns={"step": "size"}),
        "explain/importance.csv": pd.DataFrame({"feature": ["dose"], "importance": [0.5]}),
        "explain/contribution_summary.csv": pd.DataFrame({"feature": ["dose"], "contribution": [0.5]}),
        "explain/partial_dependence.csv": pd.DataFrame({"feature": ["dose"], "value": [1.0], "score": [0.5]}),
        "audit/slices.csv": slices.as_table(by_slice, 30),
        "audit/fairness.csv": fairness.as_table(task, by_group, 30),
        "audit/staleness.csv": stability.no_ageing(task).table,
    }
    if kind == "multiclass":
        write_not_watched(metrics / "monitor", "the model is not served")
    else:
        watched = watched_like(kind)
        findings = found_in(stream_like(kind, scorer_of(kind), 14), watched)
        tables |= {f"monitor/{name}.csv": one for name, one in tables_of_monitor(findings, watched.reference).items()}
    for path, table in tables.items():
        (metrics / path).parent.mkdir(parents=True, exist_ok=True)
        table.to_csv(metrics / path, index=False, sep="\t" if path.endswith("tsv") else ",")
    shutil.copy(ROOT / "metrics/dvc.yaml", metrics)
    run("git init -q . && dvc init -q", tmp_path)
    shutil.copytree(ROOT / ".dvc/plots", tmp_path / ".dvc/plots", dirs_exist_ok=True)
    run("git add -A && git -c user.name=a -c user.email=a@b.c commit -qm all", tmp_path)
    return kind, tmp_path


def test_plots_of_the_kind_are_drawn_and_nothing_is_said_of_the_others(project: tuple[str, Path]) -> None:
    kind, folder = project
    shown = run("dvc plots show --json", folder)
    assert shown.stderr == ""
    plots = json.loads(shown.stdout)
    assert not plots.get("errors")
    sources = {name: next(iter(plot["y"])) for one in definitions() for name, plot in one.items() if "y" in plot}
    filled = {name for name, found in plots["data"].items() if any(one.get("revisions") for one in found)}
    made = {Path(path).stem for name, path in sources.items() if name in filled and path.split("/")[0] in STAGES}
    assert made == DRAWN[kind]
    assert run("dvc plots diff HEAD -o page", folder).stderr == ""
