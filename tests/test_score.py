"""The command as people run it: killed, stopped, on a full disk, and given what it can't score."""

import os
import random
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

import pandas as pd
import pytest

from tests.conftest import environment, run
from tests.helpers_bundle import of_shops, write_bundle
from tests.helpers_model import ROOT
from tests.helpers_sales import expected, sales, write

KILLS = int(os.environ.get("SCORE_KILLS", "4"))
PART = 2_000  # rows; small, so that there is much to be killed in
IN_SMALL_PARTS = f"""
import sys
sys.path.insert(0, "src")
import mlops
from lifecycle.bundle import score_file
score_file.VALUES = 5 * {PART}
mlops.main(["score", *sys.argv[1:]])
"""


@pytest.fixture(scope="module")
def world(tmp_path_factory):
    """Give a bundle's folder, a file to score, and the bytes that it is scored to in small parts."""
    folder = tmp_path_factory.mktemp("world")
    write_bundle(folder / "bundle", of_shops("extra_trees"))
    write(sales(200_000), folder / "in.parquet")
    done = in_small_parts(folder / "in.parquet", folder / "out.parquet", folder / "bundle")
    assert done.wait() == 0
    return folder, (folder / "out.parquet").read_bytes()


def in_small_parts(source: Path, target: Path, bundle: Path) -> subprocess.Popen[str]:
    """Start the command with parts of a few rows."""
    command = [sys.executable, "-c", IN_SMALL_PARTS, source, target, "--bundle", bundle]
    pipe = subprocess.PIPE
    return subprocess.Popen(command, cwd=ROOT, env=environment(), stdout=pipe, stderr=pipe, text=True)


def stopped(process: subprocess.Popen[str], folder: Path, seconds: float, number: int) -> bool:
    """Send a signal some time after the first part is there; say whether the command was still running."""
    while process.poll() is None and not list(folder.glob(".out.parquet.parts/*/*.arrow")):
        time.sleep(0.001)
    time.sleep(seconds)
    alive = process.poll() is None
    process.send_signal(number)
    process.wait()
    return alive


def score(folder: Path, source: str = "in.parquet", target: str = "out.parquet", **options: bool):
    return run(
        f"python src/mlops.py score {folder / source} {folder / target} --bundle {folder / 'bundle'}", ROOT, **options
    )


def test_the_command_scores_a_file_and_says_so(world, tmp_path):
    bundle = shutil.copytree(world[0] / "bundle", tmp_path / "bundle")
    write(sales(5_000), tmp_path / "in.parquet")
    done = score(tmp_path)
    assert done.stdout.startswith(f"{tmp_path}/out.parquet: 5,000 rows scored by shops ")
    assert done.stderr == ""  # no progress where there is no terminal
    found = pd.read_parquet(tmp_path / "out.parquet")
    servable = write_bundle(bundle, of_shops("extra_trees"))
    pd.testing.assert_frame_equal(found, expected(servable, sales(5_000)), check_exact=True)


def test_killed_at_random_moments_it_goes_on_and_gives_the_same_bytes(world, tmp_path):
    folder, whole = world
    moments, kills = random.Random(5), 0
    target = tmp_path / "out.parquet"
    target.write_bytes(b"earlier")
    for _ in range(KILLS):
        process = in_small_parts(folder / "in.parquet", target, folder / "bundle")
        if stopped(process, tmp_path, moments.uniform(0, 0.4), signal.SIGKILL):
            kills += 1
            assert target.read_bytes() in (b"earlier", whole)
    assert kills
    assert in_small_parts(folder / "in.parquet", target, folder / "bundle").wait() == 0
    assert target.read_bytes() == whole
    assert [path.name for path in tmp_path.iterdir()] == ["out.parquet"]


def test_stopped_from_the_keyboard_it_says_how_to_go_on(world, tmp_path):
    folder, whole = world
    target = tmp_path / "out.parquet"
    process = in_small_parts(folder / "in.parquet", target, folder / "bundle")
    assert stopped(process, tmp_path, 0, signal.SIGINT)
    assert process.returncode == 1
    assert process.stderr.read() == "stopped; the same command goes on where it was\n"
    parts = len(list(tmp_path.glob(".out.parquet.parts/*/*.arrow")))
    assert 0 < parts < 200_000 / PART
    assert in_small_parts(folder / "in.parquet", target, folder / "bundle").wait() == 0
    assert target.read_bytes() == whole


@pytest.mark.parametrize(
    ("change", "words"),
    [
        (lambda folder: (folder / "in.parquet").unlink(), "in.parquet: No such file"),
        (lambda folder: (folder / "in.parquet").write_text("sale,number\n"), "in.parquet: not a readable parquet file"),
        (lambda folder: write(sales(9).drop(columns="gaps"), folder / "in.parquet"), "in.parquet: no column gaps"),
        (
            lambda folder: write(sales(9).assign(number=None), folder / "in.parquet"),
            "row 0 (the first is 0), column number",
        ),
        (
            lambda folder: shutil.rmtree(folder / "bundle"),
            "bundle/manifest.json: there is no bundle; `dvc repro` makes it",
        ),
        (lambda folder: (folder / "bundle/model.onnx").write_bytes(b""), "bundle/model.onnx: damaged"),
        (lambda folder: (folder / "sub").write_text("a file"), "Not a directory"),
        (lambda folder: (folder / "out.parquet").symlink_to("in.parquet"), "the same file"),
    ],
)
def test_what_is_wrong_is_told_in_a_line(change, words, world, tmp_path):
    shutil.copytree(world[0] / "bundle", tmp_path / "bundle")
    write(sales(9), tmp_path / "in.parquet")
    change(tmp_path)
    before = sorted(tmp_path.iterdir())
    done = score(tmp_path, target="sub/out.parquet" if (tmp_path / "sub").exists() else "out.parquet", fails=True)
    assert done.returncode == 1
    assert done.stderr.startswith("error: ")
    assert words in done.stderr
    assert done.stderr.count("\n") == 1
    assert sorted(tmp_path.iterdir()) == before


@pytest.mark.slow
def test_a_full_disk_is_told_and_neither_parts_nor_earlier_scores_are_lost(world, tmp_path):
    folder, whole = world
    disk = tmp_path / "disk"
    disk.mkdir()
    mount = ["mount", "-t", "tmpfs", "-o", "size=12m", "tmpfs", str(disk)]
    if subprocess.run(mount, capture_output=True, check=False).returncode:
        pytest.skip("a small disk can only be mounted by root")
    try:
        target = disk / "out.parquet"
        target.write_bytes(b"earlier")
        for ballast in (11_000_000, 4_000_000):  # no room for the parts, and none to put them together
            (disk / "ballast").write_bytes(bytes(ballast))
            process = in_small_parts(folder / "in.parquet", target, folder / "bundle")
            assert process.wait() == 1
            errors = process.stderr.read()
            assert "No space left on device; earlier outputs are intact: free some space" in errors
            assert errors.count("\n") == 1
            assert target.read_bytes() == b"earlier"
        assert len(list(disk.glob(".out.parquet.parts/*/*.arrow"))) == 200_000 / PART
        (disk / "ballast").unlink()
        assert in_small_parts(folder / "in.parquet", target, folder / "bundle").wait() == 0
        assert target.read_bytes() == whole
        assert [path.name for path in disk.iterdir()] == ["out.parquet"]
    finally:
        subprocess.run(["umount", str(disk)], check=True)
