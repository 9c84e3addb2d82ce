"""The trials of a hyper-parameter search: proposed in batches, judged fold by fold in parallel, on record at the end.

Optuna proposes a batch from the trials of earlier batches, with a seed for each trial. So what is tried follows from
the seed and the size of a batch, and not from the number of processes, their pace, or where an earlier run has ended:
a run that goes on proposes the unfinished batch again, and judges those of its trials that are not on record yet.
"""

import os
import pickle
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from tqdm import tqdm

from lifecycle.core import cluster
from lifecycle.core.atomic import atomic, locked
from lifecycle.core.errors import PipelineError
from lifecycle.core.params import TrainParams, TuneParams
from lifecycle.evaluation.metrics import Ranking, average_precision
from lifecycle.models.families import predict
from lifecycle.models.training import Fold, train_model
from lifecycle.problem.problem import Problem
from lifecycle.search.space import Values, distributions, legible

VALUES, FIGURES, REFUSAL = "values", "figures", "refusal"  # what the record of a trial holds beside Optuna's own
FINISHED_BEFORE_STOPPING = 5  # trials, whose median then stops a trial that is worse


class Search(NamedTuple):
    """What is searched: `present` values of params.yaml to start from, folds to judge by, the folder of the record."""

    train: TrainParams
    tune: TuneParams
    problem: Problem
    present: Values
    folds: Sequence[Fold]
    folder: Path


@dataclass
class Candidate:
    """A trial under way: what Optuna proposed, the values that a person would write, and what the folds gave so far."""

    proposal: Any
    values: Values
    scores: list[np.ndarray] = field(default_factory=list)
    figures: list[float] = field(default_factory=list)
    refusal: str | None = None
    stopped: bool = False


@contextmanager
def open_record(folder: Path, name: str) -> Iterator[Any]:
    """Open or start the record of a search, an Optuna study in a SQLite file that holds the trials that have ended.

    Raises
    ------
    PipelineError
        Optuna is not installed, or another search is at work.
    """
    try:
        import optuna
    except ImportError as error:
        raise PipelineError("optuna is not installed: it is in the extra `tune`") from error
    optuna.logging.set_verbosity(optuna.logging.WARNING)
    with locked(folder, f"{folder}: another search is at work there; try again when it has ended"):
        database = f"sqlite:///{folder / 'study.db'}"
        yield optuna.create_study(storage=database, study_name=name, direction="maximize", load_if_exists=True)


def trials_of(study: Any, *states: str) -> list[Any]:
    """Return the trials on record, oldest first; only those in the given states of Optuna's, where any are given."""
    trials = study.get_trials(deepcopy=False)
    return [trial for trial in trials if not states or trial.state.name in states]


def scores_file(study: Any, number: int, folder: Path) -> Path:
    """Return where the scores of a trial on all validation rows are, if they were kept."""
    return folder / study.study_name / f"{number}.npy"


def trial_with_scores(study: Any, values: Values, folder: Path) -> Any:
    """Return the finished trial with these values whose scores are kept, or None."""
    same = [trial for trial in trials_of(study, "COMPLETE") if trial.user_attrs[VALUES] == values]
    return next((trial for trial in same if scores_file(study, trial.number, folder).is_file()), None)


def run(search: Search, study: Any, minutes: float) -> None:
    """Run trials until the record has as many as params say, or the time is up; an unfinished batch is then dropped."""
    deadline = time.monotonic() + 60 * minutes
    bar = tqdm(desc="trials", total=search.tune.trials, initial=len(trials_of(study)), disable=None)
    with bar, _parallel_scores(search) as score:
        while time.monotonic() < deadline and (batch := _next_batch(search, study)):
            if not _judge(batch, search, _medians(search, study), score, deadline):
                break
            for candidate in batch:
                _put_on_record(candidate, search, study)
            bar.update(len(batch))


def _earlier_batches(search: Search, study: Any) -> list[Any]:
    """Return the trials of the batches that are complete."""
    trials = trials_of(study)
    return trials[: len(trials) - len(trials) % search.tune.batch]


