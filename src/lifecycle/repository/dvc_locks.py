"""The two files that DVC leaves broken when it is killed while it writes them: .dvc/tmp/rwlock and dvc.lock.

The first is JSON that lists who reads and writes what; the second is what the stages have made. Empty or cut off,
either stops every later command. The operating system holds .dvc/tmp/lock and .dvc/tmp/rwlock.lock for a process and
lets go when it ends, whatever they contain: there is nothing to mend, and without a held one two processes would get
in. Dead processes in a whole rwlock are DVC's own to remove.
"""

import json
from contextlib import closing
from pathlib import Path

from lifecycle.core.errors import PipelineError

DVC_NAMES = {"dvc", "dvc.exe"}


def mend_locks(root: Path) -> list[Path]:
    """Move broken files out of the way when no DVC process is at work in the repository.

    The next `dvc repro` writes both again, dvc.lock from the run cache: what has run does not run again.

    Parameters
    ----------
    root : Path
        The repository.

    Returns
    -------
    list of Path
        Where the broken files are now. Empty when there are none, or when a process is just writing one.

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
    """Return those of the two files that are empty or cut off; takes a millisecond."""
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

    While DVC runs a stage it holds no lock of the operating system, so the list of processes is the only witness.
    A process that hides its command (another user's, on macOS) is seen by those locks only.
    """
    import psutil

    found = []
    for process in psutil.process_iter(["pid", "cmdline", "cwd"]):
        command, folder = process.info["cmdline"] or [], process.info["cwd"]
        inside = not folder or Path(folder).is_relative_to(root.resolve())
        if inside and any(Path(word).name in DVC_NAMES for word in command):
            found.append(f"{process.pid} ({' '.join(command)})")
    return found
