"""Write a bundle: a folder that is swapped in whole, the same bytes for the same inputs."""

import hashlib
import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from lifecycle.disk import sync_folder
from lifecycle.io import write_json
from lifecycle.model.manifest import FILES, FORMAT, MANIFEST, sealed
from lifecycle.model.packaging.origin import Origin
from lifecycle.model.packaging.provenance import statement


@contextmanager
def swapped_in(target: Path) -> Iterator[Path]:
    """Give an empty folder beside `target`; when the block ends well it takes its place, otherwise it is gone.

    When that fails the old folder stays. A process that is killed in between leaves it, the new one, or none; what it
    left beside that goes at the next.
    """
    new, old = (target.with_name(f".{target.name}.{name}.tmp") for name in ("new", "old"))
    for litter in (new, old):
        shutil.rmtree(litter, ignore_errors=True)
    new.mkdir(parents=True)
    try:
        yield new
        sync_folder(new)
        if target.exists():
            target.rename(old)
        try:
            new.rename(target)
        except OSError:
            if old.exists():
                old.rename(target)
            raise
        sync_folder(target.parent)
    finally:
        shutil.rmtree(new, ignore_errors=True)
        shutil.rmtree(old, ignore_errors=True)


def seal(folder: Path, origin: Origin) -> None:
    """Add provenance and manifest to a folder that holds all other files, and bring it to disk."""
    write_json(statement(origin._asdict(), _digests(folder, FILES[:-1])), folder / FILES[-1])
    content = {"format": FORMAT, **origin._asdict(), "files": _digests(folder, FILES)}
    (folder / MANIFEST).write_bytes(sealed(content))
    for path in folder.iterdir():
        with path.open("rb+") as file:
            os.fsync(file.fileno())


def _digests(folder: Path, names: tuple[str, ...]) -> dict[str, dict[str, Any]]:
    return {name: _digest(folder / name) for name in names}


def _digest(path: Path) -> dict[str, Any]:
    with path.open("rb") as file:
        return {"sha256": hashlib.file_digest(file, "sha256").hexdigest(), "size": path.stat().st_size}
