"""The trials of a hyper-parameter search: proposed in batches, scored fold by fold in parallel, recorded at the end.

Optuna proposes a batch from the trials of earlier batches, with a seed for each trial. So the values that are tried
follow from the seed and the size of a batch, and not from the number of processes, their pace, or where an earlier run
ended: a run that goes on proposes the unfinished batch again, and scores those of its trials that have no record yet.

The search goes by the headline figure of the kind of target. Optuna's values are its merit: the figure, with its sign
turned where less is better. So more merit is always better.
"""

import os
import pickle
import time
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from tqdm import tqdm

from lifecycle.core import dask_client
from lifecycle.core.atomic import atomic, locked
from lifecycle.core.errors import PipelineError
from lifecycle.core.headline_metric import HEADLINES, Headline, quality
from lifecycle.core.params import TrainParams, TuneParams
from lifecycle.models.prediction import predict
from lifecycle.models.training import Fold, train_model
from lifecycle.problem.problem import Problem
from lifecycle.search.space import Values, distributions, legible

VALUES, FIGURES, REFUSAL = "values", "figures", "refusal"  # what the record of a trial holds beside Optuna's own
FINISHED_BEFORE_STOPPING = 5  # trials, whose median then stops a trial that is worse


class Search(NamedTuple):
    """A search in one family of models.

    `tune` has its space, `present` the values to start from; `folds` are what is scored, in `folder` is the record.
    """

    train: TrainParams
    tune: TuneParams
    problem: Problem
    present: Values
    folds: Sequence[Fold]
    folder: Path

    @property
    def trials(self) -> int:
        """How many trials there shall be: without a space there is nothing but the start."""
        return self.tune.trials if self.tune.space else 1

    @property
    def headline(self) -> Headline:
        """The figure that the search goes by."""
        return HEADLINES[self.problem.task]

    def merit(self, figures: Sequence[float]) -> float:
        """Return the mean of headline figures of folds, with the sign that makes more better."""
        return self.headline.direction * float(np.mean(figures))


@dataclass
class Candidate:
    """A running trial: Optuna's, its rounded values, and the scores and figures of the folds so far."""

    trial: Any
    values: Values
    scores: list[np.ndarray] = field(default_factory=list)
    figures: list[float] = field(default_factory=list)
    refusal: str | None = None
    stopped: bool = False


@contextmanager
def open_records(folder: Path, names: Sequence[str]) -> Iterator[list[Any]]:
    """Open or start the records of searches: Optuna studies in a SQLite file, each with all trials that have ended."""
    try:
        import optuna
    except ImportError as error:
        raise PipelineError("optuna is not installed: it is in the extra `tune`") from error
    optuna.logging.set_verbosity(optuna.logging.WARNING)
    with locked(folder, f"{folder}: another search is at work there; try again when it has ended"):
        database = f"sqlite:///{folder / 'study.db'}"
        study = partial(optuna.create_study, storage=database, direction="maximize", load_if_exists=True)
        yield [study(study_name=name) for name in names]


def trials_of(record: Any, *states: str) -> list[Any]:
    """Return the trials on record, oldest first; only those in the given states of Optuna's, where any are given."""
    return [trial for trial in record.get_trials(deepcopy=False) if not states or trial.state.name in states]


def scores_file(record: Any, number: int, folder: Path) -> Path:
    """Return where the scores of a trial on all validation rows are, if they were kept."""
    return folder / record.study_name / f"{number}.npy"


def trial_with_scores(record: Any, values: Values, folder: Path) -> Any:
    """Return the finished trial with these values whose scores are kept, or None."""
    same = [trial for trial in trials_of(record, "COMPLETE") if trial.user_attrs[VALUES] == values]
    return next((trial for trial in same if scores_file(record, trial.number, folder).is_file()), None)


def run(searches: Sequence[Search], records: Sequence[Any], minutes: float) -> None:
    """Run trials until each record has as many as params say, or the time is up; an unfinished batch is then dropped.

    The searches take turns, a batch each, so that none is left without trials when the time is up. They share folds.
    """
    deadline, turns = time.monotonic() + 60 * minutes, deque(zip(searches, records, strict=True))
    ended, wanted = (sum(map(len, map(trials_of, records))), sum(search.trials for search in searches))
    bar = tqdm(desc="trials", total=wanted, initial=ended, disable=None)
    with bar, _parallel_scores(searches[0]) as score:
        while turns and time.monotonic() < deadline:
            search, record = turns.popleft()
            if count := _try_batch(search, record, score, deadline):
                bar.update(count)
                turns.append((search, record))


def _try_batch(search: Search, record: Any, score: Callable[..., list[Any]], deadline: float) -> int:
    """Score the next batch and put it on record; return how many trials that are, 0 when all are done or no time is."""
    ended = trials_of(record)
    earlier = ended[: len(ended) - len(ended) % search.tune.batch]  # the batches that are complete
    study, batch = _next_batch(search, record, earlier)
    if not batch or not _score_folds(batch, search, _medians(earlier, len(search.folds)), score, deadline):
        return 0
    for candidate in batch:
        _put_on_record(candidate, search, study, record)
    return len(batch)


