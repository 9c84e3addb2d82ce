import numpy as np
import pytest

from lifecycle.audit.fairness import (
    as_json,
    as_table,
    audit,
    between_groups,
    check_fairness,
    largest_difference,
    not_judged,
)
from lifecycle.core.errors import PipelineError
from lifecycle.core.params import AuditParams
from lifecycle.evaluation.tasks.binary import Binary
from lifecycle.evaluation.tasks.binary_metrics import COLUMNS
from lifecycle.evaluation.tasks.registry import task_of
from lifecycle.problem.slice_definitions import Band
from tests.helpers_audit import people, scored, window
from tests.helpers_kinds import decided
from tests.helpers_kinds import problem as kind_problem

NONE = {"max_recall_difference": None, "max_false_positive_ratio": None, "max_calibration_ratio": None}
OTHERS = {"max_accuracy_difference": None, "max_error_ratio": None}  # of other kinds of target
REST = {"min_positives": 30, "more_seeds": 2, "ageing_windows": 2, "samples": 50, "seed": 0}


def audited(table, problem=None, samples=60):
    problem = problem or people()
    return audit(Binary(problem), window(table, problem), table, problem.groups, (samples, 1))


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


def test_an_intersection_of_many_groups_keeps_each_pair_apart():
    table = scored(4_000)
    table["place"] = [f"{number:02}" for number in np.arange(4_000) % 20]  # 20 x 20: more pairs than a byte holds
    table["age"] = [f"{number:02}" for number in np.arange(4_000) // 20 % 20]
    problem = people(groups=(Band("place", "place"), Band("age", "age")))
    found = audited(table, problem, 2)["place x age"].table
    expected = table.groupby(["place", "age"]).size()
    assert list(found.index) == [f"{place}, {age}" for place, age in expected.index]
    assert found["records"].tolist() == expected.tolist()


def test_what_lies_between_groups_is_that_of_their_rows():
    table = scored(recall=(0.9, 0.6))
    recall = table[table["label"] == 1].groupby("place")["alert"].mean()
    selected = table.groupby("place")["alert"].mean()
    between = between_groups(audited(table)["place"], 1)
    assert between["recall"]["difference"] == pytest.approx(recall.max() - recall.min())
    assert between["selection_rate"]["ratio"] == pytest.approx(selected.min() / selected.max())


def test_point_figures_and_resampled_sums_speak_of_the_same_groups():
    one = audited(scored())["place x age"]
    totals = {name: one.groups.sample().total(column) for name, column in COLUMNS.items() if name != "cost_of_rule"}
    np.testing.assert_array_equal(totals["records"], one.table["records"])
    np.testing.assert_allclose(totals["hits"] / totals["positives"], one.table["recall"])
    np.testing.assert_allclose(totals["predicted"] / totals["records"], one.table["mean_predicted"])


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
    told = as_table(Binary(people()), found, 30).set_index("label")
    assert (told.loc["place: far", "few"], told.loc["place: east", "few"]) == (True, False)
    assert as_json(found, 30)["place"]["between_groups"]["recall"]["difference"] < 0.2


def test_the_table_for_plots_names_cut_and_group_and_keeps_the_figures():
    found = audited(scored())
    told = as_table(Binary(people()), found, 30)
    assert told["cut"].tolist() == ["place"] * 2 + ["age"] * 2 + ["place x age"] * 4
    assert told["group"].tolist() == [name for one in found.values() for name in one.table.index]
    assert told["label"].tolist() == [f"{cut}: {group}" for cut, group in zip(told["cut"], told["group"], strict=True)]
    assert told["recall"].tolist() == [value for one in found.values() for value in one.table["recall"]]


def test_what_is_written_are_the_figures_of_the_table():
    found = audited(scored())["place"]
    least = int(found.table.loc["east", "positives"])
    written = as_json({"place": found}, least)["place"]["groups"]["east"]
    assert written.pop("few") is False
    assert written == found.table.loc["east"].to_dict()
    assert as_table(Binary(people()), {"place": found}, least)["few"].tolist()[0] is False
    assert as_json({"place": found}, least + 1)["place"]["groups"]["east"]["few"]


def test_where_no_group_has_an_alert_there_is_no_ratio():
    table = scored().assign(alert=np.int8(0))
    between = between_groups(audited(table)["place"], 1)
    assert between["selection_rate"] == {"difference": 0.0, "ratio": None}


def test_who_is_audited_by_a_column_is_not_scored_by_it():
    problem = people()
    assert not {"place", "age"} & set(problem.feature_names)
    assert {"place", "age"} == set(problem.banded)


def test_without_groups_there_is_nothing_to_tell():
    found = audited(scored(100), people(groups=()))
    assert found == {}
    assert as_json(found, 30) == {}
    assert as_table(Binary(people()), found, 30).empty
    assert {"cut", "group", "label", "positives", "few"} < set(as_table(Binary(people()), found, 30))


def test_the_largest_difference_in_recall_is_of_single_groups():
    table = scored(6_000, recall=(0.9, 0.5))
    recall = table[table["label"] == 1].groupby("place")["alert"].mean()
    assert largest_difference(audited(table), "recall", 30) == pytest.approx(recall["east"] - recall["west"])
    assert largest_difference(audited(table), "recall", 10_000) is None
    assert largest_difference({}, "recall", 30) is None


def verdict(table, **changes):
    problem = people()
    found = audit(Binary(problem), window(table, problem), table, problem.groups, (60, 1))
    try:
        check_fairness(Binary(problem), found, AuditParams(**REST | OTHERS | NONE | changes))
    except PipelineError as error:
        return str(error)
    return None


def test_a_recall_that_differs_too_much_is_refused_by_group_figure_and_limit():
    table = scored(6_000, recall=(0.9, 0.5))
    said = verdict(table, max_recall_difference=0.2)
    high, low = (table[(table["place"] == p) & (table["label"] == 1)]["alert"].mean() for p in ("east", "west"))
    assert f"recall of place 'east' is {high:.4f}, of 'west' {low:.4f}: {high - low:.3f} apart" in said
    assert "audit.max_recall_difference = 0.2" in said
    assert verdict(table, max_recall_difference=0.6) is None


def test_every_broken_limit_is_named():
    table = scored(6_000, recall=(0.9, 0.5))
    table["probability"] = 0.6
    said = verdict(table, max_recall_difference=0.1, max_calibration_ratio=1.5)
    assert "audit.max_recall_difference = 0.1" in said
    assert "audit.max_calibration_ratio = 1.5" in said


def test_limits_of_null_gate_nothing():
    assert verdict(scored(6_000, recall=(0.9, 0.1))) is None


def test_a_difference_within_noise_passes():
    table = scored(400, cards=60, recall=(0.9, 0.5))
    at = [table[(table["place"] == p) & (table["label"] == 1)]["alert"].mean() for p in ("east", "west")]
    assert abs(at[0] - at[1]) > 0.3
    assert verdict(table, max_recall_difference=0.3, min_positives=10) is None


def test_a_group_that_is_too_small_is_held_against_no_limit():
    table = scored(6_000)
    table.loc[table.index[table["label"] == 1][:29], ["place", "alert"]] = ["far", 0]
    assert verdict(table, max_recall_difference=0.3) is None
    assert "'far'" in verdict(table, max_recall_difference=0.3, min_positives=20)


def test_all_of_a_few_is_not_taken_for_certain():
    table = scored(6_000, recall=(0.7, 0.7))
    few = table.index[table["label"] == 1][:4]
    table.loc[few, ["place", "alert"]] = ["far", 1]
    assert verdict(table, max_recall_difference=0.1, min_positives=1) is None


def test_fair_models_pass_in_nearly_all_windows():
    refused = [verdict(scored(seed=seed), max_recall_difference=0.0) for seed in range(15)]
    assert sum(map(bool, refused)) <= 2


def test_false_alarms_that_fall_on_one_group_are_refused():
    table = scored(6_000)
    east = (table["place"] == "east") & (table["label"] == 0)
    table.loc[east, "alert"] = (np.random.default_rng(1).random(east.sum()) < 0.3).astype(np.int8)
    assert "false positive rate of place 'east' is" in verdict(table, max_false_positive_ratio=2.0)
    assert verdict(table, max_false_positive_ratio=20.0) is None


@pytest.mark.parametrize("factor", [0.4, 2.2])
def test_probabilities_that_are_wrong_for_one_group_are_refused_either_way(factor):
    table = scored(6_000)
    observed = table.groupby("place")["label"].transform("mean")
    table["probability"] = np.where(table["place"] == "west", observed * factor, observed)
    said = verdict(table, max_calibration_ratio=1.5)
    assert "positives of place 'west' are" in said
    assert "'east'" not in said.replace("'east, ", "")
    assert verdict(table, max_calibration_ratio=4.0) is None


@pytest.mark.parametrize(("least", "is_held"), [(30, True), (31, False)])
def test_a_group_with_just_enough_positives_is_held_against_the_limits(least, is_held):
    table = scored(6_000)
    far = table.index[table["label"] == 1][:30]
    table.loc[far, ["place", "alert", "probability"]] = ["far", 0, 0.001]
    recall, calibration = (
        verdict(table, **{key: limit}, min_positives=least) or ""
        for key, limit in (("max_recall_difference", 0.3), ("max_calibration_ratio", 1.5))
    )
    assert ("'far'" in recall) is is_held
    assert ("'far'" in calibration) is is_held
    between = as_json(audited(table), least)["place"]["between_groups"]["recall"]["difference"]
    assert (between > 0.5) is is_held


def test_a_cut_whose_groups_are_too_small_for_any_limit_is_told():
    problem, found = people(), audited(scored())
    limits = NONE | OTHERS | REST | {"max_recall_difference": 0.3}
    assert not_judged(Binary(problem), found, AuditParams(**limits)) == []
    told = not_judged(Binary(problem), found, AuditParams(**limits | {"min_positives": 1_000}))
    assert [sentence.partition(",")[0] for sentence in told] == [
        f"fewer than two groups of {cut} have 1000 {problem.words.positives} (audit.min_positives)"
        for cut in ("place", "age")
    ]
    east = int((scored()["label"] == 1)[scored()["place"] == "east"].sum())
    west = int((scored()["label"] == 1)[scored()["place"] == "west"].sum())
    between = AuditParams(**limits | {"min_positives": min(east, west) + 1})  # one of the two is large enough
    assert any("groups of place" in sentence for sentence in not_judged(Binary(problem), found, between))
    assert not_judged(Binary(problem), found, AuditParams(**NONE | OTHERS | REST | {"min_positives": 1_000})) == []


def test_a_figure_that_can_be_below_zero_has_no_ratio():
    task = task_of(kind_problem("regression"))
    _, table, records = decided(task)
    between = between_groups(audit(task, records, table, task.problem.groups, (60, 1))["place"], 1)
    assert between["bias"]["ratio"] is None
    assert between["bias"]["difference"] > 0
    assert 0 < between["mae"]["ratio"] <= 1
