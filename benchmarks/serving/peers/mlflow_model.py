"""Write the model as `mlflow models serve` takes it: python mlflow_model.py; it comes from the folder."""

import joblib
import mlflow  # type: ignore[import-not-found]  # in an environment of its own

mlflow.sklearn.save_model(
    joblib.load("pipeline.joblib"),
    "mlflow_model",
    pyfunc_predict_fn="predict_proba",
    skops_trusted_types=["sklearn.tree._tree.Tree"],
)
