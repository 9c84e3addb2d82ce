"""Rows that wait to be scored. What comes in one turn of the event loop goes through the model together."""

from collections.abc import Callable, Sequence
from typing import NamedTuple

import numpy as np

from lifecycle.model.servable import Batch, Scored, Servable
from lifecycle.serving.live.live import TOGETHER, Live
from lifecycle.serving.messages import Reply


class Job(NamedTuple):
    """Rows of one request, the model that it began with, and what makes an answer of their scores."""

    live: Live
    batch: Batch
    finish: Callable[[Scored], Reply]

    def answer(self) -> Reply:
        """Return the answer, the rows scored by themselves."""
        return self.finish(self.live.servable.score(self.batch))


def answers(jobs: Sequence[Job]) -> list[Reply | Exception]:
    """Return the answers of jobs."""
    if len(jobs) > 1 and _alike(jobs):
        try:
            scores = together(jobs[0].live.servable, jobs)
            return [_finished(job, scored) for job, scored in zip(jobs, scores, strict=True)]
        except Exception:  # whose rows it is can be told when each is scored for itself
            pass
    return [_alone(job) for job in jobs]


def together(servable: Servable, jobs: Sequence[Job]) -> list[Scored]:
    """Return the scores of each job."""
    texts = [job.batch.texts for job in jobs if job.batch.texts is not None]
    numbers = np.concatenate([job.batch.numbers for job in jobs])
    scored, end, found = servable.score(Batch(numbers, np.concatenate(texts) if texts else None)), 0, []
    for job in jobs:
        start, end = end, end + len(job.batch.numbers)
        found.append(Scored(scored.score[start:end], scored.probability[start:end], scored.alert[start:end]))
    return found


def _alike(jobs: Sequence[Job]) -> bool:
    """Tell whether rows of jobs are known to get the same bits together as alone."""
    live, rows = jobs[0].live, sum(len(job.batch.numbers) for job in jobs)
    return live.alike and rows <= TOGETHER and all(job.live is live for job in jobs)


def _alone(job: Job) -> Reply | Exception:
    try:
        return job.answer()
    except Exception as error:
        return error


def _finished(job: Job, scored: Scored) -> Reply | Exception:
    try:
        return job.finish(scored)
    except Exception as error:
        return error
