"""Requests that wait are scored together: each gets the bits that it would get alone, for a part of the time."""

import asyncio
from collections import deque
from collections.abc import Callable, Sequence
from time import perf_counter
from typing import Any, NamedTuple, Protocol

import numpy as np

from lifecycle.bundle.servable import Batch, Servable
from service.admission import Admission
from service.http_messages import Reply
from service.live_bundle import TOGETHER, Live

MOST = 32  # requests answered in one turn of the event loop


class HasRows(Protocol):
    """Something with rows of a model's features."""

    @property
    def batch(self) -> Batch:
        """The rows."""


class Job(NamedTuple):
    """Rows of one request, the model that it began with, and what makes an answer of the rows and their scores.

    `failed`, where there is one, answers instead when the model has raised an error.
    """

    live: Live
    batch: Batch
    finish: Callable[..., Reply]
    failed: Callable[[Exception], Reply] | None = None

    def answer(self) -> Reply:
        """Return the answer, the rows scored by themselves."""
        try:
            scored = self.live.servable.score(self.batch)
        except Exception as error:
            if self.failed is None:
                raise
            return self.failed(error)
        return self.finish(self.batch, scored)


class Batcher:
    """A queue of jobs; all that stand in it at one turn of the event loop are scored in one go.

    Parameters
    ----------
    admission : Admission
        Told how long others had to wait for a turn.
    """

    def __init__(self, admission: Admission) -> None:
        self._admission, self._loop = admission, asyncio.get_running_loop()  # to ask for it each time is a system call
        self._jobs: deque[tuple[Job, asyncio.Future[Reply]]] = deque()

    def add(self, job: Job) -> asyncio.Future[Reply]:
        """Have a job scored soon: after one more look at the connections, as those that ask often ask together."""
        if not self._jobs:
            self._loop.call_soon(self._score)
        reply: asyncio.Future[Reply] = self._loop.create_future()
        self._jobs.append((job, reply))
        return reply

    def _score(self) -> None:
        begin, taken = perf_counter(), [self._jobs.popleft() for _ in range(min(MOST, len(self._jobs)))]
        if self._jobs:
            self._loop.call_soon(self._score)
        for (_, reply), found in zip(taken, answers([job for job, _ in taken]), strict=True):
            if reply.done():  # whoever asked has gone
                continue
            if isinstance(found, Exception):
                reply.set_exception(found)
            else:
                reply.set_result(found)
        self._admission.took(perf_counter() - begin)


def answers(jobs: Sequence[Job]) -> list[Reply | Exception]:
    """Return the answers of jobs; those of one model are scored together."""
    if len(jobs) < 2 or all(job.live is jobs[0].live for job in jobs):
        return _answers_of_one(jobs)
    found: dict[int, Reply | Exception] = {}
    for live in dict.fromkeys(job.live for job in jobs):
        places = [place for place, job in enumerate(jobs) if job.live is live]
        found |= zip(places, _answers_of_one([jobs[place] for place in places]), strict=True)
    return [found[place] for place in range(len(jobs))]


def _answers_of_one(jobs: Sequence[Job]) -> list[Reply | Exception]:
    """Return the answers of jobs of one model."""
    if len(jobs) > 1 and _alike(jobs):
        try:
            scores = together(jobs[0].live.servable, jobs)
        except Exception:  # whose rows it is can be told when each is scored for itself
            return [_attempt(job.answer) for job in jobs]
        return [_attempt(job.finish, job.batch, scored) for job, scored in zip(jobs, scores, strict=True)]
    return [_attempt(job.answer) for job in jobs]


def together(servable: Servable, jobs: Sequence[HasRows]) -> list[Any]:
    """Return the scores of each job."""
    texts = [job.batch.texts for job in jobs if job.batch.texts is not None]
    numbers = np.concatenate([job.batch.numbers for job in jobs])
    scored, end, found = servable.score(Batch(numbers, np.concatenate(texts) if texts else None)), 0, []
    for job in jobs:
        start, end = end, end + len(job.batch.numbers)
        found.append(scored._make([part[start:end] for part in scored]))
    return found


def _alike(jobs: Sequence[Job]) -> bool:
    """Tell whether rows of jobs of one model are known to get the same bits together as alone."""
    return jobs[0].live.alike and sum(len(job.batch.numbers) for job in jobs) <= TOGETHER


def _attempt(work: Callable[..., Reply], *given: Any) -> Reply | Exception:
    try:
        return work(*given)
    except Exception as error:
        return error
