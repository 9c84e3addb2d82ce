"""The manifest of a bundle: its files and their origin. No file is read before it is checked against the manifest.

The manifest holds the size and sha256 of every other file, and its own digest over the rest of it: that finds damage.
It does not say who made the bundle: access rights decide who may replace one. To pin a bundle, pin its
version, the first digits of the manifest's sha256.
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
from lifecycle.core.junk_files import is_leftover

FORMAT = 2
MANIFEST, NOT_SERVED = "manifest.json", "NOT_SERVED.txt"  # the second stands alone, where no bundle could be made
FILES = (
    "model.onnx", "decision.json", "schema.json", "features.json", "state.npz", "reasons.npz", "monitoring.json",
    "model_card.md", "provenance.json",
)  # fmt: skip
KEYS = ("format", "name", "problem", "data", "params", "code", "lock", "versions", "model", "files", "digest")


class Manifest(NamedTuple):
    """What a bundle says of itself, and its version: the first twelve hexadecimal digits of the manifest's sha256."""

    content: dict[str, Any]
    version: str


def manifest_bytes(content: dict[str, Any]) -> bytes:
    """Return a manifest as it stands in its file, its digest over the rest at the end."""
    rest = {key: value for key, value in content.items() if key != "digest"}
    return _json_bytes(rest | {"digest": hashlib.sha256(_json_bytes(rest)).hexdigest()})


def _json_bytes(content: dict[str, Any]) -> bytes:
    return (json.dumps(content, indent=2, allow_nan=False, ensure_ascii=False) + "\n").encode()


def _parse(content: bytes, path: Path) -> Manifest:
    try:
        manifest = json.loads(content)
        undamaged = isinstance(manifest, dict) and manifest_bytes(manifest) == content
    except (ValueError, RecursionError):  # not UTF-8, not JSON, or no number or text that JSON has
        undamaged = False
    if not undamaged:
        raise PipelineError(f"{path}: damaged: it is not what its own digest says")
    if manifest.get("format") != FORMAT:
        raise PipelineError(f"{path}: format {manifest.get('format')!r}; this program reads format {FORMAT}")
    if set(manifest) != set(KEYS) or not _lists_all_files(manifest["files"]):
        raise PipelineError(f"{path}: not a manifest of format {FORMAT}")
    return Manifest(manifest, hashlib.sha256(content).hexdigest()[:12])


def _lists_all_files(files: Any) -> bool:
    """Return whether the manifest lists every file that a bundle needs, with a size and a sha256 each."""
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
    if not folder.is_dir():
        raise PipelineError(
            f"{folder / MANIFEST}: there is no bundle; `dvc repro` makes it, `dvc pull` fetches it from a remote"
        )
    if (folder / NOT_SERVED).is_file():
        raise PipelineError(f"{folder}: {(folder / NOT_SERVED).read_text(encoding='utf-8').strip()}")
    with _open(folder / MANIFEST) as file:
        return _parse(file.read(), folder / MANIFEST)


def read_member(folder: Path, manifest: Manifest, name: str) -> bytes:
    """Return the content of one file, which is what the manifest says.

    Raises
    ------
    PipelineError
        It is missing, no plain file, or has other content.
    """
    with _open(folder / name, manifest) as file:
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
        present = {path.name for path in folder.iterdir() if not is_leftover(path.name)}
    except OSError as error:
        raise PipelineError(f"{folder}: {error.strerror}") from error
    unknown = sorted(present - {MANIFEST, *manifest.content["files"]})
    if unknown:
        raise PipelineError(f"{folder / unknown[0]}: no file of this bundle")
    for name in manifest.content["files"]:
        with _open(folder / name, manifest) as file:
            _compare(folder / name, manifest, hashlib.file_digest(file, "sha256"))
    return manifest


@contextmanager
def _open(path: Path, manifest: Manifest | None = None) -> Iterator[BufferedReader]:
    """Open a plain file of the size that the manifest says.

    A link could lead out of the bundle. DVC makes links where `cache.type` says so.
    """
    try:
        status = path.lstat()
        if not stat.S_ISREG(status.st_mode):
            advice = ", but a link; serve a copy: cp -rL" if stat.S_ISLNK(status.st_mode) else ""
            raise PipelineError(f"{path}: not a plain file{advice}")
        size = status.st_size if manifest is None else manifest.content["files"][path.name]["size"]
        if status.st_size != size:
            raise PipelineError(f"{path}: damaged: {status.st_size} bytes, {MANIFEST} says {size}")
        with path.open("rb") as file:
            yield file
    except OSError as error:
        raise PipelineError(f"{path}: {error.strerror or error}") from error


def _compare(path: Path, manifest: Manifest, digest: Any) -> None:
    if digest.hexdigest() != manifest.content["files"][path.name]["sha256"]:
        raise PipelineError(f"{path}: damaged: its sha256 is not what {MANIFEST} says")
