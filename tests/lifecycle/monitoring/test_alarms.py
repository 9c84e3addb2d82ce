"""Alarms: from ratios by day to what is to be done, once each, and as soon as it is known."""

import json
from itertools import pairwise

import numpy as np
import pytest

from lifecycle.monitoring.alarms import BUDGET_DAYS, as_json, find_alarms
from lifecycle.monitoring.signals import signals
from lifecycle.splits.time_windows import DAY
from tests.lifecycle.monitoring.helpers_streams import (
    DAYS,
    FEATURES,
    START,
    altered,
    counted,
    kept,
    options,
    reference,
    refused,
    stream,
)  # fmt: skip

CALM = stream(days=90)
COUNTS = counted(CALM)


def raised(delay_days=0.0, given=None, **days):
    """Return the alarms where classes are at some days beyond their limit: by day the ratio, at first 0."""
    found = signals(COUNTS, reference())
    by_name = (found.quality, found.covariate, found.score, found.loss_parts)
    for ratio in (*(ratio for ratios in by_name for ratio in ratios.values()), found.volume, found.loss):
        ratio[:] = 0.0
    found = found._replace(schema={"amount": np.zeros(COUNTS.days)})
    own = {
        "schema": found.schema["amount"], "quality": found.quality["amount"], "covariate": found.covariate["age"],
        "score": found.score["score"], "volume": found.volume, "loss": found.loss,
    }  # fmt: skip
    for kind, ratios in days.items():
        for day, ratio in ratios.items():
            own[kind][day] = ratio
            for part in found.loss_parts.values() if kind == "loss" else ():
                part[day] = np.nan if np.isnan(ratio) else 0.0
    return find_alarms(found, COUNTS, reference(), given or options(), delay_days, "is_bad")


def on(*days, size=1.5):
    """Return the same ratio on some days."""
    return dict.fromkeys(days, size)


def persistence(**changes):
    return options(persistence=options().persistence | changes)


def days_of(alarm):
    return tuple(int((when - START) / DAY) for when in (alarm.since, alarm.raised, alarm.until))


def test_where_nothing_is_beyond_its_limit_there_is_no_alarm():
    assert raised() == []
    assert raised(covariate=on(3, 4, size=1.0)) == []


@pytest.mark.parametrize(("least", "expected"), [(1, (3, 3, 5)), (2, (3, 4, 5)), (3, (3, 5, 5)), (4, None)])
def test_an_alarm_waits_for_so_many_days_in_a_row(least, expected):
    found = raised(given=persistence(covariate=least), covariate=on(3, 4, 5))
    assert [days_of(alarm) for alarm in found] == ([] if expected is None else [expected])


def test_days_that_are_not_in_a_row_do_not_add_up():
    assert raised(given=persistence(covariate=2), covariate=on(3, 5, 7, 9)) == []


@pytest.mark.parametrize(("second", "alarms"), [(9, 1), (16, 1), (17, 2)])
def test_runs_with_less_than_a_window_between_them_are_one_alarm(second, alarms):
    found = raised(covariate=on(8, 10, second))
    assert len(found) == alarms
    assert days_of(found[0])[:2] == (8, 8)
    assert days_of(found[-1])[2] == max(second, 10)


def test_an_alarm_has_the_size_of_the_day_on_which_it_was_raised():
    found = raised(given=persistence(covariate=2), covariate={3: 1.1, 4: 1.7, 5: 9.0})
    assert [alarm.size for alarm in found] == [1.7]


def test_an_alarm_is_open_while_the_last_day_is_beyond():
    assert [alarm.open for alarm in raised(covariate=on(3, 88, 89), score=on(88))] == [False, True, False]


def test_a_day_of_which_nothing_is_known_neither_counts_nor_ends_a_run():
    gap = persistence(performance=3, volume=2)
    found = raised(given=gap, loss={4: 1.5, 5: np.nan, 6: np.nan, 7: 1.5, 8: 1.5, 9: np.nan})
    assert [days_of(alarm) for alarm in found] == [(4, 8, 8)]
    unknown = dict.fromkeys(range(9, 90), np.nan)
    found = raised(given=gap, loss=on(4, 7, 8) | {5: np.nan, 6: np.nan} | unknown)
    assert [(days_of(alarm), alarm.open) for alarm in found] == [((4, 8, 8), True)]
    assert raised(given=gap, loss=on(7, 8) | unknown) == []
    assert raised(given=gap, volume=on(88) | {89: np.nan}) == []


def test_a_rise_of_the_loss_began_when_its_sum_left_zero():
    found = raised(loss={3: 0.4, 4: 0.0, 5: 0.3, 6: np.nan, 7: 0.8, 8: 1.2, 9: 1.5})
    assert [days_of(alarm) for alarm in found] == [(5, 8, 9)]
    assert days_of(raised(loss=dict.fromkeys(range(9), 0.5) | {9: 1.5})[0]) == (0, 9, 9)


