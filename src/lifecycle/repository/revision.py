"""Read files as the workspace, or another revision of the repository, has them."""

import io
import json
import subprocess
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pandas as pd

from lifecycle.core.errors import PipelineError
from lifecycle.core.tables import read_table
from lifecycle.core.yaml_text import read_yaml


class Workspace:
    """The files as they stand."""

    name = "workspace"

    def text(self, path: str) -> str | None:
        """Return a file that git keeps; None where there is none of that name."""
        return Path(path).read_text(encoding="utf-8") if Path(path).is_file() else None

    def table(self, path: str) -> pd.DataFrame | None:
        """Return a parquet table that DVC keeps; None where there is none."""
        return read_table(path) if Path(path).is_file() else None

    def json(self, path: str) -> dict[str, Any]:
        """Return a JSON file, empty where there is none."""
        text = self.text(path)
        return {} if text is None else json.loads(text)

    def yaml(self, path: str) -> dict[str, Any]:
        """Return a YAML file as DVC reads it, empty where there is none."""
        text = self.text(path)
        return {} if text is None else read_yaml(text)

    def csv(self, path: str) -> pd.DataFrame | None:
        """Return a small table that git keeps."""
        text = self.text(path)
        return None if text is None else pd.read_csv(io.StringIO(text))


class Revision(Workspace):
    """A commit: its files come from git, its tables from DVC's cache or a remote.

    Parameters
    ----------
    name : str
        Anything git understands: a branch (here or at origin), a tag, HEAD~1.

    Attributes
    ----------
    built : Path or None
        Folder in which the commit's stages have been run: its tables are taken from there.

    Raises
    ------
    PipelineError
        There is no such commit here.
    """

    def __init__(self, name: str) -> None:
        # A pull request is checked out without a local branch of the name that it goes to.
        commit = _commit(name) or _commit(f"origin/{name}")
        if commit is None:
            raise PipelineError(f"--base {name}: no such commit here; {_advice(name)}")
        self.name, self.commit = name, commit
        self.built: Path | None = None

    def text(self, path: str) -> str | None:
        """Return a file that git keeps; None where there is none of that name."""
        return git("show", f"{self.commit}:{path}")

    def table(self, path: str) -> pd.DataFrame | None:
        """Return a parquet table that DVC keeps; None where neither the cache nor a remote has it."""
        from dvc.api import DVCFileSystem

        if self.built is not None:
            return read_table(self.built / path)
        try:
            return read_table(io.BytesIO(DVCFileSystem(".", rev=self.commit).read_bytes(path)))
        except Exception:  # every kind of remote has its own errors
            return None


def _commit(name: str) -> str | None:
    commit = git("rev-parse", "--verify", "--quiet", "--end-of-options", f"{name}^{{commit}}")
    return None if commit is None else commit.strip()


def git(*arguments: str, folder: str | Path = ".") -> str | None:
    """Return what git prints, None when it fails."""
    done = subprocess.run(
        ["git", *arguments], cwd=folder, capture_output=True, text=True, encoding="utf-8", check=False
    )
    return done.stdout if done.returncode == 0 else None


def _advice(name: str) -> str:
    if (git("rev-parse", "--is-shallow-repository") or "").strip() == "true":
        return f"this clone is shallow, fetch it: git fetch --unshallow origin, or git fetch --depth=1 origin {name}"
    branches = (git("branch", "--all", "--format=%(refname:short)") or "").split()
    return f"known branches: {', '.join(branches) or 'none'}"


def out_hash(lock: Mapping[str, Any], path: str) -> str | None:
    """Return the hash of an output that dvc.lock names."""
    outs = (out for stage in lock.get("stages", {}).values() for out in stage.get("outs", []))
    return next((out.get("md5") for out in outs if out["path"] == path), None)
