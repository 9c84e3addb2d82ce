import shutil

import numpy as np
import pandas as pd
import pytest
from sklearn.metrics import average_precision_score

import evaluate as stage
from lifecycle.core.errors import PipelineError, run
from lifecycle.core.tables import read_json, read_table, write_json, write_table
from lifecycle.evaluation.probability_calibration import Calibration
from tests.helpers_model import git_init, run_stages, start_project, write_params

HONEST = {"evaluate.leak_alarm": 1.0}


@pytest.fixture(scope="module")
def decided(tmp_path_factory):
    folder = tmp_path_factory.mktemp("decided")
    start_project(folder, HONEST)
    git_init(folder)
    run_stages(folder, "featurize", "split", "train", "decide")
    return folder


@pytest.fixture
def project(decided, tmp_path):
    return shutil.copytree(decided, tmp_path / "project", ignore=shutil.ignore_patterns("validated", "features"))


def evaluate(folder, **changes):
    write_params(folder, HONEST | {f"evaluate.{key}": value for key, value in changes.items()})
    run_stages(folder, "evaluate")
    return read_json(folder / "metrics/evaluate/evaluation.json"), read_table(folder / "data/scores/test.parquet")


def test_every_test_record_is_scored_and_decided_by_the_decision_on_file(project):
    _, scored = evaluate(project)
    decision = read_json(project / "models/decision.json")
    assert (
        scored["transaction_id"].tolist() == read_table(project / "data/splits/test.parquet")["transaction_id"].tolist()
    )
    probability = Calibration(**decision["calibration"]).apply(scored["score"].to_numpy())
    np.testing.assert_array_equal(scored["probability"], probability)
    np.testing.assert_array_equal(scored["alert"] == 1, scored["score"] >= decision["threshold"])


def test_the_figures_are_of_the_scores_on_file(project):
    figures, scored = evaluate(project)
    fraud, alert, amount = scored["is_fraud"] == 1, scored["alert"] == 1, scored["amount"]

    def cost(decision):
        return amount.where(fraud & ~decision, 0).sum() + 5 * (decision & ~fraud).sum()

    assert figures["test"]["average_precision"] == pytest.approx(average_precision_score(fraud, scored["score"]))
    assert figures["test"]["cost_per_record"] == pytest.approx(cost(alert) / len(scored))
    assert figures["test"]["saved_share_vs_rule"] == pytest.approx(1 - cost(alert) / cost(amount > 220))
    assert figures["test"]["alerts_per_day"] == pytest.approx(alert.sum() / 7)
    assert figures["baseline"] == {
        "logistic_regression": pytest.approx(average_precision_score(fraud, scored["baseline_score"])),
        "amount": pytest.approx(average_precision_score(fraud, amount)),
    }


def test_each_figure_has_an_interval(project):
    figures, _ = evaluate(project)
    intervals = read_json(project / "metrics/evaluate/intervals.json")["test"]
    assert intervals.keys() == figures["test"].keys()
    assert all(low <= high for low, high in intervals.values())


def test_a_second_run_writes_the_same_bytes(project):
    written = []
    for _ in range(2):
        evaluate(project)
        written.append({path: path.read_bytes() for path in project.glob("metrics/**/*.*")})
    assert written[0] == written[1]


def test_a_figure_too_good_to_be_true_ends_the_stage_after_the_figures_are_written(project, monkeypatch):
    write_params(project, {"evaluate.leak_alarm": 0.2})
    monkeypatch.chdir(project)
    with pytest.raises(SystemExit, match=r"error: leak alarm: the average precision of 0\.\d+ is above .* = 0\.2"):
        run(stage.main)
    assert read_json(project / "metrics/evaluate/evaluation.json")["test"]["average_precision"] > 0.2


def test_a_leaked_label_raises_the_alarm_that_is_the_problem_s_default(project):
    for path in (project / "data/splits").glob("*.parquet"):
        table = read_table(path)
        write_table(table.assign(terminal_fraud_run_30d=table["is_fraud"]), path)
    run_stages(project, "train", "decide")
    with pytest.raises(PipelineError, match=r"leak alarm: .* above evaluate\.leak_alarm = 0\.78.*sees the label"):
        evaluate(project, leak_alarm=None)


def test_a_model_that_beats_the_baselines_passes_both_gates(project):
    figures, _ = evaluate(project, must_beat_baselines=True)
    assert figures["test"]["average_precision"] > max(figures["baseline"].values())


def test_a_model_that_a_baseline_beats_is_refused_where_params_ask_for_it(project):
    shutil.move(project / "models/model.joblib", project / "models/better.joblib")
    shutil.move(project / "models/baseline.joblib", project / "models/model.joblib")
    shutil.move(project / "models/better.joblib", project / "models/baseline.joblib")
    figures, _ = evaluate(project)
    assert figures["test"]["average_precision"] < figures["baseline"]["logistic_regression"]
    with pytest.raises(PipelineError, match=r"is worse than a baseline that must lose: logistic_regression \(0\.\d+\)"):
        evaluate(project, must_beat_baselines=True)


def test_the_threshold_of_the_decision_is_the_one_that_is_judged(project):
    decision = read_json(project / "models/decision.json")
    write_json(decision | {"threshold": 2.0}, project / "models/decision.json")
    figures, scored = evaluate(project)
    assert (figures["test"]["alerts_per_day"], figures["test"]["recall"]) == (0, 0)
    assert not scored["alert"].any()


def test_plot_tables_and_picture_are_there(project):
    evaluate(project)
    for name in ("precision_recall", "roc", "calibration", "confusion", "scores"):
        assert len(pd.read_csv(project / f"metrics/evaluate/{name}.csv")) > 1
    assert (project / "metrics/evaluate/evaluation.png").stat().st_size > 10_000
