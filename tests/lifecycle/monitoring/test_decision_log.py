import gzip
import os
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from lifecycle.bundle.parity import served_scores
from lifecycle.bundle.servable import Servable
from lifecycle.core.errors import PipelineError
from lifecycle.evaluation.tasks.registry import task_of
from lifecycle.monitoring.decision_log import (
    Decisions,
    lines_of,
    log_files,
    read_decisions,
    records_of,
    refusals_of,
    stream_of_log,
)
from tests.helpers_task_bundles import TASKS, problem_of, task_bundle, with_features
from tests.helpers_task_bundles import records_of as made_up
from tests.lifecycle.monitoring.helpers_logs import FIRST, answered, line, refused

LONG_AGO = pd.Timestamp("1970-01-01")


@pytest.fixture(scope="module")
def bundles(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Servable]:
    return {task: task_bundle(tmp_path_factory.mktemp("log") / task, task) for task in TASKS}


def read(lines: list[str], servable: Servable, since: pd.Timestamp = LONG_AGO) -> Decisions:
    return read_decisions([text.encode() for text in lines], servable, since)


@pytest.mark.parametrize("task", TASKS)
@pytest.mark.parametrize("values", [True, False])
def test_records_are_those_that_were_scored_with_the_same_decisions(bundles, task: str, values: bool) -> None:
    servable, rows = bundles[task], with_features(made_up(task, 30))
    lines = [answered(servable, FIRST + pd.Timedelta(minutes=n), f"r{n}", rows[n : n + 3], values) for n in (6, 0, 3)]
    found = records_of(read(lines, servable), problem_of(task), servable)
    assert found["request_id"].tolist() == ["r0"] * 3 + ["r3"] * 3 + ["r6"] * 3  # in order of time
    assert found["row"].tolist() == [0, 1, 2] * 3
    scores = served_scores(servable, rows[:9])
    np.testing.assert_array_equal(problem_of(task).prediction(found), scores)
    expected = task_of(problem_of(task)).decided_columns(scores, servable.decision)
    for name, column in expected.items():
        np.testing.assert_array_equal(found[name].to_numpy(), column)
    present = [name for name in servable.features if name in found]
    assert present == (list(servable.features) if values else [])
    if values:
        pd.testing.assert_frame_equal(found[present], rows[:9][present].reset_index(drop=True), check_dtype=False)


def test_what_is_not_used_is_counted_by_its_reason(bundles) -> None:
    servable, rows = bundles["binary"], with_features(made_up("binary", 2))
    lines = [
        answered(servable, FIRST, "mine", rows),
        answered(servable, FIRST, "theirs", rows, **{"service.version": "0123456789ab"}),
        refused(servable, FIRST, None, "overloaded", 503),
        line(FIRST, "x", **{"event.action": "listening"}),
        "no JSON at all\n",
        "[1, 2]\n",
        answered(servable, FIRST, "torn", rows)[:-1],
    ]
    found = read(lines, servable)
    assert set(found.columns["request_id"]) == {"mine"}
    assert found.left_out == {
        "requests that version 0123456789ab answered": 1,
        "requests that were not answered": 1,
        "lines that are not whole": 3,
    }


def test_a_request_that_was_refused_for_its_content_is_a_rejected_record(bundles) -> None:
    servable = bundles["binary"]
    lines = [
        refused(servable, FIRST, "number", "out_of_range"),
        refused(servable, FIRST, "shop", "missing_name"),
        refused(servable, FIRST, None, "wrong_type"),
        refused(servable, FIRST, None, "unauthorized", 401),
    ]
    found = refusals_of(read(lines, servable))
    assert found[["column", "reason", "schema"]].to_numpy().tolist() == [
        ["number", "out_of_range", False],
        ["shop", "missing_name", True],
        ["request", "wrong_type", True],
    ]


def test_records_before_the_first_day_are_left_out(bundles) -> None:
    servable, rows = bundles["binary"], with_features(made_up("binary", 2))
    lines = [answered(servable, FIRST + pd.Timedelta(hours=n), str(n), rows) for n in range(3)]
    found = read(lines, servable, FIRST + pd.Timedelta(hours=1))
    assert set(found.columns["request_id"]) == {"1", "2"}


def test_rotated_files_are_read_with_the_log_the_oldest_first(tmp_path: Path) -> None:
    log = tmp_path / "decisions.log"
    names = ("decisions.log.2.gz", "decisions.log-20260301", "decisions.log")
    for place, name in enumerate(names):
        with gzip.open(tmp_path / name, "wb") if name.endswith(".gz") else (tmp_path / name).open("wb") as file:
            file.write(f"{place}\n".encode())
        os.utime(tmp_path / name, (place, place))
    (tmp_path / "decisions.logical").write_text("another file's\n")
    assert list(lines_of(log_files(log))) == [b"0\n", b"1\n", b"2\n"]
    log.unlink()  # moved away, and nothing was decided since
    assert list(lines_of(log_files(log))) == [b"0\n", b"1\n"]


def test_a_log_that_is_not_there_or_damaged_is_told_in_words(tmp_path: Path) -> None:
    with pytest.raises(PipelineError, match=r"nothing\.log: no such file; the service writes it: SERVE_LOG="):
        log_files(tmp_path / "nothing.log")
    (tmp_path / "a.log.1.gz").write_bytes(gzip.compress(b"line\n" * 100)[:-9])
    with pytest.raises(PipelineError, match=r"a\.log\.1\.gz: "):
        list(lines_of(log_files(tmp_path / "a.log")))


def test_an_empty_log_is_a_stream_without_days(bundles) -> None:
    servable = bundles["multiclass"]
    stream, task = stream_of_log(Decisions(), task_of(problem_of("multiclass")), servable, None, FIRST)
    assert (stream.days, len(stream.records), len(stream.loss), task.problem.time) == (0, 0, 0, None)


@given(st.lists(st.binary(max_size=60).map(lambda text: text.replace(b"\n", b" ") + b"\n"), max_size=6))
def test_no_line_of_another_program_ends_the_reading(bundles, lines: list[bytes]) -> None:
    found = read_decisions(lines, bundles["binary"], LONG_AGO)
    assert found.columns == {}
    assert sum(found.left_out.values()) <= len(lines)


def test_labels_join_by_request_and_row_and_a_missing_one_is_unknown(bundles) -> None:
    servable, rows = bundles["binary"], with_features(made_up("binary", 4))
    found = read([answered(servable, FIRST, "a", rows[:2]), answered(servable, FIRST, "b", rows[2:])], servable)
    labels = pd.DataFrame({"request_id": ["a", "b", "elsewhere"], "row": [1, 0, 0], "level": [1, 0, 1]})
    stream, _ = stream_of_log(found, task_of(problem_of("binary")), servable, labels, FIRST + pd.Timedelta(days=2))
    assert stream.records["level"].fillna(-1).tolist() == [-1, 1, 0, -1]
    assert np.isnan(stream.loss).tolist() == [True, False, False, True]
    assert (stream.first, stream.days) == (FIRST, 2)
