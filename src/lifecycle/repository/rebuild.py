"""Build another revision beside the workspace, with the same cache: what it has in common with it is not made again."""

import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import yaml

from lifecycle.core.errors import PipelineError
from lifecycle.repository.revision import Revision, out_hash


@contextmanager
def built(base: Revision, wanted: str) -> Iterator[str | None]:
    """Run the stages of a revision in a git worktree that is gone afterwards; `base` takes its tables from there.

    Parameters
    ----------
    base : Revision
        The revision.
    wanted : str
        The table to make.

    Yields
    ------
    str or None
        What to tell the reader, where the bits are not those that the revision's dvc.lock promises.

    Raises
    ------
    PipelineError
        A stage fails.
    """
    with tempfile.TemporaryDirectory(prefix="base-", ignore_cleanup_errors=True) as temporary:
        folder = Path(temporary).resolve() / "base"
        _call(["git", "worktree", "add", "--quiet", "--detach", str(folder), base.commit], Path())
        try:
            _share_cache(folder)
            _lend_source(base, folder)
            _call([sys.executable, "-m", "dvc", "repro"], folder)
            base.built = folder
            made = yaml.safe_load((folder / "dvc.lock").read_text(encoding="utf-8"))
            same = out_hash(base.yaml("dvc.lock"), wanted) == out_hash(made, wanted)
            yield None if same else f"{wanted} of {base.name}, built here, is not what its dvc.lock says."
        finally:
            base.built = None
            subprocess.run(["git", "worktree", "remove", "--force", str(folder)], check=False, capture_output=True)


def _share_cache(folder: Path) -> None:
    from dvc.repo import Repo

    with Repo() as repo:
        place = repo.cache.local.path
    _call([sys.executable, "-m", "dvc", "config", "--quiet", "--local", "cache.dir", place], folder)


def _lend_source(base: Revision, folder: Path) -> None:
    """Copy the user's own file, which git does not have."""
    source = Path(base.yaml("params.yaml").get("ingest", {}).get("path") or "")
    if source.is_file() and not source.is_absolute() and not (folder / source).exists():
        (folder / source).parent.mkdir(parents=True, exist_ok=True)
        shutil.copy2(source, folder / source)


def _call(command: list[str], folder: Path) -> None:
    """Run a command with the programs of this environment; what it prints goes to stderr."""
    kept = {key: value for key, value in os.environ.items() if not key.startswith("DVC_")}
    path = f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"
    done = subprocess.run(command, cwd=folder, env=kept | {"PATH": path}, stdout=sys.stderr, check=False)
    if done.returncode:
        raise PipelineError(f"--build-base: `{' '.join(command[:5])}` failed, see above")
