import numpy as np
import pandas as pd
import pytest
from fairlearn import metrics as fm

from lifecycle.audit.fairness import as_json, as_table, audit, between_groups
from lifecycle.audit.groups import by_group
from lifecycle.problem.bands import assign
from tests.helpers_audit import GROUPS, people, scored, window


def audited(table, problem=None, samples=60):
    problem = problem or people()
    return audit(window(table, problem), table, problem.groups, (samples, 1))


def test_every_group_and_every_intersection_of_two_is_judged():
    found = audited(scored())
    assert list(found) == ["place", "age", "place x age"]
    assert list(found["place x age"].table.index) == ["east, young", "east, old", "west, young", "west, old"]
    assert found["place"].table["records"].sum() == found["place x age"].table["records"].sum() == 2_000


@pytest.mark.parametrize("group", ["east, young", "west, old"])
def test_figures_of_an_intersection_are_those_of_its_rows(group):
    table = scored()
    place, age = group.split(", ")
    rows = table[(table["place"] == place) & ((table["age"] > 40) == (age == "old"))]
    fraud, alert = rows["label"] == 1, rows["alert"] == 1
    found = audited(table)["place x age"].table.loc[group]
    expected = [alert.mean(), alert[fraud].mean(), alert[~fraud].mean(), rows["probability"].mean(), fraud.mean()]
    names = ["selection_rate", "recall", "false_positive_rate", "mean_predicted", "observed"]
    assert found[names].tolist() == pytest.approx(expected)


def test_gathering_records_first_changes_no_figure_of_fairlearn():
    table = scored()
    judged, group = window(table), assign(GROUPS[0], table)
    plain = fm.MetricFrame(
        metrics={"selection_rate": fm.selection_rate, "recall": fm.true_positive_rate},
        y_true=judged.target,
        y_pred=judged.alert,
        sensitive_features=table["place"],
    )
    found = by_group(judged, group)
    pd.testing.assert_frame_equal(found[list(plain.by_group)], plain.by_group, check_names=False)
    between = between_groups(audited(table)["place"].table, 1)
    assert between["recall"]["difference"] == pytest.approx(plain.difference()["recall"])
    assert between["selection_rate"]["ratio"] == pytest.approx(plain.ratio()["selection_rate"])


def test_point_figures_and_resampled_sums_speak_of_the_same_groups():
    one = audited(scored())["place x age"]
    np.testing.assert_array_equal(one.sums["records"], one.table["records"])
    np.testing.assert_allclose(one.sums["hits"] / one.sums["positives"], one.table["recall"])
    np.testing.assert_allclose(one.sums["predicted"] / one.sums["records"], one.table["mean_predicted"])


def test_an_interval_covers_its_figure_and_follows_cards_not_records():
    def width(cards):
        line = audited(scored(cards=cards), samples=200)["place"].table.loc["east"]
        assert line["selection_rate_low"] < line["selection_rate"] < line["selection_rate_high"]
        return line["selection_rate_high"] - line["selection_rate_low"]

    assert width(12) > 0
    table = scored(cards=200)
    table["alert"] = table["label"] = (table["card"] % 3 == 0).astype(np.int8)  # cards are all or nothing
    whole = audited(table, samples=200)["place"].table.loc["east"]
    assert whole["selection_rate_high"] - whole["selection_rate_low"] > 2 * width(200)


def test_a_group_without_frauds_has_no_recall_rather_than_none_found():
    table = scored()
    table.loc[table["place"] == "east", "label"] = 0
    found = audited(table)
    assert np.isnan(found["place"].table.loc["east", "recall"])
    written = as_json(found, 30)["place"]
    assert written["groups"]["east"]["recall"] is None
    assert written["groups"]["east"]["few"]
    assert written["between_groups"]["recall"] == {"difference": None, "ratio": None}


def test_small_groups_are_told_and_left_out_of_the_distance_between_groups():
    table = scored(recall=(0.8, 0.8))
    table.loc[:9, "place"] = "far"
    table.loc[:9, "alert"] = 0
    found = audited(table)
    told = as_table(found, 30).set_index("label")
    assert (told.loc["place: far", "few"], told.loc["place: east", "few"]) == (True, False)
    assert as_json(found, 30)["place"]["between_groups"]["recall"]["difference"] < 0.2


def test_who_is_audited_by_a_column_is_not_scored_by_it():
    problem = people()
    assert not {"place", "age"} & set(problem.feature_names)
    assert {"place", "age"} == set(problem.banded)


def test_without_groups_there_is_nothing_to_tell():
    found = audited(scored(100), people(groups=()))
    assert found == {}
    assert as_json(found, 30) == {}
    assert as_table(found, 30).empty
