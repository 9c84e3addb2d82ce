"""Tables and figures of findings: they add up, have the same columns always, and no number that JSON lacks."""

import json

import numpy as np
import pandas as pd
import pytest

from lifecycle.core.tables import read_json
from lifecycle.monitoring.findings_files import write_files, write_findings, write_not_watched
from lifecycle.monitoring.monitor_health import Subject
from lifecycle.monitoring.monitor_tables import by_class, key_figures, tables
from lifecycle.monitoring.watch import watch
from lifecycle.splits.time_windows import DAY
from tests.helpers_bundle import NOTHING_USUAL
from tests.helpers_model import params
from tests.lifecycle.monitoring.helpers_streams import (
    DAYS,
    START,
    altered,
    kept,
    options,
    reference,
    refused,
    stream,
    watched,
)  # fmt: skip

EVALUATE, SUBJECT = params().evaluate, Subject("made_up", "0123456789ab", None)
NAMES = {"days", "features", "performance", "costs", "scores", "causes"}


@pytest.fixture(scope="module")
def found():
    given = refused(stream(altered("shop", "garage", share=0.4), kept(0.0, 20, 21)), "amount", 3, 0.2, schema=False)
    return watch(given, watched(7.0), options(), EVALUATE, START + DAYS * DAY)


def test_the_table_of_days_tells_what_came_and_how_far_it_is_from_its_limit(found):
    table = tables(found, reference())["days"]
    assert table["day"].tolist() == [str((START + place * DAY).date()) for place in range(DAYS)]
    assert table["records"].tolist() == found.counts.records.tolist()
    assert (table["records"] + table["rejected"])[~(table["records"] == 0)].eq(200).all()
    assert table["records"][20] == 0
    np.testing.assert_allclose(table["drift_score"], np.max([*found.signals.covariate.values()], axis=0))
    np.testing.assert_allclose(table["decision_ratio"], found.signals.score["alert"])
    assert table["labelled_share"].tolist() == [1.0] * 20 + [0.0] * 8
    assert table["cusum_ratio"].isna().tolist() == [False] * 20 + [True] * 8
    assert table["loss"][20:].isna().all()
    assert table["alert_share"][20] == 0


def test_the_table_of_features_has_a_line_for_each_day_and_feature(found):
    table = tables(found, reference())["features"]
    assert len(table) == DAYS * 3
    shop = table[table["feature"] == "shop"].set_index("day")["ratio"]
    assert (shop[-10:] > 1).all()
    assert (shop[:14] < 1).all()


def test_shares_of_a_window_add_up(found):
    table = tables(found, reference())["scores"]
    for column in ("share", "reference_share"):
        assert table.groupby("window")[column].sum().tolist() == pytest.approx([1.0] * 4)


def test_causes_show_the_suspects_before_and_now(found):
    table = tables(found, reference())["causes"]
    shop = table[(table["feature"] == "shop") & (table["class"] == "covariate")].set_index("bin")
    assert shop.loc["garage", "share"] > shop.loc["garage", "reference_share"] == pytest.approx(0.3, abs=0.02)
    assert set(table["alarm"]) <= set(range(len(found.alarms)))


def test_key_figures_are_those_of_the_tables(found):
    figures = key_figures(found, reference())
    days = tables(found, reference())["days"]
    assert figures["records"] == days["records"].sum()
    assert figures["labelled"] == found.counts.records[:20].sum() == 200 * 20 - days["rejected"][:20].sum()
    assert figures["largest_drift_score"] == days["drift_score"].max()
    assert figures["largest_cusum_ratio"] == days["cusum_ratio"].max()
    assert figures["alarms"] == sum(figures["alarms_by_action"].values()) == sum(by_class(found).values())
    json.dumps(figures, allow_nan=False)


CASES = {
    "usual": (lambda: stream(days=7), {}),
    "no days": (lambda: stream(kept(0.0, 0))._replace(days=0), {}),
    "no records": (lambda: stream(kept(0.0, 0)), {}),
    "no labels": (lambda: stream(days=7), {"delay_days": 99.0}),
    "not calibrated": (lambda: stream(days=7), {"reference": reference(3)}),
    "nothing known": (lambda: stream(days=7), {"reference": NOTHING_USUAL}),
    "no features": (lambda: stream(days=7), {"reference": reference().only(["score", "alert"])}),
    "infinite values": (lambda: stream(altered("amount", np.inf, day=0), altered("age", -np.inf, day=0), days=7), {}),
}


@pytest.mark.parametrize("case", CASES)
def test_all_files_are_written_whatever_there_is_to_tell(case, tmp_path):
    make, changes = CASES[case]
    given, about = make(), watched()._replace(**changes)
    write_findings(tmp_path, about, given, options(), EVALUATE, SUBJECT)
    assert {path.stem for path in tmp_path.glob("*.csv")} == NAMES
    assert set(read_json(tmp_path / "alarms.json")) == {"alarms"}
    figures = read_json(tmp_path / "monitor.json")["monitor"]
    assert figures["days"] == given.days
    assert (figures["largest_drift_score"] is None) == (
        case in ("no days", "not calibrated", "nothing known", "no features")
    )
    assert not list(tmp_path.glob("*.tmp"))


def test_a_model_that_is_not_watched_has_the_same_files_without_a_line(tmp_path):
    given = stream(days=7)
    write_files(tmp_path / "a", watch(given, watched(), options(), EVALUATE, START + 7 * DAY), watched(), SUBJECT)
    write_not_watched(tmp_path / "b", "the model is not served")
    first, second = ({path.name for path in (tmp_path / name).iterdir()} for name in "ab")
    assert first == second
    for name in NAMES:
        full, empty = (pd.read_csv(tmp_path / folder / f"{name}.csv") for folder in "ab")
        assert list(empty) == list(full)
        assert not len(empty)
    assert read_json(tmp_path / "b/monitor.json") == {"monitor": {"not_watched": "the model is not served"}}
    assert read_json(tmp_path / "b/alarms.json") == {"alarms": []}
    assert "Nothing is watched.</strong> The model is not served." in (tmp_path / "b/monitor.html").read_text()
