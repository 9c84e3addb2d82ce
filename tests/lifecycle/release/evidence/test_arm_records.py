"""The decision log by arms: what is read, and that nothing is dropped uncounted."""

import json

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from lifecycle.release.evidence.arm_records import BOTH, NO_ARM, UNREADABLE, arms_of
from tests.lifecycle.release.evidence.helpers_arms import CHALLENGER, CHAMPION, START, line, records

GOOD = line(START, "champion", "good", 0.25, 0.75)
WHOLE = json.loads(GOOD)
WRONG = (
    None, True, -1, 0, 10**400, 1e999, float("nan"), "", "champion", {}, {"a": []}, [], [None], [[]], [[0.1, 0.9]],
    [True], ["0.5"], [0.1, 0.2], [{}], [10**400], ["champion"], ["champion", "challenger"], [["champion"]],
)  # fmt: skip
FIELDS = [key for key in WHOLE if key not in ("event.action", "@timestamp")] + ["decision.arms"]


def test_requests_and_records_of_each_arm():
    found = records([line(START, "challenger", "b", 0.01, 0.5), line(START, "shadow", "a", 0.3, 0.25), GOOD])
    assert found.left_out == {}
    assert found.requests["arm"].tolist() == ["challenger", "shadow", "champion"]
    assert found.requests["status"].tolist() == [200, 0, 200]
    assert found.requests["milliseconds"].tolist()[::2] == [2.0, 2.0]
    assert found.records[["place", "score", "alert"]].to_numpy().tolist() == [
        [0.01, 0.5, 1],
        [0.3, 0.25, 0],
        [0.25, 0.75, 1],
    ]


def test_a_request_with_rows_of_both_arms_is_in_the_records_alone():
    more = {"decision.arms": ["champion", "challenger"], "decision.places": [0.9, None], "decision.scores": [0.1, None]}
    found = records([line(START, "champion", "two", None, 0.1, **more | {"decision.alerts": [False, False]})])
    assert found.requests.empty
    assert found.left_out == {BOTH: 1}
    assert found.records["arm"].tolist() == ["champion", "challenger"]
    assert found.records["place"].isna().tolist() == found.records["score"].isna().tolist() == [False, True]


def test_scores_of_several_classes_give_the_most_likely_one_and_a_number_decides_nothing():
    many = {"decision.scores": [[0.2, 0.5, 0.3], [0.9, None, 0.1]], "decision.places": [0.1, 0.2]}
    lines = [line(START, "champion", name, None, None, **content) for name, content in (("c", many), ("n", {}))]
    fields = [{key: value for key, value in json.loads(one).items() if key != "decision.alerts"} for one in lines]
    fields[1]["decision.scores"] = [312.5]
    found = records([json.dumps(one).encode() + b"\n" for one in fields]).records
    assert found["score"].fillna(-1).tolist() == [0.5, -1, 312.5]
    assert found["code"].fillna(-1).tolist() == [1, -1, -1]
    assert found["alert"].isna().all()


def test_what_is_not_used_is_counted_by_its_reason():
    failed = {key: value for key, value in WHOLE.items() if not key.startswith("decision.")}
    lines = [
        GOOD[:-1],
        b"[" * 5000 + b"\n",
        b'"text"\n',
        line(START, "champion", "x", 0.1, 0.1, **{"service.version": "000000000000"}),
        json.dumps(failed | {"http.response.status_code": 422}).encode() + b"\n",
        line(START, "champion", "x", 0.1, 0.1, **{"decision.arm": "both"}),
        line(START, "champion", "x", 0.1, 0.1, **{"decision.alerts": [True, True]}),
        line(START, "champion", "x", 0.1, 0.1, **{"http.response.status_code": "?"}),
        line(pd.Timestamp("2025-12-31"), "champion", "early", 0.1, 0.1),
        line(START, "champion", "x", 0.1, 0.1, **{"event.action": "swap"}),
    ]
    found = records(lines)
    assert found.records.empty
    assert found.left_out == {
        "lines that are not whole": 3,
        "requests that version 000000000000 answered": 1,
        NO_ARM: 1,
        UNREADABLE: 3,
    }


def test_a_failed_request_of_a_known_arm_is_one_of_its_requests():
    failed = {key: value for key, value in WHOLE.items() if key not in ("decision.scores", "decision.alerts")}
    found = records([json.dumps(failed | {"http.response.status_code": 500}).encode() + b"\n"])
    assert found.requests[["arm", "place", "status"]].to_numpy().tolist() == [["champion", 0.25, 500]]
    assert found.records.empty


def test_before_there_was_a_challenger_an_answer_is_the_version_s():
    unnamed = {key: value for key, value in WHOLE.items() if key != "decision.arm"}
    lines = [unnamed, unnamed | {"service.version": CHALLENGER}, unnamed | {"service.version": None}]
    found = records([json.dumps(one).encode() + b"\n" for one in lines])
    assert found.records["arm"].tolist() == ["champion", "challenger"]
    assert found.left_out == {NO_ARM: 1}
    assert CHAMPION != CHALLENGER


def used_or_counted(lines: list[bytes]) -> None:
    """Assert that each line of an action that is read is among the requests, or is counted; the good one always is."""
    found = records([*lines, GOOD])
    assert len(found.requests) + sum(found.left_out.values()) == len(lines) + 1
    assert "good" in set(found.requests["request_id"])
    assert set(found.records["arm"]) <= {"champion", "challenger", "shadow"}


@given(st.lists(st.binary(max_size=40), max_size=5))
def test_any_garbage_is_counted_and_not_used(garbage):
    used_or_counted([text.replace(b"\n", b"") + b"~\n" for text in garbage])


@given(st.lists(st.dictionaries(st.sampled_from(FIELDS), st.sampled_from(WRONG), max_size=4), max_size=4))
def test_any_content_of_a_field_is_read_or_counted(changes):
    used_or_counted([json.dumps(WHOLE | change).encode() + b"\n" for change in changes])


@pytest.mark.parametrize("time", ["2026-99-99", "2026-03-02T25:00Z", "later"])
def test_a_time_that_is_none_is_counted(time):
    assert records([json.dumps(WHOLE | {"@timestamp": time}).encode() + b"\n"]).left_out == {UNREADABLE: 1}


def test_times_of_another_zone_are_brought_to_utc_and_a_span_ends_before_its_end():
    found = records([json.dumps(WHOLE | {"@timestamp": "2026-03-02T01:00:00+02:00"}).encode() + b"\n", GOOD])
    assert found.requests["time"].tolist() == [START - pd.Timedelta(hours=1), START]
    part = found.of(["champion"], START - pd.Timedelta(hours=1), START)
    assert len(part.requests) == len(part.records) == 1
    assert found.of(["challenger"], START, START + pd.Timedelta(days=1)).requests.empty


def test_rows_without_a_place_are_entities_of_their_own():
    table = pd.DataFrame({"arm": ["champion"] * 4, "place": [np.nan, 0.5, np.nan, 0.5]})
    assert arms_of(table).unit.tolist() == [1, 0, 2, 0]
