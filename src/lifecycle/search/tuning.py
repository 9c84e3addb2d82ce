"""The command `tune`: search better hyper-parameters on the validation windows, without the test window.

It reads data/splits/folds.parquet and writes data/tuning/ (study.db, from which the same search goes on, and
trials.csv); with --apply also params.yaml.
"""

import argparse
import hashlib
import json
import sys
from collections.abc import Callable, Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from lifecycle.core.errors import PipelineError
from lifecycle.core.headline_metric import HEADLINES, Headline, quality
from lifecycle.core.params import Params, TrainParams, TuneParams, load_params
from lifecycle.core.section import checked
from lifecycle.core.tables import read_table, write_csv
from lifecycle.core.yaml_text import as_yaml, set_values
from lifecycle.evaluation.bootstrap import entity_codes, weights_of
from lifecycle.evaluation.comparison import BETTER, Chance, Difference, compare
from lifecycle.evaluation.tasks.registry import task_of
from lifecycle.models.families import FAMILIES
from lifecycle.models.training import feature_names, folds_of
from lifecycle.problem.loading import load_problem
from lifecycle.problem.problem import Problem
from lifecycle.search.space import Values, probe, starting_point
from lifecycle.search.trials import (
    FIGURES,
    REFUSAL,
    VALUES,
    Search,
    open_record,
    run,
    scores_file,
    trial_with_scores,
    trials_of,
)

FOLDS, FOLDER = Path("data/splits/folds.parquet"), Path("data/tuning")
ABOUT = """Search better hyper-parameters on the validation windows, as the block tune of params.yaml says.

A search goes on where an earlier run of it has ended or was killed. Other folds, another space, seed or model, and
another version of its library start a new one."""
REPEATABLE = """Seed and batch decide which values are tried, and they give the same with any number of processes
(LOKY_MAX_CPU_COUNT) and on a Dask cluster (DASK_SCHEDULER_ADDRESS). A limit in minutes only ends a search at
another trial."""


def options(argv: Sequence[str]) -> argparse.Namespace:
    """Read the command line."""
    layout = argparse.RawDescriptionHelpFormatter
    parser = argparse.ArgumentParser(prog="mlops.py tune", description=ABOUT, epilog=REPEATABLE, formatter_class=layout)
    parser.add_argument("--trials", type=int, metavar="N", help="stop when the search has N trials")
    parser.add_argument(
        "--minutes", type=float, metavar="M", help="start no trial, and no fold of one, after M minutes"
    )
    parser.add_argument("--apply", action="store_true", help="write values that are better into params.yaml")
    return parser.parse_args(argv)


def tune(argv: Sequence[str]) -> None:
    """Search, compare the best values with the present ones, and offer what is better."""
    arguments, params = options(argv), load_params()
    budget = {name: value for name, value in vars(arguments).items() if name != "apply" and value is not None}
    tuning = checked(TuneParams, params.tune.model_dump() | budget, "the command line")
    search = prepare(params, tuning)
    with open_record(FOLDER, search_name(params.train, tuning, FOLDS)) as record:
        run(search, record, tuning.minutes)
        start, best = start_and_best(record, search.present, FOLDER)
        scores = np.stack([np.load(scores_file(record, trial.number, FOLDER)) for trial in (start, best)])
        trials = trial_table(record, search.headline)
    write_csv(trials, FOLDER / "trials.csv")
    print(overview(trials, search.headline, list(tuning.space)))
    first, last = (f"{figure_of(trial):.4f} (trial {trial.number})" for trial in (start, best))
    print(f"present values: {first}; best: {last}")
    values = best.user_attrs[VALUES] if best.value > start.value else search.present
    changes = {name: value for name, value in values.items() if value != search.present[name]}
    if not changes:
        print("nothing better than the present values was found")
        return
    chance = Chance({}, params.evaluate.bootstrap_samples, params.evaluate.seed)
    found = difference(pd.concat(fold.valid for fold in search.folds), scores, search.problem, chance)
    print(verdict(found, search.headline))
    print(offer(changes))
    if arguments.apply:
        set_values("params.yaml", "train", changes)
        print("\nwritten into params.yaml; next: dvc repro")


def prepare(params: Params, tuning: TuneParams) -> Search:
    """Read what a search needs, and check that each end of its space can be trained."""
    problem, table = load_problem(params.problem), read_table(FOLDS)
    folds, names = folds_of(table), feature_names(problem, params.train)
    present = starting_point(params.train, problem.task, tuning.space, table[names])
    probe(params.train, tuning.space, problem, folds[0].train)
    return Search(params.train, tuning, problem, present, folds, FOLDER)


