"""Search hyper-parameters: trials proposed in batches by Optuna, run in parallel, stopped early, resumed after a kill.

A batch is proposed before any of its trials has run, each with a seed of its own, so the sequence follows from the
seed and the size of the batch, and not from the number of processes, their pace, or where an earlier run has ended.
"""

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from tqdm import tqdm

from lifecycle.core.params import TrainParams, TuneParams
from lifecycle.core.ranking import Ranking, average_precision
from lifecycle.search.fold_scores import Fold, scorer
from lifecycle.search.space import Values, distributions, legible
from lifecycle.search.study import PLACE, VALUES, counted, finished, give_back, in_state, keep_scores, medians, tell


class Search(NamedTuple):
    """What is searched, from where, judged on what, and the folder of its record."""

    train: TrainParams
    tune: TuneParams
    present: Values
    folds: Sequence[Fold]
    folder: Path


@dataclass
class Running:
    """A trial under way: its values, and what the folds so far have given."""

    trial: Any
    values: Values
    scores: list[np.ndarray] = field(default_factory=list)
    figures: list[float] = field(default_factory=list)
    refused: str | None = None
    pruned: bool = False


def run(search: Search, study: Any, minutes: float) -> None:
    """Run trials until the study has as many as params say, or the time is up; what is under way then is given back."""
    deadline = time.monotonic() + 60 * minutes
    waiting = [trial.user_attrs[VALUES] for trial in in_state(study, "WAITING")]
    if search.present not in waiting and finished(study, search.present, search.folder) is None:
        study.enqueue_trial(search.present, user_attrs={VALUES: search.present})
    bar = tqdm(desc="trials", total=search.tune.trials, initial=len(counted(study)), disable=None)
    with bar, scorer(search.folds, search.tune.batch) as score:
        while time.monotonic() < deadline and (size := _next_batch(search.tune, study)):
            batch = [_propose(search, study) for _ in range(size)]
            if not _judge(batch, search, medians(study, search.tune.batch, len(search.folds)), score, deadline):
                break
            for one in batch:
                _record(one, search, study)
            bar.update(size)
    give_back(study)


def _next_batch(tune: TuneParams, study: Any) -> int:
    """Return how many trials come next: batches begin at multiples of their size, also when an earlier run goes on."""
    done = len(counted(study))
    wanted = max(tune.trials - done, len(in_state(study, "WAITING")))
    return min(wanted, tune.batch - done % tune.batch)


def _propose(search: Search, study: Any) -> Running:
    """Ask for a trial, with a seed that follows from its place."""
    from optuna.samplers import TPESampler

    place = len(counted(study))
    seed = np.random.SeedSequence([search.tune.seed, place]).generate_state(1)[0]
    # constant_liar: those of the batch that were proposed before count as bad, so the next keeps its distance.
    study.sampler = TPESampler(seed=int(seed), constant_liar=True)
    trial = study.ask(distributions(search.tune.space))
    values = trial.user_attrs.get(VALUES) or legible(trial.params, search.tune.space, search.present)
    trial.set_user_attr(PLACE, place)
    trial.set_user_attr(VALUES, values)
    return Running(trial, values)


def _judge(
    batch: Sequence[Running], search: Search, medians: list[float], score: Callable[..., list[Any]], deadline: float
) -> bool:
    """Judge a batch fold by fold; say whether it was done in time. The present values are never stopped early."""
    for number, fold in enumerate(search.folds):
        if time.monotonic() >= deadline:
            return False
        going = [one for one in batch if not one.pruned and one.refused is None]
        several = [search.train.model_copy(update=one.values) for one in going]
        for one, found in zip(going, score(number, several), strict=True):
            if isinstance(found, str):
                one.refused = found
                continue
            one.scores.append(found)
            one.figures.append(average_precision(*Ranking(fold.judged_target, found).counts()))
            one.pruned = one.values != search.present and bool(np.mean(one.figures) < medians[number])
    return True


def _record(one: Running, search: Search, study: Any) -> None:
    """Tell a trial's outcome, its scores first if the present values or the best so far gave them."""
    done = one.refused is None and len(one.figures) == len(search.folds)
    if done:
        best = max((trial.value for trial in in_state(study, "COMPLETE")), default=-np.inf)
        if one.values == search.present or np.mean(one.figures) > best:
            keep_scores(study, one.trial, one.scores, search.folder)
    tell(study, one.trial, one.figures, one.refused, done)
