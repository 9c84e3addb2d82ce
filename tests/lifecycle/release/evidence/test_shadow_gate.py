"""The shadow's gate, seen passing, waiting and refusing."""

import numpy as np
import pandas as pd

from lifecycle.evaluation.tasks.registry import task_of
from lifecycle.problem.loading import load_problem
from lifecycle.release.evidence.arm_records import ArmRecords
from lifecycle.release.evidence.gate_result import GateResult
from lifecycle.release.evidence.shadow_gate import matured, pairs_of, shadow_gate
from lifecycle.splits.time_windows import DAY
from tests.lifecycle.release.evidence.helpers_arms import START, line, records, release_params

TASK = task_of(load_problem("transactions"))
DELAY = 7.0


def shadowed(wins: int, losses: int, days: int, seed: int = 0) -> tuple[ArmRecords, pd.DataFrame]:
    """Return days of 100 frauds, of which each model alone catches so many, and the two 80 together.

    Each has a hundred alerts a day: what is left of them are false.
    """
    rng, size = np.random.default_rng(seed), 200 * days
    place = np.tile(np.arange(200), days)
    fraud = place < 100
    by_champion, by_challenger = (
        (place < 80) & ~((first <= place) & (place < end)) | (fraud < (place < 120 + end - first))
        for first, end in ((0, wins), (wins, wins + losses))
    )
    time = START + pd.to_timedelta(np.arange(size) * 86_400 / 200, unit="s")
    table = pd.DataFrame({"time": time, "request_id": [f"r{row}" for row in range(size)], "row": 0})
    table["place"] = rng.random(size)
    parts = []
    for arm, hit in (("champion", by_champion), ("shadow", by_challenger)):
        alert = hit.astype(float)
        parts.append(table.assign(arm=arm, score=alert / 2 + rng.random(size) / 4, alert=alert, code=np.nan))
    labels = table[["request_id", "row"]].assign(is_fraud=fraud.astype(int))
    found = pd.concat(parts, ignore_index=True)
    return ArmRecords(found, found, {}), labels


def judged(found: ArmRecords, labels: pd.DataFrame, after: float, since: pd.Timestamp = START, **shadow) -> GateResult:
    params = release_params(shadow=shadow)
    return shadow_gate(params, found, labels, TASK, DELAY, (since, START + after * DAY))


def test_a_better_challenger_passes_with_its_figures_and_the_limit():
    found = judged(*shadowed(12, 2, 20), after=20)
    assert found.state == "passes"
    check = found.checks[-1]
    assert check.figure >= check.limit == 20
    assert "+10.0% of all 1,300: e = " in check.sentence
    assert check.sentence.endswith("that it is better, and 20 decides.")


def test_a_worse_challenger_is_refused_with_the_figure_and_the_limit():
    found = judged(*shadowed(2, 12, 20), after=20)
    assert found.state == "refuses"
    assert "worse, and 20 decides; the champion stays" in found.reasons[0]
    assert found.checks[-1].figure >= 20


def test_an_equal_challenger_waits_and_is_refused_on_the_last_day():
    found, labels = shadowed(5, 5, 30)
    waiting = judged(found, labels, after=30)
    assert waiting.state == "waits"
    assert waiting.reasons[0].endswith("and 20 decides; more days may tell.")
    last = judged(found, labels, after=30, max_days=23)
    assert last.state == "refuses"
    assert "the champion stays" in last.reasons[0]


def test_labels_younger_than_the_delay_never_count():
    found, labels = shadowed(12, 2, 20)
    assert judged(found, labels, after=13.9).state == "waits"
    assert judged(found, labels, after=13.9).reasons == [
        "6 whole days with labels, 7 are needed: a label takes 7 days."
    ]
    young = labels["request_id"].str[1:].astype(int) >= 200 * 8
    wrong = labels.assign(is_fraud=labels["is_fraud"].where(~young, 1 - labels["is_fraud"]))
    assert judged(found, labels, after=15) == judged(found, wrong, after=15)


def test_what_was_enough_on_a_day_stays_enough():
    found, _ = shadowed(12, 2, 10)
    later, more = shadowed(0, 12, 20, seed=1)  # then it becomes worse, but it has been promoted
    changed = later.records[later.records["time"] >= START + 10 * DAY]
    both = pd.concat([found.records, changed], ignore_index=True)
    joined = ArmRecords(both, both, {})
    first = judged(joined, more, after=17)
    assert first.state == "passes"
    assert judged(joined, more, after=27).checks[-1][:4] == first.checks[-1][:4]


def test_no_data_is_unknown_and_never_health():
    found, labels = shadowed(12, 2, 20)
    nobody = ArmRecords(found.requests, found.records[found.records["arm"] == "champion"], {})
    assert judged(nobody, labels, after=20).state == "unknown"
    half = found.records[(found.records["arm"] == "champion") | (found.records.index % 2 == 0)]
    assert judged(ArmRecords(half, half, {}), labels, after=20).state == "unknown"
    assert judged(found, labels[:0], after=20).state == "unknown"
    assert judged(ArmRecords(found.requests, found.records[:0], {}), labels, after=20).state == "unknown"


def test_it_reads_the_log_of_the_service():
    found, labels = shadowed(12, 2, 8)
    lines = [
        line(row.time, row.arm, row.request_id, row.place, row.score, **{"decision.alerts": [row.alert == 1]})
        for row in found.records.itertuples()
    ]
    assert judged(records(lines), labels, after=15).checks == judged(found, labels, after=15).checks


def test_only_whole_days_are_seen_and_a_repeated_id_counts_once():
    found, labels = shadowed(12, 2, 10)
    span = matured(START + pd.Timedelta(hours=1), START + 10 * DAY, DELAY)
    assert (span.first, span.days) == (START + DAY, 2)
    twice = pd.concat([found.records, found.records], ignore_index=True)
    pairs = pairs_of(ArmRecords(twice, twice, {}), labels, "is_fraud", span)
    assert pairs.records == len(pairs.table) == 400
    assert pairs.table["day"].unique().tolist() == [0, 1]


def test_frauds_of_the_same_cards_wait_longer():
    found, labels = shadowed(12, 2, 20)
    records = found.records.assign(
        place=found.records["request_id"].str[1:].astype(int) % 200
    )  # the same cards each day
    single = judged(ArmRecords(records, records, {}), labels, after=20)
    assert single.state == "waits"  # 12 to 2 cards, however often they come
    assert "12 to 2" in single.checks[-1].sentence
