import numpy as np
import pytest
from sklearn.metrics import average_precision_score, precision_score, recall_score

from lifecycle.audit.slices import WHOLE, as_json, as_table, slice_figures, worst_average_precision, worst_slices
from lifecycle.problem.slice_definitions import Band
from tests.helpers_audit import people, scored, window

BANDS = (Band("place", "place"), Band("age", "age", edges=(40,)), Band("how", "label"))


def sliced(table, bands=BANDS, samples=100):
    return slice_figures(window(table), table, bands, (samples, 1))


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
    found = slice_figures(window(table, people(entity=None)), table, BANDS, (50, 1))
    assert line(found, "place", "east")["recall_low"] < line(found, "place", "east")["recall_high"]


def test_without_bands_there_is_the_whole():
    assert list(sliced(scored(200), ())) == [WHOLE]


def test_the_lowest_average_precision_is_of_slices_with_enough_frauds():
    found = sliced(scored(6_000, recall=(0.9, 0.5)), BANDS[:1])
    assert worst_average_precision(found, 30) == found["place"].table["average_precision"].min()
    assert np.isnan(worst_average_precision(found, 10_000))