def _next_batch(search: Search, study: Any) -> list[Candidate]:
    """Propose the next batch, without those of its trials that are on record; none when there are enough trials.

    The present values come first where they have not been judged, also when there are enough trials.
    """
    import optuna

    recorded, earlier = trials_of(study), _earlier_batches(search, study)
    known = trial_with_scores(study, search.present, search.folder) or any(
        trial.user_attrs[VALUES] == search.present for trial in trials_of(study, "FAIL")
    )
    stop = min(max(search.tune.trials, len(recorded) + (not known)), len(earlier) + search.tune.batch)
    proposals = optuna.create_study(direction="maximize")
    proposals.add_trials(earlier)
    batch = []
    for number in range(len(earlier), stop):
        seed = int(np.random.SeedSequence([search.tune.seed, number]).generate_state(1)[0])
        # constant_liar: what was proposed before in this batch counts as bad, so the next keeps its distance.
        proposals.sampler = optuna.samplers.TPESampler(seed=seed, constant_liar=True)
        if number < len(recorded):
            proposals.enqueue_trial(recorded[number].params)
        elif number == len(recorded) and not known:
            proposals.enqueue_trial(search.present)
        proposal = proposals.ask(distributions(search.tune.space))
        if number >= len(recorded):
            batch.append(Candidate(proposal, legible(proposal.params, search.tune.space, search.present)))
    return batch


def _medians(search: Search, study: Any) -> list[float]:
    """Return, for each fold, the median over the trials of earlier batches of the mean figure up to there.

    Optuna's own median pruner takes a trial's best fold for it, but one window is easier than another.
    """
    finished = [trial for trial in _earlier_batches(search, study) if trial.state.name == "COMPLETE"]
    if len(finished) < FINISHED_BEFORE_STOPPING:
        return [-np.inf] * len(search.folds)
    means = [[trial.intermediate_values[fold] for fold in range(len(search.folds))] for trial in finished]
    return [float(median) for median in np.median(means, axis=0)]


def _judge(
    batch: Sequence[Candidate], search: Search, medians: list[float], score: Callable[..., list[Any]], deadline: float
) -> bool:
    """Judge a batch fold by fold; say whether it was done in time. The present values are never stopped early."""
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
            candidate.scores.append(result)
            candidate.figures.append(average_precision(*Ranking(target, result).counts()))
            below = bool(np.mean(candidate.figures) < medians[number])
            candidate.stopped = below and candidate.values != search.present
    return True


def _put_on_record(candidate: Candidate, search: Search, study: Any) -> None:
    """Record a trial that has ended: refused by the model, stopped early, or finished.

    The scores of the present values and of the best so far are kept, and are on the disk before the record says so.
    """
    from optuna.trial import TrialState, create_trial

    figures = candidate.figures
    means = {fold: float(np.mean(figures[: fold + 1])) for fold in range(len(figures))}
    state, value = TrialState.PRUNED, None
    if candidate.refusal is not None:
        state = TrialState.FAIL
    elif len(figures) == len(search.folds):
        state, value = TrialState.COMPLETE, float(np.mean(figures))
        best = max((trial.value for trial in trials_of(study, "COMPLETE")), default=-np.inf)
        if candidate.values == search.present or value > best:
            with atomic(scores_file(study, len(trials_of(study)), search.folder)) as path, path.open("wb") as file:
                np.save(file, np.concatenate(candidate.scores))
    trial = create_trial(
        state=state,
        value=value,
        params=candidate.proposal.params,
        distributions=candidate.proposal.distributions,
        user_attrs={VALUES: candidate.values, FIGURES: figures, REFUSAL: candidate.refusal},
        intermediate_values=means,
    )
    study.add_trial(trial)


@contextmanager
def _parallel_scores(search: Search) -> Iterator[Callable[[int, Sequence[TrainParams]], list[Any]]]:
    """Give a function from a fold's number and several params to the result of `fold_scores` for each.

    They are computed by processes of this machine (LOKY_MAX_CPU_COUNT says how many) or by the Dask cluster that the
    environment names. A fold is sent to a process once, not with each task.
    """
    import joblib

    # A local function and bytes: a Dask scheduler unpacks what it is sent, and has none of our code.
    def call(fold: np.ndarray, task: bytes) -> np.ndarray | str:
        function, train, problem = pickle.loads(task)
        return function(train, problem, pickle.loads(fold.data))

    packed = [np.frombuffer(pickle.dumps(fold), np.uint8) for fold in search.folds]
    processes = min(search.tune.batch, joblib.cpu_count())
    with cluster.workers(with_code=True), joblib.Parallel(n_jobs=processes, batch_size=1) as parallel:
        yield lambda number, several: parallel(
            joblib.delayed(call)(packed[number], pickle.dumps((fold_scores, train, search.problem)))
            for train in several
        )


def fold_scores(train: TrainParams, problem: Problem, fold: Fold) -> np.ndarray | str:
    """Return a fold's scores as `src/train.py` makes them, or in words why the model refuses its hyper-parameters."""
    import joblib

    os.environ.pop(cluster.ADDRESS, None)  # a worker of a cluster would wait for the cluster
    try:
        with joblib.parallel_config(backend="sequential"):
            return predict(train_model(train, problem, fold.train), fold.valid)
    except PipelineError as error:
        return str(error)
