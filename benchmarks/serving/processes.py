"""Start servers, ask them, and tell what they take. Not run by itself."""

import http.client
import json
import os
import signal
import socket
import subprocess
import time
from pathlib import Path
from typing import Any, NamedTuple

import psutil

from benchmarks.serving.connection import HOST
from benchmarks.serving.server import Question, Server, filled
from lifecycle.core.errors import PipelineError

PATIENCE = 90.0  # seconds in which a server has to give its first answer
POLL = 0.005  # seconds between two attempts


class Usage(NamedTuple):
    """CPU seconds of a process and all that it has started, and MB that they have resident."""

    cpu: float
    resident: float


class Running:
    """A server that was started, and has given its first answer.

    Parameters
    ----------
    server : Server
        Which one.
    made : Path
        Its environment.
    log : Path
        File for what it prints.

    Attributes
    ----------
    seconds : float
        From its start to its first answer.
    """

    def __init__(self, server: Server, made: Path, log: Path) -> None:
        self.server, self.port, self._log = server, free_port(), log
        inherited = {name: os.environ[name] for name in ("HOME", "LANG", "TMPDIR") if name in os.environ}
        said = {name: self._filled(value, made) for name, value in server.variables.items()}
        variables = inherited | {"PATH": f"{made / 'bin'}{os.pathsep}{os.defpath}"} | said
        before = time.perf_counter()
        with log.open("ab") as file:
            self._process = subprocess.Popen(
                [self._filled(word, made) for word in server.command],
                cwd=server.folder,
                env=variables,
                stdout=file,
                stderr=file,
                start_new_session=True,
            )
        try:
            self.wait()
        except PipelineError:
            self.stop()
            raise
        self.seconds = time.perf_counter() - before

    def wait(self) -> None:
        """Wait until it answers.

        Raises
        ------
        PipelineError
            It has ended, or takes too long.
        """
        end = time.perf_counter() + PATIENCE
        while (why := self._silence()) is not None:
            if self._process.poll() is not None or time.perf_counter() > end:
                lines = self._log.read_text(encoding="utf-8", errors="replace").strip().splitlines()
                raise PipelineError(f"{self.server.name}: {why}; it said: {' / '.join(lines[-3:]) or 'nothing'}")
            time.sleep(POLL)

    def ask(self, question: Question, place: int = 0) -> Any:
        """Return the answer to one body.

        Raises
        ------
        PipelineError
            It is no answer.
        """
        connection = http.client.HTTPConnection(HOST, self.port, timeout=PATIENCE)
        try:
            connection.request("POST", question.path, question.bodies[place], {"Content-Type": "application/json"})
            answer = connection.getresponse()
            body = answer.read()
        finally:
            connection.close()
        if answer.status != 200:
            raise PipelineError(f"{self.server.name}: status {answer.status}: {body[:300].decode(errors='replace')}")
        return json.loads(body)

    def usage(self) -> Usage:
        """Return what it has taken so far, and what it holds now."""
        root = psutil.Process(self._process.pid)
        cpu = resident = 0.0
        for process in (root, *root.children(recursive=True)):
            try:
                times, memory = process.cpu_times(), process.memory_info()
            except psutil.NoSuchProcess:
                continue
            cpu, resident = cpu + times.user + times.system, resident + memory.rss / 1e6
        return Usage(cpu, resident)

    def stop(self) -> None:
        """End it, and all that it has started."""
        for sign in (signal.SIGTERM, signal.SIGKILL):
            try:
                os.killpg(self._process.pid, sign)
                self._process.wait(10)
            except (ProcessLookupError, subprocess.TimeoutExpired):
                continue

    def _filled(self, word: str, made: Path) -> str:
        return filled(word, made).replace("{port}", str(self.port))

    def _silence(self) -> str | None:
        """Return why it gives no answer; None: it does."""
        try:
            self.ask(self.server.one)
        except (OSError, http.client.HTTPException, PipelineError) as error:
            return str(error)
        return None


def free_port() -> int:
    """Return a port that nobody listens on."""
    with socket.socket() as own:
        own.bind((HOST, 0))
        return int(own.getsockname()[1])
