"""The Flask application that tutorials write, with the faults they have; models come from the folder it is started in.

python flask_app.py [PORT]            Flask's development server
gunicorn --workers 2 flask_app:app    the same application under a server for production
"""

import sys
from typing import Any

import joblib
import numpy as np
from flask import Flask, jsonify, request  # type: ignore[import-not-found]  # in an environment of its own

app = Flask(__name__)
model = joblib.load("model.joblib")
scaler = joblib.load("scaler.joblib")


@app.route("/predict", methods=["POST"])
def predict() -> Any:
    """Answer one vector."""
    features = np.array(request.json["features"]).reshape(1, -1)
    scaled = scaler.transform(features)
    prediction = model.predict(scaled)[0]
    probability = model.predict_proba(scaled)[0, 1]
    return jsonify({"prediction": int(prediction), "probability": float(probability)})


if __name__ == "__main__":
    app.run(host="0.0.0.0", port=int(sys.argv[1]) if len(sys.argv) > 1 else 8080)
