"""What a search has found: the table of its trials, the best against the present values, and how to take them over."""

import shlex
from collections.abc import Callable, Mapping, Sequence
from functools import partial
from typing import Any, NamedTuple

import numpy as np
import pandas as pd

from lifecycle.core.errors import PipelineError
from lifecycle.core.headline_metric import HEADLINES, Headline, quality
from lifecycle.core.params import TrainParams
from lifecycle.core.yaml_text import as_yaml
from lifecycle.evaluation.bootstrap import entity_codes, weights_of
from lifecycle.evaluation.comparison import BETTER, Chance, Difference, compare
from lifecycle.evaluation.tasks.registry import task_of
from lifecycle.problem.problem import Problem
from lifecycle.search.trials import FIGURES, REFUSAL, VALUES, Search, scores_file, trial_with_scores, trials_of


class Found(NamedTuple):
    """A finished trial: the search it belongs to, Optuna's record of it, and its scores on all validation rows."""

    search: Search
    trial: Any
    scores: np.ndarray

    def __str__(self) -> str:
        """Return its figure and where to find it."""
        return f"{_figure_of(self.trial):.4f} ({self.search.train.model}, trial {self.trial.number})"


def start_and_best(searches: Sequence[Search], records: Sequence[Any]) -> tuple[Found, Found]:
    """Return the trial of the present values, and the best one of all searches, of equal ones the first.

    Raises
    ------
    PipelineError
        The model refuses the present values, or there was no time for them.
    """
    search, record = searches[0], records[0]
    start = trial_with_scores(record, search.present, search.folder)
    if start is None:
        refused = [trial for trial in trials_of(record, "FAIL") if trial.user_attrs[VALUES] == search.present]
        refusals = [trial.user_attrs[REFUSAL] for trial in refused]
        raise PipelineError(*refusals[:1] or ["the time was up before the first trials had ended; allow more"])
    pairs = zip(searches, records, strict=True)
    finished = [(search, record, trial) for search, record in pairs for trial in trials_of(record, "COMPLETE")]
    best = max(finished, key=lambda one: one[2].value)
    return _found(search, record, start), _found(*best)


def _found(search: Search, record: Any, trial: Any) -> Found:
    return Found(search, trial, np.load(scores_file(record, trial.number, search.folder)))


def _figure_of(trial: Any) -> float:
    """Return the mean of a trial's headline figures over its folds, NaN before the first."""
    figures = trial.user_attrs[FIGURES]
    return float(np.mean(figures)) if figures else np.nan


def trial_table(searches: Sequence[Search], records: Sequence[Any]) -> pd.DataFrame:
    """Return all trials, the finished ones first and the best of them on top.

    Values are as params.yaml says them; the cell of a hyper-parameter that a family does not have is empty.
    """
    headline, pairs = searches[0].headline, zip(searches, records, strict=True)
    tried = [(search.train.model, trial) for search, record in pairs for trial in trials_of(record)]
    states = {"COMPLETE": "finished", "PRUNED": "stopped early"}
    parts = (
        {
            "trial": [trial.number for _, trial in tried],
            "model": [model for model, _ in tried],
            "state": [states.get(trial.state.name, "refused") for _, trial in tried],
            headline.name: [_figure_of(trial) for _, trial in tried],
        },
        [{name: as_yaml(value) for name, value in trial.user_attrs[VALUES].items()} for _, trial in tried],
        [{f"fold_{n}": figure for n, figure in enumerate(trial.user_attrs[FIGURES], 1)} for _, trial in tried],
        {"why": [trial.user_attrs[REFUSAL] for _, trial in tried]},
    )
    frames = [pd.DataFrame(part, index=range(len(tried))) for part in parts]
    trials = pd.concat([frames[0], frames[1].fillna(""), frames[2], frames[3].fillna("")], axis=1)
    trials = trials.sort_values(headline.name, ascending=headline.direction < 0, kind="stable")
    return trials.sort_values("state", key=lambda state: state != "finished", kind="stable", ignore_index=True)


