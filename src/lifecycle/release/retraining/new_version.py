"""Make a new version on a branch of its own: new records, a later window, a run of the graph, the gate's report.

All of it happens in a git worktree that shares DVC's cache. The workspace is not touched, and nothing is left of a run
that fails. The branch has two commits: the records and params, and what the graph made of them.
"""

import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import NamedTuple

from lifecycle.core.errors import PipelineError
from lifecycle.core.params import load_params
from lifecycle.core.yaml_text import set_values
from lifecycle.repository.git import git, prefix
from lifecycle.repository.rebuild import copy_source, run_in, share_cache
from lifecycle.repository.revision_files import Revision
from lifecycle.sources.files import is_format
from lifecycle.sources.part_files import part_files
from lifecycle.splits.time_windows import TimeWindow

SIMULATED = "0-simulated.parquet"  # the name stands before any other: the records are the oldest
KNOWN = Path("data/features/.features.parquet.known")  # what an earlier run has computed
SCORES = Path("data/scores/test.parquet")
TO_SCORE = ("data/splits/train.parquet", "data/splits/test.parquet")
MODELS = ("models/model.joblib", "models/baseline.joblib")


class NewVersion(NamedTuple):
    """A version that was made."""

    branch: str
    commit: str
    passes: bool  # the gate


@contextmanager
def branch_folder(branch: str) -> Iterator[Path]:
    """Yield this project's folder in a worktree on a new branch, which stays when the block ends well.

    Raises
    ------
    PipelineError
        There are changes that are not committed, or a branch of that name.
    """
    if git("status", "--porcelain", "--untracked-files=no", "."):
        raise PipelineError("there are changes that are not committed; commit or undo them, then train")
    if git("rev-parse", "--verify", "--quiet", f"refs/heads/{branch}"):
        raise PipelineError(f"there is a branch {branch} already; register it, or delete it: git branch -D {branch}")
    with tempfile.TemporaryDirectory(prefix="retrain-", ignore_cleanup_errors=True) as temporary:
        top = Path(temporary).resolve() / "tree"
        _git("worktree", "add", "--quiet", "-b", branch, str(top), "HEAD")
        try:
            yield top / prefix()
        except BaseException:
            _remove(top)
            _git("branch", "--quiet", "-D", branch)
            raise
        _remove(top)


def _remove(top: Path) -> None:
    _git("worktree", "remove", "--force", str(top))


def make_version(branch: str, champion: Revision, new: Path | None, window: TimeWindow, why: str) -> NewVersion:
    """Train on a branch, and hold the result against the champion.

    Parameters
    ----------
    branch : str
        Name of the branch to make.
    champion : Revision
        What the report compares with.
    new : Path, optional
        A file of new records, which becomes a part of the source.
    window : TimeWindow
        The test window to set.
    why : str
        For the message of the commit.

    Raises
    ------
    PipelineError
        A command fails; what it printed stands above.
    """
    report = Path("report").resolve()
    with branch_folder(branch) as folder:
        share_cache(folder)
        copy_source(load_params().ingest.path, folder)
        if new is not None:
            add_part(new, folder)
        set_values(folder / "params.yaml", "split", {"test_start": str(window.test_start.date())})
        _commit(folder, f"Records for a test window from {window.test_start.date()}\n\n{why}")
        if KNOWN.is_dir():
            shutil.copytree(KNOWN, folder / KNOWN)
        _run(folder, "-m", "dvc", "repro")
        _commit(folder, f"Trained on records until {window.train_end.date()}")
        with scored_by(champion, folder) as base:
            options = ["--base", champion.commit, "--out", str(report)]
            options += [] if base is None else ["--base-built", str(base)]
            passes = run_in(folder, [sys.executable, "src/mlops.py", "report", *options]) == 0
    return NewVersion(branch, str(git("rev-parse", branch)).strip(), passes)


def add_part(new: Path, folder: Path) -> None:
    """Put a file of new records behind the others of a source, and let DVC keep it.

    Where the records were simulated so far, those become the first part: an empty folder means that they are made.

    Raises
    ------
    PipelineError
        The source is no file or folder in this repository, or the file's name would not stand behind the others.
    """
    ingest = load_params(folder / "params.yaml").ingest
    path = Path(ingest.path)
    if ingest.url or path.is_absolute() or ingest.source == "generate":
        raise PipelineError(
            "--new: ingest.path must name a file or a folder in this repository, and ingest.url nothing"
        )
    source = folder / (path.parent if is_format(path.name) else path)
    source.mkdir(parents=True, exist_ok=True)
    parts = part_files(source)
    if not parts:
        shutil.copyfile("data/raw/records.parquet", source / SIMULATED)
        parts = [source / SIMULATED]
    if new.name <= parts[-1].name:
        raise PipelineError(
            f"--new {new}: parts are read in the order of their names, and {parts[-1].name} would stand behind it;"
            " name it by its day, like records-2026-11-30.csv"
        )
    shutil.copyfile(new, source / new.name)
    set_values(folder / "params.yaml", "ingest", {"path": source.relative_to(folder).as_posix()})
    untracked = [each for each in (*parts, source / new.name) if not each.with_name(f"{each.name}.dvc").exists()]
    _run(folder, "-m", "dvc", "add", "--quiet", *(each.relative_to(folder).as_posix() for each in untracked))


@contextmanager
def scored_by(champion: Revision, folder: Path) -> Iterator[Path | None]:
    """Yield a folder with the champion's scores of the new test window, so that both are judged on the same records.

    None where its code or its features are not those of the new records: then two windows are compared.
    """
    with tempfile.TemporaryDirectory(prefix="champion-", ignore_cleanup_errors=True) as temporary:
        top = Path(temporary).resolve() / "tree"
        _git("worktree", "add", "--quiet", "--detach", str(top), champion.commit)
        try:
            place = top / prefix()
            share_cache(place)
            fetched = run_in(place, [sys.executable, "-m", "dvc", "checkout", "--quiet", *MODELS])
            for name in TO_SCORE:
                (place / name).parent.mkdir(parents=True, exist_ok=True)
                shutil.copyfile(folder / name, place / name)
            if fetched == 0:  # its gates are about its own window: its scores are written before they speak
                run_in(place, [sys.executable, "src/evaluate.py"])
            yield place if (place / SCORES).is_file() else None
        finally:
            _remove(top)


def _commit(folder: Path, message: str) -> None:
    _git("add", "--all", ".", folder=folder)
    if git("status", "--porcelain", ".", folder=folder):
        _git("commit", "--quiet", "-m", message, folder=folder)


def _run(folder: Path, *arguments: str) -> None:
    if run_in(folder, [sys.executable, *arguments]):
        raise PipelineError(f"`{' '.join(arguments[-2:])}` failed on the new records, see above; nothing was kept")


def _git(*arguments: str, folder: Path = Path()) -> None:
    done = subprocess.run(["git", *arguments], cwd=folder, capture_output=True, text=True, check=False)
    if done.returncode:
        raise PipelineError(f"`git {arguments[0]} {arguments[1]}` failed: {done.stderr.strip()}")
