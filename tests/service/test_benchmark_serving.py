"""The serving benchmark counts what it says it counts, on servers whose behaviour is known."""

import json
import os
import re
import shutil
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from types import SimpleNamespace

import joblib
import numpy as np
import pandas as pd
import pytest

from benchmarks.locked_environments import megabytes
from benchmarks.serving import aims, compare, figures
from benchmarks.serving import rounds as load_rounds
from benchmarks.serving.environments import OWN, PEERS, environment, lock_of
from benchmarks.serving.figures import Measured, Round
from benchmarks.serving.forest import Made, made
from benchmarks.serving.load import Load, saturated
from benchmarks.serving.markdown_tables import figures_table, parts_table
from benchmarks.serving.pace import Clients, Paced
from benchmarks.serving.processes import Usage
from benchmarks.serving.server import Question
from benchmarks.serving.servers import (
    CONSTANT,
    FLASK,
    GUNICORN,
    SERVICE,
    STRONGEST,
    constant,
    servers,
    service,
)
from benchmarks.serving.servers import (
    PEERS as SETTINGS,
)
from benchmarks.serving.transactions import Stream
from lifecycle.bundle.servable import Batch, Servable
from lifecycle.core.errors import PipelineError
from tests.helpers_model import ROOT

NEEDS_WRK = pytest.mark.skipif(shutil.which("wrk") is None, reason="wrk is not installed")
REQUEST = b"POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 2\r\n\r\n{}"


@contextmanager
def stub(stall: float = 0.0, refuse: int = 0, protocol: str = "HTTP/1.1") -> Iterator[ThreadingHTTPServer]:
    """Give a server that answers one request at a time, stalls at its eleventh, and refuses every so many-th."""
    turn = threading.Lock()

    class Handler(BaseHTTPRequestHandler):
        protocol_version = protocol

        def setup(self) -> None:
            super().setup()
            server.connections += 1

        def do_POST(self) -> None:
            self.rfile.read(int(self.headers["Content-Length"]))
            with turn:
                server.asked += 1
                time.sleep(stall if server.asked == 11 else 0)
                refused = refuse and server.asked % refuse == 0
            self.send_response_only(503 if refused else 200)
            self.send_header("Content-Length", "2")
            self.end_headers()
            self.wfile.write(b"{}")

        def log_message(self, *args: object) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.asked = server.connections = 0
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    yield server
    server.shutdown()
    thread.join()
    server.server_close()


@pytest.fixture(scope="module")
def model(tmp_path_factory: pytest.TempPathFactory) -> Made:
    return made(tmp_path_factory.mktemp("model"), trees=3)


def asked(server: ThreadingHTTPServer, rate: float, count: int, seconds: float) -> np.ndarray:
    clients = Clients(server.server_port, [REQUEST], np.arange(count) / rate)
    clients.run(seconds)
    return clients.took


def test_a_stall_delays_all_that_were_due_in_it() -> None:
    with stub(stall=0.3) as server:
        took = asked(server, rate=200, count=100, seconds=2)
    assert server.asked == 100
    assert took[10] >= 300
    assert ((took[11:60] > 5).sum()) >= 45  # asking only after the answer, one request alone would look slow
    assert took[:10].max() < 100


def test_what_is_refused_or_not_answered_has_no_time() -> None:
    with stub(refuse=4) as server:
        assert np.isinf(asked(server, 200, 20, 2)).sum() == 5
    with stub(stall=1.0) as server:
        took = asked(server, 200, 20, seconds=0.5)
    assert np.isfinite(took[:10]).all()
    assert np.isinf(took[10:]).all()


def test_connections_are_kept_or_opened_anew_as_the_server_wants() -> None:
    with stub() as server:
        assert np.isfinite(asked(server, 100, 20, 2)).all()
    assert server.connections < 10
    with stub(protocol="HTTP/1.0") as server:
        assert np.isfinite(asked(server, 100, 20, 2)).all()
    assert server.connections == 20


def running(server: ThreadingHTTPServer, seconds: Iterator[float]) -> SimpleNamespace:
    return SimpleNamespace(
        port=server.server_port, usage=lambda: Usage(next(seconds), 0.0), server=SimpleNamespace(name="stub")
    )


