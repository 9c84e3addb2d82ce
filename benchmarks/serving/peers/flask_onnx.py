"""The model in Flask without the faults of flask_app.py: gunicorn flask_onnx:app; the model comes from the folder."""

from typing import Any

from flask import Flask, request  # type: ignore[import-not-found]  # in an environment of its own
from forest_model import probabilities  # type: ignore[import-not-found]  # beside this file

app = Flask(__name__)


@app.route("/predict", methods=["POST"])
def predict() -> Any:
    """Answer rows with probabilities."""
    return {"predictions": probabilities(request.json["instances"]).tolist()}
