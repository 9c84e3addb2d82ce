"""The drift benchmark: its worlds and faults in small, and how alarms are counted."""

from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from benchmarks.drift import counting, faults, results, tables, usual_defaults, worlds
from benchmarks.drift.counting import days_on, found_on, interval, judged, weeks_on
from benchmarks.drift.faults import KINDS, Kind
from benchmarks.drift.worlds import END, WATCH, WEEK, Delivery, World
from tests.helpers_benchmarks import two_trees

SEED = 1_002  # the column that breaks in it is the amount
SMALL = {"CUSTOMERS": 150, "HELD_BACK": 75, "TERMINALS": 300}
START = results.start_of(SEED)


@pytest.fixture(scope="module")
def world() -> Iterator[World]:
    with pytest.MonkeyPatch.context() as patch:
        for module in (worlds, faults):
            for name, value in SMALL.items():
                patch.setattr(module, name, value)
        yield worlds.made(SEED, two_trees())


def kind_named(name: str) -> Kind:
    return next(kind for kind in KINDS if kind.name == name)


@pytest.fixture
def twin(world: World):
    def changed(name: str, place: int) -> Delivery:
        kind = kind_named(name)
        return kind.deliveries(world, START, kind.sizes[place])

    return changed


def test_what_is_computed_again_is_what_was_computed_at_first(world: World) -> None:
    again = worlds.seen_again(world, world.source, START)
    pd.testing.assert_frame_equal(again.table, world.seen.table.reset_index(drop=True))
    assert again.rejected.empty


@pytest.mark.parametrize("name", [kind.name for kind in KINDS])
def test_a_change_begins_on_its_day_and_twins_share_their_draws(world: World, twin, name: str) -> None:
    first, second = twin(name, 2), twin(name, 2)
    pd.testing.assert_frame_equal(first.records, second.records)
    before = first.records[first.day < START].reset_index(drop=True)[list(world.source.records)]
    calm = world.source.records[world.source.day < START].reset_index(drop=True)
    pd.testing.assert_frame_equal(before, calm, check_dtype=False)
    assert not first.records.equals(world.source.records)


@pytest.mark.parametrize("name", ["unit fault", "unseen category", "terminal waves", "new fraud mode"])
def test_a_larger_size_changes_what_a_smaller_one_changes_and_more(world: World, twin, name: str) -> None:
    columns = ["amount", "region", "is_fraud"]
    calm = world.source.records[columns]
    small, large = ((twin(name, place).records[columns] != calm).any(axis=1) for place in (1, 3))
    assert large[small].all()
    assert large.sum() > small.sum() > 0


@pytest.mark.parametrize("name", ["missing values", "unseen category", "schema change"])
def test_a_fault_that_breaks_the_contract_is_rejected_for_its_column(world: World, twin, name: str) -> None:
    seen = worlds.seen_again(world, twin(name, 3), START)
    assert set(seen.rejected["column"]) == {"region" if name == "unseen category" else "amount"}
    assert worlds.between(seen.table, START, END).empty
    assert seen.rejected["tx_time"].min() == worlds.FIRST + START * worlds.DAY
    assert seen.rejected["schema"].all() == (name != "unseen category")


def test_more_people_come_with_growth_alone(world: World, twin) -> None:
    records = twin("population growth", 3).records
    assert records["customer_id"].nunique() > world.source.records["customer_id"].nunique()
    assert records["tx_time"].is_monotonic_increasing
    assert records["transaction_id"].is_unique


def test_fewer_and_more_frauds_come_with_a_prior_shift(world: World, twin) -> None:
    frauds = [twin("prior shift", place).records["is_fraud"].sum() for place in range(4)]
    calm = world.source.records["is_fraud"].sum()
    assert frauds[1] < frauds[0] < calm < frauds[2] < frauds[3]


@pytest.mark.parametrize(
    ("changed", "calm", "day"),
    [
        ({12}, set(), 12),
        ({10}, set(), 10),
        ({9}, set(), None),  # before the change
        ({12}, {9}, 12),  # the twin's alarm is over
        ({12}, {11}, None),
        ({12}, {12}, None),
        ({12}, {13}, 12),
        (set(), set(), None),
    ],
)
def test_a_detection_counts_while_the_twin_is_silent(changed: set[int], calm: set[int], day: int | None) -> None:
    assert found_on(changed, calm, start=10) == day


def alarm(raised: int, **values: object) -> dict[str, object]:
    usual = {"class": "concept", "since": raised - 2, "until": raised, "suspects": ["amount"], "action": "retrain"}
    return {"raised": raised, **usual, **values}


def test_an_alarm_is_on_from_the_day_on_which_it_was_raised() -> None:
    assert days_on([alarm(5, until=7), alarm(20, until=14)]) == {5, 6, 7, 20}


