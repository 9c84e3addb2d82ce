"""Load for the servers of `compare.py`: as much as they take, by wrk. Not run by itself."""

import json
import shutil
import subprocess
from pathlib import Path
from typing import NamedTuple

from benchmarks.serving.connection import HOST
from benchmarks.serving.processes import Running
from benchmarks.serving.server import Question
from lifecycle.core.errors import PipelineError

SCRIPT = Path(__file__).parent / "peers" / "wrk.lua"
CONNECTIONS = 8  # kept alive
TIMEOUT = 30  # seconds for one answer


class Load(NamedTuple):
    """What a server did under load.

    Requests that were answered per second, CPU microseconds for each, milliseconds of an answer, share of the requests
    that were refused or broken off.
    """

    rate: float
    cpu: float
    p50: float
    p99: float
    refused: float


def check_wrk() -> None:
    """Raise when there is no wrk.

    Raises
    ------
    PipelineError
        Says how to get it.
    """
    if shutil.which("wrk") is None:
        raise PipelineError("wrk is not installed: apt-get install wrk, or brew install wrk")


def saturated(running: Running, question: Question, seconds: int, folder: Path) -> Load:
    """Let connections ask as fast as they are answered.

    Raises
    ------
    PipelineError
        There was no load, or no answer.
    """
    bodies = folder / "bodies"
    bodies.write_bytes(b"\n".join(question.bodies) + b"\n")
    address = f"http://{HOST}:{running.port}{question.path}"
    command = ["wrk", "-t1", f"-c{CONNECTIONS}", f"-d{seconds}s", f"--timeout={TIMEOUT}s", "-s", str(SCRIPT), address]
    before = running.usage().cpu
    done = subprocess.run([*command, "--", str(bodies)], capture_output=True, text=True, check=False)
    if done.returncode:
        raise PipelineError(f"wrk: {done.stderr.strip() or done.stdout.strip()}")
    found = json.loads(done.stdout.strip().splitlines()[-1])
    cpu = running.usage().cpu - before
    answered, refused = found["requests"] - found["refused"], found["refused"] + found["broken"]
    if not answered:
        raise PipelineError(f"{running.server.name}: no request was answered: {found}")
    rate, share = answered / found["seconds"], refused / (answered + refused)
    return Load(rate, cpu / answered * 1e6, found["p50"], found["p99"], share)
