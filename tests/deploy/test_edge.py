"""deploy/edge/score.mjs: a bundle in Node gives the service's bits, and refuses what it can't score."""

import hashlib
import json
import shutil
import subprocess
import tempfile
from pathlib import Path

import numpy as np
import pytest
from filelock import FileLock

from lifecycle.bundle.servable import Batch
from tests.docs import blocks
from tests.graph import ROOT
from tests.service.helpers_protocols import history_bundle
from tests.service.helpers_serving import small_bundle
from tests.test_docs import follow

pytestmark = [
    pytest.mark.nightly,
    pytest.mark.skipif(shutil.which("npm") is None, reason="needs node: apt-get install nodejs npm"),
]
EDGE = ROOT / "deploy/edge"
ROWS = 10_000


@pytest.fixture(scope="module")
def script() -> Path:
    """Give the script in a folder with what package.json names; made once for each of its contents."""
    digest = hashlib.sha256((EDGE / "package.json").read_bytes()).hexdigest()[:16]
    folder = Path(tempfile.gettempdir()) / f"edge-{digest}"
    folder.mkdir(exist_ok=True)
    with FileLock(folder / ".lock"):
        shutil.copy(EDGE / "package.json", folder)
        if not (folder / ".ready").exists():
            command = ["npm", "install", "--ignore-scripts", "--no-audit", "--no-fund"]
            done = subprocess.run(command, cwd=folder, capture_output=True, text=True, check=False, timeout=300)
            if done.returncode:
                pytest.skip(f"npm can't install ONNX Runtime: {done.stderr.strip()[-400:]}")
            (folder / ".ready").touch()
        shutil.copy(EDGE / "score.mjs", folder)
    return folder / "score.mjs"


def score(script: Path, bundle: Path, rows: list[list[float]]) -> subprocess.CompletedProcess[str]:
    command = ["node", script, bundle]
    return subprocess.run(command, input=json.dumps(rows), capture_output=True, text=True, check=False, timeout=120)


@pytest.mark.parametrize("family", ["random_forest", "logistic_regression"])
def test_ten_thousand_rows_have_the_bits_of_the_service(script: Path, tmp_path: Path, family: str) -> None:
    servable = history_bundle(tmp_path / "bundle", family)
    rng = np.random.default_rng(3)
    # On two decimals, as the training rows: many values lie on a split of a tree.
    rows = np.round(rng.random((ROWS, len(servable.features))) * rng.choice([5, 60, 900], (ROWS, 1)), 2)
    done = score(script, servable.folder, rows.tolist())
    assert done.returncode == 0, done.stderr
    found, expected = json.loads(done.stdout), servable.score(Batch(rows))
    assert [each["score"] for each in found] == expected.score.tolist()
    assert [each["prediction"] for each in found] == expected.alert.astype(int).tolist()
    assert len({each["score"] for each in found}) > 10


def test_a_damaged_bundle_and_a_model_of_text_are_refused(script: Path, tmp_path: Path) -> None:
    folder = history_bundle(tmp_path / "bundle").folder
    content = bytearray((folder / "model.onnx").read_bytes())
    content[len(content) // 2] ^= 1
    (folder / "model.onnx").write_bytes(content)
    done = score(script, folder, [[1.0] * 6])
    assert done.returncode == 1
    assert "model.onnx: damaged" in done.stderr
    done = score(script, small_bundle(tmp_path / "shops"), [[1.0, 2.0]])
    assert done.returncode == 1
    assert "only a model of numbers" in done.stderr


def test_the_page_can_be_followed(tmp_path: Path) -> None:
    page = ROOT / "docs/deploy.md"
    shutil.copytree(EDGE, tmp_path / "deploy/edge", ignore=shutil.ignore_patterns("node_modules"))
    history_bundle(tmp_path / "models/bundle")
    follow(page, tmp_path, without=sorted({block.section for block in blocks(page)} - {"Edge"}))
