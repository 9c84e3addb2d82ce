"""One command with sub-commands, for everything that is no stage of the graph.

python src/mlops.py              lists the commands
python src/mlops.py NAME --help  says what one of them takes
"""

import sys
from collections.abc import Callable
from importlib import import_module
from pathlib import Path

sys.path.append("src")  # PYTHONSAFEPATH leaves it out

from lifecycle.core.errors import PipelineError, run

COMMANDS = {  # the function of each, and what it does
    "serve": ("service.command:serve", "answer over HTTP what the pipeline would have decided"),
    "score": ("lifecycle.bundle.score_file:score", "score a parquet or CSV file by the bundle"),
    "tune": ("lifecycle.search.tuning:tune", "search better hyper-parameters on the validation windows"),
    "report": (
        "lifecycle.report.commands:report",
        "compare the workspace's model with another revision's; pass or fail",
    ),
    "monitor": (
        "lifecycle.monitoring.monitor_command:monitor",
        "watch what a service has decided, and what has become of it; or answer Prometheus",
    ),
    "release": (
        "lifecycle.release.release_command:release",
        "say which version answers where: register, try, promote, roll back",
    ),
    "drill": (
        "lifecycle.release.drill.drill:drill",
        "live through a model's life in minutes: drift, alarm, retraining, release, rollback",
    ),
    "explain": ("lifecycle.explanation.record_explanation:explain", "show the decision on one record, and why"),
    "features": (
        "lifecycle.explanation.feature_overview:features",
        "list the features: what each is, and what it is worth",
    ),
    "export": (
        "integrations.export_command:export",
        "write the graph for Airflow, Argo, Kubeflow or Prefect",
    ),
    "summary": ("lifecycle.report.commands:summary", "show the figures of the last run"),
    "verify": (
        "lifecycle.repository.reproducibility:verify",
        "prove that a fresh clone makes the same bits, or that a bundle is whole",
    ),
    "doctor": ("lifecycle.repository.doctor:doctor", "find what is broken in DVC's own files, and mend it"),
}


def command(name: str) -> Callable[[list[str]], None]:
    """Return the function of a command; only its own libraries are imported."""
    module, _, function = COMMANDS[name][0].partition(":")
    if module.startswith("service.") and not (Path(__file__).parent / "service").is_dir():
        raise PipelineError("the service has been taken off this project: there is no src/service")
    found: Callable[[list[str]], None] = getattr(import_module(module), function)
    return found


def usage() -> str:
    """Return the list of commands."""
    width = max(map(len, COMMANDS))
    lines = [f"  {name:<{width}}  {does}" for name, (_, does) in COMMANDS.items()]
    return "\n".join(["usage: python src/mlops.py COMMAND [--help] ...", "", *lines])


def main(argv: list[str]) -> None:
    """Run a command with its arguments."""
    if not argv or argv[0] in ("-h", "--help"):
        print(usage())
    elif argv[0] not in COMMANDS:
        sys.exit(f"error: {argv[0]!r} is no command\n\n{usage()}")
    else:
        run(lambda: command(argv[0])(argv[1:]))


if __name__ == "__main__":
    main(sys.argv[1:])
