"""Run the graph in another copy of the repository: of another revision, or of the last commit."""

import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from lifecycle.core.errors import PipelineError
from lifecycle.core.yaml_text import read_yaml
from lifecycle.repository.dvc_objects import dvc_repository
from lifecycle.repository.git import prefix
from lifecycle.repository.revision_files import Revision, out_hash
from lifecycle.sources.part_files import part_files


@contextmanager
def rebuilt(base: Revision, table: str) -> Iterator[str | None]:
    """Run the stages of a revision in a git worktree that is gone afterwards; `base` takes its tables from there.

    Yields
    ------
    str or None
        A note for the reader, where the bits of a table are not those that the revision's dvc.lock names.

    Raises
    ------
    PipelineError
        A stage fails.
    """
    with tempfile.TemporaryDirectory(prefix="base-", ignore_cleanup_errors=True) as temporary:
        top = Path(temporary).resolve() / "base"
        folder = top / prefix()
        _call(["git", "worktree", "add", "--quiet", "--detach", str(top), base.commit], Path())
        try:
            share_cache(folder)
            copy_source(base.yaml("params.yaml").get("ingest", {}).get("path") or "", folder)
            _call([sys.executable, "-m", "dvc", "repro"], folder)
            base.built = folder
            lock = read_yaml((folder / "dvc.lock").read_text(encoding="utf-8"))
            is_same = out_hash(base.yaml("dvc.lock"), table) == out_hash(lock, table)
            yield None if is_same else f"{table} of {base.name}, built here, is not what its dvc.lock says."
        finally:
            base.built = None
            subprocess.run(["git", "worktree", "remove", "--force", str(top)], check=False, capture_output=True)


def share_cache(folder: Path) -> None:
    """Let another copy of the repository use this one's cache."""
    with dvc_repository() as repo:
        place = repo.cache.local_cache_dir
    _call([sys.executable, "-m", "dvc", "config", "--quiet", "--local", "cache.dir", place], folder)


def _call(command: list[str], folder: Path) -> None:
    if run_in(folder, command):
        raise PipelineError(f"--build-base: `{' '.join(command[:5])}` failed, see above")


def copy_source(source: str, folder: Path) -> None:
    """Copy the user's own files (`ingest.path`), which git does not have, into another copy of the repository.

    Of a folder of parts, those that the other copy has a .dvc file for: its revision may know fewer. A place outside of
    the repository needs no copy.
    """
    here, there = Path(source), folder / source
    if here.is_absolute():
        return
    tracked = {each.stem for each in there.glob("*.dvc")}
    found = part_files(here) if here.is_dir() else [here] if here.is_file() else []
    for each in found:
        target = there / each.name if here.is_dir() else there
        if not target.exists() and (not tracked or each.name in tracked):
            target.parent.mkdir(parents=True, exist_ok=True)
            shutil.copy2(each, target)


def outside_environment(*foreign: str) -> dict[str, str]:
    """Return the variables for a process in another copy: this environment's programs first, and nothing of DVC's own.

    Left out are also those whose names begin with `foreign`.
    """
    kept = {name: value for name, value in os.environ.items() if not name.startswith(("DVC_", *foreign))}
    return kept | {"PATH": f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"}


def run_in(folder: Path, command: Sequence[str], **variables: str) -> int:
    """Run a command in a folder with the programs of this environment, and return its exit code.

    What it prints goes to stderr. DVC's own variables are left out: they are about this copy of the repository.
    """
    environment = outside_environment() | variables
    return subprocess.run(command, cwd=folder, env=environment, stdout=sys.stderr, check=False).returncode
