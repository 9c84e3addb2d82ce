"""Where tasks run: in this process, in processes of this machine (joblib), or on a Dask cluster.

All processes must see the same files under the same paths. A task may be run more than once.
"""

import pickle
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager
from typing import Any, NamedTuple

from lifecycle.core.dask_client import dask_client
from lifecycle.core.errors import PipelineError


class Pool(NamedTuple):
    """How many tasks run at a time, and what runs them and yields when one has ended."""

    workers: int
    run: Callable[[Callable[[Any], None], Sequence[Any]], Iterable[None]]


def open_pool(engine: str, scheduler: str | None) -> AbstractContextManager[Pool]:
    """Return a context that gives what runs tasks.

    Parameters
    ----------
    engine : {"serial", "joblib", "dask"}
        joblib takes as many processes as it counts cores, or as the environment variable LOKY_MAX_CPU_COUNT says.
    scheduler : str, optional
        Address of a Dask cluster; without one, Dask starts as many processes here as joblib would.

    Raises
    ------
    PipelineError
        Dask is not installed, or the cluster does not answer or has no worker.
    """
    return {"serial": _serial, "joblib": _joblib, "dask": lambda: _dask(scheduler)}[engine]()


@contextmanager
def _serial() -> Iterator[Pool]:
    yield Pool(1, map)


@contextmanager
def _joblib() -> Iterator[Pool]:
    import joblib
    from joblib.externals.loky import get_reusable_executor

    def run(function: Callable[[Any], None], tasks: Sequence[Any]) -> Iterable[None]:
        parallel = joblib.Parallel(joblib.cpu_count(), return_as="generator_unordered", batch_size=1)
        return parallel(joblib.delayed(function)(task) for task in tasks)

    try:
        yield Pool(joblib.cpu_count(), run)
    finally:
        get_reusable_executor().shutdown()  # idle processes would keep their memory


@contextmanager
def _dask(scheduler: str | None) -> Iterator[Pool]:
    def run(function: Callable[[Any], None], tasks: Sequence[Any]) -> Iterable[None]:
        # A local function and bytes: the scheduler unpacks what it is sent, and has none of our code.
        from distributed import KilledWorker, as_completed

        def call(sent: bytes) -> None:
            work, task = pickle.loads(sent)
            work(task)

        sent = [pickle.dumps((function, task)) for task in tasks]
        futures = [client.submit(call, task, retries=3, pure=False) for task in sent]
        try:
            yield from (future.result() for future in as_completed(futures))
        except KilledWorker as error:
            raise PipelineError(
                f"a task ended its workers: have they the memory of featurize.memory_budget? {error}"
            ) from error

    with dask_client(scheduler, "featurize.scheduler" if scheduler else "featurize.engine: dask") as client:
        yield Pool(sum(client.nthreads().values()), run)
