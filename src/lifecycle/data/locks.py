"""The lock that a killed DVC process leaves broken.

DVC keeps two kinds of lock in .dvc/tmp. The operating system holds `lock` and `rwlock.lock` for a process and lets go
when it ends, whatever they contain: there is nothing to mend, and without a held one two processes would get in.
`rwlock` is JSON that lists who reads and writes what. A process killed while it writes it leaves it empty or cut off,
and from then on every command fails. Dead processes in a whole file are DVC's own to remove.
"""

import json
from contextlib import closing
from pathlib import Path

from lifecycle.stage import PipelineError

DVC_NAMES = {"dvc", "dvc.exe"}


def mend_rwlock(root: Path) -> str | None:
    """Remove a broken rwlock when no DVC process is at work in the repository.

    Parameters
    ----------
    root : Path
        The repository.

    Returns
    -------
    str or None
        What was done; None when there is nothing to do, or when a process is just writing the file.

    Raises
    ------
    PipelineError
        The file is broken and a DVC process is alive.
    """
    path = root / ".dvc/tmp/rwlock"
    if _is_whole(path):
        return None
    if alive := dvc_processes(root):
        raise PipelineError(f"{path} is broken and DVC is at work here: {', '.join(alive)}; run this when it has ended")
    import zc.lockfile  # what DVC itself holds its locks with

    locks = [path.with_name(name) for name in ("lock", "rwlock.lock")]
    try:
        with closing(zc.lockfile.LockFile(locks[0])), closing(zc.lockfile.LockFile(locks[1])):
            if _is_whole(path):
                return None
            path.unlink()
    except zc.lockfile.LockError:
        return None
    return f"removed {path}, left broken by a DVC process that was killed"


def _is_whole(path: Path) -> bool:
    try:
        json.loads(path.read_bytes())
    except ValueError:
        return False
    except FileNotFoundError:
        return True
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
