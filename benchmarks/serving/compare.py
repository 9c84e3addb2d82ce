"""Show what the service does beside Flask, FastAPI, Litestar, MLflow, BentoML, KServe and MLServer, and its limit.

Run from the repository root; it needs wrk, and takes half an hour:

    python benchmarks/serving/compare.py [--rounds 5] [--seconds 5] [--environments FOLDER] [--only NAME ...]

All answer with the same forest: 200 trees, depth 15, 30 features; each peer in its usual setting, with scikit-learn,
and in its strongest reasonable one, with ONNX Runtime (see benchmarks/serving/servers.py). Each runs in an environment
of its own, which is made from benchmarks/serving/peers/*.lock; a server whose environment can't be made, or that does
not start, is named in the output with the reason. All are up at once and get load in turn, round by round, on one
machine: as much as they take over 8 connections, with one row and with 100 rows in a request, and one row at a fixed
rate of 200 a second (a request is timed from when it was due; "behind": some were not answered within a second of the
end). The limit is the same HTTP stack, that gives everybody the same answer. After `dvc repro` the service is also
measured with raw transactions, whose features the online store makes, and which it keeps.

Prints medians, ratios, aims, and the tables of docs/serving.md; CPU and memory are those of a server's processes
together. It exits with 1 when a server answers with another probability than the model's, or an aim is missed.
"""

import argparse
import sys
import tempfile
from pathlib import Path

import pandas as pd

sys.path.extend(str(Path(__file__).parents[2] / folder) for folder in ("", "src"))

from benchmarks.locked_environments import default_folder
from benchmarks.serving import aims, transactions
from benchmarks.serving.environments import OWN, environment
from benchmarks.serving.figures import figures, of_loads, ratios, shown
from benchmarks.serving.forest import TREES, made
from benchmarks.serving.load import check_wrk
from benchmarks.serving.markdown_tables import figures_table, parts_table
from benchmarks.serving.rounds import compared
from benchmarks.serving.server import Server
from benchmarks.serving.servers import servers
from lifecycle.core.errors import PipelineError, run


def arguments() -> argparse.Namespace:
    """Read the command line."""
    parser = argparse.ArgumentParser(description="Compare servers.")
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--seconds", type=int, default=5, help="of each load")
    parser.add_argument(
        "--environments", type=Path, default=default_folder("serving"), help="where environments are kept"
    )
    parser.add_argument(
        "--only",
        nargs="+",
        metavar="NAME",
        help="of the peers, only these, in each setting; the service is always there",
    )
    return parser.parse_args()


def chosen(found: list[Server], only: list[str] | None) -> list[Server]:
    """Return this project's servers and the peers whose name begins with one of these, or all."""
    return [server for server in found if server.environment == OWN or not only or server.name.startswith(tuple(only))]


def installed(found: list[Server], folder: Path) -> tuple[dict[str, Path], dict[str, str]]:
    """Return the environment of each server, and of each that can't have one why.

    Raises
    ------
    PipelineError
        There is none for this project's service.
    """
    kept: dict[str, Path] = {}
    left_out: dict[str, str] = {}
    for server in found:
        try:
            kept[server.name] = environment(server.environment, folder)
        except PipelineError as error:
            if server.environment == OWN:
                raise
            left_out[server.name] = f"its environment can't be made: {error}"
    return kept, left_out


def online(home: Path, rounds: int, seconds: int) -> pd.DataFrame | None:
    """Return figures of raw transactions by number of workers, or None where there is no bundle."""
    if not all(path.exists() for path in (transactions.BUNDLE, transactions.RECORDS, transactions.TEST)):
        print("online features: left out, there is no bundle yet; run dvc repro first")
        return None
    found: dict[str, dict[str, float]] = {}
    for workers in (1, 2):
        asked, kept = zip(*transactions.measured(home, workers, rounds, seconds), strict=True)
        words = f"{workers} worker{'s' * (workers > 1)}"
        found[f"scored, {words}"], found[f"kept, {words}"] = of_loads(asked), of_loads(kept)
    return pd.DataFrame(found).T


def page(table: pd.DataFrame, left_out: dict[str, str], raw: pd.DataFrame | None) -> str:
    """Return the tables of docs/serving.md."""
    tables = [figures_table("server", table, left_out), parts_table(table)]
    if raw is not None:
        tables.append(figures_table("raw transactions", raw, {}))
    return "\n\n".join(tables)


def main() -> None:
    """Measure, print, and raise a PipelineError when an aim is missed."""
    options = arguments()
    check_wrk()
    with tempfile.TemporaryDirectory() as name:
        model = made(Path(name), TREES)
        found = chosen(servers(model), options.only)
        homes, left_out = installed(found, options.environments)
        raw = online(next(iter(homes.values())), options.rounds, options.seconds)
        measured, silent = compared(found, homes, model, options.rounds, options.seconds)
    table = figures(measured)
    left_out |= silent
    print(f"{shown(table)}\n\nthis service, times as good as\n{ratios(table)}\n")
    if raw is not None:
        print(f"raw transactions, features from the online store\n{shown(raw)}\n")
    print("".join(f"left out: {name}: {why}\n" for name, why in left_out.items()))
    reached = list(aims.aims(table, None if raw is None else raw.iloc[0]))
    print(f"{aims.shown(reached)}\n\n{page(table, left_out, raw)}")
    missed = [aim.words for aim in reached if not aim.met]
    if missed:
        raise PipelineError(f"missed: {'; '.join(missed)}")


if __name__ == "__main__":
    run(main)
