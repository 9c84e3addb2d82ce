import numpy as np
import pandas as pd
import pytest
from scipy.stats import norm
from sklearn.metrics import average_precision_score, precision_score, recall_score

from lifecycle.audit.group_metrics import GroupFigures
from lifecycle.audit.slices import WHOLE, as_json, as_table, slice_figures, worst_headline, worst_slices
from lifecycle.evaluation.tasks.binary import Binary
from lifecycle.evaluation.tasks.regression import Regression
from lifecycle.problem.problem import Column
from lifecycle.problem.slice_definitions import Band
from tests.helpers_audit import people, scored, window
from tests.helpers_data import small_problem

BANDS = (Band("place", "place"), Band("age", "age", edges=(40,)), Band("how", "label"))


def sliced(table, bands=BANDS, samples=100):
    return slice_figures(Binary(people()), window(table), table, bands, (samples, 1))


def line(found, name, value):
    return found[name].table.loc[value]


@pytest.mark.parametrize(("name", "value"), [("place", "east"), ("age", "above 40"), (WHOLE, WHOLE)])
def test_figures_of_a_slice_are_those_of_its_rows_alone(name, value):
    table = scored()
    rows = {"east": table["place"] == "east", "above 40": table["age"] > 40}.get(value, table["card"] >= 0)
    part, found = table[rows], line(sliced(table), name, value)
    expected = {
        "records": len(part),
        "positives": part["label"].sum(),
        "average_precision": average_precision_score(part["label"], part["score"]),
        "recall": recall_score(part["label"], part["alert"]),
        "precision": precision_score(part["label"], part["alert"]),
        "alert_rate": part["alert"].mean(),
        "cost_per_record": np.where(part["label"], 50 * (1 - part["alert"]), 5 * part["alert"]).mean(),
    }
    assert found[list(expected)].to_dict() == pytest.approx(expected)


def test_an_interval_is_that_of_a_plain_bootstrap_of_cards():
    table = scored()
    east = table[table["place"] == "east"]
    hits = {card: (rows["alert"] * rows["label"]).sum() for card, rows in east.groupby("card")}
    frauds = {card: rows["label"].sum() for card, rows in east.groupby("card")}
    cards, rng, draws = table["card"].unique(), np.random.default_rng(5), []
    for _ in range(1_000):
        drawn = [card for card in rng.choice(cards, len(cards)) if card in hits]
        draws.append(sum(map(hits.get, drawn)) / sum(map(frauds.get, drawn)))
    found = line(sliced(table, samples=1_000), "place", "east")
    ends = np.percentile(draws, [2.5, 97.5])
    np.testing.assert_allclose([found["recall_low"], found["recall_high"]], ends, atol=0.01)


def test_where_there_is_one_class_only_no_ranking_is_told():
    found = sliced(scored())
    fraud, genuine = line(found, "how", "1"), line(found, "how", "0")
    assert np.isnan([fraud["average_precision"], fraud["precision"], genuine["recall"]]).all()
    assert fraud["recall"] == line(found, WHOLE, WHOLE)["recall"]
    written = as_json(found, 30)["slices"]["how"]
    assert (written["1"]["average_precision"], written["0"]["recall"]) == (None, None)


def test_a_slice_with_few_frauds_is_marked_and_stays():
    table = scored()
    table.loc[:9, "place"] = "far"
    found = sliced(table)
    assert as_json(found, 30)["slices"]["place"]["far"]["few"]
    assert as_table(found, 30).set_index("label")["few"].to_dict()["place: far"]
    assert not as_json(found, 30)["slices"]["place"]["east"]["few"]


def test_the_slice_that_is_served_worse_is_named_with_its_loss():
    (found,) = worst_slices(sliced(scored(6_000, recall=(0.5, 0.9)), BANDS[:2]), 30)
    assert (found["slice"], found["value"]) == ("place", "east")
    assert found["difference"] == pytest.approx(found["at"] - found["of_whole"])
    assert found["low"] < found["difference"] < found["high"] < 0


def test_a_slice_with_too_few_frauds_is_never_named():
    found = sliced(scored(6_000, recall=(0.5, 0.9)), BANDS[:2])
    assert worst_slices(found, 10_000) == []


def test_where_all_slices_are_served_alike_hardly_any_is_named():
    named = [bool(worst_slices(sliced(scored(seed=seed), BANDS[:2], samples=50), 30)) for seed in range(30)]
    assert sum(named) <= 3  # 2.5 % of 30, and what chance may add


