"""The clone of the repository in which a drill happens: files, commits, commands and the service."""

import signal
import socket
import subprocess
import sys
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from lifecycle.core.errors import PipelineError
from lifecycle.core.yaml_text import read_yaml
from lifecycle.repository.rebuild import outside_environment

PERSON = ("Drill", "drill@example.org")
READY_SECONDS = 30.0
FOREIGN = ("SERVE_", "GIT_")  # variables about another service, or this copy of the repository


class Clone:
    """A clone, and the service that runs in it.

    Parameters
    ----------
    folder : Path
        Where it is to be.
    """

    def __init__(self, folder: Path) -> None:
        self.folder, self.port = folder, _free_port()
        self._service: subprocess.Popen[bytes] | None = None
        _run(Path(), "git", "clone", "--quiet", ".", str(folder))
        for name, value in zip(("user.name", "user.email"), PERSON, strict=True):
            self.call("git", "config", name, value)

    def call(self, *command: str, codes: Sequence[int] = (0,)) -> str:
        """Run a command in the clone, and return what it prints.

        Raises
        ------
        PipelineError
            It ends with another code than those; holds the end of what it said.
        """
        return _run(self.folder, *command, codes=codes)

    def mlops(self, *arguments: str, codes: Sequence[int] = (0,)) -> str:
        """Run a command of `src/mlops.py`; see `call`."""
        return self.call(sys.executable, "src/mlops.py", *arguments, codes=codes)

    def commit(self, message: str) -> None:
        """Commit all changes."""
        self.call("git", "add", "--all")
        self.call("git", "commit", "--quiet", "--message", message)

    def serve(self, **settings: str) -> None:
        """Start the service, and wait until it answers."""
        environment = outside_environment(*FOREIGN) | {
            f"SERVE_{name.upper()}": value for name, value in settings.items()
        }
        with (self.folder / "service.txt").open("ab") as output:
            self._service = subprocess.Popen(
                [sys.executable, "src/mlops.py", "serve"], cwd=self.folder, stdout=output, stderr=output,
                env=environment | {"SERVE_PORT": str(self.port)},
            )  # fmt: skip
        end = time.monotonic() + READY_SECONDS
        while time.monotonic() < end and self._service.poll() is None:
            with socket.socket() as connection:
                if connection.connect_ex(("127.0.0.1", self.port)) == 0:
                    return
            time.sleep(0.05)
        said = (self.folder / "service.txt").read_text(encoding="utf-8", errors="replace")
        raise PipelineError(f"drill: the service did not start: {said[-2000:]}")

    def end_service(self) -> None:
        """End the service in order, if it runs."""
        if self._service is not None:
            self._service.send_signal(signal.SIGTERM)
            self._service.wait()
            self._service = None

    def change_params(self, changes: dict[str, Any]) -> None:
        """Replace values of params.yaml, each by its path such as `split.test_start`; comments are lost."""
        import yaml

        path = self.folder / "params.yaml"
        content = read_yaml(path.read_text(encoding="utf-8"))
        for name, value in changes.items():
            *blocks, key = name.split(".")
            place = content
            for block in blocks:
                place = place[block]
            place[key] = value
        path.write_text(yaml.safe_dump(content, sort_keys=False), encoding="utf-8")


def _run(folder: Path, *command: str, codes: Sequence[int] = (0,)) -> str:
    environment = outside_environment(*FOREIGN)
    done = subprocess.run(command, cwd=folder, env=environment, capture_output=True, text=True, check=False)
    if done.returncode not in codes:
        raise PipelineError(f"drill: `{' '.join(command)}` ended with {done.returncode}: {_end(done)}")
    return done.stdout


def _end(done: "subprocess.CompletedProcess[str]") -> str:
    return f"{done.stdout}{done.stderr}".strip()[-2000:]


def _free_port() -> int:
    with socket.socket() as own:
        own.bind(("127.0.0.1", 0))
        return int(own.getsockname()[1])
