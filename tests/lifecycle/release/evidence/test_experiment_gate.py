"""The gate of an A/B test, seen passing, waiting and refusing."""

import numpy as np
import pandas as pd
import pytest

from lifecycle.release.evidence.arm_records import ArmRecords
from lifecycle.release.evidence.experiment_gate import Guard, experiment_gate, experiment_result, trial_of
from lifecycle.release.evidence.gate_result import GateResult
from lifecycle.release.evidence.sequential_test import Trial
from lifecycle.release.evidence.shadow_gate import Span
from lifecycle.splits.time_windows import DAY
from tests.lifecycle.release.evidence.helpers_arms import START, release_params

PARAMS = release_params(ab={"effect": 0.1})
QUIET = {"errors": Guard(np.full(28, 3), np.full(28, 3))}


def counts(rates: tuple[float, float], days: int, share: float = 0.5, a_day: int = 2000) -> Trial:
    """Return the counts that rates give without any chance."""
    challenger = np.full(days, int(a_day * share))
    champion = a_day - challenger
    return Trial(champion, (champion * rates[0]).astype(int), challenger, (challenger * rates[1]).astype(int))


def judged(trial: Trial, guards: dict[str, Guard] | None = None) -> GateResult:
    return experiment_result(PARAMS.ab, trial, QUIET if guards is None else guards)


def test_a_higher_rate_passes_and_a_lower_one_is_refused():
    higher, lower = (judged(counts(rates, 25)) for rates in ((0.1, 0.12), (0.12, 0.1)))
    assert higher.state == "passes"
    assert "that it is higher, and 20 decides." in higher.checks[-1].sentence
    assert lower.state == "refuses"
    assert "that it is lower, and 20 decides." in lower.reasons[0]
    assert lower.checks[-1].figure >= lower.checks[-1].limit == pytest.approx(20)


def test_equal_rates_wait_with_the_outlook_and_are_refused_on_the_last_day():
    waiting = judged(counts((0.1, 0.1), 10))
    assert waiting.state == "waits"
    assert "an effect of 10% takes 27 days, and 28 are the most" in waiting.reasons[0]
    assert judged(counts((0.1, 0.1), 28)).state == "refuses"


def test_lost_entities_end_a_test_whatever_its_rates_say():
    trial = counts((0.1, 0.14), 20)
    lost = trial._replace(challenger=trial.challenger - 100)
    found = judged(lost)
    assert found.state == "refuses"
    assert "18,000 of 38,000 entities met the challenger, 0.5 should" in found.reasons[0]


def test_a_guard_beyond_its_margin_ends_a_test():
    found = judged(counts((0.1, 0.14), 20), {"errors": Guard(np.full(20, 3), np.full(20, 9))})
    assert found.state == "refuses"
    assert found.reasons[0].startswith("errors: 180 entities of the challenger and 60 of the champion: e = ")
    assert "more than 20% more frequent" in found.reasons[0]


def logged(days: int, rates: tuple[float, float], failing: float = 0.0) -> tuple[ArmRecords, pd.DataFrame]:
    """Return the log of a test with 400 records a day, of entities with two records each."""
    rng, size = np.random.default_rng(0), 400 * days
    place = np.tile(rng.random(size // 2), 2)
    table = pd.DataFrame({"place": place, "request_id": [f"r{row}" for row in range(size)], "row": 0, "score": 0.5})
    table["time"] = START + days * DAY * np.argsort(np.argsort(np.arange(size) % (size // 2), kind="stable")) / size
    arm = place < 0.5
    table["arm"], table["alert"] = np.where(arm, "challenger", "champion"), 0.0
    table["status"] = np.where((rng.random(size) < failing) & arm, 500, 200)
    table["milliseconds"] = 2.0
    table = table.sort_values("time", kind="stable", ignore_index=True)
    chance = np.where(table["arm"] == "challenger", rates[1], rates[0])
    labels = table[["request_id", "row"]].assign(bought=(rng.random(size) < chance).astype(int))
    return ArmRecords(table, table, {}), labels


def gate(found: ArmRecords, labels: pd.DataFrame, days: float) -> GateResult:
    return experiment_gate(PARAMS, found, labels, "bought", 1.0, (START, START + days * DAY))


def test_it_reads_the_log_and_an_entity_counts_once():
    found, labels = logged(20, (0.3, 0.45))
    trial = trial_of(found, labels, "bought", Span(START, 20))
    assert trial.champion.sum() + trial.challenger.sum() == 20 * 200
    assert trial.challenger_hits.sum() / trial.challenger.sum() == pytest.approx(0.45, abs=0.03)
    assert gate(found, labels, 21).state == "passes"


def test_errors_and_slow_answers_guard_it():
    found, labels = logged(20, (0.3, 0.45), failing=0.1)
    assert [check.name for check in gate(found, labels, 21).checks if check.state == "refuses"] == ["errors"]
    slow = found.requests.assign(
        milliseconds=found.requests["milliseconds"].mask(found.requests["status"] == 500, 300.0)
    )
    slower = gate(ArmRecords(slow.assign(status=200), found.records, {}), labels, 21)
    assert [check.name for check in slower.checks if check.state == "refuses"] == ["slow answers"]


def test_it_waits_for_labels_and_without_an_arm_it_knows_nothing():
    found, labels = logged(5, (0.3, 0.3))
    assert gate(found, labels, 1.5).reasons == ["No whole day with labels yet: a label takes 1 days."]
    one = ArmRecords(*(table[table["arm"] == "champion"] for table in found[:2]), {})
    assert gate(one, labels, 6).state == "unknown"
