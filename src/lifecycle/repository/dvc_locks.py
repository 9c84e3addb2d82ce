"""Move the two files out of the way that a killed DVC process leaves broken: .dvc/tmp/rwlock and dvc.lock.

The first is JSON that lists which process reads and writes what; the second lists what the stages have made. Empty or
cut off, either stops every later command. The files .dvc/tmp/lock and .dvc/tmp/rwlock.lock need no mending: the
operating system releases them when their process ends. DVC itself removes dead processes from a whole rwlock.
"""

import json
from contextlib import closing
from pathlib import Path

from lifecycle.core.errors import PipelineError

DVC_NAMES = {"dvc", "dvc.exe"}


def mend_locks(root: Path) -> list[Path]:
    """Move broken files of a repository out of the way, and return where they are now.

    The next `dvc repro` writes both again, dvc.lock from the run cache, so that nothing runs twice. The list is empty
    when no file is broken, or when a process is just writing one.

    Raises
    ------
    PipelineError
        A file is broken and a DVC process is alive.
    """
    if not broken_files(root):
        return []
    if alive := dvc_processes(root):
        names = " and ".join(map(str, broken_files(root)))
        raise PipelineError(
            f"{names}: broken, and DVC is at work here: {', '.join(alive)}; try again when it has ended"
        )
    import zc.lockfile  # what DVC itself holds its locks with

    tmp = root / ".dvc/tmp"
    try:
        with closing(zc.lockfile.LockFile(tmp / "lock")), closing(zc.lockfile.LockFile(tmp / "rwlock.lock")):
            return [path.replace(tmp / f"{path.name}.broken") for path in broken_files(root)]
    except zc.lockfile.LockError:
        return []


def broken_files(root: Path) -> list[Path]:
    """Return those of the two files that are empty or cut off, in a millisecond."""
    lock, rwlock = root / "dvc.lock", root / ".dvc/tmp/rwlock"
    return [path for path, whole in ((lock, _ends_well), (rwlock, _is_json)) if path.is_file() and not whole(path)]


def _ends_well(path: Path) -> bool:
    return path.read_bytes().endswith(b"\n")


def _is_json(path: Path) -> bool:
    try:
        json.loads(path.read_bytes())
    except ValueError:
        return False
    return True


def dvc_processes(root: Path) -> list[str]:
    """Return number and command of each DVC process that works in the repository, or in a folder that can't be seen.

    While DVC runs a stage it holds no lock of the operating system, so only the list of processes shows it. A process
    that hides its command (another user's, on macOS) is seen by those locks only.
    """
    import psutil

    running = []
    for process in psutil.process_iter(["pid", "cmdline", "cwd"]):
        command, folder = process.info["cmdline"] or [], process.info["cwd"]
        is_inside = not folder or Path(folder).is_relative_to(root.resolve())
        if is_inside and any(Path(word).name in DVC_NAMES for word in command):
            running.append(f"{process.pid} ({' '.join(command)})")
    return running
