"""Write files all or nothing: a temporary name, fsync, rename; and a folder for one process at a time."""

import os
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path

from lifecycle.core.errors import PipelineError


@contextmanager
def atomic(path: str | Path) -> Iterator[Path]:
    """Yield a temporary name beside `path`; the file takes its place when the block ends well, else it is gone."""
    target = Path(path)
    target.parent.mkdir(parents=True, exist_ok=True)
    temporary = target.with_name(f".{target.name}.{os.getpid()}.tmp")
    try:
        yield temporary
        with temporary.open("rb+") as file:
            os.fsync(file.fileno())
        temporary.replace(target)
    finally:
        temporary.unlink(missing_ok=True)


@contextmanager
def locked(folder: Path, otherwise: str) -> Iterator[None]:
    """Make a folder, and hold a lock on it, which the operating system releases however this process ends.

    Raises
    ------
    PipelineError
        Another process holds it; `otherwise` is the message.
    """
    import zc.lockfile

    folder.mkdir(parents=True, exist_ok=True)
    try:
        lock = zc.lockfile.LockFile(folder / "lock")
    except zc.lockfile.LockError as error:
        raise PipelineError(otherwise) from error
    with closing(lock):
        yield


def replace_durably(temporary: Path, path: Path) -> None:
    """Rename a file so that it stays renamed when the power fails."""
    temporary.replace(path)
    sync_folder(path.parent)


def sync_folder(folder: Path) -> None:
    """Make the names in a folder outlive a power failure; Windows can't."""
    if os.name == "nt":
        return
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
