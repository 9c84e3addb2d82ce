"""From a line of the decision log to the data: what is found is right, and what is not is said."""

import gzip
import hashlib
import json
import shutil
from pathlib import Path

import pytest

from lifecycle.bundle.manifest import read_manifest
from lifecycle.core.errors import PipelineError
from lifecycle.release.registry.release_steps import Place
from lifecycle.release.registry.request_lineage import lineage_lines, logged
from tests.lifecycle.release.registry.helpers_registry import ANN, be, git, ledger

PROD = Place("prod", Path("serving"))


@pytest.fixture
def log(with_two, tmp_path, monkeypatch):
    """Stand in a copy with two releases, and give a log with a request that the first has answered."""
    be(ANN, monkeypatch)
    monkeypatch.chdir(shutil.copytree(with_two, tmp_path / "copy"))
    write(Path("decisions.log"), line("payment-1", version=first().version), line("payment-2", version="0" * 12))
    return Path("decisions.log")


def first():
    return ledger().releases["v0.1.0"]


def line(request, at="2026-01-01T00:00:00Z", **more):
    known = {"@timestamp": at, "http.request.id": request, "service.version": more.pop("version", None)}
    return json.dumps(known | more)


def write(path, *lines):
    path.write_text("".join(f"{one}\n" for one in lines), encoding="utf-8")


def values(lines, name):
    return [one[13:] for one in lines if one.startswith(f"{name} ")]


def test_all_that_made_a_decision_is_named(log):
    lines = lineage_lines(PROD, "payment-1", log)
    release, manifest = first(), read_manifest(Path("serving/bundles") / first().version).content
    assert values(lines, "request") == [f"payment-1, decided at 2026-01-01T00:00:00Z by version {release.version}"]
    assert values(lines, "release") == [f"model v0.1.0, bundle {release.version}"]
    assert values(lines, "commit")[0].startswith(release.commit)
    assert values(lines, "data") == [f"{path} md5 {md5}" for path, md5 in manifest["data"].items()]
    assert values(lines, "params") == ['train {"max_depth": 8, "model": "a"}']
    assert values(lines, "libraries") == ["requirements.lock md5 " + "2" * 32]
    assert values(lines, "code") == ["src/train.py md5 " + "1" * 32]
    assert any("v0.1.0 is in prod (promote): nothing answers yet" in one for one in lines)
    path = "metrics/evaluate/evaluation.json"
    metrics = git(Path.cwd(), "show", f"{release.commit}:{path}").encode()
    assert values(lines, "figures") == [f"{path} sha256 {hashlib.sha256(metrics).hexdigest()}"]


def test_the_origin_is_found_where_the_bundle_is_not_beside_the_route(log):
    before = lineage_lines(PROD, "payment-1", log)
    shutil.rmtree("serving")
    assert lineage_lines(PROD, "payment-1", log) == before


def test_what_can_t_be_found_is_said(log):
    assert values(lineage_lines(PROD, "payment-2", log), "release") == [
        "not found: no release of model has the bundle " + "0" * 12
    ]
    for path in ("serving", ".dvc/cache", "models"):
        shutil.rmtree(path)
    lines = lineage_lines(PROD, "payment-1", log)
    assert values(lines, "origin")[0].startswith("not found: the bundle of commit")
    assert values(lines, "commit")


def test_rotated_logs_are_read_and_the_newest_line_counts(log):
    with gzip.open("decisions.log-20250101.gz", "wt", encoding="utf-8") as file:
        file.write(line("payment-0", version="1" * 12) + "\n")
    assert logged("payment-0", log)["service.version"] == "1" * 12
    write(log, line("twice", "2026-01-01"), line("twice", "2026-01-02"), '{"cut": ', line("other twice"))
    assert logged("twice", log)["@timestamp"] == "2026-01-02"


@pytest.mark.parametrize("request_id", ["payment-3", "payment", "", '"', "é"])
def test_a_request_that_is_not_logged_is_refused(log, request_id):
    with pytest.raises(PipelineError, match="no line of the request"):
        logged(request_id, log)
