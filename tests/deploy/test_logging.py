"""The decision log survives rotation and crashes, and real readers take every line."""

import asyncio
import gzip
import json
import re
import signal
import socket
import time
from collections.abc import Iterator
from contextlib import contextmanager
from hashlib import sha256
from pathlib import Path
from typing import Any

import pytest

from tests.deploy.helpers_logging import (
    LOGGING,
    elastic,
    graylog,
    needs_elastic,
    needs_logrotate,
    needs_rsyslog,
    rotation,
    rsyslog,
    to_elastic,
    to_graylog,
)
from tests.graph import ROOT

helpers = pytest.importorskip("tests.service.helpers_serving", reason="the service has been taken off")
protocols = pytest.importorskip("tests.service.helpers_protocols", reason="the service has been taken off")

PAGE = (ROOT / "docs/logging.md").read_text(encoding="utf-8")
FIELDS = dict(re.findall(r"^\| `([\w.@]+)` \| (\w+) \|", PAGE.partition("## Fields")[2], re.MULTILINE))
TEMPLATE = json.loads((LOGGING / "elastic/index-template.json").read_text(encoding="utf-8"))
MAPPED = {name: of["type"] for name, of in TEMPLATE["template"]["mappings"]["properties"].items()}
PIPELINE = json.loads((LOGGING / "elastic/ingest-pipeline.json").read_text(encoding="utf-8"))
ADDED = {step["set"]["field"] for step in PIPELINE["processors"] if "set" in step}
GELF = (LOGGING / "rsyslog/10-graylog.conf").read_text(encoding="utf-8")
SENT = dict(re.findall(r'outname="(_\w+)" name="\$!([\w.]+)"', GELF))
CORE = {"@timestamp", "message", "log.level"}  # GELF has names of its own for these
PAYMENT = {"transaction_id": 1, "tx_time": "2018-10-01T10:00:00", "customer_id": 1, "terminal_id": 2, "amount": 9.5}
TRACED = {"traceparent": "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01"}
TYPES: dict[str, tuple[type, ...]] = {
    "keyword": (str, type(None)), "match_only_text": (str,), "wildcard": (str,), "date": (str,), "long": (int,),
    "double": (float, int), "boolean": (bool,), "object": (dict,),
}  # fmt: skip


