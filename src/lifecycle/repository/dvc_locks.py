"""Mend the two files that a killed DVC process, or a full disk, leaves broken: .dvc/tmp/rwlock and dvc.lock.

The first is JSON that lists which process reads and writes what; the second lists what the stages have made. Empty or
cut off, either stops every later command. Both are moved out of the way; the stages that are whole in dvc.lock go into
a new one. The files .dvc/tmp/lock and .dvc/tmp/rwlock.lock need no mending: the operating system releases them when
their process ends. DVC itself removes dead processes from a whole rwlock.
"""

import json
import re
from contextlib import closing
from pathlib import Path
from typing import Any

from lifecycle.core.atomic import atomic
from lifecycle.core.errors import PipelineError
from lifecycle.core.yaml_text import read_yaml

DVC_NAMES = {"dvc", "dvc.exe"}


def mend_locks(root: Path) -> list[Path]:
    """Move broken files of a repository out of the way, and return where they are now.

    The next `dvc repro` writes rwlock again, and adds the stages that dvc.lock has lost: from the run cache, so that
    nothing runs twice. The list is empty when no file is broken, or when a process is just writing one.

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
            return [_move(path, tmp) for path in broken_files(root)]
    except zc.lockfile.LockError:
        return []


def _move(path: Path, folder: Path) -> Path:
    """Move a broken file into a folder; of dvc.lock, what is whole stays."""
    moved = path.replace(folder / f"{path.name}.broken")
    if path.name == "dvc.lock" and (whole := whole_stages(moved.read_bytes())):
        with atomic(path) as temporary:
            temporary.write_bytes(whole)
    return moved


def broken_files(root: Path) -> list[Path]:
    """Return those of the two files that are empty or cut off, in some milliseconds."""
    lock, rwlock = root / "dvc.lock", root / ".dvc/tmp/rwlock"
    return [path for path, whole in ((lock, _is_lock), (rwlock, _is_json)) if path.is_file() and not whole(path)]


def whole_stages(lock: bytes) -> bytes:
    """Return the part of a broken dvc.lock before the stage in which it breaks off; empty where there is none."""
    for place in reversed([found.start() for found in re.finditer(rb"^  [^\s-].*:\n", lock, re.MULTILINE)][1:]):
        if _has_form_of_lock(lock[:place]):
            return lock[:place]
    return b""


def _is_lock(path: Path) -> bool:
    content = path.read_bytes()
    return content.endswith(b"\n") and _has_form_of_lock(content)


def _has_form_of_lock(content: bytes) -> bool:
    """Tell whether DVC would read it: it refuses a file in which a list or a block is empty."""
    try:
        lock = read_yaml(content.decode())
    except ValueError:
        return False
    stages = lock.get("stages", {}) if isinstance(lock, dict) else None
    return isinstance(stages, dict) and all(map(_is_entry, stages.values()))


def _is_entry(stage: Any) -> bool:
    """Tell whether a stage's entry has a command, and lists and params that are not empty."""
    if not isinstance(stage, dict) or "cmd" not in stage or not isinstance(stage.get("params", {}), dict):
        return False
    lists = [stage[name] for name in ("deps", "outs") if name in stage]
    return all(
        isinstance(each, list) and all(isinstance(file, dict) and "path" in file for file in each) for each in lists
    )


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