def test_without_cards_records_are_resampled():
    table = scored(500)
    found = slice_figures(Binary(people()), window(table, people(entity=None)), table, BANDS, (50, 1))
    assert line(found, "place", "east")["recall_low"] < line(found, "place", "east")["recall_high"]


def test_without_bands_there_is_the_whole():
    assert list(sliced(scored(200), ())) == [WHOLE]


def test_the_lowest_average_precision_is_of_slices_with_enough_frauds():
    found = sliced(scored(6_000, recall=(0.9, 0.5)), BANDS[:1])
    assert worst_headline(found, 30) == found["place"].table["average_precision"].min()
    assert np.isnan(worst_headline(found, 10_000))


def at_distance(losses, positives=30):
    """Return made-up figures of slices that lie below the whole by so many units of their spread of 0.01."""
    spread = np.random.default_rng(0).normal(size=(9, len(losses)))
    spread *= 0.01 / spread.std(axis=0, ddof=1)
    made = {}
    for name, lost in {WHOLE: [0.0], "cut": losses}.items():
        recall = 0.8 - 0.01 * np.array(lost)
        columns = {"records": 100, "positives": positives, "average_precision": np.nan, "recall": recall}
        draws = 0.8 * np.ones((9, 1)) if name == WHOLE else recall + spread
        groups = [WHOLE] if name == WHOLE else [str(number) for number in range(len(losses))]
        made[name] = GroupFigures(Binary(people()), None, pd.DataFrame(columns, index=groups), {"recall": draws})
        made[name].draws["average_precision"] = np.full_like(draws, np.nan)
    return made


@pytest.mark.parametrize("others", [0, 1, 4])
def test_a_loss_is_named_when_it_is_beyond_a_quantile_divided_among_all_comparisons(others):
    limit = norm.isf(0.025 / (1 + others))
    for lost, names in ((limit * 1.0001, ["0"]), (limit * 0.9999, [])):
        named = worst_slices(at_distance([lost, *[0.0] * others]), 30)
        assert [line["value"] for line in named] == names


def test_three_slices_are_named_the_largest_loss_first():
    named = worst_slices(at_distance([5.0, 9.0, 7.0, 6.0, 0.0]), 30)
    assert [line["value"] for line in named] == ["1", "2", "3"]


def test_a_slice_with_just_enough_frauds_is_named_and_one_that_no_resample_moves_is_not():
    assert [line["value"] for line in worst_slices(at_distance([9.0], positives=30), 30)] == ["0"]
    assert worst_slices(at_distance([9.0], positives=29), 30) == []
    still = at_distance([0.0])
    still["cut"].draws["recall"][:] = 0.8  # as the whole: nothing to divide by
    assert worst_slices(still, 30) == []
    undefined = at_distance([9_000.0])
    undefined["cut"].draws["recall"][:] = np.nan
    assert worst_slices(undefined, 30) == []


def test_the_worst_of_an_error_is_the_largest():
    label = Column("label", "number", "")
    plain = (Column("id", "integer", "", unique=True), Column("time", "timestamp", ""))
    task = Regression(small_problem(contract=(*plain, label), task="regression"))
    task.headline = "mae"
    tables = {WHOLE: [1.0], "cut": [2.0, 0.5, 9.0]}
    made = {
        name: GroupFigures(task, None, pd.DataFrame({"records": [30, 40, 5][: len(values)], "mae": values}), {})
        for name, values in tables.items()
    }
    assert worst_headline(made, 30) == 2.0
    task.headline = "bias"
    renamed = {name: one._replace(table=one.table.rename(columns={"mae": "bias"})) for name, one in made.items()}
    assert worst_headline(renamed, 5) == 9.0


def test_positives_as_many_as_asked_for_are_not_few():
    found = sliced(scored(), BANDS[:1])
    least = int(line(found, "place", "east")["positives"])
    told = as_table(found, least).set_index("label")
    assert not told.loc["place: east", "few"]
    assert as_table(found, least + 1).set_index("label").loc["place: east", "few"]
    own = found["place"].table["average_precision"]
    whole = {name: one for name, one in found.items() if name != "place"} | {"place": found["place"]}
    most = int(found["place"].table["positives"].max())
    assert worst_headline(whole, most) == own[found["place"].table["positives"] == most].iloc[0]


def test_what_is_written_holds_the_worst_slices_and_the_figures_of_each():
    found = sliced(scored(6_000, recall=(0.5, 0.9)), BANDS[:2])
    written = as_json(found, 30)
    assert written["worst"] == worst_slices(found, 30) != []
    east = dict(written["slices"]["place"]["east"])
    assert east.pop("few") is False
    assert east == line(found, "place", "east").to_dict()
    assert as_json(found, 10_000)["worst"] == []
