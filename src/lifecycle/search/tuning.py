"""The command `tune`: search better hyper-parameters on the validation windows; the test window stays closed.

It reads data/splits/folds.parquet and writes data/tuning/ (study.db, from which the same search goes on, and
trials.csv); with --apply also params.yaml.
"""

import argparse
from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from lifecycle.core.errors import PipelineError
from lifecycle.core.params import TuneParams, checked, load_params
from lifecycle.core.ranking import Ranking, average_precision
from lifecycle.core.tables import read_table, write_csv
from lifecycle.core.yaml_text import as_yaml, set_values
from lifecycle.evaluation.bootstrap import weights_of
from lifecycle.evaluation.comparison import Chance, Difference, compare
from lifecycle.models.families import feature_names
from lifecycle.problem.loading import load_problem
from lifecycle.problem.problem import Problem
from lifecycle.search.fold_scores import folds_of
from lifecycle.search.space import Values, probe, starting_point
from lifecycle.search.study import (
    FIGURES,
    REFUSED,
    VALUES,
    counted,
    finished,
    in_state,
    name_of,
    open_study,
    scores_file,
)
from lifecycle.search.trials import Search, run

FOLDS, FOLDER = Path("data/splits/folds.parquet"), Path("data/tuning")
ABOUT = """Search better hyper-parameters on the validation windows, as the block tune of params.yaml says.

A search goes on where an earlier run of it has ended or was killed. Other folds, another space, seed or model, and
another version of its library start a new one."""
REPEATABLE = """Seed and batch decide which values are tried, and they give the same with any number of processes
(LOKY_MAX_CPU_COUNT) and on a Dask cluster (DASK_SCHEDULER_ADDRESS). What differs: a limit in minutes ends a search at
another trial, and after a number of trials that is no multiple of the batch other values follow."""
FIGURE = "average_precision"  # mean over the folds


def options(words: Sequence[str]) -> argparse.Namespace:
    """Read the command line."""
    layout = argparse.RawDescriptionHelpFormatter
    parser = argparse.ArgumentParser(prog="mlops.py tune", description=ABOUT, epilog=REPEATABLE, formatter_class=layout)
    parser.add_argument("--trials", type=int, metavar="N", help="stop when the search has N trials")
    parser.add_argument(
        "--minutes", type=float, metavar="M", help="start no trial, and no fold of one, after M minutes"
    )
    parser.add_argument("--apply", action="store_true", help="write values that are better into params.yaml")
    return parser.parse_args(words)


def verdict(found: Difference) -> str:
    """Say whether the best trial ranks better than the present values, by more than the choice of entities gives."""
    return (
        f"{'better' if found.low > 0 else 'not shown to be better'} than the present values: {found.value:+.4f}, 95 %"
        f" interval {found.low:+.4f} to {found.high:+.4f}, better in {found.positive:.1%} of the resamples;\n"
        "chosen on these very records and with one training seed, it looks better than it is"
    )


def offer(changes: dict[str, Any]) -> str:
    """Return the experiment that tries the changes, and the lines for params.yaml."""
    experiment = " ".join(f"-S train.{name}={as_yaml(value)}" for name, value in changes.items())
    block = "\n".join(f"  {name}: {as_yaml(value)}" for name, value in changes.items())
    return (
        f"judge it on the test window:\n\ndvc exp run {experiment}\n\nor take it into params.yaml:\n\ntrain:\n{block}"
    )


