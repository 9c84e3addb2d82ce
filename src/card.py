"""Write the model card: what the model is for, how it was made, how good it is, and where it must not be trusted.

Reads   metrics/*/*.json and models/*.json (the list below), requirements.lock, and the files whose hashes it shows
Writes  metrics/card/model_card.md
"""

import sys
from pathlib import Path

sys.path.append("src")  # PYTHONSAFEPATH leaves it out

from lifecycle.card.model_card import Facts, card, window
from lifecycle.core.atomic import atomic
from lifecycle.core.errors import run
from lifecycle.core.hashes_and_versions import lineage, versions
from lifecycle.core.params import load_params
from lifecycle.core.tables import WARNINGS, read_json
from lifecycle.models.families import FAMILIES
from lifecycle.problem.loading import fill, load_problem

METRICS = (
    "validate/data_quality", "split/split", "evaluate/evaluation", "evaluate/intervals", "decide/decision",
    "audit/slices", "audit/fairness", "audit/stability", "explain/explanation",
)  # fmt: skip
MODELS = ("features", "decision", "hyperparameters")
READ = (*(f"metrics/{name}.json" for name in METRICS), *WARNINGS.values(), *(f"models/{name}.json" for name in MODELS))
TRAIN, TEST = "data/splits/train.parquet", "data/splits/test.parquet"
FILES = ("data/raw/records.parquet", "data/validated/records.parquet", TRAIN, TEST, "models/model.joblib")


def main() -> None:
    """Run the stage."""
    params = load_params()
    problem, content = load_problem(params.problem), {path: read_json(path) for path in READ}
    split = fill(params.split, problem, "split")
    facts = Facts(
        name=params.problem,
        problem=problem,
        json=content,
        windows={"training": window(TRAIN, problem), "test": window(TEST, problem)},
        files=lineage(FILES),
        versions=versions(
            Path("requirements.lock").read_text(encoding="utf-8"),
            FAMILIES[content["models/hyperparameters.json"]["model"]].package,
        ),
        delay_days=split.delay_days or 0.0,
        strategy=str(split.strategy),
        fixed_threshold=problem.task == "binary" and params.decide.threshold is not None,
        audit=params.audit,
    )
    with atomic("metrics/card/model_card.md") as temporary:
        temporary.write_bytes(card(facts).encode())


if __name__ == "__main__":
    run(main)