def test_a_second_rise_of_the_loss_began_after_the_first():
    high = {5: 1.2, **dict.fromkeys(range(6, 20), 0.5), 20: 1.2}
    assert [days_of(alarm) for alarm in raised(loss=high)] == [(5, 5, 5), (6, 20, 20)]


@pytest.mark.parametrize(("delay", "late"), [(0.0, 0), (0.5, 1), (7.0, 7), (7.01, 8)])
def test_a_rise_of_the_loss_is_known_once_the_labels_of_its_day_are(delay, late):
    (found,) = raised(delay, loss=on(10, 11))
    assert days_of(found) == (10, 10 + late, 11)


@pytest.mark.parametrize(
    ("drift", "kind"),
    [
        ({}, "concept"),
        ({"covariate": on(20)}, "performance"),
        ({"score": on(20)}, "performance"),
        ({"quality": on(20)}, "concept"),
        ({"volume": on(20)}, "concept"),
        ({"covariate": on(13)}, "performance"),
        ({"covariate": on(12)}, "concept"),
        ({"covariate": on(27)}, "performance"),
        ({"covariate": on(28)}, "concept"),
    ],
)
def test_a_loss_that_rises_near_a_drift_is_performance_and_one_by_itself_a_concept(drift, kind):
    found = raised(10.0, loss=on(20, 21), **drift)
    assert [alarm.kind for alarm in found if alarm.kind in ("concept", "performance")] == [kind]


def test_a_drift_that_was_not_known_then_does_not_count():
    assert [alarm.kind for alarm in raised(2.0, loss=on(20), covariate=on(23))] == ["concept", "covariate"]
    assert [alarm.kind for alarm in raised(2.0, loss=on(20), covariate=on(22))] == ["covariate", "performance"]


ACTIONS = [
    {"class": "covariate", "size": 5.0, "action": "page", "because": "large"},
    {"class": "covariate", "first_days": 7, "action": "rollback", "because": "young"},
    {"class": "covariate", "action": "ticket", "because": "other"},
    {"class": "covariate", "action": "page", "because": "never reached"},
    {"class": "concept", "first_days": 7, "action": "rollback", "because": "worse than the one before"},
    {"class": "concept", "action": "retrain", "because": "later"},
]


@pytest.mark.parametrize(
    ("day", "size", "action", "reason"),
    [
        (3, 5.0, "page", "large"),
        (30, 6.0, "page", "large"),
        (6, 4.9, "rollback", "young"),
        (7, 4.9, "ticket", "other"),
    ],
)
def test_the_first_line_that_fits_says_what_is_done(day, size, action, reason):
    (found,) = raised(given=options(actions=ACTIONS), covariate={day: size})
    assert (found.action, found.reason) == (action, reason)


def test_the_first_days_are_those_of_the_records_though_labels_come_later():
    found = [raised(7.0, given=options(actions=ACTIONS), loss=on(day))[0] for day in (0, 6, 7)]
    assert [alarm.action for alarm in found] == ["rollback", "rollback", "retrain"]


def test_what_no_line_is_about_asks_for_nothing():
    (found,) = raised(given=options(actions=ACTIONS), score=on(3))
    assert (found.action, found.reason) == ("none", "no line of monitor.actions is about it")


def budget(**changes):
    return options(budget=options().budget | changes)


def test_more_alarms_than_the_budget_ask_for_nothing():
    found = raised(given=budget(covariate=2), covariate=on(0, 10, 18, 28, 40))
    asks = [(days_of(alarm)[1], alarm.action) for alarm in found]
    assert asks == [(0, "ticket"), (10, "ticket"), (18, "none"), (28, "ticket"), (40, "ticket")]
    assert found[2].reason == f"more than 2 alarms of this class in {BUDGET_DAYS} days"


def test_alarms_that_ask_for_nothing_use_up_no_budget():
    found = raised(given=budget(covariate=1), schema=on(0), covariate=on(0, 12))
    assert [(alarm.kind, alarm.action) for alarm in found] == [
        ("schema", "ticket"), ("covariate", "none"), ("covariate", "ticket"),
    ]  # fmt: skip


def test_alarms_of_another_class_use_up_no_budget():
    found = raised(given=budget(covariate=1, score=1), covariate=on(3), score=on(4))
    assert [alarm.action for alarm in found] == ["ticket", "ticket"]


