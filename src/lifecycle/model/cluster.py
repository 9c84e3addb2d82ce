"""Fit trees on a Dask cluster, if the environment names one; the model's bytes are the same."""

import os
import pickle
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from lifecycle.stage import PipelineError

ADDRESS = "DASK_SCHEDULER_ADDRESS"  # Dask's own variable. No param: it would stand in dvc.lock and change no bit
TIMEOUT = 10.0  # seconds


@contextmanager
def workers() -> Iterator[None]:
    """Send joblib's work to the cluster that the environment variable names; without it, nothing changes.

    Raises
    ------
    PipelineError
        Dask is not installed, or the cluster does not answer.
    """
    address = os.environ.get(ADDRESS)
    if not address:
        yield
        return
    import joblib

    with _client(address), joblib.parallel_config(backend="dask"):
        yield


def _client(address: str) -> Any:
    try:
        from distributed import Client

        return Client(address, timeout=TIMEOUT)
    except ImportError as error:
        raise PipelineError(f"{ADDRESS} is set, but dask is not installed: it is in the extra `dist`") from error
    except (OSError, ValueError) as error:
        raise PipelineError(f"{ADDRESS} = {address!r}: no Dask scheduler answers there ({error})") from error


def as_if_fitted_here(estimator: Any) -> None:
    """Rebuild an ensemble's members one by one: what they share in memory depends on where they were fitted."""
    members = getattr(estimator, "estimators_", None)
    if isinstance(members, list):
        estimator.estimators_ = [pickle.loads(pickle.dumps(member)) for member in members]
