"""The manifest of a bundle: what it is made of, what it was made from, and a digest of itself.

The manifest holds the size and sha256 of each other file, and its own digest over the rest of it: that finds damage.
Who may swap a whole bundle is a question of access; the version, the first digits of the manifest's sha256, is what to
pin.
"""

import hashlib
import json
import re
from pathlib import Path
from typing import Any, NamedTuple

from lifecycle.stage import PipelineError

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
