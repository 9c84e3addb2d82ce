"""The command: how it starts, what it refuses, and the bundle that changes while it serves."""

import asyncio
import json
import shutil
import signal
import socket
import ssl
import subprocess
import sys
import time
from pathlib import Path

import psutil
import pytest

from lifecycle.bundle.bundle_writer import seal
from tests.graph import ROOT
from tests.helpers_bundle import ORIGIN
from tests.service.helpers_serving import SERVE, VECTOR, Load, Service, clean, refused_at_start, service, small_bundle

SWAPS = 12


@pytest.fixture(scope="module")
def bundle(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return small_bundle(tmp_path_factory.mktemp("serve") / "bundle")


@pytest.fixture
def changed(tmp_path: Path) -> Path:
    return small_bundle(tmp_path / "changed", threshold=0.01)


def point(link: Path, target: Path) -> None:
    """Set a link in one step."""
    new = link.with_name("new-link")
    new.symlink_to(target)
    new.rename(link)


def damaged(bundle: Path, target: Path) -> Path:
    shutil.copytree(bundle, target)
    content = bytearray((target / "model.onnx").read_bytes())
    content[len(content) // 2] ^= 1
    (target / "model.onnx").write_bytes(content)
    return target


def test_help_lists_every_knob() -> None:
    done = subprocess.run([*SERVE, "--help"], capture_output=True, text=True, check=True)
    assert "SERVE_MAX_WAIT_MS" in done.stdout
    assert "--worker " not in done.stdout  # only for its own children


def test_it_starts_soon_and_small(tmp_path: Path, bundle: Path) -> None:
    start = time.monotonic()
    with service(tmp_path, bundle) as running:
        assert running.ask("POST", "/predict", VECTOR).status == 200
        assert time.monotonic() - start < 10  # ten times what it takes on a machine that has nothing else to do
        assert psutil.Process(running.process.pid).memory_info().rss < 150e6


def test_it_needs_nothing_that_trains() -> None:
    script = f"""
import sys
sys.path.insert(0, {str(ROOT / "src")!r})
import service.process, service.telemetry.exposition
import service.openapi.openapi_document, service.openapi.docs_page
print(sorted({{"pandas", "pyarrow", "sklearn", "scipy", "pydantic", "yaml", "joblib", "tqdm"}} & set(sys.modules)))
"""
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    assert done.stdout == "[]\n"


@pytest.mark.parametrize(("name", "words"), [("model.onnx", "model.onnx: damaged"), ("schema.json", "schema.json")])
def test_what_does_not_match_its_manifest_is_not_served(tmp_path: Path, bundle: Path, name: str, words: str) -> None:
    shutil.copytree(bundle, tmp_path / "bundle")
    with (tmp_path / "bundle" / name).open("ab") as file:
        file.write(b" ")
    assert words in refused_at_start(SERVE_BUNDLE=str(tmp_path / "bundle"), SERVE_PORT="0")


def test_what_can_not_be_right_is_told_in_words(tmp_path: Path, bundle: Path) -> None:
    assert "no such setting" in refused_at_start(SERVE_BUDNLE="x")
    assert "nothing/manifest.json: there is no bundle" in refused_at_start(
        SERVE_BUNDLE=str(tmp_path / "nothing"), SERVE_PORT="0"
    )
    assert "expected 1 to 256" in refused_at_start("--workers", "0")
    given = {"SERVE_BUNDLE": str(bundle), "SERVE_PORT": "0"}
    assert "no/keys" in refused_at_start(**given, SERVE_API_KEYS=str(tmp_path / "no/keys"))
    assert "no/log" in refused_at_start(**given, SERVE_LOG=str(tmp_path / "no/log"))
    (tmp_path / "cert").write_text("no certificate")
    cert = str(tmp_path / "cert")
    assert "SERVE_TLS_CERT" in refused_at_start(**given, SERVE_TLS_CERT=cert, SERVE_TLS_KEY=cert, SERVE_LOG="none")


@pytest.mark.parametrize("workers", ["1", "2"])
def test_a_port_that_is_taken_is_told_in_words(bundle: Path, workers: str) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = str(taken.getsockname()[1])
        words = refused_at_start("--workers", workers, SERVE_BUNDLE=str(bundle), SERVE_PORT=port)
    assert f"another program listens on port {port}" in words


def test_the_log_goes_to_standard_output(bundle: Path) -> None:
    environment = clean() | {"SERVE_BUNDLE": str(bundle), "SERVE_PORT": "0", "SERVE_LINGER_SECONDS": "0"}
    with subprocess.Popen([*SERVE], env=environment, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        assert "answers on http://127.0.0.1:" in process.stdout.readline()
        process.terminate()
        assert "the service has ended" in process.stdout.read()
    assert process.returncode == 0


def test_it_can_be_ended_before_it_has_started(bundle: Path) -> None:
    for wait in (0.1, 0.3):
        process = subprocess.Popen([*SERVE], env=clean() | {"SERVE_BUNDLE": str(bundle), "SERVE_PORT": "0"})
        time.sleep(wait)
        process.terminate()
        assert process.wait(20) in {0, -signal.SIGTERM}


def test_it_speaks_tls(tmp_path: Path, bundle: Path) -> None:
    cert, key = tmp_path / "cert.pem", tmp_path / "key.pem"
    names = ["-subj", "/CN=localhost", "-addext", "subjectAltName=DNS:localhost,IP:127.0.0.1"]
    make = ["openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "1", *names]
    subprocess.run([*make, "-keyout", key, "-out", cert], check=True, capture_output=True)
    with service(tmp_path, bundle, tls_cert=str(cert), tls_key=str(key), request_timeout="0.5") as running:
        with socket.create_connection(("127.0.0.1", running.port), timeout=10) as silent:
            assert silent.recv(1) == b""  # who does not shake hands is not waited for
        context = ssl.create_default_context(cafile=str(cert))
        with (
            socket.create_connection(("127.0.0.1", running.port), timeout=10) as plain,
            context.wrap_socket(plain, server_hostname="localhost") as client,
        ):
            client.sendall(b"GET /health/ready HTTP/1.1\r\nhost: localhost\r\n\r\n")
            assert client.recv(20).startswith(b"HTTP/1.1 200")
            client.sendall(b"GET / HTTP/1.1\r\n" + b"a: b\r\n" * 5000)
            while b"431" not in client.recv(100):
                pass
        with socket.create_connection(("127.0.0.1", running.port), timeout=10) as plain:
            plain.sendall(b"GET /health/ready HTTP/1.1\r\nhost: localhost\r\n\r\n")
            assert not plain.recv(20).startswith(b"HTTP/1.1 200")
        own = {"SERVE_PORT": str(running.port), "SERVE_TLS_CERT": str(cert), "SERVE_TLS_KEY": str(key)}
        assert subprocess.run([*SERVE, "--ready"], env=clean() | own, check=False).returncode == 0
        assert running.end() == 0


def test_the_probe_of_a_container_sees_whether_it_is_ready(tmp_path: Path, bundle: Path) -> None:
    def probe(port: int) -> subprocess.CompletedProcess[str]:
        given = clean() | {"SERVE_PORT": str(port), "SERVE_HOST": "0.0.0.0"}
        return subprocess.run([*SERVE, "--ready"], env=given, capture_output=True, text=True, check=False)

    with service(tmp_path, bundle) as running:
        assert probe(running.port).returncode == 0
    done = probe(running.port)
    assert done.returncode == 1
    assert f"127.0.0.1:{running.port} does not answer" in done.stderr


def test_another_bundle_is_served_without_a_pause(tmp_path: Path, bundle: Path, changed: Path) -> None:
    """Also one that is damaged: then the old one goes on."""
    link, targets = tmp_path / "live", [changed, damaged(bundle, tmp_path / "damaged"), bundle]
    link.symlink_to(bundle)

    async def run(running: Service) -> Load:
        async with Load(running.port, 8) as load:
            for swap in range(SWAPS):
                point(link, targets[swap % 3])
                await load.answered(50)
                async with asyncio.timeout(20):  # each is looked at before the next one comes, however busy we are
                    while await asyncio.to_thread(running.metric, "serve_swaps_total") <= swap:
                        await asyncio.sleep(0.02)
        return load

    with service(tmp_path, link, poll_seconds="0.05") as running:
        load = asyncio.run(run(running))
        assert load.cut == []
        assert set(load.statuses) == {200}
        assert len(load.bodies) == 2  # the threshold differs, and so the prediction
        assert running.metric("serve_swaps_total", result="ok") == SWAPS * 2 / 3
        assert running.metric("serve_swaps_total", result="failed") == SWAPS / 3
        failed = running.find("swap", event_outcome="failure")
        assert "damaged: its sha256" in failed["message"]
        assert running.metric("serve_model_age_seconds") < 60


def test_an_answer_names_the_version_that_made_it(tmp_path: Path, bundle: Path, changed: Path) -> None:
    link = tmp_path / "live"
    link.symlink_to(bundle)
    body = {"records": [{"number": 0.5, "gaps": 12.0, "shop": "bakery"}]}

    async def run(port: int) -> Load:
        async with Load(port, 4, body=body) as load:
            for swap in range(6):
                point(link, (changed, bundle)[swap % 2])
                await load.answered(50)
                await asyncio.sleep(0.15)
        return load

    with service(tmp_path, link, poll_seconds="0.02") as running:
        load = asyncio.run(run(running.port))
    found = {(answer["version"], answer["threshold"]) for answer in map(json.loads, load.bodies)}
    assert {threshold for _, threshold in found} == {0.5, 0.01}
    assert len(found) == 2  # never the one's version with the other's threshold


def test_a_hangup_loads_what_is_there(tmp_path: Path, bundle: Path, changed: Path) -> None:
    link = tmp_path / "live"
    link.symlink_to(bundle)
    with service(tmp_path, link, poll_seconds="0") as running:
        point(link, changed)
        time.sleep(0.3)
        assert running.ask("POST", "/predict", VECTOR).json["prediction"] == 0
        running.process.send_signal(signal.SIGHUP)
        running.find("swap", event_outcome="success")
        assert running.ask("POST", "/predict", VECTOR).json["prediction"] == 1


def test_reasons_are_given_when_the_folder_is_another_model_s_already(
    tmp_path: Path, bundle: Path, changed: Path
) -> None:
    folder = shutil.copytree(bundle, tmp_path / "live")
    with service(tmp_path, folder, poll_seconds="0") as running:
        folder.rename(tmp_path / "old")
        changed.rename(folder)
        body = {"records": [{"number": 0.5, "gaps": 12.0, "shop": "bakery"}], "reasons": 1}
        assert running.ask("POST", "/predict", body).status == 200


def test_it_listens_on_this_machine_only(tmp_path: Path, bundle: Path) -> None:
    with service(tmp_path, bundle) as running:
        addresses = {each.laddr.ip for each in psutil.Process(running.process.pid).net_connections() if not each.raddr}
        assert addresses == {"127.0.0.1"}


def ignores_hangup(pid: int) -> bool:
    status = Path(f"/proc/{pid}/status")
    if not status.exists():  # no Linux
        time.sleep(0.3)
        return True
    (ignored,) = (line.split()[1] for line in status.read_text().splitlines() if line.startswith("SigIgn"))
    return bool(int(ignored, 16) & 1)


def test_a_hangup_while_it_starts_does_not_end_it(tmp_path: Path, bundle: Path) -> None:
    settings = {"SERVE_BUNDLE": str(bundle), "SERVE_PORT": "0", "SERVE_LOG": "-"}
    with subprocess.Popen(SERVE, env=clean() | settings, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        try:
            time.sleep(0.2)  # Python has begun
            line = ""
            for _ in range(200):
                process.send_signal(signal.SIGHUP)
                time.sleep(0.002)
            while '"listening"' not in line:
                line = process.stdout.readline()
                assert line, process.poll()
        finally:
            process.terminate()


@pytest.mark.parametrize(
    ("name", "fault"),
    [("decision.json", "decision.json is not that of a binary target"), ("schema.json", "no bundle of this version's")],
)
def test_a_sealed_bundle_that_lacks_something_is_refused_in_words(tmp_path, bundle: Path, name: str, fault) -> None:
    shutil.copytree(bundle, tmp_path / "odd")
    (tmp_path / "odd" / name).write_text("{}")
    seal(tmp_path / "odd", ORIGIN)
    words = refused_at_start(SERVE_BUNDLE=str(tmp_path / "odd"), SERVE_PORT="0", SERVE_LOG="none")
    assert fault in words


def test_a_threshold_that_is_no_number_is_refused(tmp_path: Path, bundle: Path) -> None:
    shutil.copytree(bundle, tmp_path / "odd")
    decision = json.loads((tmp_path / "odd/decision.json").read_text())
    (tmp_path / "odd/decision.json").write_text(json.dumps(decision | {"threshold": float("nan")}))
    seal(tmp_path / "odd", ORIGIN)
    words = refused_at_start(SERVE_BUNDLE=str(tmp_path / "odd"), SERVE_PORT="0", SERVE_LOG="none")
    assert "the threshold of its decision is no number" in words
