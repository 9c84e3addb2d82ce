"""The command, as a shell, a cron job, and Prometheus call it."""

import json
import shutil
import subprocess
import sys
import threading
import urllib.request
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path

import pandas as pd
import pytest
from prometheus_client.parser import text_string_to_metric_families

from lifecycle.bundle.servable import Servable
from tests.graph import ROOT
from tests.lifecycle.monitoring.helpers_logs import FIRST, refused, watched_bundle, weeks_of_log

NOW = pd.Timestamp.now("UTC").tz_localize(None).floor("D")
PROBLEM = '''"""Made up."""

from tests.helpers_task_bundles import problem_of

PROBLEM = problem_of("binary")
'''


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Servable]:
    """Lay out a project of a made-up problem, with a log of two weeks up to yesterday."""
    folder = tmp_path_factory.mktemp("monitored")
    servable = watched_bundle(folder / "bundle", "binary")
    lines, labels = weeks_of_log(servable, "binary", 14)
    shift = NOW - pd.Timedelta(days=14) - FIRST
    moved = [json.loads(line) for line in lines]
    for one in moved:
        one["@timestamp"] = f"{(pd.Timestamp(one['@timestamp'][:-1]) + shift).isoformat(timespec='microseconds')}Z"
    (folder / "decisions.log").write_text("".join(json.dumps(one) + "\n" for one in moved))
    labels.to_csv(folder / "labels.csv", index=False)
    shutil.copytree(ROOT / "src/problems", folder / "src/problems")
    shutil.copy(ROOT / "src/mlops.py", folder / "src")
    (folder / "src/lifecycle").symlink_to(ROOT / "src/lifecycle")
    (folder / "src/problems/binary.py").write_text(PROBLEM)
    text = (ROOT / "params.yaml").read_text(encoding="utf-8").replace("delay_days: null", "delay_days: 2.0")
    (folder / "params.yaml").write_text(text, encoding="utf-8")
    (folder / "models/previous").mkdir(parents=True)
    return folder, servable


def monitor(folder: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "src/mlops.py", "monitor", "--bundle", "bundle", *arguments]
    environment = {"PYTHONPATH": str(ROOT), "PATH": "/usr/bin:/bin"}
    return subprocess.run(command, cwd=folder, env=environment, capture_output=True, text=True, check=False)


def test_it_says_what_it_has_seen_and_that_all_is_well(place: tuple[Path, Servable], tmp_path: Path) -> None:
    folder, servable = place
    done = monitor(folder, "--log", "decisions.log", "--labels", "labels.csv", "--output", str(tmp_path / "out"))
    assert (done.returncode, done.stderr) == (0, "")
    seen, *rest = done.stdout.splitlines()
    assert seen.startswith(f"shops {servable.version}: 560 records on 15 days, ")
    assert 480 <= int(seen.split()[-3]) <= 520  # the day before yesterday's come in while the day begins
    assert rest == ["no alarm is open"]
    assert json.loads((tmp_path / "out/alarms.json").read_text()) == {"alarms": []}


def test_the_exit_code_is_that_of_the_worst_open_alarm(place: tuple[Path, Servable], tmp_path: Path) -> None:
    folder, servable = place
    log = tmp_path / "decisions.log"
    few = [refused(servable, NOW, "number", "out_of_range")] * 12
    many = [refused(servable, NOW, "shop", "missing_name")] * 60
    for lines, code, said in ((few, 10, "ticket: quality"), (many, 13, "page: schema")):
        log.write_text((folder / "decisions.log").read_text() + "".join(lines))
        done = monitor(folder, "--log", str(log))
        assert done.returncode == code, done.stderr
        assert said in done.stdout


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (("--log", "nothing.log"), "error: nothing.log: no such file"),
        (("--log", "decisions.log", "--labels", "nothing.csv"), "error: nothing.csv: no such file"),
        (("--log", "decisions.log", "--push", "127.0.0.1:1"), "error: --push 127.0.0.1:1: "),
        (("--log", "decisions.log", "--port", "70000"), "--port"),
        (("--log", "decisions.log", "--every", "0"), "must be above 0"),
    ],
)
def test_what_can_not_be_done_is_told_in_a_line(place: tuple[Path, Servable], arguments, words: str) -> None:
    done = monitor(place[0], *arguments)
    assert done.returncode in (1, 2)
    assert words in done.stderr
    assert "Traceback" not in done.stderr


def test_the_gauges_are_pushed_under_the_name_of_the_model(place: tuple[Path, Servable]) -> None:
    caught: dict[str, bytes] = {}

    class Gateway(BaseHTTPRequestHandler):
        def do_PUT(self) -> None:
            caught[self.path] = self.rfile.read(int(self.headers["content-length"]))
            self.send_response(200)
            self.end_headers()

        def log_message(self, *_: object) -> None: ...

    server = HTTPServer(("127.0.0.1", 0), Gateway)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    done = monitor(place[0], "--log", "decisions.log", "--push", f"127.0.0.1:{server.server_port}")
    server.shutdown()
    assert done.returncode == 0, done.stderr
    ((path, body),) = caught.items()
    assert path == "/metrics/job/mlops_monitor/model/shops"
    assert b"data_drift_score" in body


def test_prometheus_is_answered_with_the_gauges_of_the_source(place: tuple[Path, Servable]) -> None:
    folder, _ = place
    command = [sys.executable, "src/mlops.py", "monitor", "--bundle", "bundle", "--log", "decisions.log"]
    command += ["--labels", "labels.csv", "--port", "0", "--every", "0.2"]
    environment = {"PYTHONPATH": str(ROOT), "PATH": "/usr/bin:/bin"}
    with subprocess.Popen(command, cwd=folder, env=environment, stdout=subprocess.PIPE, text=True) as process:
        try:
            assert process.stdout is not None
            address = process.stdout.readline().split()[-1]
            text = urllib.request.urlopen(address, timeout=10).read().decode()
        finally:
            process.terminate()
    found = {
        sample.name: sample
        for family in text_string_to_metric_families(text)
        for sample in family.samples
        if not set(sample.labels) - {"model"}
    }
    for name in ("model_accuracy", "model_f1_score", "data_drift_score"):
        assert found[name].labels == {"model": "shops"}
    assert 0.7 < found["model_accuracy"].value < 1
    assert 0 < found["data_drift_score"].value < 1
    assert found["monitor_labelled_share"].value == 1
