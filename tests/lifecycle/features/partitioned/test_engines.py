import io as memory
import os
import signal
import subprocess
import sys
import threading
import time
import zipfile
from pathlib import Path

import joblib
import pytest

from lifecycle.core import dask_client, tables
from lifecycle.core.dask_client import packed_code
from lifecycle.core.errors import PipelineError
from lifecycle.features.partitioned.engines import open_pool
from tests.helpers_parts import build, cut, records, write_at_once

WORKER = ("dask_worker", "--no-nanny", "--nthreads", "1", "--no-dashboard", "--host", "127.0.0.1")


@pytest.fixture(scope="module")
def world(tmp_path_factory):
    folder = tmp_path_factory.mktemp("world")
    with cut(1, 1):
        tables.write_table(records(), folder / "records.parquet")
        return folder / "records.parquet", write_at_once(records(), folder / "expected.parquet")


@pytest.mark.parametrize("engine", ["joblib", pytest.param("dask", marks=pytest.mark.slow)])
def test_every_engine_writes_the_same_bytes(engine, world, tmp_path):
    with cut(3, 2):
        assert build(world[0], tmp_path / "features.parquet", engine) == world[1]


def leave_a_mark(task):
    folder, number = task
    (folder / str(number)).touch()
    if number == 3:
        raise PipelineError("no disk")


@pytest.mark.parametrize("engine", ["serial", "joblib"])
def test_an_error_in_a_task_is_told(engine, tmp_path):
    with open_pool(engine, None) as pool, pytest.raises(PipelineError, match="no disk"):
        list(pool.run(leave_a_mark, [(tmp_path, number) for number in range(4)]))
    assert (tmp_path / "3").exists()


def test_joblib_takes_as_many_processes_as_the_environment_says(monkeypatch):
    monkeypatch.setenv("LOKY_MAX_CPU_COUNT", "1")
    with open_pool("joblib", None) as pool:
        assert pool.workers == joblib.cpu_count() == 1


def test_without_dask_the_extra_is_named(monkeypatch):
    monkeypatch.setitem(sys.modules, "distributed", None)
    with pytest.raises(PipelineError, match="in the extra `dist`"), open_pool("dask", None):
        pass


def test_the_packed_code_is_the_same_each_time_and_can_be_imported(tmp_path):
    (tmp_path / "code.zip").write_bytes(packed_code())
    assert packed_code() == packed_code()
    assert "lifecycle/features/partitioned/tasks.py" in zipfile.ZipFile(memory.BytesIO(packed_code())).namelist()
    command = [sys.executable, "-c", "import lifecycle.features.partitioned.tasks as t; print(t.__file__)"]
    found = subprocess.check_output(command, cwd=tmp_path, env={"PYTHONPATH": str(tmp_path / "code.zip")}, text=True)
    assert "code.zip" in found


@pytest.fixture
def start(tmp_path):
    """Give what starts a process of a cluster in a folder of its own, without our code; they are stopped at the end."""
    running = []

    def process(name, module, *options):
        (tmp_path / name).mkdir()
        files = ["--scheduler-file", str(tmp_path / "scheduler.json")]
        command = [sys.executable, "-m", f"distributed.cli.{module}", *options, *files]
        kept = {key: value for key, value in os.environ.items() if key != "PYTHONPATH"}
        running.append(subprocess.Popen(command, cwd=tmp_path / name, env=kept, stderr=subprocess.DEVNULL))
        return running[-1]

    yield process
    for one in running:
        one.kill()
        one.wait()


@pytest.mark.nightly
def test_workers_may_die_and_join_and_get_the_code_as_it_is(start, world, tmp_path, monkeypatch):
    from distributed import Client

    start("scheduler", "dask_scheduler", "--host", "127.0.0.1", "--port", "0", "--no-dashboard")
    workers = [start(f"worker{number}", *WORKER) for number in range(3)]
    with Client(scheduler_file=str(tmp_path / "scheduler.json"), timeout=20) as client:
        client.wait_for_workers(3, timeout=20)
        killer = threading.Thread(target=kill_two_and_add_one, args=(workers, start, tmp_path, client))
        killer.start()
        with cut(6, 8):
            found = build(world[0], tmp_path / "features.parquet", "dask", client.scheduler.address)
        killer.join()
        seen = client.run(lambda: (Path.cwd().name, "lifecycle.features.partitioned.tasks" in sys.modules))
        monkeypatch.setattr(dask_client, "packed_code", lambda: changed(packed_code()))
        with open_pool("dask", client.scheduler.address) as pool:
            assert pool.workers == 2
            assert set(client.run(lambda: __import__("lifecycle.changed").changed.HERE).values()) == {1}
    assert found == world[1]
    assert sorted(seen.values()) == [("fresh", True), ("worker2", True)]


def changed(code):
    """Add a module, so that a worker that still has the former code can be told."""
    packed = memory.BytesIO(code)
    with zipfile.ZipFile(packed, "a") as file:
        file.writestr("lifecycle/changed.py", "HERE = 1")
    return packed.getvalue()


def kill_two_and_add_one(workers, start, folder, client):
    """Wait until some parts are there; kill; and let nobody go on until the fresh worker is there."""
    while len(list(folder.glob(".features.parquet.*.parts/*.arrow"))) < 10:
        time.sleep(0.01)
    for worker in workers[:2]:
        worker.send_signal(signal.SIGKILL)
    workers[2].send_signal(signal.SIGSTOP)
    start("fresh", *WORKER)
    client.wait_for_workers(2, timeout=20)
    time.sleep(0.5)
    workers[2].send_signal(signal.SIGCONT)
