"""Print the scores of a table by the registered model, each as 16 hex digits. Run by MLflow's environment."""

import json
import sys
from pathlib import Path

import mlflow
import pandas as pd

database, name, table, schema = sys.argv[1:]
mlflow.set_tracking_uri(database)
features = json.loads(Path(schema).read_text(encoding="utf-8"))["features"]
scores = mlflow.pyfunc.load_model(name).predict(pd.read_parquet(table, columns=features))
client = mlflow.MlflowClient()
runs = client.search_runs([client.get_experiment_by_name("dvc").experiment_id])
tags = {run.data.tags["dvc.rev"]: run.data.metrics for run in runs}
print(
    json.dumps(
        {"scores": [value.hex() for value in scores["score"]], "runs": tags, "alerts": int(scores["alert"].sum())}
    )
)
