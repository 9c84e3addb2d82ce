"""Open a bundle, the folder that a model is served from: nothing is used that its manifest does not vouch for.

`python -m lifecycle.model.bundle verify PATH` (with PYTHONPATH=src) checks every file.
"""

import argparse
import hashlib
import stat
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from io import BufferedReader
from pathlib import Path
from typing import Any

from lifecycle.model.manifest import MANIFEST, Manifest, parsed
from lifecycle.stage import PipelineError


def read_manifest(folder: Path) -> Manifest:
    """Read the manifest.

    Raises
    ------
    PipelineError
        There is none, it is damaged, or it is of another format.
    """
    with _opened(folder / MANIFEST) as file:
        return parsed(file.read(), folder / MANIFEST)


def read(folder: Path, manifest: Manifest, name: str) -> bytes:
    """Return the content of one file, which is what the manifest says.

    Raises
    ------
    PipelineError
        It is missing, no plain file, or has other content.
    """
    with _opened(folder / name, manifest) as file:
        content = file.read()
    _compare(folder / name, manifest, hashlib.sha256(content))
    return content


def verify(folder: Path) -> Manifest:
    """Check every file: none missing, none too many, each the one that the manifest names.

    Raises
    ------
    PipelineError
        Names the file at fault.
    """
    manifest = read_manifest(folder)
    try:
        present = {path.name for path in folder.iterdir()}
    except OSError as error:
        raise PipelineError(f"{folder}: {error.strerror}") from error
    unknown = sorted(present - {MANIFEST, *manifest.content["files"]})
    if unknown:
        raise PipelineError(f"{folder / unknown[0]}: no file of this bundle")
    for name in manifest.content["files"]:
        with _opened(folder / name, manifest) as file:
            _compare(folder / name, manifest, hashlib.file_digest(file, "sha256"))
    return manifest


@contextmanager
def _opened(path: Path, manifest: Manifest | None = None) -> Iterator[BufferedReader]:
    """Open a plain file of the size that the manifest says; a link could lead out of the bundle.

    DVC makes links where `cache.type` says so.
    """
    try:
        found = path.lstat()
        if not stat.S_ISREG(found.st_mode):
            advice = ", but a link; serve a copy: cp -rL" if stat.S_ISLNK(found.st_mode) else ""
            raise PipelineError(f"{path}: not a plain file{advice}")
        said = found.st_size if manifest is None else manifest.content["files"][path.name]["size"]
        if found.st_size != said:
            raise PipelineError(f"{path}: damaged: {found.st_size} bytes, {MANIFEST} says {said}")
        with path.open("rb") as file:
            yield file
    except OSError as error:
        raise PipelineError(f"{path}: {error.strerror or error}") from error


def _compare(path: Path, manifest: Manifest, digest: Any) -> None:
    if digest.hexdigest() != manifest.content["files"][path.name]["sha256"]:
        raise PipelineError(f"{path}: damaged: its sha256 is not what {MANIFEST} says")


def main() -> None:
    """Answer the command line."""
    parser = argparse.ArgumentParser(prog="python -m lifecycle.model.bundle", description="Check a served model.")
    parser.add_argument("action", choices=["verify"])
    parser.add_argument("path", type=Path, help="the bundle's folder")
    folder = parser.parse_args().path
    try:
        manifest = verify(folder)
    except PipelineError as error:
        sys.exit(f"error: {error}")
    print(f"{manifest.content['name']} {manifest.version}")
    for name, entry in manifest.content["files"].items():
        print(f"{entry['size']:>12,}  {name}")
    print("ok")


if __name__ == "__main__":
    main()