def search_name(train: TrainParams, tune: TuneParams, folds: Path) -> str:
    """Return the name of a search: a digest of all that its figures and its sequence of trials depend on."""
    library = FAMILIES[train.model].library
    fixed = train.model_dump(exclude=set(tune.space)) | {library: sys.modules[library].__version__}
    text = json.dumps(fixed | tune.model_dump(include={"space", "seed"}))
    return hashlib.sha256(folds.read_bytes() + text.encode()).hexdigest()[:12]


def start_and_best(record: Any, present: Values, folder: Path) -> tuple[Any, Any]:
    """Return the trial of the present values and the best one, of equal ones the first."""
    start = trial_with_scores(record, present, folder)
    if start is None:
        refusals = [t.user_attrs[REFUSAL] for t in trials_of(record, "FAIL") if t.user_attrs[VALUES] == present]
        raise PipelineError(*refusals[:1] or ["the time was up before the first trials had ended; allow more"])
    return start, max(trials_of(record, "COMPLETE"), key=lambda trial: trial.value)


def figure_of(trial: Any) -> float:
    """Return the mean of a trial's headline figures over its folds, NaN before the first."""
    figures = trial.user_attrs[FIGURES]
    return float(np.mean(figures)) if figures else np.nan


def trial_table(record: Any, headline: Headline) -> pd.DataFrame:
    """Return all trials, the finished ones first and the best of them on top."""
    rows = []
    for trial in trials_of(record):
        figures = trial.user_attrs[FIGURES]
        state = {"COMPLETE": "finished", "PRUNED": "stopped early"}.get(trial.state.name, "refused")
        row = {"trial": trial.number, "state": state, headline.name: figure_of(trial)}
        folds = {f"fold_{number}": figure for number, figure in enumerate(figures, 1)}
        rows.append(row | trial.user_attrs[VALUES] | folds | {"why": trial.user_attrs[REFUSAL] or ""})
    trials = pd.DataFrame(rows).sort_values(headline.name, ascending=headline.direction < 0, kind="stable")
    return trials.sort_values("state", key=lambda state: state != "finished", kind="stable", ignore_index=True)


def overview(trials: pd.DataFrame, headline: Headline, names: list[str]) -> str:
    """Return how many trials there are, and the ten best."""
    finished = trials[trials["state"] == "finished"]
    counts = f"{len(trials)} trials, {len(finished)} of them to the end; all are in {FOLDER / 'trials.csv'}"
    return f"{counts}\n{finished[['trial', headline.name, *names]].head(10).to_string(index=False)}"


def verdict(difference: Difference, headline: Headline) -> str:
    """Return in words whether the best trial does better than the present values, beyond chance of entities."""
    share = difference.positive if headline.direction > 0 else 1 - difference.positive
    return (
        f"{'better' if difference.verdict == BETTER else 'not shown to be better'} than the present values:"
        f" {difference.value:+.4f} of {headline.name}, 95 % interval {difference.low:+.4f} to {difference.high:+.4f},"
        f" better in {share:.1%} of the resamples;\n"
        "chosen on these very records and with one training seed, it looks better than it is"
    )


def offer(changes: Mapping[str, Any]) -> str:
    """Return the experiment that tries the changes, and the lines for params.yaml."""
    experiment = " ".join(f"-S train.{name}={as_yaml(value)}" for name, value in changes.items())
    block = "\n".join(f"  {name}: {as_yaml(value)}" for name, value in changes.items())
    return f"try it on the test window:\n\ndvc exp run {experiment}\n\nor take it into params.yaml:\n\ntrain:\n{block}"


def difference(rows: pd.DataFrame, scores: np.ndarray, problem: Problem, chance: Chance) -> Difference:
    """Compare two trials by the mean of their headline figure over the folds.

    `rows` are the validation rows of all folds, the oldest fold first; `scores` (2, n) or (2, n, classes) theirs, of
    the present values and of the best ones.
    """
    task, (first, second) = task_of(problem), (rows.assign(**problem.as_columns(score)) for score in scores)
    return compare(first, second, task, partial(_mean_over_folds, problem), chance).figures[task.headline]


def _mean_over_folds(problem: Problem, table: pd.DataFrame) -> Callable[[np.ndarray | None], dict[str, float]]:
    entity, headline = entity_codes(table, problem.entity), HEADLINES[problem.task].name
    target, score, fold = table[problem.target].to_numpy(), problem.prediction(table), table["fold"].to_numpy()
    places = [np.flatnonzero(fold == number) for number in np.unique(fold)]
    qualities = [quality(problem.task, target[rows], score[rows]) for rows in places]

    def figures(copies: np.ndarray | None) -> dict[str, float]:
        weight = np.ones(len(table)) if copies is None else weights_of(copies, entity)
        return {headline: float(np.mean([of(weight[rows]) for of, rows in zip(qualities, places, strict=True)]))}

    return figures
