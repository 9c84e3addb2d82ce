"""The command `release retrain`: train a new version when there is a reason, and hold it against the one that answers.

Writes a branch `retrain/DAY`, which can be registered as a challenger, and report/ with the comparison and
retraining.json: what was decided, why, and what came of it. Ends with 0 when a new version passes the gate, with 1 when
it fails or the work can't be done, with 20 when there is no reason to train yet, and with 21 on a fault of the data.
"""

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from lifecycle.core.errors import PipelineError
from lifecycle.core.params import load_params
from lifecycle.core.tables import write_json
from lifecycle.problem.loading import load_problem
from lifecycle.release.retraining.new_version import make_version
from lifecycle.release.retraining.retraining_reasons import Decision, decide
from lifecycle.release.retraining.retraining_situation import Evidence, read_situation
from lifecycle.repository.revision_files import Revision
from lifecycle.splits.time_windows import TimeWindow

EXIT_CODES = {"retrain": 0, "wait": 20, "fault": 21}
RESULT = Path("report/retraining.json")


def options(argv: Sequence[str]) -> argparse.Namespace:
    """Read the command line."""
    parser = argparse.ArgumentParser(
        prog="mlops.py release retrain",
        description="Train a new version when there is a reason, on a branch of its own; the workspace is not touched.",
        epilog="Exit code: 0 a version passes the gate, 1 it fails, 20 no reason yet, 21 a fault of the data.",
    )
    parser.add_argument("--new", metavar="FILE", type=Path, help="new records, which become a part of the source")
    parser.add_argument("--log", metavar="FILE", type=Path, help="decision log of the service, to look for alarms now")
    parser.add_argument("--labels", metavar="FILE", type=Path, help="with --log: the truth, as for mlops.py monitor")
    parser.add_argument(
        "--findings", metavar="FOLDER", default=Path("metrics/monitor"), type=Path,
        help="without --log: where `mlops.py monitor --output` has written alarms.json; metrics/monitor",
    )  # fmt: skip
    parser.add_argument("--champion", default="HEAD", metavar="REVISION", help="of the version that answers; HEAD")
    parser.add_argument("--dry-run", action="store_true", help="only say what would be done, and why")
    found = parser.parse_args(argv)
    if found.labels is not None and found.log is None:
        parser.error("--labels needs --log")
    return found


def retrain(argv: Sequence[str]) -> None:
    """Decide, train, compare."""
    arguments, params = options(argv), load_params()
    problem, champion = load_problem(params.problem), Revision(arguments.champion)
    evidence = Evidence(arguments.new, arguments.findings, arguments.log, arguments.labels)
    situation, window = read_situation(champion, evidence, params, problem)
    decision = decide(situation, params.release.retrain)
    print(decision)
    if decision.answer != "retrain" or arguments.dry_run:
        write_json(_result(decision, window), RESULT)
        sys.exit(EXIT_CODES[decision.answer])
    branch = f"retrain/{window.train_end.date()}"
    made = make_version(branch, champion, arguments.new, window, "\n".join(decision.reasons))
    write_json(_result(decision, window) | made._asdict(), RESULT)
    print(f"branch {made.branch}, commit {made.commit[:12]}: the gate {'passes' if made.passes else 'fails'}")
    if not made.passes:
        raise PipelineError(f"the gate fails, see above and report/report.md; {branch} is kept to look at")


def _result(decision: Decision, window: TimeWindow) -> dict[str, Any]:
    """Return the content of report/retraining.json."""
    days = {name: str(moment.date()) for name, moment in window._asdict().items()}
    return {"answer": decision.answer, "reasons": list(decision.reasons), "window": days}
