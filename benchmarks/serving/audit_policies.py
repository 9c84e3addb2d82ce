"""Show what the audit log costs a service: how long answers take without it and with each policy.

Run from the repository root, after `dvc repro`:

    python benchmarks/serving/audit_policies.py

Prints the median and the 99th percentile of the milliseconds of an answer, at 200 and at 600 requests a second, due at
fixed times: the median of five rounds in which the policies take turns. Each request is about one of a thousand
entities, so keys are made and looked up too. The log is on the disk of TMPDIR.
"""

import json
import sys
import tempfile
from pathlib import Path

import numpy as np

sys.path.extend(str(Path(__file__).parents[2] / folder) for folder in ("", "src"))

from benchmarks.serving.connection import request
from benchmarks.serving.pace import GRACE, Clients, Paced
from benchmarks.serving.processes import Running
from benchmarks.serving.server import Question, Server
from lifecycle.core.errors import run

RATES, SECONDS, ROUNDS, ENTITIES = (200, 600), 5.0, 5, 1000
POLICIES = ("off", "refuse", "degrade")
BUNDLE = Path("models/bundle")


def answered(folder: Path, policy: str, rate: int) -> Paced:
    """Return how fast a service answers with a policy."""
    features = json.loads((BUNDLE / "schema.json").read_text(encoding="utf-8"))["features"]
    body = json.dumps({"features": [1.0] * len(features)}).encode()
    own = {"SERVE_AUDIT": str(folder / "log"), "SERVE_AUDIT_KEYS": str(folder / "keys"), "SERVE_AUDIT_POLICY": policy}
    variables = {"SERVE_LOG": "none", "SERVE_PORT": "{port}", **({} if policy == "off" else own)}
    question = Question("/predict", (body,), lambda answer: [answer["probability"]])
    command = (sys.executable, "src/mlops.py", "serve")
    server = Server(policy, "", command, Path.cwd(), question, variables=variables)
    running = Running(server, Path(sys.prefix), folder / "service.log")
    head, rest = request("/predict", body).split(b"\r\n", 1)
    asked = [b"%b\r\nX-Entity: %d\r\n%b" % (head, entity, rest) for entity in range(ENTITIES)]
    try:
        clients = Clients(running.port, asked, np.arange(round(rate * SECONDS)) / rate)
        clients.run(SECONDS + GRACE)
    finally:
        running.stop()
    return Paced(*np.percentile(clients.took, [50, 99, 99.9], method="higher").tolist())


def main() -> None:
    """Print a line for each policy and rate."""
    for rate in RATES:
        found = {policy: list[Paced]() for policy in POLICIES}
        for _ in range(ROUNDS):
            for policy in POLICIES:
                with tempfile.TemporaryDirectory() as folder:
                    found[policy].append(answered(Path(folder), policy, rate))
        for policy, rounds in found.items():
            p50, p99 = (sorted(getattr(one, name) for one in rounds)[ROUNDS // 2] for name in ("p50", "p99"))
            print(f"{policy:<10}{rate:>5} requests/s{p50:>8.2f} / {p99:.2f} ms, p50 / p99")


if __name__ == "__main__":
    run(main)
