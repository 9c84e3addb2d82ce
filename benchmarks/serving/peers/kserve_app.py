"""The model as a KServe predictor: python kserve_app.py --http_port=PORT; the model comes from the folder."""

from typing import Any

from forest_model import probabilities  # type: ignore[import-not-found]  # beside this file
from kserve import Model, ModelServer  # type: ignore[import-not-found]  # in an environment of its own


class Forest(Model):
    """Scaler and forest."""

    def __init__(self, name: str) -> None:
        super().__init__(name)
        self.ready = True

    def predict(self, payload: dict[str, Any], headers: Any = None) -> dict[str, Any]:
        """Answer `instances` with probabilities."""
        return {"predictions": probabilities(payload["instances"]).tolist()}


if __name__ == "__main__":
    ModelServer().start([Forest("forest")])
