"""What DVC needs before it can start here: a git repository, settled merges, a folder for temporary files.

DVC has its own words for each that is missing, and they name neither the file nor the way out.
"""

import re
import tempfile
from collections.abc import Iterator
from pathlib import Path

from lifecycle.core.errors import PipelineError, merge_marks
from lifecycle.repository.git import NO_REPOSITORY, top

KINDS = {".csv", ".json", ".lock", ".md", ".tsv", ".yaml"}  # of the files that DVC, a stage or `summary` reads


def check_prerequisites(root: Path) -> None:
    """Look at the DVC repository in a folder, in some milliseconds.

    Raises
    ------
    PipelineError
        Something is missing: says what to do.
    """
    config = root / ".dvc/config"
    if config.is_file() and not _does_without_git(config) and top(root) is None:
        raise PipelineError(NO_REPOSITORY)
    for path in _read_by_stages(root):
        if marks := merge_marks(path.read_text(encoding="utf-8", errors="replace")):
            raise PipelineError(f"{path}: {marks}")
    try:
        tempfile.gettempdir()
    except FileNotFoundError as error:
        raise PipelineError("no folder for temporary files can be written to; set TMPDIR to one that can") from error


def _does_without_git(config: Path) -> bool:
    return (
        re.search(r"^\s*no_scm\s*=\s*true", config.read_text(encoding="utf-8"), re.MULTILINE | re.IGNORECASE)
        is not None
    )


def _read_by_stages(root: Path) -> Iterator[Path]:
    yield from (path for path in sorted(root.glob("*")) if path.name in ("dvc.lock", "dvc.yaml", "params.yaml"))
    for folder in ("models", "metrics"):
        yield from (path for path in sorted((root / folder).rglob("*")) if path.suffix in KINDS and path.is_file())
