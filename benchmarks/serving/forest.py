"""The model that every server of `compare.py` answers with. Not run by itself.

A forest as in the tutorials, on made data with the columns of creditcard.csv: for this project as a bundle, for the
peers as scikit-learn writes it, and as the graph in ONNX out of that bundle.
"""

import shutil
from dataclasses import replace
from pathlib import Path
from typing import NamedTuple

import joblib
import numpy as np
import pandas as pd
from sklearn.compose import ColumnTransformer
from sklearn.ensemble import RandomForestClassifier
from sklearn.impute import SimpleImputer
from sklearn.pipeline import Pipeline, make_pipeline
from sklearn.preprocessing import StandardScaler

from benchmarks.serving.environments import PEERS
from lifecycle.bundle.bundle_writer import seal, write_model
from lifecycle.bundle.provenance import Origin
from lifecycle.core.tables import write_json
from lifecycle.evaluation.alert_decision import AlertDecision
from lifecycle.evaluation.probability_calibration import Calibration
from lifecycle.features.feature_contract import contract
from lifecycle.features.online.plan import Plan
from lifecycle.features.online.snapshot import empty_snapshot
from lifecycle.models.prediction import predict
from lifecycle.models.training import fit
from lifecycle.monitoring.detectors.reference import NOTHING_USUAL
from lifecycle.problem.loading import load_problem
from lifecycle.problem.record_words import Raw

COLUMNS = ["Time", *(f"V{i}" for i in range(1, 29)), "Amount"]
LEARNED, ASKED = 6_000, 1_000  # rows; as many as give trees of the size that creditcard.csv gives
FRAUDS, SHIFT = 0.06, 0.8  # share of them, and how far they stand apart
TREES, DEPTH = 200, 15
NAME = "forest"
CREDITCARD = load_problem("creditcard")
PROBLEM = replace(CREDITCARD, features=tuple(Raw(name) for name in COLUMNS), slices=())


class Made(NamedTuple):
    """Where the model stands, what is asked, and what has to be answered.

    `folder` holds what the peers read, `bundle` what this project serves. `rows` has shape (`ASKED`, 30).
    """

    folder: Path
    bundle: Path
    rows: list[list[float]]
    probabilities: np.ndarray


def records(rows: int, seed: int) -> pd.DataFrame:
    """Return made payments with the columns of creditcard.csv, and those that the problem adds."""
    rng = np.random.default_rng(seed)
    fraud = rng.random(rows) < FRAUDS
    components = rng.normal(size=(rows, 28)) + fraud[:, None] * SHIFT * np.sin(np.arange(28) + 1)
    amount = rng.lognormal(3, 1.5, rows) * (1 + fraud)
    source = pd.DataFrame(components, columns=COLUMNS[1:-1]).assign(Amount=amount.round(2), Class=fraud.astype(int))
    source.insert(0, "Time", np.sort(rng.integers(0, 172_792, rows)).astype(float))
    assert CREDITCARD.prepare is not None
    return CREDITCARD.prepare(source)


def fitted(table: pd.DataFrame, trees: int = TREES) -> Pipeline:
    """Fit scaler and forest."""
    scaled = make_pipeline(SimpleImputer(strategy="median", add_indicator=True), StandardScaler())
    prepare = ColumnTransformer([("numbers", scaled, COLUMNS)], verbose_feature_names_out=False)
    forest = RandomForestClassifier(n_estimators=trees, max_depth=DEPTH, random_state=42, n_jobs=-1)
    return fit(Pipeline([("prepare", prepare), ("model", forest)]), table[COLUMNS], table["Class"])


def made(folder: Path, trees: int = TREES) -> Made:
    """Fit the model, and write it in all its forms, beside the peers' applications."""
    for application in PEERS.glob("*.py"):
        shutil.copy(application, folder)
    learned, asked = records(LEARNED, 0), records(ASKED, 1)
    pipeline = fitted(learned, trees)
    scaler, forest = pipeline[0].named_transformers_["numbers"][1], pipeline[1]
    joblib.dump(scaler, folder / "scaler.joblib")
    joblib.dump(forest, folder / "model.joblib")
    joblib.dump(make_pipeline(scaler, forest), folder / "pipeline.joblib")
    write_bundle(folder / "bundle", pipeline, learned)
    shutil.copy(folder / "bundle" / "model.onnx", folder)
    probabilities = predict(pipeline, asked[COLUMNS])
    return Made(folder, folder / "bundle", asked[COLUMNS].to_numpy().tolist(), probabilities)


def write_bundle(folder: Path, pipeline: Pipeline, learned: pd.DataFrame) -> None:
    """Write the bundle that src/package.py would write; its probability is the score, as the peers answer."""
    folder.mkdir()
    decision = AlertDecision(Calibration("none"), 0.5, 1.0, 1.0, None, {})
    write_json(decision.as_json(), folder / "decision.json")
    write_json(contract(PROBLEM, learned), folder / "features.json")
    write_model(folder, "creditcard", PROBLEM, pipeline, learned)
    empty_snapshot(Plan(PROBLEM.features, PROBLEM.decimals), 0).save(folder / "state.npz")
    (folder / "model_card.md").write_text("# A forest on made data\n", encoding="utf-8")
    write_json(NOTHING_USUAL.as_json(), folder / "monitoring.json")
    seal(folder, Origin(NAME, "creditcard", {}, {}, {}, {}, {}, {"model": "random_forest", "hyperparameters": {}}))
