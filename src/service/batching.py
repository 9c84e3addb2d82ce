"""Requests that wait are scored together: each gets the bits that it would get alone, for a part of the time."""

import asyncio
from collections import deque
from collections.abc import Callable, Sequence
from time import monotonic
from typing import NamedTuple

import numpy as np

from lifecycle.bundle.servable import Batch, Scored, Servable
from service.admission import Admission
from service.exchange import Exchange
from service.live_bundle import TOGETHER, Live
from service.messages import Reply

MOST = 32  # requests answered in one turn of the event loop


class Job(NamedTuple):
    """Rows of one request, the model that it began with, and what makes an answer of their scores."""

    live: Live
    batch: Batch
    finish: Callable[[Scored], Reply]

    def answer(self) -> Reply:
        """Return the answer, the rows scored by themselves."""
        return self.finish(self.live.servable.score(self.batch))


class Batcher:
    """A queue of jobs; all that stand in it at one turn of the event loop are scored in one go.

    Parameters
    ----------
    admission : Admission
        Told when a job waits no more.
    """

    def __init__(self, admission: Admission) -> None:
        self._admission = admission
        self._jobs: deque[tuple[Exchange, Job, asyncio.Future[Reply]]] = deque()

    def add(self, exchange: Exchange, job: Job) -> asyncio.Future[Reply]:
        """Have a job scored soon: after one more look at the connections, as those that ask often ask together."""
        loop = asyncio.get_running_loop()
        if not self._jobs:
            loop.call_soon(self._score)
        reply: asyncio.Future[Reply] = loop.create_future()
        self._jobs.append((exchange, job, reply))
        return reply

    def _score(self) -> None:
        begin, taken = monotonic(), [self._jobs.popleft() for _ in range(min(MOST, len(self._jobs)))]
        if self._jobs:
            asyncio.get_running_loop().call_soon(self._score)
        for (exchange, _, reply), found in zip(taken, answers([job for _, job, _ in taken]), strict=True):
            self._admission.leave(exchange)
            if reply.done():  # whoever asked has gone
                continue
            if isinstance(found, Exception):
                reply.set_exception(found)
            else:
                reply.set_result(found)
        self._admission.took(monotonic() - begin)


def answers(jobs: Sequence[Job]) -> list[Reply | Exception]:
    """Return the answers of jobs."""
    if len(jobs) > 1 and _alike(jobs):
        try:
            scores = together(jobs[0].live.servable, jobs)
        except Exception:  # whose rows it is can be told when each is scored for itself
            return [_attempt(job.answer) for job in jobs]
        return [_attempt(job.finish, scored) for job, scored in zip(jobs, scores, strict=True)]
    return [_attempt(job.answer) for job in jobs]


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


def _attempt(work: Callable[..., Reply], *given: Scored) -> Reply | Exception:
    try:
        return work(*given)
    except Exception as error:
        return error
