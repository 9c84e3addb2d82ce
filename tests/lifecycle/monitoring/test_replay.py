"""An earlier bundle beside the one that is watched: what it can't be held against is told in words."""

from types import SimpleNamespace

import pytest

from lifecycle.core.errors import PipelineError
from lifecycle.evaluation.tasks.registry import task_of
from lifecycle.monitoring.replay import reference_of, watched_by
from tests.helpers_bundle import NOTHING_USUAL
from tests.helpers_task_bundles import problem_of, records_of, task_bundle, with_features


@pytest.fixture(scope="module")
def bundles(tmp_path_factory):
    folder = tmp_path_factory.mktemp("bundles")
    return {task: task_bundle(folder / task, task) for task in ("binary", "regression")}


def watched(bundles, previous):
    options = SimpleNamespace(previous=str(previous))
    return watched_by(task_of(problem_of("binary")), bundles["binary"], "time", 3.0, options)


def test_what_is_usual_comes_from_the_bundle_and_an_empty_folder_is_no_earlier_one(bundles, tmp_path):
    (tmp_path / ".gitkeep").touch()
    found = watched(bundles, tmp_path)
    assert found.reference == reference_of(bundles["binary"]) == NOTHING_USUAL
    assert (found.time, found.delay_days, found.previous) == ("time", 3.0, None)


def test_an_earlier_bundle_predicts_the_same_records(bundles):
    predict, decision = watched(bundles, bundles["binary"].folder).previous
    records = with_features(records_of("binary"))
    assert predict(records).shape == (len(records),)
    assert predict(records.iloc[:0]).shape == (0,)
    assert decision.threshold == bundles["binary"].decision.threshold


def test_an_earlier_bundle_that_sees_what_the_records_lack_is_refused_in_words(bundles):
    predict, _ = watched(bundles, bundles["binary"].folder).previous
    with pytest.raises(PipelineError, match="binary sees what the records do not have: shop, street"):
        predict(with_features(records_of("binary")).drop(columns=["shop", "street"]))


def test_an_earlier_bundle_of_another_kind_is_refused_in_words(bundles):
    with pytest.raises(PipelineError, match="predicts a regression target, the model a binary one"):
        watched(bundles, bundles["regression"].folder)


def test_an_earlier_bundle_that_is_not_there_is_refused_in_words(bundles, tmp_path):
    with pytest.raises(PipelineError, match="nowhere"):
        watched(bundles, tmp_path / "nowhere")
