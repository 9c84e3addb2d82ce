"""The command: it says what it would do, and does it on a branch whose commit holds the whole new version."""

import json

import pandas as pd
import pytest

from problems.generators.card_simulator import simulate
from tests.conftest import run, set_params

RETRAIN = "python -c \"import sys; sys.path.insert(0, 'src'); from lifecycle.core.errors import run;"
RETRAIN += ' from lifecycle.release.retraining.retraining import retrain; run(lambda: retrain(sys.argv[1:]))" '
DRIFT = {
    "class": "concept", "size": 2.0, "since": "2018-06-20", "raised": "2018-06-27", "until": "2018-07-01",
    "suspects": ["amount"], "cut": None, "action": "retrain", "reason": "the meaning has changed", "open": True,
}  # fmt: skip


def weeks(days):
    """Return records of the days that follow the 84 of the reduced table."""
    table = simulate(400, 1200, days, 1)
    table["tx_time"] += pd.Timedelta(84, "D")
    return table.assign(transaction_id=table["transaction_id"] + 10_000_000)


@pytest.mark.nightly
def test_a_drift_leads_to_a_version_on_a_branch_and_age_and_faults_do_not(workspace):
    new, findings = workspace / "records-2018-06-24.parquet", workspace / "found"
    weeks(14).to_parquet(new)
    findings.mkdir()
    (findings / "alarms.json").write_text(json.dumps({"alarms": []}))
    command = f"{RETRAIN} --new {new.name} --findings found"

    waits = run(command, workspace, fails=True)
    assert "wait: the training window would end 21 days later, release.retrain.every_days = 28" in waits.stdout
    fault = {**DRIFT, "class": "quality", "action": "page"}
    (findings / "alarms.json").write_text(json.dumps({"alarms": [DRIFT, fault]}))
    assert "fault: an alarm of class quality" in run(command, workspace, fails=True).stdout
    (findings / "alarms.json").write_text(json.dumps({"alarms": [DRIFT]}))
    assert "retrain: an alarm of class concept" in run(f"{command} --dry-run", workspace).stdout
    assert run("git branch --list 'retrain/*'", workspace).stdout == ""

    loose = {"max_recall_difference": "1.0", "max_false_positive_ratio": "1e9", "max_calibration_ratio": "1e9"}
    set_params(workspace, margin="0.9", **loose)
    run("git commit -qam 'A gate that a small table can pass'", workspace)
    head = run("git rev-parse HEAD", workspace).stdout
    done = run(command, workspace)
    result = json.loads((workspace / "report/retraining.json").read_text())
    assert result["branch"] == "retrain/2018-06-24"
    assert result["passes"] is True
    assert "Compared record by record" in (workspace / "report/comment.md").read_text()
    assert run("git rev-parse HEAD", workspace).stdout == head, done.stdout
    assert run("git status --porcelain --untracked-files=no", workspace).stdout == ""

    run(f"git checkout -q {result['branch']} && dvc checkout -q", workspace)
    assert run("dvc status", workspace).stdout.strip() == "Data and pipelines are up to date."
    train = pd.read_parquet(workspace / "data/splits/train.parquet", columns=["tx_time"])
    assert str(train["tx_time"].max().date()) == "2018-06-23"
    assert (workspace / "data/source/0-simulated.parquet").is_file()


@pytest.mark.nightly
def test_a_version_whose_run_fails_leaves_nothing(workspace):
    new, findings = workspace / "records-2018-06-24.parquet", workspace / "found"
    weeks(14).to_parquet(new)
    findings.mkdir()
    (findings / "alarms.json").write_text(json.dumps({"alarms": [DRIFT]}))
    set_params(workspace, must_beat_baselines="true", n_estimators="1", max_depth="1")
    run("git commit -qam 'A model that can not win'", workspace)
    done = run(f"{RETRAIN} --new {new.name} --findings found", workspace, fails=True)
    assert "failed on the new records, see above; nothing was kept" in done.stderr
    assert run("git branch --list 'retrain/*'", workspace).stdout == ""
    assert list((workspace / "data/source").glob("*.parquet")) == []
