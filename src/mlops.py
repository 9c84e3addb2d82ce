"""One command with sub-commands, for everything that is no stage of the graph.

python src/mlops.py              lists the commands
python src/mlops.py NAME --help  says what one of them takes
"""

import sys
from collections.abc import Callable
from pathlib import Path

sys.path.append("src")  # PYTHONSAFEPATH leaves it out

from lifecycle.core.errors import PipelineError, run

COMMANDS = {
    "serve": "answer over HTTP what the pipeline would have decided",
    "score": "score a parquet or CSV file by the bundle",
    "tune": "search better hyper-parameters on the validation windows",
    "report": "compare the workspace's model with another revision's; pass or fail",
    "monitor": "watch what a service has decided, and what has become of it; or answer Prometheus",
    "explain": "show the decision on one record, and why",
    "features": "list the features: what each is, and what it is worth",
    "summary": "show the figures of the last run",
    "release": "say which version answers where: register, try, promote, roll back",
    "verify": "prove that a fresh clone makes the same bits, or that a bundle is whole",
    "doctor": "find what is broken in DVC's own files, and mend it",
}


def command(name: str) -> Callable[[list[str]], None]:
    """Return the function of a command; only its own libraries are imported."""
    match name:
        case "serve":
            if not (Path(__file__).parent / "service").is_dir():
                raise PipelineError("the service has been taken off this project: there is no src/service")
            from service.command import serve as function  # type: ignore[import-not-found, unused-ignore]
        case "score":
            from lifecycle.bundle.score_file import score as function
        case "tune":
            from lifecycle.search.tuning import tune as function
        case "report":
            from lifecycle.report.commands import report as function
        case "monitor":
            from lifecycle.monitoring.monitor_command import monitor as function
        case "explain":
            from lifecycle.explanation.record_explanation import explain as function
        case "features":
            from lifecycle.explanation.feature_overview import features as function
        case "summary":
            from lifecycle.report.commands import summary as function
        case "release":
            from lifecycle.release.release_command import release as function
        case "verify":
            from lifecycle.repository.reproducibility import verify as function
        case "doctor":
            from lifecycle.repository.doctor import doctor as function
    return function


def usage() -> str:
    """Return the list of commands."""
    width = max(map(len, COMMANDS))
    lines = [f"  {name:<{width}}  {does}" for name, does in COMMANDS.items()]
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
