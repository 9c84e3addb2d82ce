"""Show what the service does beside a Flask application, MLflow, BentoML, KServe and MLServer, and beside its limit.

Run from the repository root; it needs wrk, and takes a quarter of an hour:

    python benchmarks/serving/compare.py [--rounds 5] [--seconds 5] [--environments FOLDER] [--only NAME ...]

All answer with the same forest: 200 trees, depth 15, 30 features. Each runs in an environment of its own, which is made
from benchmarks/serving/peers/*.lock; a server whose environment can't be made is left out. All are up at once and get
load in turn, round by round, on one machine: as much as they take over 8 connections, with one row and with 100 rows in
a request, and one row at a fixed rate of 200 a second (a request is timed from when it was due; "behind": some were not
answered within a second of the end). The limit is the same HTTP stack, that gives everybody the same answer. After
`dvc repro` the service is also measured with raw transactions, whose features the online store makes, and which it
keeps.

Prints medians, ratios and aims; CPU and memory are those of a server's processes together. It exits with 1 when a
server answers with another probability than the model's, or an aim is missed.
"""

import argparse
import sys
import tempfile
from pathlib import Path

import pandas as pd

sys.path.extend(str(Path(__file__).parents[2] / folder) for folder in ("", "src"))

from benchmarks.serving import aims, transactions
from benchmarks.serving.environments import OWN, default_folder, environment
from benchmarks.serving.figures import of_loads, ratios, shown
from benchmarks.serving.forest import TREES, made
from benchmarks.serving.load import check_wrk
from benchmarks.serving.rounds import compared
from benchmarks.serving.server import Server
from benchmarks.serving.servers import servers
from lifecycle.core.errors import PipelineError, run


def arguments() -> argparse.Namespace:
    """Read the command line."""
    parser = argparse.ArgumentParser(description="Compare servers.")
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--seconds", type=int, default=5, help="of each load")
    parser.add_argument("--environments", type=Path, default=default_folder(), help="where environments are kept")
    parser.add_argument(
        "--only", nargs="+", metavar="NAME", help="of the peers, only these; the service is always there"
    )
    return parser.parse_args()


def installed(found: list[Server], folder: Path) -> dict[str, Path]:
    """Return the environment of each server, and say which servers are left out.

    Raises
    ------
    PipelineError
        There is none for this project's service.
    """
    kept: dict[str, Path] = {}
    for server in found:
        try:
            kept[server.name] = environment(server.environment, folder)
        except PipelineError as error:
            if server.environment == OWN:
                raise
            print(f"{server.name}: left out, its environment can't be made: {error}")
    return kept


def online(home: Path, rounds: int, seconds: int) -> pd.DataFrame | None:
    """Return figures of raw transactions by number of workers, or None where there is no bundle."""
    if not all(path.exists() for path in (transactions.BUNDLE, transactions.RECORDS, transactions.TEST)):
        print("online features: left out, there is no bundle yet; run dvc repro first")
        return None
    found: dict[str, dict[str, float]] = {}
    for workers in (1, 2):
        asked, kept = zip(*transactions.measured(home, workers, rounds, seconds), strict=True)
        found[f"asked, workers: {workers}"], found[f"kept, workers: {workers}"] = of_loads(asked), of_loads(kept)
    return pd.DataFrame(found).T


def main() -> None:
    """Measure, print, and raise a PipelineError when an aim is missed."""
    options = arguments()
    check_wrk()
    with tempfile.TemporaryDirectory() as name:
        model = made(Path(name), TREES)
        found = [
            each for each in servers(model) if each.environment == OWN or not options.only or each.name in options.only
        ]
        homes = installed(found, options.environments)
        table = compared(found, homes, model, options.rounds, options.seconds)
        raw = online(next(iter(homes.values())), options.rounds, options.seconds)
    print(f"{shown(table)}\n\nthis service, times as good as\n{ratios(table)}\n")
    if raw is not None:
        print(f"raw transactions, features from the online store\n{shown(raw)}\n")
    reached = list(aims.aims(table, None if raw is None else raw.iloc[0]))
    print(aims.shown(reached))
    missed = [aim.words for aim in reached if not aim.met]
    if missed:
        raise PipelineError(f"missed: {'; '.join(missed)}")


if __name__ == "__main__":
    run(main)
