"""MLflow's own client against a running service: `python mlflow_client.py PORT COLUMNS ROWS`, answers as JSON."""

import json
import sys

import numpy as np
import pandas as pd
from mlflow.pyfunc.scoring_server.client import ScoringServerClient

PORT, COLUMNS, ROWS = sys.argv[1], json.loads(sys.argv[2]), json.loads(sys.argv[3])


def main():
    client = ScoringServerClient("127.0.0.1", PORT)
    client.wait_server_ready(5)
    frame = pd.DataFrame(ROWS, columns=COLUMNS)
    shapes = {
        "frame": frame,
        "shuffled": frame[COLUMNS[::-1]],
        "array": np.array(ROWS),
        "list": ROWS,
        "records": {"dataframe_records": frame.to_dict("records")},
        "instances": {"instances": ROWS},
    }
    # MLflow takes a mapping for one of arrays; what it sends is the text that is given it.
    bodies = {name: json.dumps(data) if isinstance(data, dict) else data for name, data in shapes.items()}
    answers = {name: client.invoke(data).get_predictions() for name, data in bodies.items()}
    answers["params"] = client.invoke(frame, params={}).get_predictions()
    refused = ""
    try:
        client.invoke(frame, params={"temperature": 1})
    except Exception as error:  # the client raises no narrower one
        refused = str(error)
    scores = {name: found["score"].tolist() for name, found in answers.items()}
    print(json.dumps({"scores": scores, "version": client.get_version(), "refused": refused}))


main()
