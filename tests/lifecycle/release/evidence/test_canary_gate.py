"""A step of the canary, seen passing, waiting, refusing, and not knowing."""

import numpy as np
import pandas as pd
import pytest

from lifecycle.release.evidence.arm_records import ArmRecords
from lifecycle.release.evidence.canary_gate import canary_gate
from lifecycle.release.evidence.gate_result import GateResult
from tests.lifecycle.release.evidence.helpers_arms import START, log_of, records, release_params

HOUR = pd.Timedelta(hours=1)


def traffic(share: float = 0.05, requests: int = 12_000, seed: int = 1) -> pd.DataFrame:
    """Return requests of both arms of an hour, of entities with three requests each on average."""
    rng = np.random.default_rng(seed)
    place = rng.random(requests // 3)[rng.integers(0, requests // 3, requests)]
    score = rng.beta(0.3, 3, requests)
    table = pd.DataFrame({"time": START + HOUR * np.arange(requests) / requests, "place": place, "score": score})
    table["arm"] = np.where(place < share, "challenger", "champion")
    table["status"], table["milliseconds"] = 200, rng.lognormal(1, 0.5, requests)
    return table.assign(alert=(table["score"] > 0.6).astype(float))


def judged(table: pd.DataFrame, share: float = 0.05, after: pd.Timedelta = HOUR, **canary) -> GateResult:
    params = release_params(canary=canary)
    return canary_gate(params, ArmRecords(table, table, {}), share, (START, START + after))


def of_challenger(table: pd.DataFrame, share: float = 1.0) -> pd.Series:
    chosen = np.random.default_rng(9).random(len(table)) < share
    return (table["arm"] == "challenger") & chosen


def test_a_sound_challenger_passes_with_a_figure_and_a_limit_for_each_check():
    found = judged(traffic())
    assert found.state == "passes"
    names = ["errors", "answers above 100 ms", "share", "scores that are no numbers", "alerts", "scores"]
    assert [check.name for check in found.checks] == names
    assert all(check.figure is not None and check.limit is not None for check in found.checks)
    assert found.checks[0].limit == pytest.approx(0.001 / 3 / 2 / 6)  # steps, first look, figures


FAULTS = {
    "errors": lambda table: table.assign(status=table["status"].mask(of_challenger(table, 0.03), 500)),
    "answers above 100 ms": lambda table: table.assign(
        milliseconds=table["milliseconds"].mask(of_challenger(table, 0.05), 250.0)
    ),
    "share": lambda table: table[table["place"] > 0.02],
    "scores that are no numbers": lambda table: table.assign(score=table["score"].mask(of_challenger(table, 0.03))),
    "alerts": lambda table: table.assign(alert=table["alert"].mask(of_challenger(table, 0.2), 1.0)),
    "scores": lambda table: table.assign(score=table["score"].mask(of_challenger(table), table["score"] + 0.2)),
}


@pytest.mark.parametrize("name", FAULTS)
def test_a_fault_of_the_challenger_is_refused_by_its_check(name):
    found = judged(FAULTS[name](traffic(requests=20_000)))
    assert found.state == "refuses"
    assert name in [check.name for check in found.checks if check.state == "refuses"]
    assert all("the limit is" in reason for reason in found.reasons)


def test_the_same_faults_of_both_arms_are_none_of_the_challenger():
    table = traffic()
    bad = np.random.default_rng(2).random(len(table)) < 0.05
    found = judged(table.assign(status=np.where(bad, 503, 200), milliseconds=np.where(bad, 900.0, 3.0)))
    assert found.state == "passes"


def test_another_model_may_score_and_alert_somewhat_otherwise():
    table = traffic(share=0.25, requests=40_000)
    score = table["score"].mask(of_challenger(table), table["score"] ** 1.05)
    alert = table["alert"].mask(of_challenger(table, 0.01), 1.0)
    assert judged(table.assign(score=score, alert=alert), share=0.25).state == "passes"


def test_it_waits_for_minutes_and_for_requests():
    assert judged(traffic(), after=HOUR / 4).reasons == ["15.0 minutes of this step, 30 are needed."]
    few = judged(traffic(requests=3000))
    assert few.state == "waits"
    assert "requests of the challenger, 500 are needed" in few.reasons[0]


@pytest.mark.parametrize("arm", ["champion", "challenger"])
def test_no_request_of_an_arm_is_unknown_and_never_health(arm):
    table = traffic()
    found = judged(table[table["arm"] != arm])
    assert found.state == "unknown"
    assert found.reasons == [f"No request of the {arm} in 60.0 minutes: no data is no health."]
    assert judged(table[:0]).state == "unknown"
    assert judged(table[:0], after=HOUR / 4).state == "waits"


def test_an_arm_without_a_score_is_unknown():
    table = traffic()
    found = canary_gate(
        release_params(), ArmRecords(table, table[table["arm"] == "champion"], {}), 0.05, (START, START + HOUR)
    )
    assert found.state == "unknown"


def test_between_two_looks_nothing_changes():
    """Asking again and again is not looking again: chance gets no further try."""
    table = traffic(requests=30_000)  # the challenger's 1,000th request comes after two thirds of the hour
    assert judged(table, after=HOUR * 0.75) == judged(table, after=HOUR * 0.95)
    later = table.assign(status=table["status"].mask((table["time"] > START + HOUR * 0.75) & of_challenger(table), 500))
    assert judged(later, after=HOUR * 0.95).state == "passes"


def test_in_the_last_step_the_champion_is_what_answered_before():
    table = traffic(share=0.25, requests=20_000)
    table["time"] -= HOUR
    last = traffic(share=1.0, requests=8000, seed=2)
    assert (last["arm"] == "challenger").all()
    both = pd.concat([table, last], ignore_index=True)
    found = judged(both, share=1.0)
    assert found.state == "passes"
    assert "share" not in [check.name for check in found.checks]
    broken = both.assign(status=both["status"].mask((both["time"] >= START) & of_challenger(both, 0.03), 500))
    assert judged(broken, share=1.0).state == "refuses"
    assert judged(last, share=1.0).state == "unknown"


def test_it_reads_the_log_of_the_service():
    table = traffic(requests=3000)
    lines = log_of(table["arm"].to_numpy(), table["place"].to_numpy(), table["score"].to_numpy())
    params = release_params(canary={"min_requests": 100})
    assert canary_gate(params, records(lines), 0.05, (START, START + HOUR)).state == "passes"
    failing = [500 if arm == "challenger" and row % 5 == 0 else 200 for row, arm in enumerate(table["arm"])]
    fields = {"http.response.status_code": failing}
    lines = log_of(table["arm"].to_numpy(), table["place"].to_numpy(), table["score"].to_numpy(), **fields)
    assert canary_gate(params, records(lines), 0.05, (START, START + HOUR)).state == "refuses"


def test_after_a_shadow_the_scores_are_held_against_the_challenger_s_own():
    table = traffic()
    other = table.assign(score=table["score"].mask(of_challenger(table), table["score"] ** 0.5))
    assert [check.name for check in judged(other).checks if check.state == "refuses"] == ["scores"]
    shadow = traffic(seed=5).assign(arm="shadow")
    shadow = shadow.assign(time=shadow["time"] - 2 * HOUR, score=shadow["score"] ** 0.5)
    both = pd.concat([shadow, other], ignore_index=True)
    found = judged(both)
    assert found.state == "passes"
    assert "than those of its shadow" in found.checks[-1].sentence
    changed = pd.concat([shadow.assign(score=shadow["score"] ** 4), other], ignore_index=True)
    assert judged(changed).state == "refuses"
