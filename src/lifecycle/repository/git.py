"""Run git, and say in words what keeps it from answering: no repository, another owner, files that are elsewhere.

Paths are relative to the working folder, so a project in a subfolder of a larger repository works as one of its own.
"""

import os
import signal
import subprocess
from pathlib import Path
from typing import NamedTuple

from lifecycle.core.errors import PipelineError

PATIENCE = 60.0  # seconds: a partial clone fetches a file when it is read, from a server that may never answer
NO_REPOSITORY = (
    "this folder is no git repository (a downloaded archive has none);"
    " `git init && git add -A && git commit -m Start` makes it one"
)
FOREIGN = "the repository belongs to another user; if you trust it: git config --global --add safe.directory '{top}'"
PARTIAL = "this clone is partial, and the rest of it can't be fetched; with a network: git fetch --refetch --no-filter"
REMOTE_COMMANDS = ("fetch", "ls-remote", "push")
REASONS = {
    "not a git repository": NO_REPOSITORY,
    "dubious ownership": FOREIGN,
    "promisor remote": PARTIAL,
    "unable to read": PARTIAL,
}


class Answer(NamedTuple):
    """What git said: its exit status, 0 for yes, what it printed, and what it complained of."""

    status: int
    printed: str
    complaint: str


def git(*arguments: str, folder: str | Path = ".", content: str = "") -> str | None:
    """Return what git prints; None when the answer is no: there is no such commit or file.

    Parameters
    ----------
    *arguments : str
        What stands behind `git` on a command line.
    folder : str or Path
        In which it runs.
    content : str
        What it reads from its standard input.

    Raises
    ------
    PipelineError
        Git can't answer: it is not installed, this is no repository, it belongs to somebody else, or a file of a
        partial clone can't be fetched.
    """
    status, printed, complaint = answer_of(*arguments, folder=folder, content=content)
    if status == 0:
        return printed
    for words, advice in REASONS.items():
        if words in complaint:
            raise PipelineError(advice.format(top=top(Path(folder))))
    return None


def answer_of(*arguments: str, folder: str | Path = ".", content: str = "") -> Answer:
    """Run git in a session of its own: it can ask nobody for a password, and ends with all that it has started.

    Parameters
    ----------
    *arguments : str
        What stands behind `git` on a command line.
    folder : str or Path
        In which it runs.
    content : str
        What it reads from its standard input.
    """
    try:
        process = subprocess.Popen(
            ["git", *arguments], cwd=folder, env={**os.environ, "LC_ALL": "C"}, start_new_session=True,
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE,
        )  # fmt: skip
    except FileNotFoundError as error:
        raise PipelineError("git is needed, and is not installed") from error
    try:
        printed, complaint = process.communicate(content.encode(), timeout=PATIENCE)
    except subprocess.TimeoutExpired as error:
        _end(process)
        advice = "is the network there?" if arguments[0] in REMOTE_COMMANDS else PARTIAL
        raise PipelineError(f"`git {arguments[0]}` had no answer for {PATIENCE:g} s; {advice}") from error
    return Answer(process.returncode, printed.decode(errors="replace"), complaint.decode(errors="replace"))


def _end(process: "subprocess.Popen[bytes]") -> None:
    if os.name == "nt":
        process.kill()
    else:
        os.killpg(process.pid, signal.SIGKILL)
    process.communicate()


def top(folder: Path) -> Path | None:
    """Return the folder that holds .git, without running git; None where there is none."""
    here = folder.resolve()
    return next((place for place in (here, *here.parents) if (place / ".git").exists()), None)


def prefix() -> str:
    """Return the working folder as seen from the repository's top, empty where they are the same."""
    return (git("rev-parse", "--show-prefix") or "").strip()


def commit_of(name: str) -> str | None:
    """Return the full name of a commit; None where there is none."""
    commit = git("rev-parse", "--verify", "--quiet", "--end-of-options", f"{name}^{{commit}}")
    return None if commit is None else commit.strip()
