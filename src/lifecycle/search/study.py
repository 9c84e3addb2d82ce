"""The record of a search: an Optuna study in a SQLite file, which a killed run leaves in a state to go on from."""

import hashlib
import json
import sys
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Any

import numpy as np

from lifecycle.core.atomic import atomic
from lifecycle.core.errors import PipelineError
from lifecycle.core.params import TrainParams, TuneParams
from lifecycle.models import families
from lifecycle.search.space import Values

# What a trial keeps beside Optuna's own record; its place counts those that count, its number those given back too.
VALUES, FIGURES, REFUSED, PLACE = "values", "figures", "refused", "place"
PATIENCE = 5  # trials that must have finished before one is stopped for being worse than their median


def name_of(train: TrainParams, tune: TuneParams, folds: Path) -> str:
    """Return a study's name, a digest of what its figures and its sequence follow from."""
    library = families.FAMILIES[train.model].module.split(".")[0]
    fixed = train.model_dump(exclude=set(tune.space)) | {library: sys.modules[library].__version__}
    text = json.dumps(fixed | tune.model_dump(include={"space", "seed"}))
    return hashlib.sha256(folds.read_bytes() + text.encode()).hexdigest()[:12]


@contextmanager
def open_study(folder: Path, name: str) -> Iterator[Any]:
    """Open or start a study; trials that a killed run has left unfinished are given back, to be done again.

    Raises
    ------
    PipelineError
        Optuna is not installed, or another search is at work.
    """
    import zc.lockfile

    try:
        import optuna
    except ImportError as error:
        raise PipelineError("optuna is not installed: it is in the extra `tune`") from error
    optuna.logging.set_verbosity(optuna.logging.WARNING)
    folder.mkdir(parents=True, exist_ok=True)
    try:
        lock = zc.lockfile.LockFile(folder / "lock")
    except zc.lockfile.LockError as error:
        raise PipelineError(f"{folder}: another search is at work there; try again when it has ended") from error
    with closing(lock):
        study = optuna.create_study(
            storage=f"sqlite:///{folder / 'study.db'}", study_name=name, direction="maximize", load_if_exists=True
        )
        give_back(study)
        yield study


def in_state(study: Any, *states: str) -> list[Any]:
    """Return the trials in states of Optuna's, oldest first."""
    from optuna.trial import TrialState

    return study.get_trials(deepcopy=False, states=[TrialState[state] for state in states])


def counted(study: Any) -> list[Any]:
    """Return the trials that count: under way, finished, stopped early, or refused by the model."""
    done = in_state(study, "RUNNING", "COMPLETE", "PRUNED", "FAIL")
    return [trial for trial in done if trial.state.name != "FAIL" or REFUSED in trial.user_attrs]


def finished(study: Any, values: Values, folder: Path) -> Any:
    """Return the finished trial with these values whose scores are kept, or None."""
    trials = [trial for trial in in_state(study, "COMPLETE") if trial.user_attrs[VALUES] == values]
    return next((trial for trial in trials if scores_file(study, trial, folder).is_file()), None)


def medians(study: Any, batch: int, folds: int) -> list[float]:
    """Return, for each fold, the median over the trials of earlier batches of the mean figure up to there.

    Optuna's own median pruner takes a trial's best fold for it, but one window is easier than another.
    """
    under_way = in_state(study, "RUNNING")[0].user_attrs[PLACE]
    begin = under_way - under_way % batch  # an earlier run may have been killed when it had told half of the batch
    before = [trial for trial in in_state(study, "COMPLETE") if trial.user_attrs[PLACE] < begin]
    if len(before) < PATIENCE:
        return [-np.inf] * folds
    means = [[trial.intermediate_values[number] for number in range(folds)] for trial in before]
    return [float(median) for median in np.median(means, axis=0)]


def scores_file(study: Any, trial: Any, folder: Path) -> Path:
    """Return where the scores of a trial are kept."""
    return folder / study.study_name / f"{trial.number}.npy"


def give_back(study: Any) -> None:
    """Fail the trials under way, and have the next ones take their values in the same order."""
    from optuna.trial import TrialState

    for trial in in_state(study, "RUNNING"):
        study.tell(trial.number, state=TrialState.FAIL)
        if VALUES in trial.user_attrs:  # otherwise it was killed while it was proposed
            study.enqueue_trial(trial.params, user_attrs={VALUES: trial.user_attrs[VALUES]})


def tell(study: Any, trial: Any, figures: list[float], refused: str | None, done: bool) -> None:
    """Put a trial's outcome on record: the model refused it, it was stopped early, or it is done."""
    from optuna.trial import TrialState

    for step in range(len(figures)):
        trial.report(float(np.mean(figures[: step + 1])), step)
    trial.set_user_attr(FIGURES, figures)
    if refused is not None:
        trial.set_user_attr(REFUSED, refused)
        study.tell(trial, state=TrialState.FAIL)
    elif done:
        study.tell(trial, float(np.mean(figures)))
    else:
        study.tell(trial, state=TrialState.PRUNED)


def keep_scores(study: Any, trial: Any, scores: list[np.ndarray], folder: Path) -> None:
    """Write the scores of a trial on all validation rows."""
    with atomic(scores_file(study, trial, folder)) as temporary, temporary.open("wb") as file:
        np.save(file, np.concatenate(scores))
