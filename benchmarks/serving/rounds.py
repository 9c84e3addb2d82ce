"""Start the servers of `compare.py`, and give each its load, round by round. Not run by itself."""

import os
import subprocess
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import NamedTuple

import numpy as np
from tqdm import tqdm

from benchmarks.locked_environments import megabytes
from benchmarks.serving.environments import OWN
from benchmarks.serving.figures import Measured, Round
from benchmarks.serving.forest import Made
from benchmarks.serving.load import saturated
from benchmarks.serving.pace import paced
from benchmarks.serving.processes import Running
from benchmarks.serving.server import Server, filled
from benchmarks.serving.servers import CONSTANT
from lifecycle.core.errors import PipelineError

STARTS, RATE = 3, 200  # starts of each server, and requests a second that are asked for whatever it takes
CLOSE = 1e-6  # between a served probability and the model's


class Up(NamedTuple):
    """A server that runs, and the seconds that each of its starts took."""

    running: Running
    seconds: list[float]


class Compared(NamedTuple):
    """What was measured of each server, and of each that did not start why."""

    measured: dict[str, Measured]
    left_out: dict[str, str]


def started(server: Server, home: Path, folder: Path) -> Up:
    """Start a server some times, one after the other.

    Raises
    ------
    PipelineError
        It does not start.
    """
    if server.prepare:
        command = [filled(word, home) for word in server.prepare]
        variables = {**os.environ, **server.variables}
        done = subprocess.run(command, cwd=server.folder, env=variables, capture_output=True, text=True, check=False)
        if done.returncode:
            raise PipelineError(f"{server.name}: {done.stderr.strip().splitlines()[-1]}")
    seconds: list[float] = []
    while True:
        running = Running(server, home, folder / f"{server.name}.log")
        seconds.append(running.seconds)
        if len(seconds) == STARTS:
            return Up(running, seconds)
        running.stop()


def warm(running: Running, model: Made) -> None:
    """Hold a server's answers against the model, and give it some load: what is made only once is not measured.

    Raises
    ------
    PipelineError
        It answers with other probabilities.
    """
    asked = (running.server.one, running.server.many) if running.server.name != CONSTANT else ()
    for question in filter(None, asked):
        found = np.array(question.read(running.ask(question)))
        if not np.allclose(found, model.probabilities[: len(found)], rtol=0, atol=CLOSE) or not len(found):
            raise PipelineError(f"{running.server.name}: its probabilities are not the model's")
    saturated(running, running.server.one, 1, model.folder)


def measure(running: Running, seconds: int, folder: Path) -> Round:
    """Return what one round shows of a server."""
    server = running.server
    one = saturated(running, server.one, seconds, folder)
    many = None if server.many is None else saturated(running, server.many, seconds, folder)
    return Round(one, many, paced(running, server.one, RATE, seconds), running.usage().resident)


def compared(found: Sequence[Server], homes: Mapping[str, Path], model: Made, rounds: int, seconds: int) -> Compared:
    """Start all servers that have a home, and give each its load round by round.

    Raises
    ------
    PipelineError
        This project's service does not start, or a server answers with other probabilities than the model's.
    """
    up: dict[str, Up] = {}
    left_out: dict[str, str] = {}
    try:
        for server in tqdm([each for each in found if each.name in homes], "starts", disable=None):
            try:
                up[server.name] = started(server, homes[server.name], model.folder)
            except PipelineError as error:
                if server.environment == OWN:
                    raise
                left_out[server.name] = f"it does not start: {str(error).removeprefix(f'{server.name}: ')}"
        for each in up.values():
            warm(each.running, model)
        results: dict[str, list[Round]] = {name: [] for name in up}
        for name in tqdm([*up] * rounds, "rounds", disable=None):
            results[name].append(measure(up[name].running, seconds, model.folder))
    finally:
        for each in up.values():
            each.running.stop()
    measured = {name: Measured(up[name].seconds, results[name], megabytes(homes[name])) for name in up}
    return Compared(measured, left_out)
