"""What work takes in a process of its own with a limit on its memory. Not run by itself."""

import os
import resource
import time
from collections.abc import Callable
from multiprocessing import get_context
from pathlib import Path
from typing import NamedTuple

import psutil

from lifecycle.core.errors import PipelineError

GIB = 4  # for a process and all that it starts


class Usage(NamedTuple):
    """What a process and those it started took."""

    cpu: float
    wall: float
    peak: float  # GiB


def measured(work: Callable[[Path, Path], None], source: Path, target: Path) -> Usage:
    """Run `work` in a process of its own, and look twenty times a second at what it takes.

    Raises
    ------
    PipelineError
        It failed, or took more memory than it may.
    """
    child = get_context("spawn").Process(target=limited, args=(work, source, target))
    start, before, peak = time.perf_counter(), sum(os.times()[2:4]), 0
    child.start()
    while child.is_alive():
        peak = max(peak, resident(child.pid))
        child.join(0.05)
    usage = Usage(sum(os.times()[2:4]) - before, time.perf_counter() - start, peak / 2**30)
    if child.exitcode or usage.peak > GIB:
        raise PipelineError(f"{work.__name__}: exit code {child.exitcode}, {usage.peak:.2f} GiB of {GIB} GiB")
    return usage


def limited(work: Callable[[Path, Path], None], source: Path, target: Path) -> None:
    """Run `work` with a limit on the memory of each of its processes; `measured` watches the sum of them."""
    resource.setrlimit(resource.RLIMIT_DATA, (GIB * 2**30, GIB * 2**30))
    work(source, target)


def resident(pid: int | None) -> int:
    """Return the resident memory of a process and all that it started, bytes."""
    total = 0
    try:
        root = psutil.Process(pid)
        for process in (root, *root.children(recursive=True)):
            total += process.memory_info().rss
    except psutil.NoSuchProcess:  # it ended between two looks
        pass
    return total