def _next_batch(search: Search, record: Any, earlier: Sequence[Any]) -> tuple[Any, list[Candidate]]:
    """Propose the next batch; return Optuna's study of it, and those of its trials that are not on record.

    There are none when there are enough trials. The present values come first where they have no score yet, also when
    there are enough trials.
    """
    import optuna

    ended, refused = trials_of(record), [trial.user_attrs[VALUES] for trial in trials_of(record, "FAIL")]
    is_known = search.present in refused or trial_with_scores(record, search.present, search.folder) is not None
    stop = min(max(search.trials, len(ended) + (not is_known)), len(earlier) + search.tune.batch)
    study = optuna.create_study(direction="maximize")
    study.add_trials(earlier)
    batch = []
    for number in range(len(earlier), stop):
        seed = int(np.random.SeedSequence([search.tune.seed, number]).generate_state(1)[0])
        # constant_liar: what was proposed before in this batch counts as bad, so the next keeps its distance.
        study.sampler = optuna.samplers.TPESampler(seed=seed, constant_liar=True)
        if number < len(ended):
            study.enqueue_trial(ended[number].params)
        elif number == len(ended) and not is_known:
            study.enqueue_trial(search.present)
        trial = study.ask(distributions(search.tune.space))
        if number >= len(ended):
            batch.append(Candidate(trial, legible(trial.params, search.tune.space, search.present)))
    return study, batch


def _medians(earlier: Sequence[Any], folds: int) -> list[float]:
    """Return, for each fold, the median over the trials of earlier batches of the merit up to there.

    Optuna's own median pruner takes a trial's best fold for it, but one window is easier than another.
    """
    finished = [trial.intermediate_values for trial in earlier if trial.state.name == "COMPLETE"]
    if len(finished) < FINISHED_BEFORE_STOPPING:
        return [-np.inf] * folds
    return [float(np.median([means[fold] for means in finished])) for fold in range(folds)]


def _score_folds(
    batch: Sequence[Candidate], search: Search, medians: list[float], score: Callable[..., list[Any]], deadline: float
) -> bool:
    """Score a batch fold by fold; return whether there was time for it. The present values are never stopped early."""
    for number, fold in enumerate(search.folds):
        if time.monotonic() >= deadline:
            return False
        running = [candidate for candidate in batch if not candidate.stopped and candidate.refusal is None]
        results = score(number, [search.train.model_copy(update=candidate.values) for candidate in running])
        target = fold.valid[search.problem.target].to_numpy()
        for candidate, result in zip(running, results, strict=True):
            if isinstance(result, str):
                candidate.refusal = result
                continue
            figure = quality(search.problem.task, target, result)(None)
            if np.isnan(figure):
                candidate.refusal = f"fold {number + 1} does not define {search.headline.name}"
                continue
            candidate.scores.append(result)
            candidate.figures.append(figure)
            candidate.trial.report(merit := search.merit(candidate.figures), number)
            candidate.stopped = merit < medians[number] and candidate.values != search.present
    return True


def _put_on_record(candidate: Candidate, search: Search, study: Any, record: Any) -> None:
    """Record a trial that has ended: refused by the model, stopped early, or finished.

    The scores of the present values and of the best so far are kept; they are on the disk before the record is.
    """
    from optuna.trial import TrialState

    trial, merit, state = candidate.trial, None, TrialState.PRUNED
    if candidate.refusal is not None:
        state = TrialState.FAIL
    elif len(candidate.figures) == len(search.folds):
        merit, state = search.merit(candidate.figures), TrialState.COMPLETE
        best = max((other.value for other in trials_of(record, "COMPLETE")), default=-np.inf)
        if candidate.values == search.present or merit > best:
            path = scores_file(record, trial.number, search.folder)
            with atomic(path) as temporary, temporary.open("wb") as file:
                np.save(file, np.concatenate(candidate.scores))
    for name, value in ((VALUES, candidate.values), (FIGURES, candidate.figures), (REFUSAL, candidate.refusal)):
        trial.set_user_attr(name, value)
    record.add_trial(study.tell(trial, merit, state))


@contextmanager
def _parallel_scores(search: Search) -> Iterator[Callable[[int, Sequence[TrainParams]], list[Any]]]:
    """Yield a function from a fold's number and several params to the result of `fold_scores` for each.

    Processes of this machine (LOKY_MAX_CPU_COUNT says how many) or the Dask cluster that the environment names compute
    them. A fold is sent to a process once, not with each task.
    """
    import joblib

    # A local function and bytes: a Dask scheduler unpacks what it is sent, and has none of our code.
    def call(fold: np.ndarray, task: bytes) -> np.ndarray | str:
        function, train, problem = pickle.loads(task)
        return function(train, problem, pickle.loads(fold.data))

    def score(number: int, several: Sequence[TrainParams]) -> list[Any]:
        tasks = [pickle.dumps((fold_scores, train, search.problem)) for train in several]
        return list(parallel(joblib.delayed(call)(folds[number], task) for task in tasks))

    folds = [np.frombuffer(pickle.dumps(fold), np.uint8) for fold in search.folds]
    processes = min(search.tune.batch, joblib.cpu_count())
    with dask_client.workers(with_code=True), joblib.Parallel(n_jobs=processes, batch_size=1) as parallel:
        yield score


def fold_scores(train: TrainParams, problem: Problem, fold: Fold) -> np.ndarray | str:
    """Return a fold's scores as `src/train.py` makes them, or the text with which the model refuses a value."""
    import joblib

    os.environ.pop(dask_client.ADDRESS, None)  # a worker of a cluster would wait for the cluster
    try:
        with joblib.parallel_config(backend="sequential"):
            return predict(train_model(train, problem, fold.train), fold.valid)
    except PipelineError as error:
        return str(error)
