"""Track a training run with DVCLive, without its side effects: no dvc.yaml of its own, no experiment of its own."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np

from lifecycle.core.errors import PipelineError

PREFIX = "validation"


class Tracker:
    """Log the figures of one validation fold after the other; the summary is their mean."""

    def __init__(self, live: Any) -> None:
        self._live = live
        self._folds: list[dict[str, float]] = []

    def log_fold(self, figures: dict[str, float]) -> None:
        """Log the next fold's figures."""
        self._folds.append(figures)
        for name, value in figures.items():
            self._live.log_metric(f"{PREFIX}/{name}", value)
        self._summarise()
        self._live.next_step()

    def _summarise(self) -> None:
        mean = {name: float(np.mean([fold[name] for fold in self._folds])) for name in self._folds[0]}
        self._live.summary = {PREFIX: mean}


@contextmanager
def tracker(directory: str | Path) -> Iterator[Tracker]:
    """Track into `directory`: metrics.json, and one table per figure under plots/metrics/.

    Raises
    ------
    PipelineError
        The repository has no commit yet: DVCLive can't start there.
    """
    from dvclive import Live
    from scmrepo.exceptions import SCMError

    try:
        live = Live(str(directory), dvcyaml=False, save_dvc_exp=False)
    except SCMError as error:
        raise PipelineError("DVCLive needs a repository with a commit: git add -A && git commit -m 'Start'") from error
    with live:
        yield Tracker(live)