@NEEDS_WRK
def test_load_is_counted_per_request(tmp_path) -> None:
    with stub() as server:
        found = saturated(running(server, iter((1.0, 1.5))), Question("/", [b"{}"], list), 1, tmp_path)
    assert found.rate == pytest.approx(server.asked, rel=0.5)  # wrk's second is longer on a busy machine
    assert found.cpu == pytest.approx(0.5e6 / server.asked, rel=0.1)
    assert 0 < found.p50 <= found.p99


@NEEDS_WRK
def test_a_refused_request_is_not_counted_as_answered(tmp_path) -> None:
    with stub(refuse=4) as server:
        found = saturated(running(server, iter((0.0, 1.0))), Question("/", [b"{}"], list), 1, tmp_path)
    assert found.refused == pytest.approx(0.25, rel=0.1)
    assert found.cpu == pytest.approx(1e6 / (server.asked * 0.75), rel=0.1)
    with stub(refuse=1) as server, pytest.raises(PipelineError, match="stub: no request was answered"):
        saturated(running(server, iter((0.0, 0.0))), Question("/", [b"{}"], list), 1, tmp_path)


def test_without_wrk_it_is_said_how_to_get_it(monkeypatch) -> None:
    monkeypatch.setattr(shutil, "which", lambda name: None)
    with pytest.raises(PipelineError, match="apt-get install wrk"):
        compare.check_wrk()


def test_the_bundle_and_the_peers_models_are_one_model(model: Made) -> None:
    rows = np.array(model.rows)
    scored = Servable.load(model.bundle).score(Batch(rows))
    assert (scored.probability == model.probabilities).all()
    assert (joblib.load(model.folder / "pipeline.joblib").predict_proba(rows)[:, 1] == model.probabilities).all()
    scaled = joblib.load(model.folder / "scaler.joblib").transform(rows)
    assert (joblib.load(model.folder / "model.joblib").predict_proba(scaled)[:, 1] == model.probabilities).all()
    assert 0 < scored.alert.sum() < len(rows)


@pytest.mark.parametrize("form", ["onnx", ""])
def test_the_peers_own_code_answers_with_the_model_in_both_forms(model: Made, form: str) -> None:
    ask = "from forest_model import probabilities; print(probabilities(json.load(sys.stdin)).tolist())"
    done = subprocess.run(
        [sys.executable, "-c", f"import json, sys; {ask}"],
        cwd=model.folder,
        env={**os.environ, "MODEL": form},
        input=json.dumps(model.rows),
        capture_output=True,
        text=True,
        check=True,
    )
    assert json.loads(done.stdout) == model.probabilities.tolist()


def test_every_peer_stands_there_in_its_usual_and_in_its_strongest_setting() -> None:
    by_name = {peer.name: peer for peer in SETTINGS}
    usual = {name for name in by_name if not name.endswith(STRONGEST)} - {FLASK}
    assert {name + STRONGEST for name in usual} == by_name.keys() - usual - {FLASK}
    assert {peer.environment for peer in SETTINGS} == {path.stem for path in PEERS.glob("*.in")}
    for name in usual:
        assert by_name[name].environment == by_name[name + STRONGEST].environment
        assert by_name[name].variables.get("MODEL") is None
    assert aims.TIMES.keys() >= {name + STRONGEST for name in usual}


def test_a_peer_is_chosen_in_each_setting(model: Made) -> None:
    own = {server.name for server in servers(model)} - {peer.name for peer in SETTINGS}
    found = {server.name for server in compare.chosen(servers(model), ["KServe"])}
    assert found == own | {"KServe", "KServe" + STRONGEST}
    assert compare.chosen(servers(model), None) == servers(model)


def test_every_server_has_a_lock_file_and_is_asked_for_the_same_rows(model: Made) -> None:
    for server in servers(model):
        assert lock_of(server.environment).is_file()
        assert [len(q.bodies) for q in (server.one, server.many) if q] in ([1000], [1000, 10])
        values = [re.findall(r"-?\d+\.\d+(?:e-?\d+)?", body.decode()) for body in server.one.bodies[:5]]
        assert [list(map(float, found)) for found in values] == model.rows[:5]


@pytest.mark.parametrize("lock", sorted(PEERS.glob("*.lock")), ids=lambda path: path.stem)
def test_locks_of_peers_name_no_address_and_every_hash(lock: Path) -> None:
    text = lock.read_text(encoding="utf-8")
    assert "://" not in text
    entries = re.split(r"\n(?=\S)", text.strip())
    assert all(re.match(r"^[\w.-]+==\S+", entry) and "--hash=sha256:" in entry for entry in entries)
    wanted = lock.with_suffix(".in").read_text(encoding="utf-8").split("\n")[:-1]
    assert {re.split(r"[<\s]", line)[0] for line in wanted} <= {entry.split("==")[0] for entry in entries}