def test_the_first_alarm_is_judged() -> None:
    kind = kind_named("moved threshold")
    alarms = [alarm(12, suspects=["hour"]), alarm(13, action="ticket")]
    assert judged(alarms, [], 10, kind) == counting.Detection(2, True, False, True)
    assert judged(alarms[1:], [], 10, kind) == counting.Detection(3, True, True, False)
    assert judged(alarms, [alarm(11)], 10, kind) is None


def test_weeks_are_counted_once_and_only_watched_ones() -> None:
    assert weeks_on({WATCH - 1, WATCH, WATCH + 1, WATCH + WEEK, END}) == 2


def test_the_interval_holds_the_share_and_narrows() -> None:
    (low, high), (lower, higher) = interval(3, 60), interval(30, 600)
    assert low < lower < 0.05 < higher < high
    assert interval(0, 0) == (0.0, 1.0)


def said(days: list[int], alarms: list[dict[str, object]]) -> dict[str, object]:
    return {"alarms": alarms, "days": {"other": days}, "seconds": {tables.OWN: 0.6, "other": 1.2}}


def test_the_tables_count_by_monitor_kind_and_size() -> None:
    quiet = {
        results.key_of(kind.name, size): said([], []) | {"recall": 0.0, "start": START}
        for kind in KINDS
        for size in kind.sizes
    }
    found = said([START + 3], [alarm(START + 8)]) | {"recall": -0.2, "start": START}
    world = {"calm": said([WATCH], []), "changed": quiet | {results.key_of("moved threshold", 170): found}}
    rows = [line.split(" | ") for line in tables.monitors_table([world], {"third": "no wheel"}).splitlines()[2:]]
    assert rows[0][1:5] == ["0.0 % (0.0 to 39.0)", "1 of 1", "1 of 24", "8"]
    assert rows[1][1:5] == ["16.7 % (3.0 to 56.4)", "1 of 1", "1 of 24", "3"]
    assert rows[2][1] == "not measured: no wheel"
    line = next(row for row in tables.kinds_table([world]).splitlines() if "170" in row)
    assert line.split(" | ")[2:8] == ["-20", "1 of 1", "8", "1 of 1", "1 of 1", "1 of 1"]
    assert [aim.met for aim in tables.aims([world])] == [True, False, True, True, True, True]


def test_a_fault_that_asks_to_retrain_misses_an_aim() -> None:
    faulty = {
        results.key_of(kind.name, size): said([], [alarm(START)]) | {"recall": 0.0, "start": START}
        for kind in KINDS
        for size in kind.sizes
    }
    assert not tables.aims([{"calm": said([], []), "changed": faulty}])[-1].met


def test_the_usual_detectors_are_silent_on_the_reference_and_see_a_shift(world: World) -> None:
    train = worlds.between(world.seen.table, worlds.TRAIN, worlds.LABELS)
    weeks = range(WATCH - worlds.TRAIN, END - worlds.TRAIN, WEEK)
    same = pd.concat([train.assign(tx_time=train["tx_time"] + shift * worlds.DAY) for shift in weeks])
    for name, detector in usual_defaults.USUAL.items():
        columns = ["amount"]
        shifted = same.assign(amount=same["amount"] * 10)
        assert len(detector.alarms(columns, world.seen.table, shifted)) == worlds.WATCHED_WEEKS, name
    assert usual_defaults.KolmogorovSmirnov().alarms(["amount"], world.seen.table, same) == set()
    assert usual_defaults.StabilityIndex().alarms(["amount"], world.seen.table, same) == set()


class Asked:
    """A detector that counts how often it is asked."""

    seconds = 0.0
    times = 0

    def alarms(self, names: list[str], calm: pd.DataFrame, watched: pd.DataFrame) -> set[int]:
        self.times += 1
        return {WATCH}


def test_a_run_goes_on_where_it_was_cut(world: World, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(worlds, "made", lambda seed, params: world)
    monkeypatch.setattr(results, "KINDS", KINDS[:1])
    detector = Asked()
    settings = results.Settings(two_trees(), {"asked": detector}, tmp_path)
    first = results.of_world(SEED, True, settings)
    assert first["calm"]["days"] == {"asked": [WATCH]}
    assert len(first["changed"]) == len(KINDS[0].sizes)
    assert np.isfinite(first["calm"]["seconds"][results.OWN])
    watched = settings.params.monitor.model_copy(update={"seed": 1})
    others = settings._replace(params=settings.params.model_copy(update={"monitor": watched}))
    assert results.of_world(SEED, True, others)["calm"]["days"] == first["calm"]["days"]
    assert detector.times == 1 + len(KINDS[0].sizes)  # not again: the world is the same
    monkeypatch.setattr(worlds, "made", lambda seed, params: pytest.fail("made again"))
    assert results.of_world(SEED, True, others)["changed"].keys() == first["changed"].keys()
    with pytest.raises(pytest.fail.Exception):
        results.of_world(SEED, True, settings)
