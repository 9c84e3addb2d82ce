"""The textbook recipe for creditcard.csv gives the figures of scikit-learn: random 80/20, 200 trees, depth 15."""

import numpy as np
import pandas as pd
import pytest
from sklearn.ensemble import RandomForestClassifier
from sklearn.metrics import accuracy_score, f1_score, precision_score, recall_score
from sklearn.preprocessing import StandardScaler

from lifecycle.core.tables import read_json, read_table
from tests.helpers_model import git_init, run_stages, start_project

RECIPE = {
    "problem": "creditcard",
    "ingest.path": "creditcard.csv",
    "split.strategy": "stratified",
    "split.test_share": 0.2,
    "split.seed": 42,
    "split.folds": 2,
    "train.model": "random_forest",
    "train.seed": 42,
    "train.n_estimators": 200,
    "train.max_depth": 15,
    "train.min_samples_leaf": 1,
    "train.max_features": "sqrt",
    "decide.calibration": "none",
    "decide.threshold": 0.5,
    "evaluate.leak_alarm": 1.0,
}


def table(rows: int = 3_000) -> pd.DataFrame:
    """Return a table of the published file's shape: components, the amount, seconds, and a rare class."""
    rng = np.random.default_rng(3)
    label = (rng.random(rows) < 0.05).astype(int)
    components = {f"V{i}": rng.normal(label * (i % 5 == 0) * 1.5, 1).round(6) for i in range(1, 29)}
    seconds = np.sort(rng.integers(0, 172_792, rows))
    return pd.DataFrame({"Time": seconds, **components, "Amount": rng.gamma(1, 88, rows).round(2), "Class": label})


@pytest.fixture(scope="module")
def project(tmp_path_factory):
    folder = tmp_path_factory.mktemp("textbook")
    start_project(folder, RECIPE)
    git_init(folder)
    table().to_csv(folder / "creditcard.csv", index=False)
    run_stages(folder, "ingest", "validate", "featurize", "split", "train", "decide", "evaluate")
    return folder


def test_the_split_is_four_to_one_and_keeps_the_share_of_the_rare_class(project):
    train, test = (read_table(project / f"data/splits/{name}.parquet") for name in ("train", "test"))
    assert len(test) == round(0.2 * (len(train) + len(test)))
    assert test["Class"].mean() == pytest.approx(train["Class"].mean(), abs=1 / len(test))


def test_the_figures_are_those_of_scikit_learn_by_hand_on_the_same_split(project):
    source = pd.read_csv(project / "creditcard.csv")
    keys = {name: read_table(project / f"data/splits/{name}.parquet")["record_id"] for name in ("train", "test")}
    names = [*(f"V{i}" for i in range(1, 29)), "Amount", "hour"]
    source["hour"] = source["Time"] % 86_400 / 3_600
    train, test = (source.loc[keys[name]] for name in ("train", "test"))
    scaler = StandardScaler().fit(train[names])
    model = RandomForestClassifier(n_estimators=200, max_depth=15, random_state=42, n_jobs=2)
    model.fit(scaler.transform(train[names]), train["Class"])
    predicted, truth = model.predict(scaler.transform(test[names])), test["Class"]
    figures = read_json(project / "metrics/evaluate/evaluation.json")["test"]
    assert truth.sum() > predicted.sum() > 0
    for name, function in (
        ("accuracy", accuracy_score),
        ("precision", precision_score),
        ("recall", recall_score),
        ("f1", f1_score),
    ):
        assert figures[name] == pytest.approx(function(truth, predicted), abs=1e-12), name
