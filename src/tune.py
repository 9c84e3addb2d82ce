"""Search better hyper-parameters on the validation windows; the test window stays closed.

Reads   data/splits/folds.parquet
Writes  data/tuning/ (study.db, from which the same search goes on, and trials.csv); params.yaml with --apply
"""

import argparse
from pathlib import Path
from typing import Any

import numpy as np

from lifecycle.edit import as_yaml, set_values
from lifecycle.io import read_table, write_csv
from lifecycle.model import outcome, search, space, study
from lifecycle.model.comparison import Chance, Difference
from lifecycle.model.folds import folds_of
from lifecycle.model.scoring import feature_names
from lifecycle.params import TuneParams, checked, load_params
from lifecycle.problem import load_problem
from lifecycle.stage import run

FOLDS, FOLDER = Path("data/splits/folds.parquet"), Path("data/tuning")
ABOUT = """Search better hyper-parameters on the validation windows, as the block tune of params.yaml says.

A search goes on where an earlier run of it has ended or was killed. Other folds, another space, seed or model, and
another version of its library start a new one."""
REPEATABLE = """Seed and batch decide which values are tried, and they give the same with any number of processes
(LOKY_MAX_CPU_COUNT) and on a Dask cluster (DASK_SCHEDULER_ADDRESS). What differs: a limit in minutes ends a search at
another trial, and after a number of trials that is no multiple of the batch other values follow."""


def options() -> argparse.Namespace:
    """Read the command line."""
    layout = argparse.RawDescriptionHelpFormatter
    parser = argparse.ArgumentParser(description=ABOUT, epilog=REPEATABLE, formatter_class=layout)
    parser.add_argument("--trials", type=int, metavar="N", help="stop when the search has N trials")
    parser.add_argument(
        "--minutes", type=float, metavar="M", help="start no trial, and no fold of one, after M minutes"
    )
    parser.add_argument("--apply", action="store_true", help="write values that are better into params.yaml")
    return parser.parse_args()


def verdict(found: Difference) -> str:
    """Say whether the best trial ranks better than the present values, by more than the choice of cards gives."""
    return (
        f"{'better' if found.low > 0 else 'not shown to be better'} than the present values: {found.value:+.4f}, 95 %"
        f" interval {found.low:+.4f} to {found.high:+.4f}, better in {found.positive:.1%} of the resamples of cards;\n"
        "chosen on these very records and with one training seed, it looks better than it is"
    )


def offer(changes: dict[str, Any]) -> str:
    """Return the experiment that tries the changes, and the lines for params.yaml."""
    experiment = " ".join(f"-S train.{name}={as_yaml(value)}" for name, value in changes.items())
    block = "\n".join(f"  {name}: {as_yaml(value)}" for name, value in changes.items())
    return (
        f"judge it on the test window:\n\ndvc exp run {experiment}\n\nor take it into params.yaml:\n\ntrain:\n{block}"
    )


def main() -> None:
    """Search, compare, offer."""
    given, params = options(), load_params()
    asked = {key: value for key, value in vars(given).items() if key in ("trials", "minutes") and value is not None}
    tune = checked(TuneParams, params.tune.model_dump() | asked, "the command line")
    problem = load_problem(params.problem)
    table = read_table(FOLDS)
    folds = folds_of(table, feature_names(problem, params.train), problem)
    present = space.starting_point(params.train, tune.space, folds[0].features)
    space.probe(params.train, tune.space, folds[0].features, folds[0].target)
    with study.open_study(FOLDER, study.name_of(params.train, tune, FOLDS)) as record:
        search.run(search.Search(params.train, tune, present, folds, FOLDER), record, tune.minutes)
        start, best = outcome.start_and_best(record, present, FOLDER)
        scores = np.stack([np.load(study.scores_file(record, trial, FOLDER)) for trial in (start, best)])
        listed = outcome.table(record)
    write_csv(listed, FOLDER / "trials.csv")
    finished = listed[listed["state"] == "finished"]
    print(f"{len(listed)} trials, {len(finished)} of them to the end; all are in {FOLDER / 'trials.csv'}")
    print(finished[["trial", "average_precision", *tune.space]].head(10).to_string(index=False))
    print(f"present values: {start.value:.4f} (trial {start.number}); best: {best.value:.4f} (trial {best.number})")
    values = best.user_attrs[study.VALUES]
    changes = {name: value for name, value in values.items() if best.value > start.value and value != present[name]}
    if not changes:
        print("nothing better than the present values was found")
        return
    judged = table[table["role"] == "valid"].sort_values("fold", kind="stable")
    chance = Chance({}, params.evaluate.bootstrap_samples, params.evaluate.seed)
    print(verdict(outcome.difference(judged, scores, problem, chance)))
    print(offer(changes))
    if given.apply:
        set_values("params.yaml", "train", changes)
        print("\nwritten into params.yaml; next: dvc repro")


if __name__ == "__main__":
    run(main)
