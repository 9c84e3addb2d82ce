"""The model as a BentoML service: bentoml serve bentoml_app:Forest; the model comes from the folder."""

import bentoml  # type: ignore[import-not-found]  # in an environment of its own
import joblib
import numpy as np


@bentoml.service(metrics={"enabled": True})
class Forest:
    """Scaler and forest."""

    def __init__(self) -> None:
        self.model = joblib.load("pipeline.joblib")

    @bentoml.api
    def predict(self, features: list[list[float]]) -> list[float]:
        """Answer rows with probabilities."""
        return self.model.predict_proba(np.array(features))[:, 1].tolist()