def test_an_environment_that_cannot_be_made_is_left_out_with_the_reason(model: Made, tmp_path, monkeypatch) -> None:
    monkeypatch.setattr("benchmarks.serving.environments.lock_of", lambda name: tmp_path / f"{name}.lock")
    for name in (OWN, "flask"):
        (tmp_path / f"{name}.lock").write_text(
            "" if name == OWN else "flask==0.0.0 --hash=sha256:00\n", encoding="utf-8"
        )
    found = [server for server in servers(model) if server.environment in (OWN, "flask")]
    homes, left_out = compare.installed(found, tmp_path / "environments")
    assert len(homes) == 3
    assert len(set(homes.values())) == 1
    assert left_out.keys() == {peer.name for peer in SETTINGS if peer.environment == "flask"}
    assert all(why.startswith("its environment can't be made: ") and len(why) > 40 for why in left_out.values())
    (tmp_path / f"{OWN}.lock").write_text("flask==0.0.0 --hash=sha256:00\n", encoding="utf-8")
    with pytest.raises(PipelineError):
        compare.installed(found, tmp_path / "environments")


def test_an_environment_is_made_once_for_each_lock(tmp_path, monkeypatch) -> None:
    lock = tmp_path / "flask.lock"
    monkeypatch.setattr("benchmarks.serving.environments.lock_of", lambda name: lock)
    lock.write_text("", encoding="utf-8")
    made = environment("flask", tmp_path)
    (made / "kept").write_bytes(b"0" * 3_000_000)
    (made / "left.pyc").write_bytes(b"0" * 3_000_000)
    assert (environment("flask", tmp_path) / "kept").exists()
    assert megabytes(made) == pytest.approx(3, abs=0.5)
    lock.write_text("# another\n", encoding="utf-8")
    assert not (environment("flask", tmp_path) / "kept").exists()


def rounds(rate: float, p99: float, paced: float, many: bool = True, refused: float = 0.0) -> list[Round]:
    load = [Load(rate * by, 50.0, 0.5, p99 * by, refused) for by in (0.5, 1, 20)]
    return [Round(each, each if many else None, Paced(0.2, paced, 2.0), 100.0) for each in load]


def table(rate: float = 15_000, p99: float = 1.0, peer: float = 100, refused: float = 0.0) -> pd.DataFrame:
    return figures.figures(
        {
            SERVICE: Measured([0.4, 0.5, 9.0], rounds(rate, p99, 0.7, refused=refused), 140.0),
            CONSTANT: Measured([0.1], rounds(40_000, 0.5, 0.3, many=False), 140.0),
            "KServe": Measured([5.0], rounds(peer, 90.0, np.inf), 400.0),
            "KServe" + STRONGEST: Measured([2.0], rounds(peer * 25, 5.0, 2.0), 400.0),
            "MLflow": Measured([5.0], rounds(peer, 90.0, np.inf), 400.0),
        }
    )


def test_figures_are_medians_and_ratios_say_how_much_better() -> None:
    found = table()
    assert found.loc[SERVICE, ["requests/s", "p99 ms", "start s"]].tolist() == [15_000, 1.0, 0.5]
    lines = figures.shown(found).splitlines()
    assert "behind" in lines[3]
    assert lines[2].split()[-7] == "-"  # the constant answer has no hundred rows
    assert figures.ratios(found).splitlines()[2].split() == [
        "KServe",
        "150",
        "150",
        "1",
        "90",
        "10",
        "1",
    ]


def test_a_ratio_is_the_product_of_its_parts() -> None:
    lines = parts_table(table()).splitlines()
    assert [cell.strip() for cell in lines[2].split("|")[1:-1]] == ["KServe", "150", "25", "6", "1", "6"]
    assert len(lines) == 3  # MLflow was measured in one setting alone


