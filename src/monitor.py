"""Watch the packaged model on the records after its test window, as it would be watched in service.

Reads   models/bundle, data/features/features.parquet, data/splits/test.parquet, data/quarantine/rejected.parquet,
        data/raw/records.parquet
Writes  metrics/monitor/: monitor.json, alarms.json, days.csv, features.csv, performance.csv, costs.csv, scores.csv,
        causes.csv, and monitor.html, which shows all of it
"""

import sys
from pathlib import Path

sys.path.append("src")  # PYTHONSAFEPATH leaves it out

from lifecycle.bundle.manifest import NOT_SERVED
from lifecycle.bundle.servable import Servable
from lifecycle.core.errors import run
from lifecycle.core.params import load_params
from lifecycle.evaluation.tasks.registry import task_of
from lifecycle.monitoring import replay
from lifecycle.monitoring.findings_files import write_findings, write_not_watched
from lifecycle.monitoring.monitor_health import Subject
from lifecycle.problem.loading import fill, load_problem

BUNDLE, TARGET = Path("models/bundle"), Path("metrics/monitor")


def main() -> None:
    """Run the stage."""
    params = load_params()
    problem = load_problem(params.problem)
    options = fill(params.monitor, problem, "monitor")
    split, evaluate = fill(params.split, problem, "split"), fill(params.evaluate, problem, "evaluate")
    if (BUNDLE / NOT_SERVED).is_file():
        write_not_watched(TARGET, "the model is not served")
        return
    servable = Servable.load(BUNDLE)
    watched, stream = replay.after_test(task_of(problem), split, servable, options)
    subject = Subject(servable.name, servable.version, options.review_capacity_per_day)
    write_findings(TARGET, watched, stream, options, evaluate, subject)


if __name__ == "__main__":
    run(main)
