"""Which gate stands in front of which step, and that a step does not pass one that does not open."""

import json

import pandas as pd
import pytest

from lifecycle.core.errors import PipelineError
from lifecycle.core.params import Params, load_params
from lifecycle.release import release_gates
from lifecycle.release.evidence.arm_records import read_arms
from lifecycle.release.evidence.gate_result import Check, gate_result
from lifecycle.release.registry.entry_drafts import Act
from lifecycle.release.registry.ledger_entry import Person
from lifecycle.release.registry.release_steps import Place, take_step
from lifecycle.release.release_gates import Candidate, Sources, check_gate, experiment_plan, step_gate
from tests.graph import ROOT
from tests.lifecycle.release.registry.helpers_registry import ANN, ledger

NOW = pd.Timestamp("2026-03-02")
PASSES = Check("errors", 0.5, 0.01, "passes", "No more than chance.")
PROD, NO_LOG = Place("prod"), Sources(None, None, NOW, NOW)


def candidate(number: str = "v0.2.0", sources: Sources = NO_LOG) -> Candidate:
    params: Params = load_params(ROOT / "params.yaml")
    return Candidate(number, "prod", ledger(), sources, params)


def take(step: str, number: str = "v0.2.0", share: float = 0.0) -> None:
    take_step(PROD, step, number, Act(Person(*ANN), "to see", share=share))


@pytest.mark.parametrize("state", ["refuses", "waits", "unknown"])
def test_what_does_not_pass_is_told_with_its_sentences(state):
    found = gate_result([PASSES, Check("alerts", 0.001, 0.01, state, "Alerts: 9 in 10, p = 0.001, the limit is 0.01.")])
    with pytest.raises(PipelineError, match=r"Alerts: 9 in 10, p = 0\.001, the limit is 0\.01"):
        check_gate("canary", "v0.2.0", found)


def test_what_passes_is_kept_with_figures_and_limits():
    assert check_gate("canary", "v0.2.0", gate_result([PASSES])) == [PASSES._asdict()]
    assert check_gate("reject", "v0.2.0", None) == []


def test_a_version_whose_offline_gate_was_not_asked_is_not_tried(repository):
    found = step_gate("shadow", candidate())
    assert found.state == "unknown"


def test_taking_back_asks_nothing(repository):
    assert step_gate("reject", candidate()) is None
    take("shadow")
    assert step_gate("reject", candidate()) is None


def test_the_shadow_s_and_the_canary_s_gate_need_a_log_and_say_so(repository):
    take("shadow")
    with pytest.raises(PipelineError, match="--log FILE"):
        step_gate("canary", candidate())
    take("canary", share=0.05)
    with pytest.raises(PipelineError, match="--log FILE"):
        step_gate("promote", candidate())


def test_a_canary_is_not_promoted_before_its_last_share(repository, tmp_path):
    log = tmp_path / "decisions.jsonl"
    log.write_bytes(b"")
    take("shadow")
    take("canary", share=0.25)
    found = step_gate("promote", candidate(sources=Sources(log, None, NOW, NOW + pd.Timedelta(hours=1))))
    assert "It answers 25%; 100% has to be watched before: release.canary.steps." in found.reasons


def test_an_experiment_may_begin_while_the_shadow_waits_but_not_against_it(repository, monkeypatch):
    take("shadow")
    for state, allowed in (("waits", "passes"), ("refuses", "refuses"), ("unknown", "unknown")):
        shown = gate_result([Check("better", 2.0, 20.0, state, "e = 2, and 20 decides.")])
        monkeypatch.setattr(release_gates, "_shadow", lambda _, shown=shown: shown)
        assert step_gate("ab", candidate()).state == allowed


def test_the_present_state_began_when_the_registry_says(repository):
    take("shadow")
    since = candidate(sources=Sources(None, None, None, None)).since
    assert abs(since - pd.Timestamp.now("UTC").tz_localize(None)) < pd.Timedelta(minutes=5)


def test_the_versions_of_the_log_are_those_of_the_two_releases(repository, tmp_path, monkeypatch):
    asked = []
    monkeypatch.setattr(release_gates, "read_arms", lambda lines, *rest: asked.append(rest) or read_arms(lines, *rest))
    log = tmp_path / "decisions.jsonl"
    log.write_bytes(b"")
    take("shadow")
    candidate(sources=Sources(log, None, NOW, NOW)).arms()
    first, second = (release.version for release in ledger().releases.values())
    assert asked[0][:2] == (first, second)


def test_a_plan_comes_from_what_the_champion_has_brought_about(repository, tmp_path, monkeypatch):
    take("shadow")
    first = ledger().release("v0.1.0").version
    times = [NOW - pd.Timedelta(days=20) + pd.Timedelta(hours=number / 10) for number in range(2400)]
    log, labels = tmp_path / "decisions.jsonl", tmp_path / "labels.csv"
    lines = [
        {"@timestamp": f"{time.isoformat()}Z", "event.action": "predict", "http.request.id": f"r{number}",
         "http.response.status_code": 200, "event.duration": 1, "service.version": first, "decision.arm": "champion",
         "decision.places": [number / 2400], "decision.scores": [0.1], "decision.alerts": [False]}
        for number, time in enumerate(times)
    ]  # fmt: skip
    log.write_text("".join(json.dumps(line) + "\n" for line in lines), encoding="utf-8")
    rows = "".join(f"r{number},{int(number % 4 == 0)}\n" for number in range(2400))
    labels.write_text(f"request_id,is_fraud\n{rows}", encoding="utf-8")
    found, needed = experiment_plan(candidate(sources=Sources(log, labels, NOW, NOW)))
    assert found == "600 of 2,400 entities were a success (25.00%) on 10 days"
    assert "at a false-promotion rate of 5%" in needed and "28 are allowed" in needed
    with pytest.raises(PipelineError, match="0 of 0 entities"):
        experiment_plan(candidate(sources=Sources(log, labels, NOW, NOW + pd.Timedelta(days=90))))
