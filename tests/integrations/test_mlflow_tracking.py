"""Runs are imported once, and the registered model gives the pipeline's scores, from Python and over HTTP."""

import json
import os
import re
import socket
import subprocess
import time
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pandas as pd
import pytest

from tests.conftest import run, set_params
from tests.graph import ROOT
from tests.integrations.helpers_environments import SILENT, call, programs

MODEL = "models:/fraud@champion"
SCORES = Path(__file__).with_name("run_mlflow_scores.py")
ROWS = 500  # over HTTP


def imported(workspace: Path, folder: Path) -> tuple[str, str]:
    printed = call("mlflow", "python", "-m", "integrations.mlflow_tracking", "--folder", str(folder), folder=workspace)
    runs, model = (line for line in printed.splitlines() if "runs are new" in line or MODEL in line)
    return runs, model


def scores(workspace: Path) -> pd.DataFrame:
    return pd.read_parquet(workspace / "data/scores/test.parquet", columns=["score", "alert"])


@pytest.mark.nightly
def test_runs_are_imported_once_and_the_model_gives_the_same_bits(workspace: Path, tmp_path: Path) -> None:
    store = tmp_path / "store"
    assert imported(workspace, store) == ("2 of 2 runs are new", f"{MODEL} is version 1")
    assert imported(workspace, store) == ("0 of 2 runs are new", f"{MODEL} is version 1")
    set_params(workspace, max_rejected_share="0.02")
    run("dvc exp save --force --name wider", workspace)
    run("git checkout -q params.yaml", workspace)
    assert imported(workspace, store) == ("1 of 3 runs are new", f"{MODEL} is version 1")
    test, schema = (str(workspace / name) for name in ("data/splits/test.parquet", "models/bundle/schema.json"))
    arguments = (str(SCORES), f"sqlite:///{store}/mlflow.db", MODEL, test, schema)
    read = json.loads(call("mlflow", "python", *arguments, folder=tmp_path).splitlines()[-1])
    expected = scores(workspace)
    assert read["scores"] == [value.hex() for value in expected["score"]]
    assert read["alerts"] == expected["alert"].sum()
    head = run("git rev-parse HEAD", workspace).stdout.strip()
    evaluation = json.loads((workspace / "metrics/evaluate/evaluation.json").read_text(encoding="utf-8"))
    assert read["runs"][head]["test.recall"] == evaluation["test"]["recall"]
    with served(store) as address:
        assert answers(address, workspace) == expected["score"].tolist()[:ROWS]


def answers(address: str, workspace: Path) -> list[float]:
    """Return the scores of the first rows of the test window, as the server answers them."""
    features = json.loads((workspace / "models/bundle/schema.json").read_text(encoding="utf-8"))["features"]
    rows = pd.read_parquet(workspace / "data/splits/test.parquet", columns=features).head(ROWS)
    body = {"dataframe_split": {"columns": features, "data": rows.astype(float).to_numpy().tolist()}}
    request = urllib.request.Request(
        f"{address}/invocations", json.dumps(body).encode(), {"Content-Type": "application/json"}
    )
    with urllib.request.urlopen(request) as answer:
        return [row["score"] for row in json.load(answer)["predictions"]]


@contextmanager
def served(store: Path) -> Iterator[str]:
    """Start MLflow's own server of the model; yield its address."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    folder = programs("mlflow")
    command = [str(folder / "mlflow"), "models", "serve", "-m", MODEL, "-p", str(port), "--env-manager", "local"]
    environment = {**os.environ, **SILENT, "MLFLOW_TRACKING_URI": f"sqlite:///{store}/mlflow.db"}
    environment["PATH"] = f"{folder}{os.pathsep}{environment['PATH']}"
    with (store / "log").open("wb") as log:
        server = subprocess.Popen(command, env=environment, cwd=store, stdout=log, stderr=log, start_new_session=True)
    try:
        wait_for(f"http://127.0.0.1:{port}", server)
        yield f"http://127.0.0.1:{port}"
    finally:
        os.killpg(server.pid, 15)
        server.wait()


def wait_for(address: str, server: subprocess.Popen[bytes]) -> None:
    for _ in range(300):
        assert server.poll() is None, "the server has ended"
        try:
            with urllib.request.urlopen(f"{address}/ping"):
                return
        except OSError:
            time.sleep(0.5)
    raise AssertionError("no answer within the time that a start takes")


def test_the_model_is_code_and_nothing_is_pickled() -> None:
    text = (ROOT / "src/integrations/mlflow_model.py").read_text(encoding="utf-8")
    assert "set_model(" in text
    assert not re.search("pickle|joblib|sklearn", text.split('"""')[2])
