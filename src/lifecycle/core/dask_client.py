"""Dask: the one client, for fitting on a cluster and for tables that one machine does not hold."""

import io
import os
import pickle
import sys
import zipfile
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from hashlib import sha256
from pathlib import Path
from typing import Any

import lifecycle
from lifecycle.core.errors import PipelineError

ADDRESS = "DASK_SCHEDULER_ADDRESS"  # Dask's own variable. No param: it would stand in dvc.lock and change no bit
TIMEOUT = 10.0  # seconds in which a scheduler must answer
PATIENCE = 300  # seconds in which the first worker must join: it may have to be started


@contextmanager
def workers(with_code: bool = False) -> Iterator[None]:
    """Send joblib's work to the cluster that the environment variable names; without it, nothing changes.

    Parameters
    ----------
    with_code : bool
        Whether the work calls functions of `lifecycle`, which the workers then get.

    Raises
    ------
    PipelineError
        Dask is not installed, or the cluster does not answer or has no worker.
    """
    address = os.environ.get(ADDRESS)
    if not address:
        yield
        return
    import joblib

    with dask_client(address, ADDRESS, with_code), joblib.parallel_config(backend="dask"):
        yield


@contextmanager
def dask_client(address: str | None, setting: str, with_code: bool = True) -> Iterator[Any]:
    """Yield a Dask client of the scheduler at an address, or of a cluster on this machine that ends with it.

    Parameters
    ----------
    address : str or None
        As `tcp://host:port`; None starts a process for each processor of this machine.
    setting : str
        What names the address, for messages.
    with_code : bool
        Whether the workers get the code of `lifecycle`.

    Raises
    ------
    PipelineError
        Dask is not installed, no scheduler answers, or no worker joins.
    """
    try:
        from distributed import Client
    except ImportError as error:
        raise PipelineError(f"{setting} needs dask and distributed: they are in the extra `dist`") from error
    with ExitStack() as stack:
        try:
            client = stack.enter_context(Client(address or stack.enter_context(_local_cluster()), timeout=TIMEOUT))
        except (OSError, ValueError) as error:
            raise PipelineError(f"{setting} = {address!r}: no Dask scheduler answers there ({error})") from error
        if with_code:
            try:
                send_code(client)
            except TimeoutError as error:
                raise PipelineError(f"{setting} = {address!r}: no worker has joined for {PATIENCE} s") from error
        yield client


def _local_cluster() -> Any:
    import joblib
    from distributed import LocalCluster

    # A task's size follows from the project's own memory budget, so Dask is not to halt or kill a worker.
    return LocalCluster(n_workers=joblib.cpu_count(), threads_per_worker=1, dashboard_address=None, memory_limit=0)


def as_if_fitted_here(estimator: Any) -> None:
    """Rebuild an ensemble's members one by one: what they share in memory depends on where they were fitted."""
    members = getattr(estimator, "estimators_", None)
    if isinstance(members, list):
        estimator.estimators_ = [pickle.loads(pickle.dumps(member)) for member in members]


def packed_code() -> bytes:
    """Return a zip of `lifecycle`; the same code gives the same bytes."""
    root = Path(lifecycle.__file__).parent
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w") as file:
        for path in sorted(root.rglob("*.py")):
            file.writestr(zipfile.ZipInfo(path.relative_to(root.parent).as_posix()), path.read_bytes())
    return packed.getvalue()


def send_code(client: Any) -> None:
    """Wait for a worker, and give `lifecycle` to every worker of a Dask client, those that join later too.

    The plugin's class is local, so it travels as code: a worker can't import it yet. The name of the zip changes with
    the code, and modules that an earlier run has left are forgotten.

    Raises
    ------
    TimeoutError
        No worker has joined for `PATIENCE` seconds.
    """
    from distributed.diagnostics.plugin import UploadFile

    class Code(UploadFile):
        def __init__(self, data: bytes) -> None:
            self.filename, self.data, self.load = f"lifecycle-{sha256(data).hexdigest()[:12]}.zip", data, True

        async def setup(self, worker: Any) -> None:
            for name in [name for name in sys.modules if name.split(".")[0] == "lifecycle"]:
                del sys.modules[name]
            await super().setup(worker)

    client.wait_for_workers(1, timeout=PATIENCE)
    client.register_plugin(Code(packed_code()), name="lifecycle")