def tune(words: Sequence[str]) -> None:
    """Search, compare, offer."""
    given, params = options(words), load_params()
    asked = {key: value for key, value in vars(given).items() if key in ("trials", "minutes") and value is not None}
    wanted = checked(TuneParams, params.tune.model_dump() | asked, "the command line")
    problem = load_problem(params.problem)
    table = read_table(FOLDS)
    folds = folds_of(table, feature_names(problem, params.train), problem)
    present = starting_point(params.train, wanted.space, folds[0].features)
    probe(params.train, wanted.space, folds[0].features, folds[0].target)
    with open_study(FOLDER, name_of(params.train, wanted, FOLDS)) as record:
        run(Search(params.train, wanted, present, folds, FOLDER), record, wanted.minutes)
        start, best = start_and_best(record, present, FOLDER)
        scores = np.stack([np.load(scores_file(record, trial, FOLDER)) for trial in (start, best)])
        listed = trial_table(record)
    write_csv(listed, FOLDER / "trials.csv")
    finished = listed[listed["state"] == "finished"]
    print(f"{len(listed)} trials, {len(finished)} of them to the end; all are in {FOLDER / 'trials.csv'}")
    print(finished[["trial", "average_precision", *wanted.space]].head(10).to_string(index=False))
    print(f"present values: {start.value:.4f} (trial {start.number}); best: {best.value:.4f} (trial {best.number})")
    values = best.user_attrs[VALUES]
    changes = {name: value for name, value in values.items() if best.value > start.value and value != present[name]}
    if not changes:
        print("nothing better than the present values was found")
        return
    judged = table[table["role"] == "valid"].sort_values("fold", kind="stable")
    chance = Chance({}, params.evaluate.bootstrap_samples, params.evaluate.seed)
    print(verdict(difference(judged, scores, problem, chance)))
    print(offer(changes))
    if given.apply:
        set_values("params.yaml", "train", changes)
        print("\nwritten into params.yaml; next: dvc repro")


def start_and_best(study: Any, present: Values, folder: Path) -> tuple[Any, Any]:
    """Return the trial of the present values and the best one; of equals the first.

    Raises
    ------
    PipelineError
        The present values have not been judged.
    """
    start = finished(study, present, folder)
    if start is None:
        why = [trial.user_attrs.get(REFUSED) for trial in counted(study) if trial.user_attrs[VALUES] == present]
        raise PipelineError(next(filter(None, why), "the time was up before the first trials had ended; allow more"))
    return start, max(in_state(study, "COMPLETE"), key=lambda trial: trial.value)


def trial_table(study: Any) -> pd.DataFrame:
    """Return the trials that count, the finished ones first and the best of them on top."""
    rows = []
    for trial in counted(study):
        figures = trial.user_attrs.get(FIGURES, [])
        state = {"COMPLETE": "finished", "PRUNED": "stopped early"}.get(trial.state.name, "refused")
        row = {"trial": trial.number, "state": state, FIGURE: np.mean(figures) if figures else np.nan}
        folds = {f"fold_{number}": figure for number, figure in enumerate(figures, 1)}
        rows.append(row | trial.user_attrs[VALUES] | folds | {"why": trial.user_attrs.get(REFUSED, "")})
    listed = pd.DataFrame(rows).sort_values(FIGURE, ascending=False, kind="stable")
    return listed.sort_values("state", key=lambda state: state != "finished", kind="stable", ignore_index=True)


def difference(judged: pd.DataFrame, scores: np.ndarray, problem: Problem, chance: Chance) -> Difference:
    """Compare two trials by their mean average precision over the folds.

    Parameters
    ----------
    judged : pandas.DataFrame
        The validation rows of all folds, the oldest fold first.
    scores : array of float, shape (2, n)
        Theirs, of the present values and of the best ones.
    problem : Problem
        Its roles.
    chance : Chance
        What the difference is held against.
    """
    first, second = (judged.assign(score=score) for score in scores)
    return compare(first, second, problem, partial(_mean_over_folds, problem), chance).figures[FIGURE]


def _mean_over_folds(problem: Problem, table: pd.DataFrame) -> Callable[[np.ndarray | None], dict[str, float]]:
    entity = None if problem.entity is None else pd.factorize(table[problem.entity])[0]
    target, score, fold = (table[name].to_numpy() for name in (problem.target, "score", "fold"))
    places = [np.flatnonzero(fold == number) for number in np.unique(fold)]
    rankings = [Ranking(target[rows], score[rows]) for rows in places]

    def figures(copies: np.ndarray | None) -> dict[str, float]:
        weight = np.ones(len(table)) if copies is None else weights_of(copies, entity)
        pairs = zip(rankings, places, strict=True)
        return {FIGURE: float(np.mean([average_precision(*ranking.counts(weight[rows])) for ranking, rows in pairs]))}

    return figures
