"""The types of outside systems, as their makers publish them for TypeScript, and parsers of their languages."""

import hashlib
import json
import shutil
import subprocess
import tempfile
from pathlib import Path
from typing import Any

import pytest
from filelock import FileLock

from tests.graph import ROOT

LOCKED = ROOT / "tests/deploy/schemas"
needs_npm = pytest.mark.skipif(shutil.which("npm") is None, reason="needs node: apt-get install nodejs npm")
CHECK = ["--noEmit", "--strict", "--skipLibCheck", "--module", "nodenext", "--target", "es2022"]
# Published types have names for the words that JSON has; here a word is as good as its name.
WORDS = """
type Words<T> = T extends string ? `${T}` : T extends number | boolean | null | undefined ? T
  : T extends Array<infer E> ? Words<E>[] : T extends object ? {[K in keyof T]: Words<T[K]>} : T;
"""


def packages() -> Path:
    """Return a folder with what the lock names; made once for each lock."""
    lock = LOCKED / "package-lock.json"
    folder = Path(tempfile.gettempdir()) / f"schemas-{hashlib.sha256(lock.read_bytes()).hexdigest()[:16]}"
    folder.mkdir(exist_ok=True)
    with FileLock(folder / ".lock"):
        if not (folder / ".ready").exists():
            for file in (LOCKED / "package.json", lock):
                shutil.copy(file, folder)
            command = ["npm", "ci", "--ignore-scripts", "--no-audit", "--no-fund"]
            done = subprocess.run(command, cwd=folder, capture_output=True, text=True, check=False, timeout=300)
            if done.returncode:
                assert "EINTEGRITY" not in done.stderr, done.stderr
                pytest.skip(f"npm can't install what tests/deploy/schemas names: {done.stderr.strip()[-400:]}")
            (folder / ".ready").touch()
    return folder


def faults(imported: str, kind: str, value: Any) -> str:
    """Return what TypeScript says of a value that should be of a type; empty: nothing."""
    folder = packages()
    with tempfile.TemporaryDirectory(dir=folder) as case:
        text = f"{imported}\n{WORDS}\nexport const value: {kind} = {json.dumps(value, indent=1)};\n"
        (Path(case) / "case.ts").write_text(text, encoding="utf-8")
        command = [folder / "node_modules/.bin/tsc", *CHECK, "case.ts"]
        done = subprocess.run(command, cwd=case, capture_output=True, text=True, check=False, timeout=120)
    return done.stdout + done.stderr


def answered(script: str, given: Any) -> Any:
    """Run a script of node with a value in `given`; return the JSON that it prints."""
    command = ["node", "--input-type=module", "-e", f"const given = {json.dumps(given)};\n{script}"]
    done = subprocess.run(command, cwd=packages(), capture_output=True, text=True, check=False, timeout=60)
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)
