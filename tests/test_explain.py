import re
import shutil

import numpy as np
import pandas as pd
import pytest

import explain as stage
from lifecycle.core.errors import PipelineError, run
from lifecycle.core.tables import read_json, read_table, write_table
from lifecycle.explanation import record_explanation
from tests.helpers_model import git_init, run_stages, start_project

QUICK = {"evaluate.leak_alarm": 1.0, "explain.rows": 500, "explain.samples": 50}
NAMES = ("importance", "contribution_summary", "partial_dependence")


@pytest.fixture(scope="module")
def evaluated(tmp_path_factory):
    folder = tmp_path_factory.mktemp("evaluated")
    start_project(folder, QUICK)
    git_init(folder)
    run_stages(folder, "featurize", "split", "train", "decide", "evaluate")
    return folder


@pytest.fixture
def project(evaluated, tmp_path):
    return shutil.copytree(evaluated, tmp_path / "project", ignore=shutil.ignore_patterns("validated", "features"))


def test_a_sample_is_without_repeats_in_order_and_the_same_for_the_same_seed():
    taken = stage.sample(1_000, 100, seed=1)
    assert len(np.unique(taken)) == 100
    assert (np.diff(taken) > 0).all()
    np.testing.assert_array_equal(taken, stage.sample(1_000, 100, seed=1))
    assert (taken != stage.sample(1_000, 100, seed=2)).any()
    np.testing.assert_array_equal(stage.sample(50, 100, seed=1), np.arange(50))


def told(folder, identifier, monkeypatch, capsys):
    monkeypatch.chdir(folder)
    record_explanation.explain([identifier])
    return capsys.readouterr().out


def test_every_feature_is_explained(project):
    run_stages(project, "explain")
    found = read_json(project / "metrics/explain/explanation.json")
    importance, dots, dependence = (pd.read_csv(project / f"metrics/explain/{name}.csv") for name in NAMES)
    assert (found["rows"], found["unit"], found["additivity_error"]) == (500, "probability", 0.0)
    assert list(found["features"]) == importance["feature"].tolist()
    assert set(dots["feature"]) == set(found["features"])
    assert dependence["feature"].nunique() == 4
    for figures in found["features"].values():
        assert figures["low"] <= figures["importance"] <= figures["high"]
        assert figures["mean_abs_contribution"] >= 0
    assert (project / "metrics/explain/explanation.png").stat().st_size > 10_000


def test_a_second_run_writes_the_same_bytes(project):
    written = []
    for _ in range(2):
        run_stages(project, "explain")
        written.append({path: path.read_bytes() for path in project.glob("metrics/**/*.*")})
    assert written[0] == written[1]


def test_scores_of_another_model_end_the_stage(project, monkeypatch):
    scored = read_table(project / "data/scores/test.parquet")
    write_table(scored.assign(score=scored["score"] + 1e-6), project / "data/scores/test.parquet")
    monkeypatch.chdir(project)
    with pytest.raises(SystemExit, match="error: explanation: base and contributions miss the scores"):
        run(stage.main)
    assert not (project / "metrics/explain/explanation.json").exists()


def test_one_decision_is_told_with_all_its_parts(project, monkeypatch, capsys):
    scored = read_table(project / "data/scores/test.parquet")
    highest = scored.loc[scored["score"].idxmax()]
    text = told(project, str(highest["transaction_id"]), monkeypatch, capsys)
    decision = read_json(project / "models/decision.json")
    assert f"amount           {highest['amount']}" in text
    assert f"is_fraud         {highest['is_fraud']}  (known later)" in text
    assert f"score            {highest['score']:.4f}" in text
    assert f"probability      {highest['probability']:.4f}  (calibrated)" in text
    assert f"threshold        {decision['threshold']:.4f}" in text
    assert "decision         alert" in text
    base, *parts, total = [float(part) for part in re.findall(r"^([+-]\d\.\d{4})  \w", text, re.MULTILINE)]
    assert sorted(parts, key=abs, reverse=True) == parts
    assert base + sum(parts) == pytest.approx(total, abs=1e-3) == pytest.approx(highest["score"], abs=1e-3)
    reasons = text.split("What raised the score most:\n")[1].splitlines()
    assert [reason[:3] for reason in reasons] == ["1. ", "2. ", "3. "]
    assert all(reason[3:] in text.split("What raised")[0] for reason in reasons)


def test_a_genuine_record_of_a_validation_window_is_told_too(project, monkeypatch, capsys):
    folds = read_table(project / "data/splits/folds.parquet")
    valid = folds[(folds["role"] == "valid") & (folds["is_fraud"] == 0)].iloc[0]
    text = told(project, str(valid["transaction_id"]), monkeypatch, capsys)
    assert f"transaction_id   {valid['transaction_id']}" in text
    assert "decision         pass" in text


@pytest.mark.parametrize(
    ("identifier", "words"),
    [
        ("999999999", "transaction_id = 999999999: no such record in the test window or a validation window"),
        ("12a", "transaction_id = '12a': not of type integer"),
    ],
)
def test_an_unknown_record_is_told_in_words(project, monkeypatch, identifier, words):
    monkeypatch.chdir(project)
    with pytest.raises(PipelineError, match=words):
        record_explanation.explain([identifier])
