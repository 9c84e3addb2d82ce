"""Run git, and say in words what keeps it from answering: no repository, another owner, files that are elsewhere.

Paths are relative to the working folder, so a project in a subfolder of a larger repository works as one of its own.
"""

import os
import signal
import subprocess
from pathlib import Path

from lifecycle.core.errors import PipelineError

PATIENCE = 60.0  # seconds: a partial clone fetches a file when it is read, from a server that may never answer
NO_REPOSITORY = (
    "this folder is no git repository (a downloaded archive has none);"
    " `git init && git add -A && git commit -m Start` makes it one"
)
FOREIGN = "the repository belongs to another user; if you trust it: git config --global --add safe.directory '{top}'"
PARTIAL = "this clone is partial, and the rest of it can't be fetched; with a network: git fetch --refetch --no-filter"
REASONS = {
    "not a git repository": NO_REPOSITORY,
    "dubious ownership": FOREIGN,
    "promisor remote": PARTIAL,
    "unable to read": PARTIAL,
}


def git(*arguments: str, folder: str | Path = ".") -> str | None:
    """Return what git prints; None when the answer is no: there is no such commit or file.

    Raises
    ------
    PipelineError
        Git can't answer: it is not installed, this is no repository, it belongs to somebody else, or a file of a
        partial clone can't be fetched.
    """
    status, printed, complaint = _answer(arguments, Path(folder))
    if status == 0:
        return printed
    for words, advice in REASONS.items():
        if words in complaint:
            raise PipelineError(advice.format(top=top(Path(folder))))
    return None


def _answer(arguments: tuple[str, ...], folder: Path) -> tuple[int, str, str]:
    """Run git in a session of its own: it can ask nobody for a password, and ends with all that it has started."""
    try:
        process = subprocess.Popen(
            ["git", *arguments], cwd=folder, env={**os.environ, "LC_ALL": "C"}, start_new_session=True,
            stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.PIPE,
        )  # fmt: skip
    except FileNotFoundError as error:
        raise PipelineError("git is needed, and is not installed") from error
    try:
        printed, complaint = process.communicate(timeout=PATIENCE)
    except subprocess.TimeoutExpired as error:
        _end(process)
        raise PipelineError(f"`git {arguments[0]}` had no answer for {PATIENCE:g} s; {PARTIAL}") from error
    return process.returncode, printed.decode(errors="replace"), complaint.decode(errors="replace")


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