@pytest.fixture(scope="module")
def log(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a log with every kind of line: answered, refused, traced, kept, swapped, not swapped, of many rows."""
    folder = tmp_path_factory.mktemp("log")
    (folder / "keys").write_text(f"shop:{sha256(b'key').hexdigest()}\n")
    (folder / "live").symlink_to(helpers.small_bundle(folder / "one"))
    settings = {"log_values": "1", "api_keys": str(folder / "keys")}
    key = {"x_api_key": "key"}
    with helpers.service(folder, folder / "live", poll_seconds="0.05", **settings) as shops:
        shops.ask("POST", "/predict", helpers.VECTOR, **key, **TRACED)
        shops.ask("POST", "/predict", {"features": ["no", 1, "bakery"]}, **key)
        shops.ask("POST", "/predict", helpers.VECTOR)
        shops.ask("POST", "/predict", {"records": [{"number": 0.5, "gaps": None, "shop": "bakery"}] * 500}, **key)
        for name, outcome in (("two", "success"), ("three", "failure")):
            bundle = helpers.small_bundle(folder / name, threshold=0.25)
            if outcome == "failure":
                (bundle / "schema.json").write_text("{}")
            (folder / "new").symlink_to(bundle)
            (folder / "new").rename(folder / "live")
            shops.find("swap", event_outcome=outcome)
    servable = protocols.history_bundle(folder / "payments")
    with helpers.service(folder / "second", servable.folder, store="memory") as payments:
        for _ in range(2):
            payments.ask("POST", "/events", {"events": [PAYMENT]})
        payments.ask("POST", "/predict", {"records": [PAYMENT]})
    with (folder / "log.jsonl").open("a") as file:
        file.write((folder / "second/log.jsonl").read_text())
    return folder / "log.jsonl"


def lines(log: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in log.read_text(encoding="utf-8").splitlines()]


def flat(value: Any) -> Iterator[Any]:
    """Yield what Elasticsearch sees of a value: a list is all that is in it."""
    if isinstance(value, list):
        for each in value:
            yield from flat(each)
    else:
        yield value


def test_the_page_the_template_and_graylog_name_the_same_fields() -> None:
    assert {name: kind for name, kind in MAPPED.items() if name not in ADDED} == FIELDS
    assert set(SENT.values()) == set(FIELDS) - CORE
    assert all(name == "_" + field.replace(".", "_") for name, field in SENT.items())
    assert TEMPLATE["index_patterns"] == ["logs-mlops.decisions-*"]


def test_every_field_of_every_line_is_on_the_page_with_its_type(log: Path) -> None:
    found = lines(log)
    assert max(len(line["decision.features"]) for line in found if "decision.features" in line) == 500
    assert {line["event.action"] for line in found} == {"listening", "predict", "events", "swap", "stopped"}
    assert {name for line in found for name in line} <= set(FIELDS)
    for line in found:
        for name, value in line.items():
            assert all(type(each) in TYPES[FIELDS[name]] for each in flat(value)), (name, value)
    unseen = set(FIELDS) - {name for line in found for name in line}
    # Of other kinds of target, of a route, and of a library's warning: read from the code.
    code = "".join(path.read_text(encoding="utf-8") for path in (ROOT / "src/service").rglob("*.py"))
    assert unseen == {
        "decision.classes", "decision.low", "decision.high", "log.logger", "error.stack_trace", "decision.arm",
        "decision.arms", "decision.places", "decision.challenger_failed", "route.epoch",
    }  # fmt: skip
    assert all(f'"{name}"' in code for name in unseen)
    assert set(re.findall(r'"((?:decision|error|log)\.\w+)": ', code)) <= set(FIELDS)


@needs_rsyslog
def test_graylog_gets_every_line_as_gelf(log: Path, tmp_path: Path) -> None:
    given = lines(log)
    with graylog() as sink, rsyslog(tmp_path, log, "graylog", **to_graylog(sink)) as unparsed:
        came = sink.wait(len(given))
    assert len(came) == len(given)
    assert not unparsed.exists()
    for line, message in zip(given, came, strict=True):
        _check_gelf(message)
        assert message["short_message"] == line["message"]
        assert {SENT[name]: _back(line[SENT[name]], value) for name, value in message.items() if name in SENT} == {
            name: value for name, value in line.items() if name not in CORE
        }
    assert [message["level"] for message in came] == [
        {"info": 6, "warn": 4, "error": 3}[line["log.level"]] for line in given
    ]


def _check_gelf(message: dict[str, Any]) -> None:
    """Hold a message against the specification of GELF 1.1."""
    assert message["version"] == "1.1"
    assert all(isinstance(message[name], str) and message[name] for name in ("host", "short_message"))
    assert isinstance(message["timestamp"], float)
    assert message["level"] in range(8)
    more = {name: value for name, value in message.items() if name.startswith("_")}
    assert set(message) - set(more) == {"version", "host", "short_message", "timestamp", "level"}
    assert all(re.fullmatch(r"_[\w.-]+", name) and name != "_id" for name in more)
    assert all(type(value) in (str, int, float) for value in more.values())


def _back(given: Any, sent: Any) -> Any:
    """Return what was sent as the service wrote it: lists go as text."""
    return json.loads(sent) if isinstance(given, list) else sent


@needs_rsyslog
@needs_elastic
def test_elasticsearch_gets_every_line_as_it_is(log: Path, tmp_path: Path) -> None:
    given = lines(log)
    with elastic() as sink, rsyslog(tmp_path, log, "elasticsearch", **to_elastic(sink, tmp_path)) as unparsed:
        came = sink.wait(len(given))
    assert [document for _, document in came] == given
    assert {action["create"]["_index"] for action, _ in came} == {"logs-mlops.decisions-default"}
    assert len({action["create"]["_id"] for action, _ in came}) == len(given)
    assert not unparsed.exists()
    assert not (tmp_path / "refused.log").exists()


@pytest.mark.nightly
@needs_rsyslog
def test_the_piece_that_a_killed_service_left_is_kept_apart(tmp_path: Path) -> None:
    """And the first line of the next start does not stand behind it."""
    bundle, log = helpers.small_bundle(tmp_path / "bundle"), tmp_path / "log.jsonl"
    for _ in range(3):
        with _started(tmp_path, bundle) as running:
            asyncio.run(_killed_under_load(running))
        with log.open("a") as file:  # the kernel rarely tears a line: make sure of one
            file.write('{"@timestamp":"2026-')
    with _started(tmp_path, bundle) as running:
        assert running.end() == 0
    whole, torn = _sorted(log)
    assert 3 <= len(torn) <= 6
    assert all(piece.startswith('{"@timestamp":"') for piece in torn)
    assert [line["event.action"] for line in whole].count("listening") == 4
    with graylog() as sink, rsyslog(tmp_path / "rsyslog", log, "graylog", **to_graylog(sink)) as unparsed:
        assert len(sink.wait(len(whole))) == len(whole)
        while not unparsed.exists() or len(unparsed.read_text().splitlines()) < len(torn):
            time.sleep(0.02)
        assert unparsed.read_text().splitlines() == torn


@contextmanager
def _started(folder: Path, bundle: Path) -> Iterator[Any]:
    """Start a service on a log that is not sound, so that it can't be read for the port."""
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    running = helpers.Service(folder, bundle, (), {"SERVE_PORT": str(port)})
    running.port, end = port, time.monotonic() + 30
    try:
        while not _is_ready(running):
            assert time.monotonic() < end
            time.sleep(0.05)
        yield running
    finally:
        running.process.kill()
        running.process.communicate()


def _is_ready(running: Any) -> bool:
    try:
        return running.ask("GET", "/health/ready").status == 200
    except OSError:
        return False


async def _killed_under_load(running: Any) -> None:
    async with helpers.Load(running.port, 4) as load:
        await load.answered(500)
        running.process.send_signal(signal.SIGKILL)
        await asyncio.to_thread(running.process.wait, 10)


def _sorted(log: Path) -> tuple[list[dict[str, Any]], list[str]]:
    """Return the lines that are whole, and the pieces."""
    whole, torn = [], []
    for line in log.read_text(encoding="utf-8").splitlines():
        try:
            whole.append(json.loads(line))
        except ValueError:
            torn.append(line)
    return whole, torn


@needs_rsyslog
@needs_logrotate
def test_no_line_is_lost_while_the_log_is_rotated(tmp_path: Path) -> None:
    """By two processes that write, and a shipper that reads; what is rotated often stays in its bounds."""
    bundle, log = helpers.small_bundle(tmp_path / "bundle"), tmp_path / "log" / "log.jsonl"
    rotate = rotation(tmp_path / "logrotate", log)

    async def turns(running: Any) -> Any:
        async with helpers.Load(running.port, 4) as load:
            for _ in range(8):
                await load.answered(200)
                while not log.exists():
                    await asyncio.sleep(0.01)
                await asyncio.to_thread(rotate, "--force")
        return load

    log.parent.mkdir(mode=0o755)
    with (
        graylog() as sink,
        rsyslog(tmp_path / "rsyslog", log, "graylog", **to_graylog(sink)) as unparsed,
        helpers.service(log.parent, bundle, "--workers", "2", max_wait_ms="10000") as running,
    ):
        load = asyncio.run(turns(running))
        assert running.metric("serve_log_dropped_total") == 0
        running.end()
        written = [json.loads(line) for file in log.parent.iterdir() for line in _text(file).splitlines()]
        shipped = len(sink.wait(len(written)))
    assert [line["event.action"] for line in written].count("predict") == load.statuses.total()
    assert {file.name for file in log.parent.iterdir()} == {
        "log.jsonl", "log.jsonl.1", *(f"log.jsonl.{turn}.gz" for turn in range(2, 9))
    }  # fmt: skip
    assert shipped == len(written)
    assert not unparsed.exists()


def _text(file: Path) -> str:
    return gzip.decompress(file.read_bytes()).decode() if file.suffix == ".gz" else file.read_text()


@needs_logrotate
def test_the_log_takes_no_more_room_than_was_given(tmp_path: Path) -> None:
    log = tmp_path / "log" / "log.jsonl"
    log.parent.mkdir(mode=0o755)
    rotate = rotation(tmp_path, log)
    log.write_text("{}\n")
    rotate()  # begins to count days
    for _ in range(64):
        rotate(maxsize="1k")
        assert log.exists()  # it is small, and of today
        log.write_text("{}\n" * 400)
        rotate(maxsize="1k")
        assert not log.exists()
        log.write_text("{}\n")
    assert len(list(log.parent.iterdir())) == 61