def test_the_table_of_a_page_has_a_line_for_what_was_left_out() -> None:
    lines = figures_table("server", table(), {"MLServer": "it does not start: no port"}).splitlines()
    assert lines[2] == f"| {SERVICE} | 15,000 | 50 | 0.50 / 1.00 | 0.70 | 1,500,000 | 0.50 | 100 |"
    assert lines[3].split(" | ")[5] == ""  # the constant answer has no hundred rows
    assert lines[4].split(" | ")[4] == "behind"
    assert lines[-1] == "| MLServer | not measured |  |  |  |  |  |  |"
    raw = figures_table("raw transactions", table()[["requests/s", "p50 ms", "p99 ms"]], {})
    assert raw.splitlines()[0] == "| raw transactions | requests/s | p50 / p99, ms |"


@pytest.mark.parametrize(
    ("changed", "missed"),
    [
        ({}, set()),
        ({"peer": 151}, {f"times the requests per second of: {name}" for name in ("KServe", "MLflow")}),
        ({"rate": 13_900}, {f"times the requests per second of: {CONSTANT}"}),
        ({"p99": 2.01}, {"ms, 99th percentile, as fast as it goes"}),
        ({"refused": 1e-4}, {"% of requests refused"}),
    ],
)
def test_an_aim_is_missed_on_its_wrong_side(changed: dict[str, float], missed: set[str]) -> None:
    found = list(aims.aims(table(**changed), None))
    assert {aim.words for aim in found if not aim.met} == missed
    assert not any(GUNICORN in aim.words for aim in found)


def test_a_peer_in_its_strongest_setting_is_not_to_be_faster() -> None:
    met = {aim.words: aim.met for aim in aims.aims(table(peer=601), None)}
    assert not met[f"times the requests per second of: KServe{STRONGEST}"]


def test_online_aims_are_those_of_questions() -> None:
    found = list(aims.aims(table(), pd.Series({"requests/s": 3_999.0, "p99 ms": 4.9, "refused %": 0.0})))
    assert [aim.met for aim in found[-3:]] == [False, True, True]


def test_beyond_the_last_record_they_come_again_later_with_new_keys() -> None:
    times = pd.Series(pd.to_datetime(["2018-08-08 00:00:00", "2018-08-08 00:00:09", "2018-08-08 00:00:10"])).astype(
        "datetime64[us]"
    )
    stream = Stream(pd.DataFrame({"key": [5, 6, 7], "at": times, "amount": [1.0, 2.0, 3.0]}), "key", "at")
    found = [json.loads(body)["events"][0] for body in stream.bodies(1, 5, "events")]
    assert [each["key"] for each in found] == [6, 7, 8, 9]
    assert [each["at"][-9:] for each in found] == ["00:00:09Z", "00:00:10Z", "00:00:11Z", "00:00:20Z"]
    assert [each["amount"] for each in found] == [2.0, 3.0, 1.0, 2.0]


@pytest.mark.nightly
@NEEDS_WRK
def test_the_service_is_measured_beside_the_constant_answer(model: Made) -> None:
    pair = [service(model), constant(model)]
    broken = replace(pair[1], name="a peer", environment="flask", command=["false"])
    homes = {each.name: Path(sys.prefix) for each in (*pair, broken)}
    measured, left_out = load_rounds.compared([*pair, broken], homes, model, rounds=1, seconds=1)
    assert [*left_out] == ["a peer"]
    assert left_out["a peer"].startswith("it does not start: ")
    assert "a peer" not in left_out["a peer"]
    found = figures.figures(measured)
    assert found["requests/s"][CONSTANT] > found["requests/s"][SERVICE] > 100
    assert np.isfinite(found.loc[SERVICE]).all()
    assert 0 < found["start s"][SERVICE] < 30
    decided = (model.folder / "decisions-1.jsonl").read_text(encoding="utf-8").splitlines()
    assert len(decided) > 100  # the log was on


@pytest.mark.slow
def test_a_server_with_another_model_or_none_is_refused(model: Made, tmp_path) -> None:
    other = model._replace(probabilities=model.probabilities + 1e-3)
    server = service(model)
    with pytest.raises(PipelineError, match="its probabilities are not the model's"):
        load_rounds.compared([server], {server.name: Path(sys.prefix)}, other, 1, 1)
    server = service(model._replace(bundle=tmp_path))
    with pytest.raises(PipelineError, match=rf"{server.name}: .*manifest"):
        load_rounds.compared([server], {server.name: Path(sys.prefix)}, model, 1, 1)


def test_the_applications_of_peers_are_where_servers_start(model: Made) -> None:
    assert {path.name for path in PEERS.glob("*.py")} <= {path.name for path in model.folder.iterdir()}
    assert not list((ROOT / "benchmarks" / "peers").glob("__pycache__"))
