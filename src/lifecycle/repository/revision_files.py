"""Read files of the workspace, or of another revision of the repository."""

import io
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import pandas as pd

from lifecycle.core.errors import PipelineError
from lifecycle.core.tables import WARNINGS, parse_json, read_table
from lifecycle.core.yaml_text import read_yaml
from lifecycle.repository.dvc_objects import md5_of_path, read_object
from lifecycle.repository.git import commit_of, git


class Workspace:
    """The files as they stand."""

    name = "workspace"

    def text(self, path: str) -> str | None:
        """Return a file that git keeps; None where there is none of that name."""
        return Path(path).read_text(encoding="utf-8") if Path(path).is_file() else None

    def table(self, path: str) -> pd.DataFrame | None:
        """Return a parquet table that DVC keeps; None where neither the folder, the cache nor a remote has it."""
        place = self.place(path)
        if place is not None:
            return read_table(place)
        md5 = self.md5(path)
        content = None if md5 is None else read_object(md5)
        return None if content is None else read_table(io.BytesIO(content))

    def place(self, path: str) -> Path | None:
        """Return where a file that DVC keeps lies; None where it is in no folder."""
        return Path(path) if Path(path).is_file() else None

    def md5(self, path: str) -> str | None:
        """Return the hash of a file that DVC keeps: computed where the file is here, otherwise read from dvc.lock."""
        place = self.place(path)
        return out_hash(self.yaml("dvc.lock"), path) if place is None else md5_of_path(place)

    def json(self, path: str) -> dict[str, Any]:
        """Return a JSON file, empty where there is none."""
        text = self.text(path)
        return {} if text is None else dict(parse_json(text, self._called(path)))

    def yaml(self, path: str) -> dict[str, Any]:
        """Return a YAML file as DVC reads it, empty where there is none."""
        text = self.text(path)
        try:
            return {} if text is None else dict(read_yaml(text))
        except (TypeError, ValueError) as error:
            raise PipelineError(f"{self._called(path)}: not valid YAML: {error}") from error

    def _called(self, path: str) -> str:
        return path

    def csv(self, path: str, text: Sequence[str] = ()) -> pd.DataFrame | None:
        """Return a small table that git keeps; columns of text stay so where they look like numbers."""
        content = self.text(path)
        return None if content is None else pd.read_csv(io.StringIO(content), dtype=dict.fromkeys(text, str))

    def warnings(self) -> list[tuple[str, str]]:
        """Return what the stages found doubtful: stage and sentence."""
        texts = {stage: self.text(path) for stage, path in WARNINGS.items()}
        found = {stage: parse_json(text, self._called(WARNINGS[stage])) for stage, text in texts.items() if text}
        return [(stage, sentence) for stage, sentences in found.items() for sentence in sentences]


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
        commit = commit_of(name) or commit_of(f"origin/{name}")
        if commit is None:
            raise PipelineError(f"--base {name}: no such commit here; {_advice(name)}")
        self.name, self.commit = name, commit
        self.built: Path | None = None

    def text(self, path: str) -> str | None:
        """Return a file that git keeps; None where there is none of that name."""
        return git("show", f"{self.commit}:./{path}")

    def place(self, path: str) -> Path | None:
        """Return where a file that DVC keeps lies, if the commit's stages have been run."""
        return None if self.built is None else self.built / path

    def _called(self, path: str) -> str:
        return f"{path} of {self.name}"


def _advice(name: str) -> str:
    if (git("rev-parse", "--is-shallow-repository") or "").strip() == "true":
        return f"this clone is shallow, fetch it: git fetch --unshallow origin, or git fetch --depth=1 origin {name}"
    branches = (git("branch", "--all", "--format=%(refname:short)") or "").split()
    return f"known branches: {', '.join(branches) or 'none'}"


def outputs(lock: Mapping[str, Any]) -> dict[str, dict[str, Any]]:
    """Return every output that dvc.lock names, by path and in its order: its hash and size in files."""
    return {out["path"]: out for stage in lock.get("stages", {}).values() for out in stage.get("outs", [])}


def out_hash(lock: Mapping[str, Any], path: str) -> str | None:
    """Return the hash of an output that dvc.lock names."""
    return outputs(lock).get(path, {}).get("md5")
