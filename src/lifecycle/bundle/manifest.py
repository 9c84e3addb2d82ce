"""The bundle's manifest: what the bundle is made of and made from; nothing is read that it does not vouch for.

The manifest holds the size and sha256 of each other file, and its own digest over the rest of it: that finds damage.
Who may swap a whole bundle is a question of access; the version, the first digits of the manifest's sha256, is what to
pin.
"""

import hashlib
import json
import re
import stat
from collections.abc import Iterator
from contextlib import contextmanager
from io import BufferedReader
from pathlib import Path
from typing import Any, NamedTuple

from lifecycle.core.errors import PipelineError

FORMAT = 1
MANIFEST = "manifest.json"
FILES = (
    "model.onnx", "decision.json", "schema.json", "features.json", "state.npz", "reasons.npz", "model_card.md",
    "provenance.json",
)  # fmt: skip
KEYS = ("format", "name", "problem", "data", "params", "code", "lock", "versions", "model", "files", "digest")


class Manifest(NamedTuple):
    """What a bundle says of itself, and its version: the first twelve hexadecimal digits of the manifest's sha256."""

    content: dict[str, Any]
    version: str


def sealed(content: dict[str, Any]) -> bytes:
    """Return a manifest as it stands in its file: one way to write it, its digest over the rest last."""
    rest = {key: value for key, value in content.items() if key != "digest"}
    return _written(rest | {"digest": hashlib.sha256(_written(rest)).hexdigest()})


def parsed(found: bytes, path: Path) -> Manifest:
    """Return a manifest from what stands in its file.

    Raises
    ------
    PipelineError
        It is damaged, or of another format. Names `path`.
    """
    try:
        content = json.loads(found)
        whole = isinstance(content, dict) and sealed(content) == found
    except (ValueError, RecursionError):  # not UTF-8, not JSON, or no number or text that JSON has
        whole = False
    if not whole:
        raise PipelineError(f"{path}: damaged: it is not what its own digest says")
    if content.get("format") != FORMAT:
        raise PipelineError(f"{path}: format {content.get('format')!r}; this program reads format {FORMAT}")
    if set(content) != set(KEYS) or not _names_files(content["files"]):
        raise PipelineError(f"{path}: not a manifest of format {FORMAT}")
    return Manifest(content, hashlib.sha256(found).hexdigest()[:12])


def _written(content: dict[str, Any]) -> bytes:
    return (json.dumps(content, indent=2, allow_nan=False, ensure_ascii=False) + "\n").encode()


def _names_files(files: Any) -> bool:
    """Tell whether the manifest's table has every file that a bundle needs, with a size and a sha256 each."""
    return isinstance(files, dict) and set(files) == set(FILES) and all(_is_entry(entry) for entry in files.values())


def _is_entry(entry: Any) -> bool:
    return (
        isinstance(entry, dict)
        and set(entry) == {"sha256", "size"}
        and type(entry["size"]) is int
        and isinstance(entry["sha256"], str)
        and re.fullmatch("[0-9a-f]{64}", entry["sha256"]) is not None
    )


def read_manifest(folder: Path) -> Manifest:
    """Read the manifest.

    Raises
    ------
    PipelineError
        There is none, it is damaged, or it is of another format.
    """
    with _opened(folder / MANIFEST) as file:
        return parsed(file.read(), folder / MANIFEST)


def read_member(folder: Path, manifest: Manifest, name: str) -> bytes:
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
