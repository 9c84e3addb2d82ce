"""The command `tune`: search better models on the validation windows, without the test window.

It reads data/splits/folds.parquet and writes data/tuning/ (study.db, from which the same search goes on, and
trials.csv); with --apply also params.yaml.
"""

import argparse
import hashlib
import json
import sys
from collections.abc import Sequence
from pathlib import Path

import pandas as pd

from lifecycle.core.params import Params, TrainParams, TuneParams, load_params
from lifecycle.core.section import checked
from lifecycle.core.tables import read_table, write_csv
from lifecycle.core.yaml_text import set_values
from lifecycle.evaluation.comparison import Chance
from lifecycle.models.families import FAMILIES
from lifecycle.models.training import feature_names, folds_of
from lifecycle.problem.loading import load_problem
from lifecycle.search.search_results import (
    better_params,
    changes,
    difference,
    offer,
    overview,
    start_and_best,
    trial_table,
    verdict,
)
from lifecycle.search.space import probe, spaces, starting_point
from lifecycle.search.trials import Search, open_records, run

FOLDS, FOLDER = Path("data/splits/folds.parquet"), Path("data/tuning")
ABOUT = """Search better hyper-parameters and model families on the validation windows, as the block tune of
params.yaml says.

A search goes on where an earlier run of it has ended or was killed. Other folds, another space, seed or model, and
another version of its library start a new one."""
REPEATABLE = """Seed and batch decide which values are tried, and they give the same with any number of processes
(LOKY_MAX_CPU_COUNT) and on a Dask cluster (DASK_SCHEDULER_ADDRESS). A limit in minutes only ends a search at
another trial."""


def options(argv: Sequence[str]) -> argparse.Namespace:
    """Read the command line."""
    layout = argparse.RawDescriptionHelpFormatter
    parser = argparse.ArgumentParser(prog="mlops.py tune", description=ABOUT, epilog=REPEATABLE, formatter_class=layout)
    parser.add_argument("--trials", type=int, metavar="N", help="stop when the search of each family has N trials")
    parser.add_argument(
        "--minutes", type=float, metavar="M", help="start no trial, and no fold of one, after M minutes"
    )
    parser.add_argument("--apply", action="store_true", help="write values that are better into params.yaml")
    return parser.parse_args(argv)


def tune(argv: Sequence[str]) -> None:
    """Search, compare the best trial with the present values, and offer what is better."""
    arguments, params = options(argv), load_params()
    budget = {name: value for name, value in vars(arguments).items() if name != "apply" and value is not None}
    tuning = checked(TuneParams, params.tune.model_dump() | budget, "the command line")
    searches = prepare(params, tuning)
    with open_records(FOLDER, [search_name(one.train, one.tune, FOLDS) for one in searches]) as records:
        run(searches, records, tuning.minutes)
        start, best = start_and_best(searches, records)
        trials = trial_table(searches, records)
    write_csv(trials, FOLDER / "trials.csv")
    print(overview(trials, searches, str(FOLDER / "trials.csv")))
    print(f"present values: {start}; best: {best}")
    values, removed = changes(params.train, better_params(params.train, best))
    if best.trial.value <= start.trial.value:
        print("nothing better than the present values was found")
        return
    chance = Chance({}, params.evaluate.bootstrap_samples, params.evaluate.seed)
    rows = pd.concat(fold.valid for fold in best.search.folds)
    found = difference(rows, (start.scores, best.scores), best.search.problem, chance)
    print(verdict(found, best.search.headline))
    print(offer(params.train, values, removed))
    if arguments.apply:
        set_values("params.yaml", "train", values, removed)
        print("\nwritten into params.yaml; next: dvc repro")


def prepare(params: Params, tuning: TuneParams) -> list[Search]:
    """Read what a search needs, and check that each end of its space can be trained; one search for each family."""
    problem, table = load_problem(params.problem), read_table(FOLDS)
    folds, features = folds_of(table), table[feature_names(problem, params.train)]
    searched = [
        (train, space, starting_point(train, problem.task, space, features))
        for train, space in spaces(params.train, tuning, problem.task)
    ]
    for train, space, _ in searched:
        probe(train, space, problem, folds[0].train)
    return [
        Search(train, tuning.model_copy(update={"space": space}), problem, present, folds, FOLDER)
        for train, space, present in searched
    ]


def search_name(train: TrainParams, tune: TuneParams, folds: Path) -> str:
    """Return the name of a search: a digest of all that its figures and its sequence of trials depend on."""
    library = FAMILIES[train.model].library
    fixed = train.model_dump(exclude=set(tune.space)) | {library: sys.modules[library].__version__}
    text = json.dumps(fixed | tune.model_dump(include={"space", "seed"}))
    return hashlib.sha256(folds.read_bytes() + text.encode()).hexdigest()[:12]