def overview(trials: pd.DataFrame, searches: Sequence[Search], place: str) -> str:
    """Return how many trials there are, the ten best, and the best of each family; all are in the table at `place`."""
    finished, figure = trials[trials["state"] == "finished"], searches[0].headline.name
    counts = f"{len(trials)} trials, {len(finished)} of them to the end; all are in {place}"
    best = finished.head(10)
    names = [name for search in searches for name in search.tune.space if (best[name] != "").any()]
    columns = ["trial", "model", figure, *dict.fromkeys(names)]
    lines = [counts, best[columns].to_string(index=False)]
    if len(searches) > 1:
        lines += ["", "the best of each family:", *(_best_of(search, trials, figure) for search in searches)]
    return "\n".join(lines)


def _best_of(search: Search, trials: pd.DataFrame, figure: str) -> str:
    model = search.train.model
    own = trials[trials["model"] == model]
    best = own[own["state"] == "finished"].head(1)
    if len(best):
        return f"  {model}: {best[figure].item():.4f} (trial {best['trial'].item()} of {len(own)})"
    return f"  {model}: none, {next(iter(own['why'].loc[own['why'] != '']), 'the time was up')}"


def verdict(difference: Difference, headline: Headline) -> str:
    """Return in words whether the best trial does better than the present values, beyond chance of entities."""
    share = difference.positive if headline.direction > 0 else 1 - difference.positive
    return (
        f"{'better' if difference.verdict == BETTER else 'not shown to be better'} than the present values:"
        f" {difference.value:+.4f} of {headline.name}, 95 % interval {difference.low:+.4f} to {difference.high:+.4f},"
        f" better in {share:.1%} of the resamples;\n"
        "chosen on these very records and with one training seed, it looks better than it is"
    )


def better_params(present: TrainParams, best: Found) -> TrainParams:
    """Return the block train with what the best trial changes; of another family, all values that were searched."""
    values = best.trial.user_attrs[VALUES]
    if best.search.train.model != present.model:
        return best.search.train.model_copy(update=values)
    start = best.search.present
    return present.model_copy(update={name: value for name, value in values.items() if value != start[name]})


def changes(before: TrainParams, after: TrainParams) -> tuple[dict[str, Any], list[str]]:
    """Return the keys of the block train that get a value, and those that go.

    Examples
    --------
    >>> common = {"seed": 1, "exclude_features": []}
    >>> forest = TrainParams(model="extra_trees", max_depth=14, **common)
    >>> changes(forest, TrainParams(model="ridge", alpha=0.5, **common))
    ({'model': 'ridge', 'alpha': 0.5}, ['max_depth'])
    """
    old, new = before.model_dump(), after.model_dump()
    said = {name: value for name, value in new.items() if name not in old or as_yaml(value) != as_yaml(old[name])}
    return said, [name for name in old if name not in new]


def offer(before: TrainParams, values: Mapping[str, Any], removed: Sequence[str]) -> str:
    """Return the experiment that tries the changes of the block train, and the lines for params.yaml.

    `dvc exp run` wants a plus before a key that is new, and a tilde before one that goes.
    """
    new = set(values) - set(before.model_dump())
    settings = [f"{'+' * (name in new)}train.{name}={as_yaml(value)}" for name, value in values.items()]
    experiment = " ".join(f"-S {shlex.quote(one)}" for one in (*settings, *(f"~train.{name}" for name in removed)))
    block = "\n".join(f"  {name}: {as_yaml(value)}" for name, value in values.items())
    without = f" and remove {', '.join(removed)} there" if removed else ""
    return (
        f"try it on the test window:\n\ndvc exp run {experiment}\n\n"
        f"or take it into params.yaml{without}:\n\ntrain:\n{block}"
    )


def difference(rows: pd.DataFrame, scores: Sequence[np.ndarray], problem: Problem, chance: Chance) -> Difference:
    """Compare two trials by the mean of their headline figure over the folds.

    `rows` are the validation rows of all folds, the oldest fold first; `scores` two arrays of shape (n,) or
    (n, classes), of the present values and of the best ones.
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