@pytest.mark.parametrize(
    ("day", "explained"), [(19, False), (20, True), (21, True), (24, True), (31, True), (32, False)]
)
@pytest.mark.parametrize("fault", ["schema", "quality"])
@pytest.mark.parametrize("kind", ["volume", "covariate", "score", "loss"])
def test_what_a_fault_of_the_data_explains_asks_for_nothing(fault, kind, day, explained):
    alarm = raised(3.0, **{fault: on(*range(20, 25)), kind: on(day)})
    (found,) = (one for one in alarm if one.kind != fault)
    assert (found.action == "none") == explained
    assert (found.reason == f"the {fault} fault of amount explains it: mend that first") == explained


def test_a_schema_fault_explains_one_of_quality_and_no_fault_itself():
    found = raised(schema=on(20), quality=on(20))
    assert [(alarm.kind, alarm.action) for alarm in found] == [("schema", "ticket"), ("quality", "none")]


def test_alarms_stand_in_the_order_in_which_they_were_known():
    found = raised(4.0, loss=on(20), covariate=on(23), score=on(30), schema=on(60), quality=on(60))
    assert [alarm.kind for alarm in found] == ["covariate", "performance", "score", "schema", "quality"]
    assert all(one.raised <= other.raised for one, other in pairwise(found))


def alarms_of(given, delay_days=0.0):
    counts = counted(given)
    return find_alarms(signals(counts, reference()), counts, reference(), options(), delay_days, "is_bad")


def test_the_feature_that_has_changed_is_suspect():
    (quality,) = alarms_of(stream(altered("age", np.nan, share=0.3)))
    assert (quality.kind, quality.suspects, quality.cut.where) == ("quality", ("age",), "age missing")
    (covariate,) = alarms_of(stream(altered("shop", "garage", share=0.4)))
    assert (covariate.kind, covariate.suspects, covariate.cut.where) == ("covariate", ("shop",), "shop garage")
    assert covariate.cut.share > 0.9
    (schema,) = alarms_of(refused(stream(), "amount", 14, 1.0, schema=True))
    assert (schema.kind, schema.suspects, schema.cut) == ("schema", ("amount",), None)


def test_a_change_of_volume_in_one_part_is_found_there_and_an_even_one_nowhere():
    def lose_garages(records):
        late = records["seen_at"] >= START + 14 * DAY
        return records[~(late & (records["shop"] == "garage"))]

    volume = next(alarm for alarm in alarms_of(stream(lose_garages)) if alarm.kind == "volume")
    assert (volume.suspects[0], volume.cut.where) == ("shop", "shop garage")
    assert volume.cut.share > 0.8
    (even,) = alarms_of(stream(kept(0.5)))
    assert (even.kind, even.suspects, even.cut) == ("volume", (), None)


def worse_where(choose):
    return altered("is_bad", lambda rows: np.where(choose(rows), rows["score"] < 0.5, rows["is_bad"]).astype(np.int8))


def test_a_loss_that_rises_in_one_part_is_found_there():
    (concept,) = alarms_of(stream(worse_where(lambda rows: rows["shop"] == "florist")))
    assert (concept.kind, concept.suspects[0], concept.cut.where) == ("concept", "shop", "shop florist")
    assert concept.cut.share > 0.6


@pytest.mark.parametrize("seed", range(4))
def test_a_loss_that_rises_everywhere_names_no_cut_and_the_labels(seed):
    even = altered("is_bad", lambda rows: (rows["score"] < 0.5).astype(np.int8), share=0.4)
    (concept,) = alarms_of(stream(even, seed=seed))
    assert concept.cut is None
    assert "is_bad" in concept.suspects


def test_scores_that_moved_have_the_features_that_moved_as_suspects():
    older = altered("age", lambda rows: rows["age"] / 2 + 40)
    found = alarms_of(stream(older, altered("score", lambda rows: rows["score"] ** 0.5), altered("is_bad", 1)))
    score = next(alarm for alarm in found if alarm.kind == "score")
    assert score.suspects[0] == "age"
    assert score.cut is None or score.cut.where.startswith("age ")
    alone = alarms_of(stream(altered("score", lambda rows: rows["score"] ** 0.5)))
    assert next(alarm for alarm in alone if alarm.kind == "score").cut is None


def test_the_file_of_alarms_has_dates_and_no_number_that_json_lacks():
    found = alarms_of(stream(altered("shop", "garage", share=0.4)))
    content = json.loads(json.dumps(as_json(found), allow_nan=False))["alarms"][0]
    assert content["class"] == "covariate"
    assert content["since"] == content["raised"] == str((START + 15 * DAY).date())
    assert content["until"] == str((START + (DAYS - 1) * DAY).date())
    assert content["cut"]["where"] == "shop garage"
    assert content["open"] is True
    assert set(content) == {
        "class", "size", "since", "raised", "until", "suspects", "cut", "action", "reason", "open",
    }  # fmt: skip
    assert set(content["suspects"]) <= set(FEATURES)
