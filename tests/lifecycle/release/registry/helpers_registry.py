"""A scratch repository with releases: commits with a bundle that holds hardly anything, and who works on them."""

import hashlib
import os
import shutil
import subprocess
from pathlib import Path
from typing import Any

import pytest
import yaml

from lifecycle.bundle.manifest import FILES, MANIFEST, manifest_bytes
from lifecycle.release.registry.ledger import Ledger, read_ledger
from lifecycle.repository.dvc_objects import folder_list, md5_of_path, object_path
from tests.params import params_content

ARTIFACT = "model"
ANN, BOB = ("Ann", "ann@example.org"), ("Bob", "bob@example.org")


def git(folder: Path, *arguments: str) -> str:
    return subprocess.check_output(["git", *arguments], cwd=folder, text=True, stderr=subprocess.STDOUT)


def be(who: tuple[str, str], monkeypatch: pytest.MonkeyPatch) -> None:
    """Work as a person from now on, and as no CI job."""
    for name in ("GITHUB_ACTOR", "GITLAB_USER_LOGIN"):
        monkeypatch.delenv(name, raising=False)
    for role in ("AUTHOR", "COMMITTER"):
        monkeypatch.setenv(f"GIT_{role}_NAME", who[0])
        monkeypatch.setenv(f"GIT_{role}_EMAIL", who[1])


def write_small_bundle(folder: Path, seed: str) -> None:
    """Write what the manifest calls a bundle; nothing of it is ever loaded."""
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    files = {name: f"{name} of {seed}\n".encode() for name in FILES}
    for name, content in files.items():
        (folder / name).write_bytes(content)
    entries = {name: {"size": len(text), "sha256": hashlib.sha256(text).hexdigest()} for name, text in files.items()}
    origin: dict[str, Any] = {
        "format": 2,
        "name": "shops",
        "problem": "shops",
        "data": {"data/raw/records.parquet": hashlib.md5(seed.encode()).hexdigest()},
        "params": {"train": {"max_depth": 8, "model": seed}},
        "code": {"src/train.py": "1" * 32},
        "lock": {"requirements.lock": "2" * 32},
        "versions": {"onnx": "1.20.0"},
        "model": {"model": "extra_trees", "hyperparameters": {}},
        "files": entries,
    }
    (folder / MANIFEST).write_bytes(manifest_bytes(origin))


def start(folder: Path, **release: Any) -> Path:
    """Make a repository of git and DVC without a commit; `release` changes that block of params.yaml."""
    (folder / ".dvc").mkdir(parents=True)
    (folder / ".dvc/config").write_text("[core]\n    analytics = false\n", encoding="utf-8")
    (folder / ".gitignore").write_text("/models/bundle\n/serving/\n/.dvc/cache\n/.dvc/tmp\n", encoding="utf-8")
    content = params_content()
    content["release"] |= release
    (folder / "params.yaml").write_text(yaml.safe_dump(content), encoding="utf-8")
    git(folder, "init", "-q", "-b", "main")
    return folder


def commit_model(folder: Path, seed: str) -> str:
    """Commit another model, as `dvc repro` and `git commit` would, its objects in DVC's cache; return the commit."""
    bundle = folder / "models/bundle"
    write_small_bundle(bundle, seed)
    keep(bundle, folder / ".dvc/cache/files/md5")
    metrics = folder / "metrics/evaluate/evaluation.json"
    metrics.parent.mkdir(parents=True, exist_ok=True)
    metrics.write_text(f'{{"average_precision": 0.{len(seed)}}}\n', encoding="utf-8")
    out = {"path": "models/bundle", "md5": md5_of_path(bundle)}
    stages = {"package": {"cmd": "true", "outs": ["models/bundle"]}}
    graph = {"stages": stages, "artifacts": {ARTIFACT: {"path": "models/bundle", "type": "model"}}}
    graph["metrics"] = ["metrics/evaluate/evaluation.json"]
    lock = {"schema": "2.0", "stages": {"package": {"cmd": "true", "outs": [out | {"hash": "md5", "nfiles": 10}]}}}
    (folder / "dvc.yaml").write_text(yaml.safe_dump(graph), encoding="utf-8")
    (folder / "dvc.lock").write_text(yaml.safe_dump(lock), encoding="utf-8")
    git(folder, "add", "-A")
    git(folder, "commit", "-qm", f"Model {seed}")
    return git(folder, "rev-parse", "HEAD").strip()


def keep(folder: Path, cache: Path) -> None:
    """Put a folder into a cache of DVC."""
    listed = folder_list(folder)
    objects = {f"{hashlib.md5(listed).hexdigest()}.dir": listed}
    objects |= {str(md5_of_path(path)): path.read_bytes() for path in folder.iterdir()}
    for md5, content in objects.items():
        place = object_path(md5, cache)
        place.parent.mkdir(parents=True, exist_ok=True)
        place.write_bytes(content)


def ledger(folder: Path | None = None) -> Ledger:
    if folder is None:
        return read_ledger(ARTIFACT)
    before = Path.cwd()
    os.chdir(folder)
    try:
        return read_ledger(ARTIFACT)
    finally:
        os.chdir(before)


def tag_names(folder: Path) -> list[str]:
    return git(folder, "tag", "--list").split()
