"""The environment of each server of `compare.py`. Not run by itself."""

from pathlib import Path

from benchmarks.locked_environments import made

ROOT = Path(__file__).parents[2]
PEERS = Path(__file__).parent / "peers"
OWN = "service"


def lock_of(name: str) -> Path:
    """Return the lock file of an environment: the service's is the one it is deployed with."""
    return ROOT / "requirements-serve.lock" if name == OWN else PEERS / f"{name}.lock"


def environment(name: str, folder: Path) -> Path:
    """Return the environment that a lock file describes; make it when there is none.

    Raises
    ------
    PipelineError
        It can't be made; says why.
    """
    return made(name, lock_of(name), folder)
