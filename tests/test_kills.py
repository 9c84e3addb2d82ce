"""Nothing is lost when the pipeline is killed, or when the disk is full: run it again and the bits are the same."""

import os
import random
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from tests.conftest import REDUCED, REDUCED_WINDOW, copy_repository, environment, run, set_params

pytestmark = pytest.mark.slow

# Runs from nothing, and kills on the way to the end of each: KILLS=50x4 kills 200 times.
CHAINS, KILLS = (int(count) for count in os.environ.get("KILLS", "1x4").split("x"))


def repro_killed_after(seconds: float, folder: Path, orphan: bool) -> bool:
    """Start `dvc repro`, kill it, and say whether it was still running; its stage is killed too or left an orphan."""
    process = subprocess.Popen(
        ["dvc", "repro"],
        cwd=folder,
        env=environment(),
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        start_new_session=True,
    )
    time.sleep(seconds)
    running = process.poll() is None
    if orphan:
        process.kill()
    else:
        os.killpg(process.pid, signal.SIGKILL)
    process.wait()
    return running


def fresh(folder: Path) -> Path:
    copy_repository(folder)
    set_params(folder, **REDUCED, **REDUCED_WINDOW)
    run("git rm -q --cached dvc.lock; rm -f dvc.lock; git commit -qam Reduced", folder)
    return folder


@pytest.mark.nightly
@pytest.mark.parametrize("chain", range(CHAINS))
def test_after_kills_at_random_moments_a_rerun_gives_the_same_lock(
    chain: int, reproduced: Path, tmp_path: Path
) -> None:
    folder, moments = fresh(tmp_path / "killed"), random.Random(chain)
    killed = 0
    while killed < KILLS:
        alive = repro_killed_after(moments.uniform(0.3, 5.0), folder, orphan=moments.random() < 0.5)
        run("python src/mlops.py doctor --locks", folder)
        killed += alive
        if not alive:  # the end was reached: go on from nothing
            shutil.rmtree(folder)
            fresh(folder)
    run("dvc repro", folder)
    assert (folder / "dvc.lock").read_bytes() == (reproduced / "dvc.lock").read_bytes()
    assert run("git diff --no-index --stat " + f"{reproduced}/metrics {folder}/metrics", folder).stdout == ""


def test_make_repro_mends_an_empty_lock_and_says_so(workspace: Path) -> None:
    lock = workspace / ".dvc/tmp/rwlock"
    lock.write_text("")
    run("dvc repro", workspace, fails=True)
    done = run("python src/mlops.py doctor --locks && dvc repro", workspace)
    assert "rwlock" in done.stdout + done.stderr
    assert "up to date" in done.stdout


def test_a_full_disk_is_told_and_earlier_outputs_stay(workspace: Path, tmp_path: Path) -> None:
    disk = tmp_path / "disk"
    disk.mkdir()
    mounted = subprocess.run(
        ["mount", "-t", "tmpfs", "-o", "size=6m", "tmpfs", str(disk)], capture_output=True, check=False
    )
    if mounted.returncode:
        pytest.skip("a small disk can only be mounted by root")
    try:
        fill_disk_while_featurizing(workspace, disk)
    finally:
        subprocess.run(["umount", str(disk)], check=True)


def fill_disk_while_featurizing(workspace: Path, disk: Path) -> None:
    features = workspace / "data/features"
    before = (features / "features.parquet").read_bytes()
    shutil.copytree(features, disk / "features", ignore=shutil.ignore_patterns(".*"))  # what an earlier run knows
    (disk / "ballast").write_bytes(bytes(shutil.disk_usage(disk).free - 100_000))
    shutil.rmtree(features)
    features.symlink_to(disk / "features", target_is_directory=True)
    failed = run("python src/featurize.py", workspace, fails=True)
    assert "No space left on device" in failed.stderr
    assert "earlier outputs are intact" in failed.stderr
    assert "`make doctor`" in failed.stderr
    assert "Traceback" not in failed.stderr
    assert (features / "features.parquet").read_bytes() == before
    left = sorted(path.name for path in features.iterdir() if path.name != ".features.parquet.known")
    assert left == ["features.parquet", "state.npz"]


@pytest.mark.nightly
@pytest.mark.parametrize("stage", ["featurize", "train"])
def test_after_a_stage_found_no_room_a_plain_repro_goes_on(stage: str, workspace: Path, tmp_path: Path) -> None:
    lock = (workspace / "dvc.lock").read_bytes()
    python = tmp_path / "bin/python"  # what `dvc repro` starts: with no room for more than 64 blocks in a file
    python.parent.mkdir()
    python.write_text(f'#!/bin/sh\nulimit -f 64; exec {sys.executable} "$@"\n')
    python.chmod(0o755)
    path = os.pathsep.join([str(python.parent), environment()["PATH"]])
    failed = run(f"dvc repro --force --single-item {stage}", workspace, fails=True, PATH=path)
    assert "earlier outputs are intact: free some space, and run `make doctor`" in failed.stderr
    assert "Traceback" not in failed.stderr
    run("dvc repro", workspace)
    assert (workspace / "dvc.lock").read_bytes() == lock
    assert "objects are whole" in run("python src/mlops.py doctor", workspace).stdout
