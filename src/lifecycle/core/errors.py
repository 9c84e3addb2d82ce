"""Errors for people: what was wrong, where, and what to do. Any other error is a bug, and keeps its traceback."""

import errno
import json
import os
import re
import sys
import time
from collections.abc import Callable
from pathlib import Path

from lifecycle.core.environment_defaults import fill_in

FULL = {errno.ENOSPC, errno.EDQUOT, errno.EFBIG}
FULL_DISK = "; earlier outputs are intact: free some space, and run `make doctor` first if DVC then finds a file broken"
SQLITE = "/var/tmp/dvc, or in core.site_cache_dir of .dvc/config"
TIMES = Path(".dvc/tmp/stage_times.json")


class PipelineError(Exception):
    """Bad input or configuration. The message says what is wrong, where, and what to do."""


def run(main: Callable[[], None]) -> None:
    """Call a stage's `main` and end the process: 0 when it returns, 1 with a message when it can't go on.

    A full disk, and a file that can't be read or written, get a message too.
    """
    start = time.perf_counter()
    fill_in()
    try:
        main()
        _keep_time(Path(sys.argv[0]), time.perf_counter() - start)
    except PipelineError as error:
        sys.exit(f"error: {error}")
    except OSError as error:
        if error.errno is None:
            raise
        place = f"{error.filename}: " if error.filename else ""
        sys.exit(f"error: {place}{error.strerror or error}{FULL_DISK if error.errno in FULL else ''}")
    except Exception as error:
        if (type(error).__module__, type(error).__name__) != ("sqlite3", "OperationalError"):
            raise
        sys.exit(f"error: SQLite, where DVC remembers the hashes of files in {SQLITE}: {error}{FULL_DISK}")


def merge_marks(text: str) -> str | None:
    """Return what to do about a file in which a merge has left its marks; None where there are none."""
    found = re.search("^<{7} .*", text, re.MULTILINE)
    if found is None:
        return None
    line = text.count("\n", 0, found.start()) + 1
    return (
        f"line {line} holds the marks of a merge that has to be settled: keep one side by hand, or take your own with"
        " `git checkout --ours -- FILE`; what stages write, `dvc repro` then writes anew"
    )


def _keep_time(script: Path, seconds: float) -> None:
    """Save how long a script of src/ took, for reports; a failure to do so is ignored."""
    try:
        if script.parent.name != "src" or not Path(".dvc").is_dir():
            return
        known = json.loads(TIMES.read_text(encoding="utf-8")) if TIMES.is_file() else {}
        TIMES.parent.mkdir(exist_ok=True)
        temporary = TIMES.with_name(f".{TIMES.name}.{os.getpid()}.tmp")
        temporary.write_text(json.dumps({**known, script.stem: round(seconds, 2)}), encoding="utf-8")
        temporary.replace(TIMES)
    except (OSError, ValueError, TypeError):  # also a file that holds something else
        return
